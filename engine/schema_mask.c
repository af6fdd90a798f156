/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Secrets in documents: asterisks for those who may not see them, and back again when such a reader writes what he was shown.  A secret
 * comes back only to the place that it was shown at: never to another element, whoever asks.
 */
#include "schema_private.h"

struct secret {
	struct node *node; /* the element that has it */
	const char *step;  /* from there: "@passwd", or "" for its text */
	const char *value; /* borrowed from the document */
	char *place;	   /* path from the top, list members by their names */
};

static void secret_free(void *p)
{
	struct secret *s = p;

	free(s->place);
	free(s);
}

static void add(const struct prop *row, const char *step, const struct node *n, const char *path, struct vec *out)
{
	const char *value = row->flags & P_SECRET ? node_get(n, step) : NULL;
	struct secret s = { (struct node *)n, step, value, NULL };

	if (!value || !*value)
		return;
	s.place = xasprintf("%s/%s", path, step);
	vec_add(out, xmemdup(&s, sizeof(s)));
}

static void find(const struct level *l, const struct node *n, const char *path, struct vec *out)
{
	struct vec members = { 0 };

	for (size_t i = 0; i < l->attrs.n; i++) {
		const struct prop *row = l->attrs.at[i];
		add(row, strchr(row->path, '@'), n, path, out);
	}
	if (l->row)
		add(l->row, "", n, path, out);
	schema_members(l, n, &members);
	for (size_t i = 0; i < members.n; i++) {
		const struct member *m = members.at[i];
		if (m->inside) {
			autofree char *deeper = xasprintf("%s/%s", path, m->id);
			find(m->inside, m->node, deeper, out);
		}
	}
	vec_clear(&members, member_free);
}

bool schema_mask(const struct schema *s, struct node *n)
{
	struct vec all = { 0 };
	bool any;

	find(schema_levels(s), n, "", &all);
	any = all.n > 0;
	for (size_t i = 0; i < all.n; i++) {
		const struct secret *one = all.at[i];
		autofree char *stars = xstrdup(one->value);
		memset(stars, '*', strlen(stars));
		node_set(one->node, one->step, stars);
	}
	vec_clear(&all, secret_free);
	return any;
}

static bool all_stars(const char *s)
{
	return s[strspn(s, "*")] == 0;
}

void schema_unmask(const struct schema *s, struct node *n, const struct node *old)
{
	struct vec now = { 0 }, before = { 0 };
	struct hash *places = hash_new();

	find(schema_levels(s), n, "", &now);
	if (old)
		find(schema_levels(s), old, "", &before);
	for (size_t i = 0; i < before.n; i++)
		hash_put(places, ((struct secret *)before.at[i])->place, before.at[i]);
	for (size_t i = 0; i < now.n; i++) {
		const struct secret *one = now.at[i], *was = hash_get(places, one->place);
		if (was && all_stars(one->value) && strlen(one->value) == strlen(was->value))
			node_set(one->node, one->step, was->value);
	}
	hash_free(places);
	vec_clear(&now, secret_free);
	vec_clear(&before, secret_free);
}
