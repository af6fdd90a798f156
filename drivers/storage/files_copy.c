/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pools of files: what takes long.  A copy or a wipe goes piece by piece on a thread of its own, so that the pool answers meanwhile and a cancelled
 * one ends at the next piece; what is not whole yet has a name that is no volume's.
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "engine/spawn.h"
#include "files.h"

#define PIECE	 (64ull << 20)
#define BUFFER	 (1u << 20)
#define STUCK_MS 120000 /* a piece that takes longer: the storage does not answer */

struct work {
	struct file_job j;
	char *temp; /* in the pool's directory; NULL: none */
	int dir, from, to;
	uint64_t size, off, n; /* N bytes at OFF are the piece */
	bool done, zero;
	uid_t uid;
	gid_t gid;
	mode_t mode;
	char *bytes;
};

static void work_free(void *arg)
{
	struct work *w = arg;

	if (w->temp && w->dir >= 0)
		unlinkat(w->dir, w->temp, 0);
	base_close_p(&w->to);
	base_close_p(&w->from);
	base_close_p(&w->dir);
	free(w->temp);
	free(w->bytes);
	file_job_clear(&w->j);
	free(w);
}

static struct work *work_new(void)
{
	struct work *w = xcalloc(1, sizeof(*w));

	w->dir = w->from = w->to = -1;
	return w;
}

static int fail(struct work *w, const char *name)
{
	return error_set(&w->j.err, errno, "'%s/%s': %s", w->j.dir, name, strerror(errno));
}

/* Step after step until the whole is done. */
static int walk(struct worker *thread, struct work *w, int (*step)(void *arg),
		void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg)
{
	int r = 0;

	while (r == 0 && !w->done) {
		r = offload(thread, step, w, work_free, STUCK_MS);
		if (r == 0 && progress)
			progress(arg, w->off, w->size);
	}
	return r;
}

/* W is gone on -ETIMEDOUT and -ECANCELED; otherwise it is freed here. */
static int end(struct worker *thread, struct work *w, int r, struct error *err)
{
	if (r == -ETIMEDOUT)
		r = error_set(err, ETIMEDOUT, "the storage does not answer");
	else if (r == -ECANCELED)
		error_set(err, ECANCELED, "interrupted");
	else {
		if (r < 0 && w->j.err.code)
			error_move(err, &w->j.err);
		work_free(w);
	}
	worker_free(thread);
	return r;
}

/* ---- a copy ---- */

