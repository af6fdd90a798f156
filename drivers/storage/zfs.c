/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pools of type `zfs`: a ZFS pool, or a dataset of one, whose volumes are zvols.  One that is imported is active, and adopted when others did that.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/spawn.h"
#include "zfs.h"

#define APPEARS_MS 15000

static char *dataset_of(struct pool *p)
{
	char *name = pool_text(p, "source/name");

	return name ? name : xstrdup(pool_name(p));
}

/* "tank" of "tank/vms" */
static char *zpool_of(const char *dataset)
{
	return xstrndup(dataset, strcspn(dataset, "/"));
}

/* Clears ARGV.  The programs say why on their last line. */
static int run(struct vec *argv, struct buf *out, int64_t timeout_ms, struct error *err)
{
	int r = spawn_run((const char *const *)argv->at, (struct str){ 0 }, out, timeout_ms, err);

	vec_clear(argv, free);
	if (r == -EIO && err && err->text) {
		err->code = zfs_code(err->text);
		r = -err->code;
	}
	return r;
}

static int run_words(const char *const *words, struct buf *out, int64_t timeout_ms, struct error *err)
{
	struct vec argv = { 0 };

	zfs_argv(&argv, words);
	return run(&argv, out, timeout_ms, err);
}

/* ---- the definition, this host ---- */

static int complete(struct node *pool, const char *dir unused, struct error *err)
{
	const char *name = node_get_or(pool, "source/name", node_get_or(pool, "name", ""));
	int r = zfs_dataset_check(name, err);

	if (r < 0)
		return r;
	if (!node_has(pool, "source/name"))
		node_set(pool, "source/name", name);
	node_setf(pool, "target/path", "/dev/zvol/%s", node_get(pool, "source/name"));
	return 0;
}

static void source_show(const struct node *pool, struct buf *out)
{
	buf_puts(out, node_get_or(pool, "source/name", node_get_or(pool, "name", "")));
}

/* "POOL[/DATASET] [DEVICE...]" */
static int source_store(struct node *pool, struct str text, struct error *err)
{
	autofree char *words = xstrndup(text.p, text.n);
	char *save = NULL, *name = strtok_r(words, " \t\n", &save),
	     *device = name ? strtok_r(NULL, " \t\n", &save) : NULL;
	int r = zfs_dataset_check(name ? name : "", err);

	if (r < 0)
		return r;
	node_set(pool, "source/name", name);
	while (device && node_first(pool, "source/device"))
		node_remove(node_first(pool, "source/device"));
	for (; device; device = strtok_r(NULL, " \t\n", &save)) {
		if (*device != '/')
			return error_set(err, EINVAL, "'%s': expected the path of a block device", device);
		node_set(node_add(node_make(pool, "source"), "device"), "@path", device);
	}
	return 0;
}

static int probe(struct buf *state, struct error *err unused)
{
	static const char *const needs[] = { "zfs", "zfsutils-linux", "zpool", "zfsutils-linux", NULL };
	struct stat st;

	if (tools_missing(needs, state))
		return 0;
	if (stat("/dev/zfs", &st) < 0)
		buf_puts(state, "not usable: the kernel has no ZFS: install zfs-dkms and modprobe zfs\n");
	else
		buf_puts(state, "usable\n");
	return 0;
}

/* ---- the pool ---- */

static int find(struct pool *p, struct error *err)
{
	autofree char *dataset = dataset_of(p);
	const char *const words[] = { "zfs", "list", "-H", "-o", "name", dataset, NULL };
	int r = run_words(words, NULL, POOL_ASK_MS, err);

	if (r == -ENOENT) {
		error_clear(err);
		return 0;
	}
	return r < 0 ? r : 1;
}

