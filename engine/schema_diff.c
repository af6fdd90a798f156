/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* In which properties two elements of one kind differ, by path; and what the members of lists are called in such paths. */
#include "schema_private.h"

/* ---- members ---- */

/* What tells the members of a list apart. */
static const char *key_of(const struct node *n)
{
	static const char *const keys[] = { "target/@dev", "alias/@name", "@name",  "@id",   "@dev", "@vcpu",
					    "@iothread",   "@cellid",	  "@index", "@type", NULL };

	for (int i = 0; keys[i]; i++)
		if (node_get(n, keys[i]))
			return node_get(n, keys[i]);
	return "";
}

void member_free(void *p)
{
	struct member *m = p;

	free(m->id);
	free(m);
}

/* The rows of what is below an element whose level is L. */
static const struct level *inside(const struct level *l)
{
	bool sub = l && l->row && (l->row->type == T_SUB || l->row->type == T_LIST);

	return sub ? schema_levels(l->row->sub) : l;
}

/* "disk[vda]", "controller[usb0]", "title"; a second one of the same name is "hub[usb#1]". */
static char *member_id(const struct node *n, const struct level *l, struct hash *seen)
{
	bool list = l && l->row && l->row->type == T_LIST;
	const char *key = list ? key_of(n) : "";
	const char *kind = list && key == node_get(n, "@index") ? node_get_or(n, "@type", "") : "";
	const char *space = node_space(n);
	autofree char *name = xasprintf("%s%s%s", space ? space : "", space ? ":" : "", node_name(n));
	autofree char *id = *key ? xasprintf("%s[%s%s]", name, kind, key) : xstrdup(name);
	uintptr_t nth = (uintptr_t)hash_get(seen, id);

	hash_put(seen, id, (void *)(nth + 1));
	if (*key && nth)
		return xasprintf("%s[%s%s#%zu]", name, kind, key, (size_t)nth);
	return nth || (list && !*key) ? xasprintf("%s[%zu]", name, (size_t)nth) : take(&id);
}

void schema_members(const struct level *l, const struct node *parent, struct vec *out)
{
	struct hash *seen = parent && node_child(parent, NULL) ? hash_new() : NULL;

	for (const struct node *c = node_child(parent, NULL); c; c = node_next(c, NULL)) {
		const struct level *lc = l ? level_of_node(l, c) : NULL;
		struct member m = { c, inside(lc), member_id(c, lc, seen) };
		vec_add(out, xmemdup(&m, sizeof(m)));
	}
	hash_free(seen);
}

/* ---- differences ---- */

struct diff {
	void (*fn)(void *arg, const char *path, const char *a_text, const char *b_text);
	void *arg;
};

struct attr_walk {
	const struct diff *d;
	const struct node *other;
	const char *path;
	bool swapped; /* only what the first lacks */
};

static void diff_attr(void *arg, const char *name, const char *value)
{
	struct attr_walk *w = arg;
	autofree char *at = xasprintf("@%s", name);
	const char *theirs = w->other ? node_get(w->other, at) : NULL;
	autofree char *path = xasprintf("%s%s%s", w->path, *w->path ? "/" : "", at);

	if (w->swapped && !theirs)
		w->d->fn(w->d->arg, path, NULL, value);
	else if (!w->swapped && !str_eq(value, theirs))
		w->d->fn(w->d->arg, path, value, theirs);
}

static void diff_element(const struct diff *d, const struct node *a, const struct node *b, const char *path,
			 const struct level *l);

static void diff_member(const struct diff *d, const struct member *a, const struct member *b, const char *path)
{
	const struct member *one = a ? a : b;
	autofree char *sub = xasprintf("%s%s%s", path, *path ? "/" : "", one->id);

	diff_element(d, a ? a->node : NULL, b ? b->node : NULL, sub, one->inside);
}

static void diff_children(const struct diff *d, const struct node *a, const struct node *b, const char *path,
			  const struct level *l)
{
	struct vec ours = { 0 }, theirs = { 0 };
	struct hash *by_id = hash_new();

	schema_members(l, a, &ours);
	schema_members(l, b, &theirs);
	for (size_t i = 0; i < theirs.n; i++)
		hash_put(by_id, ((struct member *)theirs.at[i])->id, theirs.at[i]);
	for (size_t i = 0; i < ours.n; i++) {
		struct member *m = ours.at[i], *other = hash_get(by_id, m->id);
		diff_member(d, m, other, path);
		if (other)
			hash_put(by_id, m->id, NULL);
	}
	for (size_t i = 0; i < theirs.n; i++) /* what is still there has no partner */
		if (hash_get(by_id, ((struct member *)theirs.at[i])->id))
			diff_member(d, NULL, theirs.at[i], path);
	hash_free(by_id);
	vec_clear(&ours, member_free);
	vec_clear(&theirs, member_free);
}

static bool is_leaf(const struct node *n)
{
	return !node_child(n, NULL);
}

static void diff_element(const struct diff *d, const struct node *a, const struct node *b, const char *path,
			 const struct level *l)
{
	struct attr_walk w = { .d = d, .other = b, .path = path };
	const char *ta = a && is_leaf(a) ? node_get(a, "") : NULL, *tb = b && is_leaf(b) ? node_get(b, "") : NULL;

	if ((!a || !b) || (ta && tb && strcmp(ta, tb)))
		d->fn(d->arg, path, ta ? ta : a ? "" : NULL, tb ? tb : b ? "" : NULL);
	if (a)
		node_attrs(a, diff_attr, &w);
	if (b) {
		w.other = a;
		w.swapped = true;
		node_attrs(b, diff_attr, &w);
	}
	if ((a && !is_leaf(a)) || (b && !is_leaf(b)))
		diff_children(d, a, b, path, l);
}

void schema_diff(const struct schema *s, const struct node *a, const struct node *b,
		 void (*fn)(void *arg, const char *path, const char *a_text, const char *b_text), void *arg)
{
	struct diff d = { fn, arg };

	if (a || b)
		diff_element(&d, a, b, "", schema_levels(s));
}
