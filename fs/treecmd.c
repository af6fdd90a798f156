/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* domfs tree: every entry of the tables with its line. */
#include <stdio.h>

#include "node.h"
#include "treecmd.h"

static void print_slot(const struct slot *s, const char *dir)
{
	autofree char *path = NULL;
	const struct entry *e = s->entry;
	const char *name = s->name ? s->name : e->name;
	const char *doc = s->prop ? s->prop->doc : e->doc;

	if (e->kind == ENTRY_PROPS && !s->prop)
		doc = "properties that belong together";
	path = xasprintf("%s%s%s", dir, name, slot_is_dir(s) ? "/" : "");
	if (s->number)
		printf("%-40s %s%s\n", path, doc ? doc : "", e->hidden ? " (not listed)" : "");
	for (unsigned i = s->first; i < (unsigned)s->first + s->count; i++)
		print_slot(tree_slot(i), path + (s->number ? 0 : 1));
	if (s->child)
		print_slot(tree_slot(s->child), path + (s->number ? 0 : 1));
}

int tree_run(void)
{
	tree_open(&root_entry);
	print_slot(tree_slot(0), "");
	tree_close();
	return fflush(stdout) ? 1 : 0;
}
