/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Open files of remote trees.  A value is read and written by one message each, and opening it is no message at all; documents that are
 * written, streams and bytes are opened there.
 */
#include <fcntl.h>
#include <poll.h>

#include "bytes.h"
#include "front_private.h"

#define WHOLE_MAX (512u << 10) /* of a text that comes in one message */

struct rhandle *front_handle(const struct fuse_file_info *fi)
{
	return (struct rhandle *)(uintptr_t)fi->fh;
}

static bool writes(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY;
}

/* Else the other side is asked, before anything is written. */
static bool may_surely_write(const struct rnode *n)
{
	return n->attr.mode & (n->r->their_uid == 0 ? 0222 : n->r->their_uid == n->attr.uid ? 0200 : 0);
}

static bool opened_there(const struct rnode *n, int flags)
{
	if (writes(flags) && !may_surely_write(n))
		return true;
	return n->kind == P9_STREAM || n->kind == P9_BYTES || (n->kind == P9_DOC && writes(flags)) || n->hidden ||
	       n->attr.size > WHOLE_MAX;
}

void front_handle_unref(struct rhandle *h)
{
	if (--h->refs)
		return;
	buf_clear(&h->text);
	rnode_unref(h->n);
	free(h);
}

static void handle_close(struct rhandle *h)
{
	if (h->bytes)
		rbytes_close(take(&h->bytes));
	else if (h->fid && h->link == h->n->r->links)
		remote_clunk(h->n->r, h->fid);
	task_cancel(h->polling);
	front_handle_unref(h);
}

/* ---- open ---- */

int front_open_there(struct rhandle *h, struct error *err)
{
	struct rnode *n = h->n;
	struct p9_msg walk = { .type = P9_TWALK, .fid = 0, .newfid = remote_fid(n->r) };
	struct p9_msg open = { .type = P9_TLOPEN,
			       .fid = walk.newfid,
			       .flags = h->flags & (O_ACCMODE | O_TRUNC | O_APPEND | O_NONBLOCK) };
	autorcall struct rcall *w = NULL, *o = NULL;
	unsigned link;
	int r = remote_ready(n->r, 5000, err);

	if (r == 0)
		r = rnode_path(n, &walk);
	if (r < 0)
		return r;
	link = n->r->links;
	w = remote_send(n->r, &walk);
	o = remote_send(n->r, &open);
	r = remote_await(n->r, w, err);
	if (r == 0 && w->reply.nqids != walk.nnames)
		r = error_set(err, ESTALE, "it is not there any more");
	if (r == 0)
		r = remote_await(n->r, o, err);
	if (r < 0) {
		remote_clunk(n->r, walk.newfid);
		return r;
	}
	h->fid = walk.newfid;
	h->link = link;
	if (n->kind == P9_BYTES)
		h->bytes = rbytes_new(n, h->fid, link, h->flags);
	return 0;
}

int front_current(struct rhandle *h, struct error *err)
{
	if (h->link == h->n->r->links)
		return 0;
	if (h->n->kind == P9_STREAM)
		return front_open_there(h, err);
	return error_set(err, h->written ? EIO : ESTALE,
			 "the connection on which it was opened was lost%s: open it again",
			 h->written ? ", and what became of what was written is not known" : "");
}

static int run_open(struct call *c, struct error *err)
{
	struct rhandle *h = c->rh;
	int r = 0;

	if (!rnode_fresh(h->n))
		r = rnode_attr(h->n, err); /* what kind of file it is */
	if (r == 0 && h->n->kind == P9_BYTES && writes(h->flags))
		r = rbytes_wait_for_the_dead(h->n);
	if (r == 0 && opened_there(h->n, h->flags))
		r = front_open_there(h, err);
	else if (r == 0 && (h->flags & O_ACCMODE) != O_WRONLY)
		r = rnode_text(h->n, &h->text, err);
	if (r < 0)
		handle_close(take(&c->rh));
	return r;
}

static void reply_open_handle(fuse_req_t req, struct rhandle *h, struct fuse_file_info *fi)
{
	fi->fh = (uintptr_t)h;
	fi->direct_io = 1;
	fi->noflush = !writes(h->flags);
	if (fuse_reply_open(req, fi) < 0)
		handle_close(h);
}

static void reply_run_open(struct call *c)
{
	reply_open_handle(c->req, c->rh, &c->fi);
}

static struct rhandle *handle_make(struct rnode *n, int flags)
{
	struct rhandle *h = xcalloc(1, sizeof(*h));

	h->n = n;
	h->refs = 1;
	h->flags = flags;
	rnode_ref(n);
	return h;
}

