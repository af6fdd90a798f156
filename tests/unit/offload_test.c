/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Calls on worker threads, and opening a path as another user (that part needs root). */
#include <setjmp.h>
#include <stdarg.h>

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/buf.h"
#include "engine/offload.h"
#include "in_task.h"

#include <cmocka.h>

#define NOBODY 65534

/* A call that stands still until the test opens its gate. */
struct gated {
	pthread_mutex_t gate;
	int result;
	_Atomic bool began, ran;
};

static unsigned freed;
static struct waitq freed_q = TAILQ_HEAD_INITIALIZER(freed_q);

static int through_gate(void *arg)
{
	struct gated *g = arg;

	g->began = true;
	pthread_mutex_lock(&g->gate);
	g->ran = true;
	pthread_mutex_unlock(&g->gate);
	return g->result;
}

static struct gated *gated_new(int result)
{
	struct gated *g = xcalloc(1, sizeof(*g));

	pthread_mutex_init(&g->gate, NULL);
	g->result = result;
	return g;
}

static void gated_free(void *arg)
{
	freed++;
	free(arg);
	task_wake(&freed_q);
}

static int thread_id(void *arg unused)
{
	return (int)syscall(SYS_gettid);
}

static int given(void *arg)
{
	return *(int *)arg;
}

static void values_body(void *arg unused)
{
	static const int results[][2] = { { 7, 7 },
					  { 0, 0 },
					  { -ENOENT, -ENOENT },
					  { -ETIMEDOUT, -EIO }, /* these two say who owns the argument */
					  { -ECANCELED, -EIO } };
	struct worker *w = worker_new("test"), *other = worker_new("test2");
	int first;

	for (size_t i = 0; i < ARRAY_SIZE(results); i++) {
		int r = results[i][0];

		assert_int_equal(offload(w, given, &r, NULL, NO_TIMEOUT), results[i][1]);
	}
	first = offload(w, thread_id, NULL, NULL, 10000);
	assert_int_equal(offload(w, thread_id, NULL, NULL, 10000), first);
	assert_int_not_equal(first, getpid());
	assert_int_not_equal(offload(other, thread_id, NULL, NULL, 10000), first);
	worker_free(w);
	worker_free(other);
	worker_free(worker_new("unused"));
	worker_free(NULL);
}

static void results_come_back(void **state unused)
{
	in_task(values_body, NULL);
}

static void abandoned_body(void *arg unused)
{
	struct worker *w = worker_new("test");
	struct gated *stuck = gated_new(0), *queued = gated_new(0), *last = gated_new(5);

	freed = 0;
	pthread_mutex_lock(&stuck->gate);
	assert_int_equal(offload(w, through_gate, stuck, gated_free, 200), -ETIMEDOUT);
	assert_true(stuck->began);
	assert_int_equal(freed, 0); /* it still runs */
	assert_int_equal(offload(w, through_gate, queued, gated_free, 20), -ETIMEDOUT);
	assert_false(queued->ran); /* readable until our next wait */
	assert_int_equal(task_wait(&freed_q, 10000), 0);
	assert_int_equal(freed, 1);
	assert_false(workers_settle(1));
	pthread_mutex_unlock(&stuck->gate);
	assert_int_equal(offload(w, through_gate, last, gated_free, 10000), 5);
	assert_int_equal(freed, 2); /* not LAST: that one is ours */
	free(last);
	assert_true(workers_settle(10000));
	worker_free(w);
}

static void an_abandoned_argument_is_freed_once(void **state unused)
{
	in_task(abandoned_body, NULL);
}

struct attempt {
	struct worker *worker;
	struct gated *arg;
	int result;
};

static void attempt_body(void *arg)
{
	struct attempt *a = arg;

	a->result = offload(a->worker, through_gate, a->arg, gated_free, NO_TIMEOUT);
}

