/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The format of every file that domfs keeps:
 *
 *   domfs-record 1
 *   KEY VALUE            percent-encoded; a key may repeat
 *
 *   SECTION LENGTH       so many bytes follow, and a newline
 *   ...
 *   end CHECKSUM         over all bytes before this line, 16 hex digits
 *
 * The checksum finds a file that was cut short or damaged; it is no protection against forgery.
 */
#include "record.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC	  "domfs-record 1\n"
#define MAX_BYTES (64u << 20)

struct field {
	char *key, *value;
};

struct section {
	char *name;
	char *p;
	size_t n;
};

struct record {
	struct field *fields;
	size_t nfields;
	struct section *sections;
	size_t nsections;
};

struct record *record_new(void)
{
	return xcalloc(1, sizeof(struct record));
}

void record_free(struct record *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->nfields; i++) {
		free(r->fields[i].key);
		free(r->fields[i].value);
	}
	for (size_t i = 0; i < r->nsections; i++) {
		free(r->sections[i].name);
		explicit_bzero(r->sections[i].p, r->sections[i].n); /* it may be a secret's value */
		free(r->sections[i].p);
	}
	free(r->fields);
	free(r->sections);
	free(r);
}

void record_free_p(struct record **r)
{
	record_free(*r);
}

/* Takes over KEY and VALUE. */
static void field_add(struct record *r, char *key, char *value)
{
	if (r->nfields % 8 == 0)
		r->fields = xrealloc(r->fields, (r->nfields + 8) * sizeof(*r->fields));
	r->fields[r->nfields++] = (struct field){ key, value };
}

void record_add_line(struct record *r, const char *key, const char *value)
{
	field_add(r, xstrdup(key), xstrdup(value));
}

void record_set(struct record *r, const char *key, const char *value)
{
	size_t kept = 0;

	for (size_t i = 0; i < r->nfields; i++) {
		if (!strcmp(r->fields[i].key, key)) {
			free(r->fields[i].key);
			free(r->fields[i].value);
		} else {
			r->fields[kept++] = r->fields[i];
		}
	}
	r->nfields = kept;
	if (value)
		record_add_line(r, key, value);
}

const char *record_get(const struct record *r, const char *key)
{
	for (size_t i = 0; i < r->nfields; i++)
		if (!strcmp(r->fields[i].key, key))
			return r->fields[i].value;
	return NULL;
}

void record_each(const struct record *r, const char *key, void (*fn)(void *arg, const char *value), void *arg)
{
	for (size_t i = 0; i < r->nfields; i++)
		if (!strcmp(r->fields[i].key, key))
			fn(arg, r->fields[i].value);
}

/* Takes over NAME and P. */
static void section_add(struct record *r, char *name, char *p, size_t n)
{
	r->sections = xrealloc(r->sections, (r->nsections + 1) * sizeof(*r->sections));
	r->sections[r->nsections++] = (struct section){ name, p, n };
}

void record_set_text(struct record *r, const char *section, struct str text)
{
	char *copy = xstrndup(text.p ? text.p : "", text.n);

	for (size_t i = 0; i < r->nsections; i++) {
		if (!strcmp(r->sections[i].name, section)) {
			free(r->sections[i].p);
			r->sections[i].p = copy;
			r->sections[i].n = text.n;
			return;
		}
	}
	section_add(r, xstrdup(section), copy, text.n);
}

struct str record_text(const struct record *r, const char *section)
{
	for (size_t i = 0; i < r->nsections; i++)
		if (!strcmp(r->sections[i].name, section))
			return (struct str){ r->sections[i].p, r->sections[i].n };
	return (struct str){ 0 };
}

/* FNV's steps over words of eight bytes: 2,000 definitions are checked in a few milliseconds. */
static uint64_t checksum(const char *p, size_t n)
{
	uint64_t sum = 14695981039346656037u, word;

	for (; n >= sizeof(word); p += sizeof(word), n -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		sum = (sum ^ word) * 1099511628211u;
		sum ^= sum >> 32;
	}
	for (; n; p++, n--)
		sum = (sum ^ (unsigned char)*p) * 1099511628211u;
	return sum ^ (sum >> 29);
}

