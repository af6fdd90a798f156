/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's serial console: one descriptor, a ring for the readers, a bounded buffer from the writer. */
#include "console.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "loop.h"

#define CONSOLE_KEPT (64u << 10)
#define LOG_MAX	     (128u << 10) /* the replay file is written anew with what the ring has when it grows past this */
#define PENDING_MAX  (16u << 10)  /* what a guest that does not read may have waiting */

void (*console_writable_hook)(struct console *c);

static void replay(struct console *c)
{
	autoclose int fd = open(c->log_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char part[4096];
	ssize_t n;

	while (fd >= 0 && (n = read(fd, part, sizeof(part))) > 0)
		ring_add(&c->out, part, n);
}

struct console *console_new(void *domain, const char *log_path)
{
	struct console *c = xcalloc(1, sizeof(*c));

	ring_init(&c->out, CONSOLE_KEPT);
	c->fd = c->log_fd = -1;
	c->domain = domain;
	c->log_path = xstrdup(log_path);
	if (log_path)
		replay(c);
	return c;
}

void console_set_log(struct console *c, const char *log_path)
{
	free(c->log_path);
	c->log_path = xstrdup(log_path);
}

static void disconnect(struct console *c)
{
	loop_unwatch(take(&c->watch));
	base_close_p(&c->fd);
	base_close_p(&c->log_fd);
	c->fd = c->log_fd = -1;
	c->connected = false;
	buf_clear(&c->pending);
}

void console_free(struct console *c)
{
	if (!c)
		return;
	disconnect(c);
	ring_free(&c->out);
	free(c->log_path);
	free(c);
}

/* ---- the replay file ---- */

/* What the ring has, in a new file in the old one's place: a crash in between keeps one of the two. */
static void log_rotate(struct console *c)
{
	autofree char *tmp = xasprintf("%s.tmp", c->log_path);
	autofree char *text = xmalloc(CONSOLE_KEPT);
	uint64_t at;
	size_t n = ring_read(&c->out, c->out.start, text, CONSOLE_KEPT, &at);
	int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return;
	if (write(fd, text, n) != (ssize_t)n || rename(tmp, c->log_path) < 0) {
		close(fd);
		unlink(tmp);
		return;
	}
	base_close_p(&c->log_fd);
	c->log_fd = fd;
	c->log_size = n;
}

static void log_add(struct console *c, const char *p, size_t n)
{
	ssize_t done;

	if (c->log_fd < 0)
		return;
	done = write(c->log_fd, p, n); /* a full run directory costs the replay, not the console */
	c->log_size += done > 0 ? done : 0;
	if (c->log_size > LOG_MAX)
		log_rotate(c);
}

static void log_open(struct console *c)
{
	off_t end;

	if (!c->log_path)
		return;
	c->log_fd = open(c->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	end = c->log_fd >= 0 ? lseek(c->log_fd, 0, SEEK_END) : 0;
	c->log_size = end > 0 ? end : 0;
}

/* ---- the descriptor ---- */

static void flush(struct console *c)
{
	while (c->pending.n) {
		ssize_t n = write(c->fd, c->pending.p, c->pending.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		buf_cut(&c->pending, 0, n);
	}
	loop_watch_events(c->watch, LOOP_READ | (c->pending.n ? LOOP_WRITE : 0));
}

/* At most a bounded part at a time: a guest that talks without end must not stop everything else. */
static bool hear(struct console *c)
{
	char part[16384];
	ssize_t n = read(c->fd, part, sizeof(part));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0) /* a pty without its other end says EIO */
		return false;
	log_add(c, part, n);
	ring_add(&c->out, part, n);
	return true;
}

static void ready(void *arg, int events)
{
	struct console *c = arg;

	if ((events & (LOOP_READ | LOOP_HUP)) && !hear(c)) {
		disconnect(c);
		if (console_writable_hook)
			console_writable_hook(c); /* who waits to write learns that there is nobody */
		return;
	}
	if (events & LOOP_WRITE) {
		flush(c);
		if (console_writable_hook)
			console_writable_hook(c);
	}
}

void console_connect(struct console *c, int fd)
{
	disconnect(c);
	if (fd < 0)
		return;
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	c->fd = fd;
	c->connected = true;
	log_open(c);
	c->watch = loop_watch(fd, LOOP_READ, ready, c);
}

/* ---- writers ---- */

int console_claim(struct console *c, const void *who, struct error *err)
{
	if (c->writer && c->writer != who)
		return error_set(err, EBUSY,
				 "somebody else has the console open for writing: open it read-only "
				 "to look on");
	c->writer = who;
	return 0;
}

void console_release(struct console *c, const void *who)
{
	if (c->writer == who)
		c->writer = NULL;
}

ssize_t console_write(struct console *c, const char *p, size_t n)
{
	size_t room = PENDING_MAX - c->pending.n;

	if (!c->connected)
		return -ENOTCONN;
	if (n > room)
		n = room;
	buf_add(&c->pending, p, n);
	flush(c);
	return n;
}
