/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A ring as a file that grows, for the streams of fs/tree/. */
#ifndef DOMFS_STREAM_H
#define DOMFS_STREAM_H

#include "open.h"

uint64_t ring_shown(const struct ring *r); /* where the text that a reader sees starts */
uint64_t ring_size(const struct ring *r);
void ring_open(struct handle *h, const struct ring *r);
ssize_t ring_read_at(struct handle *h, const struct ring *r, uint64_t off, char *out, size_t n); /* 0: nothing yet */
/* What comes after POSITION of the ring ID (0: from where a reader begins), wherever H was before; both are then those of what was read.  For readers that
 * lose their handle and have another.  0: nothing yet. */
size_t ring_next(struct handle *h, const struct ring *r, uint64_t *id, uint64_t *position, char *out, size_t n);
bool ring_more(const struct handle *h, const struct ring *r);

/* Something of O that streams show has grown or changed: told to each front end. */
void stream_wake(struct object *o);
void stream_on_wake(void (*fn)(struct object *o));
/* What every front end needs: rendered texts are dropped, and rings wake their readers.  Once, before any front end opens. */
void streams_open(void);

#endif
