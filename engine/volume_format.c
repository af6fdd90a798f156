/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which format a volume has is recorded when it is made, or when it is first seen, and from then on believed: a guest can write into a raw volume
 * whatever it likes and it stays raw.  The record is of one file, by its inode and birth (a LUN's or LV's own id): another file of that name is
 * looked at anew.
 */
#include "pool_impl.h"

#define AHEAD "?" /* instead of an identity: of the file that is about to be */

/* A device number may be another after a boot; the inode is not.  Its number is given to another file as soon as this one is gone: it was born
 * at another time. */
static char *identity(const struct volume_info *info)
{
	const char *colon = info->claim && str_starts(info->claim, "file:") ? strrchr(info->claim, ':') : NULL;
	struct buf out = { 0 };

	buf_percent(&out, colon ? colon + 1 : info->key ? info->key : "-");
	if (colon && info->btime_ns)
		buf_printf(&out, "=%lld", /* which buf_percent leaves in no key */ (long long)info->btime_ns);
	return buf_take(&out);
}

static void put(struct pool *p, const char *pool_name, char *owned)
{
	if (!p->formats)
		p->formats = hash_new();
	free(hash_get(p->formats, pool_name));
	hash_put(p->formats, pool_name, owned);
}

void format_record(struct pool *p, const char *pool_name, const char *format, const struct volume_info *info)
{
	autofree char *id = identity(info);
	char *text = xasprintf("%s %s", format, id);

	if (str_eq(p->formats ? hash_get(p->formats, pool_name) : NULL, text)) {
		free(text);
		return;
	}
	put(p, pool_name, text);
	pool_volumes_dirty(p);
}

/* A kernel that has learned to tell the birth does not make another file of it. */
static bool same_identity(const char *a, const char *b)
{
	size_t na = strcspn(a, "="), nb = strcspn(b, "=");

	return !strcmp(a, b) || !strcmp(a, AHEAD) || ((!a[na] || !b[nb]) && na == nb && !strncmp(a, b, na));
}

char *format_recorded(const struct pool *p, const char *pool_name, const struct volume_info *info)
{
	const char *text = p->formats ? hash_get(p->formats, pool_name) : NULL;
	const char *blank = text ? strchr(text, ' ') : NULL;
	autofree char *id = NULL;

	if (!blank)
		return NULL;
	id = info ? identity(info) : NULL;
	return id && !same_identity(blank + 1, id) ? NULL : xstrndup(text, blank - text);
}

void format_rename(struct pool *p, const char *from, const char *to)
{
	char *text = p->formats ? hash_get(p->formats, from) : NULL;

	if (!text)
		return;
	hash_put(p->formats, from, NULL);
	if (to)
		put(p, to, text);
	else
		free(text);
	pool_volumes_dirty(p);
}

/* A domfs that dies in between must find the file and its format, or neither: what a guest wrote into a raw one would else be believed. */
int format_ahead(struct pool *p, const char *pool_name, const char *format, struct error *err)
{
	int r;

	if (!str_eq(format, "raw")) /* others are known by their headers */
		return 0;
	put(p, pool_name, xstrdup("raw " AHEAD));
	r = pool_volumes_store(p, err);
	if (r < 0)
		format_rename(p, pool_name, NULL);
	return error_in(err, r, "its format");
}

int format_copy(struct pool *p, const char *from, const char *to, struct error *err)
{
	const char *text = p->formats ? hash_get(p->formats, from) : NULL;
	int r;

	if (!text)
		return 0;
	put(p, to, xstrdup(text));
	r = pool_volumes_store(p, err);
	if (r < 0)
		format_rename(p, to, NULL);
	return error_in(err, r, "its format");
}

struct sweep {
	struct pool *p;
	struct vec names;
};

static void sweep_one(void *arg, const char *name, void *value)
{
	struct sweep *s = arg;

	if (strchr(value, ' ') && !strcmp(strchr(value, ' ') + 1, AHEAD) && !volume_of_pool_name(s->p, name))
		vec_add(&s->names, xstrdup(name));
}

void formats_sweep(struct pool *p)
{
	struct sweep s = { p, { 0 } };

	hash_each(p->formats, sweep_one, &s);
	for (size_t i = 0; i < s.names.n; i++)
		format_rename(p, s.names.at[i], NULL);
	vec_clear(&s.names, free);
}

void formats_load(struct pool *p, const char *line)
{
	const char *blank = strchr(line, ' ');
	autofree char *name = blank ? percent_decode((struct str){ line, (size_t)(blank - line) }) : NULL;

	if (name && strchr(blank + 1, ' '))
		put(p, name, xstrdup(blank + 1));
}

static void print_one(void *arg, const char *name, void *value)
{
	autobuf struct buf line = { 0 };

	buf_percent(&line, name);
	buf_printf(&line, " %s", (char *)value);
	record_add_line(arg, "format", buf_text(&line));
}

void formats_print(const struct pool *p, struct record *r)
{
	hash_each(p->formats, print_one, r);
}

static void free_one(void *arg unused, const char *name unused, void *value)
{
	free(value);
}

void formats_clear(struct pool *p)
{
	hash_each(p->formats, free_one, NULL);
	hash_free(take(&p->formats));
	vec_clear(&p->rights, free);
}
