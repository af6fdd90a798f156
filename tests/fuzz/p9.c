/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a hostile client may send over 9P, once it has attached as somebody without rights to an engine with a domain of the test driver: every
 * request is answered or the connection ended; nothing of it stays.
 */
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../engine/domain.h"
#include "../../engine/loop.h"
#include "../../engine/store.h"
#include "../../fs/entry.h"
#include "../../fs/node.h"
#include "../../fs/p9/server.h"
#include "../../fs/p9/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char top[] = "/tmp/domfs-fuzz-XXXXXX";
static const struct who nobody = { .uid = 65534, .gid = 65534 };
static bool over;

static void remove_top(void)
{
	autofree char *command = xasprintf("rm -rf '%s'", top);

	(void)!system(command);
}

static void set_dir(const char *variable, const char *name)
{
	autofree char *path = xasprintf("%s/%s", top, name);

	setenv(variable, path, 1);
}

/* An engine with one domain, which is nobody's own. */
static void start(void)
{
	struct domain *d;

	if (!mkdtemp(top))
		abort();
	atexit(remove_top);
	set_dir("DOMFS_STATE_DIR", "state");
	set_dir("DOMFS_RUN_DIR", "run");
	set_dir("DOMFS_TEST_SCRIPT", "script");
	config_defaults();
	if (store_open(config.state_dir, config.run_dir, NULL) < 0 || domains_open(NULL) < 0)
		abort();
	tree_open(&root_entry);
	if (domain_make("a", &nobody, 0755, &d, NULL) < 0)
		abort();
}

static void start_task(void *arg)
{
	start();
	*(bool *)arg = true;
}

static void ended(void *arg unused)
{
	over = true;
	loop_stop();
}

/* The answers are read, or the connection would be heard no more. */
static void on_answer(void *arg, int events unused)
{
	char room[65536];

	while (read(*(int *)arg, room, sizeof(room)) > 0)
		;
}

static void hello(struct buf *out)
{
	struct p9_msg version = {
		.type = P9_TVERSION, .tag = P9_NOTAG, .msize = 65536, .version = str_of(P9_VERSION_OWN)
	};
	struct p9_msg attach = { .type = P9_TATTACH, .afid = P9_NOFID, .uid = P9_NOFID };

	p9_encode(&version, out);
	p9_encode(&attach, out);
}

static void turn(void)
{
	loop_soon((void (*)(void *))loop_stop, NULL);
	loop_run();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	autobuf struct buf bytes = { 0 };
	struct loop_fd *watch;
	int fds[2];

	if (size > 65536) /* what a socket takes without a reader */
		return 0;
	if (!ready) {
		loop_init();
		task_start(start_task, &ready);
		while (!ready)
			turn();
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
		return 0;
	hello(&bytes);
	buf_add(&bytes, data, size);
	if (write(fds[1], bytes.p, bytes.n) != (ssize_t)bytes.n)
		abort();
	shutdown(fds[1], SHUT_WR);
	watch = loop_watch(fds[1], LOOP_READ, on_answer, &fds[1]);
	over = false;
	p9_serve(fds[0], fds[0], &nobody, "fuzz", ended, NULL);
	while (!over)
		loop_run();
	loop_unwatch(watch);
	while (task_count()) /* requests unwind */
		turn();
	turn();
	close(fds[1]);
	return 0;
}
