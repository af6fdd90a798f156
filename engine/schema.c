/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Schemas: the rows of each kind as a tree of path components, made once, and what walks a document along it.
 */
#include "schema.h"

#include "schema_private.h"

static struct hash *made; /* struct schema * -> struct level * */

static struct level *level_child(struct level *l, const char *name, size_t n)
{
	for (struct level *c = l->child; c; c = c->next)
		if (c->n == n && !memcmp(c->name, name, n))
			return c;
	return NULL;
}

static struct level *level_make(struct level *l, const char *name, size_t n)
{
	struct level *c = level_child(l, name, n), **end = &l->child;

	if (c)
		return c;
	c = xcalloc(1, sizeof(*c));
	c->name = name;
	c->n = n;
	while (*end) /* in the table's order, as messages name them */
		end = &(*end)->next;
	*end = c;
	return c;
}

static void add_row(struct level *l, const struct prop *row)
{
	const char *p = row->path;

	while (*p && *p != '@') {
		size_t n = strcspn(p, "/");
		l = level_make(l, p, n);
		p += n;
		if (*p == '/')
			p++;
	}
	if (*p == '@')
		vec_add(&l->attrs, (void *)row);
	else
		l->row = row;
}

const struct level *schema_levels(const struct schema *s)
{
	struct level *l;

	if (!made)
		made = hash_new();
	l = hash_get_u64(made, (uintptr_t)s);
	if (l)
		return l;
	l = xcalloc(1, sizeof(*l));
	for (const struct prop *row = s->props; row->path; row++)
		add_row(l, row);
	hash_put_u64(made, (uintptr_t)s, l);
	return l;
}

const struct level *level_of_element(const struct level *l, const char *name)
{
	return level_child((struct level *)l, name, strlen(name));
}

const struct prop *level_attr(const struct level *l, const char *name)
{
	for (size_t i = 0; i < l->attrs.n; i++) {
		const struct prop *row = l->attrs.at[i];
		if (!strcmp(strchr(row->path, '@') + 1, name))
			return row;
	}
	return NULL;
}

const struct prop *schema_prop(const struct schema *s, const char *path)
{
	const struct level *l = schema_levels(s);

	while (l && *path && *path != '@') {
		size_t n = strcspn(path, "/");
		l = level_child((struct level *)l, path, n);
		path += n;
		if (*path == '/')
			path++;
	}
	if (!l)
		return NULL;
	return *path == '@' ? level_attr(l, path + 1) : l->row;
}

const struct prop *schema_file(const struct schema *s, const char *file)
{
	for (const struct prop *row = s->props; row->path; row++)
		if (row->file && !strcmp(row->file, file))
			return row;
	return NULL;
}

const struct schema *schema_of_device(const char *element)
{
	autofree char *path = xasprintf("devices/%s", element);
	const struct prop *row = schema_prop(&domain_schema, path);

	return row ? row->sub : NULL;
}

const char *prop_text(const struct schema *s, const struct node *base, const char *path)
{
	const char *text = node_get(base, path);
	const struct prop *row = text ? NULL : schema_prop(s, path);

	return text ? text : row ? row->dflt : NULL;
}

/* ---- every property that is set ---- */

struct each {
	int (*fn)(void *arg, const struct prop_use *use, struct error *err);
	void *arg;
	struct error *err;
	const struct schema *schema;
	const struct node *base, *node;
	const struct level *level;
	int r;
};

static int call(struct each *e, const struct prop *row, const char *value)
{
	struct prop_use use = { e->schema, row, e->base, e->node, value };

	return e->fn(e->arg, &use, e->err);
}

static void each_attr(void *arg, const char *name, const char *value)
{
	struct each *e = arg;
	const struct prop *row = level_attr(e->level, name);

	if (e->r == 0 && row)
		e->r = call(e, row, value);
}

static int each_element(struct each *e, const struct node *n, const struct level *l);

static int each_row(struct each *e, const struct node *n, const struct level *l)
{
	const struct prop *row = l->row;
	bool sub = row->type == T_SUB || row->type == T_LIST;
	int r = call(e, row, sub || row->type == T_ANY ? NULL : row->type == T_FLAG ? "" : node_get(n, ""));

	if (r < 0 || !sub)
		return r;
	return schema_each(row->sub, n, e->fn, e->arg, e->err);
}

static int each_element(struct each *e, const struct node *n, const struct level *l)
{
	struct each at = *e;

	at.node = n;
	at.level = l;
	at.r = l->row ? each_row(&at, n, l) : 0;
	if (at.r == 0)
		node_attrs(n, each_attr, &at);
	for (const struct node *c = node_child(n, NULL); at.r == 0 && c; c = node_next(c, NULL)) {
		const struct level *lc = level_of_node(l, c);
		if (lc)
			at.r = each_element(&at, c, lc);
	}
	return at.r;
}

int schema_each(const struct schema *s, const struct node *n,
		int (*fn)(void *arg, const struct prop_use *use, struct error *err), void *arg, struct error *err)
{
	struct each e = { .fn = fn, .arg = arg, .err = err, .schema = s, .base = n };
	struct level top = *schema_levels(s);

	/* a row with the path "" is the text of the schema's own element: it is not entered twice */
	return each_element(&e, n, &top);
}

/* ---- what a manager wrote ---- */

struct outputs {
	struct vec bases;
	struct vec paths;
};

static int note_output(void *arg, const struct prop_use *use, struct error *err unused)
{
	struct outputs *o = arg;

	if (use->prop->flags & P_OUTPUT) {
		vec_add(&o->bases, (void *)use->base);
		vec_add(&o->paths, (void *)use->prop->path);
	}
	return 0;
}

/* From the last to the first: no base is freed before its turn. */
void schema_strip_outputs(const struct schema *s, struct node *n)
{
	struct outputs o = { 0 };

	(void)!schema_each(s, n, note_output, &o, NULL);
	while (o.bases.n) {
		o.bases.n--;
		node_set(o.bases.at[o.bases.n], o.paths.at[o.bases.n], NULL);
	}
	vec_clear(&o.bases, NULL);
	vec_clear(&o.paths, NULL);
}
