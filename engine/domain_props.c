/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A row of the definition as a file: cpus, memory, title ...  A write changes the running guest where the row is live and the driver
 * can, and the definition in any case; what only the next start takes up is listed by `pending`.
 */
#include <inttypes.h>

#include "domain_impl.h"

int live_set(struct domain *d, const char *alias, const struct prop *row, struct str text, struct error *err)
{
	autodoc struct doc *copy = doc_copy(domain_doc(d, VIEW_NOW)); /* the driver may wait; ours may change or go */
	struct node *n = alias ? device_by_alias(doc_root(copy), alias) : doc_root(copy);
	int r;

	if (!n)
		return error_set(err, ENODEV, "the running guest has no device '%s'", alias);
	if (!d->driver || !d->driver->set)
		return error_set(err, ENOTSUP, "the %s driver changes nothing while a guest runs",
				 d->driver ? d->driver->name : "missing");
	r = d->driver->set(d, n, row, text, err);
	if (r < 0 || !domain_active(d))
		return r;
	n = alias ? device_by_alias(domain_root(d, VIEW_NOW), alias) : domain_root(d, VIEW_NOW);
	if (n)
		r = prop_store(row, n, text, err);
	domain_numbers_now(d);
	return r;
}

/* ---- cpus and memory: a pair each, of which one bounds the other ---- */

static const struct pair {
	const char *now, *max; /* paths of the rows */
	const char *max_file;
	bool size;
} pairs[] = {
	{ "vcpu/@current", "vcpu", "cpus_max", false },
	{ "currentMemory", "memory", "memory_max", true },
};

static const struct pair *pair_of(const struct prop *row)
{
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++)
		if (!strcmp(row->path, pairs[i].now) || !strcmp(row->path, pairs[i].max))
			return &pairs[i];
	return NULL;
}

static bool is_max(const struct pair *p, const struct prop *row)
{
	return !strcmp(row->path, p->max);
}

static int pair_parse(const struct pair *p, struct str text, uint64_t *v, struct error *err)
{
	int r = p->size ? size_parse(text, v, err) : u64_parse(text, 1, 65535, v, err);

	if (r == 0 && *v == 0)
		return error_set(err, EINVAL, "'%.*s': a guest needs some", (int)text.n, text.p);
	return r;
}

static uint64_t pair_now(const struct pair *p, const struct numbers *n)
{
	return p->size ? n->memory : n->cpus;
}

static uint64_t pair_max(const struct pair *p, const struct numbers *n)
{
	return p->size ? n->memory_max : n->cpus_max;
}

static void put(const struct pair *p, struct node *root, const char *path, uint64_t v)
{
	if (p->size)
		node_set_size(root, path, v);
	else
		node_setf(root, path, "%" PRIu64, v);
}

/* In the definition a value above the other's bound moves the bound. */
static void pair_edit(const struct pair *p, struct node *root, bool max, uint64_t v, const struct numbers *old)
{
	uint64_t now = max ? pair_now(p, old) : v;
	uint64_t top = max ? v : pair_max(p, old);

	if (max && now > top)
		now = top;
	if (!max && top < now)
		top = now;
	put(p, root, p->max, top);
	put(p, root, p->now, now);
}

/* Before anything is changed: would the running guest take it? */
static int pair_bound(struct domain *d, const struct pair *p, struct str text, uint64_t v, struct error *err)
{
	struct numbers n = { d->cpus, d->cpus_max, d->memory, d->memory_max, NULL };

	if (v <= pair_max(p, &n))
		return 0;
	return error_set(err, ERANGE,
			 "'%.*s' is above %s, which is %" PRIu64 " in the running guest: write at most that, or "
			 "raise %s and start it anew",
			 (int)text.n, text.p, p->max_file, pair_max(p, &n), p->max_file);
}

static int pair_live(struct domain *d, const struct pair *p, const struct prop *row, struct str text, uint64_t v,
		     struct error *err)
{
	struct numbers n = { d->cpus, d->cpus_max, d->memory, d->memory_max, NULL };

	return v == pair_now(p, &n) ? 0 : live_set(d, NULL, row, text, err);
}

/* ---- any row ---- */

static bool engine_only(const struct prop *row)
{
	return !strcmp(row->path, "title") || !strcmp(row->path, "description");
}

/* Title and description are nothing to a hypervisor: the engine changes them by itself. */
static int row_live(struct domain *d, const struct prop *row, struct str text, struct error *err)
{
	int r = 0;

	if (engine_only(row))
		return prop_store(row, domain_root(d, VIEW_NOW), text, err);
	if (row->flags & P_LIVE)
		r = live_set(d, NULL, row, text, err);
	if (r == -ENOTSUP) { /* then for the next start: `pending` says so */
		error_clear(err);
		r = 0;
	}
	return r;
}

static int change_live(struct domain *d, const struct prop *row, const struct pair *p, struct str text, uint64_t v,
		       struct error *err)
{
	int r = p && is_max(p, row) ? 0 : p ? pair_live(d, p, row, text, v, err) : row_live(d, row, text, err);

	if (r < 0 || !domain_active(d))
		return r;
	object_changed(&d->obj, 1u << FACET_DOC);
	(void)!domain_save_run(d, NULL);
	return 0;
}

