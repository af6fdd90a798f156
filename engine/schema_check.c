/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Is a document what its schema says?  Nothing that no row knows gets through, except in foreign namespaces (libvirt's own are not
 * foreign) and below a T_ANY row; so nothing that a user asks for can be dropped in silence.
 */
#include "schema_private.h"

#include "units.h"

struct check {
	const struct schema *schema;
	const struct node *node;
	const struct level *level;
	struct error *err;
	int r;
};

const struct level *level_of_node(const struct level *l, const struct node *n)
{
	const char *name = node_name(n);
	const char *space = node_space(n);

	if (!space)
		return node_foreign(n) ? NULL : level_of_element(l, name);
	autofree char *prefixed = xasprintf("%s:%s", space, name);
	return level_of_element(l, prefixed);
}

/* "line 12: <disk>: " of everything that is said. */
static int wrong(struct check *c, int r)
{
	return error_in(c->err, r, "line %ld: <%s>", node_line(c->node), c->schema->element);
}

/* The names that would have been right, for the message. */
static char *known_names(const struct level *l, bool attrs)
{
	struct buf out = { 0 };

	for (size_t i = 0; attrs && i < l->attrs.n; i++)
		buf_printf(&out, " %s", strchr(((const struct prop *)l->attrs.at[i])->path, '@') + 1);
	for (const struct level *c = l->child; !attrs && c; c = c->next)
		buf_printf(&out, " %.*s", (int)c->n, c->name);
	return buf_take(&out);
}

static void check_attr(void *arg, const char *name, const char *value)
{
	struct check *c = arg;
	const struct prop *row = level_attr(c->level, name);

	if (c->r < 0)
		return;
	if (!row && c->level->row && prop_is_size(c->level->row) && !strcmp(name, "unit"))
		return; /* checked with the size */
	if (!row) {
		autofree char *known = known_names(c->level, true);
		c->r = wrong(c, error_set(c->err, EINVAL, "attribute '%s' of <%s> is not known%s%s", name,
					  node_name(c->node), known[0] ? ": there are" : "", known));
		return;
	}
	c->r = prop_check(row, str_of(value), c->err);
	if (c->r < 0) {
		error_in(c->err, c->r, "<%s %s='%s'>", node_name(c->node), name, value);
		wrong(c, c->r);
	}
}

static int check_text(struct check *c)
{
	const struct prop *row = c->level->row;
	const char *text = node_get(c->node, "");
	uint64_t size;
	int r = 0;

	if (!row || row->type == T_FLAG || row->type == T_SUB || row->type == T_LIST) {
		if (*text)
			r = error_set(c->err, EINVAL, "<%s> has the text '%.40s' in it: it takes none",
				      node_name(c->node), text);
	} else if (prop_is_size(row)) {
		r = size_parse_unit(str_of(text), node_get(c->node, "@unit"), prop_unit(row), &size, c->err);
	} else if (row->type != T_ANY) {
		r = prop_check(row, str_of(text), c->err);
	}
	if (r < 0 && row && row->type != T_SUB && row->type != T_LIST && row->type != T_FLAG)
		error_in(c->err, r, "<%s>", node_name(c->node));
	return r < 0 ? wrong(c, r) : 0;
}

/* A second <name> where one is meant. */
static bool repeated(const struct node *n)
{
	const struct node *c = node_child(node_parent(n), NULL);

	for (; c && c != n; c = node_next(c, NULL))
		if (!strcmp(node_name(c), node_name(n)) && str_eq(node_space(c), node_space(n)))
			return true;
	return false;
}

static int check_element(struct check *up, const struct node *n, const struct level *l);

static int check_child(struct check *c, const struct node *n)
{
	const struct level *l = level_of_node(c->level, n);
	struct check at = *c;

	at.node = n;
	if (!l && node_foreign(n) && !node_space(n))
		return 0;
	if (!l) {
		autofree char *known = known_names(c->level, false);
		const char *space = node_space(n);
		return wrong(&at, error_set(c->err, EINVAL, "<%s%s%s> in <%s> is not known%s%s", space ? space : "",
					    space ? ":" : "", node_name(n), node_name(c->node),
					    known[0] ? ": there are" : "", known));
	}
	if (l->row && l->row->type == T_ANY)
		return 0;
	if (!(l->row && l->row->type == T_LIST) && repeated(n))
		return wrong(&at, error_set(c->err, EINVAL, "<%s> appears twice: once is enough", node_name(n)));
	if (l->row && (l->row->type == T_SUB || l->row->type == T_LIST))
		return schema_check(l->row->sub, n, c->err);
	return check_element(c, n, l);
}

static int check_element(struct check *up, const struct node *n, const struct level *l)
{
	struct check c = *up;

	c.node = n;
	c.level = l;
	c.r = 0;
	node_attrs(n, check_attr, &c);
	if (c.r == 0)
		c.r = check_text(&c);
	for (const struct node *child = node_child(n, NULL); c.r == 0 && child; child = node_next(child, NULL))
		c.r = check_child(&c, child);
	return c.r;
}

int schema_check(const struct schema *s, const struct node *n, struct error *err)
{
	struct check c = { .schema = s, .node = n, .err = err };
	int r = check_element(&c, n, schema_levels(s));

	for (const struct prop *row = s->props; r == 0 && row->path; row++) {
		bool here = row->type == T_SUB || row->type == T_LIST || row->type == T_ANY || row->type == T_FLAG
				    ? node_first(n, row->path) != NULL
				    : node_has(n, row->path);
		if ((row->flags & P_REQUIRED) && !here)
			r = wrong(&c, error_set(err, EINVAL, "%s is missing", row->path));
	}
	if (r == 0 && s->check) {
		struct error why = { 0 };
		r = s->check(n, &why);
		if (r < 0 && !str_starts(error_text(&why), "line "))
			error_in(&why, r, "line %ld: <%s>", node_line(n), s->element);
		if (r < 0)
			error_move(err, &why);
		error_clear(&why);
	}
	return r;
}
