/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copies onto block devices and wipes of them, on loop devices of our own (root; skipped where there are none). */
#include <setjmp.h>
#include <stdarg.h>

#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/storage/storage.h"
#include "engine/bulk.h"
#include "engine/loop.h"
#include "in_task.h"

#include <cmocka.h>

#define MIB (1u << 20)

static char dir[] = "/tmp/domfs-block.XXXXXX";

static char *file(const char *name, off_t size)
{
	char *path = xasprintf("%s/%s", dir, name);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
	return path;
}

static void put_at(const char *path, off_t off, int byte, size_t n)
{
	autofree char *bytes = xmalloc(n);
	int fd = open(path, O_RDWR | O_CLOEXEC);

	memset(bytes, byte, n);
	assert_int_equal(pwrite(fd, bytes, n, off), n);
	close(fd);
}

/* The byte of which all of the range is; -1: of several. */
static int all_of(const char *path, off_t off, size_t n)
{
	autofree unsigned char *bytes = xmalloc(n);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(pread(fd, bytes, n, off), n);
	close(fd);
	for (size_t i = 1; i < n; i++)
		if (bytes[i] != bytes[0])
			return -1;
	return bytes[0];
}

struct loop_disk {
	int fd;
	char path[32];
};

/* A loop device over BACKING that goes away with its last user; false where the kernel or our rights have none. */
static bool loop_on(struct loop_disk *l, const char *backing)
{
	int ctl = open("/dev/loop-control", O_RDWR | O_CLOEXEC), fd = open(backing, O_RDWR | O_CLOEXEC);
	bool done = false;

	for (int i = 0; ctl >= 0 && fd >= 0 && i < 20 && !done; i++) {
		struct loop_config c = { .fd = (unsigned)fd, .info.lo_flags = LO_FLAGS_AUTOCLEAR };
		int n = ioctl(ctl, LOOP_CTL_GET_FREE);
		snprintf(l->path, sizeof(l->path), "/dev/loop%d", n);
		l->fd = open(l->path, O_RDWR | O_CLOEXEC);
		done = l->fd >= 0 && ioctl(l->fd, LOOP_CONFIGURE, &c) == 0;
		if (!done)
			base_close_p(&l->fd);
	}
	base_close_p(&ctl);
	base_close_p(&fd);
	return done;
}

struct seen {
	unsigned calls;
	uint64_t done, total;
};

static void progress(void *arg, uint64_t done, uint64_t total)
{
	struct seen *s = arg;

	assert_true(done > s->done);
	*s = (struct seen){ s->calls + 1, done, total };
}

static void copy_body(void *arg)
{
	autofree char *from = file("from", 40 * MIB + 1000), *to = file("to", 64 * MIB);
	autoerror struct error err = { 0 };
	struct seen seen = { 0 };
	struct loop_disk *l = arg;

	/* data, a hole, zeroes, data that ends between two sectors */
	put_at(from, 0, 'a', MIB + 100);
	put_at(from, 20 * MIB, 0, MIB);
	put_at(from, 40 * MIB, 'z', 1000);
	put_at(to, 0, 'x', 64 * MIB);
	if (!loop_on(l, to))
		return;
	assert_int_equal(block_copy(NULL, from, l->path, progress, &seen, &err), 0);
	assert_int_equal(all_of(l->path, 0, MIB + 100), 'a');
	assert_int_equal(all_of(l->path, MIB + 100, 39 * MIB - 100), 0);
	assert_int_equal(all_of(l->path, 40 * MIB, 1000), 'z');
	assert_int_equal(all_of(l->path, 40 * MIB + 1000, 23 * MIB), 'x');
	assert_int_equal(seen.calls, 3);
	assert_int_equal(seen.total, 40 * MIB + 1000);
	assert_int_equal(seen.done, seen.total);

	/* too large, and nothing is written */
	autofree char *large = file("large", 65 * MIB);
	assert_int_equal(block_copy(NULL, large, l->path, NULL, NULL, &err), -ENOSPC);
	assert_non_null(strstr(err.text, "68157440 bytes"));
	assert_int_equal(all_of(l->path, 0, MIB), 'a');
	assert_int_equal(block_copy(NULL, "/nonexistent", l->path, NULL, NULL, &err), -ENOENT);
	assert_int_equal(block_copy(NULL, from, to, NULL, NULL, &err), -ENOTBLK);

	int holder = open(l->path, O_RDWR | O_EXCL | O_CLOEXEC);
	assert_true(holder >= 0);
	assert_int_equal(block_copy(NULL, from, l->path, NULL, NULL, &err), -EBUSY);
	close(holder);

	/* a device as the source */
	autofree char *second = file("second", 64 * MIB);
	struct loop_disk l2;
	assert_true(loop_on(&l2, second));
	assert_int_equal(block_copy(NULL, l->path, l2.path, NULL, NULL, &err), 0);
	assert_int_equal(all_of(l2.path, 0, MIB + 100), 'a');
	assert_int_equal(all_of(l2.path, MIB + 100, 39 * MIB - 100), 0);
	assert_int_equal(all_of(l2.path, 50 * MIB, MIB), 'x');
	close(l2.fd);
	close(l->fd);
}

