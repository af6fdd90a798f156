/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What may block in the kernel (fsync, open on a dead NFS) runs on a worker thread that belongs to the one
 * thing that may hang, so that it hangs only that.
 */
#ifndef DOMFS_OFFLOAD_H
#define DOMFS_OFFLOAD_H

#include "task.h"

struct worker; /* a thread with a queue, started when first used, ended when idle for a while */

struct worker *worker_new(const char *name);
/* Ends it when its queue is empty.  One that hangs is left to end by itself; nobody waits. NULL is fine. */
void worker_free(struct worker *w);

/* Runs FN(ARG) on W's thread, after what was given to it before; nobody waits, and nothing comes back but what FN sends by itself.  Not
 * bounded: FN sees to it that nobody depends on its end.  0, or a negative errno: then FN will not run.  From the loop. */
must_check int worker_post(struct worker *w, void (*fn)(void *arg), void *arg);

/* Waits until no worker has anything to do, at most MOST_MS: true then.  For the end of the process, after the loop's last turn:
 * it takes libraries' memory away under their threads. */
must_check bool workers_settle(int64_t most_ms);

/* Runs FN(ARG) on W's thread and waits for it: FN's return value; -ETIMEDOUT or -ECANCELED when the wait
 * ended first.  Then FN still runs or is still queued, so ARG must live: FREE_ARG(ARG) is called exactly once on the loop, when
 * both FN and the caller are done with ARG and the caller gave up, or NOT AT ALL when offload
 * returned FN's value (then ARG is the caller's again).  An FN that itself returns -ETIMEDOUT
 * or -ECANCELED gives -EIO, so that these two always mean that ARG is not the caller's any more (it
 * stays readable until the caller's next wait).  FN touches ARG only, never engine state. Task only. */
must_check int offload(struct worker *w, int (*fn)(void *arg), void *arg, void (*free_arg)(void *), int64_t timeout_ms);

/* Runs FN(ARG) on W's thread as the user UID with GID and all groups of that user: the thread takes on those rights for the call (per-thread
 * file-system ids and groups; man 2 setfsuid).  uid 0, or our own uid when we are not root, changes nothing.  FN returns 0 and leaves its own
 * outcome in ARG.  0: ARG is the caller's again; on an error (-ETIMEDOUT, -ECANCELED, -EPERM) FREE_ARG(ARG) is or will be called.  Task only. */
must_check int offload_as(struct worker *w, uid_t uid, gid_t gid, int (*fn)(void *arg), void *arg,
			  void (*free_arg)(void *), int64_t timeout_ms, struct error *err);

/* Opens PATH as the user UID with GID and all groups of that user, as
 * offload_as does.  FLAGS as open(2), O_CLOEXEC and O_NOCTTY are added.  A file that O_CREAT makes gets mode 0600.
 * Returns the descriptor or a negative errno; the message names the
 * component of the path that is missing or denied, whose right is lacking and what mode it has.
 * Bounded by TIMEOUT_MS (a dead NFS: -ETIMEDOUT).  Task only. */
must_check int open_as(struct worker *w, uid_t uid, gid_t gid, const char *path, int flags, int64_t timeout_ms,
		       struct error *err);

#endif