void remote_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct rnode *n = front_node(ino);
	struct rhandle *h;
	struct call *c;

	if (!n) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	h = handle_make(n, fi->flags);
	if (n->kind == P9_VALUE && writes(fi->flags))
		n->version++;
	if (n->attr_known && !opened_there(n, fi->flags) && (n->text_known || (fi->flags & O_ACCMODE) == O_WRONLY)) {
		if ((fi->flags & O_ACCMODE) != O_WRONLY)
			buf_add(&h->text, n->text.p, n->text.n);
		reply_open_handle(req, h, fi);
		return;
	}
	c = front_call(req, n, run_open, reply_run_open);
	c->grace_ms = n->kind == P9_BYTES ? BYTES_GRACE_MS : 0;
	c->rh = h;
	c->fi = *fi;
	call_start(c);
}

/* ---- read ---- */

static int run_read(struct call *c, struct error *err)
{
	struct rhandle *h = c->rh;
	struct remote *r = h->n->r;
	size_t most = r->msize - 24;
	int ret = front_current(h, err);

	while (ret == 0 && c->data.n < c->size) {
		size_t left = c->size - c->data.n;
		struct p9_msg m = { .type = P9_TREAD,
				    .fid = h->fid,
				    .offset = c->off + c->data.n,
				    .count = left < most ? left : most };
		autorcall struct rcall *got = NULL;
		ret = remote_call(r, &m, &got, err);
		if (ret < 0)
			return ret;
		if (got->reply.data.n > m.count)
			return error_set(err, EPROTO, "%s sent more than it was asked for", r->uri);
		buf_add(&c->data, got->reply.data.p, got->reply.data.n);
		if (got->reply.data.n < m.count || h->n->kind == P9_STREAM)
			break;
	}
	return ret;
}

static int run_read_stream(struct call *c, struct error *err)
{
	int r = front_follows(c->rh) ? front_next(c, err) : -EOPNOTSUPP;

	if (r != -EOPNOTSUPP)
		return r;
	error_clear(err);
	return run_read(c, err);
}

static void reply_read(struct call *c)
{
	fuse_reply_buf(c->req, c->data.p, c->data.n);
}

static int run_reread(struct call *c, struct error *err)
{
	struct rhandle *h = c->rh;

	buf_reset(&h->text);
	h->stale = false;
	return rnode_text(h->n, &h->text, err);
}

static void reply_text(fuse_req_t req, const struct rhandle *h, size_t size, uint64_t off)
{
	size_t n = off < h->text.n ? h->text.n - off : 0;

	fuse_reply_buf(req, n ? h->text.p + off : "", n < size ? n : size);
}

static void reply_reread(struct call *c)
{
	reply_text(c->req, c->rh, c->size, c->off);
}

void remote_read(fuse_req_t req, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct rhandle *h = front_handle(fi);
	struct call *c;

	if (h->bytes) {
		front_rbytes_read(req, h, size, off);
		return;
	}
	if (!h->fid && !(h->stale && !off)) {
		reply_text(req, h, size, off);
		return;
	}
	c = front_call(req, h->n,
		       !h->fid			 ? run_reread
		       : h->n->kind == P9_STREAM ? run_read_stream
						 : run_read,
		       h->fid ? reply_read : reply_reread);
	c->rh = h;
	c->off = off;
	c->size = size;
	call_start(c);
}

/* ---- write ---- */

static int write_fid(struct call *c, struct error *err)
{
	struct rhandle *h = c->rh;
	struct remote *r = h->n->r;
	size_t most = r->msize - 24, done = 0;
	int ret = front_current(h, err);

	while (ret == 0 && done < c->data.n) {
		size_t left = c->data.n - done;
		struct p9_msg m = { .type = P9_TWRITE,
				    .fid = h->fid,
				    .offset = c->off + done,
				    .data = { c->data.p + done, left < most ? left : most } };
		autorcall struct rcall *got = NULL;
		ret = remote_call(r, &m, &got, err);
		if (ret == 0 && !got->reply.count)
			ret = error_set(err, EIO, "nothing of it was taken");
		done += ret == 0 ? got->reply.count : 0;
	}
	return ret;
}

static int run_write(struct call *c, struct error *err)
{
	struct rhandle *h = c->rh;
	struct rnode *n = h->n;
	struct p9_msg m = { .type = P9_TPUT,
			    .fid = 0,
			    .flags = h->flags & (O_TRUNC | O_APPEND | O_NONBLOCK),
			    .data = { c->data.p, c->data.n } };
	autorcall struct rcall *got = NULL;
	int r;

	if (h->written && c->off) /* behind what it wrote before */
		m.flags = (m.flags & ~O_TRUNC) | O_APPEND;
	h->written = h->stale = true;
	if (h->fid)
		return write_fid(c, err);
	r = remote_ready(n->r, 5000, err);
	if (r == 0)
		r = rnode_path(n, &m);
	if (r == 0)
		r = remote_call(n->r, &m, &got, err);
	if (r == 0 && !n->gone)
		rnode_put(n, &got->reply.attr);
	return r;
}

