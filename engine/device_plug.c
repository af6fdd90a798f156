/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A device into and out of a domain: of the running guest through the driver, of the definition through a draft.
 *
 * Order when it runs: the driver, the live document and its run file, the definition.  If the definition cannot be stored the device is taken
 * out again; what cannot be taken out stays in the live document, which says the truth.
 */
#include <stdio.h>

#include "domain_impl.h"

#define DROP_WAIT_MS 200 /* rmdir must answer: the rest goes on as a job */

/* ---- documents ---- */

static struct node *devices_of(struct node *root)
{
	return node_make(root, "devices");
}

/* The device's element by the part's name, or by what tells it from its like where the alias was given by the driver. */
static struct node *added_node(const struct doc *doc, enum part_kind kind, const char *name)
{
	return device_find(doc_root(doc), kind, name);
}

/* The running guest's document with the element in it, complete; outputs are kept out of what the driver completes. */
static int live_with(struct domain *d, const struct node *element, struct doc **out, struct error *err)
{
	autodoc struct doc *doc = doc_copy(domain_doc(d, VIEW_NOW));
	int r;

	schema_strip_outputs(&domain_schema, doc_root(doc));
	node_import(devices_of(doc_root(doc)), element);
	r = d->driver->complete(doc, domain_doc(d, VIEW_NOW), err);
	if (r == 0)
		*out = take(&doc);
	return r;
}

/* Those of NEXT's devices that the running guest does not have: the new one and what it needs (a controller). */
static void new_aliases(struct domain *d, const struct doc *next, struct vec *out)
{
	struct node *n = node_child(node_child(doc_root(next), "devices"), NULL);

	for (; n; n = node_next(n, NULL)) {
		const char *alias = node_get(n, "alias/@name");
		if (!alias || device_by_alias(domain_root(d, VIEW_NOW), alias))
			continue;
		if (!strcmp(node_name(n), "controller")) { /* before what hangs on it */
			vec_add(out, NULL);
			memmove(out->at + 1, out->at, (out->n - 1) * sizeof(*out->at));
			out->at[0] = xstrdup(alias);
		} else {
			vec_add(out, xstrdup(alias));
		}
	}
}

static void live_changed(struct domain *d)
{
	parts_sweep(d);
	object_changed(&d->obj, 1u << FACET_DOC | 1u << FACET_NAMES);
}

static void live_remove(struct domain *d, const char *alias)
{
	struct node *n = domain_active(d) ? device_by_alias(domain_root(d, VIEW_NOW), alias) : NULL;

	if (n)
		node_remove(n);
}

/* ---- in ---- */

static void detach_again(struct domain *d, struct doc *next, struct vec *aliases, size_t n)
{
	task_shield(1);
	while (n-- > 0 && domain_active(d)) {
		struct node *dev = device_by_alias(doc_root(next), aliases->at[n]);
		if (d->driver->detach && dev && d->driver->detach(d, dev, NULL) == 0)
			live_remove(d, aliases->at[n]);
	}
	if (domain_active(d)) {
		(void)!domain_save_run(d, NULL);
		live_changed(d);
	}
	task_shield(-1);
}

/* Each new device of NEXT into the guest and its document; all or none. */
static int attach_all(struct domain *d, struct doc *next, struct vec *aliases, struct error *err)
{
	for (size_t i = 0; i < aliases->n; i++) {
		struct node *dev = device_by_alias(doc_root(next), aliases->at[i]);
		int r = d->driver->attach(d, dev, err);

		if (r == 0 && !domain_active(d))
			r = error_set(err, ENOTCONN, "the guest ended meanwhile");
		if (r < 0) {
			detach_again(d, next, aliases, i);
			return r;
		}
		dev = device_by_alias(doc_root(next), aliases->at[i]);
		node_import(devices_of(domain_root(d, VIEW_NOW)), dev);
	}
	return 0;
}

