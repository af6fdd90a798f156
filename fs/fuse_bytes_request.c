/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests for bytes: given to their thread, taken back, ended when the storage does not answer.  See fuse_bytes.h. */
#include "fuse_bytes.h"

#include <sched.h>
#include <unistd.h>

#include "engine/loop.h"

#define DEAD_MS	     30000 /* storage that does nothing for so long does not answer */
#define SWEEP_MS     5000
#define WRITES_AHEAD 2

static struct loop_timer *timer;
static int64_t timer_due;

static void sweep(void *arg);

static void sweep_in(int64_t ms)
{
	int64_t due = now_monotonic_ms() + ms;

	if (timer && timer_due <= due)
		return;
	loop_untimer(timer);
	timer = loop_timer(ms, sweep, NULL);
	timer_due = due;
}

/* ---- on the thread ---- */

static void sweep_now(void *arg unused)
{
	sweep_in(0);
}

static void answer(struct bytes_request *r, int64_t result)
{
	int nobody = NOT_ANSWERED;

	if (!atomic_compare_exchange_strong(&r->answered, &nobody, BY_THREAD))
		return; /* it was given up */
	if (result < 0)
		fuse_reply_err(r->req, (int)-result);
	else
		r->reply(r, result);
}

static int64_t do_it(struct bytes_request *r)
{
	struct bytes *b = r->b;
	int64_t result;

	if (r->behind)
		answer(r, (int64_t)r->op.n);
	if (r->dropped || (r->behind && b->failed)) {
		if (r->op.what == BYTES_COPY)
			close(r->op.from);
		return 0;
	}
	result = bytes_run(b, &r->op);
	if (!r->behind)
		answer(r, result);
	return result;
}

static void work(void *arg)
{
	struct bytes_request *r = arg;
	struct bytes *b = r->b;
	int64_t result;

	b->began_ms = now_monotonic_ms();
	result = do_it(r);
	b->began_ms = 0;
	if (result < 0)
		r->error = (int)-result;
	r->done = true; /* from here on it is the loop's */
	if (result < 0)
		loop_post(sweep_now, NULL);
}

/* ---- on the loop ---- */

static void on_interrupt(fuse_req_t req unused, void *arg)
{
	struct bytes_request *r = arg;

	r->interrupted_ms = now_monotonic_ms();
	sweep_in(BYTES_GRACE_MS);
}

struct bytes_request *bytes_request_new(fuse_req_t req, struct bytes *b, enum bytes_what what,
					void (*reply)(struct bytes_request *r, int64_t result))
{
	struct bytes_request *r = xcalloc(1, sizeof(*r));

	r->req = req;
	r->b = b;
	r->op.what = what;
	r->reply = reply;
	r->who = who_of(req);
	return r;
}

/* Failures that are an answer, not a fault. */
static bool expected(int error)
{
	return error == ENXIO || error == EOPNOTSUPP || error == EXDEV;
}

static void record(const struct bytes_request *r)
{
	static const char *const names[] = {
		"read", "write", "seek", "truncate", "fallocate", "sync", "copy_file_range"
	};
	struct place at = { .slot = r->b->slot, .obj = r->b->obj, .who = &r->who };
	autoerror struct error err = { 0 };

	error_set(&err, r->error, "%s: %s of %zu bytes at %llu: %s", r->b->slot->name, names[r->op.what], r->op.n,
		  (unsigned long long)r->op.off,
		  r->error == ETIMEDOUT ? "the storage does not answer" : strerror(r->error));
	record_failure(&at, &r->who, -r->error, &err);
}

static void request_free(struct bytes_request *r)
{
	free(r->copied);
	free(r);
}

/* Takes back what the thread is done with. */
static void reap(struct bytes *b)
{
	struct bytes_request *r;

	while ((r = TAILQ_FIRST(&b->requests)) && r->done) {
		TAILQ_REMOVE(&b->requests, r, list);
		if (r->error && !expected(r->error))
			record(r);
		front_give_request(r->mem);
		request_free(r);
	}
}

