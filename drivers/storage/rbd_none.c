/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pools of type rbd in a domfs that was built without Ceph's headers: their definitions are kept, and start says why not. */
#include "rbd_source.h"

#define WHY "this domfs was built without librbd: install librbd-dev and librados-dev, and build it anew"

static int probe(struct buf *state, struct error *err unused)
{
	buf_puts(state, "not usable: " WHY "\n");
	return 0;
}

static int start(struct pool *p unused, struct error *err)
{
	return error_set(err, ENOTSUP, WHY);
}

static const char *const volume_formats[] = { "raw", NULL };

const struct pool_driver rbd_pool = {
	.type = "rbd",
	.flags = POOL_REMOTE | POOL_UNFOUND,
	.volume_formats = volume_formats,
	.probe = probe,
	.complete = rbd_complete,
	.source_show = rbd_source_show,
	.source_store = rbd_source_store,
	.start = start,
	.disk = rbd_disk,
};
