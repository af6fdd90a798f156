/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pools of type disk: the partitions of a whole disk.  A volume is called as the kernel calls its partition (sdb1, nvme0n1p1).  Who changes the
 * table holds the pool's lock, as volumes have jobs of their own.
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#include "discover.h"
#include "disk_label.h"
#include "signature.h"

#define DEVICE_MS 5000		  /* how long a disk may take to be there */
#define DOS_MOST  (2048ull << 30) /* bytes: larger disks get a gpt table unless told otherwise */

static const char *const formats[] = { "unknown", "dos", "dvh", "gpt", "mac", "bsd", "pc98", "sun", "lvm2", NULL };

/* ---- definition ---- */

static int disk_complete(struct node *pool, const char *dir unused, struct error *err)
{
	const char *device = node_get(pool, "source/device/@path");
	const char *format = node_get_or(pool, "source/format/@type", formats[0]);

	if (!device || !*device)
		return error_set(err, EINVAL, "source/device: a pool of type disk needs the path of a disk");
	if (device[0] != '/')
		return error_set(err, EINVAL, "source/device: the path '%s' is not absolute", device);
	if (node_count(pool, "source/device") > 1)
		return error_set(err, EINVAL, "source/device: a pool of type disk has one disk, here are %u",
				 node_count(pool, "source/device"));
	if (node_yes(pool, "source/device/@part_separator"))
		return error_set(err, ENOTSUP,
				 "source/device: part_separator is for multipath disks, whose partitions are not "
				 "served here");
	if (strcmp(format, formats[0]) && !label_of_libvirt(format))
		return error_set(err, ENOTSUP,
				 "source/format: %s tables are not served here: expected gpt dos dvh sun unknown",
				 format);
	if (!node_has(pool, "source/format/@type"))
		node_set(pool, "source/format/@type", formats[0]);
	if (!node_has(pool, "target/path"))
		node_set(pool, "target/path", "/dev");
	if (node_get_or(pool, "target/path", "")[0] != '/' || !str_starts(node_get(pool, "target/path"), "/dev"))
		return error_set(err, EINVAL, "target/path: the volumes of a disk lie below /dev, not in '%s'",
				 node_get(pool, "target/path"));
	return 0;
}

static void disk_source_show(const struct node *pool, struct buf *out)
{
	buf_puts(out, node_get_or(pool, "source/device/@path", ""));
}

static int disk_source_store(struct node *pool, struct str text, struct error *err)
{
	autofree char *path = xstrndup(text.p, text.n);

	if (text.n && path[0] != '/')
		return error_set(err, EINVAL, "'%s' is not the path of a disk, such as /dev/sdb", path);
	node_set(pool, "source/device/@path", text.n ? path : NULL);
	return 0;
}

/* ---- the lock ---- */

struct lock {
	bool held;
	struct waitq queue;
};

static int lock_disk(struct pool *p, struct lock **out, struct error *err)
{
	struct lock *l = pool_priv(p);

	*out = NULL;
	if (!l) {
		l = xcalloc(1, sizeof(*l));
		TAILQ_INIT(&l->queue);
		pool_set_priv(p, l, free);
	}
	while (l->held) {
		int r = task_wait(&l->queue, POOL_WORK_MS);
		if (r < 0)
			return error_set(err, -r, "the partition table is being changed by another");
	}
	l->held = true;
	*out = l;
	return 0;
}

static void unlock_disk(struct lock **l)
{
	if (!*l)
		return;
	(*l)->held = false;
	task_wake(&(*l)->queue);
}
#define autolock __attribute__((cleanup(unlock_disk)))

/* ---- life ---- */

static int open_and_read(struct pool *p, struct disk *d, struct table *t, struct error *err)
{
	autofree char *path = pool_text(p, "source/device/@path");
	int r = disk_open(p, path, d, err);

	return r == 0 ? disk_read(p, d, t, err) : r;
}

static int check_label(struct pool *p, const struct disk *d, const struct table *t, struct error *err)
{
	autofree char *format = pool_text(p, "source/format/@type");
	const char *is = label_to_libvirt(t->label);

	if (!is)
		return error_set(err, ENOTSUP, "'%s' has a table of type %s, which is not served here", d->device,
				 t->label);
	if (!str_eq(format, formats[0]) && !str_eq(format, is))
		return error_set(
			err, EINVAL,
			"'%s' has a table of type %s, but the definition says %s: correct that, or build the pool",
			d->device, is, format);
	return 0;
}

static int disk_start(struct pool *p, struct error *err)
{
	autofree char *path = pool_text(p, "source/device/@path");
	autodisk struct disk d = { 0 };
	autotable struct table t = { 0 };
	int r = block_appears(p, path, DEVICE_MS, err);

	if (r == 0)
		r = open_and_read(p, &d, &t, err);
	if (r == 0)
		r = check_label(p, &d, &t, err);
	return r == 0 ? disk_tell(p, &d, &t, err) : r;
}

