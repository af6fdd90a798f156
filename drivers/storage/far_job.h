/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Work that goes to a thread because a server may be silent for long, and what becomes of it when nobody waits any longer. */
#ifndef DOMFS_FAR_JOB_H
#define DOMFS_FAR_JOB_H

#include "engine/bulk.h"
#include "storage.h"

struct far_kind {
	void (*free)(void *job); /* on the loop: waits for nobody */
	const char *silent;	 /* in words: who did not answer */
	const char *thread;	 /* the name of that of far_pieces */
};

/* What every kind of job has first in its struct: FN gets the whole of it, as free does. */
struct far_job {
	const struct far_kind *kind;
	uint64_t off, n, size; /* of a work in pieces: where it is, how much the last piece was, the end */
	struct error why;
};

/* FN on the pool's thread, or on W's.  A negative result is in *ERR, and has freed J (or will); else J is the caller's. */
int far_run(struct pool *p, struct far_job *j, int (*fn)(void *job), int64_t timeout_ms, struct error *err);
int far_run_on(struct worker *w, struct far_job *j, int (*fn)(void *job), int64_t timeout_ms, struct error *err);
/* R of FN as these two return it. */
int far_ended(struct far_job *j, int r, struct error *err);
/* FN again and again on a thread of its own, each time one piece, until it leaves j->n 0.  Frees J. */
int far_pieces(struct far_job *j, int (*fn)(void *job), void (*progress)(void *arg, uint64_t done, uint64_t total),
	       void *arg, struct error *err);
/* FN on the thread of a bulk whose priv is a job, which is the bulk's before and after: it outlives a caller that gave up. */
int far_commit(struct bulk *k, int (*fn)(void *job), struct error *err);
/* On the thread: sets how much this piece is; false: it is over. */
bool far_piece(struct far_job *j, uint64_t most);
/* END(ARG) on a thread called NAME: nobody waits for it. */
void far_end(const char *name, void (*end)(void *arg), void *arg);

#endif
