/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pools of type gluster in a domfs that was built without GlusterFS's headers: their definitions are kept, and start says why not. */
#include "gluster_source.h"

#define WHY "this domfs was built without libgfapi: install libglusterfs-dev and build it anew"

static int probe(struct buf *state, struct error *err unused)
{
	buf_puts(state, "not usable: " WHY "\n");
	return 0;
}

static int start(struct pool *p unused, struct error *err)
{
	return error_set(err, ENOTSUP, WHY);
}

const struct pool_driver gluster_pool = {
	.type = "gluster",
	.flags = POOL_REMOTE | POOL_UNFOUND,
	.volume_formats = gluster_formats,
	.probe = probe,
	.complete = gluster_complete,
	.source_show = gluster_source_show,
	.source_store = gluster_source_store,
	.start = start,
	.disk = gluster_disk,
};
