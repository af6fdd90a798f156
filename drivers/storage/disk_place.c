/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a new partition goes.  Its volume is called as the kernel will call it, so the name that is asked for says what it is to be: with
 * a dos table sdb2 is a primary partition and sdb5 a logical one.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>

#include "disk_table.h"

static bool is_dos(const struct table *t)
{
	return str_eq(t->label, "dos");
}

static const struct partition *extended(const struct table *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (is_dos(t) && !strcmp(t->parts[i].format, "extended"))
			return &t->parts[i];
	return NULL;
}

/* ---- free stretches ---- */

static int by_start(const void *a, const void *b)
{
	const struct stretch *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/* What lies in the way, sorted.  Before a logical partition is the record that describes it. */
static struct stretch *taken(const struct table *t, bool inside, size_t *n)
{
	struct stretch *s = xcalloc(t->n + 1, sizeof(*s));
	uint64_t record = inside ? PART_ALIGN / t->sector : 0;

	*n = 0;
	for (size_t i = 0; i < t->n; i++) {
		const struct partition *p = &t->parts[i];
		uint64_t back = p->start < record ? p->start : record;

		if (partition_is_logical(t, p) == inside && p->size)
			s[(*n)++] = (struct stretch){ p->start - back, p->size + back };
	}
	qsort(s, *n, sizeof(*s), by_start);
	return s;
}

/* [FROM, END) shrunk to whole units, with room for the record before it. */
static void add_gap(struct stretch *out, size_t *n, uint64_t from, uint64_t end, uint64_t unit, uint64_t record)
{
	uint64_t start = (from + record + unit - 1) / unit * unit;

	end = end / unit * unit;
	if (start < end)
		out[(*n)++] = (struct stretch){ start, end - start };
}

struct stretch *table_free(const struct table *t, bool inside, size_t *count)
{
	const struct partition *ext = inside ? extended(t) : NULL;
	uint64_t unit = PART_ALIGN / t->sector, record = inside ? unit : 0;
	uint64_t at = ext ? ext->start : t->first, end = ext ? ext->start + ext->size : t->last + 1;
	struct stretch *out = xcalloc(t->n + 2, sizeof(*out));
	autofree struct stretch *used = NULL;
	size_t n;

	*count = 0;
	if (inside && !ext)
		return out;
	used = taken(t, inside, &n);
	for (size_t i = 0; i < n; i++) {
		if (used[i].start > at)
			add_gap(out, count, at, used[i].start, unit, record);
		if (used[i].start + used[i].size > at)
			at = used[i].start + used[i].size;
	}
	if (end > at)
		add_gap(out, count, at, end, unit, record);
	return out;
}

/* ---- names ---- */

static bool number_is_free(const struct table *t, unsigned number)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->parts[i].number == number)
			return false;
	return true;
}

/* 0: no number is left. */
static unsigned next_number(const struct table *t, bool inside)
{
	unsigned last = is_dos(t) ? 4 : 128;

	if (inside) {
		unsigned n = 5;
		while (!number_is_free(t, n))
			n++;
		return extended(t) ? n : 0;
	}
	for (unsigned n = 1; n <= last; n++)
		if (number_is_free(t, n))
			return n;
	return 0;
}

/* "sdb3", "nvme0n1p3".  The caller frees. */
static char *name_of_number(const struct table *t, unsigned number)
{
	const char *slash = strrchr(t->device, '/'), *disk = slash ? slash + 1 : t->device;
	bool digit = isdigit((unsigned char)disk[strlen(disk) - 1]);

	return xasprintf("%s%s%u", disk, digit ? "p" : "", number);
}

static int wrong_name(const struct table *t, const char *name, struct error *err)
{
	unsigned outer = next_number(t, false), inner = next_number(t, true);
	autofree char *a = name_of_number(t, outer), *b = name_of_number(t, inner);

	if (!outer && !inner)
		return error_set(err, ENOSPC, "the table of '%s' has no room for another partition%s", t->device,
				 is_dos(t) ? ": a dos table holds four, unless one of them is extended" : "");
	return error_set(
		err, EINVAL,
		"'%s' cannot be the name of a new partition, the kernel names them: the next one of '%s' is '%s'%s%s%s",
		name, t->device, outer ? a : b, outer && inner ? ", or in the extended one '" : "",
		outer && inner ? b : "", outer && inner ? "'" : "");
}

/* ---- placing ---- */

static const struct stretch *smallest(const struct stretch *s, size_t n, uint64_t size)
{
	const struct stretch *best = NULL;

	for (size_t i = 0; i < n; i++)
		if (s[i].size >= size && (!best || s[i].size < best->size))
			best = &s[i];
	return best;
}

static int check_format(const struct table *t, const char *format, bool inside, const char *type, struct error *err)
{
	if (!is_dos(t) && !str_eq(t->label, "gpt"))
		return error_set(err, ENOTSUP, "partitions are made in gpt and dos tables only: that of '%s' is %s",
				 t->device, t->label);
	if (!strcmp(format, "extended") && !is_dos(t))
		return error_set(err, EINVAL,
				 "format extended: only dos tables have such partitions, that of '%s' is %s", t->device,
				 t->label);
	if (!type) {
		autofree char *words = words_joined(partition_formats);
		return error_set(err, EINVAL, "format '%s': expected one of %s", format, words);
	}
	if (!strcmp(format, "extended") && (extended(t) || inside))
		return error_set(err, EEXIST, "'%s' has an extended partition already, '%s'", t->device,
				 partition_name(extended(t)));
	return 0;
}

int table_place(const struct table *t, const char *name, const char *format, uint64_t bytes, struct placing *out,
		struct error *err)
{
	const char *type = partition_type(t, format);
	uint64_t unit = PART_ALIGN / t->sector, size = bytes / PART_ALIGN * unit + (bytes % PART_ALIGN ? unit : 0);
	autofree struct stretch *gaps = NULL;
	const struct stretch *gap;
	size_t n;

	for (int inside = 0; inside < 2; inside++) {
		unsigned number = next_number(t, inside);
		autofree char *next = name_of_number(t, number);
		int r;

		if (!number || strcmp(next, name))
			continue;
		r = check_format(t, format, inside, type, err);
		if (r < 0)
			return r;
		gaps = table_free(t, inside, &n);
		gap = smallest(gaps, n, size ? size : unit);
		if (!gap)
			return error_set(err, ENOSPC, "'%s' has no free stretch of %" PRIu64 " bytes%s", t->device,
					 size * t->sector, inside ? " in its extended partition" : "");
		*out = (struct placing){ number, gap->start, size ? size : unit, type };
		return 0;
	}
	return wrong_name(t, name, err);
}