static int start(struct pool *p, struct error *err)
{
	autofree char *dataset = dataset_of(p), *zpool = zpool_of(dataset);
	const char *const words[] = { "zpool", "import", "-N", zpool, NULL };
	const char *const export[] = { "zpool", "export", zpool, NULL };
	int r = run_words(words, NULL, POOL_WORK_MS, err);

	if (r == -EEXIST && strchr(dataset, '/')) /* the pool is there, so it is the dataset that is not */
		return error_set(err, ENOENT, "there is no dataset '%s': echo build > state makes it", dataset);
	if (r < 0)
		return r;
	r = find(p, err);
	if (r == 1)
		return 0;
	task_shield(1);
	(void)!run_words(export, NULL, POOL_WORK_MS, NULL);
	task_shield(-1);
	return r < 0 ? r : error_set(err, ENOENT, "there is no dataset '%s' in the pool '%s'", dataset, zpool);
}

static int stop(struct pool *p, struct error *err)
{
	autofree char *dataset = dataset_of(p), *zpool = zpool_of(dataset);
	const char *const words[] = { "zpool", "export", zpool, NULL };

	return run_words(words, NULL, POOL_WORK_MS, err);
}

static int build(struct pool *p, bool overwrite, struct error *err)
{
	autofree char *dataset = dataset_of(p);
	struct vec devices = { 0 }, argv = { 0 };
	int r;

	for (struct node *d = node_first(pool_node(p), "source/device"); d; d = node_next(d, "device"))
		if (*node_get_or(d, "@path", "") == '/')
			vec_add(&devices, xstrdup(node_get(d, "@path")));
	if (!devices.n && !strchr(dataset, '/'))
		return error_set(err, EINVAL, "a ZFS pool is made of devices: name them in source (%s DEVICE...)",
				 dataset);
	zfs_build_argv(&argv, dataset, &devices, overwrite);
	r = run(&argv, NULL, POOL_WORK_MS, err);
	vec_clear(&devices, free);
	return r;
}

static int erase(struct pool *p, struct error *err)
{
	autofree char *dataset = dataset_of(p), *zpool = zpool_of(dataset);
	const char *const import[] = { "zpool", "import", "-N", zpool, NULL };
	const char *const whole[] = { "zpool", "destroy", zpool, NULL };
	const char *const part[] = { "zfs", "destroy", "-r", dataset, NULL };
	int r = find(p, err);

	if (r == 0)
		r = run_words(import, NULL, POOL_WORK_MS, err);
	return r < 0 ? r : run_words(strchr(dataset, '/') ? part : whole, NULL, POOL_WORK_MS, err);
}

static int usage(struct pool *p, struct pool_usage *out, struct error *err)
{
	autofree char *dataset = dataset_of(p);
	const char *const words[] = { "zfs", "list", "-H", "-p", "-o", "used,available", dataset, NULL };
	autobuf struct buf text = { 0 };
	unsigned long long used, available;
	int r = run_words(words, &text, POOL_ASK_MS, err);

	if (r < 0)
		return r;
	if (sscanf(buf_text(&text), "%llu %llu", &used, &available) != 2)
		return error_set(err, EBADMSG, "zfs list: '%.100s' is not two numbers", buf_text(&text));
	*out = (struct pool_usage){ used + available, used, available };
	return 0;
}

/* ---- its volumes ---- */

static int ask(const char *dataset, bool children, struct listing *out, struct error *err)
{
	autobuf struct buf text = { 0 };
	struct vec argv = { 0 };
	int r;

	zfs_list_argv(&argv, dataset, children);
	r = run(&argv, &text, POOL_ASK_MS, err);
	return r < 0 ? r : zfs_parse_list((struct str){ buf_text(&text), text.n }, dataset, out, err);
}

static int list(struct pool *p, struct listing *out, struct error *err)
{
	autofree char *dataset = dataset_of(p);

	return ask(dataset, true, out, err);
}

