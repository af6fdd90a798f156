/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between front.c and front_file.c. */
#ifndef DOMFS_REMOTE_FRONT_PRIVATE_H
#define DOMFS_REMOTE_FRONT_PRIVATE_H

#include "front.h"

struct rbytes;
struct rhandle {
	struct rnode *n;
	int flags;
	struct buf text; /* as it was when it was opened */
	uint32_t fid;	 /* open there; 0: not */
	bool written, stale;
	unsigned refs;
	struct fuse_pollhandle *poll;
	bool polling, ready;  /* the other side is asked whether there is something to read; there was */
	struct rbytes *bytes; /* clunks the fid */
};
struct rhandle *front_handle(const struct fuse_file_info *fi);

struct rnode *front_node(fuse_ino_t ino);
struct call *front_call(fuse_req_t req, struct rnode *n, int (*run)(struct call *, struct error *),
			void (*reply)(struct call *));
int front_on_fid(struct rnode *n, uint32_t fid, struct p9_msg *m, struct rcall **out, struct error *err);
uint32_t
front_open_fid(const struct fuse_file_info *fi); /* what FI's file is there; 0: it is not open there, or FI is NULL */

/* front_bytes.c */
void front_rbytes_read(fuse_req_t req, struct rhandle *h, size_t size, off_t off);
void front_rbytes_write(fuse_req_t req, struct rhandle *h, const char *p, size_t size, off_t off);
void front_rbytes_flush(fuse_req_t req, struct rhandle *h, bool sync);

#endif