static int disk_build(struct pool *p, bool overwrite, struct error *err)
{
	autofree char *path = pool_text(p, "source/device/@path"), *format = pool_text(p, "source/format/@type");
	autodisk struct disk d = { 0 };
	autobuf struct buf there = { 0 };
	const char *label = label_of_libvirt(format);
	int r = disk_open(p, path, &d, err);

	if (r == 0)
		r = device_unused(p, d.device, err);
	if (r == 0)
		r = device_signatures(d.device, &there, err);
	if (r < 0)
		return r;
	if (there.n && !overwrite)
		return error_set(
			err, EEXIST,
			"'%s' holds %s: nothing was made; start uses a table as it is, echo 'build overwrite' destroys "
			"all partitions",
			d.device, buf_text(&there));
	if (!label)
		label = d.bytes > DOS_MOST ? "gpt" : "dos";
	if (!strcmp(label, "dos") && d.bytes > DOS_MOST)
		return error_set(err, EINVAL, "'%s' is larger than the 2 TiB that a dos table can name: use gpt",
				 d.device);
	/* sfdisk would leave a gpt table where a dos one is made */
	r = there.n ? device_wipe_signatures(d.device, err) : 0;
	return r == 0 ? disk_make_label(&d, label, err) : r;
}

/* ---- volumes ---- */

struct finding {
	char *dir, *name, *path;
};

static void finding_free(void *arg)
{
	struct finding *f = arg;

	free(f->dir);
	free(f->name);
	free(f->path);
	free(f);
}

/* The link in DIR (/dev/disk/by-id) that leads to the node NAME. */
static int find_link_fn(void *arg)
{
	struct finding *f = arg;
	DIR *d = opendir(f->dir);

	for (struct dirent *e; d && !f->path && (e = readdir(d));) {
		autofree char *link = xasprintf("%s/%s", f->dir, e->d_name), *real = realpath(link, NULL);
		const char *slash = real ? strrchr(real, '/') : NULL;

		if (slash && !strcmp(slash + 1, f->name))
			f->path = take(&link);
	}
	if (d)
		closedir(d);
	return 0;
}

/* Below target/path, when udev has a link there, else the node itself.  The caller frees. */
static char *volume_path(struct pool *p, const char *node)
{
	autofree char *dir = pool_text(p, "target/path");
	struct finding *f;
	char *path = NULL;
	int r;

	if (!dir || !strcmp(dir, "/dev") || !strcmp(dir, "/dev/"))
		return xstrdup(node);
	f = xcalloc(1, sizeof(*f));
	f->dir = take(&dir);
	f->name = xstrdup(strrchr(node, '/') + 1);
	r = pool_offload(p, find_link_fn, f, finding_free, POOL_ASK_MS, NULL);
	if (r == 0) {
		path = take(&f->path);
		finding_free(f);
	}
	return path ? path : xstrdup(node);
}

static void fill_info(struct pool *p, const struct table *t, const struct partition *part, struct volume_info *info)
{
	autofree char *path = volume_path(p, part->node);

	free(take(&info->format)); /* of partitions it is their type: nothing in them is looked at */
	if (block_info(p, path, info, NULL) < 0) {
		/* udev has not made it yet, or it is gone: the table knows */
		volume_info_clear(info);
		*info = (struct volume_info){ 0 };
		info->path = xstrdup(path);
		info->key = xstrdup(path);
	}
	info->type = VOLUME_BLOCK;
	info->capacity = info->allocation = info->physical = part->size * t->sector;
	free(info->format);
	info->format = xstrdup(part->format);
	info->extents = xcalloc(1, sizeof(*info->extents));
	info->nextents = 1;
	info->extents[0].device = xstrdup(t->device);
	info->extents[0].start = part->start * t->sector;
	info->extents[0].end = (part->start + part->size) * t->sector;
}

static int disk_list(struct pool *p, struct listing *out, struct error *err)
{
	autodisk struct disk d = { 0 };
	autotable struct table t = { 0 };
	int r = open_and_read(p, &d, &t, err);

	for (size_t i = 0; r == 0 && i < t.n; i++) {
		struct listed *row = listing_add(out, partition_name(&t.parts[i]));
		struct volume_info *info = xcalloc(1, sizeof(*info));

		row->info = info;
		fill_info(p, &t, &t.parts[i], info);
	}
	return r;
}

static int no_partition(const char *name, const struct disk *d, struct error *err)
{
	return error_set(err, ENOENT, "'%s' is not in the table of '%s' any more", name, d->device);
}

static int open_and_find(struct pool *p, const char *name, struct disk *d, struct table *t,
			 const struct partition **part, struct error *err)
{
	int r = open_and_read(p, d, t, err);

	if (r < 0)
		return r;
	*part = table_find(t, name);
	return *part ? 0 : no_partition(name, d, err);
}

