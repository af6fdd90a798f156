/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An open file of bytes of another host's tree.  What is read on and on is asked for before it is wanted; what is written is answered before it is
 * there, and what became of it is said by the next write, or when it is settled.  Both are bounded.  Nothing here knows FUSE.
 *
 * What is read ahead is forgotten when this host writes to the file, and after a second: another host may have.
 */
#ifndef DOMFS_REMOTE_BYTES_H
#define DOMFS_REMOTE_BYTES_H

#include "fs/closer.h"
#include "remote.h"

struct rbytes;

/* FID is open there on the host's connection LINK, with the FLAGS of open(2), and is clunked by rbytes_close. */
struct rbytes *rbytes_new(struct rnode *n, uint32_t fid, unsigned link, int flags);
/* What was not committed is dropped by the other host.  Waits for nothing. */
void rbytes_close(struct rbytes *b);
/* Before N is opened for writing: somebody who wrote to it and was killed is closed soon.  Task. */
int rbytes_wait_for_the_dead(const struct rnode *n);

/* N bytes from OFF will be read: in the order in which they are wanted. */
void rbytes_will_read(struct rbytes *b, uint64_t off, size_t n);
/* Sets *AT and *LENGTH to at most N bytes from OFF, which are in OUT.  Task. */
int rbytes_read(struct rbytes *b, uint64_t off, size_t n, struct buf *out, const char **at, size_t *length,
		struct error *err);
/* 0: it is on its way.  -EAGAIN: so much is that it must wait (rbytes_write_waiting).  Else what became of those before. */
int rbytes_write(struct rbytes *b, pid_t pid, uint64_t off, const char *p, size_t n);
int rbytes_write_waiting(struct rbytes *b, pid_t pid, uint64_t off, const char *p, size_t n); /* task */
/* Something else than a write, by PID, will change it. */
void rbytes_will_change(struct rbytes *b, pid_t pid);
/* M is about it, and whatever was written on this host before is done before it.  Task. */
int rbytes_call(struct rbytes *b, struct p9_msg *m, struct rcall **out, struct error *err);
/* The same of N, of which nothing need be open. */
int rnode_written(const struct rnode *n);

/* How PID closes it. */
enum closing rbytes_closing(struct rbytes *b, pid_t pid);
/* What was written is there, or why not.  Task. */
int rbytes_settle(struct rbytes *b, struct error *err);
int rbytes_commit(struct rbytes *b, struct error *err); /* and is part of the volume */
int rbytes_sync(struct rbytes *b, struct error *err);	/* and is on its disk */

struct rnode *rbytes_node(const struct rbytes *b);
uint32_t rbytes_fid(const struct rbytes *b);
bool rbytes_writes_through(const struct rbytes *b); /* O_SYNC, O_DIRECT */

#endif
