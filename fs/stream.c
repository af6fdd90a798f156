/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Streams over a ring: events, errors, console.log, console.  To a plain reader such a file is a text of true size that starts where the kept part
 * starts.  That start moves in large steps, so that `tail -f` sees a rotation now and then and not a shrinking file at every line.
 *
 * A step is more than half a ring: tail, which begins again at 0 after a rotation, has then always read more than the next rotation leaves, and so
 * sees that one, too.  (It believes a size that is a little more than what it has read, and would stay behind by the difference.)
 */
#include "stream.h"

#include "engine/audit.h"
#include "engine/console.h"
#include "engine/domain.h"
#include "engine/event.h"

static void (*wakers[4])(struct object *o);

void stream_on_wake(void (*fn)(struct object *o))
{
	for (size_t i = 0; i < ARRAY_SIZE(wakers); i++) {
		if (wakers[i] && wakers[i] != fn)
			continue;
		wakers[i] = fn;
		return;
	}
	abort();
}

void stream_wake(struct object *o)
{
	for (size_t i = 0; i < ARRAY_SIZE(wakers) && wakers[i]; i++)
		wakers[i](o);
}

uint64_t ring_shown(const struct ring *r)
{
	uint64_t step = r->cap / 8 * 5, from;
	char text[512];
	uint64_t at;
	size_t n;
	const char *nl;

	if (!step || r->end <= r->cap)
		return r->start;
	from = (r->end - r->cap + step - 1) / step * step;
	if (from <= r->start)
		return r->start;
	n = ring_read(r, from - 1, text, sizeof(text), &at);
	nl = memchr(text, '\n', n);
	return nl ? at + (nl - text) + 1 : from;
}

uint64_t ring_size(const struct ring *r)
{
	return r->end - ring_shown(r);
}

void ring_open(struct handle *h, const struct ring *r)
{
	h->base = h->end = ring_shown(r);
}

ssize_t ring_read_at(struct handle *h, const struct ring *r, uint64_t off, char *out, size_t n)
{
	uint64_t from = h->base + off, at;

	if (!off && h->end > h->base && ring_shown(r) > h->base) {
		/* The text was cut at its start and the reader (tail -f) begins again: it goes on where it was. */
		from = h->base = h->end;
	}
	if (h->end > r->end || from > r->end) /* another ring than it was: the guest was started again */
		from = r->start;
	if (from >= r->end)
		return 0;
	n = ring_read(r, from, out, n, &at);
	h->end = at + n;
	h->base = at - off;
	return n;
}

size_t ring_next(struct handle *h, const struct ring *r, uint64_t *id, uint64_t *position, char *out, size_t n)
{
	uint64_t from = !*id ? ring_shown(r) : *id == r->id && *position <= r->end ? *position : r->start;

	n = ring_read(r, from, out, n, &h->base);
	h->end = h->base + n;
	if (n) {
		*id = r->id;
		*position = h->base;
	}
	return n;
}

bool ring_more(const struct handle *h, const struct ring *r)
{
	return r->end > h->end || h->end > r->end;
}

/* ---- the engine's side ---- */

static void ring_grew(struct ring *r)
{
	if (r == &events_ring || r == &errors_ring || r == &audit_ring)
		stream_wake(&root_object);
	else
		stream_wake(&((struct domain *)container_of(r, struct console, out)->domain)->obj);
}

static void changed(struct object *o, unsigned facets unused)
{
	samples_drop();
	if (o->kind == OBJ_DOMAIN && domain_of(o)->console)
		domain_of(o)->console->out.grew = ring_grew;
}

static void gone(struct object *o)
{
	samples_forget(o);
}

static void wake_writers(struct console *c)
{
	stream_wake(&((struct domain *)c->domain)->obj);
}

void streams_open(void)
{
	static struct watcher watcher = { .changed = changed, .gone = gone };

	watcher_add(&watcher);
	events_ring.grew = errors_ring.grew = audit_ring.grew = ring_grew;
	console_writable_hook = wake_writers;
}
