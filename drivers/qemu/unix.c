/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Unix sockets by path.  sun_path holds 107 bytes; a longer path is reached through its directory's descriptor in /proc/self/fd.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "launch.h"

/* Fills ADDR for PATH; *DIR is a descriptor that must stay open while ADDR is used, or -1. */
static int address(const char *path, struct sockaddr_un *addr, int *dir, struct error *err)
{
	const char *slash = strrchr(path, '/');
	autofree char *parent = NULL;

	*dir = -1;
	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) < sizeof(addr->sun_path)) {
		strcpy(addr->sun_path, path);
		return 0;
	}
	parent = xstrndup(path, slash ? slash - path : 0);
	*dir = open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (*dir < 0)
		return error_set(err, errno, "'%s': %s", parent, strerror(errno));
	if (snprintf(addr->sun_path, sizeof(addr->sun_path), "/proc/self/fd/%d/%s", *dir, slash + 1) >=
	    (int)sizeof(addr->sun_path))
		return error_set(err, ENAMETOOLONG, "socket name '%s' is too long: at most 80 bytes", slash + 1);
	return 0;
}

static int new_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

int unix_listen(const char *path, struct error *err)
{
	struct sockaddr_un addr;
	autoclose int dir = -1;
	autoclose int fd = new_socket();
	int r = address(path, &addr, &dir, err);

	if (r < 0)
		return r;
	unlink(addr.sun_path);
	/* the mode of an unbound socket is that of the file which bind makes (net/unix/af_unix.c): nobody but us from the first instant, and
	 * no umask, which is the whole process's, is touched from a worker's thread */
	if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 1) < 0)
		return error_set(err, errno, "unix socket '%s' cannot be made: %s", path, strerror(errno));
	r = fd;
	fd = -1;
	return r;
}

int unix_connect(const char *path, struct error *err)
{
	struct sockaddr_un addr;
	autoclose int dir = -1;
	autoclose int fd = new_socket();
	int r = address(path, &addr, &dir, err);

	if (r < 0)
		return r;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return error_set(err, errno, "unix socket '%s': %s", path, strerror(errno));
	r = fd;
	fd = -1;
	return r;
}

static void remove_below(int dir)
{
	DIR *list = fdopendir(dir);
	struct dirent *e;

	while (list && (e = readdir(list))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (unlinkat(dir, e->d_name, 0) == 0 || (errno != EISDIR && errno != EPERM))
			continue;
		int sub = openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (sub >= 0)
			remove_below(sub);
		unlinkat(dir, e->d_name, AT_REMOVEDIR);
	}
	if (list)
		closedir(list);
	else
		close(dir);
}

void tree_remove(const char *path)
{
	int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0)
		return;
	remove_below(dir);
	rmdir(path);
}
