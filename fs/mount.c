/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* domfs mount and domfs serve: the command returns when what it starts answers; a child goes on (serve.h). */
#include "mount.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/driver.h"
#include "engine/event.h"
#include "serve.h"

static bool with_mount;
static int ready_fd = -1; /* to the parent, which waits for "+" or the words of a failure */

static void tell_parent(const char *text)
{
	if (ready_fd < 0)
		return;
	if (write(ready_fd, text, strlen(text)) < 0)
		log_line("cannot tell the command that it is mounted: %s", strerror(errno));
	close(ready_fd);
	ready_fd = -1;
}

/* The mount answers: from now on the terminal is left alone. */
static void on_ready(void)
{
	int null;

	if (config.foreground) {
		log_line(with_mount ? "mounted" : "ready");
		return;
	}
	tell_parent("+");
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd <= 2 && null >= 0; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
}

/* In the child: a session of its own, nothing of the caller's but stderr until it is ready. */
static int serve_behind(const struct mount_options *o, int fd)
{
	autoerror struct error err = { 0 };
	int r;

	ready_fd = fd;
	setsid();
	r = serve(o, on_ready, &err);
	if (r < 0)
		tell_parent(error_text(&err));
	return r < 0;
}

static int wait_for_child(int fd, pid_t child)
{
	char text[4096];
	size_t n = 0;
	ssize_t got;

	while (n < sizeof(text) - 1 && (got = read(fd, text + n, sizeof(text) - 1 - n)) > 0) {
		n += got;
		if (text[0] == '+')
			return 0;
	}
	text[n] = '\0';
	waitpid(child, NULL, 0);
	fprintf(stderr, "domfs: %s\n", n ? text : "it ended before it answered");
	return 1;
}

static int make_dir(const char *path, mode_t mode, struct error *err)
{
	for (const char *p = path + 1; *p; p++) {
		if (*p == '/') {
			autofree char *part = xstrndup(path, p - path);

			mkdir(part, 0755);
		}
	}
	if (mkdir(path, mode) < 0 && errno != EEXIST)
		return error_set(err, errno, "cannot make '%s': %s", path, strerror(errno));
	return 0;
}

/* A directory of ours in a place where anybody may make one (/tmp) must really be ours. */
static int check_owner(const char *path, struct error *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return error_set(err, errno, "'%s': %s", path, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return error_set(err, ENOTDIR, "'%s' is not a directory", path);
	if (st.st_uid != geteuid())
		return error_set(err, EPERM, "'%s' belongs to uid %u: set DOMFS_STATE_DIR and DOMFS_RUN_DIR", path,
				 st.st_uid);
	if (st.st_mode & 022)
		return error_set(err, EPERM, "'%s' may be written by others (mode %03o): chmod go-w it", path,
				 st.st_mode & 0777);
	return 0;
}

static int prepare(const struct mount_options *o, struct error *err)
{
	const char *dirs[] = { config.state_dir, config.run_dir };
	struct stat st;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(dirs) && !o->source; i++) {
		/* a guest's own uid must get through the run directory to its own part of it */
		r = make_dir(dirs[i], i ? 0711 : 0700, err);
		if (r >= 0)
			r = check_owner(dirs[i], err);
		if (r < 0)
			return r;
	}
	if (!o->mountpoint)
		return 0;
	r = mount_clear_stale(o->mountpoint, err);
	if (r < 0)
		return r;
	if (stat(o->mountpoint, &st) < 0)
		return error_set(err, errno, "'%s': %s", o->mountpoint, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return error_set(err, ENOTDIR, "'%s' is not a directory", o->mountpoint);
	return 0;
}

int mount_run(struct mount_options *o)
{
	autoerror struct error err = { 0 };
	int pipe_fds[2], r = prepare(o, &err);
	pid_t child;

	config.foreground = o->foreground;
	with_mount = o->mountpoint;
	if (r >= 0 && o->foreground)
		r = serve(o, on_ready, &err);
	if (r < 0)
		fprintf(stderr, "domfs: %s\n", error_text(&err));
	if (r < 0 || o->foreground)
		return r < 0;
	if (pipe2(pipe_fds, O_CLOEXEC) < 0 || (child = fork()) < 0) {
		fprintf(stderr, "domfs: %s\n", strerror(errno));
		return 1;
	}
	if (child) {
		close(pipe_fds[1]);
		r = wait_for_child(pipe_fds[0], child);
		close(pipe_fds[0]);
		return r;
	}
	close(pipe_fds[0]);
	return serve_behind(o, pipe_fds[1]);
}
