/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The thread of a libssh2 connection while it is up: bytes between the link's socket and the channel.  What libssh2 has begun to send and could
 * not finish must be finished by the same call before any other (it says BAD_USE else, or mixes packets): OWED is that call.
 */
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "engine/units.h"
#include "ssh_library.h"

#define ROOM	  (256u << 10)
#define SAID_MOST 16384
#define SILENT_MS (SSH_ALIVE_S * SSH_ALIVE_MOST * 1000)

enum owed { OWED_NOTHING, OWED_READ, OWED_SAID, OWED_WRITE };

struct way {
	char *room;
	size_t n, done; /* DONE of N have gone on */
};

struct pump {
	struct ssh_session *s;
	struct way up, down; /* to the other host, from there */
	enum owed owed;
	bool finished; /* the other end has said all */
	bool moved;    /* something, in this turn */
	int64_t heard_ms, asked_ms;
};

static void say(struct ssh_session *s, const char *p, size_t n)
{
	pthread_mutex_lock(&s->lock);
	buf_add(&s->said, p, n);
	if (s->said.n > 2 * SAID_MOST)
		buf_cut(&s->said, 0, s->said.n - SAID_MOST);
	pthread_mutex_unlock(&s->lock);
}

static bool broken(struct pump *p, int r)
{
	char text[300], *words = NULL;

	libssh2_session_last_error(p->s->ssh, &words, NULL, 0);
	snprintf(text, sizeof(text), "\n'%s': the connection broke: %s (libssh2 %d)\n", p->s->host, words ? words : "",
		 r);
	say(p->s, text, strlen(text));
	return false;
}

/* What a call of libssh2 that moves bytes gave: how many, 0 when it has to wait.  False: it broke. */
static bool outcome(struct pump *p, enum owed call, ssize_t r, size_t *n)
{
	*n = r > 0 ? r : 0;
	p->owed = r == LIBSSH2_ERROR_EAGAIN &&
				  libssh2_session_block_directions(p->s->ssh) & LIBSSH2_SESSION_BLOCK_OUTBOUND
			  ? call
			  : OWED_NOTHING;
	p->moved |= *n > 0;
	return r >= 0 || r == LIBSSH2_ERROR_EAGAIN;
}

static bool may(const struct pump *p, enum owed call)
{
	return p->owed == OWED_NOTHING || p->owed == call;
}

static bool pull_said(struct pump *p)
{
	char bytes[2048];
	size_t n;
	ssize_t r;

	do {
		if (!may(p, OWED_SAID))
			return true;
		r = libssh2_channel_read_stderr(p->s->channel, bytes, sizeof(bytes));
		if (!outcome(p, OWED_SAID, r, &n))
			return broken(p, r);
		say(p->s, bytes, n);
	} while (n);
	return true;
}

/* Nothing is read while the link has not taken what came before: each read would make the other end's window larger. */
static bool pull(struct pump *p)
{
	ssize_t r;

	if (!p->down.n && !pull_said(p))
		return false;
	if (!p->down.n && may(p, OWED_READ)) {
		r = libssh2_channel_read(p->s->channel, p->down.room, ROOM);
		if (!outcome(p, OWED_READ, r, &p->down.n))
			return broken(p, r);
		p->down.done = 0;
		p->finished = !p->down.n && libssh2_channel_eof(p->s->channel);
	}
	while (p->down.done < p->down.n) {
		r = write(p->s->pair, p->down.room + p->down.done, p->down.n - p->down.done);
		if (r < 0)
			return errno == EAGAIN || errno == EINTR;
		p->down.done += r;
		p->moved = true;
	}
	p->down.n = 0;
	return true;
}

static bool push(struct pump *p)
{
	ssize_t r;
	size_t n;

	if (!p->up.n) {
		r = read(p->s->pair, p->up.room, ROOM);
		if (r == 0)
			return false; /* the link was closed */
		if (r < 0)
			return errno == EAGAIN || errno == EINTR;
		p->up.n = r;
		p->up.done = 0;
	}
	while (p->up.done < p->up.n && may(p, OWED_WRITE)) {
		r = libssh2_channel_write(p->s->channel, p->up.room + p->up.done, p->up.n - p->up.done);
		if (!outcome(p, OWED_WRITE, r, &n))
			return broken(p, r);
		p->up.done += n;
		if (!n)
			return true;
	}
	if (p->up.done == p->up.n)
		p->up.n = 0;
	return true;
}

/* True while the other host is there.  The question is small: a socket that can be written to takes it whole. */
static bool alive(struct pump *p)
{
	struct pollfd f = { .fd = p->s->sock, .events = POLLOUT };
	int64_t now = now_monotonic_ms();
	int next, r;

	if (now - p->heard_ms > SILENT_MS) {
		char text[200];
		snprintf(text, sizeof(text), "\n'%s' has not answered for %d seconds\n", p->s->host, SILENT_MS / 1000);
		say(p->s, text, strlen(text));
		return false;
	}
	if (now - p->asked_ms < 1000 || p->owed != OWED_NOTHING || poll(&f, 1, 0) != 1)
		return true;
	p->asked_ms = now;
	r = libssh2_keepalive_send(p->s->ssh, &next);
	return r == 0 || r == LIBSSH2_ERROR_EAGAIN || broken(p, r);
}

/* Until there is something to do; at most half of SSH_ALIVE_S, as the other host may have to be asked for a sign of life. */
static bool await(struct pump *p)
{
	struct pollfd f[2] = { { .fd = p->s->sock }, { .fd = p->s->pair } };

	/* while the link takes nothing only a write reads from the socket */
	f[0].events = !p->down.n || p->up.n ? POLLIN : 0;
	if (p->owed != OWED_NOTHING)
		f[0].events |= POLLOUT;
	f[1].events = (p->up.n ? 0 : POLLIN) | (p->down.n ? POLLOUT : 0);
	if (poll(f, 2, p->moved ? 0 : SSH_ALIVE_S * 500) < 0 && errno != EINTR)
		return false;
	if (p->down.n || f[0].revents & POLLIN)
		p->heard_ms = now_monotonic_ms();
	if (f[1].revents & (POLLHUP | POLLERR) && !(f[1].revents & POLLIN))
		return false;
	return alive(p);
}

void ssh_pump(void *session)
{
	struct ssh_session *s = session;
	struct pump p = { .s = s, .heard_ms = now_monotonic_ms() };

	p.up.room = xmalloc(ROOM);
	p.down.room = xmalloc(ROOM);
	libssh2_keepalive_config(s->ssh, 1, SSH_ALIVE_S);
	do
		p.moved = false;
	while (pull(&p) && !p.finished && push(&p) && await(&p));
	if (p.finished)
		(void)pull_said(&p); /* before the link sees the end, and asks why */
	free(p.up.room);
	free(p.down.room);
	ssh_session_close(s);
	ssh_session_unref(s);
}
