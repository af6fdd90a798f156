/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mkdir, rmdir and mv of a pool: its definition.  Its storage is built, deleted and moved by nobody here. */
#include "pool_impl.h"
#include "store.h"

static int make(struct pool *p, const struct who *who, struct error *err)
{
	autopooldraft struct pool_draft dr = { .who = who };
	autodoc struct doc *doc = doc_parse(str_of("<pool type='dir'>\n</pool>\n"), "pool", err);
	int r;

	node_set(doc_root(doc), "name", p->obj.name);
	dr.config = take(&doc);
	r = pool_draft_complete(p, &dr, err);
	return r == 0 ? pool_draft_commit(p, &dr, false, err) : r;
}

int pool_make(const char *name, const struct who *who, mode_t mode, struct pool **out, struct error *err)
{
	struct rights rights = { who ? who->uid : 0, who ? who->gid : 0, mode & 07777 };
	struct job job = { .uid = rights.uid };
	char uuid[UUID_TEXT];
	struct pool *p;
	int r = object_name_check(name, err);

	may_wait();
	if (r < 0)
		return r;
	if (pool_find(name))
		return error_set(err, EEXIST, "there is a pool '%s' already", name);
	uuid_random(uuid);
	p = pool_new(name, uuid);
	r = job_begin(&job, &p->jobs, "make", err); /* nobody else can know it yet: this is not waited for */
	p->fresh = true;
	p->persistent = false; /* while its rights are set: there is nothing to write yet */
	access_set(&p->obj, "", 0755, ACCESS_UID | ACCESS_GID | ACCESS_MODE, &rights);
	p->persistent = true;
	r = make(p, who, err);
	if (r < 0) {
		p->persistent = false;
		(void)!store_remove("pools", name, false, NULL); /* it may have failed late */
		job_end(&job);
		pool_remove(p);
		return error_in(err, r, "%s: make", name);
	}
	object_changed(&root_object, 1u << FACET_NAMES);
	event_emit("pool", name, "made", NULL);
	job_end(&job);
	*out = p;
	return 0;
}

/* ---- removed ---- */

static int may_go(struct pool *p, struct error *err)
{
	if (p->state == POOL_INACTIVE)
		return pool_there(p, err);
	return error_set(err, EBUSY, "it is %s: echo stop > state first (what is stored in it stays)",
			 pool_state_names[p->state]);
}

static int drop(struct pool *p, struct error *err)
{
	int r = may_go(p, err);

	if (r == 0)
		r = fault_point("pool-drop:begin", err);
	if (r == 0 && p->persistent)
		r = pool_store_remove(p, err);
	if (r < 0) {
		pool_store_settle(p);
		return r;
	}
	(void)!fault_point("pool-drop:stored", NULL);
	p->persistent = false; /* nothing writes it again */
	(void)!store_remove("volumes", p->uuid, false, NULL);
	pool_remove(p);
	event_emit("pool", p->obj.name, "removed", NULL);
	return 0;
}

int pool_drop(struct pool *p, struct error *err)
{
	autopool struct pool *held = pool_hold(p);
	autojob struct job job = { 0 };
	int r;

	may_wait();
	if (p->jobs.holder)
		r = error_set(err, EBUSY, "'%s' is going on: wait for it", p->jobs.holder->operation);
	else
		r = job_begin(&job, &held->jobs, "remove", err);
	if (r == 0)
		r = drop(p, err);
	return error_in(err, r, "%s: remove", p->obj.name);
}

/* ---- renamed ---- */

/* The new file says whose name it had; then the old one goes; then the new one forgets it.  A start in between finishes it. */
static int rename_files(struct pool *p, struct pool_draft *dr, const char *old, struct error *err)
{
	int r;

	free(p->was);
	p->was = xstrdup(old);
	r = pool_draft_commit(p, dr, false, err);
	if (r < 0) {
		free(take(&p->was));
		return r;
	}
	(void)!fault_point("pool-rename:stored", NULL);
	if (store_remove("pools", old, true, NULL) <
	    0) /* it is still there, and is known for what it is at the next start */
		return 0;
	(void)!fault_point("pool-rename:done", NULL);
	free(take(&p->was));
	pool_save_soon(p);
	return 0;
}

static int rename_held(struct pool *p, const char *name, struct error *err)
{
	autofree char *old = xstrdup(p->obj.name);
	autopooldraft struct pool_draft dr = { 0 };
	int r = pool_draft_edit(p, &dr, err);

	if (r < 0)
		return r;
	if (node_has(doc_root(dr.config), "name"))
		node_set(doc_root(dr.config), "name", name);
	/* what was derived from the old name stays where it is: the data lies there */
	if (!node_has(doc_root(dr.config), "target/path") && node_has(pool_node(p), "target/path"))
		node_set(doc_root(dr.config), "target/path", node_get(pool_node(p), "target/path"));
	pool_set_name(p, name);
	r = pool_draft_complete(p, &dr, err);
	if (r == 0)
		r = rename_files(p, &dr, old, err);
	if (r < 0) {
		(void)!store_remove("pools", name, false, NULL);
		pool_set_name(p, old);
		return r;
	}
	object_changed(&root_object, 1u << FACET_NAMES);
	event_emit("pool", old, "renamed", "%s", name);
	return 0;
}

int pool_rename(struct pool *p, const char *name, struct error *err)
{
	autopool struct pool *held = pool_hold(p);
	autojob struct job job = { 0 };
	autofree char *old = xstrdup(p->obj.name);
	int r = object_name_check(name, err);

	may_wait();
	if (r == 0 && !strcmp(name, p->obj.name))
		return 0;
	if (r == 0)
		r = job_begin(&job, &held->jobs, "rename", err);
	if (r == 0 && pool_find(name))
		r = error_set(err, EEXIST, "there is a pool '%s' already", name);
	if (r == 0)
		r = may_go(p, err);
	if (r == 0)
		r = rename_held(p, name, err);
	return error_in(err, r, "%s: rename to '%s'", old, name);
}
