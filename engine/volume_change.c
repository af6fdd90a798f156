/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A volume that exists: resized, renamed, wiped, removed; and its bytes. */
#include <fcntl.h>

#include "pool_impl.h"

#define DROP_MS 200 /* rmdir answers within this; what takes longer goes on as a job */

/* Of volumes that nobody has looked at yet it is not known what they are built on. */
static void learn_all(struct pool *p)
{
	struct volume *o;

	for (uint64_t serial = 0; p->state == POOL_ACTIVE && (o = volume_after(p, serial)); serial = o->obj.serial) {
		autovolume struct volume *held = volume_hold(o);
		if (!o->info && volume_learn(held, NULL) == -ECANCELED)
			return;
	}
}

/* A volume that others are built on must stay what and where it is. */
static int check_overlays(struct volume *v, struct error *err)
{
	const char *path;

	learn_all(v->pool);
	path = v->info ? v->info->path : NULL;
	for (struct pool *p = pool_after(0); path && p; p = pool_after(p->obj.serial))
		for (size_t i = 0; i < p->by_serial.n; i++) {
			struct volume *o = p->by_serial.at[i];
			if (o->info && str_eq(o->info->backing, path))
				return error_set(err, EBUSY, "it is the backing file of the volume '%s/%s'",
						 p->obj.name, o->obj.name);
		}
	return 0;
}

static int check_free(struct volume *v, struct error *err)
{
	int r = v->upload ? error_set(err, EBUSY, "its image is being written") : volume_check_users(v, false, err);

	return r == 0 ? check_overlays(v, err) : r;
}

/* Is it ready for what SLOT does, and is nobody in the way? */
static int may_change(struct volume *v, const void *slot, const char *what, struct error *err)
{
	int r = volume_needs(v, VOLUME_READY, err);

	if (r == 0 && !pool_has(v->pool, slot, what, err))
		r = -ENOTSUP;
	if (r == 0)
		r = volume_learn(v, err);
	return r == 0 ? check_free(v, err) : r;
}

/* ---- capacity ---- */

static int resize_held(struct volume *v, uint64_t bytes, struct error *err)
{
	struct pool *p = v->pool;
	int r = volume_needs(v, VOLUME_READY, err);

	if (r == 0)
		r = volume_learn(v, err);
	if (r < 0)
		return r;
	if (!v->info || bytes == v->info->capacity)
		return 0;
	if (bytes < v->info->capacity)
		return error_set(
			err, EINVAL,
			"%llu bytes are less than the %llu that it has: what lies beyond would be lost; to have a smaller "
			"one, make it and copy",
			(unsigned long long)bytes, (unsigned long long)v->info->capacity);
	if (!pool_has(p, p->driver->resize, "be resized", err))
		return -ENOTSUP;
	r = volume_check_users(v, true, err);
	if (r == 0)
		r = volume_check_chain(v, err);
	if (r == 0)
		r = p->driver->resize(p, volume_name(v), v->info, bytes, err);
	if (r < 0)
		return r;
	volume_event(v, "resized", NULL);
	pool_usage_soon(p);
	return volume_learn(v, NULL) < 0 ? 0 : 0;
}

/* "20G"; "+5G": that much more. */
static int parse_capacity(struct volume *v, struct str text, uint64_t *bytes, struct error *err)
{
	bool more = text.n && text.p[0] == '+';
	int r;

	if (more) {
		text.p++;
		text.n--;
	}
	r = size_parse(text, bytes, err);
	if (r < 0)
		return r;
	if (*bytes == 0 && !more && v->state == VOLUME_NEW && !node_has(doc_root(v->draft), "backingStore") &&
	    !node_is(doc_root(v->draft), "target/format/@type", "dir"))
		return error_set(err, EINVAL, "a volume of 0 bytes holds nothing: write how large it is to be, as 20G");
	if (!more)
		return 0;
	if (v->state == VOLUME_NEW)
		return error_set(err, EINVAL, "'+%.*s': it has no capacity yet that could grow", (int)text.n, text.p);
	r = volume_learn(v, err);
	if (r == 0 && v->info)
		*bytes += v->info->capacity;
	return r;
}

