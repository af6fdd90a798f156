/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tasks and the loop they run on. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <unistd.h>

#include "engine/buf.h"
#include "engine/units.h"
#include "in_task.h"

#include <cmocka.h>

static struct buf trace;
static struct waitq q = TAILQ_HEAD_INITIALIZER(q);

static void traced(const char *want)
{
	assert_string_equal(buf_text(&trace), want);
	buf_clear(&trace);
	assert_int_equal(task_count(), 1); /* the test itself */
}

static void waits(void *arg)
{
	const char *name = arg;
	int r;

	buf_printf(&trace, "%s ", name);
	r = task_wait(&q, NO_TIMEOUT);
	buf_printf(&trace, "%s=%d ", name, r);
}

static void ends_at_once(void *arg unused)
{
	buf_puts(&trace, "ended ");
}

static void start_on_loop(void *arg unused)
{
	struct task *t;

	assert_null(task_self());
	assert_null(task_start(ends_at_once, NULL));
	t = task_start(waits, "a");
	assert_non_null(t);
	buf_puts(&trace, "started ");
}

static void order_body(void *arg unused)
{
	loop_soon(start_on_loop, NULL);
	nap(1);
	task_start(waits, "b"); /* from a task: later */
	buf_puts(&trace, "queued ");
	nap(0);
	task_wake(&q);
	buf_puts(&trace, "woken ");
	nap(0);
	task_wake_all(&q);
	task_wake(&q); /* nobody */
	nap(0);
	traced("ended a started queued b woken a=0 b=0 ");
}

static void starts_and_wakes_keep_order(void **state unused)
{
	in_task(order_body, NULL);
}

static void timeout_body(void *arg unused)
{
	int64_t start = now_monotonic_ms();

	assert_int_equal(task_wait(&q, 20), -ETIMEDOUT);
	assert_true(now_monotonic_ms() - start >= 19);
	assert_true(TAILQ_EMPTY(&q));
	assert_int_equal(task_wait(&q, 0), -ETIMEDOUT);
	assert_int_equal(task_sleep(5), 0);
}

static void a_wait_times_out(void **state unused)
{
	in_task(timeout_body, NULL);
}

static void cancelled_body(void *arg)
{
	struct waitq *own = arg;

	buf_printf(&trace, "%d ", task_wait(own, 10000));
	buf_printf(&trace, "%d %d ", task_wait(own, 10000), task_cancelled());
	assert_int_equal(task_shield(1), 1);
	buf_printf(&trace, "%d %d ", task_sleep(1), task_cancelled());
	assert_int_equal(task_shield(-1), 0);
	buf_printf(&trace, "%d", task_sleep(1));
}

static void cancel_body(void *arg unused)
{
	struct waitq own = TAILQ_HEAD_INITIALIZER(own);
	struct task *t = task_start(cancelled_body, &own);

	nap(0);
	task_cancel(t);
	nap(20);
	traced("-125 -125 1 0 0 -125");

	t = task_start(cancelled_body, &own);
	task_cancel(t); /* before it ran: its first wait fails */
	nap(20);
	traced("-125 -125 1 0 0 -125");

	t = task_start(cancelled_body, &own);
	nap(0);
	task_wake(&own);
	task_cancel(t); /* it keeps what it was woken for */
	nap(20);
	traced("0 -125 1 0 0 -125");
	task_cancel(NULL);
}

static void a_cancel_sticks(void **state unused)
{
	in_task(cancel_body, NULL);
}

static void shielded_body(void *arg unused)
{
	task_shield(1);
	buf_printf(&trace, "%d ", task_wait(&q, NO_TIMEOUT));
	task_shield(-1);
	buf_printf(&trace, "%d", task_wait(&q, NO_TIMEOUT));
}

static void shield_body(void *arg unused)
{
	struct task *t = task_start(shielded_body, NULL);

	nap(0);
	task_cancel(t);
	nap(5);
	buf_puts(&trace, "still ");
	task_wake(&q);
	nap(5);
	traced("still 0 -125");
}

static void a_shield_holds_a_cancel_off(void **state unused)
{
	in_task(shield_body, NULL);
}

static int dig(int depth)
{
	volatile char frame[512];

	frame[0] = (char)depth;
	return depth ? dig(depth - 1) + frame[0] - (char)depth : 0;
}

static void deep_waiter(void *arg)
{
	unsigned *done = arg;

	if (dig(60) == 0 && task_wait(&q, 10000) == 0 && dig(60) == 0 && task_sleep(1) == 0)
		++*done;
}

