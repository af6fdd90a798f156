/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An open file of bytes (ENTRY_BYTES), whoever opened it.  What is done with it runs on its bulk's thread, one after the other; the loop
 * opens, closes, and says when what was written is whole.  Nothing here knows FUSE.
 */
#ifndef DOMFS_BYTES_H
#define DOMFS_BYTES_H

#include <stdatomic.h>
#include <sys/stat.h>

#include "closer.h"
#include "engine/bulk.h"
#include "open.h"

#define BYTES_BLOCK (1u << 20) /* st_blksize: what a program should read and write at once */

struct bytes_request; /* a front end's */
TAILQ_HEAD(bytes_requests, bytes_request);

struct bytes {
	struct bulk *bulk;
	const struct slot *slot;
	struct object *obj; /* the handle references it */
	bool writable, append;
	_Atomic uint64_t size;
	uint64_t changes;   /* how often it was written to or cut, or will have been */
	uint64_t committed; /* the changes that are part of the volume */
	bool upload; /* nobody needs what was written before it is closed: a write may be answered before it is done */
	_Atomic int failed;   /* the first errno of a change: an upload cannot become whole */
	bool told;	      /* and why not */
	struct writer writer; /* who wrote last */

	/* The thread's: */
	char *room;    /* what a read is read into */
	bool fixed;    /* opened to be written anew, in place: what is left out is zeroed */
	uint64_t high; /* of such a one: all below was written or zeroed */

	/* The front end's: */
	struct bytes_requests requests;
	void (*requests_free)(struct bytes *b); /* on the thread, as the last but the bulk's end */
	_Atomic int64_t began_ms;		/* when the thread took what it is busy with; 0: idle */
	TAILQ_ENTRY(bytes) list;
};
TAILQ_HEAD(bytes_list, bytes);
extern struct bytes_list bytes_open_ones;

int bytes_open(struct handle *h, struct error *err); /* sets h->bytes.  Task */
/* Closes behind what is still going on; what was not committed is dropped, and the failure recorded as WHO's. */
void bytes_close(struct bytes *b, const struct who *who);
/* Size, blocks and block size of AT as stat shows them; AT is an entry of bytes. */
void bytes_stat(const struct place *at, struct stat *st);
/* An open one of AT that may be written; NULL. */
struct bytes *bytes_writer_of(const struct place *at);

enum bytes_what {
	BYTES_NOTHING, /* waits for what is going on */
	BYTES_READ,
	BYTES_WRITE,
	BYTES_SEEK,
	BYTES_TRUNCATE,
	BYTES_FALLOCATE,
	BYTES_SYNC,
	BYTES_COPY,
};

struct bytes_op {
	enum bytes_what what;
	char *p; /* READ: NULL: the bytes' own room is set here */
	size_t n;
	uint64_t off;
	int mode; /* whence of SEEK; FALLOCATE's */
	int from; /* COPY: a descriptor, which is closed by it */
	uint64_t from_off;
};
bool bytes_changes(enum bytes_what what);

/* On the loop, before it is given to the thread. */
void bytes_will(struct bytes *b, enum bytes_what what);
/* On the bulk's thread: a count, an offset, 0 or a negative errno. */
int64_t bytes_run(struct bytes *b, struct bytes_op *op);
/* The same from a task, at most TIMEOUT_MS.  READ: op->n bytes are added to OUT; WRITE: P is copied. */
int64_t bytes_do(struct bytes *b, const struct bytes_op *op, struct buf *out, int64_t timeout_ms, struct error *err);

/* Is there something that only a commit makes part of the volume? */
bool bytes_dirty(const struct bytes *b);
/* All that was given to the thread is done; what of it failed is told here.  Task. */
int bytes_settle(struct bytes *b, struct error *err);
/* What was written is whole: it takes its place.  Task. */
int bytes_commit(struct bytes *b, struct error *err);
/* It is not and never will be. */
void bytes_break(struct bytes *b);

#endif
