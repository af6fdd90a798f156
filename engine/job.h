/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One change at a time per object: a FIFO of tasks.  Readers never take a job. */
#ifndef DOMFS_JOB_H
#define DOMFS_JOB_H

#include "task.h"

struct job;

struct jobs { /* one in each object that is changed by tasks */
	struct job *holder;
	TAILQ_HEAD(, job) queue; /* who waits, in the order in which they get it */
	unsigned waiting;
};

struct job {		       /* zeroed, then .uid as the caller knows it, then job_begin */
	struct jobs *of;       /* NULL: not held */
	const char *operation; /* "start", "define", ... */
	struct task *task;
	uid_t uid;
	int64_t began_ms;
	/* private below */
	struct waitq turn;
	TAILQ_ENTRY(job) link;
};

#define JOB_WAIT_MS 30000 /* how long a change waits for its turn before it fails with EBUSY naming the holder */
/* How long destroy waits for the one whom it has cancelled; after that it acts beside him (-EBUSY here). */
#define JOB_URGENT_MS 300

void jobs_init(struct jobs *j);
/* Waits for the turn: 0, -EBUSY naming the holder and since when, -ECANCELED.  Task only. */
must_check int job_begin(struct job *job, struct jobs *of, const char *operation, struct error *err);
/* destroy: cancels the holder, if there is one, and goes before all who wait.  */
must_check int job_begin_urgent(struct job *job, struct jobs *of, const char *operation, struct error *err);
void job_end(struct job *job); /* wakes the next; no-op when not held */
#define autojob __attribute__((cleanup(job_end)))
/* Cancels what is going on (echo abort > job); false when nothing is. */
bool job_abort(struct jobs *of);

#endif
