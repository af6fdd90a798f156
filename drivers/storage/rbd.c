/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The driver of pools of type rbd: see rbd.h. */
#include "rbd.h"
#include "engine/spawn.h"

/* ---- start, stop ---- */

/* Uploads that were broken off by a crash; one that still goes on, of whichever host, is open and thus cannot be removed. */
static void remove_left(struct rbd_job *j, const char *name)
{
	if (str_starts(name, UPLOAD_PREFIX))
		(void)!ceph.rbd_remove(j->c->io, name);
}

static int names_of(struct rbd_job *j, void (*fn)(struct rbd_job *j, const char *name))
{
	size_t n = 256;
	autofree rbd_image_spec_t *images = NULL;
	int r;

	do {
		images = xrealloc(images, n * sizeof(*images));
		r = ceph.rbd_list2(j->c->io, images, &n);
	} while (r == -ERANGE);
	if (r < 0)
		return ceph_failed(&j->far.why, r, "the images of", j->c->pool);
	for (size_t i = 0; i < n; i++)
		fn(j, images[i].name);
	ceph.rbd_image_spec_list_cleanup(images, n);
	return 0;
}

static int start_work(void *arg)
{
	struct rbd_job *j = arg;

	return cluster_open(j->c, &j->login, &j->far.why);
}

static void clean_work(void *arg)
{
	(void)!names_of(arg, remove_left);
	rbd_job_end(arg);
}

/* The cluster believes for half a minute that who died has the image open, and makes each removal wait for that. */
static void clean_apart(struct pool *p)
{
	struct rbd_job *j = rbd_job_new(p, NULL, NULL);
	struct worker *w = worker_new("ceph-clean");

	if (j && worker_post(w, clean_work, j) < 0)
		rbd_job_free(j);
	worker_free(w);
}

static int rbd_start(struct pool *p, struct error *err)
{
	struct rbd_job *j = rbd_job_first();
	int r = rbd_login_of(p, &j->login, err);

	j->c->by_capacity = node_is(pool_node(p), "refresh/volume/@allocation", "capacity");
	if (r < 0) {
		rbd_job_free(j);
		return r;
	}
	r = far_run(p, &j->far, start_work, POOL_WORK_MS, err);
	if (r < 0)
		return r;
	pool_set_priv(p, cluster_hold(j->c), cluster_put_later);
	rbd_job_free(j);
	clean_apart(p);
	return 0;
}

static int nothing(void *arg unused)
{
	return 0;
}

/* What is still open holds on to the connection, and ends it. */
static int rbd_stop(struct pool *p, struct error *err)
{
	int r;

	if (!pool_priv(p))
		return 0;
	pool_set_priv(p, NULL, NULL);
	/* nothing is begun any more; what was is over, or hangs by itself */
	r = pool_offload(p, nothing, NULL, NULL, POOL_ASK_MS, err);
	if (r == -ETIMEDOUT)
		error_clear(err);
	return r == -ETIMEDOUT ? 0 : r;
}

/* ---- questions ---- */

static void add_name(struct rbd_job *j, const char *name)
{
	if (!str_starts(name, UPLOAD_PREFIX))
		listing_add(&j->list, name);
}

static int list_work(void *arg)
{
	return names_of(arg, add_name);
}

static int rbd_list_slot(struct pool *p, struct listing *out, struct error *err)
{
	struct rbd_job *j = rbd_job_new(p, NULL, err);
	int r = j ? far_run(p, &j->far, list_work, POOL_ASK_MS, err) : -EBUSY;

	if (r < 0)
		return r;
	*out = j->list;
	j->list = (struct listing){ 0 };
	rbd_job_free(j);
	return 0;
}

/* The cluster's room, of which this pool has what it has.  Without a manager Ceph counts nothing: then it is 0. */
static int usage_work(void *arg)
{
	struct rbd_job *j = arg;
	struct rados_cluster_stat_t all;
	struct rados_pool_stat_t pool;
	int r = ceph.rados_cluster_stat(j->c->rados, &all);

	if (r == 0)
		r = ceph.rados_ioctx_pool_stat(j->c->io, &pool);
	if (r < 0)
		return ceph_failed(&j->far.why, r, "the use of", j->c->pool);
	j->usage.capacity = all.kb * 1024;
	j->usage.available = all.kb_avail * 1024;
	j->usage.allocation = pool.num_bytes;
	return 0;
}

static int rbd_usage(struct pool *p, struct pool_usage *out, struct error *err)
{
	struct rbd_job *j = rbd_job_new(p, NULL, err);
	int r = j ? far_run(p, &j->far, usage_work, POOL_ASK_MS, err) : -EBUSY;

	if (r < 0)
		return r;
	*out = j->usage;
	rbd_job_free(j);
	return 0;
}

