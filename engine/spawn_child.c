/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The child between clone and exec.  It shares our memory and runs while our thread is stopped: it
 * may only make system calls, and those that the C library would apply to all threads (setuid and
 * its kin) it makes directly.  AddressSanitizer knows nothing of its stack.
 */
#include "spawn_child.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CHILD __attribute__((no_sanitize("address", "undefined")))

#ifdef SYS_setgroups32
#define SET_GROUPS SYS_setgroups32
#define SET_RESGID SYS_setresgid32
#define SET_RESUID SYS_setresuid32
#else
#define SET_GROUPS SYS_setgroups
#define SET_RESGID SYS_setresgid
#define SET_RESUID SYS_setresuid
#endif

/* "PID STARTTIME\n" of the caller, from /proc/self/stat: fields 1 and 22.  Its length, 0 if odd. */
CHILD static size_t own_line(char *stat, size_t n, char out[48])
{
	size_t i = 0, len = 0;
	int field = 2;

	while (i < n && stat[i] != ' ')
		out[len++] = stat[i++];
	if (len > 10)
		return 0;
	out[len++] = ' ';
	for (i = n; i && stat[i - 1] != ')'; i--) /* the name may hold anything, blanks too */
		;
	for (; i < n && field < 22; i++)
		field += stat[i] == ' ';
	while (i < n && stat[i] >= '0' && stat[i] <= '9' && len < 46)
		out[len++] = stat[i++];
	out[len++] = '\n';
	return field == 22 ? len : 0;
}

CHILD static bool write_pidfile(int fd)
{
	char stat[512], line[48];
	long in = syscall(SYS_openat, AT_FDCWD, "/proc/self/stat", O_RDONLY | O_CLOEXEC);
	long n = in < 0 ? -1 : syscall(SYS_read, in, stat, sizeof(stat));
	size_t len = n > 0 ? own_line(stat, (size_t)n, line) : 0;

	if (in >= 0)
		syscall(SYS_close, in);
	return len && syscall(SYS_write, fd, line, len) == (long)len;
}

/* Puts each descriptor in its place: first all out of the way of all places, so that none is overwritten
 * before it was used, then into them; everything else is closed. */
CHILD static bool place_fds(struct spawn_plan *p)
{
	int top = p->fds[p->nfds - 1].theirs;
	unsigned from = 0;

	for (int i = 0; i < p->nfds; i++) {
		struct spawn_fd *f = &p->fds[i];

		if (f->ours <= top)
			f->ours = (int)syscall(SYS_fcntl, f->ours, F_DUPFD_CLOEXEC, top + 1);
		if (f->ours < 0)
			return false;
	}
	for (int i = 0; i < p->nfds; i++) {
		struct spawn_fd *f = &p->fds[i];
		unsigned to = (unsigned)f->theirs;

		if (syscall(SYS_dup3, f->ours, f->theirs, 0) < 0)
			return false;
		if (to > from && syscall(SYS_close_range, from, to - 1, 0) < 0)
			return false;
		from = to + 1;
	}
	return syscall(SYS_close_range, from, UINT_MAX, 0) == 0;
}

CHILD static bool set_limit(int what, uint64_t value)
{
	struct rlimit old, limit = { value, value };

	if (getrlimit(what, &old) < 0)
		return false;
	if (!value) /* no core: lowering is always allowed */
		return setrlimit(what, &limit) == 0;
	if (old.rlim_max == RLIM_INFINITY || old.rlim_max > value)
		limit.rlim_max = old.rlim_max; /* what a user may have anyway stays */
	return setrlimit(what, &limit) == 0;
}

CHILD static bool set_limits(const struct spawn *s)
{
	if (s->no_core && !set_limit(RLIMIT_CORE, 0))
		return false;
	return !s->max_memlock || set_limit(RLIMIT_MEMLOCK, s->max_memlock);
}

CHILD static bool set_user(const struct spawn *s)
{
	return syscall(SET_GROUPS, s->ngroups, s->groups) == 0 && syscall(SET_RESGID, s->gid, s->gid, s->gid) == 0 &&
	       syscall(SET_RESUID, s->uid, s->uid, s->uid) == 0;
}

/* Ours would run in the child with our memory, and what we ignore would stay ignored. */
CHILD static void reset_signals(void)
{
	struct sigaction now, deflt = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		if (sigaction(i, NULL, &now) == 0 && now.sa_handler != SIG_DFL)
			sigaction(i, &deflt, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

CHILD static int fail(struct spawn_plan *p, enum spawn_step step)
{
	p->code = errno;
	p->step = step;
	_exit(127);
}

CHILD int spawn_child(void *arg)
{
	struct spawn_plan *p = arg;
	const struct spawn *s = p->s;

	errno = EIO; /* for what fails without one */
	if (s->pidfile_fd > 0 && !write_pidfile(s->pidfile_fd))
		return fail(p, STEP_PIDFILE);
	if (!place_fds(p))
		return fail(p, STEP_FDS);
	if (s->session && setsid() < 0)
		return fail(p, STEP_SESSION);
	if (!set_limits(s))
		return fail(p, STEP_LIMITS);
	if (s->change_user && !set_user(s))
		return fail(p, STEP_USER);
	if (chdir(s->chdir ? s->chdir : "/") < 0) /* with the child's rights */
		return fail(p, STEP_CHDIR);
	if (s->no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return fail(p, STEP_PRIVS);
	if (s->die_with_us && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
		return fail(p, STEP_PRIVS);
	reset_signals();
	execve(p->program, p->argv, p->env);
	return fail(p, STEP_EXEC);
}