/* NEXT gets the guest's document with the device in it; ALIASES what was attached. */
static int plug_live(struct domain *d, const struct node *element, struct doc **next, struct vec *aliases,
		     struct error *err)
{
	int r;

	if (!d->driver || !d->driver->attach)
		return error_set(err, ENOTSUP, "the %s driver plugs nothing into a running guest",
				 d->driver ? d->driver->name : "missing");
	if (d->state != DOMAIN_RUNNING && d->state != DOMAIN_PAUSED)
		return error_set(err, EBUSY, "the guest is %s", domain_state_names[d->state]);
	r = live_with(d, element, next, err);
	if (r == 0)
		r = fault_point("plug:completed", err);
	if (r < 0)
		return r;
	new_aliases(d, *next, aliases);
	r = attach_all(d, *next, aliases, err);
	if (r < 0)
		return r;
	(void)!fault_point("plug:attached", NULL);
	r = domain_save_run(d, err);
	(void)!fault_point("plug:recorded", NULL);
	if (r < 0)
		detach_again(d, *next, aliases, aliases->n);
	return r;
}

/* The definition with the element.  LIVE, if any, has it complete: the next start gives it the same address. */
static int draft_with(struct domain *d, struct draft *dr, const struct node *element, const struct node *live,
		      struct error *err)
{
	autodoc struct doc *old = NULL;
	int r = draft_edit(d, dr, err);

	if (r < 0)
		return r;
	node_import(devices_of(doc_root(dr->config)), element);
	if (live) {
		old = doc_copy(domain_doc(d, VIEW_CONFIG));
		node_import(devices_of(doc_root(old)), live);
	}
	return draft_complete(d, dr, old, err);
}

static int check_element(enum part_kind kind, const char *name, const struct node *element, struct error *err)
{
	const struct schema *s = device_schema(element);
	autofree char *its = NULL;

	if (!s)
		return error_set(err, EINVAL, "line %ld: <%s> is no device", node_line(element), node_name(element));
	if (device_kind(element) != kind)
		return error_set(err, EINVAL, "<%s> belongs to %s", node_name(element),
				 kind == PART_DEVICE ? device_kind(element) == PART_DISK ? "disks/" : "nics/"
						     : "devices/, nics/ or disks/ by its element");
	its = device_name(element);
	if (!str_eq(its, name))
		return error_set(err, EINVAL, "the element names itself '%s', but its directory is '%s'",
				 its ? its : "", name);
	return schema_check(s, element, err);
}

/* What stands in the running guest only is not checked path by path as definitions are. */
int owner_only(struct domain *d, const struct who *who, struct error *err)
{
	if (!who || access_owner(&d->obj, who))
		return 0;
	return error_set(err, EPERM, "this changes the running guest only, which is left to its owner");
}

int device_plug(struct domain *d, enum part_kind kind, const char *name, const struct node *element, enum view view,
		const struct who *who, struct error *err)
{
	bool live = view == VIEW_NOW && domain_active(d);
	bool keep = d->persistent && !device_find(domain_root(d, VIEW_CONFIG), kind, name);
	autodoc struct doc *next = NULL;
	autodraft struct draft dr = { 0 };
	struct vec aliases = { 0 };
	int r = fault_point("plug:begin", err);

	if (r == 0)
		r = check_element(kind, name, element, err);
	if (r == 0 && live && device_find(domain_root(d, VIEW_NOW), kind, name))
		r = error_set(err, EEXIST, "the running guest has '%s' already", name);
	if (r == 0 && (keep || !live)) /* whatever refuses the definition refuses before the guest is touched */
		r = draft_with(d, &dr, element, NULL, err);
	if (r == 0)
		r = dr.full ? draft_may(d, &dr, who, err) : owner_only(d, who, err);
	if (r == 0 && live)
		r = plug_live(d, element, &next, &aliases, err);
	if (r == 0 && live && keep) {
		draft_clear(&dr);
		r = draft_with(d, &dr, element, added_node(next, kind, name), err);
	}
	if (r == 0 && dr.full)
		r = draft_commit(d, &dr, false, err);
	if (r < 0 && next && aliases.n && domain_active(d))
		detach_again(d, next, &aliases, aliases.n);
	vec_clear(&aliases, free);
	if (r < 0)
		return r;
	(void)!fault_point("plug:stored", NULL);
	return 0;
}

