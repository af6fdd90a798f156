/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * libuv behind the calls of loop.h.  uv_close is asynchronous: what holds a handle is freed in its
 * close callback, which is also what makes unwatching inside one's own callback safe.
 */
#include <uv.h> /* first: it has a field called unused, which base.h makes an attribute */

#include "loop.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>

struct loop_fd {
	uv_poll_t handle;
	void (*fn)(void *arg, int events);
	void *arg;
	int events;
};

struct loop_timer {
	uv_timer_t handle;
	void (*fn)(void *arg);
	void *arg;
};

struct loop_sig {
	uv_signal_t handle;
	void (*fn)(void *arg, int signo);
	void *arg;
};

struct call {
	void (*fn)(void *arg);
	void *arg;
};

struct calls {
	struct call *at;
	size_t n, cap;
};

static uv_loop_t loop;
static bool running;

static uv_idle_t soon_handle; /* active while there are calls */
static struct calls soon, soon_spare;

static uv_async_t post_handle;
static pthread_mutex_t post_lock = PTHREAD_MUTEX_INITIALIZER;
static struct calls posted, posted_spare; /* POSTED and POST_OPEN under the lock */
static bool post_open;

_Static_assert(LOOP_READ == (int)UV_READABLE && LOOP_WRITE == (int)UV_WRITABLE && LOOP_HUP == (int)UV_DISCONNECT,
	       "our event bits are libuv's");

static void calls_add(struct calls *c, void (*fn)(void *arg), void *arg)
{
	if (c->n == c->cap) {
		c->cap = c->cap ? 2 * c->cap : 64;
		c->at = xrealloc(c->at, c->cap * sizeof(*c->at));
	}
	c->at[c->n++] = (struct call){ fn, arg };
}

static void calls_run(struct calls *c)
{
	for (size_t i = 0; i < c->n; i++)
		c->at[i].fn(c->at[i].arg);
	c->n = 0;
}

static void calls_swap(struct calls *a, struct calls *b)
{
	struct calls c = *a;

	*a = *b;
	*b = c;
}

static void calls_clear(struct calls *c)
{
	free(c->at);
	*c = (struct calls){ 0 };
}

/* Those that are added meanwhile run in the next turn, after the descriptors were looked at. */
static void run_soon(uv_idle_t *h)
{
	calls_swap(&soon, &soon_spare);
	calls_run(&soon_spare);
	if (!soon.n)
		uv_idle_stop(h);
}

static void run_posted(uv_async_t *h unused)
{
	pthread_mutex_lock(&post_lock);
	calls_swap(&posted, &posted_spare);
	pthread_mutex_unlock(&post_lock);
	calls_run(&posted_spare);
}

static void must(int r)
{
	if (r < 0)
		abort(); /* libuv fails here only without memory or descriptors */
}

void loop_init(void)
{
	if (running)
		return;
	signal(SIGPIPE, SIG_IGN); /* a peer that went away is an EPIPE */
	must(uv_loop_init(&loop));
	must(uv_idle_init(&loop, &soon_handle));
	must(uv_async_init(&loop, &post_handle, run_posted));
	running = true;
	pthread_mutex_lock(&post_lock);
	post_open = true;
	pthread_mutex_unlock(&post_lock);
}

void loop_run(void)
{
	uv_run(&loop, UV_RUN_DEFAULT);
}

void loop_stop(void)
{
	uv_stop(&loop);
}

/* Each kind of ours starts with its handle. */
static void free_handle(uv_handle_t *h)
{
	free(h);
}

static void close_one(uv_handle_t *h, void *arg unused)
{
	bool embedded = h == (uv_handle_t *)&soon_handle || h == (uv_handle_t *)&post_handle;

	if (!uv_is_closing(h))
		uv_close(h, embedded ? NULL : free_handle);
}

static bool calls_left(void)
{
	size_t n;

	pthread_mutex_lock(&post_lock);
	n = posted.n;
	pthread_mutex_unlock(&post_lock);
	return soon.n || n;
}

