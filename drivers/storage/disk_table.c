/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A partition table as `sfdisk --json` tells of it. */
#include "disk_table.h"

#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <strings.h>

#define DOS_LAST UINT32_MAX /* sectors that a dos table can name */

const char *const partition_formats[] = { "none",      "linux",	     "fat16",	 "fat32", "linux-swap",
					  "linux-lvm", "linux-raid", "extended", NULL };

/* The first row of a format is what is written for it. */
static const struct {
	const char *format, *dos, *gpt;
} types[] = {
	{ "linux", "83", "0FC63DAF-8483-4772-8E79-3D69D8477DE4" },
	{ "none", "83", "0FC63DAF-8483-4772-8E79-3D69D8477DE4" },
	{ "fat16", "6", "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7" },
	{ "fat16", "e", NULL },
	{ "fat16", "4", NULL },
	{ "fat32", "c", "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7" },
	{ "fat32", "b", "C12A7328-F81F-11D2-BA4B-00A0C93EC93B" },
	{ "linux-swap", "82", "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F" },
	{ "linux-lvm", "8e", "E6D6D379-F507-44C2-A23C-238F2A3DF928" },
	{ "linux-raid", "fd", "A19D880F-05FC-4D3B-A006-743F0F84911E" },
	{ "extended", "5", NULL },
	{ "extended", "f", NULL },
	{ "extended", "85", NULL },
};

static const struct {
	const char *libvirt, *sfdisk;
} labels[] = { { "dos", "dos" }, { "gpt", "gpt" }, { "dvh", "sgi" }, { "sun", "sun" } };

const char *label_to_libvirt(const char *label)
{
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++)
		if (str_eq(labels[i].sfdisk, label))
			return labels[i].libvirt;
	return NULL;
}

const char *label_of_libvirt(const char *format)
{
	for (size_t i = 0; i < ARRAY_SIZE(labels); i++)
		if (str_eq(labels[i].libvirt, format))
			return labels[i].sfdisk;
	return NULL;
}

static bool is_gpt(const struct table *t)
{
	return str_eq(t->label, "gpt");
}

static bool is_dos(const struct table *t)
{
	return str_eq(t->label, "dos");
}

static const char *format_of_type(const struct table *t, const char *type)
{
	/* fat16 and fat32 are one type to GPT: the larger one is told */
	if (type && is_gpt(t) && !strcasecmp(type, "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7"))
		return "fat32";
	for (size_t i = 0; type && i < ARRAY_SIZE(types); i++) {
		const char *known = is_gpt(t) ? types[i].gpt : is_dos(t) ? types[i].dos : NULL;
		if (known && !strcasecmp(known, type))
			return types[i].format;
	}
	return "none";
}

const char *partition_type(const struct table *t, const char *format)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(types[i].format, format))
			return is_gpt(t) ? types[i].gpt : is_dos(t) ? types[i].dos : NULL;
	return NULL;
}

/* ---- parsing ---- */

void table_clear(struct table *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->parts[i].node);
	free(t->parts);
	free(t->label);
	free(t->device);
	*t = (struct table){ 0 };
}

static uint64_t number(const json_t *object, const char *key, uint64_t dflt)
{
	const json_t *v = json_object_get(object, key);

	return json_is_integer(v) && json_integer_value(v) >= 0 ? (uint64_t)json_integer_value(v) : dflt;
}

/* The digits at the end of "/dev/nvme0n1p12". */
static unsigned number_of_node(const char *node)
{
	size_t n = strlen(node);

	while (n && isdigit((unsigned char)node[n - 1]))
		n--;
	return (unsigned)strtoul(node + n, NULL, 10);
}

