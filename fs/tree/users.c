/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pools/POOL/volumes/VOL/users/: links to the domains that use a volume. */
#include "engine/pool.h"
#include "tree.h"

static int link_show(const struct place *at, struct buf *out, struct error *err unused)
{
	buf_printf(out, "../../../../../domains/%s", at->obj->name);
	return 0;
}

static const struct entry user_entry = {
	.name = "DOMAIN",
	.kind = ENTRY_LINK,
	.facets = F_NAMES | F_STATE | F_DOC,
	.show = link_show,
	.fleeting = true,
	.doc = "-> the domain, which has it as a disk or below one",
};

static struct object *find(const struct place *dir, const char *name)
{
	struct domain *d = domain_find(name);

	return d && volume_used_by(volume_of(dir->obj), d) ? &d->obj : NULL;
}

static struct object *next(const struct place *dir, uint64_t after)
{
	struct domain *d = volume_user_after(volume_of(dir->obj), after);

	return d ? &d->obj : NULL;
}

const struct dir_type users_dir = {
	.child = &user_entry,
	.kind = OBJ_DOMAIN,
	.find = find,
	.next = next,
};
