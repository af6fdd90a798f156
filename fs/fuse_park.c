/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Readers and writers that wait: a small record each, on the object that they wait for.  An interrupt only moves the record to a list
 * (libfuse holds a lock of the request then); the loop answers.
 */
#include "fuse.h"

#include "remote/front.h"

#include <poll.h>

#include "engine/loop.h"

struct parked {
	fuse_req_t req;
	struct handle *h;
	uint64_t off;
	size_t size;
	char *data; /* a writer's */
	bool interrupted;
	TAILQ_ENTRY(parked) list;
};

static struct parked_list interrupted = TAILQ_HEAD_INITIALIZER(interrupted);
static bool reaping;
static TAILQ_HEAD(, handle) polled = TAILQ_HEAD_INITIALIZER(polled);
static char *buffer;
static size_t buffer_size;

static struct parked_list *list_of(struct parked *p)
{
	return p->interrupted ? &interrupted : &notes_of(p->h->obj)->parked;
}

static void parked_free(struct parked *p)
{
	TAILQ_REMOVE(list_of(p), p, list);
	free(p->data);
	free(p);
}

static void parked_fail(struct parked *p, int err)
{
	fuse_req_interrupt_func(p->req, NULL, NULL);
	fuse_reply_err(p->req, err);
	parked_free(p);
}

static void reap(void *arg unused)
{
	struct parked *p;

	reaping = false;
	while ((p = TAILQ_FIRST(&interrupted)))
		parked_fail(p, EINTR);
}

static void on_interrupt(fuse_req_t req unused, void *arg)
{
	struct parked *p = arg;

	if (p->interrupted)
		return;
	TAILQ_REMOVE(list_of(p), p, list);
	p->interrupted = true;
	TAILQ_INSERT_TAIL(&interrupted, p, list);
	if (!reaping)
		loop_soon(reap, NULL);
	reaping = true;
}

static void park(fuse_req_t req, struct handle *h, uint64_t off, size_t size, char *data)
{
	struct parked *p = xcalloc(1, sizeof(*p));

	*p = (struct parked){ .req = req, .h = h, .off = off, .size = size, .data = data };
	TAILQ_INSERT_TAIL(list_of(p), p, list);
	fuse_req_interrupt_func(req, on_interrupt, p);
}

void park_read(fuse_req_t req, struct handle *h, size_t size, uint64_t off)
{
	park(req, h, off, size, NULL);
}

void park_write(fuse_req_t req, struct handle *h, const char *p, size_t size)
{
	park(req, h, 0, size, xmemdup(p, size));
}

static void try_read(struct parked *p)
{
	ssize_t n;

	if (buffer_size < p->size)
		buffer = xrealloc(buffer, buffer_size = p->size);
	n = p->h->slot->entry->stream->read(p->h, p->off, buffer, p->size);
	if (n == -EAGAIN)
		return;
	fuse_req_interrupt_func(p->req, NULL, NULL);
	if (n < 0)
		fuse_reply_err(p->req, -n);
	else
		fuse_reply_buf(p->req, buffer, n);
	parked_free(p);
}

static void try_write(struct parked *p)
{
	autoerror struct error err = { 0 };
	ssize_t n = p->h->slot->entry->stream->write(p->h, p->data, p->size, &err);

	if (n == -EAGAIN)
		return;
	fuse_req_interrupt_func(p->req, NULL, NULL);
	if (n < 0)
		fuse_reply_err(p->req, -n);
	else
		fuse_reply_write(p->req, n);
	parked_free(p);
}

static bool readable(struct handle *h)
{
	const struct stream_ops *ops = h->slot->entry->stream;

	return !ops || !ops->ready || ops->ready(h);
}

static void tell_pollers(const struct object *o)
{
	struct handle *h = TAILQ_FIRST(&polled);

	while (h) {
		struct handle *next = TAILQ_NEXT(h, polled);

		if (h->obj == o && readable(h)) {
			struct fuse_pollhandle *ph = h->poll;

			fuse_lowlevel_notify_poll(ph);
			park_forget(h);
		}
		h = next;
	}
}

static void wake(void *arg)
{
	struct object *o = arg;
	struct notes *n = o->front;
	struct parked *p = n ? TAILQ_FIRST(&n->parked) : NULL;

	if (n)
		n->waking = false;
	while (p) {
		struct parked *next = TAILQ_NEXT(p, list);

		if (p->data)
			try_write(p);
		else
			try_read(p);
		p = next;
	}
	if (!TAILQ_EMPTY(&polled))
		tell_pollers(o);
	object_unref(o);
}

void park_wake(struct object *o)
{
	struct notes *n = o->front;

	if (!n || n->waking || (TAILQ_EMPTY(&n->parked) && TAILQ_EMPTY(&polled)))
		return;
	n->waking = true;
	object_ref(o);
	loop_soon(wake, o);
}

void park_end(struct object *o, int err)
{
	struct notes *n = o->front;
	struct parked *p;

	while (n && (p = TAILQ_FIRST(&n->parked)))
		parked_fail(p, err);
}

void park_forget(struct handle *h)
{
	if (!h->poll)
		return;
	fuse_pollhandle_destroy(h->poll);
	h->poll = NULL;
	TAILQ_REMOVE(&polled, h, polled);
}

void ll_poll(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi, struct fuse_pollhandle *ph)
{
	if (remote_is(ino)) {
		remote_poll(req, fi, ph);
		return;
	}
	struct handle *h = (struct handle *)(uintptr_t)fi->fh;
	bool now = h->scratch || readable(h);

	if (ph) {
		park_forget(h);
		h->poll = ph;
		TAILQ_INSERT_TAIL(&polled, h, polled);
		if (h->obj)
			notes_of(h->obj);
	}
	fuse_reply_poll(req, (now ? POLLIN | POLLRDNORM : 0) | POLLOUT | POLLWRNORM);
}
