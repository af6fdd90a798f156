/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Files of bytes: what is asked of one fid is done by its own thread, in the order in which it came.  So a client may send many reads
 * and writes at once.
 */
#include "fs/bytes.h"

#include <fcntl.h>
#include <unistd.h>

#include "p9.h"

#define BYTES_MS 30000	/* for storage to answer */
#define LONG_MS	 600000 /* fsync, fallocate: as much as there is to write; a Tflush ends it before */
#define COPY_MAX (16u << 20)

static int done(int64_t r)
{
	return r < 0 ? (int)r : 0;
}

int p9_bytes_read(struct p9_req *q, struct bytes *b, uint32_t n, struct error *err)
{
	struct bytes_op op = { .what = BYTES_READ, .n = n, .off = q->msg.offset };

	return done(bytes_do(b, &op, &q->text, BYTES_MS, err));
}

/* What fails is recorded; of an upload only the first: the client had sent more before it could know. */
static int changed(const struct p9_fid *f, int64_t r, struct error *err)
{
	struct bytes *b = f->h->bytes;
	bool first = !b->upload || !b->told;
	struct place at = p9_place(f);

	if (r >= 0 || r == -EOPNOTSUPP || r == -EXDEV)
		return done(r);
	b->told = b->told || b->upload;
	if (first)
		record_failure(&at, &f->who, (int)r, err);
	return done(r);
}

int p9_bytes_write(struct p9_req *q, struct p9_fid *f, struct error *err)
{
	struct bytes *b = f->h->bytes;
	struct bytes_op op = {
		.what = BYTES_WRITE, .p = (char *)q->msg.data.p, .n = q->msg.data.n, .off = q->msg.offset
	};

	if (b->upload && b->failed)
		return error_set(err, b->failed, "it broke off: %s", strerror(b->failed));
	return changed(f, bytes_do(b, &op, NULL, BYTES_MS, err), err);
}

int p9_bytes_sync(struct p9_req *q, struct p9_fid *f, struct error *err)
{
	struct bytes *b = f->h->bytes;
	struct bytes_op op = { .what = BYTES_SYNC };
	struct place at = p9_place(f);
	bool told = b->told;
	int r;

	if (q->conn->own && (q->msg.flags & P9_FSYNC_STORAGE))
		return changed(f, bytes_do(b, &op, NULL, LONG_MS, err), err);
	r = bytes_dirty(b) ? bytes_commit(b, err) : 0;
	return told ? r : p9_failed(q, &at, &f->who, r, err);
}

static int cut_anew(const struct place *at, struct bytes_op *op, struct error *err)
{
	struct handle *h = handle_new(at, O_WRONLY);
	int r = handle_open(h, err);

	if (r == 0)
		r = done(bytes_do(h->bytes, op, NULL, BYTES_MS, err));
	if (r == 0)
		r = bytes_commit(h->bytes, err);
	handle_free(h);
	return r;
}

int p9_bytes_cut(const struct place *at, struct bytes *b, uint64_t size, struct error *err)
{
	struct bytes_op op = { .what = BYTES_TRUNCATE, .off = size };

	if (!b)
		b = bytes_writer_of(at);
	return b ? done(bytes_do(b, &op, NULL, BYTES_MS, err)) : cut_anew(at, &op, err);
}

/* A fid that has bytes open, for writing if WRITES. */
static int bytes_fid(struct p9_req *q, uint32_t id, bool writes, struct p9_fid **f, struct error *err)
{
	int r = p9_fid(q, id, f, err);

	if (r < 0)
		return r;
	if (!(*f)->h || !(*f)->h->bytes)
		return error_set(err, EPERM, "fid %u is no open file of bytes", id);
	if (writes && !(*f)->writes)
		return error_set(err, EBADF, "fid %u is not open for writing", id);
	return 0;
}

int p9_seek(struct p9_req *q, struct p9_msg *out, struct error *err)
{
	struct bytes_op op = { .what = BYTES_SEEK, .off = q->msg.offset, .mode = (int)q->msg.flags };
	autofid struct p9_fid *f = NULL;
	int64_t r = bytes_fid(q, q->msg.fid, false, &f, err);

	if (r == 0 && op.mode != SEEK_DATA && op.mode != SEEK_HOLE)
		return error_set(err, EINVAL, "only SEEK_DATA and SEEK_HOLE are asked for here");
	if (r == 0)
		r = bytes_do(f->h->bytes, &op, NULL, BYTES_MS, err);
	out->offset = r < 0 ? 0 : (uint64_t)r;
	return done(r);
}

int p9_allocate(struct p9_req *q, struct p9_msg *out unused, struct error *err)
{
	struct bytes_op op = {
		.what = BYTES_FALLOCATE, .off = q->msg.offset, .n = q->msg.length, .mode = (int)q->msg.flags
	};
	autofid struct p9_fid *f = NULL;
	int r = bytes_fid(q, q->msg.fid, true, &f, err);

	return r < 0 ? r : changed(f, bytes_do(f->h->bytes, &op, NULL, LONG_MS, err), err);
}

int p9_copy(struct p9_req *q, struct p9_msg *out, struct error *err)
{
	uint64_t n = q->msg.length < COPY_MAX ? q->msg.length : COPY_MAX;
	struct bytes_op op = { .what = BYTES_COPY, .from_off = q->msg.offset, .off = q->msg.start, .n = n };
	autofid struct p9_fid *from = NULL, *to = NULL;
	int64_t r = bytes_fid(q, q->msg.fid, false, &from, err);

	if (r == 0)
		r = bytes_fid(q, q->msg.newfid, true, &to, err);
	if (r < 0)
		return done(r);
	if ((from->h->flags & O_ACCMODE) == O_WRONLY)
		return error_set(err, EBADF, "fid %u is not open for reading", from->id);
	if (from->h->bytes->bulk->fd < 0 || to->h->bytes->bulk->fd < 0)
		return error_set(err, EOPNOTSUPP, "these two are not copied by the storage: read and write");
	op.from = fcntl(from->h->bytes->bulk->fd, F_DUPFD_CLOEXEC, 3); /* FROM may be closed meanwhile */
	if (op.from < 0)
		return -errno;
	r = bytes_do(to->h->bytes, &op, NULL, BYTES_MS, err);
	out->length = r < 0 ? 0 : (uint64_t)r;
	return changed(to, r, err);
}
