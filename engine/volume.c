/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which volumes there are: the objects, by name and in order, and finding one by its path. */
#include <ctype.h>

#include "pool_impl.h"

const char *const volume_state_names[] = { "new", "creating", "ready", "removing", NULL };

static void volume_free(struct object *o)
{
	struct volume *v = volume_of(o);

	doc_free(v->draft);
	if (v->info)
		volume_info_clear(v->info);
	free(v->info);
	free(v->name);
	free(v->preallocation);
	free(v->error_text);
	object_unref(&v->pool->obj);
	free(v);
}

char *volume_tree_name(const char *name)
{
	struct buf out = { 0 };

	if (object_name_check(name, NULL) == 0)
		return xstrdup(name);
	for (const char *p = name; *p; p++) {
		bool plain = isalnum((unsigned char)*p) || strchr("-_+,:@", *p) || (*p == '.' && p > name);
		buf_printf(&out, plain ? "%c" : "%%%02X", (unsigned char)*p);
	}
	return buf_take(&out);
}

struct volume *volume_new(struct pool *p, const char *pool_name, enum volume_state state)
{
	struct volume *v = xcalloc(1, sizeof(*v));
	autofree char *name = volume_tree_name(pool_name);

	object_init(&v->obj, OBJ_VOLUME, name, &p->obj, volume_free);
	v->name = strcmp(name, pool_name) ? xstrdup(pool_name) : NULL;
	v->pool = pool_hold(p);
	v->state = state;
	jobs_init(&v->jobs);
	hash_put(p->volumes, name, v);
	vec_add(&p->by_serial, v);
	pool_rights_load(v);
	return v;
}

static void forget_place(struct volume *v)
{
	struct pool *p = v->pool;
	size_t low = 0, high = p->by_serial.n;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (((struct volume *)p->by_serial.at[mid])->obj.serial < v->obj.serial)
			low = mid + 1;
		else
			high = mid;
	}
	if (low < p->by_serial.n && p->by_serial.at[low] == v)
		vec_remove(&p->by_serial, low);
	if (hash_get(p->volumes, v->obj.name) == v)
		hash_put(p->volumes, v->obj.name, NULL);
}

void volume_gone(struct volume *v)
{
	if (v->obj.gone)
		return;
	forget_place(v);
	object_gone(&v->obj);
	object_unref(&v->obj);
}

struct volume *volume_of_pool_name(struct pool *p, const char *pool_name)
{
	struct volume *v = hash_get(p->volumes, pool_name);
	autofree char *name = NULL;

	if (v && !v->name)
		return v;
	if (object_name_check(pool_name, NULL) == 0)
		return NULL;
	name = volume_tree_name(pool_name);
	v = hash_get(p->volumes, name);
	return v && str_eq(v->name, pool_name) ? v : NULL;
}

void volume_set_name(struct volume *v, const char *pool_name)
{
	struct pool *p = v->pool;

	hash_put(p->volumes, v->obj.name, NULL);
	free(v->obj.name);
	v->obj.name = volume_tree_name(pool_name);
	free(v->name);
	v->name = strcmp(v->obj.name, pool_name) ? xstrdup(pool_name) : NULL;
	hash_put(p->volumes, v->obj.name, v);
}

struct volume *volume_hold(struct volume *v)
{
	object_ref(&v->obj);
	return v;
}

void volume_unhold_p(struct volume **v)
{
	object_unref(*v ? &(*v)->obj : NULL);
}

int volume_there(const struct volume *v, struct error *err)
{
	if (v->obj.gone)
		return error_set(err, ESTALE, "the volume '%s' is no longer there", v->obj.name);
	return v->state == VOLUME_NEW ? 0 : pool_needs_active(v->pool, err);
}

int volume_needs(const struct volume *v, enum volume_state state, struct error *err)
{
	int r = volume_there(v, err);

	if (r < 0 || v->state == state)
		return r;
	if (v->state == VOLUME_NEW)
		return error_set(err, ENOENT, "it is not created yet: write its capacity");
	if (state == VOLUME_NEW)
		return error_set(err, EPERM, "it is fixed when a volume is created");
	return error_set(err, EBUSY, "it is %s", volume_state_names[v->state]);
}

const char *volume_name(const struct volume *v)
{
	return v->name ? v->name : v->obj.name;
}

struct volume *volume_find(struct pool *p, const char *name)
{
	return hash_get(p->volumes, name);
}

struct volume *volume_after(struct pool *p, uint64_t serial)
{
	return (struct volume *)object_after(&p->by_serial, serial);
}

static struct volume *by_directory(struct pool *p, const char *path)
{
	const char *dir = node_get_or(pool_node(p), "target/path", "");
	size_t n = strlen(dir);

	while (n && dir[n - 1] == '/')
		n--;
	if (strncmp(path, dir, n) || path[n] != '/' || strchr(path + n + 1, '/'))
		return NULL;
	return volume_of_pool_name(p, path + n + 1);
}

static struct volume *by_info(struct pool *p, const char *path)
{
	for (size_t i = 0; i < p->by_serial.n; i++) {
		struct volume *v = p->by_serial.at[i];
		if (v->info && str_eq(v->info->path, path))
			return v;
	}
	return NULL;
}

struct volume *volume_by_path(const char *path)
{
	for (struct pool *p = pool_after(0); p; p = pool_after(p->obj.serial)) {
		struct volume *v = NULL;
		if (p->state == POOL_ACTIVE)
			v = p->driver->flags & POOL_FILES ? by_directory(p, path) : by_info(p, path);
		if (v)
			return v;
	}
	return NULL;
}

/* ---- what is told of it ---- */

void volume_set_error(struct volume *v, const char *text)
{
	if (str_eq(v->error_text, text))
		return;
	free(v->error_text);
	v->error_text = xstrdup(text);
	object_changed(&v->obj, 1u << FACET_ERROR);
}

void volume_progress(void *arg, uint64_t done, uint64_t total)
{
	struct volume *v = arg;

	v->progress.done = done;
	v->progress.total = total;
}

void volume_job(struct volume *v, struct buf *out)
{
	if (v->upload && v->upload->moved)
		buf_printf(out, "operation upload\nbytes_done %llu\n", (unsigned long long)v->upload->moved);
	else
		pool_job(&v->progress, &v->jobs, out);
}

void volume_event(const struct volume *v, const char *event, const char *detail)
{
	autofree char *object = xasprintf("%s/%s", v->pool->obj.name, v->obj.name);

	event_emit("volume", object, event, detail ? "%s" : NULL, detail);
}
