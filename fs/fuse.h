/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The FUSE front end.  fuse.c holds the session and dispatches; fuse_*.c are its parts.  Requests that cannot wait are answered
 * in their handler, the others run as a call (a task that an interrupt cancels); a reader that waits for something to happen
 * is parked as a small record without a task.
 */
#ifndef DOMFS_FUSE_H
#define DOMFS_FUSE_H

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include "open.h"
#include "scratch.h"

struct front_options {
	const char *mountpoint;
	const char *fuse_options; /* for libfuse: "allow_other,..." */
	bool theirs;		  /* another host decides who may do what, not this kernel */
	void (*ready)(void);	  /* the mount answers */
	void (*ended)(void);	  /* it was unmounted */
};

int front_open(const struct front_options *o, struct error *err);
/* Ends every wait, unmounts if it still is mounted, frees.  Calls should have ended (calls_cancel). */
void front_close(void);
void front_unmount(void);
extern struct fuse_session *front_session; /* NULL when there is none */
struct who who_of(fuse_req_t req);

/* fuse_call.c: a request that may wait. */
struct rnode;
struct rhandle;

struct call {
	fuse_req_t req;
	struct who who;
	struct place at, to; /* objects are referenced */
	struct handle *h;
	uint64_t scratch; /* its inode */
	char *name;
	struct buf data;
	uint64_t off, off2;
	struct handle *h2;
	size_t size;
	mode_t mode;
	bool sync;
	struct object *made;
	struct rnode *remote, *remote_to; /* referenced: of another host's tree */
	struct rhandle *rh, *rh_from;
	struct str part; /* of DATA: what is answered */
	uint32_t fid;	 /* of an open file there */
	struct stat st;
	struct statvfs statfs;
	int mask;
	struct fuse_file_info fi;
	int (*run)(struct call *c, struct error *err); /* in the task */
	void (*reply)(struct call *c);		       /* when RUN succeeded; NULL: fuse_reply_err(req, 0) */
	bool interrupted, cancelling, done;
	struct loop_timer *timer; /* until it is cancelled */
	int64_t grace_ms; /* how long an interrupt waits for it to end by itself: programs expect no EINTR of a plain file */
	bool *told_done; /* set when it has ended */
	struct task *task;
	TAILQ_ENTRY(call) list;
};
struct call *call_new(fuse_req_t req, const struct place *at, int (*run)(struct call *, struct error *),
		      void (*reply)(struct call *));
void call_start(struct call *c);
/* The same, but when it must wait the client is answered now by REPLY and the rest goes on without it. */
void call_start_nowait(struct call *c);
void calls_cancel(void);
void calls_cancel_remote(void); /* those that another host is to answer */
bool calls_going(void);
/* Answers a failure: records it and sends the errno. */
void answer_failure(fuse_req_t req, const struct place *at, const struct who *who, int r, struct error *err);

/* fuse_attr.c */
void attr_of(const struct place *at, struct stat *st, double *timeout);
void entry_of(const struct place *at, struct fuse_entry_param *e);
void scratch_entry(const struct scratch *s, struct fuse_entry_param *e);
void ll_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void ll_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ll_readlink(fuse_req_t req, fuse_ino_t ino);
void ll_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ll_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void ll_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void ll_statfs(fuse_req_t req, fuse_ino_t ino);

/* fuse_file.c */
void ll_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ll_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi);
void ll_write(fuse_req_t req, fuse_ino_t ino, const char *p, size_t size, off_t off, struct fuse_file_info *fi);
void ll_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void ll_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void ll_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void reply_open(fuse_req_t req, struct handle *h, struct fuse_file_info *fi);

/* fuse_bytes.c: files of bytes, answered by their own threads */
#define BYTES_GRACE_MS 250 /* storage that works answers before: a signal that is handled is not seen as an error */
/* Of files that are not bytes nothing is known but their size: all of it is data. */
void front_seek_text(fuse_req_t req, off_t size, off_t off, int whence);
void ll_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi);
void ll_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t n, struct fuse_file_info *fi);
void ll_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in, struct fuse_file_info *fi_in,
			fuse_ino_t ino_out, off_t off_out, struct fuse_file_info *fi_out, size_t n, int flags);
void front_bytes_read(fuse_req_t req, struct bytes *b, size_t n, off_t off);
void front_bytes_write(fuse_req_t req, struct bytes *b, const char *p, size_t n, off_t off);
void front_bytes_flush(fuse_req_t req, struct handle *h);
void front_bytes_sync(fuse_req_t req, struct bytes *b);
/* Sets the size of AT; ST has what else is to be answered.  FI may be NULL. */
void front_bytes_cut(fuse_req_t req, const struct place *at, const struct stat *st, uint64_t size,
		     struct fuse_file_info *fi);
void front_bytes_close(void); /* ends all that waits; nothing is answered any more */

/* fuse.c: the memory of the request that is being handled becomes the caller's, who gives it back. */
char *front_take_request(void);
void front_give_request(char *mem);

/* fuse_name.c */
void ll_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void ll_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void ll_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void ll_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi);
void ll_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent, const char *newname,
	       unsigned flags);
void ll_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev);
void ll_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name);

/* fuse_link.c */
void ll_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
/* S is renamed to NAME in its directory DIR; false: it is no link. */
bool link_renamed(fuse_req_t req, struct scratch *s, const struct place *dir, const char *name);
/* AT in DIR is removed; false: it is no link that may be. */
bool link_unlinked(fuse_req_t req, const struct place *dir, const struct place *at, const struct who *who);

/* fuse_access.c */
void ll_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int set, struct fuse_file_info *fi);
void ll_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void ll_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags);
void ll_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void ll_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);

/* fuse_park.c: readers and writers that wait for something to happen. */
void park_read(fuse_req_t req, struct handle *h, size_t size, uint64_t off);
void park_write(fuse_req_t req, struct handle *h, const char *p, size_t size);
void park_wake(struct object *o);	  /* tries all who wait on O, soon */
void park_end(struct object *o, int err); /* answers all who wait on O */
void park_forget(struct handle *h);	  /* it is being closed */
void ll_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct fuse_pollhandle *ph);

/* fuse_notify.c: what the kernel was told to keep, and telling it otherwise. */
TAILQ_HEAD(parked_list, parked);
struct notes { /* on an object */
	struct object *obj;
	struct parked_list parked;
	bool waking;
	unsigned version; /* of the texts that the kernel keeps: each change makes new inodes of them */
	LIST_ENTRY(notes) list;
	uint64_t told[]; /* a bit per slot of the object's kind: the kernel may keep its attributes */
};
struct notes *notes_of(struct object *o); /* made when there are none */
/* The inode as the kernel is told now.  A cached text has a new one for each version, so that its pages and its size never are of
 * different versions.  The old number goes on to work, but what is opened by it is not cached. */
uint64_t notify_ino(const struct place *at);
bool notify_outdated(const struct place *at, uint64_t ino);
void notify_bump(const struct place *at); /* a new version begins */
void notify_told(const struct place *at);
bool notify_knows(const struct place *at);  /* told, and nothing changed since */
void notify_forget(const struct place *at); /* its attributes are not what the kernel believes */
void notify_end_waits(int err);		    /* answers all who are parked */
void notify_open(void);
void notify_close(void);

#endif
