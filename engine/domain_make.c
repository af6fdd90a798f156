/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* mkdir, rmdir and mv of a domain: durable when they return, and whole after a crash at any step. */
#include "domain_impl.h"
#include "store.h"

/* ---- made ---- */

/* The driver's default definition, with NAME put in. */
static struct doc *fresh_doc(const struct driver *drv, const char *name, struct error *err)
{
	autofree char *text = drv->fresh(name);
	struct doc *doc;

	if (!text) {
		error_set(err, ENOTSUP, "the %s driver has no default definition here: write one to xml", drv->name);
		return NULL;
	}
	doc = doc_parse(str_of(text), "domain", err);
	if (doc)
		node_set(doc_root(doc), "name", name);
	return doc;
}

static int make(struct domain *d, const struct driver *drv, struct error *err)
{
	autodraft struct draft dr = { 0 };
	int r;

	dr.config = fresh_doc(drv, d->obj.name, err);
	if (!dr.config)
		return err && err->code ? -err->code : -EINVAL;
	r = draft_complete(d, &dr, NULL, err);
	if (r == 0)
		r = draft_commit(d, &dr, false, err);
	return r;
}

int domain_make(const char *name, const struct who *who, mode_t mode, struct domain **out, struct error *err)
{
	struct rights rights = { who ? who->uid : 0, who ? who->gid : 0, mode & 07777 };
	const struct driver *drv = NULL;
	struct job job = { .uid = rights.uid };
	char uuid[UUID_TEXT];
	struct domain *d;
	int r = object_name_check(name, err);

	may_wait();
	if (r < 0)
		return r;
	if (domain_find(name))
		return error_set(err, EEXIST, "there is a domain '%s' already", name);
	drv = driver_best(err);
	if (!drv)
		return error_in(err, -ENOTSUP, "%s: make", name);
	if (domain_find(name)) /* driver_best may have waited */
		return error_set(err, EEXIST, "there is a domain '%s' already", name);
	r = fault_point("make:begin", err);
	if (r < 0)
		return r;
	uuid_random(uuid);
	d = domain_new(name, uuid);
	r = job_begin(&job, &d->jobs, "make", err); /* nobody else can know it yet: this is not waited for */
	d->fresh = true;
	d->persistent = false; /* while its rights are set: there is nothing to write yet */
	access_set(&d->obj, "", 0755, ACCESS_UID | ACCESS_GID | ACCESS_MODE, &rights);
	d->persistent = true;
	r = make(d, drv, err);
	if (r < 0) {
		d->persistent = false;
		(void)!store_remove("domains", name, false, NULL); /* it may have failed late */
		job_end(&job);
		domain_remove(d);
		return error_in(err, r, "%s: make", name);
	}
	(void)!fault_point("make:stored", NULL);
	object_changed(&root_object, 1u << FACET_NAMES | 1u << FACET_STATE);
	event_emit("domain", name, "made", NULL);
	(void)!fault_point("make:done", NULL);
	job_end(&job);
	*out = d;
	return 0;
}

/* ---- removed ---- */

static int may_go(struct domain *d, struct error *err)
{
	if (domain_active(d))
		return error_set(err, EBUSY, "it is %s: write shutdown or destroy to its state first",
				 domain_state_names[d->state]);
	return 0;
}

/* What was refused stays: the file may be gone already when it fails (the directory could not be synced). */
static int drop_file(struct domain *d, struct error *err)
{
	int r = store_remove("domains", d->obj.name, true, err);

	if (r < 0)
		domain_save_soon(d);
	return r;
}

static int drop(struct domain *d, struct error *err)
{
	int r = may_go(d, err);

	if (r == 0)
		r = domain_there(d, err);
	if (r == 0)
		r = fault_point("drop:begin", err);
	if (r == 0 && d->persistent)
		r = drop_file(d, err);
	if (r < 0)
		return r;
	(void)!fault_point("drop:stored", NULL);
	d->persistent = false; /* nothing writes it again */
	domain_remove(d);
	event_emit("domain", d->obj.name, "removed", NULL);
	(void)!fault_point("drop:done", NULL);
	return 0;
}

int domain_drop(struct domain *d, struct error *err)
{
	autodomain struct domain *held = domain_hold(d);
	autojob struct job job = { 0 };
	int r;

	may_wait();
	if (d->jobs.holder)
		r = error_set(err, EBUSY, "'%s' is going on: wait for it", d->jobs.holder->operation);
	else
		r = job_begin(&job, &held->jobs, "remove", err);
	if (r == 0)
		r = drop(d, err);
	return error_in(err, r, "%s: remove", d->obj.name);
}

/* ---- renamed ---- */

/* The new file says whose name it had; then the old one goes; then the new one forgets it.  A start in between finishes it. */
static int rename_files(struct domain *d, struct draft *dr, const char *old, struct error *err)
{
	int r;

	free(d->was);
	d->was = xstrdup(old);
	r = draft_commit(d, dr, false, err);
	if (r < 0) {
		free(take(&d->was));
		return r;
	}
	(void)!fault_point("rename:stored", NULL);
	r = store_remove("domains", old, true, NULL);
	if (r < 0) /* the old file is still there, and is known for what it is at the next start */
		return 0;
	free(take(&d->was));
	domain_save_soon(d);
	return 0;
}

static int rename_held(struct domain *d, const char *name, struct error *err)
{
	autofree char *old = xstrdup(d->obj.name);
	autodraft struct draft dr = { 0 };
	int r = draft_edit(d, &dr, err);

	if (r == 0)
		r = fault_point("rename:begin", err);
	if (r < 0)
		return r;
	if (node_has(doc_root(dr.config), "name"))
		node_set(doc_root(dr.config), "name", name);
	domain_set_name(d, name);
	r = draft_complete(d, &dr, NULL, err);
	if (r == 0)
		r = rename_files(d, &dr, old, err);
	if (r < 0) {
		(void)!store_remove("domains", name, false, NULL);
		domain_set_name(d, old);
		return r;
	}
	object_changed(&root_object, 1u << FACET_NAMES | 1u << FACET_STATE);
	event_emit("domain", old, "renamed", "%s", name);
	(void)!fault_point("rename:done", NULL);
	return 0;
}

int domain_rename(struct domain *d, const char *name, struct error *err)
{
	autodomain struct domain *held = domain_hold(d);
	autojob struct job job = { 0 };
	autofree char *old = xstrdup(d->obj.name);
	int r = object_name_check(name, err);

	may_wait();
	if (r == 0 && !strcmp(name, d->obj.name))
		return 0;
	if (r == 0)
		r = job_begin(&job, &held->jobs, "rename", err);
	if (r == 0)
		r = domain_there(d, err);
	if (r == 0 && domain_find(name))
		r = error_set(err, EEXIST, "there is a domain '%s' already", name);
	if (r == 0 && domain_active(d))
		r = error_set(err, EBUSY, "it is %s, and the hypervisor knows it by its name: shut it down first",
			      domain_state_names[d->state]);
	if (r == 0)
		r = rename_held(d, name, err);
	return error_in(err, r, "%s: rename to '%s'", old, name);
}
