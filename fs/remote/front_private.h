/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between front.c and front_file.c. */
#ifndef DOMFS_REMOTE_FRONT_PRIVATE_H
#define DOMFS_REMOTE_FRONT_PRIVATE_H

#include "front.h"

/* An open file of a remote tree. */
struct rhandle {
	struct rnode *n;
	int flags;
	struct buf text; /* as it was when it was opened; of a stream: what was received and not read yet */
	uint32_t fid;	 /* open there; 0: not */
	unsigned link;	 /* on which of the host's connections */
	bool written, stale;
	unsigned refs;
	struct fuse_pollhandle *poll;
	struct task *polling; /* asks the other side whether there is something to read */
	bool ready;	      /* there was */
	/* A stream that is followed: */
	bool by_offset;		 /* it is not read from its beginning to its end, or the other side cannot */
	bool cut;		 /* the connection was lost since the last read */
	bool mid_line;		 /* what was read last did not end its line */
	uint64_t ring, position; /* what was received last, there */
	uint64_t offset;	 /* where the reader is */
};

struct rnode *front_node(fuse_ino_t ino);
struct call *front_call(fuse_req_t req, struct rnode *n, int (*run)(struct call *, struct error *),
			void (*reply)(struct call *));
int front_on_fid(struct rnode *n, uint32_t fid, struct p9_msg *m, struct rcall **out, struct error *err);
/* front_file.c: H is open there now, on this connection: streams are opened again, anything else cannot be. */
int front_current(struct rhandle *h, struct error *err);
int front_open_there(struct rhandle *h, struct error *err);
/* front_stream.c: reads of streams whose readers wait for more.  They go on over a connection that is lost and comes back. */
bool front_follows(const struct rhandle *h);
int front_next(struct call *c, struct error *err);
void front_poll_task(void *arg); /* ARG: the handle, referenced */
void front_handle_unref(struct rhandle *h);
uint32_t
front_open_fid(const struct fuse_file_info *fi); /* what FI's file is there; 0: it is not open there, or FI is NULL */

#endif
