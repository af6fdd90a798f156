/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See bytes.h.  Every call runs on the bulk's own thread; a buffer lives until that is done with it, whoever still waits. */
#include "bytes.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "engine/bulk.h"

#define BYTES_MS   30000
#define COPY_PIECE (64ull << 20)
#define PF_EXITING 0x4 /* include/linux/sched.h; field 9 of /proc/PID/stat */

struct bytes_job {
	struct bulk *b, *to;
	char *p;
	size_t n;
	uint64_t off, off2, len;
	int what;
	int64_t result;
	struct bytes_job *own; /* P is to be freed with it */
};

static void job_free(void *arg)
{
	struct bytes_job *j = arg;

	if (j->own)
		free(j->p);
	free(j);
}

/* Runs FN on the thread of J->b; J is freed unless 0 is returned, and the result is in it. */
static int run(struct bytes_job *j, int (*fn)(void *arg), struct error *err)
{
	int r = offload(j->b->worker, fn, j, job_free, BYTES_MS);

	if (r == -ETIMEDOUT)
		return error_set(err, ETIMEDOUT, "the storage does not answer");
	if (r < 0) {
		if (r != -ECANCELED)
			job_free(j);
		return r;
	}
	return 0;
}

static struct bytes_job *job_new(struct handle *h)
{
	struct bytes_job *j = xcalloc(1, sizeof(*j));

	j->b = h->bulk;
	return j;
}

static int finish(struct bytes_job *j, struct error *err)
{
	int64_t r = j->result;

	job_free(j);
	return r < 0 ? error_set(err, -r, "%s", strerror(-r)) : 0;
}

int bytes_open(struct handle *h, struct error *err)
{
	struct place at = handle_place(h, &h->who);

	return h->slot->entry->bytes(&at, h->flags, &h->bulk, err);
}

/* ---- read and write ---- */

static int do_read(void *arg)
{
	struct bytes_job *j = arg;

	j->result = j->b->ops->read ? j->b->ops->read(j->b, j->p, j->n, j->off) : -EOPNOTSUPP;
	return 0;
}

int bytes_read(struct handle *h, char *p, size_t n, uint64_t off, size_t *got, struct error *err)
{
	struct bytes_job *j = job_new(h);
	int r;

	j->own = j;
	j->p = xmalloc(n ? n : 1);
	j->n = n;
	j->off = off;
	r = run(j, do_read, err);
	if (r < 0)
		return r;
	if (j->result > 0)
		memcpy(p, j->p, j->result);
	*got = j->result > 0 ? j->result : 0;
	return finish(j, err);
}

static int do_write(void *arg)
{
	struct bytes_job *j = arg;

	j->result = j->b->ops->write ? j->b->ops->write(j->b, j->p, j->n, j->off) : -EOPNOTSUPP;
	return 0;
}

int bytes_write(struct handle *h, struct str data, uint64_t off, struct error *err)
{
	struct bytes_job *j = job_new(h);
	int r;

	h->bytes_written = true;
	j->own = j;
	j->p = xmemdup(data.p, data.n);
	j->n = data.n;
	j->off = off;
	r = run(j, do_write, err);
	if (r == 0)
		r = finish(j, err);
	if (r < 0)
		h->bytes_failed = true;
	else
		h->bulk->moved += data.n;
	return r;
}

static int do_truncate(void *arg)
{
	struct bytes_job *j = arg;

	j->result = j->b->ops->truncate ? j->b->ops->truncate(j->b, j->len) : -EOPNOTSUPP;
	return 0;
}

int bytes_truncate(struct handle *h, uint64_t size, struct error *err)
{
	struct bytes_job *j = job_new(h);
	int r;

	h->bytes_written = true;
	j->len = size;
	r = run(j, do_truncate, err);
	if (r == 0)
		r = finish(j, err);
	h->bytes_failed |= r < 0;
	return r;
}

