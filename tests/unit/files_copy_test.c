/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pools of files: copies, wipes, and the bytes of images. */
#include "files_fixture.h"

/* ---- copies ---- */

static uint64_t said_done, said_total;

static void said(void *arg unused, uint64_t done, uint64_t total)
{
	assert_true(done >= said_done && done <= total);
	said_done = done;
	said_total = total;
}

static bool same_bytes(const char *a, const char *b)
{
	autofree char *pa = path_of(a), *pb = path_of(b), *command = xasprintf("cmp -s '%s' '%s'", pa, pb);

	return system(command) == 0;
}

static void copies(void *arg unused)
{
	struct volume_spec to = spec_of("copy", "raw");
	struct volume_info now;
	struct error err = { 0 };

	to.progress = said;
	said_done = said_total = 0;
	make_file("from", 200 * (off_t)MIB);
	put_at("from", 0, "first", 5);
	put_at("from", 150 * (off_t)MIB, "middle", 6);
	put_at("from", 200 * (off_t)MIB - 4, "last", 4);
	assert_int_equal(info_of("from", "raw", &now, &err), 0);
	assert_int_equal(files_clone(&pool, "from", &now, &to, &err), 0);
	assert_true(same_bytes("from", "copy"));
	assert_true(stat_of("copy").st_blocks * 512 < 8 * (off_t)MIB);
	assert_int_equal(stat_of("copy").st_mode & 07777, 0640);
	said_done = 0;
	assert_int_equal(files_clone(&pool, "from", &now, &to, &err), -EEXIST);
	assert_true(same_bytes("from", "copy"));
	volume_info_clear(&now);

	make_file("empty", 0);
	said_done = 0;
	to.name = "none";
	assert_int_equal(info_of("empty", "raw", &now, &err), 0);
	assert_int_equal(files_clone(&pool, "empty", &now, &to, &err), 0);
	assert_int_equal(stat_of("none").st_size, 0);
	assert_int_equal(files_clone(&pool, "nothing", &now, &to, &err), -ENOENT);
	volume_info_clear(&now);
	error_clear(&err);
}

struct wiping {
	const char *algorithm;
	uint64_t cancel_at;
	struct task *task;
	int r;
	struct error err;
	bool done;
};

static void cancel_late(void *arg, uint64_t done, uint64_t total unused)
{
	struct wiping *w = arg;

	if (w->cancel_at && done >= w->cancel_at)
		task_cancel(w->task);
}

static void wipe_task(void *arg)
{
	struct wiping *w = arg;
	struct volume_info now;

	w->task = task_self();
	assert_int_equal(info_of("disk", "raw", &now, NULL), 0);
	w->r = files_wipe(&pool, "disk", &now, w->algorithm, cancel_late, w, &w->err);
	volume_info_clear(&now);
	w->done = true;
}

static void wait_done(const bool *done)
{
	while (!*done)
		nap(1);
}

static void wipes(void *arg unused)
{
	struct wiping zero = { .algorithm = "zero" }, random = { .algorithm = "random" },
		      trim = { .algorithm = "trim" };
	struct wiping half = { .algorithm = "zero", .cancel_at = 1 };
	autofree char *path = path_of("disk"), *before = NULL;
	char bytes[6] = "";
	int fd;

	make_file("disk", 160 * (off_t)MIB + 7);
	put_at("disk", 160 * (off_t)MIB, "secret", 6);
	task_start(wipe_task, &half);
	wait_done(&half.done);
	assert_int_equal(half.r, -ECANCELED);
	error_clear(&half.err);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, bytes, 6, 160 * (off_t)MIB), 6);
	assert_memory_equal(bytes, "secret", 6); /* it did not come that far */

	task_start(wipe_task, &zero);
	wait_done(&zero.done);
	assert_int_equal(zero.r, 0);
	assert_int_equal(pread(fd, bytes, 6, 160 * (off_t)MIB), 6);
	assert_memory_equal(bytes, "\0\0\0\0\0\0", 6);
	assert_int_equal(stat_of("disk").st_size, 160 * (off_t)MIB + 7);
	assert_true(stat_of("disk").st_blocks * 512 >= 160 * (off_t)MIB); /* written, not punched */
	task_start(wipe_task, &random);
	wait_done(&random.done);
	assert_int_equal(random.r, 0);
	before = xmalloc(4096);
	assert_int_equal(pread(fd, before, 4096, MIB), 4096);
	assert_false(before[0] == 0 && !memcmp(before, before + 1, 4095));
	task_start(wipe_task, &trim);
	wait_done(&trim.done);
	if (trim.r == 0)
		assert_true(stat_of("disk").st_blocks * 512 < MIB);
	else
		assert_int_equal(trim.r, -EOPNOTSUPP);
	error_clear(&trim.err);
	assert_int_equal(stat_of("disk").st_size, 160 * (off_t)MIB + 7);
	close(fd);
}

