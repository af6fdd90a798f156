/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Coroutines over ucontext, scheduled on the loop.  A wake only puts a task on the ready queue; the
 * loop runs that queue when what is going on now has returned, so no task ever runs inside a call
 * of another one.  AddressSanitizer is told of every switch.
 */
#include "task.h"

#include <assert.h>
#include <stdio.h>
#include <ucontext.h>

#include "loop.h"
#include "stack.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#else
#define __sanitizer_start_switch_fiber(save, bottom, size)  ((void)(save), (void)(bottom), (void)(size))
#define __sanitizer_finish_switch_fiber(save, bottom, size) ((void)(save), (void)(bottom), (void)(size))
#endif

/* Lives on the stack of the task that waits. */
struct waiter {
	TAILQ_ENTRY(waiter) link;
	struct waitq *q; /* NULL once it is decided how the wait ends */
	struct task *task;
	struct loop_timer *timer;
	int result;
};

struct task {
	ucontext_t context;
	void *stack;
	void (*fn)(void *arg);
	void *arg;
	struct waiter *waiting;
	TAILQ_ENTRY(task) ready; /* on the ready queue or on none */
	unsigned shield;
	bool cancelled, ended;
	void *fake_stack; /* AddressSanitizer's, while the task does not run */
};

TAILQ_HEAD(taskq, task);

static struct taskq ready = TAILQ_HEAD_INITIALIZER(ready);
static unsigned nready, ntasks;
static struct task *current;
static ucontext_t scheduler;
static const void *scheduler_stack; /* for AddressSanitizer */
static size_t scheduler_size;

/* From the loop's stack to T's, until it waits or ends.  True when it ended: T is gone then. */
static bool run(struct task *t)
{
	void *fake_stack = NULL;

	assert(!current);
	current = t;
	__sanitizer_start_switch_fiber(&fake_stack, t->stack, STACK_SIZE);
	swapcontext(&scheduler, &t->context);
	__sanitizer_finish_switch_fiber(fake_stack, NULL, NULL);
	current = NULL;
	if (!t->ended)
		return false;
	stack_put(t->stack);
	free(t);
	ntasks--;
	return true;
}

/* From T's stack back to the loop's. */
static void yield(struct task *t)
{
	__sanitizer_start_switch_fiber(t->ended ? NULL : &t->fake_stack, scheduler_stack, scheduler_size);
	swapcontext(&t->context, &scheduler);
	__sanitizer_finish_switch_fiber(t->fake_stack, &scheduler_stack, &scheduler_size);
}

static void first_frame(void)
{
	struct task *t = current;

	__sanitizer_finish_switch_fiber(NULL, &scheduler_stack, &scheduler_size);
	/* AddressSanitizer's swapcontext wipes the shadow of uc_stack: right for a stack without
	 * frames, wrong from now on */
	t->context.uc_stack = (stack_t){ 0 };
	t->fn(t->arg);
	t->ended = true;
	yield(t);
	abort(); /* nobody resumes an ended task */
}

/* Runs those that are ready now; those that become ready meanwhile come after the loop has looked at
 * its descriptors. */
static void run_ready(void *arg unused)
{
	struct task *t;

	for (unsigned n = nready; n; n--) {
		t = TAILQ_FIRST(&ready);
		TAILQ_REMOVE(&ready, t, ready);
		nready--;
		run(t);
	}
	if (nready)
		loop_soon(run_ready, NULL);
}

static void make_ready(struct task *t)
{
	TAILQ_INSERT_TAIL(&ready, t, ready);
	if (!nready++)
		loop_soon(run_ready, NULL);
}

struct task *task_start(void (*fn)(void *arg), void *arg)
{
	struct task *t = xcalloc(1, sizeof(*t));

	t->fn = fn;
	t->arg = arg;
	t->stack = stack_get();
	if (getcontext(&t->context) < 0)
		abort();
	t->context.uc_stack.ss_sp = t->stack;
	t->context.uc_stack.ss_size = STACK_SIZE;
	makecontext(&t->context, first_frame, 0);
	ntasks++;
	if (current) {
		make_ready(t);
		return t;
	}
	return run(t) ? NULL : t;
}

struct task *task_self(void)
{
	return current;
}

void may_wait(void)
{
	if (current)
		return;
	fputs("domfs: something that waits was called outside a task\n", stderr);
	abort(); /* also with NDEBUG: the loop would hang for everybody */
}

/* Decides how a wait ends; its task runs later. */
static void settle(struct waiter *w, int result)
{
	TAILQ_REMOVE(w->q, w, link);
	w->q = NULL;
	w->result = result;
	loop_untimer(w->timer);
	w->timer = NULL;
	make_ready(w->task);
}

static void time_is_up(void *arg)
{
	struct waiter *w = arg;

	w->timer = NULL; /* it goes by itself */
	settle(w, -ETIMEDOUT);
}

int task_wait(struct waitq *q, int64_t timeout_ms)
{
	struct task *t = current;
	struct waiter w = { .q = q, .task = t };

	may_wait();
	if (t->cancelled && !t->shield)
		return -ECANCELED;
	if (timeout_ms >= 0)
		w.timer = loop_timer(timeout_ms, time_is_up, &w);
	TAILQ_INSERT_TAIL(q, &w, link);
	t->waiting = &w;
	yield(t);
	t->waiting = NULL;
	return w.result;
}

int task_sleep(int64_t ms)
{
	struct waitq q = TAILQ_HEAD_INITIALIZER(q);
	int r = task_wait(&q, ms < 0 ? 0 : ms);

	return r == -ETIMEDOUT ? 0 : r;
}

void task_wake(struct waitq *q)
{
	struct waiter *w = TAILQ_FIRST(q);

	if (w)
		settle(w, 0);
}

void task_wake_all(struct waitq *q)
{
	struct waiter *w;

	while ((w = TAILQ_FIRST(q)))
		settle(w, 0);
}

void task_cancel(struct task *t)
{
	if (!t)
		return;
	t->cancelled = true;
	/* one that was woken but has not run yet keeps its wake: it may stand for something given */
	if (t->waiting && t->waiting->q && !t->shield)
		settle(t->waiting, -ECANCELED);
}

bool task_cancelled(void)
{
	return current && current->cancelled && !current->shield;
}

int task_shield(int by)
{
	may_wait();
	assert(by > 0 || current->shield >= (unsigned)-by);
	current->shield += (unsigned)by;
	return (int)current->shield;
}

unsigned task_count(void)
{
	return ntasks;
}
