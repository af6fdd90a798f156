/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* GlusterFS's library, loaded when the first pool of type gluster is started: who has none does not pay for it. */
#ifndef DOMFS_GLUSTER_API_H
#define DOMFS_GLUSTER_API_H

#include <glusterfs/api/glfs.h>

#include "engine/error.h"

#define GLUSTER_FUNCTIONS(X)                                                                                           \
	X(glfs_new)                                                                                                    \
	X(glfs_set_volfile_server)                                                                                     \
	X(glfs_set_logging)                                                                                            \
	X(glfs_init)                                                                                                   \
	X(glfs_fini)                                                                                                   \
	X(glfs_statvfs)                                                                                                \
	X(glfs_stat)                                                                                                   \
	X(glfs_lstat)                                                                                                  \
	X(glfs_opendir)                                                                                                \
	X(glfs_readdir)                                                                                                \
	X(glfs_closedir)                                                                                               \
	X(glfs_open)                                                                                                   \
	X(glfs_creat)                                                                                                  \
	X(glfs_close)                                                                                                  \
	X(glfs_fstat)                                                                                                  \
	X(glfs_pread)                                                                                                  \
	X(glfs_pwrite)                                                                                                 \
	X(glfs_lseek)                                                                                                  \
	X(glfs_ftruncate)                                                                                              \
	X(glfs_fallocate)                                                                                              \
	X(glfs_discard)                                                                                                \
	X(glfs_fsync)                                                                                                  \
	X(glfs_fchmod)                                                                                                 \
	X(glfs_fchown)                                                                                                 \
	X(glfs_posix_lock)                                                                                             \
	X(glfs_mkdir)                                                                                                  \
	X(glfs_chmod)                                                                                                  \
	X(glfs_lchown)                                                                                                 \
	X(glfs_rmdir)                                                                                                  \
	X(glfs_unlink)                                                                                                 \
	X(glfs_link)                                                                                                   \
	X(glfs_rename)

#define GLUSTER_POINTER(f) __typeof__(&f) f;
struct gluster_api {
	GLUSTER_FUNCTIONS(GLUSTER_POINTER)
};
extern struct gluster_api gluster;

/* Fills gluster; the second time does nothing.  On a thread: it reads files.  -ENOENT: the library is not there. */
int gluster_load(struct error *err);
bool gluster_loaded(void);

#endif
