/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How the process ends that closes a file: see closer.h. */
#include "closer.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Linux 6.9 and 6.15; older headers do not have them. */
#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif
struct pidfd_exit {
	uint64_t mask, cgroup;
	uint32_t ids[11];
	int32_t exit_code;
};
#define PIDFD_GET_EXIT	_IOWR(0xFF, 11, struct pidfd_exit)
#define PIDFD_MASK_EXIT (1u << 3)

/* include/linux/sched.h: unchanged since 2.6 */
#define PF_EXITING 0x00000004
#define PF_KTHREAD 0x00200000

void writer_note(struct writer *w, pid_t pid)
{
	if (pid == w->pid || pid <= 0)
		return;
	writer_clear(w);
	w->pid = pid;
	w->pidfd = (int)syscall(SYS_pidfd_open, pid, PIDFD_THREAD);
	if (w->pidfd < 0)
		w->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
}

void writer_clear(struct writer *w)
{
	if (w->pid)
		base_close_p(&w->pidfd);
	*w = (struct writer){ .pidfd = -1 };
}

static enum process_life ended(int code)
{
	return code ? LIFE_ENDED_BADLY : LIFE_ENDED_WELL;
}

/* proc(5): the name, field 2, may hold anything; after its last ')' come the state (3), the flags (9), the exit code (52). */
enum process_life life_of_stat(const char *text)
{
	const char *p = strrchr(text, ')');
	unsigned long flags = 0;
	int code = 0;
	char state;

	if (!p || p[1] != ' ' || !p[2])
		return LIFE_UNKNOWN;
	state = p[2];
	p += 2;
	for (int field = 3; field < 52; field++) {
		if (field == 9)
			flags = strtoul(p, NULL, 10);
		p = strchr(p, ' ');
		if (!p)
			return LIFE_UNKNOWN;
		p++;
	}
	code = atoi(p);
	if (flags & PF_KTHREAD)
		return LIFE_KERNEL;
	return (flags & PF_EXITING) || state == 'Z' || state == 'X' ? ended(code) : LIFE_GOES_ON;
}

static enum process_life life_of(pid_t pid)
{
	char path[64], text[1024];
	autoclose int fd = -1;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = pid > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
	if (n <= 0)
		return LIFE_UNKNOWN;
	text[n] = '\0';
	return life_of_stat(text);
}

static enum process_life life_of_writer(const struct writer *w)
{
	struct pidfd_exit info = { .mask = PIDFD_MASK_EXIT };

	if (w->pidfd >= 0 && ioctl(w->pidfd, PIDFD_GET_EXIT, &info) == 0 && (info.mask & PIDFD_MASK_EXIT))
		return ended(info.exit_code);
	return life_of(w->pid);
}

bool writer_ended(const struct writer *w)
{
	return w->pid && life_of_writer(w) != LIFE_GOES_ON;
}

/*
 * Since Linux 6.4 a process that ends does not wait for its files to be closed: a thread of the kernel does that for it, and only who wrote
 * can be asked how it ended.
 */
enum closing closing_of(pid_t pid, const struct writer *w)
{
	enum process_life life = life_of(pid);

	if (life == LIFE_GOES_ON)
		return CLOSE_DONE;
	if (life == LIFE_KERNEL || life == LIFE_UNKNOWN) {
		life = life_of_writer(w);
		if (life == LIFE_GOES_ON)
			return CLOSE_SHARED;
	} else if (w->pid && pid != w->pid && life_of_writer(w) == LIFE_GOES_ON) {
		return CLOSE_SHARED;
	}
	return life == LIFE_ENDED_WELL ? CLOSE_DONE : CLOSE_BROKEN;
}
