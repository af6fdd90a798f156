/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Worker threads for calls that may block: see offload.h.  Only a worker's queue is shared with its
 * thread; whether a caller still waits is decided and known on the loop alone, where the thread sends
 * each call that is done.
 */
#include "offload.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "loop.h"
#include "units.h"

#define IDLE_SECONDS 5
#define THREAD_STACK (512 * 1024) /* name services may load modules that use a lot */

struct call {
	struct worker *worker;
	int (*fn)(void *arg);
	void (*post)(void *arg); /* instead of FN: nobody waits */
	void *arg;
	void (*free_arg)(void *);
	int result;
	TAILQ_ENTRY(call) link;
	bool queued; /* under the worker's lock; false once its thread has taken it */

	/* the loop's */
	struct waitq q;
	bool done, abandoned;
};

struct worker {
	char name[16];
	pthread_mutex_t lock;
	pthread_cond_t cond;
	TAILQ_HEAD(, call) queue;
	unsigned refs; /* the owner, the thread, each caller that waits */
	bool running;  /* there is a thread */
	bool closing;  /* the owner is gone */
};

/* Of all workers: the calls that wait or run. */
static pthread_mutex_t busy_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t busy_less = PTHREAD_COND_INITIALIZER;
static unsigned busy;

static void busy_add(int n)
{
	pthread_mutex_lock(&busy_lock);
	busy += n;
	if (!busy)
		pthread_cond_broadcast(&busy_less);
	pthread_mutex_unlock(&busy_lock);
}

bool workers_settle(int64_t most_ms)
{
	int64_t end = now_monotonic_ms() + most_ms;
	struct timespec until = { .tv_sec = end / 1000, .tv_nsec = end % 1000 * 1000000 };
	bool idle;

	pthread_mutex_lock(&busy_lock);
	while (busy && pthread_cond_clockwait(&busy_less, &busy_lock, CLOCK_MONOTONIC, &until) != ETIMEDOUT)
		;
	idle = !busy;
	pthread_mutex_unlock(&busy_lock);
	return idle;
}

struct worker *worker_new(const char *name)
{
	struct worker *w = xcalloc(1, sizeof(*w));
	pthread_condattr_t attr;

	snprintf(w->name, sizeof(w->name), "%s", name);
	TAILQ_INIT(&w->queue);
	w->refs = 1;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->cond, &attr);
	pthread_condattr_destroy(&attr);
	return w;
}

/* Gives back one reference and the lock. */
static void unref_unlock(struct worker *w)
{
	bool last = !--w->refs;

	pthread_mutex_unlock(&w->lock);
	if (!last)
		return;
	pthread_cond_destroy(&w->cond);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->closing = true;
	pthread_cond_signal(&w->cond);
	unref_unlock(w);
}

/* On the loop: the thread is done with CALL. */
static void call_done(void *arg)
{
	struct call *c = arg;

	c->done = true;
	if (!c->abandoned) {
		task_wake(&c->q);
		return;
	}
	if (c->free_arg)
		c->free_arg(c->arg);
	free(c);
}

/* The next call, waiting a while for one.  NULL: the thread shall end.  Locked. */
static struct call *next_call(struct worker *w)
{
	struct call *c;
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += IDLE_SECONDS;
	while (!(c = TAILQ_FIRST(&w->queue)) && !w->closing)
		if (pthread_cond_timedwait(&w->cond, &w->lock, &until) == ETIMEDOUT)
			break;
	c = TAILQ_FIRST(&w->queue);
	if (c) {
		TAILQ_REMOVE(&w->queue, c, link);
		c->queued = false;
	}
	return c;
}

static void *thread_main(void *arg)
{
	struct worker *w = arg;
	struct call *c;

	pthread_setname_np(pthread_self(), w->name);
	pthread_mutex_lock(&w->lock);
	while ((c = next_call(w))) {
		pthread_mutex_unlock(&w->lock);
		if (c->post) {
			c->post(c->arg);
			free(c);
			busy_add(-1);
			pthread_mutex_lock(&w->lock);
			w->refs--; /* this thread has another */
			continue;
		}
		c->result = c->fn(c->arg);
		/* these two say who owns ARG: only the wait may give them */
		if (c->result == -ETIMEDOUT || c->result == -ECANCELED)
			c->result = -EIO;
		if (!loop_post(call_done, c) && c->abandoned) /* domfs ends: nobody else frees it */
			call_done(c);
		busy_add(-1);
		pthread_mutex_lock(&w->lock);
	}
	w->running = false;
	unref_unlock(w);
	return NULL;
}

/* A detached thread that takes no signals.  Locked.  0 or a negative errno. */
static int start_thread(struct worker *w)
{
	pthread_attr_t attr;
	pthread_t thread;
	sigset_t all, old;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, THREAD_STACK);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&thread, &attr, thread_main, w);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (!r) {
		w->running = true;
		w->refs++;
	}
	return -r;
}

static int enqueue(struct call *c)
{
	struct worker *w = c->worker;
	int r = 0;

	pthread_mutex_lock(&w->lock);
	if (!w->running)
		r = start_thread(w);
	if (!r) {
		TAILQ_INSERT_TAIL(&w->queue, c, link);
		c->queued = true;
		w->refs++;
		busy_add(1);
		pthread_cond_signal(&w->cond);
	}
	pthread_mutex_unlock(&w->lock);
	return r;
}

int worker_post(struct worker *w, void (*fn)(void *arg), void *arg)
{
	struct call *c = xcalloc(1, sizeof(*c));
	int r;

	*c = (struct call){ .worker = w, .post = fn, .arg = arg };
	r = enqueue(c);
	if (r < 0)
		free(c);
	return r;
}

/* The caller stopped waiting.  What the thread has not begun it never will: a dead server must not
 * gather a queue.  ARG lives until the caller has returned to the loop in either case. */
static void abandon(struct call *c)
{
	struct worker *w = c->worker;

	c->abandoned = true;
	pthread_mutex_lock(&w->lock);
	if (c->queued) {
		TAILQ_REMOVE(&w->queue, c, link);
		busy_add(-1);
		loop_soon(call_done, c);
	}
	unref_unlock(w);
}

static int finish(struct call *c)
{
	int r = c->result;

	pthread_mutex_lock(&c->worker->lock);
	unref_unlock(c->worker);
	free(c);
	return r;
}

int offload(struct worker *w, int (*fn)(void *arg), void *arg, void (*free_arg)(void *), int64_t timeout_ms)
{
	int64_t end = timeout_ms < 0 ? 0 : now_monotonic_ms() + timeout_ms;
	struct call *c;
	int r;

	may_wait();
	c = xcalloc(1, sizeof(*c));
	*c = (struct call){ .worker = w, .fn = fn, .arg = arg, .free_arg = free_arg };
	TAILQ_INIT(&c->q);
	if (task_cancelled()) {
		c->abandoned = true;
		loop_soon(call_done, c);
		return -ECANCELED;
	}
	r = enqueue(c);
	if (r < 0) {
		free(c);
		return r;
	}
	while (!c->done) {
		int64_t left = timeout_ms < 0 ? NO_TIMEOUT : end - now_monotonic_ms();

		r = task_wait(&c->q, left < 0 && timeout_ms >= 0 ? 0 : left);
		if (r < 0 && !c->done) {
			abandon(c);
			return r;
		}
	}
	return finish(c);
}