/* The file is closed: what the thread still had is freed by it. */
static void free_all(struct bytes *b)
{
	struct bytes_request *r;

	while ((r = TAILQ_FIRST(&b->requests))) {
		TAILQ_REMOVE(&b->requests, r, list);
		free(r->mem);
		request_free(r);
	}
}

static void give_up(struct bytes_request *r, int error)
{
	int nobody = NOT_ANSWERED;

	if (!atomic_compare_exchange_strong(&r->answered, &nobody, BY_LOOP))
		return;
	if (error == ETIMEDOUT) {
		r->error = error;
		record(r);
		r->error = 0;
	}
	if (error != EINTR && bytes_changes(r->op.what))
		bytes_break(r->b);
	r->dropped = true;
	fuse_req_interrupt_func(r->req, NULL, NULL);
	fuse_reply_err(r->req, error);
}

/* A sync may take as long as there is something to write. */
static bool stuck(const struct bytes *b, int64_t now)
{
	const struct bytes_request *first = TAILQ_FIRST(&b->requests);
	int64_t began = b->began_ms;

	return began && now - began > DEAD_MS && first->op.what != BYTES_SYNC && first->op.what != BYTES_FALLOCATE;
}

static void sweep_one(struct bytes *b, int64_t now)
{
	struct bytes_request *r;
	bool dead;

	reap(b);
	if (TAILQ_EMPTY(&b->requests))
		return;
	dead = stuck(b, now);
	TAILQ_FOREACH(r, &b->requests, list) {
		int64_t age = now - r->interrupted_ms;

		if (r->interrupted_ms && !r->answered && age < BYTES_GRACE_MS)
			sweep_in(BYTES_GRACE_MS - age);
		else if (r->interrupted_ms)
			give_up(r, EINTR);
		else if (dead && now - r->since_ms > DEAD_MS)
			give_up(r, ETIMEDOUT);
	}
	sweep_in(SWEEP_MS);
}

static void sweep(void *arg unused)
{
	int64_t now = now_monotonic_ms();
	struct bytes *b;

	timer = NULL;
	TAILQ_FOREACH(b, &bytes_open_ones, list)
		sweep_one(b, now);
}

/* A write of an upload, when few are on their way: the client fetches the next meanwhile. */
static bool answer_early(struct bytes *b, struct bytes_request *r)
{
	unsigned ahead = 0;

	for (const struct bytes_request *q = TAILQ_FIRST(&b->requests); q; q = TAILQ_NEXT(q, list))
		ahead += !q->done;
	if (ahead > WRITES_AHEAD)
		return false;
	r->answered = BY_LOOP;
	fuse_reply_write(r->req, r->op.n);
	return true;
}

void bytes_request_start(struct bytes_request *r)
{
	struct bytes *b = r->b;
	int e;

	reap(b);
	bytes_will(b, r->op.what);
	b->requests_free = free_all;
	r->since_ms = now_monotonic_ms();
	TAILQ_INSERT_TAIL(&b->requests, r, list);
	if (!timer)
		sweep_in(SWEEP_MS);
	if (!r->behind || !answer_early(b, r))
		fuse_req_interrupt_func(r->req, on_interrupt, r);
	e = worker_post(b->bulk->worker, work, r);
	if (e == 0)
		return;
	if (r->op.what == BYTES_COPY)
		close(r->op.from);
	give_up(r, -e);
	r->done = true;
}

/* A thread that is just answering is waited for: that does not wait for storage. */
void front_bytes_close(void)
{
	struct bytes_request *r;
	struct bytes *b;

	loop_untimer(timer);
	timer = NULL;
	TAILQ_FOREACH(b, &bytes_open_ones, list) {
		TAILQ_FOREACH(r, &b->requests, list) {
			give_up(r, ECONNABORTED);
			while (r->answered == BY_THREAD && !r->done)
				sched_yield();
		}
	}
}
