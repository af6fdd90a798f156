/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The streams: events, errors, console, console.log, wait/CONDITION. */
#include <fcntl.h>

#include "engine/audit.h"
#include "engine/console.h"
#include "fs/stream.h"
#include "fs/views.h"

static bool follows(const struct handle *h)
{
	return (h->flags & O_ACCMODE) == O_RDWR;
}

/* Plain readers get what is there and end; one who opened it read-write waits for more. */
static ssize_t text_read(struct handle *h, const struct ring *r, uint64_t off, char *out, size_t n)
{
	ssize_t got = ring_read_at(h, r, off, out, n);

	return !got && follows(h) ? -EAGAIN : got;
}

static int events_open(const struct place *at unused, struct handle *h, struct error *err unused)
{
	view_hold(&events_ring, &h->who);
	ring_open(h, view_of(&events_ring, &h->who));
	return 0;
}

static ssize_t events_read(struct handle *h, uint64_t off, char *out, size_t n)
{
	return text_read(h, view_of(&events_ring, &h->who), off, out, n);
}

static const struct ring *events_of(struct handle *h)
{
	return view_of(&events_ring, &h->who);
}

static bool events_ready(struct handle *h)
{
	return ring_more(h, view_of(&events_ring, &h->who));
}

static uint64_t events_size(const struct place *at)
{
	return ring_size(view_of(&events_ring, at->who));
}

static void events_release(struct handle *h)
{
	view_release(&events_ring, &h->who);
}

const struct stream_ops events_stream = {
	.open = events_open,
	.read = events_read,
	.ready = events_ready,
	.size = events_size,
	.ring = events_of,
	.release = events_release,
};

static int errors_open(const struct place *at unused, struct handle *h, struct error *err unused)
{
	view_hold(&errors_ring, &h->who);
	ring_open(h, view_of(&errors_ring, &h->who));
	return 0;
}

static ssize_t errors_read(struct handle *h, uint64_t off, char *out, size_t n)
{
	return text_read(h, view_of(&errors_ring, &h->who), off, out, n);
}

static const struct ring *errors_of(struct handle *h)
{
	return view_of(&errors_ring, &h->who);
}

static bool errors_ready(struct handle *h)
{
	return ring_more(h, view_of(&errors_ring, &h->who));
}

static uint64_t errors_size(const struct place *at)
{
	return ring_size(view_of(&errors_ring, at->who));
}

static void errors_release(struct handle *h)
{
	view_release(&errors_ring, &h->who);
}

const struct stream_ops errors_stream = {
	.open = errors_open,
	.read = errors_read,
	.ready = errors_ready,
	.size = errors_size,
	.ring = errors_of,
	.release = errors_release,
};

static int audit_open_stream(const struct place *at unused, struct handle *h, struct error *err unused)
{
	ring_open(h, &audit_ring);
	return 0;
}

static ssize_t audit_read(struct handle *h, uint64_t off, char *out, size_t n)
{
	return text_read(h, &audit_ring, off, out, n);
}

static bool audit_ready(struct handle *h)
{
	return ring_more(h, &audit_ring);
}

static uint64_t audit_size(const struct place *at unused)
{
	return ring_size(&audit_ring);
}

const struct stream_ops audit_stream = {
	.open = audit_open_stream,
	.read = audit_read,
	.ready = audit_ready,
	.size = audit_size,
};

static const struct ring *console_ring(const struct object *o)
{
	const struct domain *d = domain_of((struct object *)o);

	return d->console ? &d->console->out : NULL;
}

static const struct ring *console_of(struct handle *h)
{
	return console_ring(h->obj);
}

static int console_log_open(const struct place *at, struct handle *h, struct error *err unused)
{
	if (console_ring(at->obj))
		ring_open(h, console_ring(at->obj));
	return 0;
}

static ssize_t console_log_read(struct handle *h, uint64_t off, char *out, size_t n)
{
	const struct ring *r = console_ring(h->obj);

	if (r)
		return text_read(h, r, off, out, n);
	return follows(h) ? -EAGAIN : 0;
}

static bool console_ready(struct handle *h)
{
	const struct ring *r = console_ring(h->obj);

	return r && ring_more(h, r);
}

static uint64_t console_log_size(const struct place *at)
{
	const struct ring *r = console_ring(at->obj);

	return r ? ring_size(r) : 0;
}

const struct stream_ops console_log_stream = {
	.open = console_log_open,
	.read = console_log_read,
	.ready = console_ready,
	.size = console_log_size,
	.ring = console_of,
};

static int console_open(const struct place *at, struct handle *h, struct error *err)
{
	struct domain *d = domain_of(at->obj);

	if (d->console)
		ring_open(h, &d->console->out);
	if ((h->flags & O_ACCMODE) == O_RDONLY)
		return 0;
	if (!d->console)
		return error_set(err, ENOTCONN, "%s: has no console now", d->obj.name);
	return console_claim(d->console, h, err);
}

/* Reads and writes of one open file share its offset, which says nothing here. */
static ssize_t console_read(struct handle *h, uint64_t off unused, char *out, size_t n)
{
	const struct ring *r = console_ring(h->obj);
	ssize_t got = r ? ring_read_at(h, r, h->end - h->base, out, n) : 0;

	return got ? got : -EAGAIN;
}

static ssize_t console_put(struct handle *h, const char *p, size_t n, struct error *err)
{
	struct domain *d = domain_of(h->obj);
	ssize_t put;

	if (!d->console || !d->console->connected)
		return error_set(err, ENOTCONN, "%s: the console is not connected", d->obj.name);
	put = console_write(d->console, p, n);
	return put ? put : -EAGAIN;
}

static void console_release_handle(struct handle *h)
{
	struct domain *d = domain_of(h->obj);

	if (d->console)
		console_release(d->console, h);
}

const struct stream_ops console_stream = {
	.open = console_open,
	.read = console_read,
	.ready = console_ready,
	.write = console_put,
	.ring = console_of,
	.release = console_release_handle,
};

/* 1: it is so, and LINE says it. */
static int condition(struct handle *h, struct buf *line)
{
	struct domain *d = domain_of(h->obj);

	if (!strcmp(h->slot->name, "job")) {
		if (d->jobs.holder)
			return 0;
		buf_puts(line, "none\n");
		return 1;
	}
	return domain_condition(d, h->slot->name, line);
}

static ssize_t wait_read(struct handle *h, uint64_t off, char *out, size_t n)
{
	autobuf struct buf line = { 0 };
	int r;

	if (off)
		return 0;
	r = condition(h, &line);
	if (r <= 0)
		return r < 0 ? r : -EAGAIN;
	if (line.n && line.p[line.n - 1] != '\n')
		buf_putc(&line, '\n');
	if (n > line.n)
		n = line.n;
	memcpy(out, buf_text(&line), n);
	return n;
}

static bool wait_ready(struct handle *h)
{
	autobuf struct buf line = { 0 };

	return condition(h, &line) > 0;
}

const struct stream_ops wait_stream = { .read = wait_read, .ready = wait_ready };
