/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What FUSE asks of a file of bytes. */
#include "fuse_bytes.h"

#include <fcntl.h>
#include <unistd.h>

#include "remote/front.h"

#define CUT_MS	       30000
#define CLOSE_GRACE_MS 2000	   /* few programs look at what close says, and none closes again */
#define SMALL	       (64u << 10) /* a write up to this is copied; the memory of a larger one goes to the thread */

static struct bytes *bytes_of(fuse_ino_t ino, const struct fuse_file_info *fi)
{
	const struct handle *h = fi && !remote_is(ino) ? (const struct handle *)(uintptr_t)fi->fh : NULL;

	return h ? h->bytes : NULL;
}

/* ---- answers, on the thread ---- */

static void reply_read(struct bytes_request *r, int64_t n)
{
	fuse_reply_buf(r->req, r->op.p, (size_t)n);
}

static void reply_count(struct bytes_request *r, int64_t n)
{
	fuse_reply_write(r->req, (size_t)n);
}

static void reply_done(struct bytes_request *r, int64_t result unused)
{
	fuse_reply_err(r->req, 0);
}

static void reply_offset(struct bytes_request *r, int64_t off)
{
	fuse_reply_lseek(r->req, off);
}

static void reply_cut(struct bytes_request *r, int64_t result unused)
{
	r->st.st_size = (off_t)r->b->size;
	r->st.st_blocks = (r->st.st_size + 511) / 512;
	fuse_reply_attr(r->req, &r->st, 0);
}

/* ---- requests ---- */

void front_bytes_read(fuse_req_t req, struct bytes *b, size_t n, off_t off)
{
	struct bytes_request *r = bytes_request_new(req, b, BYTES_READ, reply_read);

	r->op.n = n;
	r->op.off = (uint64_t)off;
	bytes_request_start(r);
}

void front_bytes_write(fuse_req_t req, struct bytes *b, const char *p, size_t n, off_t off)
{
	struct bytes_request *r;
	uint64_t size = b->size, end = (uint64_t)off + n;

	if (b->upload && b->failed) { /* of a write that was answered before it was done */
		fuse_reply_err(req, b->failed);
		return;
	}
	r = bytes_request_new(req, b, BYTES_WRITE, reply_count);
	r->behind = b->upload;
	while (r->behind && end > size && !atomic_compare_exchange_weak(&b->size, &size, end))
		;
	writer_note(&b->writer, r->who.pid);
	if (n > SMALL)
		r->mem = front_take_request();
	else
		p = r->copied = xmemdup(p, n);
	r->op.p = (char *)p;
	r->op.n = n;
	r->op.off = (uint64_t)off;
	bytes_request_start(r);
}

void front_bytes_sync(fuse_req_t req, struct bytes *b)
{
	bytes_request_start(bytes_request_new(req, b, BYTES_SYNC, reply_done));
}

void ll_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off, off_t n, struct fuse_file_info *fi)
{
	struct bytes *b = bytes_of(ino, fi);
	struct bytes_request *r;

	if (remote_is(ino)) {
		remote_fallocate(req, mode, off, n, fi);
		return;
	}
	if (!b) {
		fuse_reply_err(req, EPERM);
		return;
	}
	r = bytes_request_new(req, b, BYTES_FALLOCATE, reply_done);
	writer_note(&b->writer, r->who.pid);
	r->op.mode = mode;
	r->op.off = (uint64_t)off;
	r->op.n = (size_t)n;
	bytes_request_start(r);
}