static int info_work(void *arg)
{
	struct rbd_job *j = arg;

	return ceph_image_info(j->c, j->name, &j->info, &j->far.why);
}

static int rbd_info(struct pool *p, const char *name, struct volume_info *info, struct error *err)
{
	struct rbd_job *j = rbd_job_new(p, name, err);
	int r = j ? far_run(p, &j->far, info_work, POOL_ASK_MS, err) : -EBUSY;

	if (r < 0)
		return r;
	volume_info_clear(info);
	*info = j->info;
	j->info = (struct volume_info){ 0 };
	rbd_job_free(j);
	return 0;
}

/* ---- changes ---- */

static int make_work(void *arg)
{
	struct rbd_job *j = arg;

	return ceph_image_make(j->c, &j->new, &j->far.why);
}

/* "POOL/[SPACE/]NAME@SNAPSHOT" of this pool: the part after the pool. */
static int parent_of(const struct cluster *c, const struct volume_spec *spec, char **out, struct error *err)
{
	autofree char *dir = cluster_path(c, "");
	const char *rest = str_starts(spec->backing, dir) ? spec->backing + strlen(dir) : NULL;
	const char *at = rest ? strchr(rest, '@') : NULL;

	if (!at || at == rest || !at[1] || strchr(rest, '/'))
		return error_set(err, EINVAL,
				 "the backing '%s': an image of Ceph is built on a snapshot of its own pool: expected "
				 "%sNAME@SNAPSHOT (rbd snap create, rbd snap protect)",
				 spec->backing, dir);
	if (!str_eq(spec->backing_format, "raw"))
		return error_set(err, EINVAL, "the backing '%s' is raw, as all images of Ceph are, not %s",
				 spec->backing, spec->backing_format);
	*out = xstrdup(rest);
	return 0;
}

/* What only images of other formats have must not be dropped without a word. */
static int check_spec(const struct volume_spec *spec, struct error *err)
{
	static const char *const none[] = { "target/compat", "target/clusterSize", "target/features", "target/nocow" };
	const char *luks = node_get(spec->xml, "target/encryption/@format");

	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		if (node_first(spec->xml, none[i]))
			return error_set(err, EINVAL, "line %ld: <%s>: an image of Ceph is raw, and has none",
					 node_line(node_first(spec->xml, none[i])), strchr(none[i], '/') + 1);
	if (spec->secret && luks && strcmp(luks, "luks") && strcmp(luks, "luks2") && strcmp(luks, "default"))
		return error_set(err, EINVAL, "the encryption '%s': expected luks or luks2", luks);
	if (spec->secret && spec->backing)
		return error_set(err, ENOTSUP, "an image that is built on another cannot be encrypted");
	if (str_eq(spec->preallocation, "metadata"))
		return error_set(err, EINVAL,
				 "preallocation 'metadata': a raw volume has none: expected off falloc full");
	return rbd_name_check(spec->name, err);
}

static struct rbd_job *making(struct pool *p, const struct volume_spec *spec, struct error *err)
{
	struct rbd_job *j = check_spec(spec, err) == 0 ? rbd_job_new(p, spec->name, err) : NULL;
	const char *luks = node_get_or(spec->xml, "target/encryption/@format", "luks");

	if (!j)
		return NULL;
	j->new = (struct rbd_new){ .name = j->name, .size = spec->capacity };
	if (spec->backing && parent_of(j->c, spec, &j->parent, err) < 0) {
		rbd_job_free(j);
		return NULL;
	}
	j->new.parent = j->parent;
	if (spec->secret) {
		buf_add(&j->passphrase, spec->secret->value.p, spec->secret->value.n);
		j->new.passphrase = (struct str){ j->passphrase.p, j->passphrase.n };
		j->luks = xstrdup(strcmp(luks, "luks2") ? "luks" : "luks2");
		j->new.luks = j->luks;
	}
	return j;
}

/* Keys are made slowly on purpose: the pool goes on meanwhile. */
static int make_apart(struct rbd_job *j, struct error *err)
{
	struct worker *w = worker_new("ceph-work");
	int r = far_run_on(w, &j->far, make_work, POOL_LONG_MS, err);

	worker_free(w);
	return r;
}

static int rbd_create_slot(struct pool *p, const struct volume_spec *spec, struct error *err)
{
	bool full = str_eq(spec->preallocation, "full") || str_eq(spec->preallocation, "falloc");
	struct rbd_job *j;
	int r;

	if (spec->from_path)
		return error_set(
			err, ENOTSUP,
			"volumes of other pools are not copied into Ceph here: cp pools/.../image pools/%s/volumes/"
			"%s/image",
			pool_name(p), spec->name);
	j = making(p, spec, err);
	if (!j)
		return err && err->code ? -err->code : -EINVAL;
	if (full) {
		j->to = ceph_temporary_name();
		j->whole = xstrdup(spec->name);
		j->new.name = j->to;
	}
	r = spec->secret ? make_apart(j, err) : far_run(p, &j->far, make_work, POOL_WORK_MS, err);
	if (r < 0)
		return r;
	if (full)
		return rbd_fill(j, spec, err);
	rbd_job_free(j);
	return 0;
}

