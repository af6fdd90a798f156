/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Tasks: stackful coroutines on the one loop.  Work that waits (spawn, handshake, ask the hypervisor)
 * runs as a task and reads top to bottom.  Nothing runs beside a task until it waits, so there are no
 * locks; after a wait the world may have changed: hold references across it, not pointers.
 *
 * A cancelled wait returns an error and the task unwinds by itself; a stack is never destroyed.
 */
#ifndef DOMFS_TASK_H
#define DOMFS_TASK_H

#include <sys/queue.h>

#include "error.h"

struct task;
struct waiter;
TAILQ_HEAD(waitq, waiter); /* tasks that wait for one thing; TAILQ_INIT before use */

#define NO_TIMEOUT (-1)

/* Starts FN(ARG) on a stack of its own and runs it until its first wait (from the loop: at once; from
 * a task: as soon as that one waits).  The task frees itself when FN returns; the pointer is valid until then,
 * and NULL when it has ended already. */
struct task *task_start(void (*fn)(void *arg), void *arg);
struct task *task_self(void); /* NULL on the loop */

/* Waits on Q until woken, until TIMEOUT_MS have passed or until cancelled:
 * 0, -ETIMEDOUT, -ECANCELED.  A cancelled task stays cancelled: its next waits fail at once, except
 * inside task_shield (cleanup that must wait).  Task only. */
must_check int task_wait(struct waitq *q, int64_t timeout_ms);
must_check int task_sleep(int64_t ms);
void task_wake(struct waitq *q); /* the first waiter; from loop or task, never runs it inline */
void task_wake_all(struct waitq *q);
void task_cancel(struct task *t); /* its current or next wait returns -ECANCELED; NULL is fine */
bool task_cancelled(void);	  /* would the current task's next wait fail?  false on the loop */
int task_shield(int by);	  /* +1: waits ignore a cancel; -1: end; returns the new depth */

/* Asserts that we are in a task: first line of everything that can wait. */
void may_wait(void);

/* How many tasks are alive (leak checks, metrics). */
unsigned task_count(void);

#endif
