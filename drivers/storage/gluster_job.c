/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The connection of a pool of type gluster, work that goes to a thread, and what becomes of it when nobody waits any longer. */
#include "gluster.h"

/* ---- the connection ---- */

struct gluster_fs *gluster_fs_hold(struct gluster_fs *f)
{
	atomic_fetch_add(&f->refs, 1);
	return f;
}

static void fs_put(void *arg)
{
	struct gluster_fs *f = arg;

	if (atomic_fetch_sub(&f->refs, 1) != 1)
		return;
	if (f->fs)
		gluster.glfs_fini(f->fs); /* takes up to ten seconds */
	gluster_source_clear(&f->at);
	free(f);
}

/* True unless it is the last one. */
static bool fs_put_if_more(struct gluster_fs *f)
{
	unsigned n = atomic_load(&f->refs);

	while (n > 1)
		if (atomic_compare_exchange_weak(&f->refs, &n, n - 1))
			return true;
	return false;
}

void gluster_fs_put_later(void *arg)
{
	struct gluster_fs *f = arg;

	if (f && !fs_put_if_more(f))
		far_end("gluster-end", fs_put, f);
}

/* ---- jobs ---- */

static const struct far_kind kind = { gluster_job_free, "the GlusterFS servers do not answer", "gluster-work" };

static struct gluster_job *job_on(struct gluster_fs *f)
{
	struct gluster_job *j = xcalloc(1, sizeof(*j));

	j->far.kind = &kind;
	j->fs = f;
	return j;
}

struct gluster_job *gluster_job_first(void)
{
	struct gluster_fs *f = xcalloc(1, sizeof(*f));

	atomic_init(&f->refs, 1);
	return job_on(f);
}

struct gluster_job *gluster_job_new(struct pool *p, const char *name, struct error *err)
{
	struct gluster_fs *f = pool_priv(p);
	struct gluster_job *j;

	if (!f) {
		error_set(err, EBUSY, "the pool '%s' is not connected", pool_name(p));
		return NULL;
	}
	j = job_on(gluster_fs_hold(f));
	j->name = xstrdup(name);
	return j;
}

void gluster_job_owner(struct gluster_job *j, const struct volume_spec *spec)
{
	j->uid = spec ? spec->uid : geteuid();
	j->gid = spec ? spec->gid : getegid();
	j->mode = spec ? spec->mode & 0777 : 0600;
}

static void clear(struct gluster_job *j)
{
	listing_clear(&j->list);
	error_clear(&j->far.why);
	free(j->name);
	free(j->to);
	free(j->temp);
	free(j->head);
	free(j);
}

void gluster_job_end(void *arg)
{
	struct gluster_job *j = arg;

	if (j->fd)
		gluster.glfs_close(j->fd);
	if (j->target)
		gluster.glfs_close(j->target);
	if (j->temp) {
		autofree char *path = gluster_path(j->fs, j->temp);
		gluster.glfs_unlink(j->fs->fs, path);
	}
	fs_put(j->fs);
	clear(j);
}

void gluster_job_free(void *arg)
{
	struct gluster_job *j = arg;

	if (!j)
		return;
	if (!j->fd && !j->target && !j->temp && fs_put_if_more(j->fs)) {
		clear(j);
		return;
	}
	far_end("gluster-end", gluster_job_end, j);
}

int gluster_failed(struct gluster_job *j, const char *name)
{
	int code = errno ? errno : EIO;
	const char *words = strerror(code);

	if (code == ENOTCONN || code == ETIMEDOUT)
		words = "the servers of the volume do not answer";
	else if (code == ENOENT)
		words = "there is none";
	else if (code == EEXIST)
		words = "there is one already";
	return error_set(&j->far.why, code, "'%s%s%s' of the GlusterFS volume %s: %s", j->fs->at.dir,
			 name || !j->fs->at.dir[0] ? "/" : "", name ? name : "", j->fs->at.volume, words);
}