/* Of one descriptor to another: the kernel below may share the blocks. */
void ll_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in, struct fuse_file_info *fi_in,
			fuse_ino_t ino_out, off_t off_out, struct fuse_file_info *fi_out, size_t n, int flags)
{
	struct bytes *from = bytes_of(ino_in, fi_in), *to = bytes_of(ino_out, fi_out);
	struct bytes_request *r;
	int fd;

	if (remote_is(ino_in) && remote_is(ino_out) && !flags) {
		remote_copy(req, off_in, fi_in, off_out, fi_out, n);
		return;
	}
	if (!from || !to || from->bulk->fd < 0 || to->bulk->fd < 0 || flags) {
		fuse_reply_err(req, EOPNOTSUPP);
		return;
	}
	fd = fcntl(from->bulk->fd, F_DUPFD_CLOEXEC, 3); /* stays open even if FROM is closed meanwhile */
	if (fd < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	r = bytes_request_new(req, to, BYTES_COPY, reply_count);
	writer_note(&to->writer, r->who.pid);
	r->op.from = fd;
	r->op.from_off = (uint64_t)off_in;
	r->op.off = (uint64_t)off_out;
	r->op.n = n;
	bytes_request_start(r);
}

void front_seek_text(fuse_req_t req, off_t size, off_t off, int whence)
{
	if (whence != SEEK_DATA && whence != SEEK_HOLE)
		fuse_reply_err(req, EINVAL);
	else if (off >= size)
		fuse_reply_err(req, ENXIO);
	else
		fuse_reply_lseek(req, whence == SEEK_DATA ? off : size);
}

static void seek_text(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi)
{
	const struct handle *h = (const struct handle *)(uintptr_t)fi->fh;
	struct place at;
	off_t size = h ? (off_t)h->text.n : 0;

	if (!size && !(ino & SCRATCH_INO) && place_of(ino, &at) == 0)
		size = (off_t)place_size(&at);
	front_seek_text(req, size, off, whence);
}

void ll_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence, struct fuse_file_info *fi)
{
	struct bytes *b = bytes_of(ino, fi);
	struct bytes_request *r;

	if (remote_is(ino)) {
		remote_lseek(req, off, whence, fi);
		return;
	}
	if (!b) {
		seek_text(req, ino, off, whence, fi);
		return;
	}
	r = bytes_request_new(req, b, BYTES_SEEK, reply_offset);
	r->op.off = (uint64_t)off;
	r->op.mode = whence;
	bytes_request_start(r);
}

/* ---- truncate ---- */

static int cut_by_path(struct call *c, struct error *err)
{
	struct bytes_op op = { .what = BYTES_TRUNCATE, .off = c->off };
	struct handle *h = handle_new(&c->at, O_WRONLY);
	int64_t r = handle_open(h, err);

	if (r == 0)
		r = bytes_do(h->bytes, &op, NULL, CUT_MS, err);
	if (r == 0)
		r = bytes_commit(h->bytes, err);
	c->st.st_size = h->bytes ? (off_t)h->bytes->size : 0;
	c->st.st_blocks = (c->st.st_size + 511) / 512;
	handle_free(h);
	return (int)r;
}

static void reply_cut_by_path(struct call *c)
{
	fuse_reply_attr(c->req, &c->st, 0);
}

void front_bytes_cut(fuse_req_t req, const struct place *at, const struct stat *st, uint64_t size,
		     struct fuse_file_info *fi)
{
	struct bytes *b = fi ? bytes_of(place_ino(at), fi) : bytes_writer_of(at);
	struct bytes_request *r;
	struct call *c;

	if (!b) {
		c = call_new(req, at, cut_by_path, reply_cut_by_path);
		c->st = *st;
		c->off = size;
		c->grace_ms = BYTES_GRACE_MS;
		call_start(c);
		return;
	}
	r = bytes_request_new(req, b, BYTES_TRUNCATE, reply_cut);
	writer_note(&b->writer, r->who.pid);
	r->op.off = size;
	r->st = *st;
	bytes_request_start(r);
}

/* ---- close ---- */

static int run_commit(struct call *c, struct error *err)
{
	return bytes_commit(c->h->bytes, err);
}

static int run_settle(struct call *c, struct error *err)
{
	return bytes_settle(c->h->bytes, err);
}

/* close(2), or the end of a process.  What was not written is not made whole by it: a shell closes files that it has only redirected. */
void front_bytes_flush(fuse_req_t req, struct handle *h)
{
	struct who who = who_of(req);
	struct place at = handle_place(h, &who);
	enum closing how;
	struct call *c;

	how = bytes_dirty(h->bytes) ? closing_of(who.pid, &h->bytes->writer) : CLOSE_SHARED;
	if (how == CLOSE_BROKEN)
		bytes_break(h->bytes);
	if (how != CLOSE_DONE && !h->bytes->upload) {
		fuse_reply_err(req, 0);
		return;
	}
	c = call_new(req, &at, how == CLOSE_DONE ? run_commit : run_settle, NULL);
	c->h = h;
	c->grace_ms = CLOSE_GRACE_MS;
	call_start(c);
}