void loop_close(void)
{
	if (!running)
		return;
	/* what is under way may free things; a chain that never ends must not keep us here */
	for (int turns = 0; turns < 1000 && calls_left(); turns++)
		uv_run(&loop, UV_RUN_NOWAIT);
	pthread_mutex_lock(&post_lock);
	post_open = false; /* a worker that comes back later finds nobody */
	pthread_mutex_unlock(&post_lock);
	run_posted(NULL); /* what came since the last turn */
	uv_walk(&loop, close_one, NULL);
	while (uv_run(&loop, UV_RUN_DEFAULT))
		;
	must(uv_loop_close(&loop));
	calls_clear(&soon);
	calls_clear(&soon_spare);
	calls_clear(&posted);
	calls_clear(&posted_spare);
	running = false;
}

/* libuv stops watching a descriptor with an error (netlink's ENOBUFS, a broken pipe).  As with poll(2)
 * its owner learns of it by reading or writing, so it is shown all it asked for, and stays watched. */
static void fd_ready(uv_poll_t *h, int status, int events)
{
	struct loop_fd *w = container_of(h, struct loop_fd, handle);

	if (status < 0)
		events = w->events | LOOP_HUP;
	w->fn(w->arg, events);
	if (status < 0 && !uv_is_closing((uv_handle_t *)h) && !uv_is_active((uv_handle_t *)h))
		uv_poll_start(h, w->events, fd_ready);
}

struct loop_fd *loop_watch(int fd, int events, void (*fn)(void *arg, int events), void *arg)
{
	struct loop_fd *w = xcalloc(1, sizeof(*w));
	int r = uv_poll_init(&loop, &w->handle, fd);

	if (r < 0) { /* no handle was made */
		free(w);
		errno = -r;
		return NULL;
	}
	w->fn = fn;
	w->arg = arg;
	loop_watch_events(w, events);
	return w;
}

void loop_watch_events(struct loop_fd *w, int events)
{
	w->events = events;
	must(uv_poll_start(&w->handle, events, fd_ready));
}

void loop_unwatch(struct loop_fd *w)
{
	if (w && !uv_is_closing((uv_handle_t *)&w->handle))
		uv_close((uv_handle_t *)&w->handle, free_handle);
}

static void timer_ran(uv_timer_t *h)
{
	struct loop_timer *t = container_of(h, struct loop_timer, handle);

	uv_close((uv_handle_t *)h, free_handle);
	t->fn(t->arg);
}

struct loop_timer *loop_timer(int64_t ms, void (*fn)(void *arg), void *arg)
{
	struct loop_timer *t = xcalloc(1, sizeof(*t));

	t->fn = fn;
	t->arg = arg;
	must(uv_timer_init(&loop, &t->handle));
	uv_update_time(&loop); /* MS count from now, not from when this turn began */
	must(uv_timer_start(&t->handle, timer_ran, ms > 0 ? (uint64_t)ms : 0, 0));
	return t;
}

void loop_untimer(struct loop_timer *t)
{
	if (t && !uv_is_closing((uv_handle_t *)&t->handle))
		uv_close((uv_handle_t *)&t->handle, free_handle);
}

void loop_soon(void (*fn)(void *arg), void *arg)
{
	assert(running);
	if (!soon.n)
		uv_idle_start(&soon_handle, run_soon);
	calls_add(&soon, fn, arg);
}

bool loop_post(void (*fn)(void *arg), void *arg)
{
	bool open;

	pthread_mutex_lock(&post_lock);
	open = post_open;
	if (open) {
		calls_add(&posted, fn, arg);
		if (posted.n == 1)
			uv_async_send(&post_handle);
	}
	pthread_mutex_unlock(&post_lock);
	return open;
}

static void signal_came(uv_signal_t *h, int signo)
{
	struct loop_sig *s = container_of(h, struct loop_sig, handle);

	s->fn(s->arg, signo);
}

void loop_signal(int signo, void (*fn)(void *arg, int signo), void *arg)
{
	struct loop_sig *s = xcalloc(1, sizeof(*s));

	s->fn = fn;
	s->arg = arg;
	must(uv_signal_init(&loop, &s->handle));
	must(uv_signal_start(&s->handle, signal_came, signo));
	uv_unref((uv_handle_t *)&s->handle);
}