int volume_capacity_store(struct volume *v, struct str text, const struct who *who, struct error *err)
{
	autovolume struct volume *held = volume_hold(v);
	autojob struct job job = { .uid = who ? who->uid : 0 };
	bool new = v->state == VOLUME_NEW;
	uint64_t bytes;
	int r = job_begin(&job, &held->jobs, new ? "create" : "resize", err);

	if (r == 0)
		r = parse_capacity(v, text, &bytes, err);
	if (r == 0 && v->state == VOLUME_NEW) {
		autodoc struct doc *xml = doc_copy(v->draft);
		node_set(doc_root(xml), "capacity", NULL);
		node_setf(doc_root(xml), "capacity", "%llu", (unsigned long long)bytes);
		node_set(node_first(doc_root(xml), "capacity"), "@unit", "bytes");
		r = volume_create(v, xml, who, err);
	} else if (r == 0) {
		r = resize_held(v, bytes, err);
	}
	return error_in(err, r, "%s: %s", v->obj.name, new ? "create" : "capacity");
}

/* A file's format that was seen wrongly is set right; the image itself must agree. */
static int format_held(struct volume *v, struct str text, struct error *err)
{
	autofree char *format = xstrndup(text.p, text.n);
	struct volume_info info = { 0 };
	int r = volume_needs(v, VOLUME_READY, err);

	if (r == 0)
		r = volume_learn_outside(v, err);
	if (r < 0 || (v->info && str_eq(v->info->format, format)))
		return r;
	r = volume_check_users(v, false, err);
	if (r == 0 && (!v->pool->driver->info || !v->pool->driver->volume_formats ||
		       word_index(v->pool->driver->volume_formats, format) < 0))
		r = error_set(err, EINVAL, "'%s' is no format of a volume of this pool", format);
	if (r < 0)
		return r;
	info.format = xstrdup(format);
	r = v->pool->driver->info(v->pool, volume_name(v), &info, err);
	if (r == 0)
		format_record(v->pool, volume_name(v), format, &info);
	volume_info_clear(&info);
	return r == 0 ? volume_learn(v, err) : r;
}

int volume_format_store(struct volume *v, struct str text, struct error *err)
{
	autovolume struct volume *held = volume_hold(v);
	autojob struct job job = { 0 };
	int r;

	if (v->state == VOLUME_NEW)
		return volume_prop_store(v, schema_file(&volume_schema, "format"), text, err);
	r = job_begin(&job, &held->jobs, "format", err);
	if (r == 0)
		r = format_held(v, text, err);
	return error_in(err, r, "%s: format", v->obj.name);
}

/* ---- rename ---- */

static int rename_held(struct volume *v, const char *name, struct error *err)
{
	struct pool *p = v->pool;
	autofree char *old = xstrdup(volume_name(v));
	struct volume *other;
	int r = 0;

	if (v->state != VOLUME_NEW) {
		r = may_change(v, p->driver->rename, "rename their volumes", err);
		if (r == 0)
			r = fault_point("volume-rename:begin", err);
		if (r == 0)
			r = format_copy(p, old, name, err);
		if (r == 0) {
			r = p->driver->rename(p, old, name, err);
			if (r < 0)
				format_rename(p, name, NULL);
		}
		if (r == 0)
			(void)!fault_point("volume-rename:moved", NULL);
	}
	if (r < 0 || v->obj.gone)
		return r;
	other = volume_of_pool_name(p, name); /* a listing in between has seen the file of the new name */
	if (other)
		volume_gone(other);
	volume_set_name(v, name);
	format_rename(p, old, name);
	if (v->draft)
		node_set(doc_root(v->draft), "name", name);
	if (v->info)
		volume_info_clear(v->info);
	free(take(&v->info));
	pool_volumes_dirty(p);
	object_changed(&v->obj, 1u << FACET_DOC | 1u << FACET_STATE);
	object_changed(&p->obj, 1u << FACET_NAMES);
	volume_event(v, "renamed", old);
	return v->state == VOLUME_NEW ? 0 : volume_learn(v, NULL) < 0 ? 0 : 0;
}

int volume_rename(struct volume *v, const char *name, struct error *err)
{
	autovolume struct volume *held = volume_hold(v);
	autojob struct job job = { 0 };
	autofree char *old = xstrdup(v->obj.name);
	int r;

	may_wait();
	if (!strcmp(name, v->obj.name))
		return 0;
	if (v->jobs.holder)
		r = error_set(err, EBUSY, "'%s' is going on: wait for it", v->jobs.holder->operation);
	else
		r = job_begin(&job, &held->jobs, "rename", err);
	if (r == 0)
		r = volume_name_free(v->pool, name, err);
	if (r == 0)
		r = rename_held(v, name, err);
	return error_in(err, r, "%s: rename to '%s'", old, name);
}

/* ---- wipe ---- */

const char *const wipe_algorithms[] = { "zero",	     "nnsa",	   "dod",    "bsi",  "gutmann", "schneier",
					"pfitzner7", "pfitzner33", "random", "trim", NULL };