/* ---- out ---- */

/* Without the element; one that the user did not write himself came from the defaults and would come again. */
static int definition_without(struct domain *d, enum part_kind kind, const char *name, struct error *err)
{
	struct node *full = device_find(domain_root(d, VIEW_CONFIG), kind, name), *n;
	autodoc struct doc *old = NULL; /* without it, so that none of its like takes over its address */
	autodraft struct draft dr = { 0 };
	int r;

	if (!full)
		return 0;
	r = draft_edit(d, &dr, err);
	if (r < 0)
		return r;
	n = device_in_config(doc_root(dr.config), full);
	if (!n)
		return error_set(err, EBUSY,
				 "'%s' comes with the machine: say in xml what is to be in its place "
				 "(model='none', where there is such a thing)",
				 name);
	node_remove(n);
	old = doc_copy(domain_doc(d, VIEW_CONFIG));
	node_remove(device_find(doc_root(old), kind, name));
	r = draft_complete(d, &dr, old, err);
	return r < 0 ? r : draft_commit(d, &dr, false, err);
}

static int unplug_live(struct domain *d, enum part_kind kind, const char *name, struct error *err)
{
	autodoc struct doc *copy = doc_copy(domain_doc(d, VIEW_NOW)); /* lives while the driver waits */
	struct node *dev = device_find(doc_root(copy), kind, name);
	autofree char *alias = NULL;
	int r;

	if (!dev)
		return error_set(err, ENODEV, "the running guest has no '%s'", name);
	if (!d->driver || !d->driver->detach)
		return error_set(err, ENOTSUP, "the %s driver takes nothing out of a running guest",
				 d->driver ? d->driver->name : "missing");
	alias = xstrdup(node_get(dev, "alias/@name"));
	r = d->driver->detach(d, dev, err);
	if (r < 0)
		return r;
	(void)!fault_point("unplug:detached", NULL);
	if (alias)
		live_remove(d, alias);
	if (domain_active(d)) {
		(void)!domain_save_run(d, NULL);
		live_changed(d);
	}
	(void)!fault_point("unplug:recorded", NULL);
	return 0;
}

int device_unplug(struct domain *d, enum part_kind kind, const char *name, enum view view, struct error *err)
{
	int r = fault_point("unplug:begin", err);

	if (r == 0 && view == VIEW_NOW && domain_active(d))
		r = unplug_live(d, kind, name, err);
	if (r == 0 && d->persistent)
		r = definition_without(d, kind, name, err);
	if (r < 0)
		return r;
	(void)!fault_point("unplug:stored", NULL);
	parts_sweep(d);
	object_changed(&d->obj, 1u << FACET_NAMES);
	event_emit("domain", d->obj.name, "detached", "%s", name);
	(void)!fault_point("unplug:done", NULL);
	return 0;
}

/* ---- news: the guest let go, or refused, after the one who asked had given up ---- */

struct late {
	struct domain *domain;
	enum part_kind kind;
	char *name;
};

static void forget_late(void *arg)
{
	struct late *l = arg;
	autojob struct job job = { 0 };
	autoerror struct error err = { 0 };
	int r = job_begin(&job, &l->domain->jobs, "detach", &err);

	if (r == 0 && l->domain->persistent)
		r = definition_without(l->domain, l->kind, l->name, &err);
	if (r < 0)
		domain_set_error(l->domain, error_text(&err));
	parts_sweep(l->domain);
	object_changed(&l->domain->obj, 1u << FACET_NAMES);
	event_emit("domain", l->domain->obj.name, "detached", "%s", l->name);
	job_end(&job);
	object_unref(&l->domain->obj);
	free(l->name);
	free(l);
}

