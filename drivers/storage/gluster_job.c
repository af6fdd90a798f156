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
	struct worker *w;

	if (!f || fs_put_if_more(f))
		return;
	w = worker_new("gluster-end");
	if (worker_post(w, fs_put, f) < 0)
		fs_put(f);
	worker_free(w);
}

/* ---- jobs ---- */

struct gluster_job *gluster_job_first(void)
{
	struct gluster_job *j = xcalloc(1, sizeof(*j));

	j->fs = xcalloc(1, sizeof(*j->fs));
	atomic_init(&j->fs->refs, 1);
	return j;
}

struct gluster_job *gluster_job_new(struct pool *p, const char *name, struct error *err)
{
	struct gluster_fs *f = pool_priv(p);
	struct gluster_job *j;

	if (!f) {
		error_set(err, EBUSY, "the pool '%s' is not connected", pool_name(p));
		return NULL;
	}
	j = xcalloc(1, sizeof(*j));
	j->fs = gluster_fs_hold(f);
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
	error_clear(&j->why);
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
	struct worker *w;

	if (!j)
		return;
	if (!j->fd && !j->target && !j->temp && fs_put_if_more(j->fs)) {
		clear(j);
		return;
	}
	w = worker_new("gluster-end");
	if (worker_post(w, gluster_job_end, j) < 0)
		gluster_job_end(j);
	worker_free(w);
}

static int ended(struct gluster_job *j, int r, struct error *err)
{
	if (r >= 0 || r == -ETIMEDOUT || r == -ECANCELED)
		return r;
	r = j->why.code ? -j->why.code : r;
	error_move(err, &j->why);
	if (err && !err->code)
		error_set(err, -r, "%s", strerror(-r));
	gluster_job_free(j);
	return r;
}

int gluster_run(struct pool *p, struct gluster_job *j, int (*fn)(void *job), int64_t timeout_ms, struct error *err)
{
	return ended(j, pool_offload(p, fn, j, gluster_job_free, timeout_ms, err), err);
}

int gluster_run_on(struct worker *w, struct gluster_job *j, int (*fn)(void *job), int64_t timeout_ms, struct error *err)
{
	int r = offload(w, fn, j, gluster_job_free, timeout_ms);

	if (r == -ETIMEDOUT)
		return error_set(err, ETIMEDOUT, "the GlusterFS servers do not answer");
	return r == -ECANCELED ? error_set(err, ECANCELED, "interrupted") : ended(j, r, err);
}

int gluster_pieces(struct gluster_job *j, int (*fn)(void *job),
		   void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg, struct error *err)
{
	struct worker *w = worker_new("gluster-work");
	int r;

	for (;;) {
		r = gluster_run_on(w, j, fn, POOL_LONG_MS, err);
		if (r < 0)
			break;
		if (!j->n) {
			gluster_job_free(j);
			break;
		}
		j->off += j->n;
		if (progress)
			progress(arg, j->off, j->size);
	}
	worker_free(w);
	return r < 0 ? r : 0;
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
	return error_set(&j->why, code, "'%s%s%s' of the GlusterFS volume %s: %s", j->fs->at.dir,
			 name || !j->fs->at.dir[0] ? "/" : "", name ? name : "", j->fs->at.volume, words);
}
