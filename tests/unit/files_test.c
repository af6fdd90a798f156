/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pools of files, their driver's slots alone: on a directory of our own, without the engine above. */
#include <setjmp.h>
#include <stdarg.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "drivers/storage/storage.h"
#include "engine/loop.h"
#include "engine/pool.h"
#include "in_task.h"

#include <cmocka.h>

#define MIB (1u << 20)

static char dir[] = "/tmp/domfs-files.XXXXXX";
static struct pool pool;

/* ---- what a test needs ---- */

static char *path_of(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static void make_file(const char *name, off_t size)
{
	autofree char *path = path_of(name);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

static void put_at(const char *name, off_t off, const void *bytes, size_t n)
{
	autofree char *path = path_of(name);
	int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, n, off), n);
	close(fd);
}

static bool there(const char *name)
{
	autofree char *path = path_of(name);
	struct stat st;

	return lstat(path, &st) == 0;
}

static struct stat stat_of(const char *name)
{
	autofree char *path = path_of(name);
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st;
}

/* Everything below the directory: "a b c ". */
static char *names(void)
{
	struct listing l = { 0 };
	struct error err = { 0 };
	struct buf out = { 0 };

	assert_int_equal(files_list(&pool, &l, &err), 0);
	for (char c = 1; c; c++) { /* sorted by their first byte: names in the tests differ in it */
		for (size_t i = 0; i < l.n; i++) {
			assert_null(l.rows[i].info); /* nothing was opened for it */
			if (l.rows[i].name[0] == c)
				buf_printf(&out, "%s ", l.rows[i].name);
		}
		if (c == 127)
			break;
	}
	listing_clear(&l);
	return buf_take(&out);
}

static void clear_dir(void)
{
	autofree char *command = xasprintf("rm -rf '%s'/* '%s'/.[!.]*", dir, dir);

	assert_int_equal(system(command), 0);
}

static int info_of(const char *name, const char *format, struct volume_info *info, struct error *err)
{
	*info = (struct volume_info){ .format = xstrdup(format) };
	return files_info(&pool, name, info, err);
}

static struct volume_spec spec_of(const char *name, const char *format)
{
	return (struct volume_spec){ .name = name, .format = format, .uid = geteuid(), .gid = getegid(), .mode = 0640 };
}

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

/* Remembered as long as it is the same file, unchanged. */
static void remembers(void *arg unused)
{
	struct volume_info info;
	struct error err = { 0 };
	struct timespec times[2];
	autofree char *path = path_of("q");
	struct stat st;

	make_file("q", 4096);
	put_at("q", 0, qcow2_head, sizeof(qcow2_head));
	st = stat_of("q");
	assert_int_equal(info_of("q", NULL, &info, &err), 0);
	assert_string_equal(info.format, "qcow2");
	volume_info_clear(&info);

	/* other bytes behind its back, and the times as they were: it is not opened again */
	put_at("q", 0, "none", 4);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	assert_int_equal(info_of("q", NULL, &info, &err), 0);
	assert_string_equal(info.format, "qcow2");
	volume_info_clear(&info);

	times[1].tv_sec++;
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	assert_int_equal(info_of("q", NULL, &info, &err), 0);
	assert_string_equal(info.format, "raw");
	volume_info_clear(&info);
	assert_int_equal(info_of("q", "qcow2", &info, &err), -EBADMSG);
	volume_info_clear(&info);
	error_clear(&err);
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

/* ---- all of them ---- */

static int set_up(void **state unused)
{
	autofree char *text = NULL;

	if (!mkdtemp(dir))
		return -1;
	text = xasprintf("<pool type='dir'><name>images</name><target><path>%s/</path></target></pool>", dir);
	pool.obj.name = "images";
	pool.full = (struct str){ take(&text), 0 };
	pool.full.n = strlen(pool.full.p);
	return 0;
}

static int tear_down(void **state unused)
{
	clear_dir();
	rmdir(dir);
	doc_free(pool.doc);
	free((char *)pool.full.p);
	return 0;
}

static void run(void (*fn)(void *arg))
{
	clear_dir();
	in_task(fn, NULL);
	/* a thread of this loop is none of the next one's */
	worker_free(take(&pool.worker));
}

#define TEST(name)                                                                                                     \
	static void name##_test(void **state unused)                                                                   \
	{                                                                                                              \
		run(name);                                                                                             \
	}
TEST(lists)
TEST(sweeps)
TEST(tells)
TEST(remembers)
TEST(refuses_names)
TEST(makes)
TEST(grows)
TEST(copies)
TEST(wipes)
TEST(uploads)
TEST(disks)
TEST(gone)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_test),	  cmocka_unit_test(sweeps_test),	cmocka_unit_test(tells_test),
		cmocka_unit_test(remembers_test), cmocka_unit_test(refuses_names_test), cmocka_unit_test(makes_test),
		cmocka_unit_test(grows_test),	  cmocka_unit_test(copies_test),	cmocka_unit_test(wipes_test),
		cmocka_unit_test(uploads_test),	  cmocka_unit_test(disks_test),		cmocka_unit_test(gone_test),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
