/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ZFS's command lines, the names that it takes, and what its listings say. */
#include <ctype.h>
#include <stdio.h>

#include "zfs.h"

#define BLOCK	  (128u << 10) /* the largest volblocksize: every other divides it */
#define NAME_MOST 255
#define FIELDS	  6 /* of a line: name volsize used refreservation guid origin */
#define COLUMNS	  "name,volsize,referenced,refreservation,guid,origin"

static void add(struct vec *argv, const char *word)
{
	vec_add(argv, xstrdup(word));
}

void zfs_argv(struct vec *argv, const char *const *words)
{
	for (; *words; words++)
		add(argv, *words);
	vec_add(argv, NULL);
}

uint64_t zfs_round(uint64_t bytes)
{
	uint64_t blocks = bytes / BLOCK + (bytes % BLOCK != 0);

	return (blocks ? blocks : 1) * BLOCK;
}

/* Sparse reserves nothing; an allocation between nothing and all is what is reserved. */
void zfs_create_argv(struct vec *argv, const char *dataset, const struct volume_spec *spec)
{
	bool sparse = spec->allocation < spec->capacity;

	add(argv, "zfs");
	add(argv, "create");
	if (sparse)
		add(argv, "-s");
	if (sparse && spec->allocation) {
		add(argv, "-o");
		vec_add(argv, xasprintf("refreservation=%llu", (unsigned long long)spec->allocation));
	}
	add(argv, "-V");
	vec_add(argv, xasprintf("%llu", (unsigned long long)zfs_round(spec->capacity)));
	vec_add(argv, xasprintf("%s/%s", dataset, spec->name));
	vec_add(argv, NULL);
}

/* A pool of devices, or a dataset in a pool that is there. */
void zfs_build_argv(struct vec *argv, const char *dataset, const struct vec *devices, bool overwrite)
{
	bool whole = !strchr(dataset, '/');

	add(argv, whole ? "zpool" : "zfs");
	add(argv, "create");
	if (whole && overwrite)
		add(argv, "-f");
	if (!whole)
		add(argv, "-p");
	add(argv, dataset);
	for (size_t i = 0; whole && i < devices->n; i++)
		add(argv, devices->at[i]);
	vec_add(argv, NULL);
}

void zfs_list_argv(struct vec *argv, const char *dataset, bool children)
{
	static const char *const words[] = { "zfs", "list", "-H", "-p", "-t", "volume", "-o", COLUMNS, NULL };

	for (size_t i = 0; words[i]; i++)
		add(argv, words[i]);
	if (children) {
		add(argv, "-d");
		add(argv, "1");
	}
	add(argv, dataset);
	vec_add(argv, NULL);
}

void zfs_resize_argv(struct vec *argv, const char *dataset, const char *name, uint64_t bytes)
{
	add(argv, "zfs");
	add(argv, "set");
	vec_add(argv, xasprintf("volsize=%llu", (unsigned long long)zfs_round(bytes)));
	vec_add(argv, xasprintf("%s/%s", dataset, name));
	vec_add(argv, NULL);
}

/* ---- names ---- */

int zfs_name_check(const char *name, struct error *err)
{
	if (!isalnum((unsigned char)*name) || strlen(name) > NAME_MOST)
		return error_set(
			err, EINVAL,
			"'%s' cannot be the name of a ZFS volume: it begins with a letter or digit, and has at most %d "
			"characters",
			name, NAME_MOST);
	for (const char *p = name; *p; p++)
		if (!isascii((unsigned char)*p) || (!isalnum((unsigned char)*p) && !strchr("-_.:", *p)))
			return error_set(
				err, EINVAL,
				"'%s' cannot be the name of a ZFS volume: ZFS takes letters, digits and - _ . : only",
				name);
	return 0;
}

int zfs_dataset_check(const char *dataset, struct error *err)
{
	autofree char *copy = xstrdup(dataset);
	char *part = copy;
	int r = 0;

	while (part && r == 0) {
		char *slash = strchr(part, '/');
		if (slash)
			*slash++ = 0;
		r = zfs_name_check(part, err);
		part = slash;
	}
	return error_in(err, r, "the ZFS pool or dataset '%s'", dataset);
}

/* ---- listings ---- */

static uint64_t number(const char *text)
{
	unsigned long long n;
	char *end;

	if (*text < '0' || *text > '9') /* "-", "none" */
		return 0;
	errno = 0;
	n = strtoull(text, &end, 10);
	return errno || *end || n > INT64_MAX ? 0 : n;
}

static void add_volume(struct listing *out, const char *name, char *const field[FIELDS])
{
	struct volume_info *info = xcalloc(1, sizeof(*info));
	struct listed *row = listing_add(out, name);
	uint64_t used = number(field[2]), reserved = number(field[3]);

	info->type = VOLUME_BLOCK;
	info->path = xasprintf("/dev/zvol/%s", field[0]);
	for (char *blank = info->path; (blank = strchr(blank, ' '));)
		*blank = '+'; /* as its udev rule does */
	info->key = xstrdup(number(field[4]) ? field[4] : info->path);
	info->capacity = info->physical = number(field[1]);
	info->allocation = used > reserved ? used : reserved;
	row->info = info;
}

int zfs_parse_list(struct str text, const char *dataset, struct listing *out, struct error *err)
{
	autofree char *copy = xstrndup(text.p, text.n);
	size_t n = strlen(dataset);
	char *save = NULL;

	for (char *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *field[FIELDS], *at = line;
		unsigned have = 0;

		while (at && have < FIELDS) {
			field[have++] = strsep(&at, "\t");
		}
		if (have < FIELDS)
			return error_set(err, EBADMSG, "zfs list: '%.100s' is no line of %d fields", line, FIELDS);
		if (!strcmp(field[0], dataset)) /* a single one was asked for */
			add_volume(out, strrchr(dataset, '/') ? strrchr(dataset, '/') + 1 : dataset, field);
		else if (!strncmp(field[0], dataset, n) && field[0][n] == '/' && !strchr(field[0] + n + 1, '/'))
			add_volume(out, field[0] + n + 1, field);
	}
	return 0;
}

int zfs_code(const char *said)
{
	static const struct {
		const char *part;
		int code;
	} meanings[] = {
		{ "already exists", EEXIST },
		{ "does not exist", ENOENT },
		{ "no such pool", ENOENT },
		{ "no pools available", ENOENT },
		{ "out of space", ENOSPC },
		{ "greater than available space", ENOSPC },
		{ "busy", EBUSY },
		{ "in use", EBUSY },
		{ "use '-f' to override", EEXIST },
		{ "has children", EBUSY },
		{ "permission denied", EACCES },
		{ "invalid", EINVAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++)
		if (strstr(said, meanings[i].part))
			return meanings[i].code;
	return EIO;
}
