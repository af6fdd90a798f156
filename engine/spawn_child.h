/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What spawn.c prepares for the child between clone and exec, and what comes back. */
#ifndef DOMFS_SPAWN_CHILD_H
#define DOMFS_SPAWN_CHILD_H

#include "spawn.h"

/* Where a child failed; the words are in spawn.c. */
enum spawn_step {
	STEP_NONE,
	STEP_PIDFILE,
	STEP_FDS,
	STEP_SESSION,
	STEP_CHDIR,
	STEP_LIMITS,
	STEP_USER,
	STEP_PRIVS,
	STEP_EXEC,
	SPAWN_STEPS,
};

/* Nothing in it is allocated or looked up by the child. */
struct spawn_plan {
	const struct spawn *s;
	const char *program; /* with its directory */
	char *const *argv, *const *env;
	struct spawn_fd *fds; /* sorted by THEIRS, no two the same; the child changes OURS */
	int nfds;
	volatile int step, code; /* set by the child, which shares our memory until it execs */
};

/* For clone(CLONE_VM | CLONE_VFORK). */
int spawn_child(void *plan);

#endif
