/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A LUN as a row of bytes: blocks that are touched in part are read first, large requests are cut.  Servers end sessions that say nothing for a
 * while: one that broke is made anew once, if it is still the same LUN.
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>

#include "engine/units.h"
#include "iscsi.h"

#define IO_MS 60000 /* one command, of a slow array as well */

struct lun_bytes {
	struct iscsi_login login;
	struct lun lun;
	struct lun_session *s;
	bool no_same; /* the LUN cannot zero by itself */
	char *edge;   /* one block */
};

static int look(struct lun_bytes *b, struct error *err)
{
	struct lun now;
	int r = lun_open(&b->login, false, IO_MS, &b->s, err);

	if (r == 0)
		r = lun_look(b->s, b->lun.number, &now, err);
	if (r < 0) {
		lun_close(take(&b->s));
		return r;
	}
	if (b->edge && (now.block != b->lun.block || now.blocks < b->lun.blocks || !str_eq(now.id, b->lun.id))) {
		free(now.id);
		lun_close(take(&b->s));
		return error_set(err, ESTALE, "LUN %u is another one or smaller than before", now.number);
	}
	free(b->lun.id);
	b->lun = now;
	return 0;
}

int lun_bytes_open(struct iscsi_login *l, unsigned number, struct lun_bytes **out, struct error *err)
{
	struct lun_bytes *b = xcalloc(1, sizeof(*b));
	int r;

	b->login = *l;
	*l = (struct iscsi_login){ 0 };
	b->lun.number = number;
	r = look(b, err);
	if (r < 0) {
		lun_bytes_close(b);
		return r;
	}
	b->edge = xmalloc(b->lun.block);
	*out = b;
	return 0;
}

void lun_bytes_close(struct lun_bytes *b)
{
	if (!b)
		return;
	lun_close(b->s);
	iscsi_login_clear(&b->login);
	free(b->lun.id);
	free(b->edge);
	free(b);
}

uint64_t lun_bytes_size(const struct lun_bytes *b)
{
	return b->lun.blocks * b->lun.block;
}

/* ---- one command, over a session that may have to be made first ---- */

struct io {
	int (*fn)(struct lun_bytes *b, const struct io *io, struct error *err);
	uint64_t block;
	void *p;
	size_t n;
	uint32_t blocks;
};

static int run(struct lun_bytes *b, const struct io *io, struct error *err)
{
	for (int i = 0;; i++) {
		int r = b->s ? 0 : look(b, err);

		if (r == 0)
			r = io->fn(b, io, err);
		if (r != -ENOTCONN && r != -ETIMEDOUT)
			return r;
		lun_close(take(&b->s));
		if (r != -ENOTCONN || i)
			return r;
		error_clear(err);
	}
}

static int do_read(struct lun_bytes *b, const struct io *io, struct error *err)
{
	return lun_read(b->s, &b->lun, io->block, io->p, io->n, err);
}

static int do_write(struct lun_bytes *b, const struct io *io, struct error *err)
{
	return lun_write(b->s, &b->lun, io->block, io->p, io->n, err);
}

static int do_sync(struct lun_bytes *b, const struct io *io unused, struct error *err)
{
	return lun_sync(b->s, &b->lun, err);
}

static int do_zero(struct lun_bytes *b, const struct io *io, struct error *err)
{
	return lun_zero(b->s, &b->lun, io->block, io->blocks, err);
}

static int do_unmap(struct lun_bytes *b, const struct io *io, struct error *err)
{
	return lun_unmap(b->s, &b->lun, io->block, io->blocks, err);
}

/* ---- bytes ---- */

static int check(const struct lun_bytes *b, uint64_t off, uint64_t n, struct error *err)
{
	uint64_t size = lun_bytes_size(b);

	return off > size || n > size - off ? error_set(err, ENOSPC, "the LUN ends at %llu", (unsigned long long)size)
					    : 0;
}

/* How many of N bytes at OFF are whole blocks that one command may move; 0 when the first block is only touched in part. */
static size_t whole(const struct lun_bytes *b, size_t n, uint64_t off)
{
	size_t most = (size_t)b->lun.most * b->lun.block;

	return off % b->lun.block ? 0 : n > most ? most : n - n % b->lun.block;
}

static int edge_read(struct lun_bytes *b, uint64_t block, struct error *err)
{
	struct io io = { do_read, block, b->edge, b->lun.block, 1 };

	return run(b, &io, err);
}

/* The part of N bytes at OFF that lies in the first block. */
static size_t in_edge(const struct lun_bytes *b, size_t n, uint64_t off)
{
	size_t left = b->lun.block - off % b->lun.block;

	return n < left ? n : left;
}

int lun_bytes_read(struct lun_bytes *b, char *p, size_t n, uint64_t off, struct error *err)
{
	int r = check(b, off, n, err);

	while (r == 0 && n) {
		size_t now = whole(b, n, off);
		struct io io = { do_read, off / b->lun.block, p, now, 0 };

		if (now) {
			r = run(b, &io, err);
		} else {
			now = in_edge(b, n, off);
			r = edge_read(b, io.block, err);
			if (r == 0)
				memcpy(p, b->edge + off % b->lun.block, now);
		}
		p += now;
		off += now;
		n -= now;
	}
	return r;
}

