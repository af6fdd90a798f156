/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A growing byte buffer, always followed by a NUL that is not counted. */
#ifndef DOMFS_BUF_H
#define DOMFS_BUF_H

#include "base.h"

struct buf {
	char *p; /* NULL when nothing was ever added */
	size_t n, cap;
};

void buf_clear(struct buf *b); /* frees */
void buf_wipe(struct buf *b);  /* overwrites and frees: it held a secret */
#define autobuf __attribute__((cleanup(buf_clear)))
void buf_reset(struct buf *b); /* length 0, memory kept */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *fmt, ...) printf_like(2, 3);
void buf_u64(struct buf *b, uint64_t v);	    /* decimal, without printf's cost */
void buf_xml(struct buf *b, const char *s);	    /* S with & < > ' " and control characters escaped */
void buf_percent(struct buf *b, const char *s);	    /* blank, %, '/', '=' and control characters as %XX */
void buf_cut(struct buf *b, size_t from, size_t n); /* removes bytes */
char *buf_take(struct buf *b);			    /* the text, owned by the caller; "" when empty */
const char *buf_text(const struct buf *b);	    /* borrowed, never NULL */

/* Undoes buf_percent; the caller frees; NULL when a %XX is bad. */
char *percent_decode(struct str s);

/* Appends; what was made on the way is wiped.  False: IN is not base64, nothing is appended. */
void base64_encode(struct str in, struct buf *out);
bool base64_decode(struct str in, struct buf *out);

#endif
