/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which pools there are: made, found, named, removed; and the little that a driver asks of one. */
#include "pool_impl.h"

#include "offload.h"

const char *const pool_state_names[] = {
	[POOL_INACTIVE] = "inactive",
	[POOL_BUILDING] = "building",
	[POOL_STARTING] = "starting",
	[POOL_ACTIVE] = "active",
	[POOL_STOPPING] = "stopping",
	[POOL_DELETING] = "deleting",
	NULL,
};

static struct vec all; /* by serial, which only grows */
static struct hash *by_name, *by_uuid;

void pool_text_set(struct str *s, char *owned, size_t n)
{
	free((char *)s->p);
	*s = (struct str){ owned, n };
}

static void pool_free(struct object *o)
{
	struct pool *p = pool_of(o);

	pool_set_priv(p, NULL, NULL);
	pool_text_set(&p->config, NULL, 0);
	pool_text_set(&p->full, NULL, 0);
	doc_free(p->doc);
	worker_free(p->worker);
	hash_free(p->volumes);
	vec_clear(&p->by_serial, NULL);
	hash_free(p->formats);
	free(p->type);
	free(p->error_text);
	free(p->was);
	free(p);
}

struct pool *pool_new(const char *name, const char *uuid)
{
	struct pool *p = xcalloc(1, sizeof(*p));

	if (!by_name) {
		by_name = hash_new();
		by_uuid = hash_new();
	}
	object_init(&p->obj, OBJ_POOL, name, &root_object, pool_free);
	jobs_init(&p->jobs);
	TAILQ_INIT(&p->state_waiters);
	TAILQ_INIT(&p->listers);
	TAILQ_INIT(&p->askers);
	p->persistent = true;
	p->volumes = hash_new();
	vec_add(&all, p);
	hash_put(by_name, name, p);
	pool_set_uuid(p, uuid);
	return p;
}

void pool_remove(struct pool *p)
{
	if (p->obj.gone)
		return;
	pool_forget_listing(p);
	formats_clear(p);
	vec_drop(&all, p);
	hash_put(by_name, p->obj.name, NULL);
	if (pool_find_uuid(p->uuid) == p)
		hash_put(by_uuid, p->uuid, NULL);
	task_wake_all(&p->state_waiters);
	object_gone(&p->obj);
	pool_volumes_flush(p); /* writes nothing any more */
	object_changed(&root_object, 1u << FACET_NAMES);
	object_unref(&p->obj);
	if (all.n == 0) {
		vec_clear(&all, NULL);
		hash_free(take(&by_name));
		hash_free(take(&by_uuid));
	}
}

void pool_set_name(struct pool *p, const char *name)
{
	hash_put(by_name, p->obj.name, NULL);
	free(p->obj.name);
	p->obj.name = xstrdup(name);
	hash_put(by_name, name, p);
}

void pool_set_uuid(struct pool *p, const char *uuid)
{
	if (pool_find_uuid(p->uuid) == p)
		hash_put(by_uuid, p->uuid, NULL);
	memcpy(p->uuid, uuid, UUID_TEXT - 1);
	hash_put(by_uuid, p->uuid, p);
}

struct pool *pool_hold(struct pool *p)
{
	object_ref(&p->obj);
	return p;
}

void pool_unhold_p(struct pool **p)
{
	object_unref(*p ? &(*p)->obj : NULL);
}

int pool_there(const struct pool *p, struct error *err)
{
	return p->obj.gone ? error_set(err, ESTALE, "the pool '%s' was removed", p->obj.name) : 0;
}

int pool_needs_active(const struct pool *p, struct error *err)
{
	if (p->state == POOL_ACTIVE)
		return 0;
	return error_set(err, EBUSY, "the pool '%s' is %s: echo start > pools/%s/state", p->obj.name,
			 pool_state_names[p->state], p->obj.name);
}

bool pool_has(const struct pool *p, const void *slot, const char *what, struct error *err)
{
	if (!slot)
		error_set(err, ENOTSUP, "pools of type %s cannot %s", p->type ? p->type : "unknown", what);
	return slot;
}

struct pool *pool_find(const char *name)
{
	return by_name ? hash_get(by_name, name) : NULL;
}

