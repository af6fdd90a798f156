/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Running a program to its end: feeds it, collects what it says, and makes its last words the error.
 * The callbacks run on the loop while the task waits; all they share is a struct on the task's stack.
 */
#include "spawn.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loop.h"
#include "units.h"

#define OUT_MOST   (16 * 1024 * 1024)
#define WORDS_MOST (64 * 1024) /* of stderr; the last part is kept */
#define READ_SIZE  (64 * 1024)

struct pipe_end {
	int fd;
	struct loop_fd *watch;
};

struct run {
	const struct spawn *how; /* the caller's descriptors and user; NULL: none */
	struct str in;		 /* what is still to be written */
	struct buf *out;
	size_t out_was; /* its length before */
	struct buf words;
	struct pipe_end to, from, err_from;
	struct process *process;
	pid_t pid;
	struct waitq done;
	int status;
	bool ended, too_much;
};

static void end_close(struct pipe_end *e)
{
	loop_unwatch(e->watch);
	e->watch = NULL;
	base_close_p(&e->fd);
	e->fd = -1;
}

/* One read: false at the end or when there is nothing now; the end closes it. */
static bool take_some(struct pipe_end *e, struct buf *b)
{
	char bytes[4096];
	ssize_t n;

	if (e->fd < 0)
		return false;
	n = read(e->fd, bytes, sizeof(bytes));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return errno == EINTR;
	if (n <= 0) {
		end_close(e);
		return false;
	}
	buf_add(b, bytes, (size_t)n);
	return true;
}

/* At most READ_SIZE in one turn, the loop has others too; a pipe never holds more by default. */
static void out_ready(void *arg, int events unused)
{
	struct run *r = arg;

	for (int i = 0; i < READ_SIZE / 4096 && take_some(&r->from, r->out); i++) {
		if (r->out->n - r->out_was <= OUT_MOST)
			continue;
		r->too_much = true;
		end_close(&r->from);
		task_wake(&r->done);
	}
}

static void words_ready(void *arg, int events unused)
{
	struct run *r = arg;

	for (int i = 0; i < READ_SIZE / 4096 && take_some(&r->err_from, &r->words); i++)
		if (r->words.n > 2 * WORDS_MOST)
			buf_cut(&r->words, 0, r->words.n - WORDS_MOST);
}

static void in_ready(void *arg, int events unused)
{
	struct run *r = arg;
	ssize_t n = write(r->to.fd, r->in.p, r->in.n);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		r->in.p += n;
		r->in.n -= (size_t)n;
	}
	if (n < 0 || !r->in.n) /* EPIPE: it has what it wanted */
		end_close(&r->to);
}

static void run_ended(void *arg, int status)
{
	struct run *r = arg;

	r->status = status;
	r->ended = true;
	task_wake(&r->done);
}

/* A pipe whose OURS end is watched and whose other end is returned; -errno. */
static int make_pipe(struct run *r, struct pipe_end *ours, bool writing, void (*fn)(void *arg, int events))
{
	int fd[2], mine = writing ? 1 : 0;

	if (pipe2(fd, O_CLOEXEC) < 0)
		return -errno;
	ours->fd = fd[mine];
	/* our end only: programs expect theirs to block */
	fcntl(ours->fd, F_SETFL, O_NONBLOCK);
	ours->watch = loop_watch(ours->fd, writing ? LOOP_WRITE : LOOP_READ, fn, r);
	if (!ours->watch)
		abort(); /* pipes can always be watched */
	return fd[!mine];
}

static int run_start(struct run *r, const char *const *argv, struct error *err)
{
	autoclose int in = -1, out = -1, words = -1;
	struct spawn_fd fds[3 + SPAWN_FDS];
	struct spawn s = { .argv = argv, .fds = fds, .session = true, .no_core = true };

	if (r->how) {
		s = *r->how;
		s.argv = argv;
		s.fds = fds;
		s.nfds = 0;
		s.session = s.no_core = true;
	}
	words = make_pipe(r, &r->err_from, false, words_ready);
	if (words >= 0 && r->out)
		out = make_pipe(r, &r->from, false, out_ready);
	if (words >= 0 && r->in.n)
		in = make_pipe(r, &r->to, true, in_ready);
	if (words < 0 || (r->out && out < 0) || (r->in.n && in < 0))
		return error_set(err, EMFILE, "cannot run '%s': no more descriptors", argv[0]);
	fds[s.nfds++] = (struct spawn_fd){ words, 2 };
	if (r->out)
		fds[s.nfds++] = (struct spawn_fd){ out, 1 };
	if (r->in.n)
		fds[s.nfds++] = (struct spawn_fd){ in, 0 };
	for (int i = 0; r->how && i < r->how->nfds && i < SPAWN_FDS; i++)
		fds[s.nfds++] = r->how->fds[i];
	r->pid = spawn_start(&s, err);
	if (r->pid < 0)
		return (int)r->pid;
	return spawn_watch(r->pid, run_ended, r, &r->process, err);
}

