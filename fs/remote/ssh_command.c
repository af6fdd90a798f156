/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ssh(1) on a pair of sockets, never asking anybody; what it says on stderr is why it did not work. */
#include "ssh.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/loop.h"
#include "engine/spawn.h"

#define WORDS_MOST 16384 /* of what it says; the last part */

struct ssh_process {
	pid_t pid; /* 0: it has ended */
	struct process *process;
	int said_fd;
	struct loop_fd *watch;
	struct buf said;
};

/* What is there now. */
static void listen_to(struct ssh_process *p)
{
	char bytes[4096];
	ssize_t n;

	if (p->said_fd < 0)
		return;
	while ((n = read(p->said_fd, bytes, sizeof(bytes))) > 0 || (n < 0 && errno == EINTR)) {
		if (n > 0)
			buf_add(&p->said, bytes, n);
		if (p->said.n > 2 * WORDS_MOST)
			buf_cut(&p->said, 0, p->said.n - WORDS_MOST);
	}
	if (n < 0 && errno == EAGAIN)
		return;
	loop_unwatch(take(&p->watch));
	base_close_p(&p->said_fd);
	p->said_fd = -1;
}

static void on_said(void *arg, int events unused)
{
	listen_to(arg);
}

static void on_ended(void *arg, int status unused)
{
	struct ssh_process *p = arg;

	p->pid = 0;
}

static char *words(void *behind)
{
	struct ssh_process *p = behind;
	char *text;

	listen_to(p); /* it says why before it closes the link */
	text = ssh_last_words(&p->said);
	buf_reset(&p->said);
	return text;
}

/* With its ProxyCommand and the like: they are a session of their own. */
static void end(void *behind)
{
	struct ssh_process *p = behind;

	if (p->pid)
		kill(-p->pid, SIGKILL); /* not reaped yet, so it is still this one */
	spawn_unwatch(p->process);
	loop_unwatch(p->watch);
	base_close_p(&p->said_fd);
	buf_clear(&p->said);
	free(p);
}

/* What must hold whatever is configured: nobody is asked, it is no other's master, it forwards nothing, and it says what is wrong. */
static const char *const always[] = {
	"-oBatchMode=yes",	   "-oConnectTimeout=15",     "-oConnectionAttempts=1",	   "-oServerAliveInterval=5",
	"-oServerAliveCountMax=3", "-oControlMaster=no",      "-oClearAllForwardings=yes", "-oForwardAgent=no",
	"-oForwardX11=no",	   "-oPermitLocalCommand=no", "-oRemoteCommand=none",	   "-oLogLevel=INFO",
};

static int start(const struct ssh_uri *u, const struct ssh_config *c, struct ssh_process *p, int sock, int said,
		 struct error *err)
{
	struct spawn_fd fds[] = { { sock, 0 }, { sock, 1 }, { said, 2 } };
	struct spawn s = { .env = (const char *const *)environ,
			   .fds = fds,
			   .nfds = ARRAY_SIZE(fds),
			   .session = true,
			   .die_with_us = true };
	struct vec argv = { 0 };
	pid_t pid;
	int r;

	ssh_arguments(u, &argv);
	for (size_t i = 0; i < ARRAY_SIZE(always); i++)
		vec_add(&argv, xstrdup(always[i]));
	if (str_eq(ssh_config_get(c, "stricthostkeychecking"),
		   "ask")) /* the same without anybody to ask, but it says why */
		vec_add(&argv, xstrdup("-oStrictHostKeyChecking=yes"));
	vec_add(&argv, xstrdup("--"));
	vec_add(&argv, xstrdup(u->host));
	vec_add(&argv, ssh_remote_command(u));
	vec_add(&argv, NULL);
	s.argv = (const char *const *)argv.at;
	pid = spawn_start(&s, err);
	vec_clear(&argv, free);
	if (pid < 0)
		return (int)pid;
	p->pid = pid;
	r = spawn_watch(pid, on_ended, p, &p->process, err);
	if (r < 0)
		kill(-pid, SIGKILL);
	return r;
}

int ssh_command_open(const struct ssh_uri *u, const struct ssh_config *c, struct transport *t, struct error *err)
{
	struct ssh_process *p = xcalloc(1, sizeof(*p));
	int pair[2] = { -1, -1 }, said[2] = { -1, -1 }, r;

	p->said_fd = -1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 || pipe2(said, O_CLOEXEC) < 0) {
		r = error_set(err, errno, "ssh: %s", strerror(errno));
	} else {
		p->said_fd = said[0];
		p->watch = loop_watch(p->said_fd, LOOP_READ, on_said, p);
		r = start(u, c, p, pair[1], said[1], err);
	}
	base_close_p(&pair[1]);
	base_close_p(&said[1]);
	if (r < 0) {
		base_close_p(&pair[0]);
		end(p);
		return r;
	}
	t->in = t->out = pair[0];
	t->behind = p;
	t->words = words;
	t->end = end;
	return 0;
}
