/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Listening sockets: see listen.h. */
#include "listen.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/driver.h"
#include "engine/event.h"
#include "engine/loop.h"
#include "open.h"
#include "p9/server.h"
#include "tls_server.h"

#define CONNECTIONS_MAX	    2048
#define CONNECTIONS_OF_USER 256	 /* who is not root leaves room for others */
#define REST_MS		    1000 /* when there are no descriptors: until the next look */

struct listener {
	int fd;
	char *path;	/* a unix socket's */
	bool inherited; /* the path is not ours to remove */
	struct loop_fd *watch;
	struct loop_timer *rest; /* nothing is accepted for a moment */
	TAILQ_ENTRY(listener) list;
};

static TAILQ_HEAD(, listener) listeners = TAILQ_HEAD_INITIALIZER(listeners);
static unsigned connections;
static struct hash *users; /* how many connections each uid has */

static uintptr_t count_user(uid_t uid, int by)
{
	uintptr_t n;

	if (!users)
		users = hash_new();
	n = (uintptr_t)hash_get_u64(users, uid) + by;
	hash_put_u64(users, uid, (void *)n);
	if (!hash_count(users))
		hash_free(take(&users));
	return n;
}

static void gone(void *arg)
{
	connections--;
	count_user((uintptr_t)arg, -1);
}

/* ---- who is it ---- */

static bool peer_unix(int fd, struct who *who)
{
	struct ucred c;
	socklen_t n = sizeof(c);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n) < 0)
		return false;
	*who = (struct who){ .uid = c.uid, .gid = c.gid, .pid = c.pid };
	return true;
}

/* As /proc/net/tcp writes an address: words in the machine's order, in hex. */
static void hex_address(const struct sockaddr_storage *a, char out[48])
{
	const uint32_t *w = a->ss_family == AF_INET6 ? (const uint32_t *)&((const struct sockaddr_in6 *)a)->sin6_addr
						     : (const uint32_t *)&((const struct sockaddr_in *)a)->sin_addr;
	unsigned port = ntohs(a->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)a)->sin6_port
						       : ((const struct sockaddr_in *)a)->sin_port);

	if (a->ss_family == AF_INET6)
		snprintf(out, 48, "%08X%08X%08X%08X:%04X", w[0], w[1], w[2], w[3], port);
	else
		snprintf(out, 48, "%08X:%04X", w[0], port);
}

static bool is_loopback(const struct sockaddr_storage *a)
{
	if (a->ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)a)->sin6_addr);
	return (ntohl(((const struct sockaddr_in *)a)->sin_addr.s_addr) >> 24) == 127;
}

/*
 * The uid of the process at the other end of a connection within this machine: columns 2, 3, 4, 8 and 10 of /proc/net/tcp.  Only a socket that
 * somebody still has (state ESTABLISHED, with an inode) says whose it is: one that was closed is listed as root's.
 */
static bool peer_tcp(int fd, struct who *who)
{
	struct sockaddr_storage ours = { 0 }, theirs = { 0 };
	socklen_t n = sizeof(ours), m = sizeof(theirs);
	char us[48], them[48], line[512];
	bool found = false;
	FILE *f;

	if (getsockname(fd, (struct sockaddr *)&ours, &n) < 0 || getpeername(fd, (struct sockaddr *)&theirs, &m) < 0)
		return false;
	if (!is_loopback(&ours) || !is_loopback(&theirs))
		return false;
	hex_address(&ours, us);
	hex_address(&theirs, them);
	f = fopen(ours.ss_family == AF_INET6 ? "/proc/net/tcp6" : "/proc/net/tcp", "re");
	while (f && !found && fgets(line, sizeof(line), f)) {
		char local[64], remote[64];
		unsigned uid, state;
		unsigned long inode;
		found = sscanf(line, " %*d: %63s %63s %x %*s %*s %*s %u %*d %lu", local, remote, &state, &uid,
			       &inode) == 5 &&
			!strcmp(local, them) && !strcmp(remote, us);
		if (found && (state != TCP_ESTABLISHED || !inode))
			break;
		if (found)
			*who = (struct who){ .uid = uid, .gid = access_group_of(uid) };
	}
	if (f)
		fclose(f);
	return found && who->uid != (uid_t)-1;
}

