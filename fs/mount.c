/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * domfs mount: starts the engine and the front end in order, serves until the mount is gone or a signal comes, and closes all of it in the
 * opposite order.  Guests go on.
 */
#include "mount.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/loop.h"
#include "engine/pool.h"
#include "engine/secret.h"
#include "engine/store.h"
#include "fuse.h"
#include "hosts.h"
#include "listen.h"

#define DRAIN_STEP_MS 10
#define DRAIN_MS      2000 /* how long tasks and requests that are being cancelled may take to end */

static int ready_fd = -1; /* to the parent, which waits for "+" or the words of a failure */
static unsigned drained_ms;
static bool ending;

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
		log_line("mounted");
		return;
	}
	tell_parent("+");
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd <= 2 && null >= 0; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
}

static void drain(void *arg unused)
{
	if ((calls_going() || task_count()) && drained_ms < DRAIN_MS) {
		calls_cancel();
		drained_ms += DRAIN_STEP_MS;
		loop_timer(DRAIN_STEP_MS, drain, NULL);
		return;
	}
	front_unmount();
	loop_stop();
}

static void end(void)
{
	if (!ending) {
		listen_close();
		pools_flush();
	}
	if (ending)
		return;
	ending = true;
	notify_end_waits(ECONNABORTED);
	drain(NULL);
}

static void on_signal(void *arg unused, int signo)
{
	log_line("signal %d: unmounting; guests go on", signo);
	end();
}

/* False when a task did not end in time and is still inside the engine: the process's end frees the rest. */
static bool engine_close(void)
{
	unsigned left = task_count();

	if (left) {
		log_line("%u tasks did not end in time", left);
		store_close();
		return false;
	}
	hosts_close();
	pools_close();
	domains_close();
	secrets_close();
	driver_objects_close();
	pool_type_objects_close();
	drivers_close();
	store_close();
	return true;
}

static int engine_open(struct error *err)
{
	int r = store_open(config.state_dir, config.run_dir, err);

	if (r < 0)
		return r;
	object_changed(&root_object, ~0u);
	driver_objects_open();
	pool_type_objects_open();
	drivers_probe();
	r = secrets_open(err);
	if (r == 0)
		r = domains_open(err);
	if (r >= 0)
		r = pools_open(err);
	return r < 0 ? r : hosts_open(err);
}

/* Others find this engine by its socket. */
static int listen_all(const struct mount_options *o, struct error *err)
{
	autofree char *path = listen_socket_path();
	autofree char *where = xasprintf("unix:%s", path);
	int r = listen_add(where, err);

	for (size_t i = 0; i < o->listen.n && r == 0; i++)
		r = listen_add(o->listen.at[i], err);
	return r;
}

/* Serves the mount to its end; the exit status. */
static int serve(const struct mount_options *o, struct error *err)
{
	struct front_options front = {
		.mountpoint = o->mountpoint,
		.fuse_options = o->fuse,
		.ready = on_ready,
		.ended = end,
	};
	int r;

	loop_init();
	signal(SIGPIPE, SIG_IGN);
	loop_signal(SIGTERM, on_signal, NULL);
	loop_signal(SIGINT, on_signal, NULL);
	loop_signal(SIGHUP, on_signal, NULL);
	tree_open(&root_entry);
	r = engine_open(err);
	if (r >= 0)
		r = front_open(&front, err);
	if (r >= 0)
		r = listen_all(o, err);
	if (r >= 0)
		loop_run();
	listen_close();
	front_close();
	if (engine_close()) {
		tree_close();
		loop_close();
	}
	return r;
}

/* In the child: a session of its own, nothing of the caller's but stderr until it is ready. */
static int serve_behind(const struct mount_options *o, int fd)
{
	autoerror struct error err = { 0 };
	int r;

	ready_fd = fd;
	setsid();
	r = serve(o, &err);
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
	fprintf(stderr, "domfs: %s\n", n ? text : "the server ended before the mount answered");
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

	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++) {
		/* a guest's own uid must get through the run directory to its own part of it */
		r = make_dir(dirs[i], i ? 0711 : 0700, err);
		if (r >= 0)
			r = check_owner(dirs[i], err);
		if (r < 0)
			return r;
	}
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
	if (r >= 0 && o->foreground)
		r = serve(o, &err);
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
