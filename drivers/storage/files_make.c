/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pools of files: volumes made, removed, renamed, resized; and how a guest opens one. */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "files.h"

struct name_job {
	struct file_job j;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	uint64_t size;
	bool allocate;
};

static void name_free(void *arg)
{
	file_job_clear(&((struct name_job *)arg)->j);
	free(arg);
}

/* Runs FN on the pool's thread; J is freed. */
static int run(struct pool *p, int (*fn)(void *arg), struct name_job *n, int r, struct error *err)
{
	if (r == 0)
		r = pool_offload(p, fn, n, name_free, POOL_WORK_MS, err);
	if (r == -ETIMEDOUT || r == -ECANCELED)
		return r;
	if (r < 0 && n->j.err.code)
		error_move(err, &n->j.err);
	name_free(n);
	return r;
}

static int fail(struct name_job *n, int code)
{
	return error_set(&n->j.err, code, "'%s/%s': %s", n->j.dir, n->j.name,
			 code == ELOOP ? "it is a symbolic link: what it leads to is not the pool's" : strerror(code));
}

static int make_dir(void *arg)
{
	struct name_job *n = arg;
	int dir = file_dir(&n->j), r = 0;

	if (dir < 0)
		return dir;
	if (file_make_dir(dir, n->j.name) < 0) {
		r = fail(n, errno);
	} else if (file_give_dir(dir, n->j.name, n->uid, n->gid, n->mode) < 0) {
		r = fail(n, errno);
		file_drop_dir(dir, n->j.name);
	}
	close(dir);
	return r;
}

int files_create(struct pool *p, const struct volume_spec *spec, struct error *err)
{
	autofree char *path = file_path(p, spec->name);
	struct name_job *n;
	int r = file_name_check(spec->name, err);

	if (r < 0)
		return r;
	if (strcmp(spec->format, "dir"))
		return image_create(p, spec, path, false, err);
	if (spec->from_path)
		return error_set(err, ENOTSUP,
				 "'%s': a directory is copied by clone within its pool only, and into no other format",
				 spec->name);
	n = xcalloc(1, sizeof(*n));
	n->mode = spec->mode;
	n->uid = spec->uid;
	n->gid = spec->gid;
	return run(p, make_dir, n, file_job_init(p, &n->j, spec->name, NULL, err), err);
}