static const char *row_name(const struct prop *row)
{
	return row->file ? row->file : row->path;
}

/* Does the definition of the next start say so already, and the guest, too, where it is asked?  Judged on what is in force, so a default
 * that is written out counts as said. */
static bool is_so(struct domain *d, const struct prop *row, struct str text, uint64_t v, bool live)
{
	autobuf struct buf shown = { 0 };
	const struct pair *p = pair_of(row);
	struct numbers now = { d->cpus, d->cpus_max, d->memory, d->memory_max, NULL };
	struct numbers next = { d->next_cpus, d->next_cpus_max, d->next_memory, d->next_memory_max, NULL };

	if (p && is_max(p, row))
		return v == pair_max(p, &next);
	if (p)
		return v == pair_now(p, &next) && (!live || v == pair_now(p, &now));
	if (live)
		return false; /* a row may be set again on purpose: a password, say */
	if (!text.n)
		return !node_first(domain_root(d, VIEW_CONFIG), row->path) && !(row->flags & P_REQUIRED);
	prop_show(row, domain_root(d, VIEW_CONFIG), &shown);
	return shown.n == text.n && !memcmp(shown.p, text.p, text.n);
}

static int change(struct domain *d, enum view view, const struct prop *row, struct str text, const struct who *who,
		  struct error *err)
{
	const struct pair *p = pair_of(row);
	struct numbers old = { d->next_cpus, d->next_cpus_max, d->next_memory, d->next_memory_max, NULL };
	bool live = view == VIEW_NOW && domain_active(d);
	autodraft struct draft dr = { 0 };
	uint64_t v = 0;
	int r = p ? pair_parse(p, text, &v, err) : prop_check(row, text, err);

	if (r == 0 && p && live && !is_max(p, row))
		r = pair_bound(d, p, text, v, err);
	if (r == 0 && is_so(d, row, text, v, live))
		return 0;
	if (r == 0)
		r = fault_point("define:begin", err);
	if (r == 0)
		r = draft_edit(d, &dr, err);
	if (r < 0)
		return r;
	if (p)
		pair_edit(p, doc_root(dr.config), is_max(p, row), v, &old);
	else
		r = prop_store(row, doc_root(dr.config), text, err);
	if (r == 0)
		r = draft_complete(d, &dr, NULL, err);
	if (r == 0)
		r = draft_may(d, &dr, who, err);
	if (r == 0)
		r = fault_point("define:parsed", err);
	if (r == 0 && live && domain_active(d))
		r = change_live(d, row, p, text, v, err);
	if (r == 0)
		r = fault_point("define:live", err);
	if (r == 0)
		r = draft_commit(d, &dr, false, err);
	if (r < 0)
		return r;
	event_emit("domain", d->obj.name, "changed", "%s", row_name(row));
	(void)!fault_point("define:done", NULL);
	return 0;
}

int domain_prop_store(struct domain *d, enum view view, const struct prop *row, struct str text, const struct who *who,
		      struct error *err)
{
	autodomain struct domain *held = domain_hold(d);
	autojob struct job job = { .uid = who ? who->uid : 0 };
	int r;

	may_wait();
	if (row->flags & P_READONLY)
		return error_set(err, EPERM, "%s: %s cannot be changed", d->obj.name, row_name(row));
	r = job_begin(&job, &held->jobs, "change", err);
	if (r == 0)
		r = domain_there(d, err);
	if (r == 0)
		r = change(d, view, row, str_trim(text), who, err);
	return error_in(err, r, "%s: %s", d->obj.name, row_name(row));
}

int domain_prop_show(struct domain *d, enum view view, const struct prop *row, struct buf *out,
		     struct error *err unused)
{
	const struct pair *p = pair_of(row);
	struct numbers now = { d->cpus, d->cpus_max, d->memory, d->memory_max, NULL };
	struct numbers next = { d->next_cpus, d->next_cpus_max, d->next_memory, d->next_memory_max, NULL };
	const struct numbers *n = view == VIEW_NOW ? &now : &next;

	if (p) /* nothing is parsed for what everybody asks for */
		buf_u64(out, is_max(p, row) ? pair_max(p, n) : pair_now(p, n));
	else
		prop_show(row, domain_root(d, view), out);
	return 0;
}

int domain_set_autostart(struct domain *d, bool on, struct error *err)
{
	autodomain struct domain *held = domain_hold(d);
	autojob struct job job = { 0 };
	int r = job_begin(&job, &held->jobs, "autostart", err);
	bool was = d->autostart;

	if (r == 0)
		r = domain_there(d, err);
	if (r == 0 && !d->persistent)
		r = error_set(err, EINVAL, "it has no definition that could be started: write its xml first");
	if (r == 0 && was != on) {
		struct numbers n = { d->next_cpus, d->next_cpus_max, d->next_memory, d->next_memory_max, NULL };

		d->autostart = on;
		r = domain_store(d, d->config, d->full, &n, d->uuid, true, err);
		if (r < 0)
			d->autostart = was;
		if (d->dirty) {
			d->dirty = false;
			domain_save_soon(d);
		}
		object_changed(&d->obj, 1u << FACET_CONFIG);
	}
	return error_in(err, r, "%s: autostart", d->obj.name);
}
