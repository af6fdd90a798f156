/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Open files of bytes: see bytes.h. */
#include "bytes.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define OPEN_MS	   30000 /* how long a size may be asked for */
#define SETTLE_MS  30000 /* and the last few writes may take */
#define CLOSE_MS   2000	 /* and the end of a dead process's file */
#define ZERO_BLOCK (64u << 10)
#define COPY_MAX   (64u << 20) /* bytes that one copy_file_range moves: it can be interrupted between two */

struct bytes_list bytes_open_ones = TAILQ_HEAD_INITIALIZER(bytes_open_ones);

static struct waitq closed = TAILQ_HEAD_INITIALIZER(closed);

/* ---- on the thread ---- */

bool bytes_changes(enum bytes_what what)
{
	return what == BYTES_WRITE || what == BYTES_TRUNCATE || what == BYTES_FALLOCATE || what == BYTES_COPY;
}

void bytes_will(struct bytes *b, enum bytes_what what)
{
	b->changes += bytes_changes(what);
}

static int write_zeros(struct bulk *b, uint64_t from, uint64_t to)
{
	static const char zeros[ZERO_BLOCK];

	while (from < to) {
		size_t n = to - from < sizeof(zeros) ? to - from : sizeof(zeros);
		ssize_t r = b->ops->write(b, zeros, n, from);

		if (r < 0)
			return (int)r;
		from += n;
	}
	return 0;
}

/* FROM to TO read as zeros: by a hole where that can be had. */
static int zero(struct bulk *b, uint64_t from, uint64_t to)
{
	static const int modes[] = { FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				     FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE };
	uint64_t first = (from + 4095) / 4096 * 4096, last = to / 4096 * 4096;
	int r = -EOPNOTSUPP;

	for (size_t i = 0; b->ops->fallocate && first < last && i < ARRAY_SIZE(modes) && r < 0; i++)
		r = b->ops->fallocate(b, modes[i], first, last - first);
	if (r < 0)
		return write_zeros(b, from, to);
	r = write_zeros(b, from, first);
	return r < 0 ? r : write_zeros(b, last, to);
}

/* What is written anew in place keeps nothing of what was there: cp leaves out holes, which must read as zeros. */
static int fill_up_to(struct bytes *b, uint64_t off)
{
	int r = b->fixed && off > b->high ? zero(b->bulk, b->high, off) : 0;

	if (r == 0 && off > b->high)
		b->high = off;
	return r;
}

/* The loop may have told of a size that is still to be reached. */
static void grew_to(struct bytes *b, uint64_t end)
{
	uint64_t size = b->size;

	while (end > size && !atomic_compare_exchange_weak(&b->size, &size, end))
		;
	if (end > b->high)
		b->high = end;
}

static void size_again(struct bytes *b)
{
	int64_t size = b->bulk->ops->size(b->bulk);

	if (size >= 0)
		b->size = (uint64_t)size;
}

static int64_t run_write(struct bytes *b, struct bytes_op *op)
{
	uint64_t off = b->append ? b->size : op->off;
	int64_t r = fill_up_to(b, off);

	if (r == 0)
		r = b->bulk->ops->write(b->bulk, op->p, op->n, off);
	if (r < 0)
		return r;
	grew_to(b, off + op->n);
	__atomic_fetch_add(&b->bulk->moved, op->n, __ATOMIC_RELAXED);
	return r;
}

static int64_t run_truncate(struct bytes *b, uint64_t size)
{
	int r;

	if (b->fixed && !b->bulk->grows && size > b->size)
		return -ENOSPC;
	r = fill_up_to(b, size);
	if (r == 0)
		r = b->bulk->ops->truncate ? b->bulk->ops->truncate(b->bulk, size) : -EOPNOTSUPP;
	if (b->fixed && r == -EOPNOTSUPP)
		r = 0;
	size_again(b);
	return r;
}

static int64_t run_copy(struct bytes *b, struct bytes_op *op)
{
	off_t from = (off_t)op->from_off, to = (off_t)op->off;
	int64_t r = fill_up_to(b, op->off);

	if (r == 0)
		r = copy_file_range(op->from, &from, b->bulk->fd, &to, op->n < COPY_MAX ? op->n : COPY_MAX, 0);
	if (r < 0)
		r = -errno;
	else
		grew_to(b, op->off + (uint64_t)r);
	if (r > 0)
		__atomic_fetch_add(&b->bulk->moved, (uint64_t)r, __ATOMIC_RELAXED);
	return r;
}

