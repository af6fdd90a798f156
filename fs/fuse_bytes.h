/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One request for bytes, on its way through the thread of its bulk.  That thread answers it; only when it does not, in time, does the loop.
 * Whoever takes ANSWERED first is the one who does.
 */
#ifndef DOMFS_FUSE_BYTES_H
#define DOMFS_FUSE_BYTES_H

#include "bytes.h"
#include "fuse.h"

enum answered { NOT_ANSWERED, BY_LOOP, BY_THREAD };

struct bytes_request {
	fuse_req_t req;
	struct bytes *b;
	struct bytes_op op;
	void (*reply)(struct bytes_request *r, int64_t result); /* on the thread; RESULT is not negative */
	char *mem;	/* the FUSE request's, which the thread reads from; the loop gives it back */
	char *copied;	/* or a copy of a small one */
	struct stat st; /* a truncate's answer */
	struct who who;
	int64_t since_ms, interrupted_ms;
	int error;	      /* set before DONE */
	_Atomic int answered; /* by whom: enum answered */
	bool behind;	      /* a write that is answered before it is done */
	_Atomic bool dropped; /* it is not to be done any more */
	_Atomic bool done;
	TAILQ_ENTRY(bytes_request) list;
};

struct bytes_request *bytes_request_new(fuse_req_t req, struct bytes *b, enum bytes_what what,
					void (*reply)(struct bytes_request *r, int64_t result));
void bytes_request_start(struct bytes_request *r);

#endif