static int do_fallocate(void *arg)
{
	struct bytes_job *j = arg;

	j->result = j->b->ops->fallocate ? j->b->ops->fallocate(j->b, j->what, j->off, j->len) : -EOPNOTSUPP;
	return 0;
}

int bytes_fallocate(struct handle *h, int mode, uint64_t off, uint64_t n, struct error *err)
{
	struct bytes_job *j = job_new(h);
	int r;

	j->what = mode;
	j->off = off;
	j->len = n;
	r = run(j, do_fallocate, err);
	return r == 0 ? finish(j, err) : r;
}

static int do_seek(void *arg)
{
	struct bytes_job *j = arg;

	j->result = j->b->ops->seek ? j->b->ops->seek(j->b, j->off, j->what) : -EOPNOTSUPP;
	return 0;
}

int bytes_seek(struct handle *h, uint64_t off, int whence, uint64_t *at, struct error *err)
{
	struct bytes_job *j = job_new(h);
	int r;

	j->what = whence;
	j->off = off;
	r = run(j, do_seek, err);
	if (r < 0)
		return r;
	*at = j->result;
	return finish(j, err);
}

/* Between two files the kernel copies, or shares, without the bytes passing here. */
static int do_copy(void *arg)
{
	struct bytes_job *j = arg;
	loff_t in = j->off, out = j->off2;
	ssize_t k = copy_file_range(j->b->fd, &in, j->to->fd, &out, j->len, 0);

	j->result = k < 0 ? -errno : k;
	return 0;
}

int bytes_copy(struct handle *from, uint64_t off, struct handle *to, uint64_t to_off, uint64_t n, uint64_t *done,
	       struct error *err)
{
	struct bytes_job *j;
	int r;

	if (from->bulk->fd < 0 || to->bulk->fd < 0)
		return -EOPNOTSUPP; /* then the one who asks reads and writes */
	j = job_new(from);
	j->to = to->bulk;
	j->off = off;
	j->off2 = to_off;
	j->len = n < COPY_PIECE ? n : COPY_PIECE;
	to->bytes_written = true;
	r = run(j, do_copy, err);
	if (r < 0)
		return r;
	*done = j->result > 0 ? j->result : 0;
	to->bulk->moved += *done;
	r = finish(j, err);
	return r == -EXDEV || r == -EINVAL ? -EOPNOTSUPP : r;
}

/* ---- the end of an upload ---- */

/* Is PID ending because of a signal, or with a failure?  Fields 9 (flags) and 52 (exit_code) of its stat, proc(5). */
static bool is_broken_off(pid_t pid)
{
	autofree char *path = xasprintf("/proc/%d/stat", pid);
	autobuf struct buf text = { 0 };
	unsigned long flags = 0;
	int code = 0, field = 2;
	char *p, *save = NULL;

	if (pid <= 0 || show_file(path, &text, NULL) < 0)
		return false;
	p = strrchr(text.p, ')');
	for (char *w = p ? strtok_r(p + 1, " \n", &save) : NULL; w; w = strtok_r(NULL, " \n", &save)) {
		field++;
		if (field == 9)
			flags = strtoul(w, NULL, 10);
		else if (field == 52)
			code = atoi(w);
	}
	return (flags & PF_EXITING) && code;
}

static int do_sync(void *arg)
{
	struct bytes_job *j = arg;

	j->result = j->b->ops->sync ? j->b->ops->sync(j->b) : 0;
	return 0;
}

int bytes_flush(struct handle *h, pid_t pid, bool sync, struct error *err)
{
	struct bytes_job *j;
	int r;

	if (!h->bytes_written || h->bytes_failed)
		return 0; /* who wrote it was told */
	if (h->bulk->commit) {
		if (!sync && is_broken_off(pid)) {
			h->bytes_failed = true;
			return 0;
		}
		return h->bulk->commit(h->bulk, err);
	}
	if (!sync)
		return 0;
	j = job_new(h);
	r = run(j, do_sync, err);
	return r == 0 ? finish(j, err) : r;
}

void bytes_close(struct handle *h)
{
	bulk_free(take(&h->bulk));
}
