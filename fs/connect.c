/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* domfs connect: bytes from here to there and back, and nothing else. */
#include "connect.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "listen.h"

#define ROOM (256 << 10)

struct way { /* one direction */
	int from, to;
	size_t n, done;
	bool ended;
	char room[ROOM];
};

static bool move_in(struct way *w)
{
	ssize_t k = read(w->from, w->room, sizeof(w->room));

	if (k < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	w->n = k > 0 ? k : 0;
	w->done = 0;
	w->ended = k <= 0;
	return !w->ended;
}

static bool move_out(struct way *w)
{
	ssize_t k = write(w->to, w->room + w->done, w->n - w->done);

	if (k < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (k < 0)
		return false;
	w->done += k;
	if (w->done == w->n)
		w->n = 0;
	return true;
}

/* Until one side has said all that it has to say. */
static void join(struct way *a, struct way *b)
{
	struct way *ways[] = { a, b };
	bool going = true;

	while (going) {
		struct pollfd fds[2];
		for (int i = 0; i < 2; i++)
			fds[i] = (struct pollfd){ .fd = ways[i]->n ? ways[i]->to : ways[i]->from,
						  .events = ways[i]->n ? POLLOUT : POLLIN };
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return;
		for (int i = 0; i < 2 && going; i++)
			if (fds[i].revents)
				going = ways[i]->n ? move_out(ways[i]) : move_in(ways[i]);
	}
}

int connect_run(struct error *err)
{
	static struct way there, back;
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	autofree char *path = listen_socket_path();
	int fd;

	if (strlen(path) >= sizeof(a.sun_path))
		return error_set(err, ENAMETOOLONG, "'%s' is too long for a socket: set DOMFS_RUN_DIR", path);
	strcpy(a.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0) {
		int code = errno;
		base_close_p(&fd);
		return error_set(err, code, "no domfs serves '%s' (%s): mount it here first: domfs mount MOUNTPOINT",
				 path, strerror(code));
	}
	there.from = STDIN_FILENO;
	there.to = back.from = fd;
	back.to = STDOUT_FILENO;
	join(&there, &back);
	close(fd);
	return 0;
}
