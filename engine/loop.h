/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The event loop (libuv) behind a few calls.  One thread runs it and owns all engine state. */
#ifndef DOMFS_LOOP_H
#define DOMFS_LOOP_H

#include "base.h"

struct loop_fd;
struct loop_timer;

enum { LOOP_READ = 1, LOOP_WRITE = 2, LOOP_HUP = 4 };

void loop_init(void);  /* also makes SIGPIPE ignored: a peer that went away is an EPIPE */
void loop_run(void);   /* until loop_stop */
void loop_stop(void);  /* from the loop's thread */
void loop_close(void); /* frees what loop_init made; for leak checkers */

/* Calls FN(ARG, events) on the loop whenever FD is ready (level-triggered; an error on FD counts as all of
 * EVENTS and LOOP_HUP).  FD stays the caller's, is made non-blocking and may be closed once unwatched.  NULL with errno when
 * it cannot be watched (a regular file, already watched). */
struct loop_fd *loop_watch(int fd, int events, void (*fn)(void *arg, int events), void *arg);
void loop_watch_events(struct loop_fd *w, int events);
void loop_unwatch(struct loop_fd *w); /* NULL is fine; safe inside its own callback */

/* Calls FN(ARG) once after MS; the timer is gone when FN returns: forget it there.  loop_untimer before
 * that cancels. */
struct loop_timer *loop_timer(int64_t ms, void (*fn)(void *arg), void *arg);
void loop_untimer(struct loop_timer *t); /* NULL is fine */

/* Runs FN(ARG) on the loop soon, after what is going on now (same thread only). */
void loop_soon(void (*fn)(void *arg), void *arg);
/* The same from any thread; after loop_close nothing happens, and it returns false. */
bool loop_post(void (*fn)(void *arg), void *arg);
/* Calls FN(ARG, signo) on the loop for a signal. */
void loop_signal(int signo, void (*fn)(void *arg, int signo), void *arg);

#endif
