/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pools of files, the slots of their driver: listed, known, made, grown, removed. */
#include "files_fixture.h"

#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>

/* ---- listing ---- */

static void lists(void *arg unused)
{
	autofree char *fifo = path_of("f"), *link = path_of("l"), *sub = path_of("s"), *lost = path_of("lost+found");
	autofree char *none = path_of("n"), *got = NULL;
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s/k", dir);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	close(fd);
	make_file("a", 1);
	make_file("b\n \xff", 1);
	make_file(".hidden", 1);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(symlink("a", link), 0);
	assert_int_equal(symlink("nothing", none), 0);
	assert_int_equal(mkdir(sub, 0700), 0);
	assert_int_equal(mkdir(lost, 0700), 0);
	got = names();
	assert_string_equal(got, "a b\n \xff l n s ");
}

static void sweeps(void *arg unused)
{
	autofree char *held = path_of(".domfs-2-2"), *got = NULL;
	int fd;

	make_file(".domfs-1-1", 1);
	make_file(".domfs-2-2", 1);
	fd = open(held, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	got = names();
	assert_string_equal(got, "");
	assert_false(there(".domfs-1-1"));
	assert_true(there(".domfs-2-2"));
	close(fd);
}

/* ---- what one is ---- */

static const unsigned char qcow2_head[104] = {
	[0] = 'Q', 'F',	     'I',      0xfb,	 0,	      0, 0, 3, [23] = 16, [29] = 0x10, /* 1 MiB */
	[39] = 1,  [45] = 3, [55] = 1, [99] = 4, [103] = 104,
};

static void tells(void *arg unused)
{
	struct volume_info info;
	struct error err = { 0 };
	autofree char *path = path_of("raw"), *link = path_of("link"), *sub = path_of("sub"), *fifo = path_of("fifo");
	struct stat st;

	make_file("raw", 3 * MIB);
	st = stat_of("raw");
	assert_int_equal(info_of("raw", NULL, &info, &err), 0);
	assert_int_equal(info.type, VOLUME_FILE);
	assert_string_equal(info.path, path);
	assert_string_equal(info.key, path);
	assert_string_equal(info.format, "raw");
	assert_int_equal(info.capacity, 3 * MIB);
	assert_int_equal(info.allocation, st.st_blocks * 512);
	assert_true(info.has_owner);
	assert_int_equal(info.uid, st.st_uid);
	assert_int_equal(info.mode, 0600);
	assert_int_equal(info.mtime_ns, st.st_mtim.tv_sec * 1000000000ll + st.st_mtim.tv_nsec);
	assert_non_null(info.claim);
	volume_info_clear(&info);

	/* what a guest writes into it is not looked at where it is known to be raw */
	put_at("raw", 0, qcow2_head, sizeof(qcow2_head));
	assert_int_equal(info_of("raw", "raw", &info, &err), 0);
	assert_string_equal(info.format, "raw");
	assert_int_equal(info.capacity, 3 * MIB);
	volume_info_clear(&info);
	assert_int_equal(info_of("raw", NULL, &info, &err), 0);
	assert_string_equal(info.format, "qcow2");
	assert_int_equal(info.capacity, MIB);
	volume_info_clear(&info);

	assert_int_equal(symlink("raw", link), 0);
	assert_int_equal(info_of("link", "raw", &info, &err), 0);
	assert_int_equal(info.capacity, 3 * MIB);
	assert_string_equal(info.path, link);
	volume_info_clear(&info);
	assert_int_equal(mkdir(sub, 0700), 0);
	assert_int_equal(info_of("sub", NULL, &info, &err), 0);
	assert_int_equal(info.type, VOLUME_DIR);
	assert_string_equal(info.format, "dir");
	volume_info_clear(&info);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(info_of("fifo", NULL, &info, &err), -ENOENT);
	volume_info_clear(&info);
	assert_int_equal(info_of("nothing", NULL, &info, &err), -ENOENT);
	assert_non_null(strstr(err.text, "deleted"));
	volume_info_clear(&info);
	error_clear(&err);
}

/* How often the file of that name was opened since the last time. */
static unsigned opened(int watch)
{
	char bytes[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n = read(watch, bytes, sizeof(bytes));

	return n > 0 ? (unsigned)(n / (ssize_t)sizeof(struct inotify_event))
		     : 0; /* of a file itself they have no names */
}

static void is_format(const char *name, const char *format)
{
	struct volume_info info;
	struct error err = { 0 };

	assert_int_equal(info_of(name, NULL, &info, &err), 0);
	assert_string_equal(info.format, format);
	volume_info_clear(&info);
}

/* As touch -r does. */
static void set_times(const char *name, const struct stat *st)
{
	struct timespec times[2] = { st->st_atim, st->st_mtim };
	autofree char *path = path_of(name);

	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* What is changed from now on has another ctime than ST: many kernels count time in ticks of 4 ms. */
static void next_tick(const struct stat *st)
{
	struct stat now;

	do {
		usleep(1000);
		make_file("tick", 0);
		now = stat_of("tick");
	} while (now.st_ctim.tv_sec == st->st_ctim.tv_sec && now.st_ctim.tv_nsec == st->st_ctim.tv_nsec);
}

/* Remembered as long as it is the same file, unchanged. */
static void remembers(void *arg unused)
{
	struct volume_info info;
	struct error err = { 0 };
	autofree char *path = path_of("q");
	int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	struct stat st;

	make_file("q", 4096);
	put_at("q", 0, qcow2_head, sizeof(qcow2_head));
	st = stat_of("q");
	assert_true(inotify_add_watch(watch, path, IN_OPEN) >= 0);
	is_format("q", "qcow2");
	assert_int_equal(opened(watch), 1);
	is_format("q", "qcow2");
	assert_int_equal(opened(watch), 0);

	/* other bytes behind its back, and the times as they were */
	next_tick(&st);
	put_at("q", 0, "none", 4);
	set_times("q", &st);
	is_format("q", "raw");
	assert_int_equal(info_of("q", "qcow2", &info, &err), -EBADMSG);
	volume_info_clear(&info);
	error_clear(&err);
	close(watch);
}

/* Another file gets the number of the one that was removed, its size and its mtime. */
static void replaced(void *arg unused)
{
	autofree char *path = path_of("q");
	struct stat st = { 0 };
	bool reused = false;

	for (unsigned i = 0; i < 32 && !reused; i++) {
		make_file("q", 4096);
		put_at("q", 0, qcow2_head, sizeof(qcow2_head));
		st = stat_of("q");
		is_format("q", "qcow2");
		next_tick(&st);
		assert_int_equal(unlink(path), 0);
		make_file("q", 4096);
		reused = stat_of("q").st_ino == st.st_ino;
	}
	if (!reused)
		print_message("this file system gives no number twice: nothing could be mistaken\n");
	set_times("q", &st);
	is_format("q", "raw");
}

/* ---- names ---- */

static void refuses_names(void *arg unused)
{
	static const char *const bad[] = { "", ".", "..", "a/b", "/etc/passwd", "../x", ".domfs-1-1", ".hidden", NULL };
	struct volume_info info = { .type = VOLUME_FILE, .path = dir };
	struct bulk *b;

	make_file("good", 1);
	for (const char *const *n = bad; *n; n++) {
		struct volume_spec spec = spec_of(*n, "raw"), sub = spec_of(*n, "dir");
		struct volume_info out = { 0 };
		struct error err = { 0 };

		assert_int_equal(files_create(&pool, &spec, &err), -EINVAL);
		assert_int_equal(files_create(&pool, &sub, &err), -EINVAL);
		assert_int_equal(files_info(&pool, *n, &out, &err), -EINVAL);
		assert_int_equal(files_remove(&pool, *n, &err), -EINVAL);
		assert_int_equal(files_rename(&pool, "good", *n, &err), -EINVAL);
		assert_int_equal(files_rename(&pool, *n, "better", &err), -EINVAL);
		assert_int_equal(files_resize(&pool, *n, &info, MIB, &err), -EINVAL);
		assert_int_equal(files_wipe(&pool, *n, &info, "zero", NULL, NULL, &err), -EINVAL);
		assert_int_equal(files_clone(&pool, "good", &info, &spec, &err), -EINVAL);
		assert_int_equal(files_image(&pool, *n, O_RDWR | O_CREAT, &spec, &b, &err), -EINVAL);
		assert_non_null(err.text);
		error_clear(&err);
		volume_info_clear(&out);
	}
	assert_true(there("good"));
}

/* ---- made, renamed, removed ---- */

static void makes(void *arg unused)
{
	struct volume_spec raw = spec_of("raw", "raw"), sub = spec_of("sub", "dir");
	struct error err = { 0 };
	autofree char *inside = path_of("sub/x"), *link = path_of("link");

	raw.capacity = 5 * MIB;
	assert_int_equal(files_create(&pool, &raw, &err), 0);
	assert_int_equal(stat_of("raw").st_size, 5 * MIB);
	assert_int_equal(stat_of("raw").st_mode & 07777, 0640);
	assert_int_equal(files_create(&pool, &raw, &err), -EEXIST);
	assert_int_equal(stat_of("raw").st_size, 5 * MIB);
	assert_int_equal(files_create(&pool, &sub, &err), 0);
	assert_true(S_ISDIR(stat_of("sub").st_mode));
	assert_int_equal(files_create(&pool, &sub, &err), -EEXIST);

	assert_int_equal(files_rename(&pool, "raw", "sub", &err), -EEXIST);
	assert_int_equal(files_rename(&pool, "nothing", "new", &err), -ENOENT);
	assert_int_equal(files_rename(&pool, "raw", "new", &err), 0);
	assert_true(there("new") && !there("raw"));

	make_file("sub/x", 1);
	assert_int_equal(files_remove(&pool, "sub", &err), -ENOTEMPTY);
	assert_int_equal(unlink(inside), 0);
	assert_int_equal(files_remove(&pool, "sub", &err), 0);
	assert_int_equal(symlink("new", link), 0);
	assert_int_equal(files_remove(&pool, "link", &err), 0);
	assert_true(there("new") && !there("link"));
	assert_int_equal(files_remove(&pool, "nothing", &err), 0); /* what was wanted is so */
	error_clear(&err);
}

static void grows(void *arg unused)
{
	struct volume_info now;
	struct error err = { 0 };
	autofree char *link = path_of("link"), *full = path_of("full");
	int fd;

	make_file("sparse", MIB);
	assert_int_equal(info_of("sparse", "raw", &now, &err), 0);
	assert_int_equal(files_resize(&pool, "sparse", &now, 3 * MIB, &err), 0);
	assert_int_equal(stat_of("sparse").st_size, 3 * MIB);
	assert_int_equal(files_resize(&pool, "sparse", &now, MIB - 1, &err), -EINVAL);
	assert_int_equal(stat_of("sparse").st_size, 3 * MIB);
	assert_true(stat_of("sparse").st_blocks * 512 < MIB);
	volume_info_clear(&now);

	/* LUKS in a raw file is a header and the bytes */
	assert_int_equal(info_of("sparse", "raw", &now, &err), 0);
	now.encryption = xstrdup("luks");
	now.capacity = 2 * MIB;
	assert_int_equal(files_resize(&pool, "sparse", &now, 4 * MIB, &err), 0);
	assert_int_equal(stat_of("sparse").st_size, 5 * MIB);
	volume_info_clear(&now);

	make_file("full", 0);
	fd = open(full, O_RDWR | O_CLOEXEC);
	if (fallocate(fd, 0, 0, MIB) == 0) {
		assert_int_equal(info_of("full", "raw", &now, &err), 0);
		assert_int_equal(files_resize(&pool, "full", &now, 2 * MIB, &err), 0);
		assert_true(stat_of("full").st_blocks * 512 >= 2 * MIB);
		/* more than there is: as it was */
		assert_int_equal(files_resize(&pool, "full", &now, 1ull << 60, &err) < 0, 1);
		assert_int_equal(stat_of("full").st_size, 2 * MIB);
		volume_info_clear(&now);
	}
	close(fd);
	assert_int_equal(symlink("full", link), 0);
	assert_int_equal(info_of("link", "raw", &now, &err), 0);
	assert_int_equal(files_resize(&pool, "link", &now, 9 * MIB, &err), -ELOOP);
	volume_info_clear(&now);
	error_clear(&err);
}

/* ---- disks ---- */

static void disks(void *arg unused)
{
	autodoc struct doc *doc = doc_parse(str_of("<disk/>"), NULL, NULL);
	struct volume_info info = { .type = VOLUME_BLOCK };
	autofree char *path = path_of("v");
	struct node *disk = doc_root(doc);

	assert_int_equal(files_disk(&pool, "v", NULL, disk, NULL), 0);
	assert_string_equal(node_get(disk, "@type"), "file");
	assert_string_equal(node_get(disk, "source/@file"), path);
	node_set(disk, "source", NULL);
	assert_int_equal(files_disk(&pool, "v", &info, disk, NULL), 0);
	assert_string_equal(node_get(disk, "@type"), "block");
	assert_string_equal(node_get(disk, "source/@dev"), path);
}

static void gone(void *arg unused)
{
	struct listing l = { 0 };
	struct pool_usage usage;
	struct volume_spec spec = spec_of("new", "raw");
	struct error err = { 0 };

	clear_dir();
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(files_list(&pool, &l, &err), -ENOENT);
	assert_int_equal(files_usage(&pool, &usage, &err), -ENOENT);
	assert_int_equal(files_create(&pool, &spec, &err), -ENOENT);
	assert_non_null(strstr(err.text, dir));
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(files_usage(&pool, &usage, &err), 0);
	assert_true(usage.capacity && usage.available <= usage.capacity);
	error_clear(&err);
}

TEST(lists)
TEST(sweeps)
TEST(tells)
TEST(remembers)
TEST(replaced)
TEST(refuses_names)
TEST(makes)
TEST(grows)
TEST(disks)
TEST(gone)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_test),	  cmocka_unit_test(sweeps_test),   cmocka_unit_test(tells_test),
		cmocka_unit_test(remembers_test), cmocka_unit_test(replaced_test), cmocka_unit_test(refuses_names_test),
		cmocka_unit_test(makes_test),	  cmocka_unit_test(grows_test),	   cmocka_unit_test(disks_test),
		cmocka_unit_test(gone_test),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
