/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/spawn.h"
#include "engine/units.h"
#include "in_task.h"

#include <cmocka.h>

struct child {
	struct process *process;
	int status;
	bool ended;
	struct waitq q;
};

static void child_ended(void *arg, int status)
{
	struct child *c = arg;

	c->status = status;
	c->ended = true;
	task_wake(&c->q);
}

static void watch(struct child *c, pid_t pid)
{
	*c = (struct child){ .status = -2 };
	TAILQ_INIT(&c->q);
	assert_int_equal(spawn_watch(pid, child_ended, c, &c->process, NULL), 0);
}

/* Its status, when it has ended. */
static int reap(struct child *c)
{
	if (!c->ended)
		assert_int_equal(task_wait(&c->q, 10000), 0);
	spawn_unwatch(c->process);
	return c->status;
}

/* Runs a shell script with S, which it completes; what it wrote to descriptor 1. */
static const char *script(struct spawn *s, const char *text)
{
	static char out[4096];
	const char *const argv[] = { "sh", "-c", text, NULL };
	struct spawn_fd fds[8];
	struct child c;
	int fd[2];
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	fds[0] = (struct spawn_fd){ fd[1], 1 };
	for (int i = 0; i < s->nfds; i++)
		fds[i + 1] = s->fds[i];
	s->fds = fds;
	s->nfds++;
	s->argv = argv;
	pid = spawn_start(s, NULL);
	assert_true(pid > 0);
	watch(&c, pid);
	assert_int_equal(reap(&c), 0);
	n = read(fd[0], out, sizeof(out) - 1);
	out[n > 0 ? n : 0] = '\0';
	close(fd[0]);
	close(fd[1]);
	return out;
}

static void clean_body(void *arg unused)
{
	struct spawn s = { .argv = NULL };
	sigset_t usr1;

	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);
	setenv("SECRET", "x", 1);
	assert_string_equal(script(&s, "pwd; env | grep -c -e SECRET; echo $LC_ALL; ls /proc/self/fd | tr '\\n' ' '"),
			    "/\n0\nC\n0 1 2 3 "); /* 3 is ls's own */
	s = (struct spawn){ .chdir = "/usr" };
	assert_string_equal(script(&s, "pwd; readlink /proc/$$/fd/0; grep -e SigBlk -e SigIgn /proc/self/status"),
			    "/usr\n/dev/null\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
	sigprocmask(SIG_UNBLOCK, &usr1, NULL);
	signal(SIGUSR2, SIG_DFL);
}

static void a_child_starts_clean(void **state unused)
{
	in_task(clean_body, NULL);
}

/* A descriptor from which TEXT can be read. */
static int holding(const char *text)
{
	int fd[2];

	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	assert_int_equal(write(fd[1], text, strlen(text)), (ssize_t)strlen(text));
	close(fd[1]);
	return fd[0];
}

static void fds_body(void *arg unused)
{
	int a = holding("a"), b = holding("b"), c = holding("c");
	struct spawn_fd crossed[] = { { a, b }, { b, a }, { c, 0 }, { c, 40 } };
	struct spawn s = { .fds = crossed, .nfds = ARRAY_SIZE(crossed) };
	autofree char *text = xasprintf("cat /dev/fd/%d /dev/fd/%d; cat; ls /proc/self/fd | wc -l", b, a);

	assert_string_equal(script(&s, text), "abc7\n"); /* 0 1 2 a b 40 and ls's own */
	s = (struct spawn){ .fds = (struct spawn_fd[]){ { a, 5 }, { b, 5 } }, .nfds = 2 };
	s.argv = (const char *const[]){ "true", NULL };
	assert_int_equal(spawn_start(&s, NULL), -EINVAL);
	close(a);
	close(b);
	close(c);
}

static void descriptors_take_their_places(void **state unused)
{
	in_task(fds_body, NULL);
}

static void rights_body(void *arg unused)
{
	static const gid_t groups[] = { 70001, 70002 };
	struct spawn s = { .change_user = true,
			   .uid = 70000,
			   .gid = 70003,
			   .groups = groups,
			   .ngroups = 2,
			   .no_new_privs = true,
			   .session = true,
			   .no_core = true,
			   .max_memlock = 123 * 1024 };

	assert_string_equal(script(&s, "grep -E '^(Uid|Gid|Groups|NoNewPrivs|CapEff):' /proc/self/status;"
				       "ulimit -c; ulimit -l; [ $(cut -d' ' -f6 /proc/$$/stat) = $$ ] && echo leads"),
			    "Uid:\t70000\t70000\t70000\t70000\n"
			    "Gid:\t70003\t70003\t70003\t70003\n"
			    "Groups:\t70001 70002 \n"
			    "CapEff:\t0000000000000000\n"
			    "NoNewPrivs:\t1\n"
			    "0\n123\nleads\n");
	assert_int_equal(geteuid(), 0);
}