static void reply_write(struct call *c)
{
	fuse_reply_write(c->req, c->data.n);
}

void remote_write(fuse_req_t req, const char *p, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct rhandle *h = front_handle(fi);
	struct call *c;

	if (h->bytes) {
		front_rbytes_write(req, h, p, size, off);
		return;
	}
	c = front_call(req, h->n, run_write, reply_write);
	c->rh = h;
	c->off = off;
	buf_add(&c->data, p, size);
	if ((fi->flags & O_NONBLOCK) && h->n->kind == P9_VALUE && !h->fid)
		call_start_nowait(c); /* what becomes of it, `error` says there */
	else
		call_start(c);
}

static int run_flush(struct call *c, struct error *err)
{
	struct rhandle *h = c->rh;
	struct p9_msg m = { .type = P9_TFSYNC, .fid = h->fid };
	autorcall struct rcall *got = NULL;
	int r = front_current(h, err);

	if (r == 0)
		r = remote_call(h->n->r, &m, &got, err);
	rnode_stale(h->n);
	if (rnode_invalidate)
		rnode_invalidate(h->n);
	return r;
}

void remote_flush(fuse_req_t req, struct fuse_file_info *fi, bool sync)
{
	struct rhandle *h = front_handle(fi);
	struct call *c;

	if (h->bytes) {
		front_rbytes_flush(req, h, sync);
		return;
	}
	if (!h->fid || !h->written || h->n->kind == P9_STREAM) {
		fuse_reply_err(req, 0);
		return;
	}
	c = front_call(req, h->n, run_flush, NULL);
	c->rh = h;
	call_start(c);
}

uint32_t front_open_fid(const struct fuse_file_info *fi)
{
	const struct rhandle *h = fi ? front_handle(fi) : NULL;

	return h && h->link == h->n->r->links ? h->fid : 0;
}

void remote_release(fuse_req_t req, struct fuse_file_info *fi)
{
	struct rhandle *h = front_handle(fi);

	fuse_reply_err(req, 0);
	if (h->poll)
		fuse_pollhandle_destroy(h->poll);
	h->poll = NULL;
	handle_close(h);
}

/* ---- create: a scratch file beside a document ---- */

static int run_create(struct call *c, struct error *err)
{
	struct rnode *dir = c->remote;
	uint32_t fid = remote_fid(dir->r);
	struct p9_msg walk = { .type = P9_TWALK, .fid = 0, .newfid = fid };
	struct p9_msg create = { .type = P9_TLCREATE,
				 .fid = fid,
				 .name = str_of(c->name),
				 .flags = c->fi.flags & (O_ACCMODE | O_EXCL | O_TRUNC | O_APPEND),
				 .mode = c->mode };
	autorcall struct rcall *w = NULL, *made = NULL;
	struct rnode *n;
	int r = remote_ready(dir->r, 5000, err);

	if (r == 0)
		r = rnode_path(dir, &walk);
	if (r < 0)
		return r;
	w = remote_send(dir->r, &walk);
	r = remote_call(dir->r, &create, &made, err);
	if (r < 0) {
		remote_clunk(dir->r, fid);
		return r;
	}
	n = rnode_made(dir, c->name, &made->reply.qid, c->mode);
	c->rh = handle_make(n, c->fi.flags);
	c->rh->fid = fid;
	c->rh->link = dir->r->links;
	rnode_unref(c->remote);
	rnode_ref(n);
	c->remote = n;
	return 0;
}

static void reply_create(struct call *c)
{
	struct fuse_entry_param e;

	remote_entry(c->remote, &e);
	c->fi.fh = (uintptr_t)c->rh;
	c->fi.direct_io = 1;
	if (fuse_reply_create(c->req, &e, &c->fi) < 0)
		handle_close(c->rh);
}

void remote_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	struct rnode *dir = front_node(parent);
	struct call *c;

	if (!dir) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	c = front_call(req, dir, run_create, reply_create);
	c->name = xstrdup(name);
	c->mode = mode;
	c->fi = *fi;
	call_start(c);
}

/* ---- poll ---- */

void remote_poll(fuse_req_t req, struct fuse_file_info *fi, struct fuse_pollhandle *ph)
{
	struct rhandle *h = front_handle(fi);
	bool now = !h->fid || h->n->kind != P9_STREAM || h->ready || h->text.n;

	h->ready = false; /* asked for anew after the next read */
	if (ph) {
		if (h->poll)
			fuse_pollhandle_destroy(h->poll);
		h->poll = ph;
	}
	if (!now && !h->polling) {
		h->refs++;
		task_start(front_poll_task, h);
		now = h->ready;
	}
	fuse_reply_poll(req, (now ? POLLIN | POLLRDNORM : 0) | POLLOUT | POLLWRNORM);
}
