/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The QMP client.  Input is cut at newlines; a line is a greeting, an event or the reply to the command whose id it carries.
 * Output is a queue of messages because a descriptor must travel with the first byte of its own command.
 */
#include "qmp.h"

#include <sys/socket.h>
#include <unistd.h>

#include "../../engine/buf.h"
#include "../../engine/loop.h"

/* A longer line than this is no QMP: the longest real replies (query-qmp-schema) are under 300 KiB. */
#define LINE_MAX_BYTES (16u << 20)

struct call {
	struct qmp *q;
	const char *command;
	uint64_t id;
	struct waitq done;
	json_t *reply; /* the whole reply object, owned */
	bool dead;     /* the connection failed and forgot this call */
	TAILQ_ENTRY(call) link;
};

struct message {
	struct buf text;
	size_t sent;
	int fd; /* ours (a duplicate) or -1 */
	TAILQ_ENTRY(message) link;
};

struct qmp {
	int fd;
	struct loop_fd *watch;
	struct qmp_hooks hooks;
	struct buf in;
	size_t scanned; /* bytes of IN that hold no newline */
	TAILQ_HEAD(, message) out;
	TAILQ_HEAD(, call) calls;
	uint64_t next_id;
	bool greeted, closed, freed;
	unsigned users; /* on the stack of somebody who will look at this again */
	struct waitq greeting;
};

static void message_free(struct message *m)
{
	buf_clear(&m->text);
	if (m->fd >= 0)
		close(m->fd);
	free(m);
}

/* Ends the connection for everybody who waits on it; the object stays until qmp_free. */
static void fail(struct qmp *q, const char *why)
{
	struct call *c;

	if (q->closed)
		return;
	q->closed = true;
	loop_unwatch(q->watch);
	q->watch = NULL;
	task_wake_all(&q->greeting);
	while ((c = TAILQ_FIRST(&q->calls))) {
		TAILQ_REMOVE(&q->calls, c, link);
		c->dead = true;
		task_wake_all(&c->done);
	}
	if (q->hooks.closed)
		q->hooks.closed(q->hooks.arg, why);
}

/* Writes one message as far as the socket takes it: 1 all, 0 not now, -1 broken. */
static int push(struct qmp *q, struct message *m)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov;
	struct msghdr hdr = { .msg_iov = &iov, .msg_iovlen = 1 };

	while (m->sent < m->text.n) {
		iov = (struct iovec){ m->text.p + m->sent, m->text.n - m->sent };
		if (m->fd >= 0) {
			hdr.msg_control = control;
			hdr.msg_controllen = sizeof(control);
			struct cmsghdr *c = CMSG_FIRSTHDR(&hdr);
			*c = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
			memcpy(CMSG_DATA(c), &m->fd, sizeof(int));
		} else {
			hdr.msg_control = NULL;
			hdr.msg_controllen = 0;
		}
		ssize_t n = sendmsg(q->fd, &hdr, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -1;
		m->sent += n;
		if (m->fd >= 0) {
			close(m->fd);
			m->fd = -1;
		}
	}
	return 1;
}

static void flush(struct qmp *q)
{
	struct message *m;

	while (!q->closed && (m = TAILQ_FIRST(&q->out))) {
		int r = push(q, m);
		if (r < 0) {
			fail(q, "the monitor socket is broken");
			return;
		}
		if (r == 0)
			break;
		TAILQ_REMOVE(&q->out, m, link);
		message_free(m);
	}
	if (!q->closed)
		loop_watch_events(q->watch, LOOP_READ | (TAILQ_EMPTY(&q->out) ? 0 : LOOP_WRITE));
}

static void reply(struct qmp *q, json_t *msg)
{
	json_t *id = json_object_get(msg, "id");
	struct call *c;

	TAILQ_FOREACH(c, &q->calls, link) {
		if (!json_is_integer(id) || (uint64_t)json_integer_value(id) != c->id)
			continue;
		c->reply = json_incref(msg);
		TAILQ_REMOVE(&q->calls, c, link);
		task_wake_all(&c->done);
		return;
	}
	/* nobody waits any more: the caller timed out or used qmp_send */
}

static void take_line(struct qmp *q, const char *p, size_t n)
{
	json_t *msg = json_loadb(p, n, JSON_DECODE_ANY, NULL);
	const char *event;

	if (!json_is_object(msg)) {
		json_decref(msg);
		fail(q, "the monitor sent something that is not QMP");
		return;
	}
	event = json_string_value(json_object_get(msg, "event"));
	if (event) {
		if (q->hooks.event)
			q->hooks.event(q->hooks.arg, event, json_object_get(msg, "data"));
	} else if (json_object_get(msg, "QMP")) {
		q->greeted = true;
		task_wake_all(&q->greeting);
	} else {
		reply(q, msg);
	}
	json_decref(msg);
}

static void take_lines(struct qmp *q)
{
	size_t from = 0;
	char *nl;

	while (!q->closed && q->in.n > from + q->scanned &&
	       (nl = memchr(q->in.p + from + q->scanned, '\n', q->in.n - from - q->scanned))) {
		size_t n = nl - (q->in.p + from);
		if (n && q->in.p[from + n - 1] == '\r')
			n--;
		if (n)
			take_line(q, q->in.p + from, n);
		from = nl + 1 - q->in.p;
		q->scanned = 0;
	}
	if (q->closed)
		return;
	buf_cut(&q->in, 0, from);
	q->scanned = q->in.n;
	if (q->in.n > LINE_MAX_BYTES)
		fail(q, "the monitor sent a line without end");
}

