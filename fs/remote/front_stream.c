/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Following a stream of another host: events, errors, consoles.  Such a reader says each time what he has (of which ring up to which byte), so when the
 * connection is lost he waits for another one and goes on there with what comes next.  What is not kept any more by then is told by a line.
 */
#include <fcntl.h>

#include "engine/units.h"
#include "front_private.h"

static bool is_console(const struct rhandle *h)
{
	return !strcmp(h->n->name, "console");
}

/* Read-write, as the tree's own; a console's reader waits in any case. */
bool front_follows(const struct rhandle *h)
{
	return !h->by_offset && ((h->flags & O_ACCMODE) == O_RDWR || is_console(h));
}

/* Lost is what was between the place that was asked for and AT of the ring ID. */
static void tell_loss(struct rhandle *h, uint64_t id, uint64_t at)
{
	autobuf struct buf line = { 0 };

	if (h->mid_line)
		buf_putc(&h->text, '\n');
	if (!strcmp(h->n->name, "events")) { /* a line as the others are, with a number that none of them has */
		buf_puts(&line, "0 ");
		time_iso8601(&line, now_realtime_ns());
		buf_puts(&line, " host ");
		buf_percent(&line, h->n->r->uri);
		buf_puts(&line, id == h->ring ? " lost " : " restarted ");
	} else {
		buf_puts(&line, "domfs: ");
	}
	if (id == h->ring)
		buf_printf(&line, "%llu bytes that came while it was not connected are not kept any more\n",
			   (unsigned long long)(at - h->position));
	else
		buf_puts(&line, "it began anew while it was not connected; what was said last before is not known\n");
	buf_add(&h->text, line.p, line.n);
}

static int ask_next(struct rhandle *h, size_t size, struct error *err)
{
	struct remote *r = h->n->r;
	size_t most = r->msize - 40;
	struct p9_msg m = { .type = P9_TNEXT,
			    .fid = h->fid,
			    .start = h->position,
			    .length = h->ring,
			    .count = size < most ? size : most };
	autorcall struct rcall *got = NULL;
	struct str data;
	int ret = remote_call(r, &m, &got, err);

	if (ret < 0)
		return ret;
	data = got->reply.data;
	if (data.n > m.count)
		return error_set(err, EPROTO, "%s sent more than it was asked for", r->uri);
	if (h->cut && h->ring && data.n && (got->reply.length != h->ring || got->reply.start != h->position))
		tell_loss(h, got->reply.length, got->reply.start);
	h->cut = false;
	h->ring = got->reply.length;
	h->position = got->reply.start + data.n;
	if (data.n)
		h->mid_line = data.p[data.n - 1] != '\n';
	buf_add(&h->text, data.p, data.n);
	return 0;
}

/* Until the host is there again: as a reader waits who has read all. */
static int wait_for_link(struct rhandle *h, struct error *err)
{
	struct remote *r = h->n->r;
	int w = 0;

	h->cut = true;
	while (r->state != REMOTE_CONNECTED && !r->closing && w == 0)
		w = task_wait(&r->changed, NO_TIMEOUT);
	return r->closing ? error_set(err, ENODEV, "%s is not one of the hosts any more", r->uri) : w;
}

/* It failed because the connection LINK did, and not because the other side said so. */
static bool is_lost(const struct remote *r, unsigned link, int ret)
{
	return ret == -EHOSTUNREACH && (r->state != REMOTE_CONNECTED || link != r->links);
}

static int fill(struct rhandle *h, size_t size, struct error *err)
{
	const struct remote *r = h->n->r;
	int ret = 0;

	while (!h->text.n && ret == 0) {
		unsigned link = r->links;
		h->cut = h->cut || h->link != link;
		ret = front_current(h, err);
		if (ret == 0)
			ret = ask_next(h, size, err);
		if (!is_lost(r, link, ret))
			return ret;
		error_clear(err);
		ret = h->flags & O_NONBLOCK ? -EAGAIN : wait_for_link(h, err);
	}
	return ret;
}

int front_next(struct call *c, struct error *err)
{
	struct rhandle *h = c->rh;
	size_t n;
	int ret;

	if (c->off != h->offset &&
	    !is_console(h)) { /* a reader who seeks sees a file that begins where it began when it was opened */
		h->by_offset = true;
		buf_clear(&h->text);
		remote_clunk(h->n->r, h->fid);
		ret = front_open_there(h, err);
		return ret < 0 ? ret : -EOPNOTSUPP;
	}
	ret = fill(h, c->size, err);
	h->by_offset = ret == -EOPNOTSUPP;
	if (ret < 0)
		return ret;
	n = h->text.n < c->size ? h->text.n : c->size;
	buf_add(&c->data, h->text.p, n);
	buf_cut(&h->text, 0, n);
	h->offset += n;
	return 0;
}

/* ---- poll ---- */

static void poll_done(struct rhandle *h)
{
	if (!h->poll)
		return;
	fuse_lowlevel_notify_poll(h->poll);
	fuse_pollhandle_destroy(take(&h->poll));
}

static int ask_poll(struct rhandle *h)
{
	struct p9_msg m = { .type = P9_TPOLL };
	autorcall struct rcall *c = NULL;
	int r = front_current(h, NULL);

	if (r < 0)
		return r;
	m.fid = h->fid;
	c = remote_send(h->n->r, &m);
	return remote_await(h->n->r, c, NULL);
}

/* Whoever waits for a stream goes on waiting when the host is lost. */
void front_poll_task(void *arg)
{
	struct rhandle *h = arg;
	unsigned link;
	int r;

	h->polling = task_self();
	do {
		link = h->n->r->links;
		r = ask_poll(h);
	} while (front_follows(h) && is_lost(h->n->r, link, r) && wait_for_link(h, NULL) == 0);
	h->ready = true; /* an error, too, is something that read(2) tells */
	h->polling = NULL;
	poll_done(h);
	front_handle_unref(h);
}
