/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The files of a part: its rows, its xml.  Writing the row that completes a staged part plugs it. */
#include "device_impl.h"

int part_prop_show(struct part *p, enum view view, const struct prop *row, struct buf *out, struct error *err)
{
	struct node *n = part_node(p, view);

	if (!n)
		return error_set(err, ENODEV, "%s: '%s' is not in this definition", p->domain->obj.name, p->obj.name);
	prop_show(row, n, out);
	return 0;
}

/* ---- staged ones ---- */

/* What a NIC connects to says of which type it is. */
void nic_follow(struct node *n, const struct prop *row)
{
	static const struct {
		const char *path, *type;
	} rows[] = {
		{ "source/@network", "network" },
		{ "source/@bridge", "bridge" },
		{ "source/@dev", "direct" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (!strcmp(row->path, rows[i].path) && node_has(n, row->path))
			node_set(n, "@type", rows[i].type);
}

static bool completes(const struct part *p, const struct prop *row)
{
	return p->kind == PART_NIC && (!strcmp(row->path, "@type") || str_starts(row->path, "source/@"));
}

int part_plug(struct part *p, enum view view, const struct node *element, const struct who *who, struct error *err)
{
	struct domain *d = p->domain;
	int r = device_plug(d, p->kind, p->obj.name, element, view, who, err);

	if (r < 0)
		return r;
	if (p->staged)
		doc_free(take(&p->staged));
	object_changed(&p->obj, 1u << FACET_STATE | 1u << FACET_DOC);
	object_changed(&d->obj, 1u << FACET_NAMES);
	event_emit("domain", d->obj.name, "attached", "%s", p->obj.name);
	(void)!fault_point("plug:done", NULL);
	return 0;
}

static int store_staged(struct part *p, enum view view, const struct prop *row, struct str text, const struct who *who,
			struct error *err)
{
	autodoc struct doc *copy = doc_copy(p->staged); /* a refused plug leaves what was staged */
	int r = prop_store(row, doc_root(copy), text, err);

	if (r < 0)
		return r;
	if (p->kind == PART_NIC)
		nic_follow(doc_root(copy), row);
	if (completes(p, row))
		return part_plug(p, view, doc_root(copy), who, err);
	doc_free(p->staged);
	p->staged = take(&copy);
	object_changed(&p->obj, 1u << FACET_DOC | 1u << FACET_CONFIG);
	return 0;
}

/* ---- plugged ones ---- */

int part_edit(struct part *p, struct draft *dr, struct node **n, struct error *err)
{
	struct domain *d = p->domain;
	struct node *full = device_find(domain_root(d, VIEW_CONFIG), p->kind, p->obj.name);
	int r;

	*n = NULL;
	if (!full || !d->persistent)
		return 0;
	r = draft_edit(d, dr, err);
	if (r < 0)
		return r;
	*n = device_in_config(doc_root(dr->config), full);
	if (!*n) /* derived so far; from now on the user's */
		*n = node_import(node_make(doc_root(dr->config), "devices"), full);
	return 0;
}

char *part_live_alias(struct part *p)
{
	struct node *n =
		domain_active(p->domain) ? device_find(domain_root(p->domain, VIEW_NOW), p->kind, p->obj.name) : NULL;

	return n ? xstrdup(node_get(n, "alias/@name")) : NULL;
}

static int set_live(struct part *p, const char *alias, const struct prop *row, struct str text, bool defined,
		    struct error *err)
{
	struct domain *d = p->domain;
	int r = row->flags & P_LIVE ? live_set(d, alias, row, text, err) : -ENOTSUP;

	if (r == -ENOTSUP && defined) { /* for the next start: `pending` says so */
		error_clear(err);
		return 0;
	}
	if (r == -ENOTSUP)
		return error_set(err, EBUSY,
				 "it cannot change while the guest runs, and '%s' is in no definition that could "
				 "wait for the next start",
				 p->obj.name);
	if (r == 0 && domain_active(d)) {
		object_changed(&d->obj, 1u << FACET_DOC);
		(void)!domain_save_run(d, NULL);
	}
	return r;
}

static int store_plugged(struct part *p, enum view view, const struct prop *row, struct str text, const struct who *who,
			 struct error *err)
{
	struct domain *d = p->domain;
	autofree char *alias = view == VIEW_NOW ? part_live_alias(p) : NULL;
	autodraft struct draft dr = { 0 };
	struct node *n;
	int r = part_edit(p, &dr, &n, err);

	if (r == 0 && n)
		r = prop_store(row, n, text, err);
	if (r == 0 && n && p->kind == PART_NIC)
		nic_follow(n, row);
	if (r == 0 && n)
		r = draft_complete(d, &dr, NULL, err);
	if (r == 0)
		r = n ? draft_may(d, &dr, who, err) : owner_only(d, who, err);
	if (r == 0 && alias)
		r = set_live(p, alias, row, text, n != NULL, err);
	if (r == 0 && n)
		r = draft_commit(d, &dr, false, err);
	return r;
}

int part_prop_store(struct part *p, enum view view, const struct prop *row, struct str text, const struct who *who,
		    struct error *err)
{
	struct domain *d = p->domain;
	autojob struct job job = { .uid = who ? who->uid : 0 };
	const char *name = row->file ? row->file : row->path;
	int r;

	may_wait();
	if (row->flags & P_READONLY)
		return error_set(err, EPERM, "%s: %s %s cannot be changed", d->obj.name, p->obj.name, name);
	object_ref(&p->obj);
	r = job_begin(&job, &d->jobs, "change", err);
	if (r == 0)
		r = part_there(p, err);
	if (r == 0)
		r = prop_check(row, text, err);
	if (r == 0 && p->staged)
		r = store_staged(p, view, row, text, who, err);
	else if (r == 0)
		r = store_plugged(p, view, row, text, who, err);
	if (r == 0)
		event_emit("domain", d->obj.name, "changed", "%s %s", p->obj.name, name);
	r = error_in(err, r, "%s: %s %s", d->obj.name, p->obj.name, name);
	job_end(&job);
	object_unref(&p->obj);
	return r;
}

int part_there(struct part *p, struct error *err)
{
	if (p->obj.gone || p->domain->obj.gone)
		return error_set(err, ESTALE, "'%s' was removed", p->obj.name);
	return 0;
}

/* ---- xml ---- */

/* The alias that the directory's name stands for, where the text gives none. */
static void name_it(struct part *p, struct node *n)
{
	if (p->kind == PART_DISK && !node_has(n, "target/@dev"))
		node_set(n, "target/@dev", p->obj.name);
	if (p->kind != PART_DISK && !node_has(n, "alias/@name"))
		node_setf(n, "alias/@name", "ua-%s", p->obj.name);
}

static int change_live_rows(struct part *p, const char *alias, const struct node *next, struct error *err)
{
	struct domain *d = p->domain;
	const struct schema *s = device_schema(next);

	for (const struct prop *row = s->props; row->path; row++) {
		autobuf struct buf want = { 0 }, have = { 0 };
		struct node *now = domain_active(d) ? device_by_alias(domain_root(d, VIEW_NOW), alias) : NULL;
		int r;

		if (!now || !(row->flags & P_LIVE) || row->type == T_SUB || row->type == T_LIST)
			continue;
		prop_show(row, now, &have);
		prop_show(row, next, &want);
		if (str_eq(buf_text(&want), buf_text(&have)))
			continue;
		r = set_live(p, alias, row, (struct str){ want.p, want.n }, true, err);
		if (r < 0)
			return error_in(err, r, "%s", row->path);
	}
	return 0;
}

static int replace(struct part *p, enum view view, struct node *element, const struct who *who, struct error *err)
{
	struct domain *d = p->domain;
	autofree char *alias = view == VIEW_NOW ? part_live_alias(p) : NULL;
	autofree char *its = NULL;
	autodraft struct draft dr = { 0 };
	struct node *n, *old;
	int r = part_edit(p, &dr, &n, err);

	if (r == 0 && !n)
		r = error_set(err, EBUSY, "'%s' is in no definition: detach it and plug another", p->obj.name);
	if (r < 0)
		return r;
	old = part_node(p, VIEW_CONFIG);
	if (strcmp(node_name(n), node_name(element)))
		return error_set(err, EINVAL, "'%s' is a <%s>, not a <%s>", p->obj.name, node_name(n),
				 node_name(element));
	schema_unmask(device_schema(element), element, old);
	if (!node_has(element, "alias/@name") && node_has(old, "alias/@name"))
		node_set(element, "alias/@name", node_get(old, "alias/@name"));
	its = device_name(element);
	if (!str_eq(its, p->obj.name))
		return error_set(err, EINVAL, "the element names itself '%s', but its directory is '%s'",
				 its ? its : "", p->obj.name);
	r = schema_check(device_schema(element), element, err);
	if (r < 0)
		return r;
	node_replace(n, element);
	r = draft_complete(d, &dr, NULL, err);
	if (r == 0)
		r = draft_may(d, &dr, who, err);
	if (r == 0 && alias)
		r = change_live_rows(p, alias, element, err);
	return r < 0 ? r : draft_commit(d, &dr, false, err);
}

static int define(struct part *p, enum view view, struct str text, const struct who *who, struct error *err)
{
	autodoc struct doc *doc = NULL;

	if (!str_trim(text).n)
		return error_set(err, EINVAL, "the text is empty: write the device's element");
	doc = doc_parse(text, NULL, err);
	if (!doc)
		return err && err->code ? -err->code : -EBADMSG;
	if (!device_schema(doc_root(doc)))
		return error_set(err, EINVAL, "line %ld: <%s> is no device", node_line(doc_root(doc)),
				 node_name(doc_root(doc)));
	if (!p->staged)
		return replace(p, view, doc_root(doc), who, err);
	name_it(p, doc_root(doc));
	return part_plug(p, view, doc_root(doc), who, err);
}

int part_define(struct part *p, enum view view, struct str text, const struct who *who, struct error *err)
{
	struct domain *d = p->domain;
	autojob struct job job = { .uid = who ? who->uid : 0 };
	int r;

	may_wait();
	object_ref(&p->obj);
	r = job_begin(&job, &d->jobs, "define", err);
	if (r == 0)
		r = part_there(p, err);
	if (r == 0 && p->kind == PART_VCPU)
		r = error_set(err, EPERM, "a vCPU has no element of its own");
	if (r == 0)
		r = define(p, view, text, who, err);
	r = error_in(err, r, "%s: %s xml", d->obj.name, p->obj.name);
	job_end(&job);
	object_unref(&p->obj);
	return r;
}
