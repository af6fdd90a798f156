/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pools of type gluster: the files of a directory of a GlusterFS volume, by libgfapi.
 *
 * One connection is kept while the pool is active.  Its calls block for as long as the servers are silent: they are made on threads only, and
 * what is open holds on to the connection.
 */
#ifndef DOMFS_GLUSTER_H
#define DOMFS_GLUSTER_H

#include <stdatomic.h>

#include "far_job.h"
#include "gluster_api.h"
#include "gluster_source.h"

/* ---- gluster_job.c: the connection, and what goes to a thread ---- */

struct gluster_fs {
	atomic_uint refs;
	glfs_t *fs;
	struct gluster_source at;
};
struct gluster_fs *gluster_fs_hold(struct gluster_fs *f);
void gluster_fs_put_later(void *f); /* from the loop: a thread ends it when it was the last */

struct gluster_job {
	struct far_job far;
	struct gluster_fs *fs;
	char *name, *to;	/* of volumes */
	char *temp;		/* what was made and is not whole: it goes with the job */
	glfs_fd_t *fd, *target; /* TARGET: that of TEMP */
	bool replaces;		/* TEMP may take the place of what is there */
	uid_t uid;		/* whose TEMP will be */
	gid_t gid;
	mode_t mode;
	struct listing list;
	struct statvfs usage;
	struct stat st;
	char *head; /* the first bytes */
	size_t nhead;
	int flags;
};
struct gluster_job *gluster_job_new(struct pool *p, const char *name, struct error *err); /* NULL: not active */
/* Without a pool's connection: what start makes. */
struct gluster_job *gluster_job_first(void);
void gluster_job_owner(struct gluster_job *j, const struct volume_spec *spec);
void gluster_job_free(void *job); /* on the loop */
void gluster_job_end(void *job);  /* the same on a thread */
/* On a thread: errno in words, about NAME; also the result. */
int gluster_failed(struct gluster_job *j, const char *name);

/* ---- gluster_file.c: files.  All on threads ---- */

#define GLUSTER_PIECE (64ull << 20)				  /* what is gone over in one go */
char *gluster_path(const struct gluster_fs *f, const char *name); /* in the volume; the caller frees */
int gluster_connect(void *job);
int gluster_clean(struct gluster_job *j); /* what a crash left */
int gluster_list_work(void *job);
int gluster_usage_work(void *job);
int gluster_look(void *job); /* j->st; where j->flags the first bytes, too */
int gluster_mkdir_work(void *job);
int gluster_remove_work(void *job);
int gluster_rename_work(void *job);
int gluster_grow_work(void *job); /* by j->size bytes */
/* An existing volume's file: no link, no directory. */
glfs_fd_t *gluster_open_file(struct gluster_job *j, int flags);
int gluster_make_temp(
	struct gluster_job *j);		   /* j->temp, open as j->target and locked: it is not taken for a left one */
int gluster_appear(struct gluster_job *j); /* it becomes j->to */

/* ---- slots that fill a file ---- */

int gluster_create(struct pool *p, const struct volume_spec *spec, struct error *err); /* gluster_copy.c */
int gluster_clone(struct pool *p, const char *name, const struct volume_info *now, const struct volume_spec *to,
		  struct error *err);
int gluster_wipe(struct pool *p, const char *name, const struct volume_info *now, const char *algorithm,
		 void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg, struct error *err);
int gluster_image(struct pool *p, const char *name, int flags, const struct volume_spec *spec, struct bulk **out,
		  struct error *err); /* gluster_bytes.c */

#endif