static void cancel_body(void *arg unused)
{
	struct attempt a = { worker_new("test"), gated_new(0), 1 }, b = { a.worker, gated_new(0), 1 };
	struct task *t;

	freed = 0;
	pthread_mutex_lock(&a.arg->gate);
	t = task_start(attempt_body, &a);
	while (!a.arg->began)
		nap(1);
	task_cancel(t);
	t = task_start(attempt_body, &b);
	task_cancel(t);	       /* before it began */
	worker_free(a.worker); /* while a call runs */
	nap(5);
	assert_int_equal(a.result, -ECANCELED);
	assert_int_equal(b.result, -ECANCELED);
	assert_int_equal(freed, 1);
	pthread_mutex_unlock(&a.arg->gate);
	assert_int_equal(task_wait(&freed_q, 10000), 0);
	assert_int_equal(freed, 2);
}

static void a_cancel_abandons(void **state unused)
{
	in_task(cancel_body, NULL);
}

/* open_as: a directory of root's with a file in it */
struct place {
	char top[32];
	struct worker *worker;
	struct error err;
};

static const char *at(const struct place *p, const char *rest)
{
	static char path[200];

	snprintf(path, sizeof(path), "%s/%s", p->top, rest);
	return path;
}

static void make_file(const struct place *p, const char *rest, mode_t mode)
{
	int fd = open(at(p, rest), O_CREAT | O_WRONLY, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

/* What open_as says of TOP/REST, TOP written as %; "" when it opened. */
static const char *said(struct place *p, uid_t uid, gid_t gid, const char *rest, int flags)
{
	static struct buf out;
	int fd = open_as(p->worker, uid, gid, at(p, rest), flags, 10000, &p->err);
	const char *from = fd < 0 ? error_text(&p->err) : "", *to;

	if (fd >= 0)
		close(fd);
	else
		assert_int_equal(fd, -p->err.code);
	buf_reset(&out);
	while ((to = strstr(from, p->top))) {
		buf_add(&out, from, (size_t)(to - from));
		buf_putc(&out, '%');
		from = to + strlen(p->top);
	}
	buf_puts(&out, from);
	return buf_text(&out);
}

static void tree_make(struct place *p)
{
	strcpy(p->top, "/tmp/domfs-offload-XXXXXX");
	assert_non_null(mkdtemp(p->top));
	assert_int_equal(chmod(p->top, 0755), 0);
	assert_int_equal(mkdir(at(p, "secret"), 0700), 0);
	make_file(p, "secret/disk.img", 0666);
	make_file(p, "root.img", 0600);
	make_file(p, "open.img", 0644);
	make_file(p, "group.img", 0640);
	assert_int_equal(chown(at(p, "group.img"), 0, 54321), 0);
	assert_int_equal(symlink("secret/disk.img", at(p, "link")), 0);
	assert_int_equal(symlink("gone/disk.img", at(p, "dangling")), 0);
	assert_int_equal(mkfifo(at(p, "fifo"), 0666), 0);
	p->worker = worker_new("test");
}

static void tree_drop(struct place *p)
{
	static const char *const files[] = { "secret/disk.img", "root.img", "open.img", "group.img", "link",
					     "dangling",	"fifo" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		unlink(at(p, files[i]));
	rmdir(at(p, "secret"));
	rmdir(p->top);
	worker_free(p->worker);
	error_clear(&p->err);
}

static void denied_body(void *arg unused)
{
	struct place p = { .worker = NULL };

	tree_make(&p);
	assert_string_equal(said(&p, NOBODY, NOBODY, "secret/disk.img", O_RDONLY),
			    "'%/secret/disk.img': directory '%/secret' (mode 0700, owner root) may not be "
			    "searched by user nobody (65534)");
	assert_int_equal(p.err.code, EACCES);
	assert_string_equal(said(&p, NOBODY, NOBODY, "link", O_RDONLY),
			    "'%/link': directory '%/secret' (mode 0700, owner root) may not be "
			    "searched by user nobody (65534)");
	assert_string_equal(said(&p, 54321, 54322, "root.img", O_RDWR),
			    "'%/root.img' (mode 0600, owner root) may not be read and written by user "
			    "54321");
	assert_string_equal(said(&p, NOBODY, NOBODY, "open.img", O_WRONLY),
			    "'%/open.img' (mode 0644, owner root) may not be written by user nobody "
			    "(65534)");
	assert_string_equal(said(&p, NOBODY, NOBODY, "new.img", O_WRONLY | O_CREAT),
			    "'%/new.img': directory '%' (mode 0755, owner root) may not be written by "
			    "user nobody (65534)");
	assert_string_equal(said(&p, NOBODY, NOBODY, "open.img", O_RDONLY), "");
	assert_string_equal(said(&p, 54321, 54321, "group.img", O_RDONLY), "");
	assert_string_equal(said(&p, 0, 0, "secret/disk.img", O_RDWR), ""); /* rights are back */
	tree_drop(&p);
}

static void another_users_rights(void **state unused)
{
	if (geteuid())
		skip();
	in_task(denied_body, NULL);
}

static void missing_body(void *arg unused)
{
	struct place p = { .worker = NULL };
	uid_t uid = geteuid();

	tree_make(&p);
	assert_string_equal(said(&p, uid, 0, "a/b/c", O_RDONLY), "'%/a/b/c': '%/a' does not exist");
	assert_int_equal(p.err.code, ENOENT);
	assert_string_equal(said(&p, uid, 0, "a", O_RDONLY), "'%/a' does not exist");
	assert_string_equal(said(&p, uid, 0, "a/b", O_RDWR | O_CREAT), "'%/a/b': '%/a' does not exist");
	assert_string_equal(said(&p, uid, 0, "dangling", O_RDONLY), "'%/dangling': '%/gone' does not exist");
	assert_string_equal(said(&p, uid, 0, "open.img/x", O_RDONLY),
			    "'%/open.img/x': '%/open.img' is not a directory");
	assert_string_equal(said(&p, uid, 0, "secret", O_WRONLY), "'%/secret': cannot be opened: Is a directory");
	assert_string_equal(said(&p, uid, 0, "link", O_RDONLY | O_NOFOLLOW),
			    "'%/link': cannot be opened: Too many levels of symbolic links");
	assert_int_equal(open_as(p.worker, uid, 0, "", O_RDONLY, 1000, NULL), -ENOENT);
	tree_drop(&p);
}

static void missing_components(void **state unused)
{
	if (geteuid()) /* the tree has a file of another group */
		skip();
	in_task(missing_body, NULL);
}

static unsigned open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static void late_body(void *arg unused)
{
	struct place p = { .worker = NULL };
	unsigned before;
	int writer;

	tree_make(&p);
	before = open_fds();
	assert_int_equal(open_as(p.worker, NOBODY, NOBODY, at(&p, "fifo"), O_RDONLY, 20, &p.err), -ETIMEDOUT);
	assert_non_null(strstr(p.err.text, "did not answer within 20 ms"));
	writer = open(at(&p, "fifo"), O_WRONLY); /* lets the other side's open end */
	assert_true(writer >= 0);
	close(writer);
	assert_string_equal(said(&p, NOBODY, NOBODY, "open.img", O_RDONLY), ""); /* after that one */
	assert_int_equal(open_fds(), before);
	tree_drop(&p);
}

static void a_late_descriptor_is_closed(void **state unused)
{
	if (geteuid())
		skip();
	in_task(late_body, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(results_come_back),  cmocka_unit_test(an_abandoned_argument_is_freed_once),
		cmocka_unit_test(a_cancel_abandons),  cmocka_unit_test(another_users_rights),
		cmocka_unit_test(missing_components), cmocka_unit_test(a_late_descriptor_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