int lun_bytes_write(struct lun_bytes *b, const char *p, size_t n, uint64_t off, struct error *err)
{
	int r = check(b, off, n, err);

	while (r == 0 && n) {
		size_t now = whole(b, n, off);
		struct io io = { do_write, off / b->lun.block, (void *)p, now, 0 };

		if (!now) {
			now = in_edge(b, n, off);
			r = edge_read(b, io.block, err);
			if (r == 0)
				memcpy(b->edge + off % b->lun.block, p, now);
			io.p = b->edge;
			io.n = b->lun.block;
		}
		if (r == 0)
			r = run(b, &io, err);
		p += now;
		off += now;
		n -= now;
	}
	return r;
}

/* By hand, where the LUN cannot or where it is not whole blocks. */
static int write_zeroes(struct lun_bytes *b, uint64_t off, uint64_t n, struct error *err)
{
	size_t most = (size_t)b->lun.most * b->lun.block;
	autofree char *zero = xcalloc(1, most);
	int r = 0;

	while (r == 0 && n) {
		size_t now = n < most ? (size_t)n : most;

		r = lun_bytes_write(b, zero, now, off, err);
		off += now;
		n -= now;
	}
	return r;
}

/* FN on the whole blocks, MOST at once; *OFF and *N are what is left over. */
static int blocks(struct lun_bytes *b, int (*fn)(struct lun_bytes *b, const struct io *io, struct error *err),
		  uint32_t most, uint64_t *off, uint64_t *n, struct error *err)
{
	int r = 0;

	while (r == 0 && *n >= b->lun.block) {
		struct io io = { .fn = fn, .block = *off / b->lun.block };

		io.blocks = *n / b->lun.block < most ? (uint32_t)(*n / b->lun.block) : most;
		r = run(b, &io, err);
		if (r == 0) {
			*off += (uint64_t)io.blocks * b->lun.block;
			*n -= (uint64_t)io.blocks * b->lun.block;
		}
	}
	return r;
}

int lun_bytes_zero(struct lun_bytes *b, uint64_t off, uint64_t n, struct error *err)
{
	int r = check(b, off, n, err);

	if (r == 0 && n && off % b->lun.block) {
		size_t edge = in_edge(b, n < b->lun.block ? (size_t)n : b->lun.block, off);

		r = write_zeroes(b, off, edge, err);
		off += edge;
		n -= edge;
	}
	if (r == 0 && !b->no_same) {
		r = blocks(b, do_zero, b->lun.most_same, &off, &n, err);
		if (r == -ENOTSUP) {
			b->no_same = true;
			error_clear(err);
			r = 0;
		}
	}
	return r == 0 ? write_zeroes(b, off, n, err) : r;
}

int lun_bytes_discard(struct lun_bytes *b, uint64_t off, uint64_t n, struct error *err)
{
	uint64_t skip = (b->lun.block - off % b->lun.block) % b->lun.block;
	int r = check(b, off, n, err);

	if (r < 0 || n < skip)
		return r;
	off += skip;
	n -= skip;
	return blocks(b, do_unmap, b->lun.most_unmap, &off, &n, err);
}

int lun_bytes_sync(struct lun_bytes *b, struct error *err)
{
	struct io io = { .fn = do_sync };

	return run(b, &io, err);
}

/* ---- as a bulk: on its thread ---- */

static ssize_t bulk_read(struct bulk *k, char *p, size_t n, uint64_t off)
{
	struct lun_bytes *b = k->priv;
	uint64_t size = lun_bytes_size(b);
	int r;

	if (off >= size)
		return 0;
	if (n > size - off)
		n = (size_t)(size - off);
	r = lun_bytes_read(b, p, n, off, NULL);
	return r < 0 ? r : (ssize_t)n;
}

static ssize_t bulk_write(struct bulk *k, const char *p, size_t n, uint64_t off)
{
	int r = lun_bytes_write(k->priv, p, n, off, NULL);

	return r < 0 ? r : (ssize_t)n;
}

static int bulk_fallocate(struct bulk *k, int mode, uint64_t off, uint64_t n)
{
	uint64_t size = lun_bytes_size(k->priv);

	if (mode != (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE) &&
	    (mode & ~FALLOC_FL_KEEP_SIZE) != FALLOC_FL_ZERO_RANGE)
		return -EOPNOTSUPP;
	if (off >= size)
		return 0;
	return lun_bytes_zero(k->priv, off, n < size - off ? n : size - off, NULL);
}

static int bulk_sync(struct bulk *k)
{
	return lun_bytes_sync(k->priv, NULL);
}

static int64_t bulk_size(struct bulk *k)
{
	return (int64_t)lun_bytes_size(k->priv);
}

static void bulk_close(struct bulk *k)
{
	lun_bytes_close(k->priv);
	k->priv = NULL;
}

static const struct bulk_ops ops = {
	.read = bulk_read,
	.write = bulk_write,
	.fallocate = bulk_fallocate,
	.sync = bulk_sync,
	.size = bulk_size,
	.close = bulk_close,
};

struct bulk *lun_bytes_bulk(struct lun_bytes *b, bool writable)
{
	struct bulk *k = xcalloc(1, sizeof(*k));

	*k = (struct bulk){ .ops = &ops, .worker = worker_new("iscsi"), .fd = -1, .writable = writable, .priv = b };
	return k;
}
