/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One change at a time, in order; destroy overtakes. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "engine/job.h"
#include "engine/units.h"
#include "in_task.h"

static struct jobs jobs;
static char trace[64];

struct worker_arg {
	char mark;
	int64_t ms;
	int result;
	struct task *task;
};

static void work(void *arg)
{
	struct worker_arg *w = arg;
	autojob struct job job = { 0 };

	w->result = job_begin(&job, &jobs, "work", NULL);
	if (w->result < 0)
		return;
	strncat(trace, &w->mark, 1);
	w->result = task_sleep(w->ms);
}

static void in_order_body(void *arg unused)
{
	struct worker_arg w[4] = {
		{ 'a', 20, 1, NULL }, { 'b', 5, 1, NULL }, { 'c', 1, 1, NULL }, { 'd', 0, 1, NULL }
	};

	jobs_init(&jobs);
	trace[0] = 0;
	for (int i = 0; i < 4; i++)
		task_start(work, &w[i]);
	nap(60);
	assert_string_equal(trace, "abcd");
	assert_null(jobs.holder);
	assert_int_equal(jobs.waiting, 0);
}

static void in_order(void **state unused)
{
	in_task(in_order_body, NULL);
}

static void a_cancelled_waiter_body(void *arg unused)
{
	struct worker_arg w[3] = { { 'a', 20, 1, NULL }, { 'b', 5, 1, NULL }, { 'c', 1, 1, NULL } };

	jobs_init(&jobs);
	trace[0] = 0;
	for (int i = 0; i < 3; i++)
		w[i].task = task_start(work, &w[i]);
	nap(5);
	task_cancel(w[1].task);
	nap(40);
	assert_string_equal(trace, "ac");
	assert_int_equal(w[1].result, -ECANCELED);
	assert_null(jobs.holder);
}

static void a_cancelled_waiter(void **state unused)
{
	in_task(a_cancelled_waiter_body, NULL);
}

static void urgent_body(void *arg unused)
{
	struct worker_arg w[2] = { { 'a', 5000, 1, NULL }, { 'b', 1, 1, NULL } };
	int64_t began = now_monotonic_ms();
	struct job job = { 0 };

	jobs_init(&jobs);
	trace[0] = 0;
	task_start(work, &w[0]);
	task_start(work, &w[1]);
	nap(5);
	assert_int_equal(job_begin_urgent(&job, &jobs, "destroy", NULL), 0);
	assert_int_equal(w[0].result, -ECANCELED);
	assert_true(now_monotonic_ms() - began < 200);
	assert_string_equal(trace, "a");
	job_end(&job);
	nap(10);
	assert_string_equal(trace, "ab");
}

static void urgent(void **state unused)
{
	in_task(urgent_body, NULL);
}

static void stubborn(void *arg unused)
{
	autojob struct job job = { 0 };

	if (job_begin(&job, &jobs, "write", NULL) < 0)
		return;
	task_shield(1);
	(void)!task_sleep(JOB_URGENT_MS + 200);
	task_shield(-1);
}

static void one_that_cannot_be_cancelled_body(void *arg unused)
{
	autoerror struct error err = { 0 };
	struct job job = { 0 };

	jobs_init(&jobs);
	task_start(stubborn, NULL);
	nap(1);
	assert_int_equal(job_begin_urgent(&job, &jobs, "destroy", &err), -EBUSY);
	assert_non_null(strstr(err.text, "'write'"));
	assert_int_equal(job_begin(&job, &jobs, "destroy", NULL), 0);
	job_end(&job);
	assert_false(job_abort(&jobs));
}

static void one_that_cannot_be_cancelled(void **state unused)
{
	in_task(one_that_cannot_be_cancelled_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_order),
		cmocka_unit_test(a_cancelled_waiter),
		cmocka_unit_test(urgent),
		cmocka_unit_test(one_that_cannot_be_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