static int remove_work(void *arg)
{
	struct rbd_job *j = arg;

	return ceph_image_remove(j->c, j->name, &j->far.why);
}

/* Each of its objects is deleted: the pool goes on meanwhile. */
static int rbd_remove_slot(struct pool *p, const char *name, struct error *err)
{
	struct rbd_job *j = rbd_job_new(p, name, err);
	struct worker *w = worker_new("ceph-work");
	int r = j ? far_run_on(w, &j->far, remove_work, POOL_LONG_MS, err) : -EBUSY;

	worker_free(w);
	if (r == 0)
		rbd_job_free(j);
	return r;
}

static int rename_work(void *arg)
{
	struct rbd_job *j = arg;
	int r = ceph.rbd_rename(j->c->io, j->name, j->to);

	return r < 0 ? ceph_failed(&j->far.why, r, "the image", r == -EEXIST ? j->to : j->name) : 0;
}

static int rbd_rename_slot(struct pool *p, const char *name, const char *to, struct error *err)
{
	struct rbd_job *j = rbd_name_check(to, err) == 0 ? rbd_job_new(p, name, err) : NULL;
	int r;

	if (!j)
		return err && err->code ? -err->code : -EINVAL;
	j->to = xstrdup(to);
	r = far_run(p, &j->far, rename_work, POOL_WORK_MS, err);
	if (r == 0)
		rbd_job_free(j);
	return r;
}

/* An encrypted one grows by as much as its guest is to see more. */
static int resize_work(void *arg)
{
	struct rbd_job *j = arg;
	uint64_t now;
	bool two;
	int r = ceph_image_open(j->c, j->name, true, &j->image, &j->far.why);

	if (r < 0)
		return r;
	j->far.size += ceph_image_luks(j->image, &two);
	r = ceph.rbd_get_size(j->image, &now);
	if (r == 0 && j->far.size < now)
		r = error_set(&j->far.why, EINVAL, "the image '%s' has %llu bytes: what lies beyond would be lost",
			      j->name, (unsigned long long)now);
	else if (r == 0)
		r = ceph.rbd_resize(j->image, j->far.size);
	rbd_job_close(j);
	return r < 0 && !j->far.why.code ? ceph_failed(&j->far.why, r, "the image", j->name) : r;
}

static int rbd_resize_slot(struct pool *p, const char *name, const struct volume_info *now unused, uint64_t capacity,
			   struct error *err)
{
	struct rbd_job *j = rbd_job_new(p, name, err);
	int r;

	if (!j)
		return -EBUSY;
	j->far.size = capacity;
	r = far_run(p, &j->far, resize_work, POOL_WORK_MS, err);
	if (r == 0)
		rbd_job_free(j);
	return r;
}

/* ---- is it usable ---- */

/* Without loading it: that costs every process that has no Ceph. */
static int rbd_probe(struct buf *state, struct error *err unused)
{
	static const char *const argv[] = { "ldconfig", "-p", NULL };
	autoerror struct error no = { 0 };
	autobuf struct buf text = { 0 };

	if (!ceph_loaded() && spawn_run(argv, (struct str){ 0 }, &text, POOL_ASK_MS, &no) == 0 &&
	    !strstr(buf_text(&text), "librbd.so.1"))
		buf_puts(state, "not usable: librbd.so.1 is not there: install librbd1\n");
	else
		buf_puts(state, "usable\n");
	return 0;
}

static const char *const volume_formats[] = { "raw", NULL };

const struct pool_driver rbd_pool = {
	.type = "rbd",
	.flags = POOL_REMOTE | POOL_UNFOUND,
	.volume_formats = volume_formats,
	.probe = rbd_probe,
	.complete = rbd_complete,
	.source_show = rbd_source_show,
	.source_store = rbd_source_store,
	.start = rbd_start,
	.stop = rbd_stop,
	.list = rbd_list_slot,
	.usage = rbd_usage,
	.info = rbd_info,
	.create = rbd_create_slot,
	.remove = rbd_remove_slot,
	.rename = rbd_rename_slot,
	.resize = rbd_resize_slot,
	.clone = rbd_clone_slot,
	.wipe = rbd_wipe,
	.image = rbd_image_slot,
	.data = rbd_data_slot,
	.disk = rbd_disk,
};