/* ---- the bytes ---- */

static void wait_gone(void)
{
	autofree char *command = xasprintf("ls -A '%s' | grep -q domfs-", dir);

	while (system(command) == 0)
		nap(5);
}

static void uploads(void *arg unused)
{
	struct volume_spec spec = spec_of("up", "raw");
	struct error err = { 0 };
	autofree char *link = path_of("link"), *list = NULL;
	struct bulk *b;

	/* new: it is there when it is whole */
	assert_int_equal(files_image(&pool, "up", O_RDWR | O_CREAT, &spec, &b, &err), 0);
	assert_true(b->writable);
	assert_int_equal(b->ops->write(b, "hello", 5, 0), 5);
	list = names();
	assert_string_equal(list, "");
	assert_int_equal(b->commit(b, &err), 0);
	assert_int_equal(stat_of("up").st_size, 5);
	assert_int_equal(stat_of("up").st_mode & 07777, 0640);
	assert_int_equal(b->ops->write(b, "HELLO", 5, 0), 5); /* and can be written on */
	assert_int_equal(b->commit(b, &err), 0);
	bulk_free(b);

	/* broken off: nothing */
	assert_int_equal(files_image(&pool, "half", O_RDWR | O_CREAT, &spec, &b, &err), 0);
	assert_int_equal(b->ops->write(b, "hello", 5, 0), 5);
	bulk_free(b);
	wait_gone();
	assert_false(there("half"));

	/* somebody else was first */
	assert_int_equal(files_image(&pool, "race", O_RDWR | O_CREAT, &spec, &b, &err), 0);
	make_file("race", 1);
	assert_int_equal(b->commit(b, &err), -EEXIST);
	bulk_free(b);
	wait_gone();
	assert_int_equal(stat_of("race").st_size, 1);

	/* in place of one that is there */
	assert_int_equal(files_image(&pool, "up", O_RDWR | O_TRUNC, &spec, &b, &err), 0);
	assert_int_equal(b->ops->write(b, "other bytes", 11, 0), 11);
	assert_int_equal(stat_of("up").st_size, 5);
	assert_int_equal(b->commit(b, &err), 0);
	assert_int_equal(stat_of("up").st_size, 11);
	bulk_free(b);

	/* in place */
	assert_int_equal(files_image(&pool, "up", O_RDWR, &spec, &b, &err), 0);
	assert_null(b->commit);
	assert_int_equal(b->ops->write(b, "OTHER", 5, 0), 5);
	assert_int_equal(stat_of("up").st_size, 11);
	bulk_free(b);
	assert_int_equal(symlink("up", link), 0);
	assert_int_equal(files_image(&pool, "link", O_RDWR, &spec, &b, &err), -ELOOP);
	assert_int_equal(files_image(&pool, "link", O_RDONLY, NULL, &b, &err), 0);
	assert_false(b->writable);
	bulk_free(b);
	assert_int_equal(files_image(&pool, "nothing", O_RDONLY, NULL, &b, &err), -ENOENT);
	error_clear(&err);
}

TEST(copies)
TEST(wipes)
TEST(uploads)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_test),
		cmocka_unit_test(wipes_test),
		cmocka_unit_test(uploads_test),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
