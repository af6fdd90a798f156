/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a link to another host is made of: a socket, or ssh(1) on a pair of sockets that runs `domfs connect` there. */
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/offload.h"
#include "engine/spawn.h"
#include "remote.h"

#define CONNECT_MS 15000

static const char *const schemes[] = { "unix:", "tcp://", "ssh://", NULL };

int remote_check(const char *uri, struct error *err)
{
	for (int i = 0; schemes[i]; i++)
		if (str_starts(uri, schemes[i]) && uri[strlen(schemes[i])])
			return 0;
	return error_set(err, EINVAL, "'%s': expected ssh://[USER@]HOST[:PORT], tcp://HOST:PORT or unix:PATH", uri);
}

/* ---- sockets ---- */

struct connecting {
	char *host, *port;
	int fd;
	char text[200]; /* what is wrong */
};

static void connecting_free(void *arg)
{
	struct connecting *c = arg;

	base_close_p(&c->fd);
	free(c->host);
	free(c->port);
	free(c);
}

/* On a thread of its own: names are looked up, and a host that does not answer is waited for. */
static int connect_tcp(void *arg)
{
	struct connecting *c = arg;
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all, *a;
	int e = getaddrinfo(c->host, c->port, &hints, &all), one = 1;

	if (e) {
		snprintf(c->text, sizeof(c->text), "'%s': %s", c->host, gai_strerror(e));
		return -EHOSTUNREACH;
	}
	for (a = all; a && c->fd < 0; a = a->ai_next) {
		c->fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (c->fd >= 0 && connect(c->fd, a->ai_addr, a->ai_addrlen) < 0) {
			snprintf(c->text, sizeof(c->text), "'%s' port %s: %s", c->host, c->port, strerror(errno));
			close(c->fd);
			c->fd = -1;
		}
	}
	freeaddrinfo(all);
	if (c->fd >= 0)
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return c->fd < 0 ? -EHOSTUNREACH : 0;
}

static int open_tcp(const char *where, int *fd, struct error *err)
{
	const char *colon = strrchr(where, ':');
	struct worker *w = worker_new("connect");
	struct connecting *c = xcalloc(1, sizeof(*c));
	bool bracket = where[0] == '[' && colon && colon[-1] == ']';
	int r;

	c->fd = -1;
	c->host = colon ? xstrndup(where + bracket, colon - where - 2 * bracket) : xstrdup(where);
	c->port = xstrdup(colon ? colon + 1 : "5640");
	r = offload(w, connect_tcp, c, connecting_free, CONNECT_MS);
	worker_free(w);
	if (r == -ETIMEDOUT)
		return error_set(err, EHOSTUNREACH, "'%s' does not answer", where);
	if (r == -ECANCELED)
		return r;
	if (r < 0)
		r = error_set(err, EHOSTUNREACH, "%s", c->text);
	*fd = c->fd;
	c->fd = -1;
	connecting_free(c);
	return r;
}

static int open_unix(const char *path, int *fd, struct error *err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(a.sun_path))
		return error_set(err, ENAMETOOLONG, "'%s': the path of a socket has at most %zu bytes", path,
				 sizeof(a.sun_path) - 1);
	strcpy(a.sun_path, path);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
		     0); /* one that accepts nobody is not waited for */
	if (*fd < 0 || connect(*fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		int code = errno;
		base_close_p(fd);
		return error_set(err, code, "'%s': %s", path, strerror(code));
	}
	return 0;
}

/* ---- ssh ---- */

static void ssh_ended(void *arg unused, int status unused)
{
}

static int open_ssh(const char *where, int *fd, struct error *err)
{
	const char *colon = strrchr(where, ':');
	bool port = colon && !strchr(colon, ']') && !strchr(colon, '/');
	autofree char *host = port ? xstrndup(where, colon - where) : xstrdup(where);
	const char *argv[] = { "ssh",
			       "-oBatchMode=yes",
			       "-oConnectTimeout=15",
			       "-oServerAliveInterval=5",
			       "-oServerAliveCountMax=3",
			       "-T",
			       "-p",
			       port ? colon + 1 : "22",
			       "--",
			       host,
			       "domfs",
			       "connect",
			       NULL };
	const char *plain[] = { "ssh",
				"-oBatchMode=yes",
				"-oConnectTimeout=15",
				"-oServerAliveInterval=5",
				"-oServerAliveCountMax=3",
				"-T",
				"--",
				host,
				"domfs",
				"connect",
				NULL };
	int pair[2];
	struct spawn_fd fds[2];
	struct spawn s = {
		.argv = port ? argv : plain, .env = (const char *const *)environ, .fds = fds, .nfds = 2, .session = true
	};
	struct process *p;
	pid_t pid;

	if (host[0] == '-' || !host[0])
		return error_set(err, EINVAL, "'%s' is no host", host);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(err, errno, "socketpair: %s", strerror(errno));
	fds[0] = (struct spawn_fd){ pair[1], 0 };
	fds[1] = (struct spawn_fd){ pair[1], 1 };
	pid = spawn_start(&s, err);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return error_in(err, pid, "ssh");
	}
	if (spawn_watch(pid, ssh_ended, NULL, &p, NULL) == 0)
		spawn_unwatch(p); /* it is reaped by itself; what became of it the socket says */
	*fd = pair[0];
	return 0;
}

int transport_open(const char *uri, int *in, int *out, char **how, struct error *err)
{
	int fd = -1, r;

	if (str_starts(uri, "unix:"))
		r = open_unix(uri + strlen("unix:"), &fd, err);
	else if (str_starts(uri, "tcp://"))
		r = open_tcp(uri + strlen("tcp://"), &fd, err);
	else if (str_starts(uri, "ssh://"))
		r = open_ssh(uri + strlen("ssh://"), &fd, err);
	else
		r = remote_check(uri, err);
	if (r < 0)
		return r;
	*how = xstrdup(str_starts(uri, "ssh://") ? "ssh(1)" : str_starts(uri, "tcp://") ? "tcp" : "unix socket");
	*in = *out = fd;
	return 0;
}
