/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An image as a row of bytes.  A new one is uploaded under a name of its own, grows as it is written, and gets its own name when it is whole; one
 * that exists is written in place.
 */
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <unistd.h>

#include "rbd.h"

#define GROW_MIN (64ull << 20)

struct image_bytes {
	struct far_job far;
	struct cluster *c;
	rbd_image_t image;
	char *name;    /* as it is opened */
	char *whole;   /* what it will be called when it is whole; NULL: it is there already */
	uint64_t size; /* what is shown */
	uint64_t room; /* what the image has */
	bool may_grow, opened_by_us;
};

/* ---- on the bulk's thread ---- */

static ssize_t bulk_read(struct bulk *k, char *p, size_t n, uint64_t off)
{
	struct image_bytes *b = k->priv;
	size_t done = 0;

	if (off >= b->size)
		return 0;
	if (n > b->size - off)
		n = b->size - off;
	while (done < n) {
		ssize_t got =
			ceph.rbd_read2(b->image, off + done, n - done, p + done, LIBRADOS_OP_FLAG_FADVISE_SEQUENTIAL);

		if (got <= 0)
			return done ? (ssize_t)done : got;
		done += got;
	}
	return (ssize_t)done;
}

/* Twice as much as is needed, so that a long upload changes the size a few times only. */
static int make_room(struct image_bytes *b, uint64_t end)
{
	uint64_t room = end > GROW_MIN ? end * 2 : GROW_MIN;
	int r;

	if (end <= b->room)
		return 0;
	if (!b->may_grow)
		return -ENOSPC;
	r = ceph.rbd_resize(b->image, b->whole ? room : end);
	if (r == 0)
		b->room = b->whole ? room : end;
	return r;
}

static ssize_t bulk_write(struct bulk *k, const char *p, size_t n, uint64_t off)
{
	struct image_bytes *b = k->priv;
	int r = off > INT64_MAX - n ? -EFBIG : make_room(b, off + n);
	ssize_t put;

	if (r < 0)
		return r;
	put = ceph.rbd_write2(b->image, off, n, p, LIBRADOS_OP_FLAG_FADVISE_SEQUENTIAL);
	if (put >= 0 && off + n > b->size)
		b->size = off + n;
	return put < 0 ? put : (ssize_t)n;
}

struct seek {
	uint64_t end; /* of what holds something, from where was asked */
	uint64_t found;
	bool any;
};

static int first_data(void *arg, uint64_t off, uint64_t n unused)
{
	struct seek *s = arg;

	s->any = true;
	s->found = off;
	return 1;
}

static int first_hole(void *arg, uint64_t off, uint64_t n)
{
	struct seek *s = arg;

	if (off > s->end)
		return 1;
	s->end = off + n;
	return 0;
}

static int64_t bulk_seek(struct bulk *k, uint64_t off, int whence)
{
	struct image_bytes *b = k->priv;
	struct seek s = { .end = off };
	int r;

	if (off >= b->size)
		return -ENXIO;
	r = k->writable ? ceph.rbd_flush(b->image) : 0;
	if (r == 0)
		r = ceph_image_extents(b->image, off, b->size - off, false,
				       whence == SEEK_DATA ? first_data : first_hole, &s);
	if (r < 0)
		return r;
	if (whence == SEEK_DATA)
		return s.any ? (int64_t)s.found : -ENXIO;
	return (int64_t)(s.end < b->size ? s.end : b->size);
}

static int zero(struct image_bytes *b, uint64_t off, uint64_t n)
{
	while (n) { /* the library takes a size_t and returns a ssize_t */
		size_t now = n < (1u << 30) ? n : 1u << 30;
		ssize_t r = ceph.rbd_write_zeroes(b->image, off, now, 0, 0);

		if (r < 0)
			return (int)r;
		off += now;
		n -= now;
	}
	return 0;
}

/* Where it is a volume its capacity stays: what is cut off reads as zeroes. */
static int bulk_truncate(struct bulk *k, uint64_t size)
{
	struct image_bytes *b = k->priv;
	int r = size > INT64_MAX ? -EFBIG : 0;

	if (r == 0 && size > b->size)
		r = make_room(b, size);
	else if (r == 0 && size < b->size)
		r = zero(b, size, b->size - size);
	if (r == 0 && (b->whole || size > b->size))
		b->size = size;
	return r;
}

static int bulk_fallocate(struct bulk *k, int mode, uint64_t off, uint64_t n)
{
	struct image_bytes *b = k->priv;

	if (mode != (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE) &&
	    (mode & ~FALLOC_FL_KEEP_SIZE) != FALLOC_FL_ZERO_RANGE)
		return -EOPNOTSUPP;
	if (off >= b->size)
		return 0;
	return zero(b, off, n < b->size - off ? n : b->size - off);
}

static int bulk_sync(struct bulk *k)
{
	struct image_bytes *b = k->priv;

	return ceph.rbd_flush(b->image);
}

static int64_t bulk_size(struct bulk *k)
{
	struct image_bytes *b = k->priv;

	return (int64_t)b->size;
}

static void bytes_free(struct image_bytes *b)
{
	if (b->image)
		ceph.rbd_close(b->image);
	if (b->whole && b->opened_by_us)
		(void)!ceph.rbd_remove(b->c->io, b->name);
	cluster_put(b->c);
	error_clear(&b->far.why);
	free(b->name);
	free(b->whole);
	free(b);
}