static void readable(struct qmp *q)
{
	char chunk[16384];

	while (!q->closed) {
		ssize_t n = recv(q->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0) {
			fail(q, "the monitor socket was closed");
			break;
		}
		buf_add(&q->in, chunk, n);
		if (n < (ssize_t)sizeof(chunk))
			break;
	}
	if (!q->closed)
		take_lines(q);
}

static void destroy(struct qmp *q)
{
	struct message *m;

	while ((m = TAILQ_FIRST(&q->out))) {
		TAILQ_REMOVE(&q->out, m, link);
		message_free(m);
	}
	buf_clear(&q->in);
	close(q->fd);
	free(q);
}

/* Between these two a hook or a waiting task may call qmp_free. */
static void enter(struct qmp *q)
{
	q->users++;
}

static void leave(struct qmp *q)
{
	if (--q->users == 0 && q->freed)
		destroy(q);
}

static void ready(void *arg, int events)
{
	struct qmp *q = arg;

	enter(q);
	if (events & LOOP_WRITE)
		flush(q);
	if (!q->closed && (events & (LOOP_READ | LOOP_HUP)))
		readable(q);
	leave(q);
}

struct qmp *qmp_new(int fd, const struct qmp_hooks *hooks)
{
	struct qmp *q = xcalloc(1, sizeof(*q));

	q->fd = fd;
	q->hooks = *hooks;
	q->next_id = 1;
	TAILQ_INIT(&q->out);
	TAILQ_INIT(&q->calls);
	TAILQ_INIT(&q->greeting);
	q->watch = loop_watch(fd, LOOP_READ, ready, q);
	return q;
}

void qmp_free(struct qmp *q)
{
	if (!q)
		return;
	q->hooks = (struct qmp_hooks){ 0 };
	enter(q);
	fail(q, "");
	q->freed = true;
	leave(q);
}

int qmp_greeting(struct qmp *q, int64_t timeout_ms, struct error *err)
{
	bool greeted;
	int r = 0;

	enter(q);
	if (!q->greeted && !q->closed)
		r = task_wait(&q->greeting, timeout_ms);
	greeted = q->greeted && !q->closed;
	leave(q);
	if (greeted)
		return 0;
	if (r == -ETIMEDOUT)
		return error_set(err, ETIMEDOUT, "QEMU did not open its monitor within %lld s",
				 (long long)timeout_ms / 1000);
	if (r < 0)
		return error_set(err, -r, "interrupted while QEMU was starting");
	return error_set(err, ENOTCONN, "QEMU closed its monitor before it said anything");
}

static void enqueue(struct qmp *q, const char *command, json_t *args, int pass_fd, uint64_t id)
{
	json_t *msg = json_pack("{s:s, s:I}", "execute", command, "id", (json_int_t)id);
	struct message *m = xcalloc(1, sizeof(*m));
	char *text;

	if (args)
		json_object_set_new(msg, "arguments", args);
	text = json_dumps(msg, JSON_COMPACT);
	json_decref(msg);
	if (!text)
		abort(); /* no memory, or text that is not UTF-8: checked where it came in */
	buf_puts(&m->text, text);
	buf_puts(&m->text, "\r\n");
	free(text);
	m->fd = pass_fd >= 0 ? dup(pass_fd) : -1;
	TAILQ_INSERT_TAIL(&q->out, m, link);
	flush(q);
}

void qmp_send(struct qmp *q, const char *command, json_t *args)
{
	if (!q || q->closed)
		json_decref(args);
	else
		enqueue(q, command, args, -1, q->next_id++);
}

/* QEMU's refusal as an error. */
static int refused(json_t *msg, const char *command, struct error *err)
{
	json_t *e = json_object_get(msg, "error");
	const char *desc = json_string_value(json_object_get(e, "desc"));

	if (!e)
		return 0;
	return error_set(err, EREMOTEIO, "QEMU refused %s: %s", command, desc ? desc : "no reason given");
}

struct call *qmp_begin(struct qmp *q, const char *command, json_t *args, int pass_fd)
{
	struct call *c = xcalloc(1, sizeof(*c));

	TAILQ_INIT(&c->done);
	c->command = command;
	if (!q || q->closed) {
		json_decref(args);
		c->dead = true;
		return c;
	}
	c->q = q;
	c->id = q->next_id++;
	TAILQ_INSERT_TAIL(&q->calls, c, link);
	enqueue(q, command, args, pass_fd, c->id);
	return c;
}

int qmp_finish(struct call *c, int64_t timeout_ms, json_t **ret, struct error *err)
{
	int r = 0;

	may_wait();
	if (!c->dead && !c->reply)
		r = task_wait(&c->done, timeout_ms);
	if (!c->reply && !c->dead) { /* not dead: the connection is alive */
		TAILQ_REMOVE(&c->q->calls, c, link);
		if (r == -ETIMEDOUT)
			error_set(err, ETIMEDOUT,
				  "QEMU did not answer %s within %lld ms: it is stopped, stuck or very busy",
				  c->command, (long long)timeout_ms);
		else
			error_set(err, -r, "%s was interrupted", c->command);
	} else if (!c->reply) {
		r = error_set(err, ENOTCONN, "QEMU ended before it answered %s", c->command);
	} else {
		r = refused(c->reply, c->command, err);
		if (r == 0 && ret)
			*ret = json_incref(json_object_get(c->reply, "return"));
	}
	json_decref(c->reply);
	free(c);
	return r;
}

int qmp_command(struct qmp *q, const char *command, json_t *args, int pass_fd, int64_t timeout_ms, json_t **ret,
		struct error *err)
{
	return qmp_finish(qmp_begin(q, command, args, pass_fd), timeout_ms, ret, err);
}
