/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The users of certificates: see access_map.h. */
#include "access_map.h"

#include <ctype.h>
#include <limits.h>
#include <pwd.h>

#include "store.h"

#define KIND	 "access"
#define NAME	 "map"
#define TEXT_MAX (64u << 10)
#define ANYBODY	 "*"

struct line {
	char *user, *subject; /* the latter in the form that is compared */
};

static struct buf map_text;
static struct vec map_lines;
void (*access_map_changed)(void);

static void line_free(void *p)
{
	struct line *l = p;

	free(l->user);
	free(l->subject);
	free(l);
}

/* ---- a subject as it is compared ---- */

static void trim_end(struct buf *b, size_t from)
{
	while (b->n > from && b->p[b->n - 1] == ' ' && (b->n - 1 == from || b->p[b->n - 2] != '\\'))
		buf_cut(b, b->n - 1, 1);
}

/* "cn = alice, O=Example" -> "CN=alice,O=Example".  What a backslash protects stays as it is. */
static char *normal(struct str s)
{
	struct buf out = { 0 };
	size_t start = 0; /* where the word before '=', or the value behind it, starts in OUT */
	bool type = true;

	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (c == ' ' && out.n == start)
			continue;
		if (c == '\\' && i + 1 < s.n) {
			buf_putc(&out, c);
			buf_putc(&out, s.p[++i]);
			continue;
		}
		if (c == ',' || c == '+' || (c == '=' && type)) {
			trim_end(&out, start);
			type = c != '=';
			buf_putc(&out, c);
			start = out.n;
			continue;
		}
		buf_putc(&out, type ? toupper((unsigned char)c) : c);
	}
	trim_end(&out, start);
	return buf_take(&out);
}

/* ---- users ---- */

static bool is_number(const char *user, uid_t *uid)
{
	char *end;
	unsigned long v;

	errno = 0;
	v = strtoul(user, &end, 10);
	*uid = v;
	return isdigit((unsigned char)*user) && !*end && !errno && v < UINT_MAX;
}

static bool user_of(const char *user, struct who *out)
{
	struct passwd pw, *found = NULL;
	char text[4096];
	uid_t uid;

	if (is_number(user, &uid)) {
		(void)!getpwuid_r(uid, &pw, text, sizeof(text), &found);
		*out = (struct who){ .uid = uid, .gid = found ? found->pw_gid : (gid_t)-1 };
		return true;
	}
	if (getpwnam_r(user, &pw, text, sizeof(text), &found) || !found)
		return false;
	*out = (struct who){ .uid = found->pw_uid, .gid = found->pw_gid };
	return true;
}

static const struct line *line_of(const struct vec *lines, const char *subject)
{
	for (size_t i = 0; i < lines->n; i++) {
		const struct line *l = lines->at[i];
		if (!strcmp(l->subject, subject))
			return l;
	}
	return NULL;
}

int access_map_lookup(const char *subject, struct who *out, struct error *err)
{
	autofree char *wanted = normal(str_of(subject));
	const struct line *l = line_of(&map_lines, wanted);

	if (!l)
		l = line_of(&map_lines, ANYBODY);
	if (!l)
		return error_set(
			err, EACCES,
			"the certificate's subject '%s' is nobody here: add a line 'USER %s' to host/access/map",
			subject, subject);
	if (!user_of(l->user, out))
		return error_set(err, EACCES,
				 "the certificate's subject '%s' is user '%s' in host/access/map, but there is no such "
				 "user",
				 subject, l->user);
	return 0;
}

/* ---- the text ---- */

static int add_line(struct vec *lines, struct str text, unsigned number, bool users, struct error *err)
{
	struct str all = str_trim(text), subject = all;
	autofree char *user = NULL, *wanted = NULL;
	struct line *l;
	struct who who;

	if (!all.n || all.p[0] == '#')
		return 0;
	while (subject.n && subject.p[0] != ' ' && subject.p[0] != '\t') {
		subject.p++;
		subject.n--;
	}
	user = xstrndup(all.p, subject.p - all.p);
	wanted = normal(str_trim(subject));
	if (!*wanted || (strcmp(wanted, ANYBODY) && !strchr(wanted, '=')))
		return error_set(
			err, EINVAL,
			"line %u: '%.*s': expected USER SUBJECT, such as 'alice CN=alice,O=Example', or 'USER *'",
			number, (int)all.n, all.p);
	if (users && !user_of(user, &who))
		return error_set(err, EINVAL, "line %u: there is no user '%s'", number, user);
	if (line_of(lines, wanted))
		return error_set(err, EINVAL, "line %u: '%s' has a user by an earlier line", number, wanted);
	l = xcalloc(1, sizeof(*l));
	l->user = take(&user);
	l->subject = take(&wanted);
	vec_add(lines, l);
	return 0;
}

/* USERS: each must exist.  Of a map that was kept they need not: who has left has no way in, the others do. */
static int parse(struct str text, bool users, struct vec *lines, struct error *err)
{
	unsigned number = 0;
	int r = 0;

	if (text.n > TEXT_MAX)
		return error_set(err, EFBIG, "%zu bytes: the map has at most %u KiB", text.n, TEXT_MAX >> 10);
	if (!str_is_text(text))
		return error_set(err, EINVAL, "not text: the map is UTF-8");
	while (text.n && r == 0) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t n = end ? (size_t)(end - text.p) : text.n;

		r = add_line(lines, (struct str){ text.p, n }, ++number, users, err);
		n += end != NULL;
		text.p += n;
		text.n -= n;
	}
	return r;
}

/* Takes LINES. */
static void put(struct str text, struct vec *lines)
{
	buf_reset(&map_text);
	buf_add(&map_text, text.p, text.n);
	vec_clear(&map_lines, line_free);
	map_lines = *lines;
	*lines = (struct vec){ 0 };
}

int access_map_set(struct str text, struct error *err)
{
	autorecord struct record *record = record_new();
	autofree char *copy = xstrndup(text.p, text.n); /* writing waits */
	struct vec lines = { 0 };
	int r = parse(text, true, &lines, err);

	record_set_text(record, NAME, text);
	if (r == 0)
		r = store_write(KIND, NAME, record, true, err);
	if (r == 0)
		put((struct str){ copy, text.n }, &lines);
	vec_clear(&lines, line_free);
	if (r == 0 && access_map_changed)
		access_map_changed();
	return error_in(err, r, "the users of certificates");
}

const struct buf *access_map_text(void)
{
	return &map_text;
}

/* ---- kept ---- */

static void load_one(void *arg unused, const char *name, struct record *r)
{
	struct str text = record_text(r, NAME);
	autoerror struct error why = { 0 };
	struct vec lines = { 0 };

	if (strcmp(name, NAME))
		error_set(&why, EBADMSG, "it is a file of domfs, but no map of certificates");
	else if (parse(text, false, &lines, &why) == 0)
		put(text, &lines);
	if (why.code)
		store_set_aside(KIND, name, &why);
	vec_clear(&lines, line_free);
	record_free(r);
}

int access_map_open(struct error *err)
{
	return store_load(KIND, load_one, NULL, err);
}

void access_map_close(void)
{
	vec_clear(&map_lines, line_free);
	buf_clear(&map_text);
}
