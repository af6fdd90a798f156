/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pools of type rbd: images of a Ceph pool, by librbd.
 *
 * One connection is kept while the pool is active.  Ceph's calls block for as long as the cluster is silent (bounded by CEPH_OP_S), and many
 * of them end threads: they are made on threads only, each with an image handle of its own, which holds on to the connection.
 */
#ifndef DOMFS_RBD_H
#define DOMFS_RBD_H

#include <stdatomic.h>

#include "ceph_api.h"
#include "far_job.h"
#include "rbd_source.h"

#define CEPH_OP_S 30 /* as long as libvirt lets a monitor or an OSD be silent */

/* ---- rbd_cluster.c: the connection.  On threads, unless said otherwise ---- */

struct cluster {
	atomic_uint refs;
	rados_t rados;
	rados_ioctx_t io;
	bool made, opened;  /* RADOS, IO are there */
	char *pool, *space; /* of the login */
	bool by_capacity;   /* an image's allocation is not asked for */
};
int cluster_open(struct cluster *c, const struct rbd_login *l, struct error *err);
struct cluster *cluster_new(void);
struct cluster *cluster_hold(struct cluster *c);
void cluster_put(struct cluster *c);	     /* the last one ends the connection, which may block */
bool cluster_put_if_more(struct cluster *c); /* from anywhere: true unless it is the last one */
void cluster_put_later(void *c);	     /* from the loop: a thread does it */
/* What Ceph answered in words: WHAT names the thing; R is negative. */
int ceph_failed(struct error *err, int r, const char *what, const char *name);
/* "POOL/[SPACE/]NAME" */
char *cluster_path(const struct cluster *c, const char *name);

/* ---- rbd_image.c: images.  On threads ---- */

int ceph_image_open(struct cluster *c, const char *name, bool writes, rbd_image_t *out, struct error *err);
int ceph_image_info(struct cluster *c, const char *name, struct volume_info *out, struct error *err);
/* Does it hold other states of itself?  -EBUSY naming them: WHY says what they are in the way of. */
int ceph_image_snapshots(rbd_image_t image, const char *name, const char *why, struct error *err);
char *ceph_temporary_name(void); /* of an image that is not whole yet */
int ceph_image_remove(struct cluster *c, const char *name, struct error *err);
/* Bytes of LUKS's header; 0: it is not encrypted, or not by us. */
uint64_t ceph_image_luks(rbd_image_t image, bool *two);

int ceph_image_copy_luks(rbd_image_t from, rbd_image_t to); /* the note of it */

void ceph_image_forget_luks(rbd_image_t image);

struct rbd_new {
	const char *name;
	uint64_t size;
	const char *parent; /* "NAME@SNAPSHOT" of the same pool; NULL */
	const char *luks;   /* "luks" or "luks2"; NULL */
	struct str passphrase;
	int order; /* 0: as is usual */
};
int ceph_image_make(struct cluster *c, const struct rbd_new *n, struct error *err);
/* Calls FN for each part of N bytes at OFF that holds something, ascending; FN returns non-zero to end it. */
int ceph_image_extents(rbd_image_t image, uint64_t off, uint64_t n, bool fine,
		       int (*fn)(void *arg, uint64_t off, uint64_t n), void *arg);

/* ---- rbd_job.c: what goes to a thread ---- */

struct rbd_job {
	struct far_job far;
	struct cluster *c;
	struct rbd_login login; /* of start */
	char *name, *to;
	rbd_image_t image, target;
	struct image_bytes *bytes;
	bool made;   /* TO was made and is not whole: it goes with the job */
	char *whole; /* what TO will be called when it is */
	struct listing list;
	struct volume_info info;
	struct pool_usage usage;
	struct rbd_new new;
	char *parent, *luks;
	struct buf passphrase;
	int flags;
};
struct rbd_job *rbd_job_first(void); /* with a connection that start makes */
struct rbd_job *rbd_job_new(struct pool *p, const char *name, struct error *err); /* NULL: it is not active */
void rbd_job_close(struct rbd_job *j); /* its images.  On its thread: closing waits for the cluster */
void rbd_job_free(void *job);	       /* on the loop */
void rbd_job_end(void *job);	       /* the same on a thread */

struct image_bytes; /* rbd_bytes.c; may be NULL; on a thread */
void rbd_bytes_free(struct image_bytes *b);

/* ---- slots that fill a file ---- */

int rbd_image_slot(struct pool *p, const char *name, int flags, const struct volume_spec *spec, struct bulk **out,
		   struct error *err); /* rbd_bytes.c */
int rbd_data_slot(struct pool *p, const char *name, const struct data_layer *layers, size_t n, bool write,
		  const struct secret *secret, struct bulk **out, struct error *err);
int rbd_wipe(struct pool *p, const char *name, const struct volume_info *now, const char *algorithm,
	     void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg, struct error *err); /* rbd_copy.c */
int rbd_clone_slot(struct pool *p, const char *name, const struct volume_info *now, const struct volume_spec *to,
		   struct error *err);
int rbd_fill(struct rbd_job *j, const struct volume_spec *spec, struct error *err); /* zeroes that take room; frees J */

#endif
