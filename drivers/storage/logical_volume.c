/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Volumes of a volume group: made, removed, renamed, grown, copied.
 *
 * What kind of LV a volume becomes follows from its document: all its room at once (allocation as capacity), thin (less, and the group has a thin
 * pool) or sparse (less, and it has none); a raw volume with a backing LV of the group is a snapshot of that.  An image of
 * another format lies on a linear LV.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lvm.h"

#define APPEARS_MS	15000
#define IMAGE_ROOM	(4ull << 20) /* headers, and LUKS's key slots */
#define CLUSTER_BYTES	24ull	     /* of tables for each cluster, at most */
#define DEFAULT_CLUSTER 65536

static int lvm_on(const char *const *words, const char *vg, const char *lv, struct error *err)
{
	struct vec argv = { 0 };
	int r;

	lvm_on_lv(&argv, words, vg, lv);
	r = lvm_run(&argv, NULL, POOL_WORK_MS, err);
	vec_clear(&argv, free);
	return r;
}

/* What was made and came to nothing; TURN: it is not ours now. */
static void drop_lv(struct pool *p, const char *vg, const char *name, bool turn)
{
	static const char *const words[] = { "lvremove", "-f", NULL };

	task_shield(1);
	if (!turn || logical_begin(p, false, NULL) == 0) {
		(void)!lvm_on(words, vg, name, NULL);
		if (turn)
			logical_end(p);
	}
	task_shield(-1);
}

/* LVM counts in extents; a user wants to know how much there is. */
static int say_room(int r, const char *vg, uint64_t wanted, struct error *err)
{
	struct pool_usage u;

	if (r != -ENOSPC || lvm_ask_vg(vg, &u, NULL) < 0)
		return r;
	return error_set(err, ENOSPC, "%llu bytes are wanted, the volume group '%s' has %llu free",
			 (unsigned long long)wanted, vg, (unsigned long long)u.available);
}

/* ---- what a document becomes ---- */

struct making {
	char *vg, *path;
	struct lv_new lv;
	struct lvs lvs; /* names in LV are from here */
	bool image;	/* qemu-img writes into it */
	uint64_t grow;	/* a thin snapshot is first as large as its origin; 0: it stays so */
};

static void making_clear(struct making *m)
{
	free(m->vg);
	free(m->path);
	lvs_clear(&m->lvs);
}
#define automaking __attribute__((cleanup(making_clear)))

/* How large the device must be so that an image of CAPACITY fits in when it is full. */
static uint64_t image_room(const struct volume_spec *spec, uint64_t capacity)
{
	uint64_t cluster = node_u64(spec ? spec->xml : NULL, "target/clusterSize", DEFAULT_CLUSTER);

	if (cluster < 512)
		cluster = DEFAULT_CLUSTER;
	return capacity + capacity / cluster * CLUSTER_BYTES + IMAGE_ROOM;
}

static const struct lv *only_thin_pool(const struct lvs *l)
{
	const struct lv *pool = NULL;

	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(l->at[i].segtype, "thin-pool"))
			continue;
		if (pool)
			return NULL;
		pool = &l->at[i];
	}
	return pool;
}

static uint64_t visible_size(const struct lv *lv)
{
	return lv->snapshot && lv->origin_size ? lv->origin_size : lv->size;
}

static int plan_snapshot(struct making *m, const struct volume_spec *spec, struct error *err)
{
	autofree char *dir = xasprintf("/dev/%s/", m->vg);
	const char *name = str_starts(spec->backing, dir) ? spec->backing + strlen(dir) : NULL;
	const struct lv *origin = name ? lvs_find(&m->lvs, name) : NULL;
	uint64_t size;

	if (!origin || !origin->shown)
		return error_set(
			err, EINVAL,
			"the backing '%s' is no LV of the volume group '%s', and only those can be below a raw volume: "
			"make it of the format qcow2",
			spec->backing, m->vg);
	if (!str_eq(spec->backing_format, "raw"))
		return error_set(err, EINVAL,
				 "the backing '%s' is %s, of which a raw snapshot would be no raw disk: make it of "
				 "the format qcow2",
				 spec->backing,
				 spec->backing_format ? spec->backing_format : "of a format that is not known");
	size = visible_size(origin);
	m->lv.origin = origin->name;
	m->lv.kind = origin->thin ? LV_THIN_SNAPSHOT : LV_SNAPSHOT;
	if (spec->capacity > size && !origin->thin)
		return error_set(
			err, EINVAL,
			"a snapshot is as large as what it is of: '%s' has %llu bytes, the capacity is to be %llu",
			origin->name, (unsigned long long)size, (unsigned long long)spec->capacity);
	m->grow = spec->capacity > size ? spec->capacity : 0;
	m->lv.room = spec->allocation && spec->allocation < size ? spec->allocation : size;
	return 0;
}