static int64_t run_read(struct bytes *b, struct bytes_op *op)
{
	if (!op->p && op->n > BYTES_BLOCK)
		op->n = BYTES_BLOCK;
	if (!op->p && !b->room)
		b->room = xmalloc(BYTES_BLOCK);
	if (!op->p)
		op->p = b->room;
	return b->bulk->ops->read(b->bulk, op->p, op->n, op->off);
}

static int64_t run_fallocate(struct bytes *b, struct bytes_op *op)
{
	int64_t r = b->bulk->ops->fallocate ? b->bulk->ops->fallocate(b->bulk, op->mode, op->off, op->n) : -EOPNOTSUPP;

	size_again(b);
	return r;
}

static int64_t run(struct bytes *b, struct bytes_op *op)
{
	struct bulk *k = b->bulk;

	switch (op->what) {
	case BYTES_READ:
		return run_read(b, op);
	case BYTES_WRITE:
		return run_write(b, op);
	case BYTES_SEEK:
		return k->ops->seek ? k->ops->seek(k, op->off, op->mode) : -EOPNOTSUPP;
	case BYTES_TRUNCATE:
		return run_truncate(b, op->off);
	case BYTES_FALLOCATE:
		return run_fallocate(b, op);
	case BYTES_SYNC:
		return k->ops->sync ? k->ops->sync(k) : 0;
	case BYTES_COPY:
		return run_copy(b, op);
	case BYTES_NOTHING:
		break;
	}
	return 0;
}

int64_t bytes_run(struct bytes *b, struct bytes_op *op)
{
	int64_t r = run(b, op);
	int none = 0;

	if (op->what == BYTES_COPY)
		close(op->from);
	if (r < 0 && bytes_changes(op->what) && r != -EOPNOTSUPP && r != -EXDEV && r != -EINVAL)
		atomic_compare_exchange_strong(&b->failed, &none, (int)-r);
	return r;
}

/* ---- the same from a task ---- */

struct errand {
	struct bytes *b;
	struct bytes_op op;
	int64_t result;
};

static void errand_free(void *arg)
{
	struct errand *e = arg;

	free(e->op.p);
	free(e);
}

static int errand_run(void *arg)
{
	struct errand *e = arg;

	e->result = bytes_run(e->b, &e->op);
	return 0;
}

int64_t bytes_do(struct bytes *b, const struct bytes_op *op, struct buf *out, int64_t timeout_ms, struct error *err)
{
	struct errand *e = xcalloc(1, sizeof(*e));
	int64_t result;
	int r;

	*e = (struct errand){ .b = b, .op = *op };
	if (op->what == BYTES_WRITE)
		e->op.p = xmemdup(op->p, op->n);
	else if (op->what == BYTES_READ)
		e->op.p = xmalloc(op->n ? op->n : 1);
	bytes_will(b, op->what);
	r = offload(b->bulk->worker, errand_run, e, errand_free, timeout_ms);
	if (r < 0 && bytes_changes(op->what))
		bytes_break(b);
	if (r == -ETIMEDOUT || r == -ECANCELED)
		return error_set(err, -r, "the storage does not answer");
	result = r < 0 ? r : e->result;
	if (result > 0 && op->what == BYTES_READ)
		buf_add(out, e->op.p, (size_t)result);
	errand_free(e);
	return result < 0 ? error_set(err, (int)-result, "%s", strerror((int)-result)) : result;
}

/* ---- open and close ---- */

struct opened {
	struct bulk *bulk;
	int64_t size;
};

static int ask_size(void *arg)
{
	struct opened *o = arg;

	o->size = o->bulk->ops->size(o->bulk);
	return o->size < 0 ? (int)o->size : 0;
}

static void opened_free(void *arg)
{
	struct opened *o = arg;

	bulk_free(o->bulk);
	free(o);
}

static int size_of(struct bulk *k, int64_t *size, struct error *err)
{
	struct opened *o = xcalloc(1, sizeof(*o));
	int r;

	o->bulk = k;
	r = offload(k->worker, ask_size, o, opened_free, OPEN_MS);
	if (r == -ETIMEDOUT || r == -ECANCELED)
		return error_set(err, -r, "its size cannot be known: the storage does not answer");
	*size = o->size;
	if (r < 0) {
		error_set(err, -r, "its size cannot be known: %s", strerror(-r));
		bulk_free(k);
	}
	free(o);
	return r;
}

