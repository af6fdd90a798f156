/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A file of a GlusterFS volume as a row of bytes, on a thread of its own.  What is uploaded lies beside until it is whole. */
#include <linux/falloc.h>

#include "gluster.h"

/* The open file is that of the job: TARGET of an upload, FD of one that is written in place. */
static glfs_fd_t *file_of(struct bulk *k)
{
	struct gluster_job *j = k->priv;

	return j->target ? j->target : j->fd;
}

static int result(int r)
{
	return r < 0 ? -(errno ? errno : EIO) : 0;
}

static ssize_t bulk_read(struct bulk *k, char *p, size_t n, uint64_t off)
{
	size_t done = 0;

	while (done < n) {
		ssize_t got = gluster.glfs_pread(file_of(k), p + done, n - done, (off_t)(off + done), 0, NULL);

		if (got < 0 && !done)
			return result(-1);
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	return (ssize_t)done;
}

static ssize_t bulk_write(struct bulk *k, const char *p, size_t n, uint64_t off)
{
	size_t done = 0;

	if (off > INT64_MAX - n)
		return -EFBIG;
	while (done < n) {
		ssize_t put = gluster.glfs_pwrite(file_of(k), p + done, n - done, (off_t)(off + done), 0, NULL, NULL);

		if (put <= 0)
			return put < 0 ? result(-1) : -ENOSPC;
		done += (size_t)put;
	}
	return (ssize_t)n;
}

static int64_t bulk_size(struct bulk *k)
{
	struct stat st;

	return gluster.glfs_fstat(file_of(k), &st) < 0 ? result(-1) : st.st_size;
}

/* Some translators know no holes: then all is data. */
static int64_t bulk_seek(struct bulk *k, uint64_t off, int whence)
{
	int64_t size = bulk_size(k), r;

	if (size < 0)
		return size;
	if (off >= (uint64_t)size)
		return -ENXIO;
	r = gluster.glfs_lseek(file_of(k), (off_t)off, whence);
	if (r < 0 && (errno == EOPNOTSUPP || errno == EINVAL || errno == ENOSYS))
		return whence == SEEK_DATA ? (int64_t)off : size;
	return r < 0 ? result(-1) : r;
}

static int bulk_truncate(struct bulk *k, uint64_t size)
{
	return size > INT64_MAX ? -EFBIG : result(gluster.glfs_ftruncate(file_of(k), (off_t)size, NULL, NULL));
}

static int bulk_fallocate(struct bulk *k, int mode, uint64_t off, uint64_t n)
{
	if (mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE))
		return result(gluster.glfs_discard(file_of(k), (off_t)off, n));
	if (mode & ~FALLOC_FL_KEEP_SIZE)
		return -EOPNOTSUPP;
	return result(gluster.glfs_fallocate(file_of(k), mode & FALLOC_FL_KEEP_SIZE, (off_t)off, n));
}

static int bulk_sync(struct bulk *k)
{
	return result(gluster.glfs_fsync(file_of(k), NULL, NULL));
}

static void bulk_close(struct bulk *k)
{
	gluster_job_end(take(&k->priv));
}

static const struct bulk_ops ops = {
	.read = bulk_read,
	.write = bulk_write,
	.seek = bulk_seek,
	.truncate = bulk_truncate,
	.fallocate = bulk_fallocate,
	.sync = bulk_sync,
	.size = bulk_size,
	.close = bulk_close,
};

/* ---- whole ---- */

static int commit_work(void *arg)
{
	struct gluster_job *j = arg;

	return j->temp ? gluster_appear(j) : 0; /* else it is in its place already */
}

static int commit(struct bulk *k, struct error *err)
{
	return far_commit(k, commit_work, err);
}

/* ---- opened ---- */

static int open_work(void *arg)
{
	struct gluster_job *j = arg;

	if (j->to)
		return gluster_make_temp(j);
	j->fd = gluster_open_file(j, j->flags & O_ACCMODE);
	return j->fd ? 0 : -j->far.why.code;
}

int gluster_image(struct pool *p, const char *name, int flags, const struct volume_spec *spec, struct bulk **out,
		  struct error *err)
{
	struct gluster_job *j = gluster_name_check(name, err) == 0 ? gluster_job_new(p, name, err) : NULL;
	struct worker *w;
	int r;

	if (!j)
		return err && err->code ? -err->code : -EINVAL;
	j->flags = flags;
	if (flags & (O_CREAT | O_TRUNC)) {
		j->to = xstrdup(name);
		j->replaces = !(flags & O_CREAT);
		gluster_job_owner(j, spec);
	}
	w = worker_new("gluster-bytes");
	r = far_run_on(w, &j->far, open_work, POOL_ASK_MS, err);
	if (r < 0) {
		worker_free(w);
		return r;
	}
	*out = xcalloc(1, sizeof(**out));
	**out = (struct bulk){ .ops = &ops,
			       .worker = w,
			       .fd = -1,
			       .writable = (flags & O_ACCMODE) != O_RDONLY,
			       .priv = j,
			       .commit = j->to ? commit : NULL };
	return 0;
}
