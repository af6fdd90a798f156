/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Copies onto block devices, and wipes of them.  The work goes piece by piece on a thread of its own: between two pieces the caller learns how far
 * it is, and a cancelled caller leaves at once; the piece that is on its way ends by itself.
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/bulk.h"
#include "engine/spawn.h"
#include "storage.h"

#define PIECE	   (16ull << 20)  /* copied or written between two looks at the caller */
#define WIDE_PIECE (128ull << 20) /* zeroed or discarded, which most devices do without writing it all */
#define BUFFER	   (1u << 20)
#define GRAIN	   (64u << 10) /* zeroes shorter than this are written like other bytes */
#define ALIGN	   4096u       /* no device has larger sectors */
#define STUCK_MS   120000      /* a piece that takes longer: the device does not answer */

struct work {
	char *from_path, *to_path;
	int from, to;
	bool file; /* FROM is one, which may have holes */
	uint64_t from_size, to_size;
	uint64_t off, n; /* the piece */
	unsigned char *bytes;
	bool no_punch;
	struct error err;
};

static void away(int fd)
{
	if (fd >= 0) /* on a thread: the last close of a device writes what is not yet written */
		bulk_free(bulk_of_fd(fd, false));
}

static void work_free(void *arg)
{
	struct work *w = arg;

	away(w->from);
	away(w->to);
	error_clear(&w->err);
	free(w->from_path);
	free(w->to_path);
	free(w->bytes);
	free(w);
}

static struct work *work_new(const char *from, const char *to)
{
	struct work *w = xcalloc(1, sizeof(*w));

	*w = (struct work){ .from_path = xstrdup(from), .to_path = xstrdup(to), .from = -1, .to = -1 };
	w->bytes = xmalloc(BUFFER);
	return w;
}

/* ---- on the thread ---- */

static int open_to(struct work *w)
{
	struct stat st;

	w->to = open(w->to_path, O_RDWR | O_EXCL | O_CLOEXEC);
	if (w->to < 0 && errno == EBUSY)
		return error_set(&w->err, EBUSY,
				 "%s is in use: it is mounted, or part of another device: unmount or stop that first",
				 w->to_path);
	if (w->to < 0)
		return error_set(&w->err, errno, "%s: %s", w->to_path, strerror(errno));
	if (fstat(w->to, &st) < 0 || !S_ISBLK(st.st_mode))
		return error_set(&w->err, ENOTBLK, "%s is not a block device", w->to_path);
	if (ioctl(w->to, BLKGETSIZE64, &w->to_size) < 0)
		return error_set(&w->err, errno, "%s: its size: %s", w->to_path, strerror(errno));
	return 0;
}

static int open_from(struct work *w)
{
	struct stat st;

	w->from = open(w->from_path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (w->from < 0 || fstat(w->from, &st) < 0)
		return error_set(&w->err, errno, "%s: %s", w->from_path, strerror(errno));
	w->file = S_ISREG(st.st_mode);
	w->from_size = (uint64_t)st.st_size;
	if (!w->file && !S_ISBLK(st.st_mode))
		return error_set(&w->err, EINVAL, "%s is neither a file nor a block device", w->from_path);
	if (!w->file && ioctl(w->from, BLKGETSIZE64, &w->from_size) < 0)
		return error_set(&w->err, errno, "%s: its size: %s", w->from_path, strerror(errno));
	return 0;
}

static int open_work(void *arg)
{
	struct work *w = arg;
	int r = w->from_path ? open_from(w) : 0;

	if (r == 0)
		r = open_to(w);
	if (r == 0 && w->from_size > w->to_size)
		r = error_set(&w->err, ENOSPC, "%s has %llu bytes, %s only %llu", w->from_path,
			      (unsigned long long)w->from_size, w->to_path, (unsigned long long)w->to_size);
	return r;
}

static int write_all(struct work *w, const unsigned char *p, size_t n, uint64_t off)
{
	while (n) {
		ssize_t done = pwrite(w->to, p, n, (off_t)off);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return error_set(&w->err, done < 0 ? errno : ENOSPC, "%s: writing at %llu: %s", w->to_path,
					 (unsigned long long)off, strerror(done < 0 ? errno : ENOSPC));
		p += done;
		n -= (size_t)done;
		off += (uint64_t)done;
	}
	return 0;
}

static bool is_zero(const unsigned char *p, size_t n)
{
	return !n || (!p[0] && !memcmp(p, p + 1, n - 1));
}

/* Writes zeroes where others are.  What reads as zeroes and is written would take room in a thin volume. */
static int zero_slowly(struct work *w, uint64_t off, uint64_t n)
{
	autofree unsigned char *there = xmalloc(GRAIN);
	static const unsigned char zeroes[GRAIN];

	while (n) {
		size_t part = n < GRAIN ? (size_t)n : GRAIN;
		int r = 0;

		if (pread(w->to, there, part, (off_t)off) != (ssize_t)part || !is_zero(there, part))
			r = write_all(w, zeroes, part, off);
		if (r < 0)
			return r;
		off += part;
		n -= part;
	}
	return 0;
}

/* The range reads as zeroes afterwards, and is given back where the device can do that. */
static int zero_range(struct work *w, uint64_t off, uint64_t n)
{
	uint64_t first = (off + ALIGN - 1) / ALIGN * ALIGN, end = (off + n) / ALIGN * ALIGN;
	int r = 0;

	if (w->no_punch || first >= end)
		return zero_slowly(w, off, n);
	if (fallocate(w->to, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)first, (off_t)(end - first)) < 0) {
		if (errno == ENOSPC || errno == EIO)
			return error_set(&w->err, errno, "%s: zeroing at %llu: %s", w->to_path,
					 (unsigned long long)first, strerror(errno));
		w->no_punch = true;
		return zero_slowly(w, off, n);
	}
	if (first > off)
		r = zero_slowly(w, off, first - off);
	if (r == 0 && off + n > end)
		r = zero_slowly(w, end, off + n - end);
	return r;
}

