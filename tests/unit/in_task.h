/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For tests of what waits: runs a function as a task on a loop of its own, to its end. */
#ifndef DOMFS_TESTS_IN_TASK_H
#define DOMFS_TESTS_IN_TASK_H

#include "engine/loop.h"
#include "engine/task.h"

struct in_task {
	void (*fn)(void *arg);
	void *arg;
};

static void in_task_body(void *arg)
{
	struct in_task *t = arg;

	t->fn(t->arg);
	loop_stop();
}

/* A sleep of a task that nobody cancels. */
static inline void nap(int64_t ms)
{
	if (task_sleep(ms) < 0)
		abort();
}

/* An assertion that fails in FN longjmps off the task's stack: it is reported, but tests behind it in the
 * same program may fail for that reason alone. */
static inline void in_task(void (*fn)(void *arg), void *arg)
{
	struct in_task t = { fn, arg };

	loop_init();
	task_start(in_task_body, &t);
	loop_run();
	loop_close();
}

#endif
