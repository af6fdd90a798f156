/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Links that users set, and scratch files that become what they are renamed to: for every front end. */
#include "links.h"
#include "act.h"

#include <fcntl.h>

#include "guard.h"
#include "scratch.h"

const struct slot *link_slot(const struct place *dir, const char *name)
{
	if (!slot_is_dir(dir->slot))
		return NULL;
	for (unsigned i = dir->slot->first; i < (unsigned)dir->slot->first + dir->slot->count; i++) {
		const struct slot *s = tree_slot(i);

		if (s->entry->kind == ENTRY_LINK && s->entry->store && (!name || !strcmp(s->name, name)))
			return s;
	}
	return NULL;
}

bool link_removable(const struct place *dir, const struct place *at, const struct who *who)
{
	return at->slot->entry->kind == ENTRY_LINK && at->slot->entry->store && !guard_holds(dir, who);
}

int link_store(const struct place *at, struct str text, struct error *err)
{
	return act_store(at, text, err);
}

int link_make(const struct place *dir, const char *name, struct str target, const struct who *who, struct place *at,
	      uint64_t *scratch, struct error *err)
{
	const struct slot *slot;
	struct scratch *s;
	struct stat st;
	int r;

	*scratch = 0;
	if (place_lookup(dir, name, at) == 0 || scratch_find(place_ino(dir), name))
		return -EEXIST;
	slot = link_slot(dir, name);
	*at = *dir;
	if (slot) {
		at->slot = slot;
		return link_store(at, target, err);
	}
	if (!link_slot(dir, NULL) || !scratch_name(name, O_EXCL))
		return -EPERM;
	r = scratch_make(place_ino(dir), name, 0777, who, &s, err);
	if (r < 0)
		return r;
	{
		autofree char *text = xstrndup(target.p, target.n);
		scratch_link(s, text);
	}
	scratch_stat(s, &st);
	*scratch = st.st_ino;
	return 0;
}

/* What S holds is stored at AT, and S goes. */
static int commit(const struct place *at, uint64_t scratch, struct error *err)
{
	struct scratch *s = scratch_of(scratch);
	autobuf struct buf text = { 0 };
	int r;

	if (!s)
		return -ESTALE;
	buf_add(&text, scratch_text(s)->p, scratch_text(s)->n);
	r = act_store(at, (struct str){ buf_text(&text), text.n }, err);
	if (r < 0)
		return r == -EINVAL ? -EBADMSG : r; /* mv would say that it is a directory moved into itself */
	s = scratch_of(scratch);
	if (s)
		scratch_unlink(s);
	return 0;
}

int link_commit(const struct place *dir, const char *name, uint64_t scratch, struct error *err)
{
	struct place at = *dir;

	at.slot = link_slot(dir, name);
	return at.slot ? commit(&at, scratch, err) : -EPERM;
}

int scratch_commit(const struct place *dir, const char *name, uint64_t scratch, const struct who *who,
		   struct error *err)
{
	const struct scratch *s = scratch_of(scratch);
	const struct buf *text = s ? scratch_text(s) : NULL;
	struct place at;
	int r = place_lookup(dir, name, &at);

	if (r < 0)
		return r;
	at.who = who;
	if (at.slot->entry->kind != ENTRY_DOC || !at.slot->entry->store)
		return -EPERM;
	if (!text || doc_complete((struct str){ text->p, text->n }))
		return error_set(err, EBADMSG, "the file renamed to this is not one complete document");
	return commit(&at, scratch, err);
}
