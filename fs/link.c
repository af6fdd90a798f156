/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages over a pair of descriptors: see link.h. */
#include "link.h"

#include <unistd.h>

#include "engine/loop.h"

#define ROOM (256u << 10) /* read at once */
#define BUSY (1u << 20)

struct link {
	int in, out;
	uint32_t max;
	const struct link_ops *ops;
	void *arg;
	struct loop_fd *win, *wout; /* the same when it is one descriptor */
	struct buf got, queue;
	size_t sent; /* of QUEUE */
	bool paused, ended, gone;
	unsigned calling; /* callbacks that must find it when they return */
	bool resuming;	  /* resume() is to be called and must find it */
	uint64_t bytes_in, bytes_out;
};

static void unwatch(struct link *l)
{
	if (l->wout != l->win)
		loop_unwatch(l->wout);
	loop_unwatch(l->win);
	l->win = l->wout = NULL;
}

static void close_fds(struct link *l)
{
	unwatch(l);
	if (l->out != l->in && l->out >= 0)
		close(l->out);
	if (l->in >= 0)
		close(l->in);
	l->in = l->out = -1;
}

static void release(struct link *l)
{
	buf_clear(&l->got);
	buf_clear(&l->queue);
	free(l);
}

/* A callback has returned: false when the link is not to be touched any more. */
static bool returned(struct link *l)
{
	bool stays = !l->gone;

	if (--l->calling == 0 && l->gone && !l->resuming)
		release(l);
	return stays;
}

static void end(struct link *l, int code, const char *what)
{
	autoerror struct error err = { 0 };

	if (l->ended)
		return;
	l->ended = true;
	close_fds(l);
	if (code)
		error_set(&err, code, "%s", what ? what : strerror(code));
	l->calling++;
	l->ops->ended(l->arg, &err);
	(void)returned(l);
}

static void watch_more(struct link *l)
{
	bool waits = l->queue.n > l->sent;

	if (l->ended)
		return;
	if (l->wout == l->win) {
		loop_watch_events(l->win, (l->paused ? 0 : LOOP_READ) | (waits ? LOOP_WRITE : 0));
		return;
	}
	loop_watch_events(l->win, l->paused ? 0 : LOOP_READ);
	loop_watch_events(l->wout, waits ? LOOP_WRITE : 0);
}

/* False when it ended. */
static bool flush(struct link *l)
{
	bool was_busy = link_busy(l);

	while (l->queue.n > l->sent) {
		ssize_t n = write(l->out, l->queue.p + l->sent, l->queue.n - l->sent);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			end(l, errno, NULL);
			return false;
		}
		l->sent += n;
		l->bytes_out += n;
	}
	if (l->sent == l->queue.n) {
		if (l->queue.cap > BUSY)
			buf_clear(&l->queue);
		buf_reset(&l->queue);
		l->sent = 0;
	} else if (l->sent > BUSY) {
		buf_cut(&l->queue, 0, l->sent);
		l->sent = 0;
	}
	if (was_busy && !l->ended && !link_busy(l) && l->ops->drained) {
		l->calling++;
		l->ops->drained(l->arg);
		if (!returned(l))
			return false;
	}
	return !l->ended;
}

/* Hands over what is whole; false when the link is not to be touched any more. */
static bool deliver(struct link *l)
{
	bool odd = false;
	size_t at = 0;

	l->calling++;
	while (!l->ended && !l->gone && !l->paused && l->got.n - at >= 4) {
		const unsigned char *p = (unsigned char *)l->got.p + at;
		uint32_t n = p[0] | p[1] << 8 | p[2] << 16 | (uint32_t)p[3] << 24;
		odd = n < 7 || n > l->max;
		if (odd || l->got.n - at < n)
			break;
		at += n;
		l->ops->message(l->arg, (struct str){ (char *)p, n });
	}
	if (odd)
		end(l, EBADMSG, "the other side does not speak this protocol: a message of an impossible length");
	if (!returned(l))
		return false;
	buf_cut(&l->got, 0, at);
	if (!l->got.n && l->got.cap > ROOM)
		buf_clear(&l->got); /* an idle link costs little */
	return !l->ended;
}

static void on_in(struct link *l)
{
	static char room[ROOM];
	ssize_t n = read(l->in, room, sizeof(room));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		end(l, n < 0 ? errno : 0, NULL);
		return;
	}
	l->bytes_in += n;
	buf_add(&l->got, room, n);
	if (deliver(l))
		watch_more(l);
}

static void on_ready(void *arg, int events)
{
	struct link *l = arg;

	if ((events & LOOP_WRITE) && !flush(l))
		return;
	if (l->ended)
		return;
	if (events & (LOOP_READ | LOOP_HUP))
		on_in(l);
	else
		watch_more(l);
}

static void on_writable(void *arg, int events unused)
{
	struct link *l = arg;

	if (flush(l))
		watch_more(l);
}

struct link *link_new(int in, int out, uint32_t max, const struct link_ops *ops, void *arg)
{
	struct link *l = xcalloc(1, sizeof(*l));

	*l = (struct link){ .in = in, .out = out, .max = max, .ops = ops, .arg = arg };
	l->win = loop_watch(in, LOOP_READ, on_ready, l);
	l->wout = in == out ? l->win : loop_watch(out, 0, on_writable, l);
	return l;
}

void link_limit(struct link *l, uint32_t max)
{
	l->max = max;
}

void link_free(struct link *l)
{
	if (!l)
		return;
	if (!l->ended) {
		l->ended = true; /* nobody is told any more */
		(void)!flush(l); /* an answer that is ready is not lost */
	}
	close_fds(l);
	l->gone = true;
	if (!l->calling && !l->resuming)
		release(l);
}

void link_send(struct link *l, struct buf *bytes)
{
	if (!l->ended)
		buf_add(&l->queue, bytes->p, bytes->n);
	buf_reset(bytes);
	if (!l->ended && flush(l))
		watch_more(l);
}

bool link_busy(const struct link *l)
{
	return l->queue.n - l->sent > BUSY;
}

static void resume(void *arg)
{
	struct link *l = arg;

	l->resuming = false;
	if (l->gone)
		release(l);
	else if (!l->ended && !l->paused && deliver(l))
		watch_more(l);
}

void link_pause(struct link *l, bool on)
{
	if (l->paused == on || l->ended)
		return;
	l->paused = on;
	watch_more(l);
	if (!on && l->got.n && !l->resuming) {
		l->resuming = true;
		loop_soon(resume, l);
	}
}

uint64_t link_bytes_in(const struct link *l)
{
	return l->bytes_in;
}

uint64_t link_bytes_out(const struct link *l)
{
	return l->bytes_out;
}
