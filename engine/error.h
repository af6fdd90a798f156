/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An error is a value that is passed explicitly: an errno and a sentence that says the object, what
 * was wanted, what is wrong and what would work.  Text is one line, no capital, no full stop, the
 * user's own value in quotes.  The lowest layer states the fact, each layer above may prefix what it
 * was doing, and only the place that answers the request records it.
 */
#ifndef DOMFS_ERROR_H
#define DOMFS_ERROR_H

#include "base.h"

struct error {
	int code;   /* a positive errno, 0 for none */
	char *text; /* owned; NULL when code is 0 */
};

void error_clear(struct error *err); /* NULL is fine */
#define autoerror __attribute__((cleanup(error_clear)))

/* Sets *ERR (when it is not NULL; an earlier error is replaced) and returns -CODE.  CODE > 0. */
int error_set(struct error *err, int code, const char *fmt, ...) printf_like(3, 4);

/* Prefixes "FMT: " to the text and returns R, so that a caller can write return error_in(...).
 * Does nothing but return when R is not negative or nothing is set. */
int error_in(struct error *err, int r, const char *fmt, ...) printf_like(3, 4);

/* Moves *FROM to *TO, which is cleared first; either may be NULL. */
void error_move(struct error *to, struct error *from);

/* The text, or the errno's own words when there is none. */
const char *error_text(const struct error *err);

#endif