void record_print(const struct record *r, struct buf *out)
{
	size_t from = out->n;

	buf_puts(out, MAGIC);
	for (size_t i = 0; i < r->nfields; i++) {
		buf_printf(out, "%s ", r->fields[i].key);
		buf_percent(out, r->fields[i].value);
		buf_putc(out, '\n');
	}
	buf_putc(out, '\n');
	for (size_t i = 0; i < r->nsections; i++) {
		buf_printf(out, "%s %zu\n", r->sections[i].name, r->sections[i].n);
		buf_add(out, r->sections[i].p, r->sections[i].n);
		buf_putc(out, '\n');
	}
	buf_printf(out, "end %016" PRIx64 "\n", checksum(out->p + from, out->n - from));
}

/* ---- reading ---- */

/* Cuts the next line off TEXT; false at the end. */
static bool next_line(struct str *text, struct str *line)
{
	const char *nl = text->n ? memchr(text->p, '\n', text->n) : NULL;

	if (!nl)
		return false;
	*line = (struct str){ text->p, nl - text->p };
	text->n -= line->n + 1;
	text->p = nl + 1;
	return true;
}

static bool split(struct str line, struct str *key, struct str *value)
{
	const char *blank = line.n ? memchr(line.p, ' ', line.n) : NULL;

	if (!blank || blank == line.p)
		return false;
	*key = (struct str){ line.p, blank - line.p };
	*value = (struct str){ blank + 1, line.n - key->n - 1 };
	return true;
}

static bool parse_section(struct record *r, struct str *text, struct str key, struct str value)
{
	autofree char *number = xstrndup(value.p, value.n);
	char *end;
	unsigned long n = strtoul(number, &end, 10);

	if (!value.n || *end || n >= text->n || text->p[n] != '\n')
		return false;
	section_add(r, xstrndup(key.p, key.n), xstrndup(text->p, n), n);
	text->p += n + 1;
	text->n -= n + 1;
	return true;
}

static bool parse(struct record *r, struct str all)
{
	struct str text = all, line, key, value;
	char sum[17];

	if (!next_line(&text, &line) || line.n + 1 != strlen(MAGIC) || memcmp(line.p, MAGIC, line.n))
		return false;
	while (next_line(&text, &line) && line.n) {
		char *plain;

		if (!split(line, &key, &value))
			return false;
		plain = percent_decode(value);
		if (!plain)
			return false;
		field_add(r, xstrndup(key.p, key.n), plain);
	}
	while (next_line(&text, &line)) {
		if (!split(line, &key, &value))
			return false;
		if (str_is(key, "end")) {
			snprintf(sum, sizeof(sum), "%016" PRIx64, checksum(all.p, line.p - all.p));
			return str_is(value, sum) && text.n == 0;
		}
		if (!parse_section(r, &text, key, value))
			return false;
	}
	return false;
}

struct record *record_parse(struct str text, struct error *err)
{
	struct record *r = record_new();

	if (parse(r, text))
		return r;
	record_free(r);
	error_set(err, EBADMSG, "it is cut short, damaged, or not a file of domfs");
	return NULL;
}

struct record *record_read_at(int dirfd, const char *path, struct error *err)
{
	autoclose int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	autofree char *p = NULL;
	struct record *r;
	struct stat st;
	ssize_t n = 0;

	if (fd < 0 || fstat(fd, &st) < 0) {
		error_set(err, errno, "cannot read '%s': %s", path, strerror(errno));
		return NULL;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > (off_t)MAX_BYTES) {
		error_set(err, EBADMSG, "'%s' is not a file of domfs", path);
		return NULL;
	}
	p = xmalloc(st.st_size + 1);
	while (n < st.st_size) {
		ssize_t k = read(fd, p + n, st.st_size - n);
		if (k <= 0)
			break;
		n += k;
	}
	r = record_parse((struct str){ p, n }, err);
	explicit_bzero(p, n); /* it may hold a secret's value */
	if (!r)
		error_in(err, -EBADMSG, "'%s'", path);
	return r;
}

struct record *record_read_file(const char *path, struct error *err)
{
	return record_read_at(AT_FDCWD, path, err);
}

int record_write_file(const char *path, const struct record *r, struct error *err)
{
	autofree char *tmp = xasprintf("%s.tmp", path);
	autobuf struct buf text = { 0 };
	autoclose int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	size_t done = 0;

	record_print(r, &text);
	while (fd >= 0 && done < text.n) {
		ssize_t n = write(fd, text.p + done, text.n - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		done += n;
	}
	if (fd < 0 || done < text.n || rename(tmp, path) < 0) {
		int code = errno;

		unlink(tmp);
		return error_set(err, code, "cannot write '%s': %s", path, strerror(code));
	}
	return 0;
}
