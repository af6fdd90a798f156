/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bytes that are read and written by offset: a volume's image as it lies in its pool, or what a guest sees of it.  Each open one has a thread
 * of its own, so that it is as fast as the file below it and hangs only itself.
 */
#ifndef DOMFS_BULK_H
#define DOMFS_BULK_H

#include "offload.h"

struct bulk;

/* All of these run on the bulk's thread and may block there; they touch the bulk only, never engine state.  Results are as of the system
 * calls they are named after: a count, 0, or a negative errno.  A NULL one is refused with EOPNOTSUPP. */
struct bulk_ops {
	ssize_t (*read)(struct bulk *b, char *p, size_t n, uint64_t off);	 /* short only at the end */
	ssize_t (*write)(struct bulk *b, const char *p, size_t n, uint64_t off); /* all or an error */
	int64_t (*seek)(struct bulk *b, uint64_t off, int whence); /* SEEK_DATA, SEEK_HOLE; -ENXIO at the end */
	int (*truncate)(struct bulk *b, uint64_t size);
	int (*fallocate)(struct bulk *b, int mode, uint64_t off, uint64_t n);
	int (*sync)(struct bulk *b);
	int64_t (*size)(struct bulk *b);
	/* Lets go of what PRIV holds; the last that is called.  A bulk that became complete was told so by COMMIT before. */
	void (*close)(struct bulk *b);
};

struct bulk {
	const struct bulk_ops *ops;
	struct worker *worker; /* this bulk's own */
	int fd; /* >= 0: the bytes are those of this descriptor, at the same offsets: they may be spliced */
	bool writable;
	bool grows; /* opened to be written anew, in place, and as large as what is written needs it */
	void *priv;
	uint64_t moved; /* bytes written through it so far (the front end counts) */
	/* An upload that is to appear only when it is whole: what was written is put in the volume's place (COMMIT), or forgotten (close without
	 * it).  Tasks; NULL when writes are in place.  May be called again after more was written. */
	int (*commit)(struct bulk *b, struct error *err);
	/* The engine's: called by bulk_free on the loop, before anything is closed.  May be NULL. */
	void (*closed)(struct bulk *b);
	void *owner;
};

/* A bulk over FD, which becomes its own: files and block devices.  (engine/bulk.c) */
struct bulk *bulk_of_fd(int fd, bool writable);
/* Closes and frees on its thread, waiting for nobody.  NULL is fine. */
void bulk_free(struct bulk *b);

#endif
