/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Volumes of a GlusterFS volume are made, copied and wiped: piece by piece, so that it can be watched and broken off. */
#include <sys/random.h>

#include "gluster.h"

#define BUFFER (1u << 20)

static int fill_random(char *p, size_t n)
{
	for (size_t have = 0; have < n;) {
		ssize_t got = getrandom(p + have, n - have, 0);

		if (got < 0 && errno != EINTR)
			return -1;
		have += got > 0 ? (size_t)got : 0;
	}
	return 0;
}

static int put(glfs_fd_t *fd, const char *p, size_t n, uint64_t off)
{
	while (n) {
		ssize_t done = gluster.glfs_pwrite(fd, p, n, (off_t)off, 0, NULL, NULL);

		if (done <= 0) {
			errno = done < 0 ? errno : ENOSPC;
			return -1;
		}
		p += done;
		off += (uint64_t)done;
		n -= (size_t)done;
	}
	return 0;
}

/* From *OFF: the next part that holds something, up to END; where nothing tells of holes it is all.  0: there is none. */
static uint64_t next_part(glfs_fd_t *fd, uint64_t *off, uint64_t end)
{
	off_t data = gluster.glfs_lseek(fd, (off_t)*off, SEEK_DATA), hole;

	if (data < 0 && errno == ENXIO)
		return 0;
	if (data < 0)
		return end - *off;
	if ((uint64_t)data >= end)
		return 0;
	*off = (uint64_t)data;
	hole = gluster.glfs_lseek(fd, data, SEEK_HOLE);
	return hole < 0 || (uint64_t)hole > end ? end - *off : (uint64_t)hole - *off;
}

/* FN on each MiB of this piece that holds something in FD. */
static int each_part(struct gluster_job *j, glfs_fd_t *fd,
		     int (*fn)(struct gluster_job *j, char *p, size_t n, uint64_t off))
{
	autofree char *buffer = xcalloc(1, BUFFER);
	uint64_t at = j->far.off, end = j->far.off + j->far.n, part;

	while (at < end && (part = next_part(fd, &at, end))) {
		for (uint64_t stop = at + part; at < stop;) {
			size_t n = stop - at < BUFFER ? (size_t)(stop - at) : BUFFER;

			if (fn(j, buffer, n, at) < 0)
				return -1;
			at += n;
		}
	}
	return 0;
}

/* ---- made ---- */

static int temp_work(void *arg)
{
	return gluster_make_temp(arg);
}

static int appear_work(void *arg)
{
	return gluster_appear(arg);
}

static int room(struct gluster_job *j)
{
	if (j->flags == 'f') /* zeroes that are written, to the last one */
		return 0;
	return gluster.glfs_fallocate(j->target, 0, (off_t)j->far.off, j->far.n);
}

/* j->far.size bytes get their place, j->flags says how; the rest is a hole of the size that it has. */
static int raw_work(void *arg)
{
	struct gluster_job *j = arg;
	autofree char *zeroes = NULL;
	int r;

	if (!far_piece(&j->far, GLUSTER_PIECE))
		return gluster_appear(j);
	r = room(j);
	if (r == 0 && j->flags == 'f') {
		zeroes = xcalloc(1, BUFFER);
		for (uint64_t at = j->far.off; r == 0 && at < j->far.off + j->far.n; at += BUFFER)
			r = put(j->target, zeroes,
				j->far.off + j->far.n - at < BUFFER ? j->far.off + j->far.n - at : BUFFER, at);
	}
	return r < 0 ? gluster_failed(j, j->to) : 0;
}

static int size_work(void *arg)
{
	struct gluster_job *j = arg;
	struct statvfs fs;
	int r = gluster_make_temp(j);

	if (r < 0)
		return r;
	if (gluster.glfs_ftruncate(j->target, (off_t)j->st.st_size, NULL, NULL) < 0)
		return gluster_failed(j, j->to);
	if (!j->far.size || gluster.glfs_statvfs(j->fs->fs, "/", &fs) < 0 ||
	    j->far.size <= (uint64_t)fs.f_bfree * fs.f_frsize)
		return 0;
	return error_set(&j->far.why, ENOSPC,
			 "%llu bytes are to be taken at once, %llu are free: less allocation, or preallocation off",
			 (unsigned long long)j->far.size, (unsigned long long)fs.f_bfree * fs.f_frsize);
}

static int create_raw(struct pool *p, struct gluster_job *j, const struct volume_spec *spec, struct error *err)
{
	bool full = str_eq(spec->preallocation, "full"), all = full || str_eq(spec->preallocation, "falloc");
	int r;

	if (spec->capacity > INT64_MAX)
		r = error_set(err, EINVAL, "nothing is larger than 2^63 - 1 bytes");
	else if (str_eq(spec->preallocation, "metadata"))
		r = error_set(err, EINVAL, "preallocation 'metadata': a raw volume has none: expected off falloc full");
	else
		r = 0;
	if (r < 0) {
		gluster_job_free(j);
		return r;
	}
	j->st.st_size = (off_t)spec->capacity;
	j->flags = full ? 'f' : 'a';
	if (all || !spec->preallocation)
		j->far.size = all || spec->allocation > spec->capacity ? spec->capacity : spec->allocation;
	r = far_run(p, &j->far, size_work, POOL_WORK_MS, err);
	return r < 0 ? r : far_pieces(&j->far, raw_work, spec->progress, spec->arg, err);
}

