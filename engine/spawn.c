/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Starting a program: everything that takes memory or looks something up is done here beforehand, the
 * child (spawn_child.c) only makes system calls.  clone with CLONE_VM and CLONE_VFORK costs the same however
 * big we are, and lets the child leave its error in our memory.
 */
#include "spawn_child.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_STACK  (64 * 1024)
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* clang-format off */
static const char *const step_words[SPAWN_STEPS] = {
	[STEP_PIDFILE]	= "writing its pid file",
	[STEP_FDS]	= "passing its descriptors",
	[STEP_SESSION]	= "making a session",
	[STEP_CHDIR]	= "entering its directory",
	[STEP_LIMITS]	= "setting its limits",
	[STEP_USER]	= "changing to its user",
	[STEP_PRIVS]	= "giving up new privileges",
	[STEP_EXEC]	= "executing it",
};
/* clang-format on */

static const char *search_path(void)
{
	const char *path = getenv("PATH");

	return path && *path ? path : DEFAULT_PATH;
}

/* argv[0] with its directory; the caller frees; NULL when there is none. */
static char *find_program(const char *name)
{
	const char *path = search_path();

	if (strchr(name, '/'))
		return xstrdup(name);
	while (*name && *path) {
		int n = (int)strcspn(path, ":");
		autofree char *full = xasprintf("%.*s/%s", n, path, name);
		struct stat st;

		/* an empty or relative place in PATH would run what lies about in some directory */
		if (path[0] == '/' && stat(full, &st) == 0 && S_ISREG(st.st_mode) && access(full, X_OK) == 0)
			return take(&full);
		path += n;
		path += *path == ':';
	}
	return NULL;
}

static int by_theirs(const void *a, const void *b)
{
	const struct spawn_fd *x = a, *y = b;

	return (x->theirs > y->theirs) - (x->theirs < y->theirs);
}

/* Fills in the plan's descriptors, 0 to 2 from NULL_FD where the caller names none. */
static int plan_fds(struct spawn_plan *p, int null_fd, struct error *err)
{
	const struct spawn *s = p->s;
	bool named[3] = { false, false, false };

	p->fds = xcalloc((size_t)s->nfds + 3, sizeof(*p->fds));
	for (int i = 0; i < s->nfds; i++) {
		if (s->fds[i].ours < 0 || s->fds[i].theirs < 0)
			return error_set(err, EBADF, "%s: descriptor %d is not open", s->argv[0], i);
		if (s->fds[i].theirs < 3)
			named[s->fds[i].theirs] = true;
		p->fds[p->nfds++] = s->fds[i];
	}
	for (int i = 0; i < 3; i++)
		if (!named[i])
			p->fds[p->nfds++] = (struct spawn_fd){ null_fd, i };
	qsort(p->fds, (size_t)p->nfds, sizeof(*p->fds), by_theirs);
	for (int i = 1; i < p->nfds; i++)
		if (p->fds[i].theirs == p->fds[i - 1].theirs)
			return error_set(err, EINVAL, "%s: two descriptors are to become %d", s->argv[0],
					 p->fds[i].theirs);
	return 0;
}

/* One for all: the caller stands still until the child has left it, and only the loop spawns. */
static char *child_stack(void)
{
	static char *stack;

	if (!stack) {
		size_t guard = (size_t)sysconf(_SC_PAGESIZE);
		char *p = mmap(NULL, guard + CHILD_STACK, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

		if (p == MAP_FAILED || mprotect(p, guard, PROT_NONE) < 0)
			abort();
		stack = p + guard;
	}
	return stack + CHILD_STACK;
}

static pid_t start_child(struct spawn_plan *p)
{
	sigset_t all, old;
	pid_t pid;

	/* a handler of ours must not run in the child, which shares our memory */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = clone(spawn_child, child_stack(), CLONE_VM | CLONE_VFORK | SIGCHLD, p);
	if (pid < 0)
		pid = -errno;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return pid;
}

pid_t spawn_start(const struct spawn *s, struct error *err)
{
	autofree char *path = xasprintf("PATH=%s", search_path());
	const char *const default_env[] = { path, "LC_ALL=C", NULL };
	struct spawn_plan p = { .s = s, .argv = (char *const *)s->argv };
	autofree char *program = find_program(s->argv[0]);
	autofree struct spawn_fd *fds = NULL;
	autoclose int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	pid_t pid;
	int r;

	if (!program)
		return error_set(err, ENOENT, "cannot run '%s': it is not in %s", s->argv[0], path);
	if (null_fd < 0)
		return error_set(err, errno, "/dev/null: %s", strerror(errno));
	p.program = program;
	p.env = (char *const *)(s->env ? s->env : default_env);
	r = plan_fds(&p, null_fd, err);
	fds = p.fds;
	if (r < 0)
		return r;
	pid = start_child(&p);
	if (pid < 0)
		return error_set(err, -pid, "cannot run '%s': no new process: %s", s->argv[0], strerror(-pid));
	if (p.step == STEP_NONE)
		return pid;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return error_set(err, p.code, "cannot run '%s': %s: %s", program, step_words[p.step], strerror(p.code));
}
