/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Open bytes through FUSE: direct, in requests of up to 1 MiB; holes are seen and made. */
#include "fuse.h"

#include <fcntl.h>
#include <unistd.h>

#include "bytes.h"
#include "remote/front.h"

static struct handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

static bool is_bytes(const struct handle *h)
{
	return h && h->bulk;
}

static struct call *new_call(fuse_req_t req, struct handle *h, int (*run)(struct call *, struct error *),
			     void (*reply)(struct call *))
{
	struct place at = handle_place(h, NULL);
	struct call *c = call_new(req, &at, run, reply);

	c->h = h;
	return c;
}

static int run_read(struct call *c, struct error *err)
{
	size_t got;
	int r;

	c->data.p = xmalloc(c->size ? c->size : 1);
	c->data.cap = c->size;
	r = bytes_read(c->h, c->data.p, c->size, c->off, &got, err);
	if (r == 0)
		c->data.n = got;
	return r;
}

static void reply_data(struct call *c)
{
	fuse_reply_buf(c->req, c->data.p, c->data.n);
}

bool fuse_bytes_read(fuse_req_t req, struct handle *h, size_t size, off_t off)
{
	struct call *c;

	if (!is_bytes(h))
		return false;
	c = new_call(req, h, run_read, reply_data);
	c->size = size;
	c->off = off;
	call_start(c);
	return true;
}

static int run_write(struct call *c, struct error *err)
{
	return bytes_write(c->h, (struct str){ c->data.p, c->data.n }, c->off, err);
}

static void reply_written(struct call *c)
{
	fuse_reply_write(c->req, c->data.n);
}

bool fuse_bytes_write(fuse_req_t req, struct handle *h, const char *p, size_t size, off_t off)
{
	struct call *c;

	if (!is_bytes(h))
		return false;
	c = new_call(req, h, run_write, reply_written);
	buf_add(&c->data, p, size);
	c->off = off;
	call_start(c);
	return true;
}

static int run_flush(struct call *c, struct error *err)
{
	return bytes_flush(c->h, c->who.pid, c->sync, err);
}

bool fuse_bytes_flush(fuse_req_t req, struct handle *h, bool sync)
{
	struct call *c;

	if (!is_bytes(h))
		return false;
	c = new_call(req, h, run_flush, NULL);
	c->sync = sync;
	call_start(c);
	return true;
}

/* ---- holes ---- */

static int run_seek(struct call *c, struct error *err)
{
	return bytes_seek(c->h, c->off, c->mask, &c->off, err);
}

static void reply_seek(struct call *c)
{
	fuse_reply_lseek(c->req, c->off);
}

void ll_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi)
{
	struct handle *h = remote_is(ino) ? NULL : handle_of(fi);
	struct call *c;

	if (!is_bytes(h)) { /* a text has no holes: the kernel knows what to answer */
		fuse_reply_err(req, whence == SEEK_DATA || whence == SEEK_HOLE ? EOPNOTSUPP : EINVAL);
		return;
	}
	c = new_call(req, h, run_seek, reply_seek);
	c->off = off;
	c->mask = whence;
	call_start(c);
}

static int run_fallocate(struct call *c, struct error *err)
{
	return bytes_fallocate(c->h, c->mask, c->off, c->size, err);
}

void ll_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t n, struct fuse_file_info *fi)
{
	struct handle *h = remote_is(ino) ? NULL : handle_of(fi);
	struct call *c;

	if (!is_bytes(h)) { /* not EOPNOTSUPP: posix_fallocate would then write zeroes into a value */
		fuse_reply_err(req, EPERM);
		return;
	}
	c = new_call(req, h, run_fallocate, NULL);
	c->mask = mode;
	c->off = off;
	c->size = n;
	call_start(c);
}

/* ---- copies within the mount ---- */

static int run_copy(struct call *c, struct error *err)
{
	uint64_t done = 0;
	int r = bytes_copy(c->h, c->off, c->h2, c->off2, c->size, &done, err);

	c->size = done;
	return r;
}

static void reply_copied(struct call *c)
{
	fuse_reply_write(c->req, c->size);
}

void ll_copy_file_range(fuse_req_t req, fuse_ino_t in, off_t off_in, struct fuse_file_info *fi_in, fuse_ino_t out,
			off_t off_out, struct fuse_file_info *fi_out, size_t n, int flags unused)
{
	struct handle *from = remote_is(in) ? NULL : handle_of(fi_in), *to = remote_is(out) ? NULL : handle_of(fi_out);
	struct call *c;

	if (!is_bytes(from) || !is_bytes(to)) {
		fuse_reply_err(req, EOPNOTSUPP);
		return;
	}
	c = new_call(req, from, run_copy, reply_copied);
	c->h2 = to;
	c->off = off_in;
	c->off2 = off_out;
	c->size = n;
	call_start(c);
}

/* ---- truncate ---- */

static int run_truncate(struct call *c, struct error *err)
{
	struct handle *h = c->h;
	int r = 0;

	if (!h) { /* truncate(2) by the path */
		struct place at = c->at;
		h = handle_new(&at, O_RDWR);
		r = bytes_open(h, err);
	}
	if (r == 0)
		r = bytes_truncate(h, c->off, err);
	if (r == 0 && !c->h)
		r = bytes_flush(h, 0, true, err);
	if (!c->h)
		handle_free(h);
	return r;
}

static void reply_truncated(struct call *c)
{
	struct stat st;
	double timeout;

	attr_of(&c->at, &st, &timeout);
	st.st_size = c->off;
	fuse_reply_attr(c->req, &st, 0);
}

bool fuse_bytes_truncate(fuse_req_t req, const struct place *at, uint64_t size, struct fuse_file_info *fi)
{
	struct call *c;

	if (at->slot->entry->kind != ENTRY_BYTES)
		return false;
	c = call_new(req, at, run_truncate, reply_truncated);
	c->h = fi ? handle_of(fi) : NULL;
	c->off = size;
	call_start(c);
	return true;
}
