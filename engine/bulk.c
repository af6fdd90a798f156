/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes by offset over a descriptor: a file or a block device.  What is at both ends of a bulk's life. */
#include "bulk.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static ssize_t fd_read(struct bulk *b, char *p, size_t n, uint64_t off)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = pread(b->fd, p + done, n - done, (off_t)(off + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return done ? (ssize_t)done : -errno;
		if (!got)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

static ssize_t fd_write(struct bulk *b, const char *p, size_t n, uint64_t off)
{
	size_t done = 0;

	while (done < n) {
		ssize_t put = pwrite(b->fd, p + done, n - done, (off_t)(off + done));

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put < 0 ? -errno : -ENOSPC;
		done += (size_t)put;
	}
	return (ssize_t)done;
}

static int64_t fd_size(struct bulk *b)
{
	uint64_t size;
	struct stat st;

	if (fstat(b->fd, &st) < 0)
		return -errno;
	if (!S_ISBLK(st.st_mode))
		return st.st_size;
	return ioctl(b->fd, BLKGETSIZE64, &size) < 0 ? -errno : (int64_t)size;
}

/* Where the kernel cannot tell (block devices), all is data. */
static int64_t fd_seek(struct bulk *b, uint64_t off, int whence)
{
	int64_t at = lseek(b->fd, (off_t)off, whence), size;

	if (at >= 0 || errno != EINVAL)
		return at < 0 ? -errno : at;
	size = fd_size(b);
	if (size < 0 || off >= (uint64_t)size)
		return size < 0 ? size : -ENXIO;
	return whence == SEEK_DATA ? (int64_t)off : size;
}

/* A device is as large as it is; a copy into it that ends by setting its size is none the worse for that. */
static int fd_truncate(struct bulk *b, uint64_t size)
{
	struct stat st;

	if (fstat(b->fd, &st) < 0)
		return -errno;
	if (S_ISBLK(st.st_mode))
		return fd_size(b) >= (int64_t)size ? 0 : -ENOSPC;
	return ftruncate(b->fd, (off_t)size) < 0 ? -errno : 0;
}

static int fd_fallocate(struct bulk *b, int mode, uint64_t off, uint64_t n)
{
	int r;

	while ((r = fallocate(b->fd, mode, (off_t)off, (off_t)n)) < 0 && errno == EINTR)
		;
	return r < 0 ? -errno : 0;
}

static int fd_sync(struct bulk *b)
{
	return fdatasync(b->fd) < 0 ? -errno : 0;
}

static void fd_close(struct bulk *b)
{
	close(b->fd);
}

static const struct bulk_ops fd_ops = {
	.read = fd_read,
	.write = fd_write,
	.seek = fd_seek,
	.truncate = fd_truncate,
	.fallocate = fd_fallocate,
	.sync = fd_sync,
	.size = fd_size,
	.close = fd_close,
};

struct bulk *bulk_of_fd(int fd, bool writable)
{
	struct bulk *b = xcalloc(1, sizeof(*b));

	b->ops = &fd_ops;
	b->worker = worker_new("bulk");
	b->fd = fd;
	b->writable = writable;
	return b;
}

static void close_it(void *arg)
{
	struct bulk *b = arg;

	if (b->ops->close)
		b->ops->close(b);
	free(b);
}

void bulk_free(struct bulk *b)
{
	struct worker *w;

	if (!b)
		return;
	if (b->closed)
		b->closed(b);
	w = b->worker;
	if (worker_post(w, close_it, b) < 0)
		close_it(b); /* no thread can be had: the loop waits for this one */
	worker_free(w);
}
