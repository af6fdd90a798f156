/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes by offset over a descriptor. */
#include <setjmp.h>
#include <stdarg.h>

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "engine/bulk.h"
#include "in_task.h"

#include <cmocka.h>

#define MIB (1u << 20)

static struct bulk *of_new_file(bool writable)
{
	FILE *f = tmpfile();
	int fd;

	assert_non_null(f);
	fd = fcntl(fileno(f), F_DUPFD_CLOEXEC, 3);
	fclose(f);
	assert_true(fd >= 0);
	return bulk_of_fd(fd, writable);
}

static void reads_back(void *arg unused)
{
	struct bulk *b = of_new_file(true);
	char text[32] = "";

	assert_true(b->writable);
	assert_int_equal(b->ops->size(b), 0);
	assert_int_equal(b->ops->write(b, "hello", 5, 10), 5);
	assert_int_equal(b->ops->size(b), 15);
	assert_int_equal(b->ops->read(b, text, sizeof(text), 8), 7); /* short at the end */
	assert_memory_equal(text, "\0\0hello", 7);
	assert_int_equal(b->ops->read(b, text, sizeof(text), 15), 0);
	assert_int_equal(b->ops->read(b, text, sizeof(text), 1000), 0);
	assert_int_equal(b->ops->sync(b), 0);
	bulk_free(b);
}

static void read_and_write(void **state unused)
{
	in_task(reads_back, NULL);
}

static void keeps_holes(void *arg unused)
{
	struct bulk *b = of_new_file(true);

	assert_int_equal(b->ops->truncate(b, 3 * MIB), 0);
	assert_int_equal(b->ops->write(b, "x", 1, MIB), 1);
	assert_int_equal(b->ops->seek(b, 0, SEEK_DATA), MIB);
	assert_true(b->ops->seek(b, MIB, SEEK_HOLE) > MIB);
	assert_int_equal(b->ops->seek(b, 3 * MIB, SEEK_DATA), -ENXIO);
	assert_int_equal(b->ops->fallocate(b, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, MIB, MIB), 0);
	assert_int_equal(b->ops->seek(b, 0, SEEK_DATA), -ENXIO);
	assert_int_equal(b->ops->size(b), 3 * MIB);
	bulk_free(b);
}

static void holes(void **state unused)
{
	in_task(keeps_holes, NULL);
}

static void says_why_not(void *arg unused)
{
	struct bulk *full = bulk_of_fd(open("/dev/full", O_WRONLY | O_CLOEXEC), true);
	struct bulk *zero = bulk_of_fd(open("/dev/zero", O_RDONLY | O_CLOEXEC), false);
	char byte = 0;

	assert_int_equal(full->ops->write(full, &byte, 1, 0), -ENOSPC);
	assert_int_equal(zero->ops->write(zero, &byte, 1, 0), -EBADF);
	assert_true(zero->ops->truncate(zero, 5) < 0);
	bulk_free(full);
	bulk_free(zero);
	bulk_free(NULL);
}

static void failures(void **state unused)
{
	in_task(says_why_not, NULL);
}

/* ---- the end: told on the loop, closed by the thread behind what is going on ---- */

static struct waitq closed_q = TAILQ_HEAD_INITIALIZER(closed_q);
static const char *order[4];
static int steps;

static void step(void *arg)
{
	order[__atomic_fetch_add(&steps, 1, __ATOMIC_SEQ_CST)] = arg;
}

static void told(struct bulk *b unused)
{
	step("told");
}

static void wake(void *arg unused)
{
	task_wake(&closed_q);
}

static void closing(struct bulk *b)
{
	step("closed");
	close(b->fd);
	loop_post(wake, NULL);
}

static void ends_in_order(void *arg unused)
{
	static const struct bulk_ops ops = { .close = closing };
	struct bulk *b = of_new_file(true);

	b->ops = &ops;
	b->closed = told;
	assert_int_equal(worker_post(b->worker, step, "worked"), 0);
	bulk_free(b);
	assert_int_equal(task_wait(&closed_q, 10000), 0);
	assert_int_equal(steps, 3);
	assert_string_equal(order[2], "closed");
}

static void order_of_the_end(void **state unused)
{
	in_task(ends_in_order, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_and_write),
		cmocka_unit_test(holes),
		cmocka_unit_test(failures),
		cmocka_unit_test(order_of_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
