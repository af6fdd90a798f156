/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a hostile QEMU may send over its monitor: the client must end the connection or go on, never crash or loop. */
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../drivers/qemu/qmp.h"
#include "../../engine/loop.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void closed(void *arg, const char *why unused)
{
	*(bool *)arg = true;
	loop_stop();
}

static void event(void *arg unused, const char *name, json_t *data)
{
	/* read what the driver reads */
	if (!strcmp(name, "SHUTDOWN"))
		(void)json_string_value(json_object_get(data, "reason"));
}

/* A command waits for whatever reply the input holds. */
static void ask(void *arg)
{
	autoerror struct error err = { 0 };
	json_t *ret = NULL;

	if (qmp_greeting(arg, NO_TIMEOUT, &err) == 0)
		(void)!qmp_command(arg, "query-status", NULL, -1, NO_TIMEOUT, &ret, NULL);
	json_decref(ret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	bool over = false;
	struct qmp_hooks hooks = { .event = event, .closed = closed, .arg = &over };
	int fds[2];

	if (size > 65536) /* what a socket takes without a reader */
		return 0;
	if (!ready) {
		loop_init();
		ready = true;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
		return 0;
	if (write(fds[1], data, size) != (ssize_t)size)
		abort();
	shutdown(fds[1], SHUT_WR);
	struct qmp *q = qmp_new(fds[0], &hooks);
	task_start(ask, q);
	while (!over)
		loop_run();
	qmp_free(q);
	while (task_count()) { /* the asker unwinds */
		loop_soon((void (*)(void *))loop_stop, NULL);
		loop_run();
	}
	close(fds[1]);
	return 0;
}
