/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which domains there are: made, found, named, removed; and the little that a driver asks of one. */
#include "domain_impl.h"

#include <unistd.h>

#include "claim.h"
#include "offload.h"

const char *const domain_state_names[] = {
	[DOMAIN_SHUTOFF] = "shutoff",	[DOMAIN_STARTING] = "starting",
	[DOMAIN_RUNNING] = "running",	[DOMAIN_PAUSED] = "paused",
	[DOMAIN_STOPPING] = "stopping", [DOMAIN_CRASHED] = "crashed",
	[DOMAIN_SAVED] = "saved",	NULL,
};

static struct vec all; /* by serial, which only grows */
static struct hash *by_name, *by_uuid, *by_id, *reserved;
static int last_id;

static void domain_free(struct object *o)
{
	struct domain *d = domain_of(o);

	if (d->driver && d->driver->forget && d->priv)
		d->driver->forget(d);
	domain_live_free(d);
	domain_full_forget(d);
	text_clear(&d->config);
	text_clear(&d->full);
	console_free(d->console);
	worker_free(d->worker);
	record_free(d->run);
	vec_clear(&d->parts, NULL);
	free(d->images_now);
	free(d->images_next);
	free(d->reason);
	free(d->type);
	free(d->error_text);
	free(d->run_dir);
	free(d->was);
	free(d);
}

static void indexes_open(void)
{
	if (by_name)
		return;
	by_name = hash_new();
	by_uuid = hash_new();
	by_id = hash_new();
	reserved = hash_new();
}

struct domain *domain_new(const char *name, const char *uuid)
{
	struct domain *d = xcalloc(1, sizeof(*d));

	indexes_open();
	object_init(&d->obj, OBJ_DOMAIN, name, &root_object, domain_free);
	jobs_init(&d->jobs);
	TAILQ_INIT(&d->state_waiters);
	d->reason = xstrdup("unknown");
	d->persistent = true;
	vec_add(&all, d);
	hash_put(by_name, name, d);
	d->console = console_new(d, NULL);
	domain_set_uuid(d, uuid);
	return d;
}

void domain_remove(struct domain *d)
{
	if (d->obj.gone)
		return;
	vec_drop(&all, d);
	hash_put(by_name, d->obj.name, NULL);
	if (domain_find_uuid(d->uuid) == d)
		hash_put(by_uuid, d->uuid, NULL);
	if (d->id > 0)
		hash_put_u64(by_id, d->id, NULL);
	claims_drop_all(d);
	parts_drop(d);
	task_wake_all(&d->state_waiters);
	object_gone(&d->obj);
	object_changed(&root_object, 1u << FACET_NAMES | 1u << FACET_STATE);
	object_unref(&d->obj);
	if (all.n == 0) {
		vec_clear(&all, NULL);
		hash_free(take(&by_name));
		hash_free(take(&by_uuid));
		hash_free(take(&by_id));
		hash_free(take(&reserved));
	}
}

void domain_set_name(struct domain *d, const char *name)
{
	hash_put(by_name, d->obj.name, NULL);
	free(d->obj.name);
	d->obj.name = xstrdup(name);
	hash_put(by_name, name, d);
}

void domain_set_uuid(struct domain *d, const char *uuid)
{
	autofree char *log = NULL;

	if (domain_find_uuid(d->uuid) == d)
		hash_put(by_uuid, d->uuid, NULL);
	memcpy(d->uuid, uuid, UUID_TEXT - 1);
	d->uuid[UUID_TEXT - 1] = 0;
	hash_put(by_uuid, d->uuid, d);
	free(d->run_dir);
	d->run_dir = xasprintf("%s/domains/%s", config.run_dir, d->uuid);
	log = xasprintf("%s/console.log", d->run_dir);
	console_set_log(d->console, log);
}

void domain_set_id(struct domain *d, int id)
{
	if (d->id > 0)
		hash_put_u64(by_id, d->id, NULL);
	d->id = id;
	if (id > 0)
		hash_put_u64(by_id, id, d);
	if (id > last_id)
		last_id = id;
}

int domain_next_id(void)
{
	return last_id + 1;
}

int domain_reserve(const char *key, struct error *err)
{
	indexes_open();
	if (hash_get(reserved, key))
		return error_set(err, EEXIST, "'%s' is being taken by somebody else at this moment", key);
	hash_put(reserved, key, &reserved);
	return 0;
}

void domain_unreserve(const char *key)
{
	if (reserved)
		hash_put(reserved, key, NULL);
}

struct domain *domain_hold(struct domain *d)
{
	object_ref(&d->obj);
	return d;
}

void domain_unhold_p(struct domain **d)
{
	object_unref(&(*d)->obj);
}

int domain_there(const struct domain *d, struct error *err)
{
	if (d->obj.gone)
		return error_set(err, ESTALE, "the domain '%s' was removed", d->obj.name);
	return 0;
}

struct domain *domain_find(const char *name)
{
	return by_name ? hash_get(by_name, name) : NULL;
}

struct domain *domain_find_uuid(const char *uuid)
{
	return by_uuid ? hash_get(by_uuid, uuid) : NULL;
}

struct domain *domain_find_id(int id)
{
	return by_id && id > 0 ? hash_get_u64(by_id, id) : NULL;
}

struct domain *domain_after(uint64_t serial)
{
	return (struct domain *)object_after(&all, serial);
}

size_t domain_count(void)
{
	return all.n;
}

/* ---- what drivers ask (driver.h) ---- */

const char *domain_name(const struct domain *d)
{
	return d->obj.name;
}

const char *domain_uuid(const struct domain *d)
{
	return d->uuid;
}

int domain_id(const struct domain *d)
{
	return d->id;
}

struct node *domain_live(struct domain *d)
{
	return d->live.n || d->live_doc ? domain_root(d, VIEW_NOW) : NULL;
}

void domain_owner(const struct domain *d, uid_t *uid, gid_t *gid)
{
	struct rights r;

	access_get(&d->obj, "", 0755, &r);
	*uid = r.uid;
	*gid = r.gid;
}

const char *domain_run_dir(const struct domain *d)
{
	return d->run_dir;
}

struct worker *domain_worker(struct domain *d)
{
	if (!d->worker)
		d->worker = worker_new(d->obj.name);
	return d->worker;
}

void *domain_priv(const struct domain *d)
{
	return d->priv;
}

void domain_set_priv(struct domain *d, void *priv)
{
	d->priv = priv;
}

void domain_set_pid(struct domain *d, pid_t pid)
{
	if (d->pid == pid)
		return;
	d->pid = pid;
	object_changed(&d->obj, 1u << FACET_STATE);
}

static char *kept_key(const char *key)
{
	return xasprintf("keep.%s", key);
}

void domain_keep(struct domain *d, const char *key, const char *value)
{
	autofree char *name = kept_key(key);

	if (!d->run)
		d->run = record_new();
	record_set(d->run, name, value);
}

const char *domain_kept(const struct domain *d, const char *key)
{
	autofree char *name = kept_key(key);

	return d->run ? record_get(d->run, name) : NULL;
}
