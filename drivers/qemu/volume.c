/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "volume.h"

#include "backing.h"

static char *key_of(const struct node *disk)
{
	return xasprintf("disk.%s", node_get_or(disk, "target/@dev", ""));
}

static struct doc *copy_of(const struct node *n)
{
	autobuf struct buf text = { 0 };

	node_print(n, &text);
	return doc_parse((struct str){ text.p, text.n }, NULL, NULL);
}

/* The chain that was found is shown in the live document, as that of any other disk. */
static void show_chain(struct node *disk, const struct node *opened)
{
	const struct node *chain = node_child(opened, "backingStore");

	if (chain && !node_child(disk, "backingStore"))
		node_import(disk, chain);
}

int qemu_disk_prepare(struct domain *d, struct node *disk, struct doc **opened, struct error *err)
{
	autodoc struct doc *doc = NULL;
	uid_t uid;
	gid_t gid;
	int r;

	*opened = NULL;
	domain_owner(d, &uid, &gid);
	r = disk_effective(disk, &(struct who){ .uid = uid, .gid = gid }, &doc, err);
	if (r == 0)
		r = qemu_fill_backing(d, doc ? doc_root(doc) : disk, err);
	if (r < 0 || !doc)
		return r;
	show_chain(disk, doc_root(doc));
	*opened = take(&doc);
	return 0;
}

void qemu_disk_keep(struct domain *d, const struct node *disk, const struct doc *opened)
{
	autofree char *key = key_of(disk);
	autobuf struct buf text = { 0 };

	if (opened)
		doc_print(opened, &text);
	domain_keep(d, key, opened ? buf_text(&text) : NULL);
}

struct doc *qemu_disk_opened(struct domain *d, const struct node *disk)
{
	autofree char *key = key_of(disk);
	const char *text = domain_kept(d, key);

	return text ? doc_parse(str_of(text), NULL, NULL) : NULL;
}

struct doc *qemu_live_opened(struct domain *d)
{
	struct doc *all = NULL;
	unsigned i = 0;

	for (const struct node *n = node_first(domain_live(d), "devices/disk"); n; n = node_next(n, "disk"), i++) {
		autodoc struct doc *opened = qemu_disk_opened(d, n);
		struct node *at;

		if (!opened)
			continue;
		if (!all)
			all = copy_of(domain_live(d));
		at = node_first(doc_root(all), "devices/disk");
		for (unsigned k = 0; at && k < i; k++)
			at = node_next(at, "disk");
		if (at)
			node_replace(at, doc_root(opened));
	}
	return all;
}
