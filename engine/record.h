/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What one file of the state or run directory holds: "key value" lines and named texts, checked as a whole.  engine/record.c has
 * the format.
 */
#ifndef DOMFS_RECORD_H
#define DOMFS_RECORD_H

#include "buf.h"
#include "error.h"

struct record;
struct record *record_new(void);
void record_free(struct record *r); /* NULL is fine */
void record_free_p(struct record **r);
#define autorecord __attribute__((cleanup(record_free_p)))
void record_set(struct record *r, const char *key, const char *value);	    /* NULL removes */
const char *record_get(const struct record *r, const char *key);	    /* NULL when absent */
void record_add_line(struct record *r, const char *key, const char *value); /* a key that repeats */
void record_each(const struct record *r, const char *key, void (*fn)(void *arg, const char *value), void *arg);
void record_set_text(struct record *r, const char *section, struct str text);
struct str record_text(const struct record *r, const char *section); /* borrowed; n 0 when absent */

void record_print(const struct record *r, struct buf *out);
struct record *record_parse(struct str text, struct error *err); /* NULL and -EBADMSG */

/* Plain paths (run files): not fsynced, as run directories are tmpfs, but renamed into place. */
int record_write_file(const char *path, const struct record *r, struct error *err);
struct record *record_read_file(const char *path, struct error *err);
struct record *record_read_at(int dirfd, const char *path, struct error *err);

#endif
