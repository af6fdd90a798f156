/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pools of files: what takes long.  A copy or a wipe goes piece by piece on a thread of its own, so that the pool answers meanwhile and a cancelled
 * one ends at the next piece; what is not whole yet has a name that is no volume's.
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdio.h>
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

/* On a thread: what is not whole goes.  That may take its time, or hang. */
static int clean_up(void *arg)
{
	struct work *w = arg;

	if (w->temp && w->dir >= 0)
		unlinkat(w->dir, w->temp, 0);
	base_close_p(&w->to);
	base_close_p(&w->from);
	base_close_p(&w->dir);
	w->to = w->from = w->dir = -1;
	free(take(&w->temp));
	return 0;
}

static void work_free_memory(void *arg)
{
	struct work *w = arg;

	free(w->temp);
	free(w->bytes);
	file_job_clear(&w->j);
	free(w);
}

static void clean_up_all(void *arg)
{
	clean_up(arg);
	work_free_memory(arg);
}

/* Nobody waits for it any more. */
static void work_free(void *arg)
{
	struct worker *thread = worker_new("clean");

	if (worker_post(thread, clean_up_all, arg) < 0)
		clean_up_all(arg);
	worker_free(thread);
}

static struct work *work_new(void)
{
	struct work *w = xcalloc(1, sizeof(*w));

	w->dir = w->from = w->to = -1;
	return w;
}

static int fail(struct work *w, const char *name)
{
	return error_set(&w->j.err, errno, "'%s/%s': %s", w->j.dir, name,
			 errno == ELOOP ? "it is a symbolic link: what it leads to is not the pool's"
					: strerror(errno));
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

/* When it has failed, nothing of it is left by the time that this is known. */
static void finish(struct worker *thread, struct work *w)
{
	int r;

	task_shield(1);
	r = offload(thread, clean_up, w, work_free, STUCK_MS);
	task_shield(-1);
	if (r == -ETIMEDOUT)
		return;
	if (r < 0) /* no thread can be had */
		clean_up(w);
	work_free_memory(w);
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
		finish(thread, w);
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
	w->from = file_open_read(&w->j, w->dir);
	if (w->from < 0)
		return w->from;
	if (fstat(w->from, &st) < 0)
		return fail(w, w->j.name);
	if (!S_ISREG(st.st_mode))
		return error_set(&w->j.err, EINVAL, "'%s/%s' is no regular file", w->j.dir, w->j.name);
	if (faccessat(w->dir, w->j.to, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST; /* before it takes hours; the end looks again */
		return fail(w, w->j.to);
	}
	w->size = st.st_size;
	w->to = file_temp(w->dir, &w->temp);
	if (w->to < 0)
		return fail(w, w->j.to);
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
			if (k > 0)
				k = pwrite(w->to, w->bytes, k, off);
		}
		if (k < 0 && errno == EINTR)
			continue;
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

static int sync_copy(void *arg)
{
	struct work *w = arg;

	return fdatasync(w->to) < 0 ? fail(w, w->j.to) : 0;
}

static int finish_copy(void *arg)
{
	struct work *w = arg;

	if (geteuid() == 0 && fchown(w->to, w->uid, w->gid) < 0)
		return fail(w, w->j.to);
	if (fchmod(w->to, w->mode) < 0)
		return fail(w, w->j.to);
	if (file_appear(w->dir, w->temp, w->j.to) < 0)
		return fail(w, w->j.to);
	free(take(&w->temp));
	return 0;
}

int files_clone(struct pool *p, const char *name, const struct volume_info *now, const struct volume_spec *to,
		struct error *err)
{
	struct worker *thread;
	struct work *w;
	int r;

	if (now->type == VOLUME_DIR)
		return files_snapshot(p, name, to, err);
	thread = worker_new("clone");
	w = work_new();
	r = file_job_init(p, &w->j, name, to->name, err);
	w->uid = to->uid;
	w->gid = to->gid;
	w->mode = to->mode;
	if (r == 0)
		r = offload(thread, open_copy, w, work_free, STUCK_MS);
	if (r == 0)
		r = walk(thread, w, copy_piece, to->progress, to->arg);
	if (r == 0)
		r = offload(thread, sync_copy, w, work_free, POOL_LONG_MS);
	if (r == 0) { /* it appears or it does not: that must be known */
		task_shield(1);
		r = offload(thread, finish_copy, w, work_free, STUCK_MS);
		task_shield(-1);
	}
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
		ssize_t put = pwrite(w->to, w->bytes, n, w->off);
		if (put < 0 && errno != EINTR)
			return fail(w, w->j.name);
		w->off += put > 0 ? put : 0;
	}
	w->done = w->off >= w->size;
	/* piece by piece: that no step takes long, and what was reported as done is on the disk */
	return fdatasync(w->to) < 0 ? fail(w, w->j.name) : 0;
}

static int trim(void *arg)
{
	struct work *w = arg;

	if (w->size && fallocate(w->to, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, w->size) < 0)
		return fail(w, w->j.name);
	return fsync(w->to) < 0 ? fail(w, w->j.name) : 0;
}

/* The patterns of other algorithms are those of scrub(1), which gets the file by descriptor: what its name leads to may have changed. */
static int scrub(struct work *w, const char *algorithm, struct error *err)
{
	const char *argv[] = { "scrub", "-f", "-p", algorithm, "/dev/fd/3", NULL };
	struct spawn_fd fd = { w->to, 3 };
	autoerror struct error why = { 0 };
	int r = spawn_run_fds(argv, &fd, 1, POOL_LONG_MS, &why);

	if (r == -ENOENT)
		return error_set(err, ENOENT,
				 "'%s' is done by scrub, which is not there: install scrub, or use zero or random",
				 algorithm);
	if (r < 0)
		return error_set(err, why.code, "'%s/%s': %s", w->j.dir, w->j.name, error_text(&why));
	return 0;
}

int files_wipe(struct pool *p, const char *name, const struct volume_info *now, const char *algorithm,
	       void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg, struct error *err)
{
	struct worker *thread;
	struct work *w;
	int r, said = 0;

	if (now->type == VOLUME_BLOCK)
		return block_wipe(p, now->path, algorithm, progress, arg, err);
	thread = worker_new("wipe");
	w = work_new();
	w->zero = !strcmp(algorithm, "zero");
	r = file_job_init(p, &w->j, name, NULL, err);
	if (r == 0)
		r = offload(thread, open_wipe, w, work_free, STUCK_MS);
	if (r == 0 && (w->zero || !strcmp(algorithm, "random")))
		r = walk(thread, w, wipe_piece, progress, arg);
	else if (r == 0 && !strcmp(algorithm, "trim"))
		r = offload(thread, trim, w, work_free, STUCK_MS);
	else if (r == 0 && w->size)
		said = scrub(w, algorithm, err);
	r = end(thread, w, r, err);
	return r == 0 ? said : r;
}
