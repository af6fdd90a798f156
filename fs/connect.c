/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * domfs connect: what ssh runs on the other host.  Joins its stdin and stdout to the socket of the engine there, which is started when there
 * is none.
 */
#include "connect.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/driver.h"
#include "engine/units.h"
#include "listen.h"

#define START_MS      10000 /* how long an engine may take to answer */
#define STEP_MS	      20
#define ROOM	      (256u << 10)
#define SYSTEM_SOCKET "/run/domfs/domfs.sock"

/* ---- joining ---- */

struct pump { /* one way */
	int from, to;
	char *room;
	size_t n, sent;
	bool ended; /* nothing more comes */
};

/* False: it broke. */
static bool pump_in(struct pump *p)
{
	ssize_t n = read(p->from, p->room, ROOM);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	p->ended = n == 0;
	p->n = n;
	p->sent = 0;
	return true;
}

static bool pump_out(struct pump *p)
{
	while (p->sent < p->n) {
		ssize_t n = write(p->to, p->room + p->sent, p->n - p->sent);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		p->sent += n;
	}
	p->n = p->sent = 0;
	return true;
}

static bool pump_step(struct pump *p, const struct pollfd *in, const struct pollfd *out)
{
	if (!p->n && in->revents && !pump_in(p))
		return false;
	(void)out;
	return pump_out(p);
}

/* Until either side ends; what it had said before is passed on. */
static void join(int in, int out, int sock)
{
	struct pump there = { .from = in, .to = sock, .room = xmalloc(ROOM) };
	struct pump back = { .from = sock, .to = out, .room = xmalloc(ROOM) };
	bool fine = true;

	while (fine && !(there.ended || back.ended)) {
		struct pollfd p[4] = {
			{ .fd = there.n ? -1 : in, .events = POLLIN },
			{ .fd = there.n ? sock : -1, .events = POLLOUT },
			{ .fd = back.n ? -1 : sock, .events = POLLIN },
			{ .fd = out, .events = back.n ? POLLOUT : 0 }, /* who reads there may go */
		};
		if (poll(p, 4, -1) < 0 && errno != EINTR)
			break;
		if (!back.n && (p[3].revents & (POLLERR | POLLHUP)))
			break;
		fine = pump_step(&there, &p[0], &p[1]) && pump_step(&back, &p[2], &p[3]);
	}
	free(there.room);
	free(back.room);
}

/* ---- the engine ---- */

static int try_socket(const char *path, int *fd)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof(a.sun_path))
		return -ENAMETOOLONG;
	strcpy(a.sun_path, path);
	*fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (*fd < 0 || connect(*fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		int code = errno;
		base_close_p(fd);
		*fd = -1;
		return -code;
	}
	return 0;
}

/* In the child: an engine that outlives us; its complaints go where ours go. */
static void become_engine(void)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	self[n > 0 ? n : 0] = '\0';
	if (n <= 0 || access(self, X_OK) < 0) /* it was replaced meanwhile */
		strcpy(self, "/proc/self/exe");
	dup2(null, 0);
	dup2(null, 1);
	if (chdir("/") == 0)
		execl(self, "domfs", "serve", (char *)NULL);
	fprintf(stderr, "domfs: cannot start '%s serve': %s\n", self, strerror(errno));
	_exit(127);
}

/* Started, or waited for when somebody else has just started one. */
static int start_engine(const char *path, int *fd, struct error *err)
{
	int64_t until = now_monotonic_ms() + START_MS;
	pid_t child = fork();
	int r, status = -1;

	if (child < 0)
		return error_set(err, errno, "fork: %s", strerror(errno));
	if (child == 0)
		become_engine();
	while ((r = try_socket(path, fd)) < 0 && now_monotonic_ms() < until) {
		if (child && waitpid(child, &status, WNOHANG) == child) {
			child = 0;
			if (status) /* its words are on stderr; but another may be coming up just now */
				until = now_monotonic_ms() + 2000;
		}
		usleep(STEP_MS * 1000);
	}
	return r < 0 ? error_set(err, -r, "no engine answers at '%s': %s", path, strerror(-r)) : 0;
}

/* Our own engine, or the one of the whole host, or a new one of our own. */
static int find_engine(int *fd, struct error *err)
{
	autofree char *own = listen_socket_path();
	int r = try_socket(own, fd);

	if (r < 0 && !config.root && !getenv("DOMFS_RUN_DIR"))
		r = try_socket(SYSTEM_SOCKET, fd);
	return r == 0 ? 0 : start_engine(own, fd, err);
}

int connect_run(struct error *err)
{
	autoclose int fd = -1;
	int flags[2], r;

	signal(SIGPIPE, SIG_IGN);
	r = find_engine(&fd, err);
	if (r < 0)
		return r;
	fcntl(fd, F_SETFL, O_NONBLOCK);
	for (int i = 0; i < 2; i++) {
		flags[i] = fcntl(i, F_GETFL);
		fcntl(i, F_SETFL, flags[i] | O_NONBLOCK);
	}
	join(0, 1, fd);
	for (int i = 0; i < 2; i++) /* they may be somebody else's, too */
		fcntl(i, F_SETFL, flags[i]);
	return 0;
}