/* Raw, and not all of it at once. */
static int plan_sparse(struct making *m, const struct volume_spec *spec, struct error *err)
{
	const struct lv *pool = only_thin_pool(&m->lvs);

	m->lv.room = spec->allocation;
	if (pool) {
		m->lv.kind = LV_THIN;
		m->lv.thin_pool = pool->name;
	} else if (spec->allocation < spec->capacity) {
		m->lv.kind = LV_SPARSE;
	} else {
		return error_set(
			err, ENOTSUP,
			"preallocation 'off': the volume group '%s' has no thin pool, or several: say an allocation that is "
			"less than the capacity, which is room for what will be written",
			m->vg);
	}
	return 0;
}

static int plan(struct making *m, const struct volume_spec *spec, struct error *err)
{
	bool raw = str_eq(spec->format, "raw") && !spec->secret;
	bool all = str_eq(spec->preallocation, "full") || str_eq(spec->preallocation, "falloc");
	bool less = spec->allocation < spec->capacity || str_eq(spec->preallocation, "off");
	int r = 0;

	m->lv = (struct lv_new){ .name = spec->name, .kind = LV_LINEAR, .size = spec->capacity };
	m->image = !raw || spec->from_path;
	if (raw && str_eq(spec->preallocation, "metadata"))
		return error_set(err, EINVAL,
				 "preallocation 'metadata': a raw volume has none: expected off falloc full");
	if (!spec->capacity && !(raw && spec->backing))
		return error_set(err, EINVAL, "a LV needs a capacity");
	if (!raw) {
		m->lv.size = image_room(spec, spec->capacity);
		if (spec->allocation && spec->allocation < spec->capacity && !all)
			m->lv.size = spec->allocation < IMAGE_ROOM ? IMAGE_ROOM : spec->allocation;
		return 0;
	}
	if (spec->backing || (less && !all))
		r = lvm_ask_lvs(m->vg, NULL, &m->lvs, err);
	if (r < 0)
		return r;
	if (spec->backing && !spec->from_path)
		return plan_snapshot(m, spec, err);
	return less && !all ? plan_sparse(m, spec, err) : 0;
}

/* ---- create ---- */

static int extend(const char *vg, const char *name, uint64_t bytes, struct error *err)
{
	autofree char *size = xasprintf("%llub", (unsigned long long)(bytes / 512 + (bytes % 512 != 0)) * 512);
	const char *const words[] = { "lvextend", "--yes", "-L", size, NULL };

	return say_room(lvm_on(words, vg, name, err), vg, bytes, err);
}

/* udev has it made for root; who made it may open it until udev is asked again, as after a boot. */
static void give_away(const char *path, const struct volume_spec *spec)
{
	if (spec->uid && chown(path, spec->uid, spec->gid) < 0)
		return;
	if (node_has(spec->xml, "target/permissions/mode"))
		(void)!chmod(path, spec->mode & 0777);
}

static int make_lv(struct pool *p, const struct making *m, struct error *err)
{
	struct vec argv = { 0 };
	int r;

	lvm_create_argv(&argv, m->vg, &m->lv);
	r = lvm_run(&argv, NULL, POOL_WORK_MS, err);
	vec_clear(&argv, free);
	if (r < 0)
		return say_room(r, m->vg, m->lv.kind == LV_LINEAR ? m->lv.size : m->lv.room, err);
	if (m->grow)
		r = extend(m->vg, m->lv.name, m->grow, err);
	if (r == 0)
		r = block_appears(p, m->path, APPEARS_MS, err);
	if (r < 0)
		drop_lv(p, m->vg, m->lv.name, false);
	return r;
}

static int begin(struct pool *p, const char *name, struct making *m, struct error *err)
{
	m->vg = logical_vg(p);
	m->path = xasprintf("/dev/%s/%s", m->vg, name);
	return lvm_name_check(m->vg, name, err);
}

int logical_create(struct pool *p, const struct volume_spec *spec, struct error *err)
{
	automaking struct making m = { 0 };
	int r = begin(p, spec->name, &m, err);

	if (r == 0)
		r = logical_begin(p, false, err);
	if (r < 0)
		return r;
	r = plan(&m, spec, err);
	if (r == 0)
		r = make_lv(p, &m, err);
	logical_end(p);
	if (r < 0)
		return r;
	if (m.image)
		r = image_create(p, spec, m.path, true, err);
	if (r < 0) {
		drop_lv(p, m.vg, spec->name, true);
		return r;
	}
	give_away(m.path, spec);
	return 0;
}

/* ---- clone ---- */

