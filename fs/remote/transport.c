/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The schemes of uris, and sockets; see transport.h. */
#include "transport.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/offload.h"
#include "engine/units.h"
#include "remote.h"
#include "tls.h"

#define CONNECT_MS 15000 /* all addresses of a host together */
#define ADDRESS_MS 6000	 /* one of several */

/* ---- sockets ---- */

struct connecting {
	char *host, *port;
	int family, fd;
	char text[300]; /* what is wrong */
};

static void connecting_free(void *arg)
{
	struct connecting *c = arg;

	base_close_p(&c->fd);
	free(c->host);
	free(c->port);
	free(c);
}

/* 0 or a positive errno. */
static int connect_address(const struct addrinfo *a, int64_t ms, int *fd)
{
	struct pollfd p = { .events = POLLOUT };
	socklen_t n = sizeof(int);
	int code = 0, k;

	p.fd = *fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*fd < 0)
		return errno;
	if (connect(*fd, a->ai_addr, a->ai_addrlen) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return errno;
	k = poll(&p, 1, (int)(ms > 0 ? ms : 0));
	if (k <= 0)
		return k ? errno : ETIMEDOUT;
	return getsockopt(*fd, SOL_SOCKET, SO_ERROR, &code, &n) < 0 ? errno : code;
}

/* On a thread of its own: names are looked up, and a host that does not answer is waited for. */
static int connect_tcp(void *arg)
{
	struct connecting *c = arg;
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_family = c->family }, *all, *a;
	int64_t until = now_monotonic_ms() + CONNECT_MS;
	int e = getaddrinfo(c->host, c->port, &hints, &all), one = 1;

	if (e) {
		snprintf(c->text, sizeof(c->text), "'%s': %s", c->host, gai_strerror(e));
		return -EHOSTUNREACH;
	}
	for (a = all; a && c->fd < 0; a = a->ai_next) {
		int64_t left = until - now_monotonic_ms();
		int code = connect_address(a, a->ai_next && left > ADDRESS_MS ? ADDRESS_MS : left, &c->fd);
		if (!code)
			continue;
		snprintf(c->text, sizeof(c->text), "'%s' port %s: %s", c->host, c->port, strerror(code));
		base_close_p(&c->fd);
		c->fd = -1;
	}
	freeaddrinfo(all);
	if (c->fd >= 0)
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return c->fd < 0 ? -EHOSTUNREACH : 0;
}

int transport_tcp(const char *host, const char *port, int family, int *fd, struct error *err)
{
	struct worker *w = worker_new("connect");
	struct connecting *c = xcalloc(1, sizeof(*c));
	int r;

	*c = (struct connecting){ .host = xstrdup(host), .port = xstrdup(port), .family = family, .fd = -1 };
	r = offload(w, connect_tcp, c, connecting_free, CONNECT_MS + 2000);
	worker_free(w);
	if (r == -ETIMEDOUT)
		return error_set(err, EHOSTUNREACH, "'%s' port %s: looking up its address takes too long", host, port);
	if (r == -ECANCELED)
		return r;
	if (r < 0)
		r = error_set(err, EHOSTUNREACH, "%s", *c->text ? c->text : strerror(-r));
	*fd = c->fd;
	c->fd = -1;
	connecting_free(c);
	return r;
}

static int open_tcp(const char *where, struct transport *t, struct error *err)
{
	const char *colon = strrchr(where, ':');
	bool bracket = where[0] == '[' && colon && colon > where && colon[-1] == ']';
	autofree char *host = colon ? xstrndup(where + bracket, colon - where - 2 * bracket) : xstrdup(where);
	int r = transport_tcp(host, colon ? colon + 1 : "5640", AF_UNSPEC, &t->in, err);

	t->out = t->in;
	t->how = xstrdup("tcp");
	return r;
}

static int open_unix(const char *path, struct transport *t, struct error *err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	autoclose int fd = -1;

	if (strlen(path) >= sizeof(a.sun_path))
		return error_set(err, ENAMETOOLONG, "'%s': the path of a socket has at most %zu bytes", path,
				 sizeof(a.sun_path) - 1);
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); /* EAGAIN: its queue is full */
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return error_set(err, errno, "'%s': %s", path, strerror(errno));
	t->in = t->out = fd;
	t->how = xstrdup("unix socket");
	fd = -1;
	return 0;
}

/* ---- the table ---- */

static const struct scheme schemes[] = {
	{ "ssh://", "ssh://[USER@]HOST[:PORT]", ssh_check, ssh_open },
	{ "tls://", "tls://HOST[:PORT]/[?pkipath=DIR]", tls_check, tls_open },
	{ "tcp://", "tcp://HOST:PORT", NULL, open_tcp },
	{ "unix:", "unix:PATH", NULL, open_unix },
};

static int find_scheme(const char *uri, const struct scheme **out, struct error *err)
{
	autobuf struct buf forms = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		*out = &schemes[i];
		if (str_starts(uri, schemes[i].prefix) && uri[strlen(schemes[i].prefix)])
			return 0;
		buf_printf(&forms, "%s%s", !i ? "" : i + 1 < ARRAY_SIZE(schemes) ? ", " : " or ", schemes[i].form);
	}
	return error_set(err, EINVAL, "'%s': expected %s", uri, buf_text(&forms));
}

int remote_check(const char *uri, struct error *err)
{
	const struct scheme *s;
	int r = find_scheme(uri, &s, err);

	return r == 0 && s->check ? s->check(uri + strlen(s->prefix), err) : r;
}

int transport_open(const char *uri, struct transport *t, struct error *err)
{
	const struct scheme *s;
	int r = find_scheme(uri, &s, err);

	*t = (struct transport){ .in = -1, .out = -1 };
	return r == 0 ? s->open(uri + strlen(s->prefix), t, err) : r;
}

char *transport_words(struct transport *t)
{
	return t->behind && t->words ? t->words(t->behind) : NULL;
}

void transport_end(struct transport *t)
{
	if (t->behind)
		t->end(take(&t->behind));
}