static void copies(void **state unused)
{
	struct loop_disk l = { .fd = -1 };

	in_task(copy_body, &l);
	if (l.fd < 0)
		skip();
}

static void wipe_body(void *arg)
{
	autofree char *to = file("wiped", 24 * MIB);
	autoerror struct error err = { 0 };
	struct seen seen = { 0 };
	struct loop_disk *l = arg;
	struct stat st;

	put_at(to, 0, 'x', 24 * MIB);
	if (!loop_on(l, to))
		return;
	assert_int_equal(block_wipe(NULL, l->path, "random", progress, &seen, &err), 0);
	assert_int_equal(seen.calls, 2);
	assert_int_equal(all_of(l->path, 0, 4096), -1);
	assert_int_equal(all_of(l->path, 24 * MIB - 4096, 4096), -1);
	assert_int_equal(block_wipe(NULL, l->path, "zero", NULL, NULL, &err), 0);
	assert_int_equal(all_of(l->path, 0, 24 * MIB), 0);
	assert_int_equal(block_wipe(NULL, l->path, "trim", NULL, NULL, &err), 0);
	assert_int_equal(stat(to, &st), 0);
	assert_true(st.st_blocks < 2048);

	int holder = open(l->path, O_RDWR | O_EXCL | O_CLOEXEC);
	assert_int_equal(block_wipe(NULL, l->path, "zero", NULL, NULL, &err), -EBUSY);
	assert_non_null(strstr(err.text, l->path));
	close(holder);
	close(l->fd);
}

static void wipes(void **state unused)
{
	struct loop_disk l = { .fd = -1 };

	in_task(wipe_body, &l);
	if (l.fd < 0)
		skip();
}

static struct task *copier;

static void cancel_soon(void *arg unused, uint64_t done unused, uint64_t total unused)
{
	task_cancel(copier);
}

static void cancel_body(void *arg)
{
	autofree char *to = file("cancelled", 24 * MIB);
	autoerror struct error err = { 0 };
	struct loop_disk *l = arg;

	if (!loop_on(l, to))
		return;
	copier = task_self();
	assert_int_equal(block_wipe(NULL, l->path, "random", cancel_soon, NULL, &err), -ECANCELED);
	close(l->fd);
}

static void a_cancelled_wipe_stops(void **state unused)
{
	struct loop_disk l = { .fd = -1 };

	in_task(cancel_body, &l);
	if (l.fd < 0)
		skip();
}

static void make_node(void *arg)
{
	autofree char *deeper = xasprintf("%s/a/b", dir), *path = xasprintf("%s/a/b/node", dir);

	assert_int_equal(symlink(arg, path) < 0 && errno != EEXIST, 0);
}

static void make_dirs(void *arg)
{
	autofree char *a = xasprintf("%s/a", dir), *b = xasprintf("%s/a/b", dir);

	mkdir(a, 0700);
	mkdir(b, 0700);
	loop_soon(make_node, arg);
}

static void appears_body(void *arg)
{
	autofree char *path = xasprintf("%s/a/b/node", dir);
	autoerror struct error err = { 0 };

	assert_int_equal(block_appears(NULL, path, 0, &err), -ETIMEDOUT);
	loop_soon(make_dirs, arg);
	assert_int_equal(block_appears(NULL, path, 20000, &err), 0);
	assert_int_equal(block_appears(NULL, path, 0, &err), 0);
	unlink(path);
}

static void waits_until_a_device_is_there(void **state unused)
{
	struct stat st;

	/* any block device will do: only a link to it is made */
	if (stat("/dev/loop0", &st) < 0)
		skip();
	in_task(appears_body, (char *)"/dev/loop0");
}

static int set_up(void **state unused)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state unused)
{
	static const char *const names[] = { "from", "to", "large", "second", "wiped", "cancelled", "a/b", "a", "" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		autofree char *path = xasprintf("%s/%s", dir, names[i]);
		remove(path);
	}
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies),
		cmocka_unit_test(wipes),
		cmocka_unit_test(a_cancelled_wipe_stops),
		cmocka_unit_test(waits_until_a_device_is_there),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
