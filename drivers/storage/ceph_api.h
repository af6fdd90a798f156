/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Ceph's libraries, loaded when the first pool of type rbd is looked at: they take 15 ms and 20 MB, which nobody pays who has no Ceph.
 */
#ifndef DOMFS_CEPH_API_H
#define DOMFS_CEPH_API_H

#include <rados/librados.h>
#include <rbd/librbd.h>

#include "engine/error.h"

#define CEPH_FUNCTIONS(X)                                                                                              \
	X(rados_create)                                                                                                \
	X(rados_conf_set)                                                                                              \
	X(rados_connect)                                                                                               \
	X(rados_get_instance_id)                                                                                       \
	X(rados_shutdown)                                                                                              \
	X(rados_ioctx_create)                                                                                          \
	X(rados_ioctx_destroy)                                                                                         \
	X(rados_ioctx_set_namespace)                                                                                   \
	X(rados_ioctx_pool_stat)                                                                                       \
	X(rados_cluster_stat)                                                                                          \
	X(rbd_namespace_exists)                                                                                        \
	X(rbd_list2)                                                                                                   \
	X(rbd_image_spec_list_cleanup)                                                                                 \
	X(rbd_image_options_create)                                                                                    \
	X(rbd_image_options_destroy)                                                                                   \
	X(rbd_image_options_set_uint64)                                                                                \
	X(rbd_create4)                                                                                                 \
	X(rbd_clone3)                                                                                                  \
	X(rbd_remove)                                                                                                  \
	X(rbd_rename)                                                                                                  \
	X(rbd_open)                                                                                                    \
	X(rbd_open_read_only)                                                                                          \
	X(rbd_close)                                                                                                   \
	X(rbd_stat)                                                                                                    \
	X(rbd_get_size)                                                                                                \
	X(rbd_get_features)                                                                                            \
	X(rbd_get_flags)                                                                                               \
	X(rbd_get_parent)                                                                                              \
	X(rbd_linked_image_spec_cleanup)                                                                               \
	X(rbd_snap_spec_cleanup)                                                                                       \
	X(rbd_snap_list)                                                                                               \
	X(rbd_snap_list_end)                                                                                           \
	X(rbd_watchers_list)                                                                                           \
	X(rbd_watchers_list_cleanup)                                                                                   \
	X(rbd_metadata_get)                                                                                            \
	X(rbd_metadata_set)                                                                                            \
	X(rbd_metadata_remove)                                                                                         \
	X(rbd_encryption_format)                                                                                       \
	X(rbd_encryption_load)                                                                                         \
	X(rbd_diff_iterate2)                                                                                           \
	X(rbd_read2)                                                                                                   \
	X(rbd_write2)                                                                                                  \
	X(rbd_discard)                                                                                                 \
	X(rbd_write_zeroes)                                                                                            \
	X(rbd_resize)                                                                                                  \
	X(rbd_flush)

#define CEPH_POINTER(f) __typeof__(&f) f;
struct ceph_api {
	CEPH_FUNCTIONS(CEPH_POINTER)
};
extern struct ceph_api ceph;

/* Fills ceph; the second time does nothing.  On a thread: it reads files.  -ENOENT: the library is not there. */
int ceph_load(struct error *err);
bool ceph_loaded(void);

#endif