static void many_body(void *arg unused)
{
	for (int round = 0; round < 2; round++) { /* the second one on used stacks */
		unsigned done = 0;

		for (int i = 0; i < 3000; i++)
			task_start(deep_waiter, &done);
		nap(0);
		assert_int_equal(task_count(), 3001);
		task_wake_all(&q);
		while (task_count() > 1)
			assert_int_equal(task_sleep(1), 0);
		assert_int_equal(done, 3000);
	}
}

static void thousands_of_tasks(void **state unused)
{
	in_task(many_body, NULL);
}

static struct loop_timer *doomed;

static void untimer_self(void *arg unused)
{
	buf_puts(&trace, "timer ");
	loop_untimer(doomed);
}

static void never(void *arg unused)
{
	buf_puts(&trace, "never ");
}

static void timers_body(void *arg unused)
{
	struct loop_timer *t = loop_timer(1, never, NULL);

	doomed = loop_timer(1, untimer_self, NULL);
	loop_untimer(t);
	loop_untimer(NULL);
	nap(10);
	traced("timer ");
	loop_timer(100000, never, NULL); /* loop_close frees it */
}

static void timers(void **state unused)
{
	in_task(timers_body, NULL);
}

static struct loop_fd *watched;

static void read_once(void *arg, int events)
{
	char c;

	buf_printf(&trace, "%d:%d ", events & LOOP_READ, (int)read(*(int *)arg, &c, 1));
	if (trace.n > 8) {
		loop_unwatch(watched);
		loop_unwatch(watched);
		close(*(int *)arg);
	}
}

static void watch_body(void *arg unused)
{
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	watched = loop_watch(fd[0], LOOP_READ, read_once, &fd[0]);
	assert_null(loop_watch(fd[0], LOOP_READ, read_once, &fd[0]));
	assert_int_equal(errno, EEXIST);
	assert_int_equal(write(fd[1], "xy", 2), 2);
	nap(5);
	loop_watch_events(watched, 0);
	assert_int_equal(write(fd[1], "z", 1), 1);
	nap(5);
	traced("1:1 1:1 ");
	buf_puts(&trace, "again ");
	loop_watch_events(watched, LOOP_READ);
	nap(5);
	close(fd[1]);
	traced("again 1:1 ");
}

static void descriptors(void **state unused)
{
	in_task(watch_body, NULL);
}

static unsigned broken_seen;

static void broken(void *arg, int events)
{
	if (++broken_seen == 3)
		loop_unwatch(*(struct loop_fd **)arg);
	assert_true(events & LOOP_WRITE && events & LOOP_HUP);
}

static void broken_body(void *arg unused)
{
	struct loop_fd *w;
	char full[4096] = { 0 };
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	w = loop_watch(fd[1], LOOP_WRITE, broken, &w);
	loop_watch_events(w, 0);
	while (write(fd[1], full, sizeof(full)) > 0)
		;
	loop_watch_events(w, LOOP_WRITE);
	close(fd[0]);
	nap(10);
	assert_int_equal(broken_seen, 3); /* libuv alone stops at the first one */
	close(fd[1]);
}

static void a_descriptor_with_an_error_stays_watched(void **state unused)
{
	in_task(broken_body, NULL);
}

static unsigned posts;

static void posted(void *arg)
{
	posts++;
	if (arg)
		task_wake(arg);
}

static void *poster(void *arg)
{
	for (int i = 0; i < 10000; i++)
		loop_post(posted, NULL);
	loop_post(posted, arg);
	return NULL;
}

static void post_body(void *arg unused)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, poster, &q), 0);
	assert_int_equal(task_wait(&q, 10000), 0);
	pthread_join(thread, NULL);
	assert_int_equal(posts, 10001);
}

static void posts_from_another_thread(void **state unused)
{
	in_task(post_body, NULL);
	loop_post(posted, NULL); /* the loop is gone */
	assert_int_equal(posts, 10001);
}

static void signalled(void *arg, int signo)
{
	buf_printf(&trace, "signal %d", signo);
	task_wake(arg);
}

static void signal_body(void *arg unused)
{
	loop_signal(SIGUSR1, signalled, &q);
	raise(SIGUSR1);
	assert_int_equal(task_wait(&q, 10000), 0);
	traced("signal 10");
}

static void signals(void **state unused)
{
	in_task(signal_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_and_wakes_keep_order),
		cmocka_unit_test(a_wait_times_out),
		cmocka_unit_test(a_cancel_sticks),
		cmocka_unit_test(a_shield_holds_a_cancel_off),
		cmocka_unit_test(thousands_of_tasks),
		cmocka_unit_test(timers),
		cmocka_unit_test(descriptors),
		cmocka_unit_test(a_descriptor_with_an_error_stays_watched),
		cmocka_unit_test(posts_from_another_thread),
		cmocka_unit_test(signals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