static bool welcome(const struct listener *l, int fd, struct who *who)
{
	who->uid = (uid_t)-1;
	if (connections >= CONNECTIONS_MAX || !(l->path ? peer_unix(fd, who) : peer_tcp(fd, who)))
		return false; /* nobody that could be told from anybody else */
	return who->uid == 0 || !users || (uintptr_t)hash_get_u64(users, who->uid) < CONNECTIONS_OF_USER;
}

static void look_again(void *arg)
{
	struct listener *l = arg;

	l->rest = NULL;
	loop_watch_events(l->watch, LOOP_READ);
}

/* Out of descriptors: whoever knocks waits, and we do not spin. */
static void rest(struct listener *l)
{
	if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
		return;
	loop_watch_events(l->watch, 0);
	if (!l->rest)
		l->rest = loop_timer(REST_MS, look_again, l);
}

/* The PEER that p9_serve is told.  `domfs connect` at the end of an ssh session says where that came from in its environment: that is the user's own
 * word, as is all that his process says, but who he is, is not. */
static char *peer_name(int fd, bool local, const struct who *who)
{
	struct sockaddr_storage a = { 0 };
	socklen_t n = sizeof(a);
	char host[NI_MAXHOST], port[NI_MAXSERV];
	autofree char *path = xasprintf("/proc/%d/environ", who->pid);
	autobuf struct buf text = { 0 };
	const char *from;

	if (!local) {
		if (getpeername(fd, (struct sockaddr *)&a, &n) < 0 ||
		    getnameinfo((struct sockaddr *)&a, n, host, sizeof(host), port, sizeof(port),
				NI_NUMERICHOST | NI_NUMERICSERV))
			return xstrdup("tcp");
		return xasprintf("tcp:%s:%s", host, port);
	}
	if (!who->pid || show_file(path, &text, NULL) < 0)
		return xstrdup("unix");
	for (size_t i = 0; i < text.n; i += strlen(text.p + i) + 1) {
		from = text.p + i;
		if (str_starts(from, "SSH_CONNECTION="))
			return xasprintf("ssh:%.*s", (int)strspn(from + 15, "0123456789abcdefABCDEF.:"), from + 15);
	}
	return xstrdup("unix");
}

static void on_connection(void *arg, int events unused)
{
	struct listener *l = arg;
	int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), one = 1;
	autofree char *peer = NULL;
	struct who who;

	if (fd < 0) {
		rest(l);
		return;
	}
	if (!welcome(l, fd, &who)) {
		close(fd);
		return;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* of a unix socket it fails */
	peer = peer_name(fd, l->path, &who);
	connections++;
	count_user(who.uid, 1);
	p9_serve(fd, fd, &who, peer, gone, (void *)(uintptr_t)who.uid);
}

static struct listener *add(int fd, const char *path)
{
	struct listener *l = xcalloc(1, sizeof(*l));

	l->fd = fd;
	l->path = xstrdup(path);
	l->watch = loop_watch(fd, LOOP_READ, on_connection, l);
	TAILQ_INSERT_TAIL(&listeners, l, list);
	return l;
}

/* ---- where ---- */

char *listen_socket_path(void)
{
	return xasprintf("%s/domfs.sock", config.run_dir);
}

/* Anybody may knock: what he then may do is what the rights of each node say. */
static int listen_unix(const char *path, struct error *err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(a.sun_path))
		return error_set(err, ENAMETOOLONG, "'%s': the path of a socket has at most %zu bytes", path,
				 sizeof(a.sun_path) - 1);
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return error_set(err, errno, "socket: %s", strerror(errno));
	unlink(path); /* of one that was killed: the lock of the state directory says that nobody else is here */
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 || chmod(path, 0666) < 0 || listen(fd, 128) < 0) {
		int code = errno;
		close(fd);
		return error_set(err, code, "cannot listen on '%s': %s", path, strerror(code));
	}
	add(fd, path);
	return 0;
}