int volume_wipe(struct volume *v, struct str algorithm, struct error *err)
{
	autovolume struct volume *held = volume_hold(v);
	autojob struct job job = { 0 };
	autofree char *word = xstrndup(algorithm.p, algorithm.n), *words = NULL;
	struct pool *p = v->pool;
	int r;

	if (word_index(wipe_algorithms, word) < 0) {
		words = words_joined(wipe_algorithms);
		return error_set(err, EINVAL, "%s: wipe: '%s' is not one of %s", v->obj.name, word, words);
	}
	r = job_begin(&job, &held->jobs, "wipe", err);
	if (r == 0)
		r = may_change(v, p->driver->wipe, "be wiped", err);
	if (r == 0)
		r = p->driver->wipe(p, volume_name(v), v->info, word, volume_progress, v, err);
	v->progress = (struct progress){ 0 };
	if (r == 0) {
		volume_event(v, "wiped", word);
		(void)!volume_learn(v, NULL);
	}
	return error_in(err, r, "%s: wipe", v->obj.name);
}

/* ---- removed ---- */

struct removal {
	struct volume *v;
	struct waitq done_q;
	struct error err;
	int r;
	bool done, left; /* left: whoever asked has his answer already */
};

static void removal_free(struct removal *m)
{
	object_unref(&m->v->obj);
	error_clear(&m->err);
	free(m);
}

static int remove_held(struct volume *v, struct error *err)
{
	struct pool *p = v->pool;
	int r = volume_needs(v, VOLUME_READY, err);

	if (r == 0 && !pool_has(p, p->driver->remove, "remove their volumes", err))
		r = -ENOTSUP;
	if (r == 0)
		r = volume_learn_outside(v, err);
	if (r == -ENOENT) { /* deleted underneath: what was wanted is so */
		error_clear(err);
		r = 0;
	} else if (r == 0) {
		r = check_free(v, err);
		if (r == 0)
			r = fault_point("volume-remove:begin", err);
		if (r < 0)
			return r;
		v->state = VOLUME_REMOVING;
		object_changed(&v->obj, 1u << FACET_STATE);
		r = p->driver->remove(p, volume_name(v), err);
	}
	if (r < 0) {
		if (v->state == VOLUME_REMOVING)
			v->state = VOLUME_READY;
		object_changed(&v->obj, 1u << FACET_STATE);
		return r;
	}
	(void)!fault_point("volume-remove:removed", NULL);
	format_rename(p, volume_name(v), NULL);
	volume_event(v, "removed", NULL);
	volume_gone(v);
	pool_volumes_dirty(p);
	object_changed(&p->obj, 1u << FACET_NAMES);
	pool_usage_soon(p);
	return 0;
}

static void remove_task(void *arg)
{
	struct removal *m = arg;
	struct job job = { 0 };

	m->r = job_begin(&job, &m->v->jobs, "remove", &m->err);
	if (m->r == 0)
		m->r = remove_held(m->v, &m->err);
	job_end(&job);
	error_in(&m->err, m->r, "%s: remove", m->v->obj.name);
	m->done = true;
	if (!m->left) {
		task_wake_all(&m->done_q);
		return;
	}
	if (m->r < 0) {
		volume_set_error(m->v, error_text(&m->err));
		errors_add(NULL, m->v->obj.name, &m->err);
	}
	removal_free(m);
}

int volume_drop(struct volume *v, struct error *err)
{
	struct removal *m;
	int r;

	may_wait();
	if (v->jobs.holder)
		return error_set(err, EBUSY, "%s: remove: '%s' is going on: wait for it, or write abort to its job",
				 v->obj.name, v->jobs.holder->operation);
	if (v->upload)
		return error_set(err, EBUSY, "%s: remove: its image is being written", v->obj.name);
	if (v->state == VOLUME_NEW) {
		struct pool *p = v->pool;
		volume_gone(v);
		object_changed(&p->obj, 1u << FACET_NAMES);
		return 0;
	}
	m = xcalloc(1, sizeof(*m));
	m->v = volume_hold(v);
	TAILQ_INIT(&m->done_q);
	task_start(remove_task, m);
	r = m->done ? 0 : task_wait(&m->done_q, DROP_MS);
	if (!m->done) {
		m->left = true;
		return r == -ECANCELED ? error_set(err, EINTR, "%s: remove: interrupted; it goes on", v->obj.name) : 0;
	}
	r = m->r;
	error_move(err, &m->err);
	removal_free(m);
	return r;
}