/* The file is ours before and after; between, qemu-img fills it over the network. */
static int create_by_qemu(struct pool *p, struct gluster_job *j, const struct volume_spec *spec, struct error *err)
{
	struct worker *w;
	int r = far_run(p, &j->far, temp_work, POOL_WORK_MS, err);
	autofree char *url = r < 0 ? NULL : gluster_url(&j->fs->at, j->temp);

	if (r < 0)
		return r;
	r = image_create(p, spec, url, true, err);
	if (r < 0) {
		if (strstr(error_text(err), "Unknown protocol 'gluster'"))
			r = error_set(err, ENOTSUP,
				      "qemu-img has no gluster driver: install qemu-block-extra, or use format raw");
		gluster_job_free(j);
		return r;
	}
	w = worker_new("gluster-work");
	r = far_run_on(w, &j->far, appear_work, POOL_WORK_MS, err);
	worker_free(w);
	if (r == 0)
		gluster_job_free(j);
	return r;
}

int gluster_create(struct pool *p, const struct volume_spec *spec, struct error *err)
{
	struct gluster_job *j = gluster_name_check(spec->name, err) == 0 ? gluster_job_new(p, spec->name, err) : NULL;
	bool raw = str_eq(spec->format, "raw") || str_eq(spec->format, "iso");
	int r;

	if (!j)
		return err && err->code ? -err->code : -EINVAL;
	gluster_job_owner(j, spec);
	if (str_eq(spec->format, "dir")) {
		r = far_run(p, &j->far, gluster_mkdir_work, POOL_WORK_MS, err);
		if (r == 0)
			gluster_job_free(j);
		return r;
	}
	if (node_first(spec->xml, "target/nocow")) {
		gluster_job_free(j);
		return error_set(err, ENOTSUP, "<nocow>: it cannot be set over the network");
	}
	j->to = xstrdup(spec->name);
	if (raw && !spec->secret && !spec->from_path && !spec->backing)
		return create_raw(p, j, spec, err);
	return create_by_qemu(p, j, spec, err);
}

/* ---- copied ---- */

static int copy_part(struct gluster_job *j, char *p, size_t n, uint64_t off)
{
	while (n) {
		ssize_t got = gluster.glfs_pread(j->fd, p, n, (off_t)off, 0, NULL);

		if (got == 0) /* it was cut meanwhile */
			errno = EIO;
		if (got <= 0 || put(j->target, p, (size_t)got, off) < 0)
			return -1;
		off += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

static int open_copy(struct gluster_job *j)
{
	int r;

	j->fd = gluster_open_file(j, O_RDONLY);
	if (!j->fd)
		return -j->far.why.code;
	j->far.size = (uint64_t)j->st.st_size;
	r = gluster_make_temp(j);
	if (r == 0 && gluster.glfs_ftruncate(j->target, j->st.st_size, NULL, NULL) < 0)
		r = gluster_failed(j, j->to);
	return r;
}

static int copy_work(void *arg)
{
	struct gluster_job *j = arg;
	int r = j->fd ? 0 : open_copy(j);

	if (r < 0)
		return r;
	if (!far_piece(&j->far, GLUSTER_PIECE))
		return gluster_appear(j);
	return each_part(j, j->fd, copy_part) < 0 ? gluster_failed(j, j->name) : 0;
}

int gluster_clone(struct pool *p, const char *name, const struct volume_info *now unused, const struct volume_spec *to,
		  struct error *err)
{
	struct gluster_job *j = gluster_name_check(to->name, err) == 0 ? gluster_job_new(p, name, err) : NULL;

	if (!j)
		return err && err->code ? -err->code : -EINVAL;
	j->to = xstrdup(to->name);
	gluster_job_owner(j, to);
	return far_pieces(&j->far, copy_work, to->progress, to->arg, err);
}

/* ---- wiped ---- */

static int overwrite(struct gluster_job *j, char *p, size_t n, uint64_t off)
{
	if (j->flags == 'r' && fill_random(p, n) < 0)
		return -1;
	return put(j->fd, p, n, off);
}

static int wipe_work(void *arg)
{
	struct gluster_job *j = arg;
	int r;

	if (!j->fd) {
		j->fd = gluster_open_file(j, O_RDWR);
		j->far.size = j->fd ? (uint64_t)j->st.st_size : 0;
	}
	if (!j->fd)
		return -j->far.why.code;
	if (!far_piece(&j->far, GLUSTER_PIECE))
		r = gluster.glfs_fsync(j->fd, NULL, NULL);
	else if (j->flags == 't')
		r = gluster.glfs_discard(j->fd, (off_t)j->far.off, j->far.n);
	else
		r = each_part(j, j->fd, overwrite);
	return r < 0 ? gluster_failed(j, j->name) : 0;
}

int gluster_wipe(struct pool *p, const char *name, const struct volume_info *now unused, const char *algorithm,
		 void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg, struct error *err)
{
	static const char *const known[] = { "zero", "random", "trim", NULL };
	struct gluster_job *j;

	if (word_index(known, algorithm) < 0)
		return error_set(err, ENOTSUP,
				 "'%s' needs a device of this machine, which a file of GlusterFS is not: expected "
				 "zero random trim",
				 algorithm);
	j = gluster_job_new(p, name, err);
	if (!j)
		return -EBUSY;
	j->flags = algorithm[0];
	return far_pieces(&j->far, wipe_work, progress, arg, err);
}