static int info(struct pool *p, const char *name, struct volume_info *out, struct error *err)
{
	autofree char *dataset = dataset_of(p), *full = xasprintf("%s/%s", dataset, name), *path = NULL, *format = NULL;
	struct listing l = { 0 };
	uint64_t allocation;
	int r = ask(full, false, &l, err);

	if (r == 0 && !l.n)
		r = error_set(err, ENOENT, "there is no ZFS volume '%s'", full);
	if (r < 0) {
		listing_clear(&l);
		return r;
	}
	format = take(&out->format);
	*out = *l.rows[0].info;
	*l.rows[0].info = (struct volume_info){ 0 };
	listing_clear(&l);
	out->format = take(&format);
	allocation = out->allocation;
	path = xstrdup(out->path);
	r = block_info(p, path, out, err);
	out->allocation = allocation;
	return r;
}

static void drop(const char *full)
{
	const char *const words[] = { "zfs", "destroy", full, NULL };

	task_shield(1);
	(void)!run_words(words, NULL, POOL_WORK_MS, NULL);
	task_shield(-1);
}

/* The empty one, and its device. */
static int make(struct pool *p, const char *dataset, const struct volume_spec *spec, char **path, struct error *err)
{
	autofree char *full = xasprintf("%s/%s", dataset, spec->name);
	struct vec argv = { 0 };
	int r = zfs_name_check(spec->name, err);

	if (r == 0 && !spec->capacity)
		r = error_set(err, EINVAL, "a ZFS volume needs a capacity");
	if (r < 0)
		return r;
	zfs_create_argv(&argv, dataset, spec);
	r = run(&argv, NULL, POOL_WORK_MS, err);
	if (r < 0)
		return r;
	*path = xasprintf("/dev/zvol/%s", full);
	r = block_appears(p, *path, APPEARS_MS, err);
	if (r < 0)
		drop(full);
	return r;
}

static int create(struct pool *p, const struct volume_spec *spec, struct error *err)
{
	autofree char *dataset = dataset_of(p), *full = xasprintf("%s/%s", dataset, spec->name), *path = NULL;
	struct volume_spec device = *spec;
	int r;

	if (spec->backing && !spec->from_path)
		return error_set(err, ENOTSUP, "a backing file below a ZFS volume is not served: clone the volume '%s'",
				 spec->backing);
	if (spec->preallocation && !str_eq(spec->preallocation, "off") && !str_eq(spec->preallocation, "full"))
		return error_set(err, EINVAL, "preallocation '%s': a ZFS volume is off or full (reserved)",
				 spec->preallocation);
	if (spec->preallocation)
		device.allocation = str_eq(spec->preallocation, "off") ? 0 : spec->capacity;
	if (spec->secret) /* room for LUKS's own header */
		device.capacity += 4u << 20;
	r = make(p, dataset, &device, &path, err);
	if (r == 0 && (spec->from_path || spec->secret)) {
		r = image_create(p, spec, path, true, err);
		if (r < 0)
			drop(full);
	}
	return r;
}

static int clone(struct pool *p, const char *name, const struct volume_info *now, const struct volume_spec *to,
		 struct error *err)
{
	autofree char *dataset = dataset_of(p), *from = xasprintf("/dev/zvol/%s/%s", dataset, name);
	autofree char *full = xasprintf("%s/%s", dataset, to->name), *path = NULL;
	struct volume_spec device = *to;
	int r;

	device.capacity = now->physical ? now->physical : now->capacity;
	device.allocation = 0;
	r = make(p, dataset, &device, &path, err);
	if (r < 0)
		return r;
	r = block_copy(p, from, path, to->progress, to->arg, err);
	if (r < 0)
		drop(full);
	return r;
}

static int remove_volume(struct pool *p, const char *name, struct error *err)
{
	autofree char *dataset = dataset_of(p), *full = xasprintf("%s/%s", dataset, name);
	const char *const words[] = { "zfs", "destroy", full, NULL };

	return run_words(words, NULL, POOL_WORK_MS, err);
}

