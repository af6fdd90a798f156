/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Links that say what an object belongs to, and that users set: `ln -s TARGET volume`.  `ln -sf` makes a link of another name and renames it
 * onto the real one; the other name is a scratch link meanwhile.
 */
#include "fuse.h"

#include <fcntl.h>

#include "guard.h"

/* The entry called NAME of DIR that takes links, be it there now or not. */
static const struct slot *link_slot(const struct place *dir, const char *name)
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

static int run_store(struct call *c, struct error *err)
{
	struct scratch *s;
	int r = c->at.slot->entry->store(&c->at, (struct str){ buf_text(&c->data), c->data.n }, err);

	if (r == 0 && c->scratch) {
		s = scratch_of(c->scratch);
		if (s)
			scratch_unlink(s);
	}
	return r;
}

static void reply_link(struct call *c)
{
	struct fuse_entry_param e;

	if (c->at.obj->gone) {
		fuse_reply_err(c->req, ESTALE);
		return;
	}
	entry_of(&c->at, &e);
	fuse_reply_entry(c->req, &e);
}

/* TEXT becomes the target of the link S of DIR; empty: it is none any more. */
static struct call *store_call(fuse_req_t req, const struct place *dir, const struct slot *s, struct str text,
			       void (*reply)(struct call *c))
{
	struct place at = *dir;
	struct call *c;

	at.slot = s;
	c = call_new(req, &at, run_store, reply);
	buf_add(&c->data, text.p, text.n);
	return c;
}

void ll_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct who who = who_of(req);
	struct fuse_entry_param e;
	struct place dir, at;
	const struct slot *slot;
	struct scratch *s;
	int r = place_of(parent, &dir);

	dir.who = &who;
	if (r == 0 && (place_lookup(&dir, name, &at) == 0 || scratch_find(parent, name)))
		r = -EEXIST;
	slot = r == 0 ? link_slot(&dir, name) : NULL;
	if (slot) {
		call_start(store_call(req, &dir, slot, str_of(target), reply_link));
		return;
	}
	if (r == 0 && (!link_slot(&dir, NULL) || !scratch_name(name, O_EXCL)))
		r = -EPERM;
	if (r == 0)
		r = scratch_make(parent, name, 0777, &who, &s, NULL);
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	scratch_link(s, target);
	scratch_entry(s, &e);
	fuse_reply_entry(req, &e);
}

bool link_renamed(fuse_req_t req, struct scratch *s, const struct place *dir, const char *name)
{
	const struct buf *text = scratch_text(s);
	const struct slot *slot;
	struct call *c;
	struct stat st;

	scratch_stat(s, &st);
	if (!S_ISLNK(st.st_mode))
		return false;
	slot = link_slot(dir, name);
	if (!slot) {
		fuse_reply_err(req, EPERM);
		return true;
	}
	c = store_call(req, dir, slot, (struct str){ buf_text(text), text->n }, NULL);
	c->scratch = st.st_ino;
	call_start(c);
	return true;
}

/* Who is removing the whole directory does not get this link either. */
bool link_unlinked(fuse_req_t req, const struct place *dir, const struct place *at, const struct who *who)
{
	if (at->slot->entry->kind != ENTRY_LINK || !at->slot->entry->store || guard_holds(dir, who->pid))
		return false;
	call_start(store_call(req, dir, at->slot, str_of(""), NULL));
	return true;
}