static int split(const char *text, char **host, char **port, struct error *err)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon ? (size_t)(colon - text) : 0;

	if (!colon || !colon[1] || !n)
		return error_set(err, EINVAL, "'%s': expected ADDRESS:PORT", text);
	if (text[0] == '[' && text[n - 1] == ']')
		*host = xstrndup(text + 1, n - 2);
	else
		*host = xstrndup(text, n);
	*port = xstrdup(colon + 1);
	return 0;
}

/* A listening socket at numeric ADDRESS:PORT. */
static int bound(const char *where, bool anywhere, struct error *err)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE,
				  .ai_socktype = SOCK_STREAM };
	autofree char *host = NULL, *port = NULL;
	struct addrinfo *a;
	struct sockaddr_storage s;
	int fd, one = 1, r = split(where, &host, &port, err);

	if (r < 0)
		return r;
	if (getaddrinfo(str_eq(host, "localhost") ? "127.0.0.1" : host, port, &hints, &a))
		return error_set(err, EINVAL, "'%s' is no numeric address and port", where);
	memcpy(&s, a->ai_addr, a->ai_addrlen);
	if (!anywhere && !is_loopback(&s)) {
		freeaddrinfo(a);
		return error_set(
			err, EPERM,
			"'%s': over plain TCP nobody can be told from anybody else: use 127.0.0.1 or ::1 and ssh, or "
			"tls://",
			where);
	}
	fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, 128) < 0)
		r = error_set(err, errno, "cannot listen on '%s': %s", where, strerror(errno));
	freeaddrinfo(a);
	if (r < 0)
		base_close_p(&fd);
	return r < 0 ? r : fd;
}

static int listen_tcp(const char *where, struct error *err)
{
	int fd = bound(where, false, err);

	if (fd < 0)
		return fd;
	add(fd, NULL);
	return 0;
}

static int listen_tls(const char *where, const char *dir, struct error *err)
{
	int fd = bound(where, true, err);

	return fd < 0 ? fd : tls_serve(fd, where, dir, err);
}

int listen_add(const char *where, const char *tls_dir, struct error *err)
{
	if (str_starts(where, "unix:"))
		return listen_unix(where + strlen("unix:"), err);
	if (str_starts(where, "tcp://"))
		return listen_tcp(where + strlen("tcp://"), err);
	if (str_starts(where, "tls://"))
		return listen_tls(where + strlen("tls://"), tls_dir, err);
	return error_set(err, EINVAL, "'%s': expected unix:PATH, tcp://ADDRESS:PORT or tls://ADDRESS:PORT", where);
}

bool listen_has(const char *path)
{
	struct listener *l;

	TAILQ_FOREACH(l, &listeners, list)
		if (str_eq(l->path, path))
			return true;
	return false;
}

static int inherit(int fd, struct error *err)
{
	struct sockaddr_storage a = { 0 };
	const struct sockaddr_un *un = (const struct sockaddr_un *)&a;
	socklen_t n = sizeof(a);
	int on = 0;
	socklen_t m = sizeof(on);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &m) < 0 || !on ||
	    getsockname(fd, (struct sockaddr *)&a, &n) < 0)
		return error_set(err, EINVAL, "descriptor %d of LISTEN_FDS is no listening socket", fd);
	if (a.ss_family != AF_UNIX && !is_loopback(&a))
		return error_set(
			err, EPERM,
			"descriptor %d of LISTEN_FDS listens on plain TCP beyond loopback, where nobody can be told from anybody else",
			fd);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	add(fd, a.ss_family == AF_UNIX ? un->sun_path : NULL)->inherited = true;
	return 0;
}

int listen_inherited(struct error *err)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	int n = fds && pid && atoi(pid) == getpid() ? atoi(fds) : 0, r = 0;

	unsetenv("LISTEN_PID"); /* not for what we start */
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	for (int i = 0; i < n && r == 0; i++)
		r = inherit(3 + i, err);
	return r;
}

void listen_close(void)
{
	struct listener *l;

	while ((l = TAILQ_FIRST(&listeners))) {
		TAILQ_REMOVE(&listeners, l, list);
		loop_untimer(l->rest);
		loop_unwatch(l->watch);
		close(l->fd);
		if (l->path && !l->inherited)
			unlink(l->path);
		free(l->path);
		free(l);
	}
	tls_serve_close();
	p9_close_all();
}
