/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What goes over a whole image, piece by piece, so that it can be watched and broken off: wiping, copying, filling. */
#include <stdio.h>
#include <sys/random.h>

#include "rbd.h"

#define PIECE  (64ull << 20) /* what is looked at in one go */
#define BUFFER (4u << 20)

struct piece {
	struct rbd_job *j;
	char *buffer;
	char how; /* of a wipe: zero, random */
	int r;
};

/* The last piece of what was made: it gets its name. */
static int made_whole(struct rbd_job *j)
{
	int r = ceph.rbd_flush(j->target);

	rbd_job_close(j);
	if (r == 0)
		r = ceph.rbd_rename(j->c->io, j->to, j->whole);
	j->made = r < 0;
	return r < 0 ? ceph_failed(&j->far.why, r, "the image", j->whole) : 0;
}

static int fill_random(char *p, size_t n)
{
	for (size_t have = 0; have < n;) {
		ssize_t got = getrandom(p + have, n - have, 0);

		if (got < 0 && errno != EINTR)
			return -errno;
		have += got > 0 ? (size_t)got : 0;
	}
	return 0;
}

/* ---- wipe ---- */

/* Only what holds something: where nothing was written there is nothing to overwrite, and it stays thin. */
static int overwrite(void *arg, uint64_t off, uint64_t n)
{
	struct piece *p = arg;

	while (n && p->r == 0) {
		size_t now = n < BUFFER ? n : BUFFER;
		ssize_t put;

		if (p->how == 'z') {
			put = ceph.rbd_write_zeroes(p->j->image, off, now, RBD_WRITE_ZEROES_FLAG_THICK_PROVISION, 0);
		} else {
			p->r = fill_random(p->buffer, now);
			put = p->r < 0 ? p->r : ceph.rbd_write2(p->j->image, off, now, p->buffer, 0);
		}
		if (put < 0)
			p->r = (int)put;
		off += now;
		n -= now;
	}
	return p->r;
}

static int open_wipe(struct rbd_job *j)
{
	int r = ceph_image_open(j->c, j->name, true, &j->image, &j->far.why);

	if (r == 0)
		r = ceph_image_snapshots(j->image, j->name, "they would keep what is wiped: remove them first",
					 &j->far.why);
	if (r == 0)
		r = ceph.rbd_get_size(j->image, &j->far.size);
	if (r < 0)
		rbd_job_close(j);
	else
		ceph_image_forget_luks(j->image); /* its header goes, too */
	return r;
}

static int wipe_work(void *arg)
{
	struct rbd_job *j = arg;
	struct piece p = { .j = j, .how = (char)j->flags };
	int r = j->image ? 0 : open_wipe(j);

	if (r < 0)
		return r;
	if (!far_piece(&j->far, PIECE)) {
		r = ceph.rbd_flush(j->image);
		rbd_job_close(j);
		return r < 0 ? ceph_failed(&j->far.why, r, "the image", j->name) : 0;
	}
	if (p.how == 't') {
		r = ceph.rbd_discard(j->image, j->far.off, j->far.n);
	} else {
		p.buffer = xmalloc(BUFFER);
		r = ceph_image_extents(j->image, j->far.off, j->far.n, false, overwrite, &p);
		free(p.buffer);
	}
	r = r < 0 ? r : p.r;
	if (r >= 0)
		return 0;
	rbd_job_close(j);
	return ceph_failed(&j->far.why, r, "the image", j->name);
}

int rbd_wipe(struct pool *p, const char *name, const struct volume_info *now unused, const char *algorithm,
	     void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg, struct error *err)
{
	static const char *const known[] = { "zero", "random", "trim", NULL };
	struct rbd_job *j;

	if (word_index(known, algorithm) < 0)
		return error_set(
			err, ENOTSUP,
			"'%s' overwrites the same place many times, which Ceph does not: it writes to new ones: "
			"expected zero random trim",
			algorithm);
	j = rbd_job_new(p, name, err);
	if (!j)
		return -EBUSY;
	j->flags = algorithm[0];
	return far_pieces(&j->far, wipe_work, progress, arg, err);
}

/* ---- copy ---- */

