/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What LVM2's programs report in JSON.  Rows may lack any field, and numbers come as text: what is not understood counts as
 * not said, only a text that is no report is an error.
 */
#include <jansson.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "engine/claim.h"
#include "lvm.h"

#define ROWS_MOST 1000000

static void lv_clear(struct lv *lv)
{
	free(lv->name);
	free(lv->origin);
	free(lv->uuid);
	free(lv->path);
	free(lv->pool);
	free(lv->segtype);
	for (size_t i = 0; i < lv->nextents; i++)
		free(lv->extents[i].device);
	free(lv->extents);
}

void lvs_clear(struct lvs *l)
{
	for (size_t i = 0; i < l->n; i++)
		lv_clear(&l->at[i]);
	free(l->at);
	*l = (struct lvs){ 0 };
}

const struct lv *lvs_find(const struct lvs *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->at[i].name, name))
			return &l->at[i];
	return NULL;
}

/* ---- fields ---- */

static const char *text(const json_t *row, const char *field)
{
	const char *s = json_string_value(json_object_get(row, field));

	return s ? s : "";
}

static char *text_or_null(const json_t *row, const char *field)
{
	const char *s = text(row, field);

	return *s ? xstrdup(s) : NULL;
}

static uint64_t number(const json_t *row, const char *field)
{
	const json_t *v = json_object_get(row, field);
	const char *s = json_string_value(v);
	unsigned long long n;
	char *end;

	if (json_is_integer(v) && json_integer_value(v) > 0)
		return (uint64_t)json_integer_value(v);
	if (!s || *s < '0' || *s > '9')
		return 0;
	errno = 0;
	n = strtoull(s, &end, 10);
	return errno || (*end && *end != '.') || n > INT64_MAX ? 0 : n;
}

static double percent(const json_t *row, const char *field)
{
	const json_t *v = json_object_get(row, field);
	const char *s = json_string_value(v);
	double d = -1;
	char *end;

	if (json_is_number(v))
		d = json_number_value(v);
	else if (s && *s >= '0' && *s <= '9')
		d = strtod(s, &end);
	return d >= 0 && d <= 100 ? d : -1;
}

static char letter(const char *attr, size_t i)
{
	return strlen(attr) > i ? attr[i] : '-';
}

/* A word of a list that commas separate. */
static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = list; (p = strstr(p, word)); p += n)
		if ((p == list || p[-1] == ',') && (!p[n] || p[n] == ','))
			return true;
	return false;
}

/* ---- logical volumes ---- */

/* Which are volumes: lv_role says "public", of those that are no pool of others. */
static bool is_shown(const json_t *row, const char *attr)
{
	const char *role = text(row, "lv_role"), *segtype = text(row, "segtype");

	if (*text(row, "lv_name") == '[' || str_ends(segtype, "-pool"))
		return false;
	return *role ? has_word(role, "public") : !strchr("tTeiIlpdD", letter(attr, 0));
}

static void take_lv(struct lv *lv, const json_t *row)
{
	const char *attr = text(row, "lv_attr");

	lv->name = xstrdup(text(row, "lv_name"));
	lv->origin = text_or_null(row, "origin");
	lv->uuid = text_or_null(row, "lv_uuid");
	lv->path = text_or_null(row, "lv_path");
	lv->pool = text_or_null(row, "pool_lv");
	lv->segtype = xstrdup(text(row, "segtype"));
	lv->size = number(row, "lv_size");
	lv->origin_size = number(row, "origin_size");
	lv->data_percent = percent(row, "data_percent");
	lv->major = (unsigned)number(row, "lv_kernel_major");
	lv->minor = (unsigned)number(row, "lv_kernel_minor");
	lv->shown = is_shown(row, attr);
	lv->active = !strchr("-hX", letter(attr, 4));
	lv->open = letter(attr, 5) == 'o';
	lv->snapshot = strchr("sS", letter(attr, 0));
	lv->thin = !strcmp(lv->segtype, "thin");
	lv->copy = has_word(text(row, "lv_tags"), LVM_COPY_TAG);
}

