/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* In which properties two elements of one kind differ, by path. */
#include "schema_private.h"

struct diff {
	void (*fn)(void *arg, const char *path, const char *a_text, const char *b_text);
	void *arg;
};

/* What tells the members of a list apart. */
static const char *key_of(const struct node *n)
{
	static const char *const keys[] = { "target/@dev", "alias/@name", "@name",  "@id",
					    "@dev",	   "@vcpu",	  "@index", NULL };

	for (int i = 0; keys[i]; i++)
		if (node_get(n, keys[i]))
			return node_get(n, keys[i]);
	return NULL;
}

static unsigned position(const struct node *n)
{
	const struct node *c = node_child(node_parent(n), node_name(n));
	unsigned i = 0;

	for (; c && c != n; c = node_next(c, node_name(n)))
		i++;
	return i;
}

/* The member of PARENT's list NAME that corresponds to N. */
static const struct node *partner(const struct node *parent, const struct node *n)
{
	const char *key = key_of(n);
	unsigned at = position(n);
	const struct node *c = parent ? node_child(parent, node_name(n)) : NULL;

	for (; c; c = node_next(c, node_name(n)))
		if (key ? str_eq(key_of(c), key) : at-- == 0)
			return c;
	return NULL;
}

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

static void diff_element(const struct diff *d, const struct node *a, const struct node *b, const char *path);

static void diff_children(const struct diff *d, const struct node *a, const struct node *b, const char *path,
			  bool swapped)
{
	for (const struct node *c = node_child(a, NULL); c; c = node_next(c, NULL)) {
		const struct node *other = partner(b, c);
		const char *key = key_of(c);
		bool many = node_next(node_child(a, node_name(c)), node_name(c)) != NULL || (key && !swapped);
		autofree char *index = key ? xstrdup(key) : xasprintf("%u", position(c));
		autofree char *sub = many ? xasprintf("%s%s%s[%s]", path, *path ? "/" : "", node_name(c), index)
					  : xasprintf("%s%s%s", path, *path ? "/" : "", node_name(c));
		if (swapped && !other)
			diff_element(d, NULL, c, sub);
		else if (!swapped)
			diff_element(d, c, other, sub);
	}
}

static bool is_leaf(const struct node *n)
{
	return !node_child(n, NULL);
}

static void diff_element(const struct diff *d, const struct node *a, const struct node *b, const char *path)
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
	if (a)
		diff_children(d, a, b, path, false);
	if (b)
		diff_children(d, b, a, path, true);
}

void schema_diff(const struct schema *s unused, const struct node *a, const struct node *b,
		 void (*fn)(void *arg, const char *path, const char *a_text, const char *b_text), void *arg)
{
	struct diff d = { fn, arg };

	if (a || b)
		diff_element(&d, a, b, "");
}
