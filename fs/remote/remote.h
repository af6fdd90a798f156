/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Another host's tree: a 9P client (p9/wire.h; our own messages where the other end knows them), and what it has been told of that tree.  What
 * the other end promised to take back when it changes is answered from here; anything else costs one round trip.
 */
#ifndef DOMFS_REMOTE_H
#define DOMFS_REMOTE_H

#include "engine/task.h"
#include "fs/link.h"
#include "fs/p9/wire.h"
#include "transport.h"

#define REMOTE_INO (1ull << 62) /* set in the inodes of remote nodes */

extern int64_t remote_silence_ms; /* host_timeout=: a host that says nothing for so long is lost */

enum remote_state { REMOTE_IDLE, REMOTE_CONNECTING, REMOTE_CONNECTED, REMOTE_LOST };
extern const char *const remote_state_names[];

struct rnode {		 /* a node of the other tree */
	uint64_t number; /* below 2^32 */
	uint8_t version; /* of its inode: who opens it for writing leaves another one to the next, as the kernel lets only one write an inode */
	struct remote *r;
	struct rnode *parent; /* NULL: the root */
	char *name;
	struct p9_qid qid;
	struct p9_attr attr;
	uint32_t facets; /* what it depends on; 0: nothing of it is kept */
	enum p9_kind kind;
	bool attr_known, text_known, listed; /* as the other end said last, and has not taken back */
	bool told;			     /* the kernel may keep its attributes */
	bool text_new;			     /* its text came with what was told, for whoever reads it next */
	bool gone;
	bool hidden;	   /* it was not listed, but answers to its name */
	int64_t told_ms;   /* when something was told of it; 0: that does not hold any more */
	int64_t missed_ms; /* a directory: when something in it had to be asked for last, */
	unsigned missed;   /* and how often that was in a row */
	unsigned refs;	   /* its place in the tree, and requests */
	struct buf text;
	struct hash *children;
	struct vec order;	/* the same, as they were listed; numbers grow */
	LIST_ENTRY(rnode) same; /* of one object there */
};

struct remote {
	unsigned index; /* in the inodes */
	char *uri;
	enum remote_state state;
	char *error_text;	  /* why it is not connected */
	struct transport carrier; /* by what it is, or was last */
	int64_t latency_ns;	  /* of the first round trip */
	struct link *link;
	bool own; /* the other end knows our messages */
	uint32_t msize;
	bool mapped; /* what is the login's there is shown as MAP_UID's here */
	uint32_t their_uid, map_uid, map_gid;
	struct hash *calls;	      /* by tag */
	uint16_t last_tag, watch_tag; /* the tag under which news come; 0: none */
	uint64_t news;		      /* how many have come */
	int64_t changed_ms;	      /* when something changed there last, as far as is known: by news, or by us */
	uint32_t last_fid;
	struct rnode *root;
	struct hash *nodes, *serials; /* by number; by the object's serial: the first of a list */
	uint64_t last_number;
	struct waitq changed; /* the state */
	struct waitq hurry;   /* the task, between two attempts */
	struct task *task;    /* connects, and again */
	unsigned failures;    /* attempts since it was connected last */
	int64_t next_ns;      /* when the next one is, while it is lost */
	unsigned links;	      /* how many there were: what was opened on another is not open any more */
	struct loop_timer *greet_timer;
	int64_t heard_ms;
	bool closing;
	unsigned refs;
	void (*on_state)(struct remote *r); /* set by hosts/ */
	void *owner;
};

/* ---- conn.c ---- */

struct remote *remote_new(const char *uri); /* nothing is connected yet; -EINVAL in remote_check */
int remote_check(const char *uri, struct error *err);
/* An ordinary user's connection: what is the login's there is shown as his here.  On the same host (unix:) users are the same. */
void remote_map(struct remote *r);
void remote_unref(struct remote *r);
void remote_free(struct remote *r); /* ends it; NULL is fine */
void remote_start(
	struct remote *r); /* connects in the background, and again whenever it is lost, less and less often */
