/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What happened: two growing texts of which the last part is kept, `events` and `errors`.  Offsets count bytes since
 * the start of this engine; SEQ numbers of events likewise start at 1.
 */
#ifndef DOMFS_EVENT_H
#define DOMFS_EVENT_H

#include "access.h"

struct ring {
	char *p;
	size_t cap;
	uint64_t start, end; /* offsets of the first byte that is kept (always at a line's start) and of the end */
	uint64_t id;	     /* no other ring has it, nor one of another start of this engine; 0 while it is empty */
	int64_t changed_ns;
	void (*grew)(struct ring *r); /* set by the front end: wake followers.  May be NULL */
};
extern struct ring events_ring, errors_ring;
/* Called with each line before it is added to one of these two.  NULL: nobody. */
extern void (*ring_line_hook)(const struct ring *r, struct str line);

void ring_init(struct ring *r, size_t cap);
void ring_free(struct ring *r);
void ring_add(struct ring *r, const char *p, size_t n);
/* Copies at most N bytes from OFFSET (an offset before start is moved up to it); returns how many, *at = where they came from. */
size_t ring_read(const struct ring *r, uint64_t offset, char *out, size_t n, uint64_t *at);

/* "SEQ TIME KIND OBJECT EVENT DETAIL\n"; kind "domain", object its name, percent-encoded blanks; detail may be NULL. */
void event_emit(const char *kind, const char *object, const char *event, const char *detail_fmt, ...) printf_like(4, 5);
uint64_t event_seq(void);

/* "TIME UID PATH ERRNO MESSAGE\n" (errno by name); called by the one place that answers a request. */
void errors_add(const struct who *who, const char *path, const struct error *err);
const char *errno_name(int code); /* "EBUSY" */

void log_line(const char *fmt, ...)
	printf_like(1, 2); /* stderr in the foreground, syslog otherwise; for the operator */

#endif
