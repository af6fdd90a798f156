/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Work on images that goes to a thread, and what becomes of it when nobody waits any longer. */
#include "rbd.h"

static const struct far_kind kind = { rbd_job_free, "the cluster does not answer", "ceph-work" };

static struct rbd_job *job_on(struct cluster *c)
{
	struct rbd_job *j = xcalloc(1, sizeof(*j));

	j->far.kind = &kind;
	j->c = c;
	return j;
}

struct rbd_job *rbd_job_first(void)
{
	return job_on(cluster_new());
}

struct rbd_job *rbd_job_new(struct pool *p, const char *name, struct error *err)
{
	struct cluster *c = pool_priv(p);
	struct rbd_job *j;

	if (!c) {
		error_set(err, EBUSY, "the pool '%s' is not connected", pool_name(p));
		return NULL;
	}
	j = job_on(cluster_hold(c));
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
	error_clear(&j->far.why);
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

	if (!j)
		return;
	if (!j->image && !j->target && !j->bytes && !j->made && cluster_put_if_more(j->c)) {
		clear(j);
		return;
	}
	far_end("ceph-end", rbd_job_end, j);
}
