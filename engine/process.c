/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Processes that run: waiting for their end and signalling them, by pidfd, so never another one's. */
#include "spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

struct process {
	int pidfd;
	struct loop_fd *watch;		   /* NULL once it has ended */
	void (*fn)(void *arg, int status); /* NULL: nobody asks any more, reap it */
	void *arg;
	LIST_ENTRY(process) link; /* in ORPHANS, when nobody asks any more */
};

/* Only leak checkers look here, when we end before these do. */
static LIST_HEAD(, process) orphans = LIST_HEAD_INITIALIZER(orphans);

/* As wait(2) gives it. */
static int wait_status(const siginfo_t *info)
{
	if (info->si_code == CLD_EXITED)
		return (info->si_status & 0xff) << 8;
	return info->si_status | (info->si_code == CLD_DUMPED ? 0x80 : 0);
}

static void forget(struct process *p)
{
	loop_unwatch(p->watch);
	base_close_p(&p->pidfd);
	free(p);
}

static void orphan_ended(struct process *p)
{
	LIST_REMOVE(p, link);
	forget(p);
}

static void ended(void *arg, int events unused)
{
	struct process *p = arg;
	siginfo_t info = { 0 };
	int status = -1;

	if (waitid(P_PIDFD, (id_t)p->pidfd, &info, WEXITED | WNOHANG) == 0) {
		if (!info.si_pid)
			return; /* not yet */
		status = wait_status(&info);
	}
	loop_unwatch(p->watch);
	p->watch = NULL;
	if (p->fn)
		p->fn(p->arg, status);
	else
		orphan_ended(p);
}

int spawn_watch(pid_t pid, void (*fn)(void *arg, int status), void *arg, struct process **out, struct error *err)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by itself */
	struct process *p;

	if (fd < 0)
		return error_set(err, errno, "process %d cannot be watched: %s", (int)pid, strerror(errno));
	p = xcalloc(1, sizeof(*p));
	*p = (struct process){ .pidfd = fd, .fn = fn, .arg = arg };
	p->watch = loop_watch(fd, LOOP_READ, ended, p);
	if (!p->watch) {
		int code = errno;

		forget(p);
		return error_set(err, code, "process %d cannot be watched: %s", (int)pid, strerror(code));
	}
	*out = p;
	return 0;
}

void spawn_unwatch(struct process *p)
{
	siginfo_t info;

	if (!p)
		return;
	p->fn = NULL;
	/* one that has ended, or whose parent is another, leaves nothing to reap */
	if (!p->watch || waitid(P_PIDFD, (id_t)p->pidfd, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
		forget(p);
	else
		LIST_INSERT_HEAD(&orphans, p, link);
}

int process_signal(struct process *p, int signo)
{
	if (!p->watch)
		return -ESRCH; /* reaped */
	return syscall(SYS_pidfd_send_signal, p->pidfd, signo, NULL, 0) < 0 ? -errno : 0;
}

uint64_t process_start_time(pid_t pid)
{
	char path[40], stat[1024];
	autoclose int fd = -1;
	const char *p;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, stat, sizeof(stat) - 1);
	if (n <= 0)
		return 0;
	stat[n] = '\0';
	p = strrchr(stat, ')'); /* field 2 may hold anything, blanks and brackets too */
	for (int field = 2; p && field < 22; field++) {
		p = strchr(p, ' ');
		p = p ? p + 1 : NULL;
	}
	return p ? strtoull(p, NULL, 10) : 0;
}