/* The kernel closes what a process leaves open some time after its end.  Who comes next in a script does not see that. */
static int wait_for_the_dead(const struct place *at)
{
	int64_t until = now_monotonic_ms() + CLOSE_MS, left;
	const struct bytes *b;
	int r = 0;

	while ((b = bytes_writer_of(at)) && writer_ended(&b->writer) && (left = until - now_monotonic_ms()) > 0 &&
	       r != -ECANCELED)
		r = task_wait(&closed, left);
	return r == -ECANCELED ? r : 0;
}

int bytes_open(struct handle *h, struct error *err)
{
	struct place at = handle_place(h, &h->who);
	struct bulk *k = NULL;
	struct bytes *b;
	int64_t size = 0;
	int r = wait_for_the_dead(&at);

	if (r == 0)
		r = at.slot->entry->bytes(&at, h->flags, &k, err);
	if (r == 0)
		r = size_of(k, &size, err);
	if (r < 0)
		return r;
	b = xcalloc(1, sizeof(*b));
	b->bulk = k;
	b->slot = h->slot;
	b->obj = h->obj;
	b->writable = (h->flags & O_ACCMODE) != O_RDONLY;
	b->append = h->flags & O_APPEND;
	b->size = (uint64_t)size;
	b->fixed = b->writable && (h->flags & O_TRUNC) && !k->commit && size;
	b->upload = (k->commit || b->fixed) && !b->append;
	b->writer.pidfd = -1;
	TAILQ_INIT(&b->requests);
	TAILQ_INSERT_TAIL(&bytes_open_ones, b, list);
	h->bytes = b;
	return 0;
}

static void end(void *arg)
{
	struct bytes *b = arg;

	if (b->requests_free)
		b->requests_free(b);
	free(b->room);
	free(b);
}

void bytes_close(struct bytes *b, const struct who *who)
{
	struct bulk *k = b->bulk;

	if (bytes_dirty(b) && !b->told) {
		autoerror struct error err = { 0 };
		struct place at = { .slot = b->slot, .obj = b->obj, .who = who };

		record_failure(&at, who, error_set(&err, EIO, "what was written broke off: nothing of it was kept"),
			       &err);
	}
	TAILQ_REMOVE(&bytes_open_ones, b, list);
	task_wake_all(&closed);
	writer_clear(&b->writer);
	if (worker_post(k->worker, end, b) < 0)
		end(b); /* no thread can be had, so none is at work */
	bulk_free(k);
}

struct bytes *bytes_writer_of(const struct place *at)
{
	struct bytes *b;

	TAILQ_FOREACH(b, &bytes_open_ones, list)
		if (b->writable && b->slot == at->slot && b->obj == at->obj)
			return b;
	return NULL;
}

void bytes_stat(const struct place *at, struct stat *st)
{
	const struct entry *e = at->slot->entry;
	const struct bytes *b = bytes_writer_of(at);
	uint64_t taken;

	st->st_blksize = BYTES_BLOCK;
	if (b && b->changes) {
		st->st_size = (off_t)b->size;
		st->st_blocks = (st->st_size + 511) / 512;
		return;
	}
	st->st_size = (off_t)e->size(at);
	taken = e->allocated ? e->allocated(at) : (uint64_t)st->st_size;
	st->st_blocks = (taken + 511) / 512;
}

/* ---- an upload becomes whole, or not ---- */

bool bytes_dirty(const struct bytes *b)
{
	return b->bulk->commit && b->changes != b->committed;
}

void bytes_break(struct bytes *b)
{
	int none = 0;

	atomic_compare_exchange_strong(&b->failed, &none, EIO);
}

int bytes_settle(struct bytes *b, struct error *err)
{
	struct bytes_op op = { .what = BYTES_NOTHING };
	int r = b->upload ? (int)bytes_do(b, &op, NULL, SETTLE_MS, err) : 0;

	if (r == 0 && b->upload && b->failed)
		r = error_set(err, b->failed, "%s: %s",
			      b->bulk->commit ? "nothing is kept of what broke off" : "it broke off",
			      strerror(b->failed));
	return r;
}

int bytes_commit(struct bytes *b, struct error *err)
{
	uint64_t changes = b->changes;
	int r;

	b->told = true;
	r = bytes_settle(b, err);
	if (r == 0 && bytes_dirty(b))
		r = b->bulk->commit(b->bulk, err);
	if (r == 0) {
		b->committed = changes;
		b->told = b->upload = false;
	}
	return r;
}
