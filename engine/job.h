/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One change at a time per object: a FIFO of tasks.  Readers never take a job. */
#ifndef DOMFS_JOB_H
#define DOMFS_JOB_H

#include "task.h"

struct jobs { /* one in each object that is changed by tasks */
	struct job *holder;
	struct waitq queue;
	unsigned waiting;
};

struct job {
	struct jobs *of; /* NULL: not held */
	const char *operation; /* "start", "define", ... */
	struct task *task;
	uid_t uid;
	int64_t began_ms;
};

#define JOB_WAIT_MS 30000 /* how long a change waits for its turn before it fails with EBUSY naming the holder */

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
