/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Work on images that goes to a thread, and what becomes of it when nobody waits any longer. */
#include "rbd.h"

struct rbd_job *rbd_job_new(struct pool *p, const char *name, struct error *err)
{
	struct cluster *c = pool_priv(p);
	struct rbd_job *j;

	if (!c) {
		error_set(err, EBUSY, "the pool '%s' is not connected", pool_name(p));
		return NULL;
	}
	j = xcalloc(1, sizeof(*j));
	j->c = cluster_hold(c);
	j->name = xstrdup(name);
	return j;
}

static void clear(struct rbd_job *j)
{
	rbd_login_clear(&j->login);
	listing_clear(&j->list);
	volume_info_clear(&j->info);
	if (j->passphrase.n)
		explicit_bzero(j->passphrase.p, j->passphrase.n);
	buf_clear(&j->passphrase);
	error_clear(&j->why);
	free(j->name);
	free(j->to);
	free(j->whole);
	free(j->parent);
	free(j->luks);
	free(j);
}

void rbd_job_close(struct rbd_job *j)
{
	if (j->image)
		ceph.rbd_close(j->image);
	if (j->target)
		ceph.rbd_close(j->target);
	j->image = j->target = NULL;
}

void rbd_job_end(void *arg)
{
	struct rbd_job *j = arg;

	rbd_job_close(j);
	rbd_bytes_free(j->bytes);
	if (j->made)
		(void)!ceph.rbd_remove(j->c->io, j->to);
	cluster_put(j->c);
	clear(j);
}

void rbd_job_free(void *arg)
{
	struct rbd_job *j = arg;
	struct worker *w;

	if (!j)
		return;
	if (!j->image && !j->target && !j->bytes && !j->made && cluster_put_if_more(j->c)) {
		clear(j);
		return;
	}
	w = worker_new("ceph-end");
	if (worker_post(w, rbd_job_end, j) < 0)
		rbd_job_end(j);
	worker_free(w);
}

static int ended(struct rbd_job *j, int r, struct error *err)
{
	if (r >= 0 || r == -ETIMEDOUT || r == -ECANCELED)
		return r;
	r = j->why.code ? -j->why.code : r;
	error_move(err, &j->why);
	if (err && !err->code)
		error_set(err, -r, "%s", strerror(-r));
	rbd_job_free(j);
	return r;
}

int rbd_run(struct pool *p, struct rbd_job *j, int (*fn)(void *job), int64_t timeout_ms, struct error *err)
{
	return ended(j, pool_offload(p, fn, j, rbd_job_free, timeout_ms, err), err);
}

int rbd_run_on(struct worker *w, struct rbd_job *j, int (*fn)(void *job), int64_t timeout_ms, struct error *err)
{
	int r = offload(w, fn, j, rbd_job_free, timeout_ms);

	if (r == -ETIMEDOUT)
		return error_set(err, ETIMEDOUT, "the cluster does not answer");
	return r == -ECANCELED ? error_set(err, ECANCELED, "interrupted") : ended(j, r, err);
}

int rbd_pieces(struct rbd_job *j, int (*fn)(void *job), void (*progress)(void *arg, uint64_t done, uint64_t total),
	       void *arg, struct error *err)
{
	struct worker *w = worker_new("ceph-work");
	int r;

	for (;;) {
		r = rbd_run_on(w, j, fn, POOL_LONG_MS, err);
		if (r < 0)
			break;
		if (!j->n) {
			rbd_job_free(j);
			break;
		}
		j->off += j->n;
		if (progress)
			progress(arg, j->off, j->size);
	}
	worker_free(w);
	return r < 0 ? r : 0;
}
