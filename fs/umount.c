/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* domfs umount, and clearing away what a killed domfs left mounted. */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "mount.h"

#define CLOSE_STEP_MS 10
#define CLOSE_MS      2000 /* how long thousands of readers that were told to end may take to close */
#define TOLD_MS	      1000 /* how long the kernel may take to tell the server that it was unmounted */
#define END_MS	      5000 /* how long the server may take to end after it was unmounted */

/* As root by the system call, else by fusermount3. */
static int unmount(const char *mountpoint, bool lazy)
{
	int status;
	pid_t pid;

	if (geteuid() == 0)
		return umount2(mountpoint, UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0)) < 0 ? -errno : 0;
	pid = fork();
	if (pid == 0) {
		execlp("fusermount3", "fusermount3", lazy ? "-uzq" : "-uq", "--", mountpoint, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -errno;
	return status ? -EBUSY : 0;
}

/* What is known of the mountpoint may still be in the kernel's cache, so that stat(2) would answer; statfs(2) asks the server. */
static bool is_dead(const char *mountpoint)
{
	struct statfs st;

	return statfs(mountpoint, &st) < 0 && errno == ENOTCONN;
}

int mount_clear_stale(const char *mountpoint, struct error *err)
{
	int r;

	while (is_dead(mountpoint)) {
		r = unmount(mountpoint, true);
		if (r < 0)
			return error_set(err, -r, "'%s': a dead mount is in the way and cannot be removed: %s",
					 mountpoint, strerror(-r));
	}
	return 0;
}

/* The process that serves the mount; 0 when it is not ours. */
static pid_t server_of(const char *mountpoint)
{
	char text[32];
	ssize_t n = getxattr(mountpoint, "user.domfs.pid", text, sizeof(text) - 1);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	return atoi(text);
}

int umount_run(const char *mountpoint, struct error *err)
{
	struct pollfd end = { .events = POLLIN };
	pid_t server;
	int r;

	if (is_dead(mountpoint))
		return mount_clear_stale(mountpoint, err);
	server = server_of(mountpoint);
	if (!server)
		return error_set(err, EINVAL, "'%s' is not a mount of domfs", mountpoint);
	end.fd = pidfd_open(server, 0); /* a dead child that nobody reaps yet has ended, too */
	/* Whoever waits in wait/, console or events would keep it busy. */
	setxattr(mountpoint, "user.domfs.release", "1", 1, 0);
	for (int i = 0; i < CLOSE_MS / CLOSE_STEP_MS; i++) {
		r = unmount(mountpoint, false);
		if (r != -EBUSY)
			break;
		usleep(CLOSE_STEP_MS * 1000); /* they have been told; let them close */
	}
	if (r < 0)
		base_close_p(&end.fd);
	if (r == -EBUSY)
		return error_set(err, EBUSY, "'%s' is busy: a process has a file open or its working directory there",
				 mountpoint);
	if (r < 0)
		return error_set(err, -r, "'%s': %s", mountpoint, strerror(-r));
	/* A copy of the mount in another mount namespace keeps the kernel from telling the server. */
	if (end.fd >= 0 && poll(&end, 1, TOLD_MS) == 0 && pidfd_send_signal(end.fd, SIGTERM, NULL, 0) == 0)
		poll(&end, 1, END_MS);
	base_close_p(&end.fd);
	return 0;
}
