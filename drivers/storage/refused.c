/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Types of pools that are libvirt's too and cannot be had here: their definitions are kept as they are, and start says why not.
 */
#include "storage.h"

static int complete(struct node *pool unused, const char *dir unused, struct error *err unused)
{
	return 0;
}

static void source_show(const struct node *pool, struct buf *out)
{
	buf_puts(out, node_get_or(pool, "source/name", ""));
}

#define REFUSED(name, why)                                                                                             \
	static int name##_probe(struct buf *state, struct error *err unused)                                           \
	{                                                                                                              \
		buf_puts(state, "not usable: " why "\n");                                                              \
		return 0;                                                                                              \
	}                                                                                                              \
	static int name##_start(struct pool *p unused, struct error *err)                                              \
	{                                                                                                              \
		return error_set(err, ENOTSUP, "pools of type " #name " are not served: " why);                        \
	}                                                                                                              \
	const struct pool_driver name##_pool = {                                                                       \
		.type = #name,                                                                                         \
		.flags = POOL_READONLY | POOL_REMOTE,                                                                  \
		.probe = name##_probe,                                                                                 \
		.complete = complete,                                                                                  \
		.source_show = source_show,                                                                            \
		.start = name##_start,                                                                                 \
	}

REFUSED(sheepdog, "QEMU has had no sheepdog client since 6.1, and its server is not developed any more: use rbd");
REFUSED(vstorage,
	"Virtuozzo's vstorage-mount is not free software that could be had here: mount the cluster, and use a "
	"pool of type dir on the mount point");
