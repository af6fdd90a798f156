/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pools of type mpath: the multipath devices of this machine, which multipathd makes and removes.  All there is to know of them is in sysfs.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "engine/units.h"
#include "scsi.h"

#define MARK   "mpath-" /* a map's uuid begins with who made it */
#define SECTOR 512u

static int mpath_probe(struct buf *state, struct error *err unused)
{
	static const char *const needs[] = { "multipathd", "multipath-tools", NULL };

	if (access(SCSI_SYS "/class/misc/device-mapper", F_OK) < 0 && access("/dev/mapper/control", F_OK) < 0)
		buf_puts(state, "not usable: the kernel's device mapper is not there: modprobe dm-multipath\n");
	else if (tools_missing(needs, state) == 0)
		buf_puts(state, "usable\n");
	return 0;
}

static int mpath_complete(struct node *pool, const char *dir unused, struct error *err)
{
	const char *path = node_get(pool, "target/path");

	if (!path || !*path)
		node_set(pool, "target/path", "/dev/mapper");
	else if (strcmp(path, "/dev/mapper") != 0)
		return error_set(err, EINVAL, "target: '%s': multipath devices are all in /dev/mapper", path);
	if (node_has(pool, "source/device") || node_has(pool, "source/host") || node_has(pool, "source/adapter") ||
	    node_has(pool, "source/dir") || node_has(pool, "source/name"))
		return error_set(err, EINVAL,
				 "source: a pool of type mpath has none: it is all multipath devices there are");
	return 0;
}

static void add_map(struct listing *out, const char *block, const char *name, const char *uuid)
{
	struct volume_info *info = xcalloc(1, sizeof(*info));
	autofree char *size = sys_text(block, "size"), *dev = sys_text(block, "dev");
	uint64_t sectors = 0;

	(void)!u64_parse(str_of(size), 0, INT64_MAX / SECTOR, &sectors, NULL);
	info->type = VOLUME_BLOCK;
	info->path = xasprintf("/dev/mapper/%s", name);
	info->key = xstrdup(uuid + strlen(MARK));
	info->format = xstrdup("raw");
	info->capacity = info->allocation = info->physical = sectors * SECTOR;
	info->claim = dev ? xasprintf("block:%s", dev) : NULL;
	listing_add(out, name)->info = info;
}

int mpath_maps(const char *sys, struct listing *out, struct error *err)
{
	autofree char *dir = xasprintf("%s/block", sys);
	struct vec names = { 0 };
	int r = sys_names(dir, "dm-", &names);

	if (r < 0)
		return error_set(err, -r, "the block devices of this machine cannot be listed: %s: %s", dir,
				 strerror(-r));
	for (size_t i = 0; i < names.n; i++) {
		autofree char *block = xasprintf("%s/%s", dir, (char *)names.at[i]);
		autofree char *uuid = sys_text(block, "dm/uuid"), *name = sys_text(block, "dm/name");

		if (uuid && name && *name && str_starts(uuid, MARK))
			add_map(out, block, name, uuid);
	}
	vec_clear(&names, free);
	return 0;
}

static int maps_work(void *arg)
{
	struct scsi_work *w = arg;

	return mpath_maps(w->sys, &w->list, &w->why);
}

static int mpath_list(struct pool *p, struct listing *out, struct error *err)
{
	struct scsi_work *w = scsi_work_new(p);
	int r = scsi_work_run(p, w, maps_work, POOL_ASK_MS, err);

	if (r < 0)
		return r;
	*out = w->list;
	w->list = (struct listing){ 0 };
	scsi_work_free(w);
	return 0;
}

static int mpath_image(struct pool *p, const char *name, int flags, const struct volume_spec *spec unused,
		       struct bulk **out, struct error *err)
{
	autofree char *path = xasprintf("/dev/mapper/%s", name);

	return block_image(p, path, flags, out, err);
}

static const char *const volume_formats[] = { "raw", NULL };

const struct pool_driver mpath_pool = {
	.type = "mpath",
	.flags = POOL_NEEDS_ROOT | POOL_READONLY | POOL_REMOTE | POOL_UNFOUND,
	.volume_formats = volume_formats,
	.probe = mpath_probe,
	.complete = mpath_complete,
	.list = mpath_list,
	.usage = lun_usage,
	.wipe = lun_wipe,
	.image = mpath_image,
	.data = image_data,
	.disk = lun_disk,
};
