/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What happened and what failed, as two growing texts in memory of which the last part is kept. */
#include "event.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/random.h>
#include <syslog.h>

#include "driver.h"
#include "units.h"

#define EVENTS_KEPT (256u << 10)
#define ERRORS_KEPT (128u << 10)

struct ring events_ring = { .cap = EVENTS_KEPT };
struct ring errors_ring = { .cap = ERRORS_KEPT };

void (*ring_line_hook)(const struct ring *r, struct str line);

static uint64_t last_seq;

void ring_init(struct ring *r, size_t cap)
{
	*r = (struct ring){ .cap = cap, .changed_ns = now_realtime_ns() };
}

void ring_free(struct ring *r)
{
	free(take(&r->p));
	r->start = r->end;
}

static uint64_t new_id(void)
{
	static uint64_t last;

	if (!last && getrandom(&last, sizeof(last), 0) != sizeof(last))
		last = now_realtime_ns();
	return ++last ? last : ++last;
}

/* Byte at OFFSET lies at OFFSET % cap.  The memory comes with the first byte: most consoles never say one. */
void ring_add(struct ring *r, const char *p, size_t n)
{
	if (n == 0)
		return;
	if (!r->p)
		r->p = xmalloc(r->cap);
	if (!r->id)
		r->id = new_id();
	for (size_t i = 0; i < n;) {
		size_t at = (r->end + i) % r->cap;
		size_t part = n - i < r->cap - at ? n - i : r->cap - at;

		memcpy(r->p + at, p + i, part);
		i += part;
	}
	r->end += n;
	if (r->end - r->start > r->cap) {
		uint64_t cut = r->end - r->cap;

		for (r->start = cut; r->start < r->end && r->p[r->start % r->cap] != '\n';)
			r->start++;
		r->start = r->start < r->end ? r->start + 1 : cut; /* one endless line: cut anywhere */
	}
	r->changed_ns = now_realtime_ns();
	if (r->grew)
		r->grew(r);
}

size_t ring_read(const struct ring *r, uint64_t offset, char *out, size_t n, uint64_t *at)
{
	if (offset < r->start)
		offset = r->start;
	*at = offset;
	if (offset >= r->end)
		return 0;
	if (n > r->end - offset)
		n = r->end - offset;
	for (size_t i = 0; i < n;) {
		size_t from = (offset + i) % r->cap;
		size_t part = n - i < r->cap - from ? n - i : r->cap - from;

		memcpy(out + i, r->p + from, part);
		i += part;
	}
	return n;
}

static void add_line(struct ring *r, const struct buf *line)
{
	if (ring_line_hook)
		ring_line_hook(r, (struct str){ line->p, line->n });
	ring_add(r, line->p, line->n);
}

/* One line only, whatever text came from outside. */
static void add_text(struct buf *out, const char *text)
{
	for (; *text; text++)
		buf_putc(out, (unsigned char)*text < 0x20 || *text == 0x7f ? ' ' : *text);
}

void event_emit(const char *kind, const char *object, const char *event, const char *detail_fmt, ...)
{
	autobuf struct buf line = { 0 };

	buf_u64(&line, ++last_seq);
	buf_putc(&line, ' ');
	time_iso8601(&line, now_realtime_ns());
	buf_printf(&line, " %s ", kind);
	buf_percent(&line, object);
	buf_printf(&line, " %s", event);
	if (detail_fmt) {
		char detail[1024];
		va_list ap;

		va_start(ap, detail_fmt);
		vsnprintf(detail, sizeof(detail), detail_fmt, ap);
		va_end(ap);
		buf_putc(&line, ' ');
		add_text(&line, detail);
	}
	buf_putc(&line, '\n');
	add_line(&events_ring, &line);
}

uint64_t event_seq(void)
{
	return last_seq;
}

void errors_add(const struct who *who, const char *path, const struct error *err)
{
	autobuf struct buf line = { 0 };

	time_iso8601(&line, now_realtime_ns());
	buf_printf(&line, " %u ", who ? (unsigned)who->uid : 0);
	for (const char *p = path; *p; p++) { /* a path keeps its slashes */
		if ((unsigned char)*p <= ' ' || *p == '%' || *p == 0x7f)
			buf_printf(&line, "%%%02X", (unsigned char)*p);
		else
			buf_putc(&line, *p);
	}
	buf_printf(&line, " %s ", errno_name(err->code));
	add_text(&line, error_text(err));
	buf_putc(&line, '\n');
	add_line(&errors_ring, &line);
}

const char *errno_name(int code)
{
	const char *name = code > 0 ? strerrorname_np(code) : NULL;

	if (code == ENOTSUP)
		return "ENOTSUP"; /* the C library says EOPNOTSUPP, which nobody types */
	return name ? name : "EIO";
}

void log_line(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (config.foreground) {
		fputs("domfs: ", stderr);
		vfprintf(stderr, fmt, ap);
		fputc('\n', stderr);
	} else {
		vsyslog(LOG_DAEMON | LOG_WARNING, fmt, ap);
	}
	va_end(ap);
}