/* Thin: it shares what is equal, and is there at once.  *COPY: the bytes are still to be copied. */
static int make_clone(struct pool *p, const char *name, struct making *m, bool *copy, struct error *err)
{
	const struct lv *from;
	int r = lvm_ask_lvs(m->vg, NULL, &m->lvs, err);

	if (r < 0)
		return r;
	from = lvs_find(&m->lvs, name);
	if (!from || !from->active)
		return error_set(err, ENOENT, "there is no active LV '%s/%s'", m->vg, name);
	*copy = !from->thin;
	m->lv.size = visible_size(from);
	if (from->thin) {
		m->lv.kind = LV_THIN_SNAPSHOT;
		m->lv.origin = from->name;
		m->lv.copy = true;
	}
	return make_lv(p, m, err);
}

int logical_clone(struct pool *p, const char *name, const struct volume_info *now unused, const struct volume_spec *to,
		  struct error *err)
{
	automaking struct making m = { .lv = { .name = to->name, .kind = LV_LINEAR } };
	autofree char *from = NULL;
	bool copy = false;
	int r = begin(p, to->name, &m, err);

	if (r == 0)
		r = logical_begin(p, false, err);
	if (r < 0)
		return r;
	r = make_clone(p, name, &m, &copy, err);
	logical_end(p);
	from = xasprintf("/dev/%s/%s", m.vg, name);
	if (r == 0 && copy) {
		r = block_copy(p, from, m.path, to->progress, to->arg, err);
		if (r < 0)
			drop_lv(p, m.vg, to->name, true);
	}
	if (r == 0)
		give_away(m.path, to);
	return r;
}

/* ---- remove, rename, resize ---- */

/* LVM removes a LV's snapshots with it without a word. */
static int check_snapshots(const struct lvs *l, const char *vg, const char *name, struct error *err)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->at[i].snapshot && str_eq(l->at[i].origin, name))
			return error_set(err, EBUSY,
					 "'%s/%s' is a snapshot of it, and would go with it: remove that first", vg,
					 l->at[i].name);
	return 0;
}

int logical_remove(struct pool *p, const char *name, struct error *err)
{
	static const char *const words[] = { "lvremove", "-f", NULL };
	autofree char *vg = logical_vg(p);
	autolvs struct lvs l = { 0 };
	int r = logical_begin(p, false, err);

	if (r < 0)
		return r;
	r = logical_closed(vg, name, &l, err);
	if (r == 0 && !lvs_find(&l, name))
		r = error_set(err, ENOENT, "there is no LV '%s/%s'", vg, name);
	if (r == 0)
		r = check_snapshots(&l, vg, name, err);
	if (r == 0)
		r = lvm_on(words, vg, name, err);
	logical_end(p);
	return r;
}

int logical_rename(struct pool *p, const char *name, const char *to, struct error *err)
{
	automaking struct making m = { 0 };
	int r = begin(p, to, &m, err);
	const char *const words[] = { "lvrename", m.vg, name, to, NULL };

	if (r == 0)
		r = logical_begin(p, false, err);
	if (r < 0)
		return r;
	r = lvm_run_words(words, NULL, POOL_WORK_MS, err);
	if (r == 0) { /* it is renamed, whether udev has said so or not */
		autoerror struct error late = { 0 };
		(void)!block_appears(p, m.path, APPEARS_MS, &late);
	}
	logical_end(p);
	return r;
}

/* So that BYTES fit on the device. */
static int grow(const char *vg, const char *name, uint64_t bytes, struct error *err)
{
	autolvs struct lvs l = { 0 };
	int r = lvm_ask_lvs(vg, name, &l, err);

	if (r == 0 && !l.n)
		r = error_set(err, ENOENT, "there is no LV '%s/%s'", vg, name);
	if (r < 0 || bytes <= visible_size(&l.at[0]))
		return r;
	if (l.at[0].snapshot)
		return error_set(
			err, ENOTSUP,
			"a snapshot or sparse LV stays as large as it was made (%llu bytes): make a larger one, and copy",
			(unsigned long long)visible_size(&l.at[0]));
	return extend(vg, name, bytes, err);
}

int logical_resize(struct pool *p, const char *name, const struct volume_info *now, uint64_t capacity,
		   struct error *err)
{
	autofree char *vg = logical_vg(p), *path = xasprintf("/dev/%s/%s", vg, name), *format = xstrdup(now->format);
	bool raw = !format || str_eq(format, "raw");
	int r = logical_begin(p, false, err);

	if (r < 0)
		return r;
	r = grow(vg, name, raw ? capacity : image_room(NULL, capacity), err);
	logical_end(p);
	if (r == 0 && !raw)
		r = image_resize(p, path, format, capacity, err);
	return r;
}
