/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A domain's definition as text and as document.  Text is what is kept; documents are parsed when touched.  Those of guests that are
 * off are dropped again when many were touched, at a moment at which nobody can hold a node of theirs.
 */
#include "domain_impl.h"

#include "loop.h"

#define DOCS_KEPT 64 /* about 50 KiB each */

static struct vec parsed; /* domains with a full_doc, oldest first */
static bool trimming;

void text_set(struct str *s, char *owned, size_t n)
{
	free((char *)s->p);
	*s = (struct str){ owned, n };
}

void text_clear(struct str *s)
{
	text_set(s, NULL, 0);
}

void domain_full_forget(struct domain *d)
{
	if (!d->full_doc)
		return;
	doc_free(take(&d->full_doc));
	vec_drop(&parsed, d);
	if (parsed.n == 0)
		vec_clear(&parsed, NULL);
}

/* On the loop: no task runs, so no node is held. */
static void trim(void *arg unused)
{
	trimming = false;
	while (parsed.n > DOCS_KEPT / 2)
		domain_full_forget(parsed.at[0]);
}

/* The texts were checked when they came; one that does not parse now was damaged on the way and is shown as empty. */
static struct doc *parse(struct str text)
{
	struct doc *doc = doc_parse(text, "domain", NULL);

	return doc ? doc : doc_parse(str_of("<domain/>"), "domain", NULL);
}

struct doc *domain_doc(struct domain *d, enum view view)
{
	if (view == VIEW_NOW && (d->live_doc || d->live.n)) {
		if (!d->live_doc)
			d->live_doc = parse(d->live);
		return d->live_doc;
	}
	if (d->full_doc)
		return d->full_doc;
	d->full_doc = parse(d->full);
	vec_add(&parsed, d);
	if (parsed.n > DOCS_KEPT && !trimming) {
		trimming = true;
		loop_soon(trim, NULL);
	}
	return d->full_doc;
}

struct node *domain_root(struct domain *d, enum view view)
{
	return doc_root(domain_doc(d, view));
}

void domain_live_printed(struct domain *d)
{
	struct buf text = { 0 };
	size_t n;

	if (!d->live_doc)
		return;
	doc_print(d->live_doc, &text);
	n = text.n;
	text_set(&d->live, buf_take(&text), n);
}

void domain_live_free(struct domain *d)
{
	text_clear(&d->live);
	free(take(&d->images_now));
	if (d->live_doc)
		doc_free(take(&d->live_doc));
}

void numbers_read(const struct node *root, struct numbers *out)
{
	out->cpus_max = node_u64(root, "vcpu", 1);
	out->cpus = node_u64(root, "vcpu/@current", out->cpus_max);
	out->memory_max = node_size(root, "memory", 0);
	out->memory = node_size(root, "currentMemory", out->memory_max);
}

static void numbers_in_force(struct domain *d, const struct numbers *n)
{
	if (d->cpus == n->cpus && d->cpus_max == n->cpus_max && d->memory == n->memory &&
	    d->memory_max == n->memory_max)
		return;
	d->cpus = n->cpus;
	d->cpus_max = n->cpus_max;
	d->memory = n->memory;
	d->memory_max = n->memory_max;
	object_changed(&root_object, 1u << FACET_STATE); /* `list` has them */
}

void domain_numbers_next(struct domain *d, const struct numbers *n)
{
	d->next_cpus = n->cpus;
	d->next_cpus_max = n->cpus_max;
	d->next_memory = n->memory;
	d->next_memory_max = n->memory_max;
	if (n->images) {
		free(d->images_next);
		d->images_next = xstrdup(n->images);
	}
	if (!domain_active(d))
		numbers_in_force(d, n);
}

void domain_numbers_now(struct domain *d)
{
	struct numbers n = { d->next_cpus, d->next_cpus_max, d->next_memory, d->next_memory_max, NULL };

	if (domain_active(d))
		numbers_read(domain_root(d, VIEW_NOW), &n);
	numbers_in_force(d, &n);
}

/* ---- what is shown ---- */

static void show(struct str text, bool secrets, struct buf *out)
{
	autodoc struct doc *doc = NULL;

	if (!secrets)
		doc = doc_parse(text, "domain", NULL);
	if (doc && schema_mask(&domain_schema, doc_root(doc)))
		doc_print(doc, out);
	else
		buf_add(out, text.p, text.n);
}

void domain_xml(struct domain *d, enum view view, bool secrets, struct buf *out)
{
	show(view == VIEW_NOW && d->live.n ? d->live : d->full, secrets, out);
}

void domain_config_text(struct domain *d, bool secrets, struct buf *out)
{
	show(d->config, secrets, out);
}

static void differs(void *arg, const char *path, const char *a, const char *b)
{
	buf_printf(arg, "%s: %s -> %s\n", path, a ? a : "", b ? b : "");
}

/* What a driver writes into the running document: pseudo-terminals, ports, backing chains.  It is no difference that anybody made. */
static const struct {
	const char *element, *path;
} live_values[] = {
	{ "serial", "source/@path" },	{ "console", "source/@path" },	  { "console", "@tty" },
	{ "parallel", "source/@path" }, { "channel", "source" },	  { "disk", "backingStore" },
	{ "graphics", "@port" },	{ "graphics", "@tlsPort" },	  { "graphics", "@websocket" },
	{ "graphics", "@socket" },	{ "graphics", "listen/@socket" },
};

/* The device of NEXT that N is: by its alias, which both have. */
static const struct node *same_device(const struct node *next, const struct node *n)
{
	const struct node *c = node_child(node_first(next, "devices"), node_name(n));

	for (; c; c = node_next(c, node_name(n)))
		if (str_eq(node_get(c, "alias/@name"), node_get(n, "alias/@name")))
			return c;
	return NULL;
}

static void strip_live(struct node *now, const struct node *next)
{
	for (struct node *n = node_child(node_first(now, "devices"), NULL); n; n = node_next(n, NULL)) {
		const struct node *other = same_device(next, n);
		for (size_t i = 0; other && i < ARRAY_SIZE(live_values); i++)
			if (str_eq(live_values[i].element, node_name(n)) &&
			    (!node_first(other, live_values[i].path) || node_is(other, live_values[i].path, "-1")))
				node_set(n, live_values[i].path, node_get(other, live_values[i].path));
	}
}

void domain_pending(struct domain *d, struct buf *out)
{
	autodoc struct doc *now = NULL, *next = NULL;

	if (!domain_active(d))
		return;
	now = doc_copy(domain_doc(d, VIEW_NOW));
	next = doc_copy(domain_doc(d, VIEW_CONFIG));
	schema_strip_outputs(&domain_schema, doc_root(now));
	schema_strip_outputs(&domain_schema, doc_root(next));
	strip_live(doc_root(now), doc_root(next));
	schema_mask(&domain_schema, doc_root(now));
	schema_mask(&domain_schema, doc_root(next));
	schema_diff(&domain_schema, doc_root(now), doc_root(next), differs, out);
}
