/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The state directory: one file per object, written to a temporary name, fsynced, renamed, the directory fsynced.  A half-written or foreign
 * file never stops the start: it is set aside (NAME.broken-N) and named in `errors`.
 *
 * A file is a header of "key value" lines (values percent-encoded where needed), an empty line, and named sections of counted bytes, closed by
 * an "end" line with a checksum; docs/architecture.md has the format.
 */
#ifndef DOMFS_STORE_H
#define DOMFS_STORE_H

#include "buf.h"
#include "error.h"
#include "offload.h"

struct record; /* what one file holds */
struct record *record_new(void);
void record_free(struct record *r);
void record_set(struct record *r, const char *key, const char *value);
const char *record_get(const struct record *r, const char *key); /* NULL when absent */
void record_add_line(struct record *r, const char *key, const char *value); /* a key that repeats */
void record_each(const struct record *r, const char *key, void (*fn)(void *arg, const char *value), void *arg);
void record_set_text(struct record *r, const char *section, struct str text);
struct str record_text(const struct record *r, const char *section);

/* Opens or makes the state directory and locks it (flock); -EBUSY names the pid that has it. */
int store_open(const char *state_dir, const char *run_dir, struct error *err);
void store_close(void);

/* Writes KIND/NAME durably ("domains", "web").  DURABLE: returns after fsync (on the store's worker; task only); otherwise the
 * data is handed over in order and fsynced soon.  On failure (ENOSPC, EROFS) the old file stays whole. */
int store_write(const char *kind, const char *name, const struct record *r, bool durable, struct error *err);
int store_remove(const char *kind, const char *name, struct error *err);
int store_rename(const char *kind, const char *from, const char *to, struct error *err);
/* Reads all of KIND (start only; does not wait for tasks): FN owns the record. Broken ones are set aside. */
int store_load(const char *kind, void (*fn)(void *arg, const char *name, struct record *r), void *arg, struct error *err);

/* The same format for a plain path (run files); not fsynced (run directories are tmpfs), renamed into place. */
int record_write_file(const char *path, const struct record *r, struct error *err);
struct record *record_read_file(const char *path, struct error *err);

#endif