void remote_stop(struct remote *r, const char *why);
void remote_hurry(struct remote *r); /* if it is lost the next attempt is now, and may be waited for */
/* Connected, or -EHOSTUNREACH: at once when it was lost or the last attempt failed, or after TIMEOUT_MS.  Task. */
int remote_ready(struct remote *r, int64_t timeout_ms, struct error *err);
struct remote *remote_of_index(unsigned index);

struct rcall { /* a request on its way */
	uint16_t tag;
	unsigned refs;
	bool done, safe; /* SAFE: asking twice does no harm */
	uint64_t news;	 /* what the reply says may be kept if none came after it: remote->news then */
	int r;		 /* negative: it failed */
	struct buf bytes;
	struct p9_msg reply; /* borrows from BYTES */
	struct waitq q;
	void (*on_done)(struct rcall *c, void *arg);
	void *arg;
};
/* Sends M as it is but for its tag.  NULL when there is no link. */
struct rcall *remote_send(struct remote *r, struct p9_msg *m);
/* Waits for its reply: 0, the other end's errno with its words, -EHOSTUNREACH (the link broke; -EIO when what was asked may have been done), or -ECANCELED,
 * which is passed on (Tflush). */
int remote_await(struct remote *r, struct rcall *c, struct error *err);
/* Nobody waits for C: FN is told of its end, at once if that was already. */
void remote_on_done(struct rcall *c, void (*fn)(struct rcall *c, void *arg), void *arg);
void rcall_unref_p(struct rcall **c);
#define autorcall __attribute__((cleanup(rcall_unref_p)))
/* The two in one; *OUT has the reply. */
int remote_call(struct remote *r, struct p9_msg *m, struct rcall **out, struct error *err);
uint32_t remote_fid(struct remote *r);
void remote_clunk(struct remote *r, uint32_t fid); /* waits for nothing */

/* ---- node.c, ask.c ---- */

struct rnode *rnode_of_ino(uint64_t ino); /* NULL: gone */
uint64_t rnode_ino(const struct rnode *n);
void rnode_ref(struct rnode *n);
void rnode_unref(struct rnode *n);
void rnode_unref_p(struct rnode **n);
#define autornode __attribute__((cleanup(rnode_unref_p)))
/* The names from the root down to N: -ENAMETOOLONG beyond 16. */
int rnode_path(const struct rnode *n, struct p9_msg *m);
struct rnode *rnode_child(struct rnode *dir, const char *name); /* of what is known */
struct rnode *rnode_after(struct rnode *dir, uint64_t cursor);
/* Tasks; what is known and promised costs nothing. */
int rnode_lookup(struct rnode *dir, const char *name, struct rnode **out, struct error *err);
/* The same of what is known: 0, -ENOENT, or -EAGAIN: the other end must be asked. */
int rnode_find(struct rnode *dir, const char *name, struct rnode **out);
/* Its attributes are as the other end says, or said so lately that asking would hardly tell more. */
bool rnode_fresh(const struct rnode *n);
int rnode_attr(struct rnode *n, struct error *err);
int rnode_list(struct rnode *dir, struct error *err);
int rnode_text(struct rnode *n, struct buf *out, struct error *err); /* a value's, document's or link's content */
void rnodes_open(struct remote *r);
void rnodes_forget(struct remote *r); /* nothing that was told holds any more */
void rnodes_free(struct remote *r);
void rnode_stale(struct rnode *n);			  /* it was changed from here */
void rnode_put(struct rnode *n, const struct p9_attr *a); /* something was written to it */
void rnode_news(struct remote *r, struct str data);	  /* those of an Rwatch */
void rnode_take_back(struct rnode *n);			  /* nothing that was told of it holds any more */
void rnode_is_gone(struct rnode *n);			  /* as a walk to it has shown */
/* The kernel moves what it knows by NAME: so does this. */
void rnode_renamed(struct rnode *dir, const char *name, struct rnode *to, const char *newname);
/* A scratch file that was just created there. */
struct rnode *rnode_made(struct rnode *dir, const char *name, const struct p9_qid *qid, uint32_t mode);
int rnode_greet(struct remote *r, struct error *err); /* the first questions of a new link, all at once */

/* Set by the front end: the kernel's copy of N's attributes is not to be believed any more. */
extern void (*rnode_invalidate)(struct rnode *n);

#endif
