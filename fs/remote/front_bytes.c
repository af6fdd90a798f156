/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What FUSE asks of remote files of bytes. */
#include "bytes.h"

#include <unistd.h>

#include "front_private.h"

#define CLOSE_GRACE_MS 2000 /* few programs look at what close says, and none closes again */

static struct call *bytes_call(fuse_req_t req, struct rhandle *h, int (*run)(struct call *, struct error *),
			       void (*reply)(struct call *))
{
	struct call *c = front_call(req, h->n, run, reply);

	c->rh = h;
	c->grace_ms = BYTES_GRACE_MS;
	return c;
}

/* ---- read and write ---- */

static int run_read(struct call *c, struct error *err)
{
	return rbytes_read(c->rh->bytes, c->off, c->size, &c->data, &c->part.p, &c->part.n, err);
}

static void reply_read(struct call *c)
{
	fuse_reply_buf(c->req, c->part.p, c->part.n);
	buf_clear(&c->data);
}

void front_rbytes_read(fuse_req_t req, struct rhandle *h, size_t size, off_t off)
{
	struct call *c = bytes_call(req, h, run_read, reply_read);

	c->off = off;
	c->size = size;
	rbytes_will_read(h->bytes, off, size);
	call_start(c);
}

static int run_write(struct call *c, struct error *err)
{
	int r = c->data.n ? rbytes_write_waiting(c->rh->bytes, c->who.pid, c->off, c->data.p, c->data.n) : 0;

	buf_clear(&c->data); /* what is in it is no secret, and large */
	if (r == 0 && rbytes_writes_through(c->rh->bytes))
		r = rbytes_settle(c->rh->bytes, err);
	return r;
}

static void reply_write(struct call *c)
{
	fuse_reply_write(c->req, c->size);
}

void front_rbytes_write(fuse_req_t req, struct rhandle *h, const char *p, size_t size, off_t off)
{
	int r = rbytes_write(h->bytes, who_of(req).pid, off, p, size);
	struct call *c;

	if (r == 0 && !rbytes_writes_through(h->bytes)) {
		fuse_reply_write(req, size);
		return;
	}
	if (r < 0 && r != -EAGAIN) {
		fuse_reply_err(req, -r);
		return;
	}
	c = bytes_call(req, h, run_write, reply_write);
	c->off = off;
	c->size = size;
	if (r < 0)
		buf_add(&c->data, p, size);
	call_start(c);
}

/* ---- where there is data, and room for it ---- */

static int run_seek(struct call *c, struct error *err)
{
	struct p9_msg m = {
		.type = P9_TSEEK, .fid = rbytes_fid(c->rh->bytes), .offset = c->off, .flags = (uint32_t)c->mask
	};
	autorcall struct rcall *got = NULL;
	int r = rbytes_call(c->rh->bytes, &m, &got, err);

	c->off = r == 0 ? got->reply.offset : 0;
	return r;
}

static void reply_seek(struct call *c)
{
	fuse_reply_lseek(c->req, c->off);
}

void remote_lseek(fuse_req_t req, off_t off, int whence, struct fuse_file_info *fi)
{
	struct rhandle *h = front_handle(fi);
	struct call *c;

	if (!h->bytes) {
		front_seek_text(req, h->text.n ? (off_t)h->text.n : (off_t)h->n->attr.size, off, whence);
		return;
	}
	c = bytes_call(req, h, run_seek, reply_seek);
	c->off = off;
	c->mask = whence;
	call_start(c);
}

static int run_allocate(struct call *c, struct error *err)
{
	struct p9_msg m = { .type = P9_TALLOCATE,
			    .fid = rbytes_fid(c->rh->bytes),
			    .flags = (uint32_t)c->mask,
			    .offset = c->off,
			    .length = c->size };
	autorcall struct rcall *got = NULL;

	return rbytes_call(c->rh->bytes, &m, &got, err);
}

void remote_fallocate(fuse_req_t req, int mode, off_t off, off_t n, struct fuse_file_info *fi)
{
	struct rhandle *h = front_handle(fi);
	struct call *c;

	if (!h->bytes) {
		fuse_reply_err(req, EPERM);
		return;
	}
	c = bytes_call(req, h, run_allocate, NULL);
	c->mask = mode;
	c->off = off;
	c->size = (size_t)n;
	rbytes_will_change(h->bytes, c->who.pid);
	call_start(c);
}

static int run_copy(struct call *c, struct error *err)
{
	struct p9_msg m = { .type = P9_TCOPY,
			    .fid = rbytes_fid(c->rh_from->bytes),
			    .offset = c->off2,
			    .newfid = rbytes_fid(c->rh->bytes),
			    .start = c->off,
			    .length = c->size };
	autorcall struct rcall *got = NULL;
	int r = rnode_written(rbytes_node(c->rh_from->bytes));

	if (r == 0)
		r = rbytes_call(c->rh->bytes, &m, &got, err);
	c->size = r == 0 ? got->reply.length : 0;
	return r;
}

void remote_copy(fuse_req_t req, off_t off_in, struct fuse_file_info *fi_in, off_t off_out,
		 struct fuse_file_info *fi_out, size_t n)
{
	struct rhandle *from = front_handle(fi_in), *to = front_handle(fi_out);
	struct call *c;

	if (!from->bytes || !to->bytes || from->n->r != to->n->r) {
		fuse_reply_err(req, EOPNOTSUPP);
		return;
	}
	c = bytes_call(req, to, run_copy, reply_write);
	c->rh_from = from;
	c->off2 = off_in;
	c->off = off_out;
	c->size = n;
	rbytes_will_change(to->bytes, c->who.pid);
	call_start(c);
}

/* ---- close ---- */

static int run_commit(struct call *c, struct error *err)
{
	return rbytes_commit(c->rh->bytes, err);
}

static int run_settle(struct call *c, struct error *err)
{
	return rbytes_settle(c->rh->bytes, err);
}

static int run_sync(struct call *c, struct error *err)
{
	return rbytes_sync(c->rh->bytes, err);
}

/* As front_bytes_flush: a program that is done makes an upload whole, one that was killed does not. */
void front_rbytes_flush(fuse_req_t req, struct rhandle *h, bool sync)
{
	enum closing how = sync ? CLOSE_DONE : rbytes_closing(h->bytes, who_of(req).pid);
	struct call *c = bytes_call(req, h, sync ? run_sync : how == CLOSE_DONE ? run_commit : run_settle, NULL);

	c->grace_ms = CLOSE_GRACE_MS;
	call_start(c);
}
