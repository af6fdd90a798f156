/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The state directory: one file per object, written to a temporary name, fsynced, renamed, the directory fsynced.  A half-written or foreign
 * file never stops the start: it is set aside (to broken/KIND-NAME.N) and named in `errors`.
 *
 * All writing happens on one worker thread.  What is asked for while it works is done as one batch: each file is synced by itself, the
 * directory once for all.
 */
#ifndef DOMFS_STORE_H
#define DOMFS_STORE_H

#include "record.h"

/* Opens or makes the two directories and locks the first (flock); -EBUSY names the pid that has it.  Does not wait for tasks. */
int store_open(const char *state_dir, const char *run_dir, struct error *err);
void store_close(void); /* finishes what was handed over */

/* Writes KIND/NAME ("domains", "web").  DURABLE: returns when it is on the disk (task only); otherwise it is only handed
 * over, in order, and reaches the disk soon.  On failure (ENOSPC, EROFS) the old file stays whole. */
int store_write(const char *kind, const char *name, const struct record *r, bool durable, struct error *err);
int store_remove(const char *kind, const char *name, bool durable, struct error *err); /* absent is success */
/* Reads all of KIND (start only; does not wait for tasks): FN owns the record. */
int store_load(const char *kind, void (*fn)(void *arg, const char *name, struct record *r), void *arg,
	       struct error *err);
/* For FN: what it was given is of no use, WHY (EBADMSG) says why not. */
void store_set_aside(const char *kind, const char *name, struct error *why);
/* Waits until all that was handed over is on the disk.  Task only. */
void store_sync(void);

#endif