static int rename_volume(struct pool *p, const char *name, const char *to, struct error *err)
{
	autofree char *dataset = dataset_of(p), *full = xasprintf("%s/%s", dataset, name);
	autofree char *new = xasprintf("%s/%s", dataset, to), *path = xasprintf("/dev/zvol/%s", new);
	const char *const words[] = { "zfs", "rename", full, new, NULL };
	autoerror struct error late = { 0 };
	int r = zfs_name_check(to, err);

	if (r == 0)
		r = run_words(words, NULL, POOL_WORK_MS, err);
	if (r == 0) /* it is renamed, whether udev has said so or not */
		(void)!block_appears(p, path, APPEARS_MS, &late);
	return r;
}

static int resize(struct pool *p, const char *name, const struct volume_info *now unused, uint64_t capacity,
		  struct error *err)
{
	autofree char *dataset = dataset_of(p);
	struct vec argv = { 0 };

	zfs_resize_argv(&argv, dataset, name, capacity);
	return run(&argv, NULL, POOL_WORK_MS, err);
}

static int wipe(struct pool *p, const char *name, const struct volume_info *now unused, const char *algorithm,
		void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg, struct error *err)
{
	autofree char *dataset = dataset_of(p), *path = xasprintf("/dev/zvol/%s/%s", dataset, name);

	return block_wipe(p, path, algorithm, progress, arg, err);
}

static int image(struct pool *p, const char *name, int flags, const struct volume_spec *spec unused, struct bulk **out,
		 struct error *err)
{
	autofree char *dataset = dataset_of(p), *path = xasprintf("/dev/zvol/%s/%s", dataset, name);

	if (flags & O_CREAT)
		return error_set(err, EINVAL,
				 "'%s' is not created yet: a zvol is made with its size: write its capacity first",
				 name);
	return block_image(p, path, flags, out, err);
}

static int disk(struct pool *p, const char *name, const struct volume_info *now, struct node *disk,
		struct error *err unused)
{
	const char *dataset = node_get_or(pool_node(p), "source/name", pool_name(p));
	autofree char *path = xasprintf("/dev/zvol/%s/%s", dataset, name);

	return block_disk(now && now->path ? now->path : path, disk);
}

static int discover(struct str spec, struct buf *xml, struct error *err)
{
	static const char *const words[] = { "zpool", "list", "-H", "-o", "name", NULL };
	autodoc struct doc *doc = doc_parse(str_of("<sources>\n</sources>\n"), "sources", NULL);
	autobuf struct buf names = { 0 };
	autofree char *copy = NULL;
	char *save = NULL;
	int r;

	if (str_trim(spec).n)
		return error_set(err, EINVAL, "ZFS pools are looked for on this host: expected nothing, not '%.*s'",
				 (int)(spec.n < 100 ? spec.n : 100), spec.p);
	r = run_words(words, &names, POOL_ASK_MS, err);
	if (r < 0)
		return r;
	copy = xstrdup(buf_text(&names));
	for (char *name = strtok_r(copy, "\n", &save); name; name = strtok_r(NULL, "\n", &save))
		node_set(node_add(doc_root(doc), "source"), "name", name);
	doc_print(doc, xml);
	return 0;
}

const struct pool_driver zfs_pool = {
	.type = "zfs",
	.flags = POOL_NEEDS_ROOT | POOL_REMOTE, /* nothing tells of a zvol that others made */
	.probe = probe,
	.complete = complete,
	.source_show = source_show,
	.source_store = source_store,
	.find = find,
	.build = build,
	.start = start,
	.stop = stop,
	.erase = erase,
	.list = list,
	.usage = usage,
	.info = info,
	.create = create,
	.remove = remove_volume,
	.rename = rename_volume,
	.resize = resize,
	.clone = clone,
	.wipe = wipe,
	.image = image,
	.data = image_data,
	.disk = disk,
	.discover = discover,
};
