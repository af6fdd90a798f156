/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Subprocesses: argv arrays, never a shell.  Every change of credentials, session and limits happens in
 * the child between clone and exec, in this file only.
 */
#ifndef DOMFS_SPAWN_H
#define DOMFS_SPAWN_H

#include "buf.h"
#include "task.h"

struct spawn_fd {
	int ours;   /* the descriptor here; stays the caller's */
	int theirs; /* its number in the child */
};

struct spawn {
	const char *const *argv;    /* argv[0] is looked up in PATH unless it has a slash; NULL-ended */
	const char *const *env;	    /* NULL-ended; NULL: only PATH and LC_ALL=C */
	const struct spawn_fd *fds; /* 0, 1, 2 not named here are /dev/null; all others are closed */
	int nfds;
	bool session; /* setsid */
	bool no_new_privs;
	bool change_user; /* to uid, gid, groups below; needs root */
	uid_t uid;
	gid_t gid;
	const gid_t *groups;
	int ngroups;
	bool die_with_us;     /* killed when we end, however that comes (PR_SET_PDEATHSIG) */
	bool no_core;	      /* RLIMIT_CORE 0 */
	uint64_t max_memlock; /* RLIMIT_MEMLOCK when not 0 */
	int pidfile_fd;	      /* >0: the child writes "PID STARTTIME\n" there before it execs, so that it can be found
				  * again even if we are killed at that instant */
	const char *chdir;    /* NULL: "/" */
};

/* Starts it without waiting: the pid, or a negative errno with the reason (what could not be executed and why; the
 * child's own failure before exec is reported too).  The caller reaps it through spawn_watch. */
must_check pid_t spawn_start(const struct spawn *s, struct error *err);

/* Watches a process that is ours or not (pidfd): FN(ARG, status) once on the loop when it has ended; status is as wait(2) gives it,
 * -1 when it was not our child.  Reaps our children.  -ESRCH when it is already gone and not ours.
 * *OUT is the caller's until spawn_unwatch, also after FN has run (FN may call it). */
struct process;
must_check int spawn_watch(pid_t pid, void (*fn)(void *arg, int status), void *arg, struct process **out,
			   struct error *err);
void spawn_unwatch(struct process *p);		  /* NULL is fine; a child not yet dead is reaped later by itself */
int process_signal(struct process *p, int signo); /* by pidfd: never another process; 0, or -ESRCH.. */

/* The start time of PID in clock ticks since boot (/proc/PID/stat field 22), 0 when there is none: tells a recycled pid. */
uint64_t process_start_time(pid_t pid);

/* Runs a program to its end: stdin from IN (may be empty), stdout to OUT (may be NULL, at most 16 MiB).
 * 0 on exit status 0; else -EIO with the last line of its stderr in *ERR; -ETIMEDOUT, -ECANCELED kill it and
 * what it started.  OUT is appended to, and as before on failure.  Task only. */
must_check int spawn_run(const char *const *argv, struct str in, struct buf *out, int64_t timeout_ms,
			 struct error *err);
/* The same, and WORDS gets what it said on stderr (the last part of it), also when it failed: for programs whose last line is not the reason. */
must_check int spawn_run_words(const char *const *argv, struct str in, struct buf *out, struct buf *words,
			       int64_t timeout_ms, struct error *err);
/* The same without input and output; the child has FDS as well (SPAWN_FDS at most, numbers from 3): what /dev/fd/N in ARGV means. */
#define SPAWN_FDS 4
must_check int spawn_run_fds(const char *const *argv, const struct spawn_fd *fds, int nfds, int64_t timeout_ms,
			     struct error *err);
/* The same with the descriptors, user, groups and no_new_privs of HOW.  HEARD (may be NULL) gets what it says on stdout while it runs, on the
 * loop, and takes it out of SAID. */
must_check int spawn_run_as(const char *const *argv, const struct spawn *how,
			    void (*heard)(void *arg, struct buf *said), void *arg, int64_t timeout_ms,
			    struct error *err);

#endif