void device_detached(struct domain *d, const char *alias, bool refused)
{
	struct node *n = domain_active(d) && alias ? device_by_alias(domain_root(d, VIEW_NOW), alias) : NULL;
	autofree char *name = n ? device_name(n) : NULL;
	enum part_kind kind = n ? device_kind(n) : PART_DEVICE;
	struct part *p = name ? part_find(d, kind, VIEW_NOW, name) : NULL;
	struct late *l;

	if (!name)
		return;
	if (p) {
		p->detaching = false;
		object_changed(&p->obj, 1u << FACET_STATE);
	}
	if (refused) {
		event_emit("domain", d->obj.name, "detach-failed", "%s", name);
		return;
	}
	node_remove(n);
	(void)!domain_save_run(d, NULL);
	live_changed(d);
	l = xcalloc(1, sizeof(*l));
	*l = (struct late){ domain_hold(d), kind, take(&name) };
	task_start(forget_late, l);
}

/* ---- of parts ---- */

static int detach(struct part *p, enum view view, struct error *err)
{
	struct domain *d = p->domain;
	autojob struct job job = { 0 };
	int r = job_begin(&job, &d->jobs, "detach", err);

	if (r == 0)
		r = domain_there(d, err);
	if (r < 0)
		return r;
	if (p->staged) {
		doc_free(take(&p->staged));
		parts_sweep(d);
		object_changed(&d->obj, 1u << FACET_NAMES);
		return 0;
	}
	if (!device_find(domain_root(d, VIEW_NOW), p->kind, p->obj.name) &&
	    !device_find(domain_root(d, VIEW_CONFIG), p->kind, p->obj.name))
		return 0; /* gone is what was wanted */
	p->detaching = view == VIEW_NOW && domain_active(d);
	object_changed(&p->obj, 1u << FACET_STATE);
	r = device_unplug(d, p->kind, p->obj.name, view, err);
	/* after a timeout the request stands: news say what becomes of it */
	p->detaching = r == -ETIMEDOUT && domain_active(d) && !p->obj.gone;
	object_changed(&p->obj, 1u << FACET_STATE);
	return r;
}

int part_detach(struct part *p, enum view view, struct error *err)
{
	int r;

	may_wait();
	if (p->kind == PART_VCPU)
		return error_set(err, EPERM, "vCPUs are removed by writing cpus");
	object_ref(&p->obj);
	r = detach(p, view, err);
	r = error_in(err, r, "%s: detach %s", p->domain->obj.name, p->obj.name);
	object_unref(&p->obj);
	return r;
}

/* rmdir: what takes longer than the kernel may hold the directory goes on by itself. */
struct dropping {
	struct part *part;
	enum view view;
	int result;
	struct error err;
	bool done, left; /* the task has ended; nobody waits for it any more */
	struct waitq waiter;
};

static void dropping_free(struct dropping *g)
{
	object_unref(&g->part->obj);
	error_clear(&g->err);
	free(g);
}

static void drop_task(void *arg)
{
	struct dropping *g = arg;

	g->result = part_detach(g->part, g->view, &g->err);
	g->done = true;
	if (!g->left) {
		task_wake_all(&g->waiter);
		return;
	}
	if (g->result < 0) {
		part_set_error(g->part, error_text(&g->err));
		errors_add(NULL, g->part->obj.name, &g->err);
	}
	dropping_free(g);
}

int part_drop(struct part *p, enum view view, struct error *err)
{
	struct dropping *g = xcalloc(1, sizeof(*g));
	int r;

	may_wait();
	object_ref(&p->obj);
	g->part = p;
	g->view = view;
	TAILQ_INIT(&g->waiter);
	task_start(drop_task, g);
	(void)!task_wait(&g->waiter, DROP_WAIT_MS);
	if (!g->done) {
		g->left = true;
		return 0; /* begun: the object shows it as detaching */
	}
	r = g->result;
	error_move(err, &g->err);
	dropping_free(g);
	return r;
}
