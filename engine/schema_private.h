/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What schema*.c share: a schema's rows as a tree of path components. */
#ifndef DOMFS_SCHEMA_PRIVATE_H
#define DOMFS_SCHEMA_PRIVATE_H

#include "schema.h"

struct level {
	const char *name; /* of the element, N bytes; the top has none */
	size_t n;
	const struct prop *row; /* of the element itself; NULL: it is only on the way to others */
	struct vec attrs;	/* struct prop: rows of its attributes */
	struct level *child, *next;
};

const struct level *schema_levels(const struct schema *s);
const struct level *level_of_element(const struct level *l, const char *name);
/* The level of the child element N, whose namespace counts; NULL: unknown. */
const struct level *level_of_node(const struct level *l, const struct node *n);
const struct prop *level_attr(const struct level *l, const char *name);

/* A child element, under a name that no sibling has and that its counterpart in another document has too. */
struct member {
	const struct node *node;
	const struct level *inside; /* the rows below it; NULL: none are known */
	char *id;		    /* "disk[vda]" */
};
void schema_members(const struct level *l, const struct node *parent, struct vec *out); /* L may be NULL */
void member_free(void *p);

#endif
