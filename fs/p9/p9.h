/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the files of the 9P server. */
#ifndef DOMFS_P9_H
#define DOMFS_P9_H

#include "engine/task.h"
#include "fs/link.h"
#include "fs/open.h"
#include "server.h"
#include "wire.h"

/*
 * Of one connection.  Requests that end by themselves: beyond these it is heard no more until some have ended and their answers are on their way.
 * What waits for something to happen does not count there, or it could keep a Tflush out; there may be so much of it, and no more (-EAGAIN).
 */
#define P9_REQUESTS_MAX	    512
#define P9_HELD_MAX	    (8u << 20) /* bytes of requests and of what they may be answered with */
#define P9_PARKED_MAX	    4096
#define P9_PARKED_BYTES_MAX (8u << 20)
#define P9_FIDS_MAX	    4096
#define P9_FIRST_MAX	    8192	/* a message before the first Tversion */
#define P9_OWN_MIN	    (64u << 10) /* msize below which our own messages have no room */

/* A client's name for a node.  One that a walk is still looking for exists already: requests on it wait for that, in their order. */
struct p9_fid {
	uint32_t id;
	unsigned refs;
	struct p9_conn *conn;
	struct place at; /* the object is referenced; no slot: a scratch file */
	struct who who;
	struct handle *h;   /* open */
	uint64_t scratch;   /* its inode; 0: none */
	bool pending, gone; /* being walked to or opened; that failed, or it was clunked */
	struct waitq settled;
	bool writes; /* opened for writing */
	bool partly; /* the last read of a stream gave less than was asked for */
	/* Txattrwalk and Txattrcreate make a fid a piece of text. */
	bool xattr, xattr_sets;
	char *xattr_name;
	struct buf text;
};

struct p9_conn {
	struct link *link;
	struct client *client; /* what host/clients shows of it */
	struct who who;
	bool root;   /* may speak for others */
	bool own;    /* 9P2000.L.domfs */
	uint32_t id; /* its own, from 1 */
	char *peer;
	uint32_t msize; /* 0: before Tversion */
	struct hash *fids;
	TAILQ_HEAD(, p9_req) reqs;
	unsigned nreqs, refs;
	size_t held;
	unsigned nparked;
	size_t parked_bytes;
	bool attached, closed;
	struct buf out;
	bool watches,
		all_told; /* gets news, under WATCH_TAG; was told that everything has changed, and nothing since */
	uint16_t watch_tag;
	uint64_t news_at; /* how many of them it has got */
	struct loop_timer *silence;
	void (*ended)(void *arg);
	void *arg;
	TAILQ_ENTRY(p9_conn) list;
};

struct p9_req {
	struct p9_conn *conn;
	struct buf bytes; /* the message; MSG borrows from it */
	struct p9_msg msg;
	struct task *task;
	struct vec flushes; /* tags of Tflush that wait for it */
	bool silent;	    /* its session is over, or it was answered: nobody hears more */
	bool parked;
	size_t weight;	    /* of HELD, or of PARKED_BYTES */
	struct vec objects; /* referenced as long as it goes on: its fid may be moved away meanwhile */
	struct buf text;    /* what the reply borrows */
	TAILQ_ENTRY(p9_req) list;
};

/* Nobody waits for its answer any more.  Else -ECANCELED is the object's own: somebody aborted the job. */
bool p9_given_up(const struct p9_req *q);

/* A request's work, in a task: fills OUT (its type is set), or fails. */
typedef int p9_run(struct p9_req *q, struct p9_msg *out, struct error *err);
p9_run p9_version, p9_attach, p9_walk, p9_clunk, p9_remove;	   /* fid.c */
p9_run p9_getattr, p9_setattr, p9_statfs, p9_readlink, p9_readdir; /* attr.c */
p9_run p9_lopen, p9_lcreate, p9_read, p9_write, p9_fsync, p9_lock, p9_getlock;
int p9_xattr_store(struct p9_fid *f, struct error *err); /* xattr.c: what was written to it is set */