static int disk_info(struct pool *p, const char *name, struct volume_info *info, struct error *err)
{
	autodisk struct disk d = { 0 };
	autotable struct table t = { 0 };
	const struct partition *part = NULL;
	int r = open_and_find(p, name, &d, &t, &part, err);

	if (r == 0)
		fill_info(p, &t, part, info);
	return r;
}

static int disk_usage(struct pool *p, struct pool_usage *out, struct error *err)
{
	autodisk struct disk d = { 0 };
	autotable struct table t = { 0 };
	int r = open_and_read(p, &d, &t, err);

	if (r == 0)
		table_usage(&t, out);
	return r;
}

static int remove_held(struct pool *p, const char *name, struct error *err)
{
	autodisk struct disk d = { 0 };
	autotable struct table t = { 0 };
	const struct partition *part = NULL;
	int r = open_and_find(p, name, &d, &t, &part, err);

	if (r < 0)
		return r;
	r = table_removable(&t, part, err);
	if (r == 0)
		r = device_unused(p, part->node, err);
	return r == 0 || r == -ENOENT ? disk_delete(p, &d, part, err) : r;
}

static int disk_remove(struct pool *p, const char *name, struct error *err)
{
	autolock struct lock *lock = NULL;
	int r = lock_disk(p, &lock, err);

	return r == 0 ? remove_held(p, name, err) : r;
}

/* Encryption or another volume's bytes. */
static int fill_volume(struct pool *p, const struct volume_spec *spec, const char *node, struct error *err)
{
	struct volume_spec raw = *spec;

	raw.format = "raw";
	if (spec->from_format && word_index(partition_formats, spec->from_format) >= 0)
		raw.from_format = "raw"; /* another partition */
	if (!spec->from_path && !spec->secret)
		return 0;
	return image_create(p, &raw, node, true, err);
}

static int create_held(struct pool *p, const struct volume_spec *spec, char **node, struct error *err)
{
	autodisk struct disk d = { 0 };
	autotable struct table t = { 0 };
	struct placing at;
	int r = open_and_read(p, &d, &t, err);

	if (r == 0)
		r = table_place(&t, spec->name, spec->format ? spec->format : "none", spec->capacity, &at, err);
	if (r < 0)
		return r;
	*node = xasprintf("/dev/%s", spec->name);
	return disk_add(p, &d, &at, *node, err);
}

static int disk_create(struct pool *p, const struct volume_spec *spec, struct error *err)
{
	autolock struct lock *lock = NULL;
	autofree char *node = NULL;
	int r = lock_disk(p, &lock, err);

	if (r == 0 && spec->backing)
		r = error_set(err, ENOTSUP, "a partition has no backing file");
	if (r == 0)
		r = create_held(p, spec, &node, err);
	unlock_disk(&lock);
	lock = NULL;
	if (r < 0)
		return r;
	r = fill_volume(p, spec, node, err);
	if (r < 0) {
		autoerror struct error why = { 0 };
		task_shield(1);
		(void)!disk_remove(p, spec->name, &why);
		task_shield(-1);
	}
	return r;
}

/* ---- bytes ---- */

static int disk_wipe(struct pool *p, const char *name unused, const struct volume_info *now, const char *algorithm,
		     void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg, struct error *err)
{
	return block_wipe(p, now->path, algorithm, progress, arg, err);
}

static int disk_image(struct pool *p, const char *name, int flags, const struct volume_spec *spec unused,
		      struct bulk **out, struct error *err)
{
	autofree char *node = xasprintf("/dev/%s", name);

	if (flags & O_CREAT)
		return error_set(err, ENOTSUP, "a partition has a size before it has bytes: write its capacity first");
	return block_image(p, node, flags, out, err);
}

static int disk_disk(struct pool *p unused, const char *name, const struct volume_info *now, struct node *disk,
		     struct error *err unused)
{
	autofree char *node = xasprintf("/dev/%s", name);

	return block_disk(now && now->path ? now->path : node, disk);
}

/* ---- what works here ---- */

static int disk_probe(struct buf *state, struct error *err unused)
{
	static const char *const needed[] = { "sfdisk", "fdisk", "partx", "util-linux", "wipefs", "util-linux", NULL };

	if (tools_missing(needed, state) == 0)
		buf_puts(state, "usable\ntables: gpt dos dvh sun\npartitions are made in: gpt dos\n");
	return 0;
}

const struct pool_driver disk_pool = {
	.type = "disk",
	.flags = POOL_NEEDS_ROOT,
	.source_formats = formats,
	.volume_formats = partition_formats,
	.probe = disk_probe,
	.complete = disk_complete,
	.source_show = disk_source_show,
	.source_store = disk_source_store,
	.build = disk_build,
	.start = disk_start,
	.list = disk_list,
	.usage = disk_usage,
	.info = disk_info,
	.create = disk_create,
	.remove = disk_remove,
	.wipe = disk_wipe,
	.image = disk_image,
	.data = image_data,
	.disk = disk_disk,
	.discover = disk_discover,
};