static void a_child_gives_up_rights(void **state unused)
{
	if (geteuid())
		skip();
	in_task(rights_body, NULL);
}

static void pidfile_body(void *arg unused)
{
	const char *const argv[] = { "sleep", "100", NULL };
	struct spawn s = { .argv = argv };
	char line[64] = "", want[64];
	struct child c;
	int fd[2];
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	s.pidfile_fd = fd[1];
	pid = spawn_start(&s, NULL);
	assert_true(pid > 0);
	assert_true(read(fd[0], line, sizeof(line) - 1) > 0);
	snprintf(want, sizeof(want), "%d %llu\n", (int)pid, (unsigned long long)process_start_time(pid));
	assert_string_equal(line, want);
	assert_true(process_start_time(pid) > 0);
	watch(&c, pid);
	assert_int_equal(process_signal(c.process, SIGTERM), 0);
	assert_int_equal(task_wait(&c.q, 10000), 0);
	assert_int_equal(process_signal(c.process, SIGTERM), -ESRCH);
	assert_int_equal(reap(&c), SIGTERM);
	assert_int_equal(process_start_time(pid), 0);
	assert_int_equal(spawn_watch(pid, child_ended, &c, &c.process, NULL), -ESRCH);
	close(fd[0]);
	close(fd[1]);
}

static void a_child_can_be_found_again(void **state unused)
{
	in_task(pidfile_body, NULL);
}