static int open_copy(void *arg)
{
	struct work *w = arg;
	struct stat st;

	w->dir = file_dir(&w->j);
	if (w->dir < 0)
		return w->dir;
	w->from = openat(w->dir, w->j.name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (w->from < 0 || fstat(w->from, &st) < 0)
		return fail(w, w->j.name);
	if (!S_ISREG(st.st_mode))
		return error_set(&w->j.err, EINVAL, "'%s/%s' is no regular file", w->j.dir, w->j.name);
	w->size = st.st_size;
	w->temp = xasprintf("." FILES_TEMP "%d-%p", getpid(), (void *)w);
	w->to = openat(w->dir, w->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (w->to < 0) {
		free(take(&w->temp));
		return fail(w, w->j.to);
	}
	flock(w->to, LOCK_EX);
	if (ioctl(w->to, FICLONE, w->from) == 0) /* the file system shares the blocks */
		w->off = w->size;
	else if (ftruncate(w->to, w->size) < 0)
		return fail(w, w->j.to);
	w->done = w->off == w->size;
	return 0;
}

static int copy_bytes(struct work *w, uint64_t off, uint64_t n)
{
	while (n) {
		loff_t in = off, out = off;
		ssize_t k = copy_file_range(w->from, &in, w->to, &out, n, 0);
		if (k < 0 && (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP)) {
			if (!w->bytes)
				w->bytes = xmalloc(BUFFER);
			k = pread(w->from, w->bytes, n < BUFFER ? n : BUFFER, off);
			if (k > 0 && pwrite(w->to, w->bytes, k, off) != k)
				k = -1;
		}
		if (k < 0)
			return fail(w, w->j.to);
		if (k == 0)
			break;
		off += k;
		n -= k;
	}
	return 0;
}

/* The next piece that has data; a hole stays one. */
static int copy_piece(void *arg)
{
	struct work *w = arg;
	off_t data = lseek(w->from, w->off, SEEK_DATA), hole;
	uint64_t n;
	int r;

	if (data < 0 && errno == ENXIO) {
		w->off = w->size;
		w->done = true;
		return 0;
	}
	if (data < 0)
		data = w->off;
	hole = lseek(w->from, data, SEEK_HOLE);
	n = hole > data ? (uint64_t)(hole - data) : w->size - data;
	if (n > PIECE)
		n = PIECE;
	r = copy_bytes(w, data, n);
	w->off = data + n;
	w->done = w->off >= w->size;
	return r;
}

static int finish_copy(void *arg)
{
	struct work *w = arg;

	if (geteuid() == 0 && fchown(w->to, w->uid, w->gid) < 0)
		return fail(w, w->j.to);
	if (fchmod(w->to, w->mode) < 0)
		return fail(w, w->j.to);
	if (renameat2(w->dir, w->temp, w->dir, w->j.to, RENAME_NOREPLACE) < 0 &&
	    (errno != EINVAL || linkat(w->dir, w->temp, w->dir, w->j.to, 0) < 0))
		return fail(w, w->j.to);
	unlinkat(w->dir, w->temp, 0); /* after a link it is there still */
	free(take(&w->temp));
	return 0;
}

int files_clone(struct pool *p, const char *name, const struct volume_info *now unused, const struct volume_spec *to,
		struct error *err)
{
	struct worker *thread = worker_new("clone");
	struct work *w = work_new();
	int r = file_job_init(p, &w->j, name, to->name, err);

	w->uid = to->uid;
	w->gid = to->gid;
	w->mode = to->mode;
	if (r == 0)
		r = offload(thread, open_copy, w, work_free, STUCK_MS);
	if (r == 0)
		r = walk(thread, w, copy_piece, to->progress, to->arg);
	if (r == 0)
		r = offload(thread, finish_copy, w, work_free, STUCK_MS);
	return end(thread, w, r, err);
}

/* ---- a wipe ---- */

static int open_wipe(void *arg)
{
	struct work *w = arg;
	struct stat st;

	w->dir = file_dir(&w->j);
	if (w->dir < 0)
		return w->dir;
	w->to = openat(w->dir, w->j.name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (w->to < 0 || fstat(w->to, &st) < 0)
		return fail(w, w->j.name);
	if (!S_ISREG(st.st_mode))
		return error_set(&w->j.err, EINVAL, "'%s/%s' is no regular file", w->j.dir, w->j.name);
	w->size = st.st_size;
	w->done = !w->size;
	w->bytes = xcalloc(1, BUFFER);
	return 0;
}

static int wipe_piece(void *arg)
{
	struct work *w = arg;
	uint64_t until = w->size - w->off < PIECE ? w->size : w->off + PIECE;

	while (w->off < until) {
		size_t n = until - w->off < BUFFER ? until - w->off : BUFFER, k = 0;
		while (!w->zero && k < n) {
			ssize_t got = getrandom(w->bytes + k, n - k, 0);
			if (got < 0 && errno != EINTR)
				return fail(w, w->j.name);
			k += got > 0 ? got : 0;
		}
		if (pwrite(w->to, w->bytes, n, w->off) != (ssize_t)n)
			return fail(w, w->j.name);
		w->off += n;
	}
	w->done = w->off >= w->size;
	return w->done && fsync(w->to) < 0 ? fail(w, w->j.name) : 0;
}

static int trim(void *arg)
{
	struct work *w = arg;

	if (w->size && fallocate(w->to, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, w->size) < 0)
		return fail(w, w->j.name);
	return fsync(w->to) < 0 ? fail(w, w->j.name) : 0;
}

/* The patterns of other algorithms are those of scrub(1). */
static int scrub(struct pool *p, const char *name, const char *algorithm, struct error *err)
{
	autofree char *path = file_path(p, name);
	const char *argv[] = { "scrub", "-f", "-p", algorithm, path, NULL };

	return error_in(err, spawn_run(argv, (struct str){ 0 }, NULL, POOL_LONG_MS, err), "scrub");
}

int files_wipe(struct pool *p, const char *name, const struct volume_info *now, const char *algorithm,
	       void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg, struct error *err)
{
	bool zero = !strcmp(algorithm, "zero"), by_us = zero || !strcmp(algorithm, "random");
	struct worker *thread;
	struct work *w;
	int r;

	if (now->type == VOLUME_BLOCK)
		return block_wipe(p, now->path, algorithm, progress, arg, err);
	if (!by_us && strcmp(algorithm, "trim"))
		return scrub(p, name, algorithm, err);
	thread = worker_new("wipe");
	w = work_new();
	w->zero = zero;
	r = file_job_init(p, &w->j, name, NULL, err);
	if (r == 0)
		r = offload(thread, open_wipe, w, work_free, STUCK_MS);
	if (r == 0)
		r = by_us ? walk(thread, w, wipe_piece, progress, arg) : offload(thread, trim, w, work_free, STUCK_MS);
	return end(thread, w, r, err);
}

/* ---- the image ---- */

struct image_job {
	struct file_job j;
	int flags, fd;
	bool create; /* it is to appear at commit */
	uid_t uid;
	gid_t gid;
	mode_t mode;
	char *temp;
};

static void image_free(void *arg)
{
	struct image_job *i = arg;

	base_close_p(&i->fd);
	free(i->temp);
	file_job_clear(&i->j);
	free(i);
}

static int open_image(void *arg)
{
	struct image_job *i = arg;
	int dir = file_dir(&i->j), r = 0;

	if (dir < 0)
		return dir;
	if (i->create) {
		i->temp = xasprintf("." FILES_TEMP "%d-%p", getpid(), (void *)i);
		i->fd = openat(dir, i->temp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (i->fd >= 0)
			flock(i->fd, LOCK_EX);
	} else {
		i->fd = openat(dir, i->j.name, (i->flags & O_ACCMODE) | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	}
	if (i->fd < 0)
		r = error_set(&i->j.err, errno, "'%s/%s': %s", i->j.dir, i->j.name, strerror(errno));
	close(dir);
	return r;
}

/*
 * What was uploaded is new, or takes the place of what is there: that goes only when the new one is on the disk.  For a new one fsync(1) is the
 * user's, as after any cp.
 */
static int commit_image(void *arg)
{
	struct image_job *i = arg;
	int dir = file_dir(&i->j), r = 0;

	if (dir < 0)
		return dir;
	if ((!(i->flags & O_CREAT) && fsync(i->fd) < 0) || (geteuid() == 0 && fchown(i->fd, i->uid, i->gid) < 0) ||
	    fchmod(i->fd, i->mode) < 0)
		r = -errno;
	else if ((i->flags & O_CREAT) && renameat2(dir, i->temp, dir, i->j.name, RENAME_NOREPLACE) < 0)
		r = errno == EINVAL && renameat(dir, i->temp, dir, i->j.name) == 0 ? 0 : -errno;
	else if (!(i->flags & O_CREAT) && renameat(dir, i->temp, dir, i->j.name) < 0)
		r = -errno;
	if (r == 0 && !(i->flags & O_CREAT) && fsync(dir) < 0)
		r = -errno;
	if (r < 0)
		error_set(&i->j.err, -r, "'%s/%s': %s", i->j.dir, i->j.name, strerror(-r));
	else
		free(take(&i->temp));
	close(dir);
	return r;
}

static int commit(struct bulk *b, struct error *err)
{
	struct image_job *i = b->priv;
	int r;

	if (!i->temp) /* it is in its place already */
		return 0;
	task_shield(1); /* what is half in its place must be known to be there or not */
	r = offload(b->worker, commit_image, i, NULL, NO_TIMEOUT);
	task_shield(-1);
	if (r < 0)
		error_move(err, &i->j.err);
	return r;
}

/* On the bulk's thread, as the last. */
static void close_image(struct bulk *b)
{
	struct image_job *i = b->priv;
	int dir = i->temp ? file_dir(&i->j) : -1;

	if (dir >= 0) {
		unlinkat(dir, i->temp, 0);
		close(dir);
	}
	image_free(i);
}

int files_image(struct pool *p, const char *name, int flags, const struct volume_spec *spec, struct bulk **out,
		struct error *err)
{
	struct image_job *i = xcalloc(1, sizeof(*i));
	static struct bulk_ops ops;
	int r = file_job_init(p, &i->j, name, NULL, err);

	i->fd = -1;
	i->flags = flags;
	i->create = flags & (O_CREAT | O_TRUNC);
	if (spec) {
		i->uid = spec->uid;
		i->gid = spec->gid;
		i->mode = spec->mode;
	}
	if (r == 0)
		r = pool_offload(p, open_image, i, image_free, POOL_ASK_MS, err);
	if (r == -ETIMEDOUT || r == -ECANCELED)
		return r;
	if (r < 0) {
		if (i->j.err.code)
			error_move(err, &i->j.err);
		image_free(i);
		return r;
	}
	*out = bulk_of_fd(i->fd, (flags & O_ACCMODE) != O_RDONLY);
	if (!i->create) {
		i->fd = -1;
		image_free(i);
		return 0;
	}
	ops = *(*out)->ops;
	ops.close = close_image;
	(*out)->ops = &ops;
	(*out)->priv = i;
	(*out)->commit = commit;
	return 0;
}
