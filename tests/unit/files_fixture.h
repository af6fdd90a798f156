/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* For tests of pools of files: a directory of our own and a pool on it, without the engine above. */
#ifndef DOMFS_TESTS_FILES_FIXTURE_H
#define DOMFS_TESTS_FILES_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/storage/storage.h"
#include "engine/loop.h"
#include "engine/pool.h"
#include "in_task.h"

#include <cmocka.h>

#define MIB (1u << 20)

static char dir[] = "/tmp/domfs-files.XXXXXX";
static struct pool pool;

static inline char *path_of(const char *name)
{
	return xasprintf("%s/%s", dir, name);
}

static inline void make_file(const char *name, off_t size)
{
	autofree char *path = path_of(name);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

static inline void put_at(const char *name, off_t off, const void *bytes, size_t n)
{
	autofree char *path = path_of(name);
	int fd = open(path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, n, off), n);
	close(fd);
}

static inline bool there(const char *name)
{
	autofree char *path = path_of(name);
	struct stat st;

	return lstat(path, &st) == 0;
}

static inline struct stat stat_of(const char *name)
{
	autofree char *path = path_of(name);
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st;
}

/* Everything below the directory: "a b c ". */
static inline char *names(void)
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

static inline void clear_dir(void)
{
	autofree char *command = xasprintf("rm -rf '%s'/* '%s'/.[!.]*", dir, dir);

	assert_int_equal(system(command), 0);
}

static inline int info_of(const char *name, const char *format, struct volume_info *info, struct error *err)
{
	*info = (struct volume_info){ .format = xstrdup(format) };
	return files_info(&pool, name, info, err);
}

static inline struct volume_spec spec_of(const char *name, const char *format)
{
	return (struct volume_spec){ .name = name, .format = format, .uid = geteuid(), .gid = getegid(), .mode = 0640 };
}

static inline int set_up(void **state unused)
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

static inline int tear_down(void **state unused)
{
	clear_dir();
	rmdir(dir);
	doc_free(pool.doc);
	free((char *)pool.full.p);
	return 0;
}

static inline void run(void (*fn)(void *arg))
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

#endif
