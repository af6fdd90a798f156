/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pools of type fs: the files of a block device's file system, which is mounted while the pool is active. */

#include "engine/spawn.h"
#include "mounting.h"
#include "signature.h"

static const char *const formats[] = { "auto", "ext2", "ext3", "ext4", "ufs",	"iso9660", "udf",   "gfs",
				       "gfs2", "vfat", "hfs+", "xfs",  "ocfs2", "vmfs",	   "btrfs", NULL };

/* How a file system is made, on a device that is blank then. */
static const struct maker {
	const char *format, *program, *package, *option;
} makers[] = {
	{ "ext2", "mkfs.ext2", "e2fsprogs", "-q" },	{ "ext3", "mkfs.ext3", "e2fsprogs", "-q" },
	{ "ext4", "mkfs.ext4", "e2fsprogs", "-q" },	{ "xfs", "mkfs.xfs", "xfsprogs", "-q" },
	{ "btrfs", "mkfs.btrfs", "btrfs-progs", "-q" }, { "vfat", "mkfs.vfat", "dosfstools", "-I" },
	{ "udf", "mkfs.udf", "udftools", NULL },	{ "hfs+", "mkfs.hfsplus", "hfsprogs", NULL },
};

static const struct maker *maker_of(const char *format)
{
	for (size_t i = 0; i < ARRAY_SIZE(makers); i++)
		if (!strcmp(makers[i].format, format))
			return &makers[i];
	return NULL;
}

/* ---- definition ---- */

static int fs_complete(struct node *pool, const char *dir, struct error *err)
{
	const char *device = node_get(pool, "source/device/@path");

	if (!device || !*device)
		return error_set(err, EINVAL, "source/device: a pool of type fs needs the path of a block device");
	if (device[0] != '/')
		return error_set(err, EINVAL, "source/device: the path '%s' is not absolute", device);
	if (node_count(pool, "source/device") > 1)
		return error_set(err, EINVAL, "source/device: a pool of type fs has one device, here are %u",
				 node_count(pool, "source/device"));
	if (!node_has(pool, "source/format/@type"))
		node_set(pool, "source/format/@type", formats[0]);
	return mounting_target(pool, dir, err);
}

static void fs_source_show(const struct node *pool, struct buf *out)
{
	buf_puts(out, node_get_or(pool, "source/device/@path", ""));
}

static int fs_source_store(struct node *pool, struct str text, struct error *err)
{
	autofree char *path = xstrndup(text.p, text.n);

	if (text.n && path[0] != '/')
		return error_set(err, EINVAL, "'%s' is not the path of a block device, such as /dev/sdb1", path);
	node_set(pool, "source/device/@path", text.n ? path : NULL);
	return 0;
}

/* ---- build ---- */

static int make(const char *device, const char *format, bool overwrite, struct error *err)
{
	const struct maker *m = maker_of(format);
	int r = 0;

	if (!m)
		return error_set(
			err, ENOTSUP,
			"a file system of type %s is not made here, only ext2 ext3 ext4 xfs btrfs vfat udf hfs+: make it "
			"on '%s' by its own tools, then start the pool",
			format, device);
	/* what is left of an old one could be taken for the new one */
	if (overwrite)
		r = device_wipe_signatures(device, err);
	if (r == 0) {
		const char *const argv[] = { m->program, m->option ? m->option : device, m->option ? device : NULL,
					     NULL };
		r = spawn_run(argv, str_of(NULL), NULL, POOL_LONG_MS, err);
	}
	return error_in(err, r, "%s on '%s'", format, device);
}

static int fs_build(struct pool *p, bool overwrite, struct error *err)
{
	autofree char *device = pool_text(p, "source/device/@path"), *format = pool_text(p, "source/format/@type");
	autobuf struct buf there = { 0 };
	bool any = str_eq(format, "auto");
	int r = device_unused(p, device, err);

	if (r == 0)
		r = device_signatures(device, &there, err);
	if (r < 0)
		return r;
	if (any && (overwrite || !there.n))
		return error_set(
			err, EINVAL,
			"the format is auto: say which file system is to be made, e.g. echo ext4 > source_format");
	if (!any && there.n && !overwrite)
		return error_set(
			err, EEXIST,
			"'%s' holds %s: nothing was made; start uses it as it is, echo 'build overwrite' destroys it",
			device, buf_text(&there));
	r = any ? 0 : make(device, format, overwrite, err);
	return r == 0 ? mounting_make_target(p, err) : r;
}

/* ---- what works here ---- */

static int fs_probe(struct buf *state, struct error *err unused)
{
	static const char *const needed[] = { "mount", "mount", "umount", "mount", "wipefs", "util-linux", NULL };
	autobuf struct buf makes = { 0 }, lacks = { 0 };

	if (tools_missing(needed, state) != 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(makers); i++) {
		autobuf struct buf why = { 0 };
		const char *type = strcmp(makers[i].format, "hfs+") ? makers[i].format : "hfsplus";

		if (!kernel_mounts(type))
			buf_printf(&lacks, "%s: this kernel has no such file system\n", makers[i].format);
		else if (!tool_there(makers[i].program, makers[i].package, &why))
			buf_printf(&lacks, "%s: cannot be built: %s\n", makers[i].format, buf_text(&why));
		else
			buf_printf(&makes, " %s", makers[i].format);
	}
	buf_printf(state, "usable\nbuilds:%s\n%s", buf_text(&makes), buf_text(&lacks));
	return 0;
}

const struct pool_driver fs_pool = {
	.type = "fs",
	.flags = POOL_NEEDS_ROOT | POOL_FILES,
	.source_formats = formats,
	.probe = fs_probe,
	.complete = fs_complete,
	.source_show = fs_source_show,
	.source_store = fs_source_store,
	.find = mounting_find,
	.build = fs_build,
	.start = mounting_start,
	.stop = mounting_stop,
	.erase = mounting_erase,
	FILES_SLOTS,
};