static void bulk_close(struct bulk *k)
{
	bytes_free(take(&k->priv));
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
	struct image_bytes *b = arg;
	int r = ceph.rbd_flush(b->image);

	if (r == 0 && b->whole && b->room != b->size) {
		r = ceph.rbd_resize(b->image, b->size);
		b->room = r == 0 ? b->size : b->room;
	}
	if (r == 0 && b->whole)
		r = ceph.rbd_rename(b->c->io, b->name, b->whole);
	if (r < 0)
		return ceph_failed(&b->far.why, r, "the image", b->whole ? b->whole : b->name);
	if (b->whole) { /* from now on it is one that is there */
		free(b->name);
		b->name = take(&b->whole);
	}
	return 0;
}

static int commit(struct bulk *k, struct error *err)
{
	return far_commit(k, commit_work, err);
}

/* ---- opened ---- */

static int make_upload(struct rbd_job *j, struct image_bytes *b)
{
	struct rbd_new new = { 0 };

	b->whole = xstrdup(j->name);
	b->name = ceph_temporary_name();
	b->may_grow = true;
	new.name = b->name;
	return ceph_image_make(b->c, &new, &j->far.why);
}

static int decrypt(struct rbd_job *j, struct image_bytes *b)
{
	rbd_encryption_luks1_format_options_t one = { .passphrase = j->passphrase.p,
						      .passphrase_size = j->passphrase.n };
	rbd_encryption_luks2_format_options_t other = { .passphrase = j->passphrase.p,
							.passphrase_size = j->passphrase.n };
	bool two;
	int r;

	if (!ceph_image_luks(b->image, &two))
		return error_set(&j->far.why, EINVAL, "the image '%s' is not known to be encrypted", j->name);
	r = ceph.rbd_encryption_load(b->image, two ? RBD_ENCRYPTION_FORMAT_LUKS2 : RBD_ENCRYPTION_FORMAT_LUKS1,
				     two ? (rbd_encryption_options_t)&other : (rbd_encryption_options_t)&one,
				     two ? sizeof(other) : sizeof(one));
	if (r == -EPERM)
		return error_set(&j->far.why, EACCES, "the value of the secret does not open the image '%s'", j->name);
	return r < 0 ? ceph_failed(&j->far.why, r, "encryption of the image", j->name) : 0;
}

static int open_work(void *arg)
{
	struct rbd_job *j = arg;
	struct image_bytes *b = j->bytes = xcalloc(1, sizeof(*b));
	bool writes = (j->flags & O_ACCMODE) != O_RDONLY;
	int r = 0;

	b->far.kind = j->far.kind;
	b->c = cluster_hold(j->c);
	if (j->flags & O_CREAT)
		r = make_upload(j, b);
	else
		b->name = xstrdup(j->name);
	if (r == 0)
		r = ceph_image_open(b->c, b->name, writes, &b->image, &j->far.why);
	b->opened_by_us = r == 0;
	if (r == 0 && j->passphrase.n)
		r = decrypt(j, b);
	if (r < 0)
		return r;
	r = ceph.rbd_get_size(b->image, &b->room);
	b->size = b->room;
	if (r == 0 && !b->whole && (j->flags & O_TRUNC)) {
		b->may_grow = true;
		r = zero(b, 0, b->size);
	}
	if (r == 0 && writes) /* the cache writes through until the first flush */
		r = ceph.rbd_flush(b->image);
	return r < 0 ? ceph_failed(&j->far.why, r, "the image", j->name) : 0;
}

void rbd_bytes_free(struct image_bytes *b)
{
	if (b)
		bytes_free(b);
}

static int open_image(struct rbd_job *j, int flags, struct bulk **out, struct error *err)
{
	/* what is only read is there or not; a new image is made, an old one zeroed, a key stretched */
	int64_t most = flags == O_RDONLY && !j->passphrase.n ? POOL_ASK_MS : POOL_WORK_MS;
	struct worker *w = worker_new("ceph-bytes");
	struct bulk *k;
	int r;

	j->flags = flags;
	r = far_run_on(w, &j->far, open_work, most, err);
	if (r < 0) {
		worker_free(w);
		return r;
	}
	k = xcalloc(1, sizeof(*k));
	*k = (struct bulk){ .ops = &ops,
			    .worker = w,
			    .fd = -1,
			    .writable = (flags & O_ACCMODE) != O_RDONLY,
			    .grows = flags & O_TRUNC,
			    .priv = take(&j->bytes),
			    .commit = flags & O_CREAT ? commit : NULL };
	*out = k;
	rbd_job_free(j);
	return 0;
}

int rbd_image_slot(struct pool *p, const char *name, int flags, const struct volume_spec *spec unused,
		   struct bulk **out, struct error *err)
{
	struct rbd_job *j = rbd_name_check(name, err) == 0 ? rbd_job_new(p, name, err) : NULL;

	return j ? open_image(j, flags, out, err) : err && err->code ? -err->code : -EINVAL;
}

int rbd_data_slot(struct pool *p, const char *name, const struct data_layer *layers unused, size_t n unused, bool write,
		  const struct secret *secret, struct bulk **out, struct error *err)
{
	struct rbd_job *j = rbd_job_new(p, name, err);

	if (!j)
		return -EBUSY;
	if (secret)
		buf_add(&j->passphrase, secret->value.p, secret->value.n);
	return open_image(j, write ? O_RDWR : O_RDONLY, out, err);
}
