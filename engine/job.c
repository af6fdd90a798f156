/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One change at a time per object.  The one who ends hands the job to the first who waits, before that one runs again: nobody
 * can slip in between, and a waiter that was cancelled in the same instant still finds out that it has the job.
 */
#include "job.h"

#include "units.h"

void jobs_init(struct jobs *j)
{
	*j = (struct jobs){ 0 };
	TAILQ_INIT(&j->queue);
}

static void give(struct jobs *of, struct job *job)
{
	of->holder = job;
	job->of = of;
	job->began_ms = now_monotonic_ms();
}

static int refuse(const struct jobs *of, int r, struct error *err)
{
	const struct job *h = of->holder;

	if (r == -ECANCELED)
		return error_set(err, ECANCELED, "interrupted while waiting for its turn");
	if (!h)
		return error_set(err, EBUSY, "others wait for their turn; try again");
	return error_set(err, EBUSY,
			 "'%s' of user %u is going on since %lld ms: wait for it, or write abort "
			 "to the file job",
			 h->operation, (unsigned)h->uid, (long long)(now_monotonic_ms() - h->began_ms));
}

static int wait_turn(struct job *job, struct jobs *of, int64_t ms, struct error *err)
{
	int r = task_wait(&job->turn, ms);

	of->waiting--;
	if (of->holder == job) { /* handed over, whatever else happened in the same instant */
		if (r != -ECANCELED)
			return 0;
		job_end(job);
		return error_set(err, ECANCELED, "interrupted while waiting for its turn");
	}
	TAILQ_REMOVE(&of->queue, job, link);
	return refuse(of, r < 0 ? r : -EBUSY, err);
}

static int begin(struct job *job, struct jobs *of, const char *operation, bool urgent, struct error *err)
{
	may_wait();
	job->of = NULL;
	job->operation = operation;
	job->task = task_self();
	TAILQ_INIT(&job->turn);
	if (!of->holder) {
		give(of, job);
		return 0;
	}
	if (urgent) {
		TAILQ_INSERT_HEAD(&of->queue, job, link);
		task_cancel(of->holder->task);
	} else {
		TAILQ_INSERT_TAIL(&of->queue, job, link);
	}
	of->waiting++;
	return wait_turn(job, of, urgent ? JOB_URGENT_MS : JOB_WAIT_MS, err);
}

int job_begin(struct job *job, struct jobs *of, const char *operation, struct error *err)
{
	return begin(job, of, operation, false, err);
}

int job_begin_urgent(struct job *job, struct jobs *of, const char *operation, struct error *err)
{
	return begin(job, of, operation, true, err);
}

void job_end(struct job *job)
{
	struct jobs *of = job->of;
	struct job *next;

	if (!of)
		return;
	job->of = NULL;
	of->holder = NULL;
	next = TAILQ_FIRST(&of->queue);
	if (!next)
		return;
	TAILQ_REMOVE(&of->queue, next, link);
	give(of, next);
	task_wake(&next->turn);
}

bool job_abort(struct jobs *of)
{
	if (!of->holder)
		return false;
	task_cancel(of->holder->task);
	return true;
}