struct pool *pool_find_uuid(const char *uuid)
{
	return by_uuid ? hash_get(by_uuid, uuid) : NULL;
}

struct pool *pool_after(uint64_t serial)
{
	return (struct pool *)object_after(&all, serial);
}

void pool_enter(struct pool *p, enum pool_state state, const char *why)
{
	if (p->state == state)
		return;
	p->state = state;
	object_changed(&p->obj, 1u << FACET_STATE | 1u << FACET_DOC);
	event_emit("pool", p->obj.name, pool_state_names[state], why ? "%s" : NULL, why);
	task_wake_all(&p->state_waiters);
}

/* The text was checked when it came; one that does not parse now was damaged on the way and is shown as empty. */
struct doc *pool_doc(struct pool *p)
{
	if (!p->doc)
		p->doc = doc_parse(p->full, "pool", NULL);
	if (!p->doc)
		p->doc = doc_parse(str_of("<pool/>"), "pool", NULL);
	return p->doc;
}

void pool_set_error(struct pool *p, const char *text)
{
	if (str_eq(p->error_text, text))
		return;
	free(p->error_text);
	p->error_text = xstrdup(text);
	object_changed(&p->obj, 1u << FACET_ERROR);
}

void pool_job(const struct progress *g, const struct jobs *j, struct buf *out)
{
	if (!j->holder)
		return;
	buf_printf(out, "operation %s\nelapsed_ms %lld\nholder_uid %u\n", j->holder->operation,
		   (long long)(now_monotonic_ms() - j->holder->began_ms), j->holder->uid);
	if (g->total)
		buf_printf(out, "bytes_done %llu\nbytes_total %llu\nprogress %llu\n", (unsigned long long)g->done,
			   (unsigned long long)g->total, (unsigned long long)(g->done * 100.0 / g->total));
	if (j->waiting)
		buf_printf(out, "waiting %u\n", j->waiting);
}

/* ---- what drivers ask (pool_driver.h) ---- */

const struct pool_driver *pool_driver_of(const char *type)
{
	for (int i = 0; type && pool_drivers[i]; i++)
		if (!strcmp(pool_drivers[i]->type, type))
			return pool_drivers[i];
	return NULL;
}

const char *pool_name(const struct pool *p)
{
	return p->obj.name;
}

const char *pool_uuid(const struct pool *p)
{
	return p->uuid;
}

struct node *pool_node(struct pool *p)
{
	return doc_root(pool_doc(p));
}

char *pool_text(struct pool *p, const char *path)
{
	return xstrdup(node_get(pool_node(p), path));
}

void *pool_priv(const struct pool *p)
{
	return p->priv;
}

void pool_set_priv(struct pool *p, void *priv, void (*free_priv)(void *))
{
	if (p->priv && p->free_priv)
		p->free_priv(p->priv);
	p->priv = priv;
	p->free_priv = free_priv;
}

struct worker *pool_worker(struct pool *p)
{
	if (!p->worker)
		p->worker = worker_new(p->obj.name);
	return p->worker;
}

int pool_offload(struct pool *p, int (*fn)(void *arg), void *arg, void (*free_arg)(void *), int64_t timeout_ms,
		 struct error *err)
{
	int r = offload(pool_worker(p), fn, arg, free_arg, timeout_ms);

	if (r == -ETIMEDOUT)
		return error_set(err, ETIMEDOUT,
				 "the storage of the pool '%s' does not answer (%lld s waited): what was last known is "
				 "still shown",
				 p->obj.name, (long long)timeout_ms / 1000);
	return r == -ECANCELED ? error_set(err, ECANCELED, "interrupted") : r;
}

/* With the rights of the pool's owner: whoever may define a pool may not use any secret with it. */
struct secret *pool_secret(struct pool *p, struct error *err)
{
	const struct node *auth = node_first(pool_node(p), "source/auth");
	const char *type = node_get(auth, "@type");
	const struct node *n = node_child(auth, "secret");

	struct rights rights;
	struct who owner;

	access_get(&p->obj, "", 0755, &rights);
	owner = (struct who){ .uid = rights.uid, .gid = rights.gid };
	return n ? secret_of_node(n, str_eq(type, "ceph") ? "ceph" : "iscsi", &owner, err) : NULL;
}