static int by_number(const void *a, const void *b)
{
	const struct partition *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

static int take_parts(const json_t *rows, struct table *t, struct error *err)
{
	json_t *row;
	size_t i;

	t->parts = xcalloc(json_array_size(rows) + 1, sizeof(*t->parts));
	json_array_foreach(rows, i, row)
	{
		const char *node = json_string_value(json_object_get(row, "node"));
		struct partition *p = &t->parts[t->n];

		p->start = number(row, "start", UINT64_MAX);
		p->size = number(row, "size", 0);
		if (!node || p->start > t->sectors || p->size > t->sectors - p->start)
			return error_set(err, EBADMSG, "partition %zu of the table lies outside of the disk '%s'",
					 i + 1, t->device);
		p->node = xstrdup(node);
		p->number = number_of_node(node);
		p->format = format_of_type(t, json_string_value(json_object_get(row, "type")));
		t->n++;
	}
	qsort(t->parts, t->n, sizeof(*t->parts), by_number);
	return 0;
}

static int take_table(const json_t *root, uint64_t disk_bytes, struct table *t, struct error *err)
{
	uint64_t align;

	t->label = xstrdup(json_string_value(json_object_get(root, "label")));
	t->device = xstrdup(json_string_value(json_object_get(root, "device")));
	t->sector = number(root, "sectorsize", 512);
	if (!t->label || !t->device || t->sector < 512 || t->sector > PART_ALIGN || (t->sector & (t->sector - 1)))
		return error_set(err, EBADMSG, "sfdisk: its answer has no label, no device or no sector size");
	align = PART_ALIGN / t->sector;
	t->sectors = disk_bytes / t->sector;
	t->first = number(root, "firstlba", align);
	t->last = number(root, "lastlba", t->sectors ? t->sectors - 1 : 0);
	if (t->last >= t->sectors)
		t->last = t->sectors ? t->sectors - 1 : 0;
	if (is_dos(t) && t->last > DOS_LAST)
		t->last = DOS_LAST;
	return take_parts(json_object_get(root, "partitions"), t, err);
}

int table_parse(struct str json, uint64_t disk_bytes, struct table *out, struct error *err)
{
	json_error_t why;
	json_t *root = json_loadb(json.p, json.n, 0, &why);
	struct table t = { 0 };
	int r;

	if (!root)
		return error_set(err, EBADMSG, "sfdisk: its answer is no JSON: line %d: %s", why.line, why.text);
	r = take_table(json_object_get(root, "partitiontable"), disk_bytes, &t, err);
	json_decref(root);
	if (r < 0)
		table_clear(&t);
	else
		*out = t;
	return r;
}

/* ---- asking ---- */

const char *partition_name(const struct partition *part)
{
	const char *slash = strrchr(part->node, '/');

	return slash ? slash + 1 : part->node;
}

const struct partition *table_find(const struct table *t, const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(partition_name(&t->parts[i]), name))
			return &t->parts[i];
	return NULL;
}

bool partition_is_logical(const struct table *t, const struct partition *part)
{
	return is_dos(t) && part->number > 4;
}

int table_removable(const struct table *t, const struct partition *part, struct error *err)
{
	bool extended = !strcmp(part->format, "extended"), logical = partition_is_logical(t, part);
	const struct partition *last = &t->parts[t->n - 1];

	if (extended && last->number > 4)
		return error_set(err, EBUSY, "the extended partition '%s' holds '%s': remove that first",
				 partition_name(part), partition_name(last));
	if (logical && last != part)
		return error_set(
			err, EBUSY,
			"without '%s' the partitions after it would get other names: remove '%s' first, the last one",
			partition_name(part), partition_name(last));
	return 0;
}

void table_usage(const struct table *t, struct pool_usage *out)
{
	*out = (struct pool_usage){ .capacity = t->sectors * t->sector };
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->parts[i].format, "extended"))
			out->allocation += t->parts[i].size * t->sector;
	for (int inside = 0; inside < 2; inside++) {
		size_t n;
		autofree struct stretch *s = table_free(t, inside, &n);
		for (size_t i = 0; i < n; i++)
			out->available += s[i].size * t->sector;
	}
}
