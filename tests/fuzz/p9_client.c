/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a hostile server may answer over 9P.  The input is the answers, one after another: each request of the client gets the next one, with its own tag
 * put in; then the connection ends.  Meanwhile the tree is listed and read as a mount does it.
 */
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../engine/loop.h"
#include "../../fs/remote/remote.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define DEPTH 4

/* ---- the server ---- */

static char path[] = "/tmp/domfs-fuzz-XXXXXX";
static struct str answers;
static int conn = -1;
static struct loop_fd *conn_watch;
static bool greeted;
static uint16_t watch_tag;

static void hang_up(void)
{
	loop_unwatch(take(&conn_watch));
	if (conn >= 0)
		close(conn);
	conn = -1;
}

static void send_bytes(const struct buf *b)
{
	(void)!write(conn, b->p, b->n);
}

static void greet(uint16_t tag)
{
	struct p9_msg m = { .type = P9_TVERSION + 1, .tag = tag, .msize = 65536, .version = str_of(P9_VERSION_OWN) };
	autobuf struct buf out = { 0 };

	p9_encode(&m, &out);
	send_bytes(&out);
	greeted = true;
}

/* With TAG, or that of the Twatch: news come unasked.  False when there are no more. */
static bool answer(uint16_t tag)
{
	autobuf struct buf out = { 0 };
	uint32_t n = p9_length(answers) < P9_HEADER || p9_length(answers) > answers.n ? answers.n : p9_length(answers);
	bool news = watch_tag && watch_tag != tag && n >= P9_HEADER && answers.p[4] == (char)(P9_TWATCH + 1);
	uint16_t its = news ? watch_tag : tag;

	if (!n)
		return false;
	buf_add(&out, answers.p, n);
	if (n >= P9_HEADER)
		memcpy(out.p + 5, &its, 2);
	answers.p += n;
	answers.n -= n;
	send_bytes(&out);
	return news ? answer(tag) : true;
}

static void on_request(void *arg unused, int events unused)
{
	static char room[1 << 20];
	ssize_t n = read(conn, room, sizeof(room));
	struct str in = { room, n > 0 ? n : 0 };

	if (!in.n) {
		hang_up();
		return;
	}
	while (conn >= 0 && in.n >= P9_HEADER && p9_length(in) <= in.n) {
		uint16_t tag;
		memcpy(&tag, in.p + 5, 2);
		if (in.p[4] == (char)P9_TWATCH)
			watch_tag = tag;
		if (!greeted)
			greet(tag);
		else if (!answer(tag))
			hang_up();
		in.n -= p9_length(in);
		in.p += p9_length(in);
	}
}

static void on_connection(void *arg, int events unused)
{
	int fd = accept4(*(int *)arg, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0 || conn >= 0) {
		base_close_p(&fd);
		return;
	}
	conn = fd;
	conn_watch = loop_watch(conn, LOOP_READ, on_request, NULL);
}

static void remove_path(void)
{
	unlink(path);
}

static void start(void)
{
	static int fd;
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int named = mkstemp(path);

	if (named < 0)
		abort();
	close(named);
	unlink(path);
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, 16) < 0)
		abort();
	atexit(remove_path);
	loop_init();
	loop_watch(fd, LOOP_READ, on_connection, &fd);
}

/* ---- the client ---- */

static void look(struct rnode *n, unsigned depth)
{
	autobuf struct buf text = { 0 };
	struct rnode *child = NULL;

	rnode_ref(n);
	(void)!rnode_attr(n, NULL);
	if (n->kind == P9_DIR && depth < DEPTH) {
		(void)!rnode_list(n, NULL);
		if (!n->gone && rnode_lookup(n, "state", &child, NULL) == 0)
			look(child, depth + 1);
		for (uint64_t at = 0; !n->gone && (child = rnode_after(n, at));) {
			at = child->number;
			look(child, depth + 1);
		}
	} else if (n->kind != P9_DIR) {
		(void)!rnode_text(n, &text, NULL);
	}
	rnode_unref(n);
}

static void ask(void *arg)
{
	struct remote *r = arg;

	if (remote_ready(r, 1000, NULL) == 0)
		look(r->root, 0);
	remote_free(r); /* before it connects again */
	remote_unref(r);
	loop_stop();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	autofree char *uri = NULL;
	struct remote *r;

	if (size > 65536)
		return 0;
	if (!ready) {
		start();
		ready = true;
	}
	answers = (struct str){ (const char *)data, size };
	greeted = false;
	watch_tag = 0;
	uri = xasprintf("unix:%s", path);
	r = remote_new(uri);
	r->refs++;
	remote_start(r);
	task_start(ask, r);
	while (task_count()) {
		loop_soon((void (*)(void *))loop_stop, NULL);
		loop_run();
	}
	hang_up();
	return 0;
}