/* Bytes that were read, in runs of zeroes and of others. */
static int put(struct work *w, size_t n, uint64_t off)
{
	size_t at = 0;
	int r = 0;

	while (at < n && r == 0) {
		size_t end = at + GRAIN < n ? at + GRAIN : n;
		bool zero = is_zero(w->bytes + at, end - at);

		while (end < n) {
			size_t next = end + GRAIN < n ? end + GRAIN : n;
			if (is_zero(w->bytes + end, next - end) != zero)
				break;
			end = next;
		}
		r = zero ? zero_range(w, off + at, end - at) : write_all(w, w->bytes + at, end - at, off + at);
		at = end;
	}
	return r;
}

/* Where the data that begins at or behind AT lies, within the piece; a device is data all over. */
static void next_data(struct work *w, uint64_t at, uint64_t *data, uint64_t *hole)
{
	uint64_t end = w->off + w->n;
	off_t d = w->file ? lseek(w->from, (off_t)at, SEEK_DATA) : (off_t)at;
	off_t h;

	if (d < 0)
		d = errno == ENXIO ? (off_t)end : (off_t)at;
	*data = (uint64_t)d < end ? (uint64_t)d : end;
	h = w->file && *data < end ? lseek(w->from, d, SEEK_HOLE) : (off_t)end;
	*hole = h > d && (uint64_t)h < end ? (uint64_t)h : end;
}

static int copy_data(struct work *w, uint64_t at, uint64_t end)
{
	while (at < end) {
		size_t want = end - at < BUFFER ? (size_t)(end - at) : BUFFER;
		ssize_t n = pread(w->from, w->bytes, want, (off_t)at);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_set(&w->err, n < 0 ? errno : EIO, "%s: reading at %llu: %s", w->from_path,
					 (unsigned long long)at, n < 0 ? strerror(errno) : "it became shorter");
		r = put(w, (size_t)n, at);
		if (r < 0)
			return r;
		at += (uint64_t)n;
	}
	return 0;
}

static int copy_piece(void *arg)
{
	struct work *w = arg;
	uint64_t at = w->off, end = w->off + w->n;
	int r = 0;

	while (at < end && r == 0) {
		uint64_t data, hole;

		next_data(w, at, &data, &hole);
		if (data > at)
			r = zero_range(w, at, data - at);
		if (r == 0 && data < end)
			r = copy_data(w, data, hole);
		at = data < end ? hole : end;
	}
	/* written out as it comes, so that the end does not wait for all of it */
	(void)sync_file_range(w->to, (off_t)w->off, (off_t)w->n, SYNC_FILE_RANGE_WRITE);
	return r;
}

static int zero_piece(void *arg)
{
	struct work *w = arg;
	uint64_t range[2] = { w->off, w->n };

	if (ioctl(w->to, BLKZEROOUT, range) < 0)
		return error_set(&w->err, errno, "%s: zeroing at %llu: %s", w->to_path, (unsigned long long)w->off,
				 strerror(errno));
	return 0;
}

static int trim_piece(void *arg)
{
	struct work *w = arg;
	uint64_t range[2] = { w->off, w->n };

	if (ioctl(w->to, BLKDISCARD, range) == 0)
		return 0;
	if (errno == EOPNOTSUPP)
		return error_set(&w->err, ENOTSUP, "%s cannot discard: wipe it with zero or random", w->to_path);
	return error_set(&w->err, errno, "%s: discarding at %llu: %s", w->to_path, (unsigned long long)w->off,
			 strerror(errno));
}

