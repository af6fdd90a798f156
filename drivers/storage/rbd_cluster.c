/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The connection to a Ceph cluster: see rbd.h. */
#include <stdio.h>

#include "rbd.h"

/* ---- held ---- */

struct cluster *cluster_new(void)
{
	struct cluster *c = xcalloc(1, sizeof(*c));

	atomic_init(&c->refs, 1);
	return c;
}

struct cluster *cluster_hold(struct cluster *c)
{
	atomic_fetch_add(&c->refs, 1);
	return c;
}

static void end(struct cluster *c)
{
	if (c->opened)
		ceph.rados_ioctx_destroy(c->io);
	if (c->made)
		ceph.rados_shutdown(c->rados);
	free(c->pool);
	free(c->space);
	free(c);
}

void cluster_put(struct cluster *c)
{
	if (c && atomic_fetch_sub(&c->refs, 1) == 1)
		end(c);
}

/* From anywhere: true when it was not the last one, which is left to the caller. */
bool cluster_put_if_more(struct cluster *c)
{
	unsigned n = atomic_load(&c->refs);

	while (n > 1)
		if (atomic_compare_exchange_weak(&c->refs, &n, n - 1))
			return true;
	return false;
}

static void put(void *c)
{
	cluster_put(c);
}

void cluster_put_later(void *c)
{
	if (c && !cluster_put_if_more(c))
		far_end("ceph-end", put, c);
}

/* ---- made ---- */

int ceph_failed(struct error *err, int r, const char *what, const char *name)
{
	static const struct {
		int code;
		const char *words;
	} table[] = {
		{ ENOENT, "there is none" },
		{ EEXIST, "there is one already" },
		{ ETIMEDOUT, "the cluster does not answer" },
		{ EPERM, "the user may not" },
		{ EACCES, "the user may not" },
		{ ESHUTDOWN, "the cluster has shut this host out (blocklisted): stop and start the pool" },
		{ ENOSPC, "the cluster is full" },
		{ EDQUOT, "the Ceph pool has reached its quota" },
		{ EROFS, "it is read-only: another client has it locked, or it is a mirror's copy" },
	};
	const char *words = strerror(-r);

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (table[i].code == -r)
			words = table[i].words;
	return error_set(err, r == -ESHUTDOWN ? EIO : -r, "%s '%s': %s", what, name, words);
}

char *cluster_path(const struct cluster *c, const char *name)
{
	return xasprintf("%s/%s%s%s", c->pool, c->space ? c->space : "", c->space ? "/" : "", name);
}

static int set(struct cluster *c, const char *name, const char *value, struct error *err)
{
	int r = ceph.rados_conf_set(c->rados, name, value);

	return r < 0 ? error_set(err, EINVAL, "rbd:config_opts: '%s' = '%s' is not taken by Ceph: %s", name, value,
				 strerror(-r))
		     : 0;
}

/* In memory only: no file, no environment, no command line has the key. */
static int configure(struct cluster *c, const struct rbd_login *l, struct error *err)
{
	static const char *const auth[] = { "auth_cluster_required", "auth_service_required", "auth_client_required" };
	static const char *const timeouts[] = { "client_mount_timeout", "rados_mon_op_timeout",
						"rados_osd_op_timeout" };
	char seconds[16];
	int r = 0;

	snprintf(seconds, sizeof(seconds), "%d", CEPH_OP_S);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(auth); i++)
		r = set(c, auth[i], l->user ? "cephx" : "none", err);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(timeouts); i++)
		r = set(c, timeouts[i], seconds, err);
	if (r == 0)
		r = set(c, "mon_host", l->hosts, err);
	if (r == 0) /* a download is read in order to its end */
		r = set(c, "rbd_readahead_disable_after_bytes", "0", err);
	for (size_t i = 0; r == 0 && i + 1 < l->options.n; i += 2)
		r = set(c, l->options.at[i], l->options.at[i + 1], err);
	if (r == 0 && l->key && ceph.rados_conf_set(c->rados, "key", l->key) < 0)
		r = error_set(err, EINVAL, "source/auth: the value of the secret is no key of Ceph");
	return r;
}

static int connect_failed(const struct rbd_login *l, int r, struct error *err)
{
	if (r == -ETIMEDOUT)
		return error_set(err, ETIMEDOUT, "no monitor of %s answers%s", l->hosts,
				 l->key ? ", or none takes the key" : "");
	if (r == -EPERM || r == -EACCES || r == -EINVAL || r == -EOPNOTSUPP || r == -ENOTSUP)
		return error_set(
			err, EACCES,
			l->user ? "the cluster at %s refuses the user '%s': check source/auth and the value of its secret"
				: "the cluster at %s wants a login: write source/auth",
			l->hosts, l->user);
	return error_set(err, -r, "the cluster at %s: %s", l->hosts, strerror(-r));
}

static int open_pool(struct cluster *c, const struct rbd_login *l, struct error *err)
{
	bool there = true;
	int r = ceph.rados_ioctx_create(c->rados, l->pool, &c->io);

	if (r < 0)
		return ceph_failed(err, r, "the Ceph pool", l->pool);
	c->opened = true;
	if (!l->space)
		return 0;
	r = ceph.rbd_namespace_exists(c->io, l->space, &there);
	if (r == 0 && !there)
		r = -ENOENT;
	if (r < 0)
		return ceph_failed(err, r, "the namespace", l->space);
	ceph.rados_ioctx_set_namespace(c->io, l->space);
	return 0;
}

int cluster_open(struct cluster *c, const struct rbd_login *l, struct error *err)
{
	int r = ceph_load(err);

	if (r < 0)
		return r;
	c->pool = xstrdup(l->pool);
	c->space = xstrdup(l->space);
	r = ceph.rados_create(&c->rados, l->user);
	if (r < 0)
		return error_set(err, -r, "Ceph's library cannot be used: %s", strerror(-r));
	c->made = true;
	r = configure(c, l, err);
	if (r < 0)
		return r;
	r = ceph.rados_connect(c->rados);
	return r < 0 ? connect_failed(l, r, err) : open_pool(c, l, err);
}
