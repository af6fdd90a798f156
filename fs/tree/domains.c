/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* domains/ and the links to its children: by-uuid/ and by-id/. */
#include <stdio.h>

#include "tree.h"

static struct object *domain_object(struct domain *d)
{
	return d ? &d->obj : NULL;
}

static struct object *find(const struct place *dir unused, const char *name)
{
	return domain_object(domain_find(name));
}

static struct object *next(const struct place *dir unused, uint64_t after)
{
	return domain_object(domain_after(after));
}

static int make(const struct place *dir, const char *name, mode_t mode, struct object **out, struct error *err)
{
	struct domain *d;
	int r = domain_make(name, dir->who, mode, &d, err);

	if (r < 0)
		return r;
	*out = &d->obj;
	object_ref(*out);
	return 0;
}

static int drop(const struct place *at, struct error *err)
{
	return domain_drop(domain_of(at->obj), err);
}

static int rename_to(const struct place *at, const char *name, struct error *err)
{
	return domain_rename(domain_of(at->obj), name, err);
}

static const struct entry domain_entry = DIR("NAME", 0755, &domain_dir, .facets = F_STATE | F_DOC | F_NAMES,
					     .doc = "a domain; mkdir makes it, rmdir removes it, mv renames it");

const struct dir_type domains_dir = {
	.child = &domain_entry,
	.kind = OBJ_DOMAIN,
	.find = find,
	.next = next,
	.make = make,
	.drop = drop,
	.rename = rename_to,
};

static int link_show(const struct place *at, struct buf *out, struct error *err unused)
{
	buf_printf(out, "../domains/%s", at->obj->name);
	return 0;
}

static const struct entry uuid_entry = {
	.name = "UUID",
	.kind = ENTRY_LINK,
	.facets = F_NAMES | F_STATE | F_DOC,
	.show = link_show,
	.fleeting = true,
	.doc = "-> ../domains/NAME",
};

static struct object *find_uuid(const struct place *dir unused, const char *name)
{
	return domain_object(domain_find_uuid(name));
}

static bool uuid_name(struct object *o, char name[256])
{
	snprintf(name, 256, "%s", domain_of(o)->uuid);
	return true;
}

const struct dir_type by_uuid_dir = {
	.child = &uuid_entry,
	.kind = OBJ_DOMAIN,
	.find = find_uuid,
	.next = next,
	.name = uuid_name,
};

static const struct entry id_entry = {
	.name = "ID",
	.kind = ENTRY_LINK,
	.facets = F_NAMES | F_STATE | F_DOC,
	.show = link_show,
	.fleeting = true,
	.doc = "-> ../domains/NAME, of a running domain",
};

static struct object *find_id(const struct place *dir unused, const char *name)
{
	autoerror struct error err = { 0 };
	uint64_t id;

	if (u64_parse(str_of(name), 1, INT32_MAX, &id, &err) < 0)
		return NULL;
	return domain_object(domain_find_id(id));
}

static bool id_name(struct object *o, char name[256])
{
	struct domain *d = domain_of(o);

	snprintf(name, 256, "%d", d->id);
	return d->id > 0;
}

const struct dir_type by_id_dir = {
	.child = &id_entry,
	.kind = OBJ_DOMAIN,
	.find = find_id,
	.next = next,
	.name = id_name,
};