static int copy_part(void *arg, uint64_t off, uint64_t n)
{
	struct piece *p = arg;

	while (n && p->r == 0) {
		size_t now = n < BUFFER ? n : BUFFER;
		ssize_t got = ceph.rbd_read2(p->j->image, off, now, p->buffer, LIBRADOS_OP_FLAG_FADVISE_NOCACHE);

		if (got > 0)
			got = ceph.rbd_write2(p->j->target, off, (size_t)got, p->buffer,
					      LIBRADOS_OP_FLAG_FADVISE_NOCACHE);
		if (got <= 0)
			p->r = got < 0 ? (int)got : -EIO;
		off += now;
		n -= now;
	}
	return p->r;
}

static int open_copy(struct rbd_job *j)
{
	rbd_image_info_t info;
	int r = ceph_image_open(j->c, j->name, false, &j->image, &j->far.why);

	if (r == 0) {
		r = ceph.rbd_stat(j->image, &info, sizeof(info));
		if (r < 0)
			ceph_failed(&j->far.why, r, "the image", j->name);
	}
	if (r == 0) {
		j->far.size = info.size;
		j->new = (struct rbd_new){ .name = j->to, .size = info.size, .order = info.order };
		r = ceph_image_make(j->c, &j->new, &j->far.why);
		j->made = r == 0;
	}
	if (r == 0)
		r = ceph_image_open(j->c, j->to, true, &j->target, &j->far.why);
	if (r == 0)
		r = ceph_image_copy_luks(j->image, j->target);
	if (r == 0)
		r = ceph.rbd_flush(j->target); /* from now on the cache does not write through */
	return r;
}

static int copy_piece(struct rbd_job *j)
{
	struct piece p = { .j = j };
	int r = j->target ? 0 : open_copy(j);

	if (r < 0)
		return r;
	if (!far_piece(&j->far, PIECE))
		return made_whole(j);
	p.buffer = xmalloc(BUFFER);
	r = ceph_image_extents(j->image, j->far.off, j->far.n, true, copy_part, &p);
	free(p.buffer);
	r = r < 0 ? r : p.r;
	return r < 0 ? ceph_failed(&j->far.why, r, "the copy of", j->name) : 0;
}

static int copy_work(void *arg)
{
	struct rbd_job *j = arg;
	int r = copy_piece(j);

	if (r < 0)
		rbd_job_close(j);
	return r;
}

int rbd_clone_slot(struct pool *p, const char *name, const struct volume_info *now unused, const struct volume_spec *to,
		   struct error *err)
{
	struct rbd_job *j = rbd_name_check(to->name, err) == 0 ? rbd_job_new(p, name, err) : NULL;

	if (!j)
		return err && err->code ? -err->code : -EINVAL;
	j->to = ceph_temporary_name();
	j->whole = xstrdup(to->name);
	return far_pieces(&j->far, copy_work, to->progress, to->arg, err);
}

/* ---- preallocation ---- */

static int fill_work(void *arg)
{
	struct rbd_job *j = arg;
	uint64_t at;
	int r = j->target ? 0 : ceph_image_open(j->c, j->to, true, &j->target, &j->far.why);

	if (r == 0 && !j->far.size) {
		bool two;
		r = ceph.rbd_get_size(j->target, &j->far.size);
		j->far.off = ceph_image_luks(j->target, &two); /* the header is there */
	}
	if (r == 0 && !far_piece(&j->far, PIECE))
		return made_whole(j);
	for (at = j->far.off; r == 0 && at < j->far.off + j->far.n; at += BUFFER) {
		uint64_t left = j->far.off + j->far.n - at;
		ssize_t put = ceph.rbd_write_zeroes(j->target, at, left < BUFFER ? left : BUFFER,
						    RBD_WRITE_ZEROES_FLAG_THICK_PROVISION, 0);
		r = put < 0 ? (int)put : 0;
	}
	if (r == 0)
		return 0;
	rbd_job_close(j);
	return ceph_failed(&j->far.why, r, "the image", j->to);
}

int rbd_fill(struct rbd_job *j, const struct volume_spec *spec, struct error *err)
{
	j->made = true;
	return far_pieces(&j->far, fill_work, spec->progress, spec->arg, err);
}