static int take_away(void *arg)
{
	struct name_job *n = arg;
	int dir = file_dir(&n->j), r = 0;
	struct stat st;

	if (dir < 0)
		return dir;
	if (fstatat(dir, n->j.name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		r = errno == ENOENT ? 0 : fail(n, errno);
	else if (file_is_subvolume(dir, &st))
		r = file_remove_subvolume(&n->j, dir);
	else if (unlinkat(dir, n->j.name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) < 0)
		r = errno == ENOTEMPTY ? error_set(&n->j.err, ENOTEMPTY,
						   "'%s/%s' is a directory with something in it: empty it first",
						   n->j.dir, n->j.name)
				       : fail(n, errno);
	close(dir);
	return r;
}

int files_remove(struct pool *p, const char *name, struct error *err)
{
	struct name_job *n = xcalloc(1, sizeof(*n));

	return run(p, take_away, n, file_job_init(p, &n->j, name, NULL, err), err);
}

int file_temp(int dir, char **name)
{
	static atomic_uint count;
	struct stat st;
	int fd;

	for (;;) {
		*name = xasprintf(FILES_TEMP "%d-%u", getpid(), atomic_fetch_add(&count, 1));
		fd = openat(dir, *name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		/* whoever listed the directory before it was locked may have taken it away */
		if (fd < 0 || flock(fd, LOCK_EX) < 0 || fstat(fd, &st) < 0 || st.st_nlink)
			break;
		close(fd);
		free(*name);
	}
	if (fd < 0)
		free(take(name));
	return fd;
}

int file_appear(int dir, const char *temp, const char *name)
{
	if (renameat2(dir, temp, dir, name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL || linkat(dir, temp, dir, name, 0) < 0)
		return -1;
	unlinkat(dir, temp, 0);
	return 0;
}

static int move(void *arg)
{
	struct name_job *n = arg;
	int dir = file_dir(&n->j), r;

	if (dir < 0)
		return dir;
	r = renameat2(dir, n->j.name, dir, n->j.to, RENAME_NOREPLACE);
	if (r < 0 && errno == EINVAL && faccessat(dir, n->j.to, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		r = renameat(dir, n->j.name, dir, n->j.to); /* a file system that knows no flags */
	if (r < 0)
		r = error_set(&n->j.err, errno, "'%s/%s' to '%s': %s", n->j.dir, n->j.name, n->j.to, strerror(errno));
	close(dir);
	return r;
}

int files_rename(struct pool *p, const char *name, const char *to, struct error *err)
{
	struct name_job *n = xcalloc(1, sizeof(*n));

	return run(p, move, n, file_job_init(p, &n->j, name, to, err), err);
}

/* A file system that cannot allocate gets a hole, as it has them everywhere. */
static int allocate(int fd, uint64_t from, uint64_t to)
{
	while (fallocate(fd, 0, (off_t)from, (off_t)(to - from)) < 0)
		if (errno != EINTR)
			return errno == EOPNOTSUPP && ftruncate(fd, (off_t)to) == 0 ? 0 : -errno;
	return 0;
}

static int grow_fd(struct name_job *n, int fd)
{
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return fail(n, errno);
	if (!S_ISREG(st.st_mode))
		return error_set(&n->j.err, EINVAL, "'%s/%s' is no regular file", n->j.dir, n->j.name);
	n->size += st.st_size;
	if (n->size > INT64_MAX)
		return fail(n, EFBIG);
	if (n->allocate) /* what had all its room before has it after */
		r = allocate(fd, st.st_size, n->size);
	else
		r = ftruncate(fd, (off_t)n->size) < 0 ? -errno : 0;
	if (r == 0)
		return 0;
	(void)!ftruncate(fd, st.st_size); /* half of it is worth nothing */
	return fail(n, -r);
}

/* By n->size bytes. */
static int grow(void *arg)
{
	struct name_job *n = arg;
	int dir = file_dir(&n->j), fd, r;

	if (dir < 0)
		return dir;
	fd = openat(dir, n->j.name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	r = fd < 0 ? fail(n, errno) : grow_fd(n, fd);
	base_close_p(&fd);
	close(dir);
	return r;
}

/* In a raw file LUKS is a header before the bytes: the file grows by as much as they do, and no passphrase is needed. */
int files_resize(struct pool *p, const char *name, const struct volume_info *now, uint64_t capacity, struct error *err)
{
	bool plain = !now->format || !strcmp(now->format, "raw") || !strcmp(now->format, "luks");
	struct name_job *n;

	if (now->type != VOLUME_FILE)
		return error_set(err, ENOTSUP, "'%s' is no regular file: it cannot be resized here", now->path);
	if (capacity < now->capacity)
		return error_set(err, EINVAL, "'%s': %llu bytes are less than it has: that would cut off data",
				 now->path, (unsigned long long)capacity);
	if (now->encryption && !plain)
		return error_set(err, ENOTSUP,
				 "'%s': an encrypted %s cannot grow while nobody has it open: copy it to a "
				 "larger one",
				 now->path, now->format);
	if (!plain)
		return image_resize(p, now->path, now->format, capacity, err);
	n = xcalloc(1, sizeof(*n));
	n->size = capacity - now->capacity;
	n->allocate = now->capacity && now->allocation >= now->capacity;
	return run(p, grow, n, file_job_init(p, &n->j, name, NULL, err), err);
}

int files_disk(struct pool *p, const char *name, const struct volume_info *now, struct node *disk,
	       struct error *err unused)
{
	static const struct {
		const char *type, *attr;
	} kinds[] = { [VOLUME_FILE] = { "file", "source/@file" },
		      [VOLUME_BLOCK] = { "block", "source/@dev" },
		      [VOLUME_DIR] = { "dir", "source/@dir" } };
	enum volume_type type = now && now->type <= VOLUME_DIR ? now->type : VOLUME_FILE;
	autofree char *path = file_path(p, name);

	node_set(disk, "@type", kinds[type].type);
	node_set(disk, kinds[type].attr, path);
	return 0;
}