static int random_piece(void *arg)
{
	struct work *w = arg;

	for (uint64_t done = 0; done < w->n; done += BUFFER) {
		size_t n = w->n - done < BUFFER ? (size_t)(w->n - done) : BUFFER;
		int r;

		if (getrandom(w->bytes, n, 0) != (ssize_t)n)
			return error_set(&w->err, EIO, "the kernel gave no random bytes");
		r = write_all(w, w->bytes, n, w->off + done);
		if (r < 0)
			return r;
	}
	(void)sync_file_range(w->to, (off_t)w->off, (off_t)w->n, SYNC_FILE_RANGE_WRITE);
	return 0;
}

/* Nobody has it open when the caller goes on. */
static int close_work(void *arg)
{
	struct work *w = arg;

	base_close_p(&w->from);
	base_close_p(&w->to);
	w->from = w->to = -1;
	return 0;
}

static int sync_work(void *arg)
{
	struct work *w = arg;

	if (fdatasync(w->to) < 0)
		return error_set(&w->err, errno, "%s: %s", w->to_path, strerror(errno));
	return close_work(w);
}

/* ---- in the task ---- */

/* One call on the thread.  *W is gone (NULL) when the wait for it ended first. */
static int call(struct worker *thread, struct work **w, int (*fn)(void *arg), int64_t timeout_ms, struct error *err)
{
	int r = offload(thread, fn, *w, work_free, timeout_ms);

	if (r == -ETIMEDOUT || r == -ECANCELED) {
		*w = NULL;
		return error_set(err, -r, r == -ETIMEDOUT ? "the device does not answer" : "cancelled");
	}
	if (r < 0 && (*w)->err.code) {
		r = -(*w)->err.code;
		error_move(err, &(*w)->err);
	} else if (r < 0) {
		error_set(err, -r, "%s: %s", (*w)->to_path, strerror(-r));
	}
	return r;
}

struct told {
	void (*progress)(void *arg, uint64_t done, uint64_t total);
	void *arg;
};

static int run(struct work *w, int (*fn)(void *arg), uint64_t piece, struct told told, struct error *err)
{
	struct worker *thread = worker_new("block");
	uint64_t total;
	int r;

	may_wait();
	r = call(thread, &w, open_work, POOL_WORK_MS, err);
	total = r < 0 ? 0 : w->from_path ? w->from_size : w->to_size;
	for (uint64_t off = 0; off < total && r == 0; off += piece) {
		w->off = off;
		w->n = total - off < piece ? total - off : piece;
		r = call(thread, &w, fn, STUCK_MS, err);
		if (r == 0 && told.progress)
			told.progress(told.arg, off + w->n, total);
	}
	if (r == 0)
		r = call(thread, &w, sync_work, POOL_LONG_MS, err);
	if (w && r < 0)
		(void)!call(thread, &w, close_work, POOL_ASK_MS, NULL);
	if (w)
		work_free(w);
	worker_free(thread);
	return r;
}

int block_copy(struct pool *p unused, const char *from, const char *to,
	       void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg, struct error *err)
{
	int r = run(work_new(from, to), copy_piece, PIECE, (struct told){ progress, arg }, err);

	return error_in(err, r, "copy %s to %s", from, to);
}

/* The schemes of several passes are those of the program scrub, by its names for them. */
static int wipe_by_scrub(const char *path, const char *algorithm, struct error *err)
{
	static const char *const needs[] = { "scrub", "scrub", NULL };
	const char *const argv[] = { "scrub", "-f", "-p", algorithm, path, NULL };
	autobuf struct buf why = { 0 };

	if (tools_missing(needs, &why))
		return error_set(
			err, ENOTSUP,
			"the algorithm '%s' is done by the program scrub: install it, or use zero, random or trim",
			algorithm);
	return spawn_run(argv, (struct str){ 0 }, NULL, POOL_LONG_MS, err);
}

static int nothing_piece(void *arg unused)
{
	return 0;
}

int block_wipe(struct pool *p unused, const char *path, const char *algorithm,
	       void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg, struct error *err)
{
	static const struct way {
		const char *name;
		int (*fn)(void *arg);
		uint64_t piece;
	} ways[] = {
		{ "zero", zero_piece, WIDE_PIECE },
		{ "trim", trim_piece, WIDE_PIECE },
		{ "random", random_piece, PIECE },
	};
	struct told told = { progress, arg };
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		if (str_eq(ways[i].name, algorithm))
			return error_in(err, run(work_new(NULL, path), ways[i].fn, ways[i].piece, told, err), "wipe");
	/* that nobody else has it open is for us to see */
	r = run(work_new(NULL, path), nothing_piece, INT64_MAX, (struct told){ 0 }, err);
	if (r == 0)
		r = wipe_by_scrub(path, algorithm, err);
	return error_in(err, r, "wipe");
}
