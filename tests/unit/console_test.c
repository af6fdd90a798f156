/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A console: heard, written to, replayed, bounded. */
#include "fixture.h"

#include <sys/socket.h>

static char *said(struct console *c)
{
	char *out = xcalloc(1, c->out.cap + 1);
	uint64_t at;

	ring_read(&c->out, 0, out, c->out.cap, &at);
	return out;
}

static void heard_and_replayed_body(void *arg unused)
{
	autofree char *log = fixture_path("console.log");
	struct console *c = console_new(NULL, log);
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	assert_int_equal(console_write(c, "x", 1), -ENOTCONN);
	console_connect(c, fds[0]);
	assert_int_equal(write(fds[1], "login: ", 7), 7);
	nap(5);
	autofree char *text = said(c);
	assert_string_equal(text, "login: ");
	close(fds[1]);
	nap(5);
	assert_false(c->connected);
	console_free(c);
	c = console_new(NULL, log); /* after a restart of domfs */
	autofree char *again = said(c);
	assert_string_equal(again, "login: ");
	console_free(c);
	nap(1);
}

static void heard_and_replayed(void **state unused)
{
	in_task(heard_and_replayed_body, NULL);
}

static void one_writer_body(void *arg unused)
{
	struct console *c = console_new(NULL, NULL);
	autofree char *much = xcalloc(1, 1 << 20);
	int fds[2], one, two;
	size_t taken = 0;
	ssize_t n;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	console_connect(c, fds[0]);
	assert_int_equal(console_claim(c, &one, NULL), 0);
	assert_int_equal(console_claim(c, &one, NULL), 0);
	assert_int_equal(console_claim(c, &two, NULL), -EBUSY);
	console_release(c, &two);
	console_release(c, &one);
	assert_int_equal(console_claim(c, &two, NULL), 0);
	while ((n = console_write(c, much, 1 << 20)) > 0) /* a guest that does not read */
		taken += n;
	assert_int_equal(n, 0);
	assert_true(taken < 2 << 20);
	while (taken && (n = read(fds[1], much, 1 << 20)) != 0) {
		taken -= n > 0 ? n : 0;
		nap(1);
	}
	assert_int_equal(taken, 0);
	console_free(c);
	close(fds[1]);
	nap(1);
}

static void one_writer(void **state unused)
{
	in_task(one_writer_body, NULL);
}

static void the_replay_is_bounded_body(void *arg unused)
{
	autofree char *log = fixture_path("console.log");
	struct console *c = console_new(NULL, log);
	char line[1024];
	struct stat st;
	int fds[2];

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds), 0);
	console_connect(c, fds[0]);
	for (int i = 0; i < 400; i++) {
		while (write(fds[1], line, sizeof(line)) < 0)
			nap(1);
	}
	nap(20);
	assert_int_equal(stat(log, &st), 0);
	assert_true(st.st_size <= 160 << 10 && st.st_size >= 60 << 10);
	assert_int_equal(c->out.end, 400 * 1024);
	assert_true(c->out.end - c->out.start <= 64 << 10);
	console_free(c);
	close(fds[1]);
	nap(1);
}

static void the_replay_is_bounded(void **state unused)
{
	in_task(the_replay_is_bounded_body, NULL);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = { T(heard_and_replayed), T(one_writer), T(the_replay_is_bounded) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