/* file.c */
int p9_open(struct p9_fid *f, uint32_t flags, struct error *err);
p9_run p9_mkdir, p9_unlinkat, p9_renameat, p9_rename, p9_symlink, p9_mknod, p9_link; /* name.c */
p9_run p9_xattrwalk, p9_xattrcreate;						     /* xattr.c */
p9_run p9_get, p9_list, p9_put, p9_watch, p9_poll, p9_next;			     /* own.c */
p9_run p9_seek, p9_allocate, p9_copy;						     /* bytes.c */

/* bytes.c: the parts of Tread, Twrite, Tfsync and Tsetattr for files of bytes */
int p9_bytes_read(struct p9_req *q, struct bytes *b, uint32_t n, struct error *err);
int p9_bytes_write(struct p9_req *q, struct p9_fid *f, struct error *err);
int p9_bytes_sync(struct p9_req *q, struct p9_fid *f, struct error *err);
/* B NULL: nobody has it open for it. */
int p9_bytes_cut(const struct place *at, struct bytes *b, uint64_t size, struct error *err);

/* conn.c */
/* Records R, unless it is none or who asked took it back (what somebody else ended has failed); R. */
int p9_failed(const struct p9_req *q, const struct place *at, const struct who *who, int r, struct error *err);
void p9_send(struct p9_conn *c, const struct p9_msg *m);
void p9_answer(struct p9_req *q, const struct p9_msg *m); /* before its work is done: nothing more is said of it */
void p9_each_conn(void (*fn)(struct p9_conn *c));
/* own.c: what changed and was not told yet is told now. */
void p9_news_tell(struct p9_conn *c);
/* conn.c.  Around a wait for something to happen.  -EAGAIN: too much waits already. */
int p9_park(struct p9_req *q, struct error *err);
void p9_unpark(struct p9_req *q);
void p9_abort_others(struct p9_req *q); /* Tversion: what else goes on ends without an answer */
void p9_throttle(struct p9_conn *c);

/* fid.c.  A fid of the client's, when it is known where it leads (waits for a walk that goes on); referenced: p9_fid_unref. */
int p9_fid(struct p9_req *q, uint32_t id, struct p9_fid **out, struct error *err);
int p9_fid_new(struct p9_conn *c, uint32_t id, const struct p9_fid *from, struct p9_fid **out, struct error *err);
void p9_fid_unref(struct p9_fid *f);
void p9_fid_unref_p(struct p9_fid **f);
#define autofid __attribute__((cleanup(p9_fid_unref_p)))
void p9_fid_move(struct p9_fid *f, const struct place *to, uint64_t scratch);
void p9_fid_settle(struct p9_fid *f); /* it is pending no more */
void p9_fids_clear(struct p9_conn *c);
struct place p9_place(const struct p9_fid *f);
int p9_step(const struct who *who, const struct place *dir, uint64_t *scratch, struct str name, struct place *out,
	    struct error *err);

/* attr.c */
void p9_attr_from(const struct stat *st, struct p9_attr *a);
struct p9_qid p9_qid_of(const struct place *at, uint64_t scratch);
int p9_attr_of(const struct place *at, uint64_t scratch, struct p9_attr *a,
	       struct error *err); /* a task: settles first */

/* file.c */
/* Waits until something of O that streams show may have changed; -EAGAIN: as p9_park. */
int p9_wait_for(struct p9_req *q, struct object *o, struct error *err);
int p9_scratch_may(const struct scratch *s, const struct who *who, int bits, struct error *err);

/* May WHO do BITS (04 read, 02 write, 01 search) on AT?  -EACCES.  For what the kernel checks before FUSE asks us. */
int p9_may(const struct place *at, const struct who *who, int bits, struct error *err);
/* VICTIM (NULL: none) is renamed, replaced or removed there. */
int p9_may_change_names(const struct place *dir, const struct stat *victim, const struct who *who, struct error *err);
int p9_may_change_place(const struct place *dir, const struct place *victim, const struct who *who, struct error *err);

#endif