/* "/dev/sda(0),/dev/sdb(25)": the segment begins at these extents.  A part that is no device (a RAID's image) is left out. */
static void take_extents(struct lv *lv, const json_t *row)
{
	uint64_t extent = number(row, "vg_extent_size"), stripes = number(row, "stripes"),
		 size = number(row, "seg_size");
	autofree char *devices = xstrdup(text(row, "devices"));
	char *save = NULL;

	for (char *d = strtok_r(devices, ",", &save); d; d = strtok_r(NULL, ",", &save)) {
		char *open = strrchr(d, '('), *end;
		unsigned long long first;

		if (*d != '/' || !open || open[1] < '0' || open[1] > '9')
			continue;
		errno = 0;
		first = strtoull(open + 1, &end, 10);
		if (errno || strcmp(end, ")") || (extent && first > INT64_MAX / extent))
			continue;
		*open = 0;
		lv->extents = xrealloc(lv->extents, (lv->nextents + 1) * sizeof(*lv->extents));
		lv->extents[lv->nextents++] = (struct extent){ .device = xstrdup(d),
							       .start = first * extent,
							       .end = first * extent + size / (stripes ? stripes : 1) };
	}
}

static json_t *load(struct str json, struct error *err)
{
	json_error_t why;
	json_t *root = json_loadb(json.p, json.n, JSON_REJECT_DUPLICATES, &why);

	if (!root)
		error_set(err, EBADMSG, "LVM reported no JSON: %s", why.text);
	return root;
}

/* The rows KIND of all reports. */
static int each_row(struct str json, const char *kind, void (*fn)(void *arg, const json_t *row), void *arg,
		    struct error *err)
{
	json_t *root = load(json, err), *reports, *report, *rows, *row;
	size_t i, j;

	if (!root)
		return -EBADMSG;
	reports = json_object_get(root, "report");
	if (!json_is_array(reports)) {
		json_decref(root);
		return error_set(err, EBADMSG, "LVM's JSON has no report");
	}
	json_array_foreach(reports, i, report)
	{
		rows = json_object_get(report, kind);
		if (json_array_size(rows) > ROWS_MOST)
			continue;
		json_array_foreach(rows, j, row) fn(arg, row);
	}
	json_decref(root);
	return 0;
}

/* There is a row for each segment; those of one LV follow one another. */
static void lv_row(void *arg, const json_t *row)
{
	struct lvs *l = arg;
	const char *name = text(row, "lv_name");

	if (!*name)
		return;
	if (!l->n || strcmp(l->at[l->n - 1].name, name)) {
		if ((l->n & (l->n - 1)) == 0)
			l->at = xrealloc(l->at, (l->n ? l->n * 2 : 1) * sizeof(*l->at));
		l->at[l->n] = (struct lv){ 0 };
		take_lv(&l->at[l->n++], row);
	}
	take_extents(&l->at[l->n - 1], row);
}

int lvm_parse_lvs(struct str json, struct lvs *out, struct error *err)
{
	int r = each_row(json, "lv", lv_row, out, err);

	if (r < 0)
		lvs_clear(out);
	return r;
}

static char *device_claim(const struct lv *lv)
{
	struct stat st = { .st_mode = S_IFBLK, .st_rdev = makedev(lv->major, lv->minor) };

	return lv->major ? claim_key(&st) : NULL;
}

void lv_info(const struct lv *lv, const char *vg, struct volume_info *info)
{
	info->type = VOLUME_BLOCK;
	info->path = lv->path ? xstrdup(lv->path) : xasprintf("/dev/%s/%s", vg, lv->name);
	info->key = xstrdup(lv->uuid ? lv->uuid : info->path);
	info->capacity = lv->snapshot && lv->origin_size ? lv->origin_size : lv->size;
	/* a snapshot's room is taken from the group whether it is used or not, a thin one takes what was written */
	info->allocation = lv->size;
	if (lv->thin && lv->data_percent >= 0)
		info->allocation = (uint64_t)((double)lv->size * lv->data_percent / 100);
	if (lv->origin && *lv->origin != '[' && !lv->copy) {
		info->backing = xasprintf("/dev/%s/%s", vg, lv->origin);
		info->backing_format = xstrdup("raw");
	}
	info->claim = device_claim(lv);
	info->extents = xcalloc(lv->nextents ? lv->nextents : 1, sizeof(*info->extents));
	for (; info->nextents < lv->nextents; info->nextents++) {
		info->extents[info->nextents] = lv->extents[info->nextents];
		info->extents[info->nextents].device = xstrdup(lv->extents[info->nextents].device);
	}
}

/* ---- other rows ---- */

struct pair {
	const char *a, *b;
	void (*fn)(void *arg, const char *a, const char *b);
	void *arg;
};

static void pair_row(void *arg, const json_t *row)
{
	const struct pair *p = arg;

	p->fn(p->arg, text(row, p->a), text(row, p->b));
}

int lvm_parse_rows(struct str json, const char *kind, const char *a, const char *b,
		   void (*fn)(void *arg, const char *a, const char *b), void *arg, struct error *err)
{
	struct pair pair = { a, b, fn, arg };

	return each_row(json, kind, pair_row, &pair, err);
}
