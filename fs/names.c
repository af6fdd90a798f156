/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Objects are made, removed and renamed; attribute files are not; scratch files may be anything. */
#include "names.h"

#include "guard.h"
#include "scratch.h"

int names_may_make(const struct place *dir, const char *name, struct error *err)
{
	struct place at;

	if (place_lookup(dir, name, &at) == 0)
		return -EEXIST;
	if (!slot_is_dir(dir->slot) || !dir->slot->entry->dir || !dir->slot->entry->dir->make)
		return -EPERM;
	return object_name_check(name, err);
}

/* Who may not even unlink its files does not remove the whole. */
static bool may_remove(const struct place *at, const struct who *who)
{
	char key[PATH_KEY_MAX];
	struct object *top = place_key(at, key);

	return access_may(top, key, slot_mode(at->slot), who, 02);
}

int names_may_drop(const struct place *at, const struct who *who)
{
	if (!slot_is_dir(at->slot))
		return -ENOTDIR;
	if (!slot_is_object(at->slot) || !slot_collection(at->slot)->drop)
		return -EPERM;
	if (guard_holds(at, who))
		return -ENOTEMPTY;
	return may_remove(at, who) ? 0 : -EACCES;
}

int names_may_rename(const struct place *at, const struct place *to, const char *name, const struct who *who)
{
	struct place there;

	if (!slot_is_object(at->slot) || !slot_collection(at->slot)->rename)
		return -EPERM;
	if (to->slot->number != at->slot->parent)
		return -EPERM;
	if (to->obj !=
	    (at->obj->parent ? at->obj->parent : &root_object)) /* a volume into another pool: its clone does that */
		return -EBADMSG;
	if (place_lookup(to, name, &there) == 0)
		return -EEXIST;
	return may_remove(at, who) ? 0 : -EACCES;
}

static bool has_document(const struct slot *dir)
{
	for (unsigned i = dir->first; i < (unsigned)dir->first + dir->count; i++)
		if (tree_slot(i)->entry->kind == ENTRY_DOC)
			return true;
	return false;
}

int names_may_create(const struct place *dir, const char *name, int flags)
{
	struct place at;

	if (place_lookup(dir, name, &at) == 0)
		return -EEXIST;
	return has_document(dir->slot) && scratch_name(name, flags) ? 0 : -EPERM;
}