static void refusals_body(void *arg unused)
{
	autoerror struct error err = { 0 };
	const char *argv[] = { "domfs-no-such", NULL };
	struct spawn s = { .argv = argv };

	assert_int_equal(spawn_start(&s, &err), -ENOENT);
	assert_non_null(strstr(err.text, "cannot run 'domfs-no-such': it is not in PATH="));
	argv[0] = "/etc/passwd";
	assert_int_equal(spawn_start(&s, &err), -EACCES);
	assert_string_equal(err.text, "cannot run '/etc/passwd': executing it: Permission denied");
	argv[0] = "true";
	s.chdir = "/nowhere";
	assert_int_equal(spawn_start(&s, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/true': entering its directory: No such file or directory"));
	s = (struct spawn){ .argv = argv, .fds = &(struct spawn_fd){ 999, 3 }, .nfds = 1 };
	assert_int_equal(spawn_start(&s, &err), -EBADF);
	s = (struct spawn){ .argv = argv, .pidfile_fd = 999 };
	assert_int_equal(spawn_start(&s, &err), -EBADF);
	assert_non_null(strstr(err.text, "writing its pid file"));
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* none was left behind */
	assert_int_equal(errno, ECHILD);
}

static void refusals_say_why(void **state unused)
{
	in_task(refusals_body, NULL);
}

static void unwatch_body(void *arg unused)
{
	const char *const argv[] = { "sleep", "100", NULL };
	struct spawn s = { .argv = argv };
	struct child c;
	pid_t pid = spawn_start(&s, NULL);

	watch(&c, pid);
	spawn_unwatch(c.process);
	spawn_unwatch(NULL);
	kill(pid, SIGKILL);
	for (int i = 0; i < 1000 && kill(pid, 0) == 0; i++)
		nap(1);
	assert_int_equal(kill(pid, 0), -1);
	assert_false(c.ended);
}

static void an_unwatched_child_is_reaped(void **state unused)
{
	in_task(unwatch_body, NULL);
}

static void foreign_body(void *arg unused)
{
	struct spawn s = { .argv = NULL };
	pid_t pid = (pid_t)strtol(script(&s, "sleep 100 >&- 2>&- & echo $!"), NULL, 10);
	struct child c;

	assert_true(pid > 0);
	watch(&c, pid);
	nap(5);
	assert_false(c.ended);
	assert_int_equal(process_signal(c.process, SIGKILL), 0);
	assert_int_equal(reap(&c), -1);
	watch(&c, getpid());
	spawn_unwatch(c.process);
}

static void a_process_of_others_can_be_watched(void **state unused)
{
	in_task(foreign_body, NULL);
}

/* spawn_run of a shell script: its value, the output in *OUT, the message in *ERR. */
static int run(const char *text, struct str in, struct buf *out, int64_t ms, struct error *err)
{
	const char *const argv[] = { "sh", "-c", text, NULL };

	return spawn_run(argv, in, out, ms, err);
}

static void run_body(void *arg unused)
{
	autobuf struct buf out = { 0 }, big = { 0 };
	autoerror struct error err = { 0 };

	for (int i = 0; i < 100000; i++)
		buf_printf(&big, "line %06d\n", i);
	assert_int_equal(run("cat", (struct str){ big.p, big.n }, &out, 10000, &err), 0);
	assert_int_equal(out.n, big.n);
	assert_memory_equal(out.p, big.p, big.n);
	assert_int_equal(run("exec 0<&-; sleep 0.05", (struct str){ big.p, big.n }, NULL, 10000, &err), 0);
	buf_reset(&out);
	buf_puts(&out, "kept ");
	assert_int_equal(run("echo more", str_of(NULL), &out, 10000, &err), 0);
	assert_int_equal(run("echo partial; echo first >&2; echo ' why  ' >&2; echo >&2; exit 3", str_of(NULL), &out,
			     10000, &err),
			 -EIO);
	assert_string_equal(err.text, "sh: why");
	assert_int_equal(
		run("echo first >&2; echo why >&2; echo '   more may be elsewhere' >&2; echo 'Refer to the manual' >&2; exit 3",
		    str_of(NULL), &out, 10000, &err),
		-EIO);
	assert_string_equal(err.text, "sh: why");
	assert_int_equal(run("exit 3", str_of(NULL), NULL, 10000, &err), -EIO);
	assert_string_equal(err.text, "sh: exit status 3");
	assert_int_equal(run("kill -9 $$", str_of(NULL), NULL, 10000, &err), -EIO);
	assert_string_equal(err.text, "sh: ended by signal 9 (Killed)");
	assert_int_equal(run("seq 100000 >&2; exit 1", str_of(NULL), NULL, 10000, &err), -EIO);
	assert_string_equal(err.text, "sh: 100000");
	assert_int_equal(run("yes", str_of(NULL), &out, 30000, &err), -EIO);
	assert_string_equal(err.text, "sh: it wrote more than 16 MiB");
	assert_string_equal(buf_text(&out), "kept more\n");
}

static void programs_run_to_their_end(void **state unused)
{
	in_task(run_body, NULL);
}

/* A zombie, which its new parent may leave for long, runs nothing. */
static bool runs(const char *pid)
{
	autofree char *exe = xasprintf("/proc/%d/exe", atoi(pid));
	char to[8];

	return readlink(exe, to, sizeof(to)) >= 0;
}

static void stopped_body(void *arg unused)
{
	autobuf struct buf out = { 0 };
	autoerror struct error err = { 0 };
	int64_t start = now_monotonic_ms();
	char file[] = "/tmp/domfs-spawn-XXXXXX";
	autoclose int fd = mkstemp(file);
	autofree char *text = xasprintf("sleep 100 & echo $! > %s; wait", file);
	char pid[16] = "";

	/* a daemon that keeps our pipes open is not waited for */
	assert_int_equal(run("sleep 2 & echo $!", str_of(NULL), &out, 10000, &err), 0);
	assert_int_equal(kill(atoi(buf_text(&out)), SIGKILL), 0);
	assert_int_equal(run(text, str_of(NULL), &out, 300, &err), -ETIMEDOUT);
	assert_string_equal(err.text, "sh: not done within 300 ms");
	assert_true(read(fd, pid, sizeof(pid) - 1) > 0);
	for (int i = 0; i < 1000 && runs(pid); i++)
		nap(1);
	assert_false(runs(pid)); /* what it had started is gone too */
	assert_true(now_monotonic_ms() - start < 1900);
	unlink(file);
}

static void programs_are_stopped(void **state unused)
{
	in_task(stopped_body, NULL);
}

struct running {
	int result;
	bool done;
};

static void long_run(void *arg)
{
	struct running *r = arg;

	r->result = run("sleep 100", str_of("x"), NULL, NO_TIMEOUT, NULL);
	r->done = true;
}

static void cancel_body(void *arg unused)
{
	struct running r = { 1, false };
	struct task *t = task_start(long_run, &r);

	nap(20);
	assert_false(r.done);
	task_cancel(t);
	nap(20);
	assert_true(r.done);
	assert_int_equal(r.result, -ECANCELED);
	for (int i = 0; i < 1000 && (waitpid(-1, NULL, WNOHANG | __WNOTHREAD) == 0); i++)
		nap(1);
}

static void a_cancel_kills_the_program(void **state unused)
{
	in_task(cancel_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_child_starts_clean),
		cmocka_unit_test(descriptors_take_their_places),
		cmocka_unit_test(a_child_gives_up_rights),
		cmocka_unit_test(a_child_can_be_found_again),
		cmocka_unit_test(refusals_say_why),
		cmocka_unit_test(an_unwatched_child_is_reaped),
		cmocka_unit_test(a_process_of_others_can_be_watched),
		cmocka_unit_test(programs_run_to_their_end),
		cmocka_unit_test(programs_are_stopped),
		cmocka_unit_test(a_cancel_kills_the_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
