/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Directories whose names come and go by other hands: inotify(7), one descriptor for all. */
#ifndef DOMFS_WATCH_H
#define DOMFS_WATCH_H

#include "offload.h"

struct watch;

/* NAME appeared (THERE) or went; NAME NULL: anything may have happened (too much at once, or the directory itself went). */
typedef void watch_fn(void *arg, const char *name, bool there);

/* Watches PATH, by a call on W (it may hang): NULL when that fails or when the file system is one whose changes by others inotify does not
 * see (NFS, CIFS, FUSE ...).  Task. */
struct watch *watch_dir(struct worker *w, const char *path, watch_fn *fn, void *arg, int64_t timeout_ms);
void watch_free(struct watch *w); /* NULL is fine */
/* Calls FN for all that has happened until now.  Does not wait.  (The loop calls it by itself, a moment later.) */
void watch_drain(void);
void watch_close(void);

#endif
