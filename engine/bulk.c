/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes of a descriptor: files and block devices.  See bulk.h. */
#include "bulk.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "task.h"

static ssize_t fd_read(struct bulk *b, char *p, size_t n, uint64_t off)
{
	size_t done = 0;

	while (done < n) {
		ssize_t k = pread(b->fd, p + done, n - done, off + done);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return done ? (ssize_t)done : -errno;
		if (k == 0)
			break;
		done += k;
	}
	return done;
}

static ssize_t fd_write(struct bulk *b, const char *p, size_t n, uint64_t off)
{
	size_t done = 0;

	while (done < n) {
		ssize_t k = pwrite(b->fd, p + done, n - done, off + done);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -errno;
		done += k;
	}
	return done;
}

static bool is_block(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISBLK(st.st_mode);
}

static int64_t fd_size(struct bulk *b)
{
	struct stat st;
	uint64_t bytes;

	if (fstat(b->fd, &st) < 0)
		return -errno;
	if (S_ISBLK(st.st_mode))
		return ioctl(b->fd, BLKGETSIZE64, &bytes) < 0 ? -errno : (int64_t)bytes;
	return st.st_size;
}

static int64_t fd_seek(struct bulk *b, uint64_t off, int whence)
{
	off_t r = lseek(b->fd, off, whence);

	return r < 0 ? -errno : r;
}

static int fd_truncate(struct bulk *b, uint64_t size)
{
	int64_t now;

	if (is_block(b->fd)) { /* a copy that ends by setting the size that there is anyway */
		now = fd_size(b);
		return now >= 0 && size <= (uint64_t)now ? 0 : -ENOSPC;
	}
	return ftruncate(b->fd, size) < 0 ? -errno : 0;
}

static int fd_fallocate(struct bulk *b, int mode, uint64_t off, uint64_t n)
{
	return fallocate(b->fd, mode, off, n) < 0 ? -errno : 0;
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

static int close_it(void *arg)
{
	struct bulk *b = arg;

	if (b->ops->close)
		b->ops->close(b);
	return 0;
}

static void closer(void *arg)
{
	struct bulk *b = arg;
	struct worker *w = b->worker;

	task_shield(1);
	if (offload(w, close_it, b, NULL, NO_TIMEOUT) == -EAGAIN) /* no thread could be had */
		close_it(b);
	task_shield(-1);
	worker_free(w);
	free(b);
}

void bulk_free(struct bulk *b)
{
	if (!b)
		return;
	if (b->closed)
		b->closed(b);
	b->closed = NULL;
	task_start(closer, b);
}