static int wait_end(struct run *r, const char *name, int64_t timeout_ms, struct error *err)
{
	int64_t end = timeout_ms < 0 ? 0 : now_monotonic_ms() + timeout_ms;

	while (!r->ended && !r->too_much) {
		int64_t left = timeout_ms < 0 ? NO_TIMEOUT : end - now_monotonic_ms();
		int rc = task_wait(&r->done, left < 0 && timeout_ms >= 0 ? 0 : left);

		if (rc == 0 || r->ended)
			continue;
		if (rc == -ETIMEDOUT)
			return error_set(err, ETIMEDOUT, "%s: not done within %" PRId64 " ms", name, timeout_ms);
		return error_set(err, -rc, "%s: cancelled", name);
	}
	return 0;
}

/* Lines that only tell where more may be found: indented by more than one blank (mount's "dmesg may have more"), or a reference to a manual. */
static bool is_hint(const char *line)
{
	return !strncmp(line, "  ", 2) || !strncmp(line, "Refer to the ", 13);
}

/* The last line of TEXT that is neither blank nor a hint. */
static struct str last_line(const struct buf *text)
{
	struct str s = str_trim((struct str){ buf_text(text), text->n });
	const char *nl = memrchr(s.p, '\n', s.n);

	while (nl && is_hint(nl + 1)) {
		s.n = (size_t)(nl - s.p);
		nl = memrchr(s.p, '\n', s.n);
	}
	if (nl) {
		s.n -= (size_t)(nl + 1 - s.p);
		s.p = nl + 1;
	}
	s = str_trim(s);
	if (s.n > 1000)
		s.n = 1000;
	return s;
}

static int verdict(struct run *r, const char *name, struct error *err)
{
	struct str words = last_line(&r->words);

	if (r->too_much)
		return error_set(err, EIO, "%s: it wrote more than %d MiB", name, OUT_MOST >> 20);
	if (r->status == 0)
		return 0;
	if (words.n > strlen(name) + 2 && str_starts(words.p, name) && words.p[strlen(name)] == ':')
		return error_set(err, EIO, "%.*s", (int)words.n, words.p);
	if (words.n)
		return error_set(err, EIO, "%s: %.*s", name, (int)words.n, words.p);
	if (WIFSIGNALED(r->status))
		return error_set(err, EIO, "%s: ended by signal %d (%s)", name, WTERMSIG(r->status),
				 strsignal(WTERMSIG(r->status)));
	return error_set(err, EIO, "%s: exit status %d", name, WEXITSTATUS(r->status));
}

/* The process and what it started: it leads a session and its pid is taken until we reap it. */
static void run_stop(struct run *r)
{
	if (r->pid > 0 && !r->ended)
		kill(-r->pid, SIGKILL);
	if (r->pid > 0 && !r->process)
		waitpid(r->pid, NULL, 0); /* it could not be watched */
	spawn_unwatch(r->process);
	end_close(&r->to);
	end_close(&r->from);
	end_close(&r->err_from);
	buf_clear(&r->words);
}

/* R says what goes in and out. */
static int run_all(struct run *r, const char *const *argv, struct buf *words, int64_t timeout_ms, struct error *err)
{
	const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
	struct buf *out = r->out;
	int rc;

	may_wait();
	TAILQ_INIT(&r->done);
	r->out_was = out ? out->n : 0;
	rc = run_start(r, argv, err);
	if (rc >= 0)
		rc = wait_end(r, name, timeout_ms, err);
	if (rc >= 0) {
		/* what is still in the pipes; their end may never come when it left a daemon behind */
		if (!r->too_much)
			out_ready(r, 0);
		words_ready(r, 0);
		rc = verdict(r, name, err);
	}
	if (rc < 0 && out)
		buf_cut(out, r->out_was, out->n);
	if (words)
		buf_add(words, buf_text(&r->words), r->words.n);
	run_stop(r);
	return rc;
}

int spawn_run_words(const char *const *argv, struct str in, struct buf *out, struct buf *words, int64_t timeout_ms,
		    struct error *err)
{
	struct run r = { .in = in, .out = out, .to.fd = -1, .from.fd = -1, .err_from.fd = -1 };

	return run_all(&r, argv, words, timeout_ms, err);
}

int spawn_run_as(const char *const *argv, const struct spawn *how, int64_t timeout_ms, struct error *err)
{
	struct run r = { .how = how, .to.fd = -1, .from.fd = -1, .err_from.fd = -1 };

	return run_all(&r, argv, NULL, timeout_ms, err);
}

int spawn_run_fds(const char *const *argv, const struct spawn_fd *fds, int nfds, int64_t timeout_ms, struct error *err)
{
	struct spawn how = { .fds = fds, .nfds = nfds };

	return spawn_run_as(argv, &how, timeout_ms, err);
}

int spawn_run(const char *const *argv, struct str in, struct buf *out, int64_t timeout_ms, struct error *err)
{
	return spawn_run_words(argv, in, out, NULL, timeout_ms, err);
}
