/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Operations on names: objects are made, removed and renamed; attribute files are not; scratch files may be
 * anything.  The kernel holds the directory's lock meanwhile, so all of it is quick.
 */
#include "fuse.h"

#include <fcntl.h>
#include <stdio.h>

#include "guard.h"

static int run_make(struct call *c, struct error *err)
{
	return c->at.slot->entry->dir->make(&c->at, c->name, c->mode, &c->made, err);
}

static void reply_made(struct call *c)
{
	struct place at = { .slot = tree_slot(c->at.slot->child), .obj = c->made, .who = &c->who };
	struct fuse_entry_param e;

	entry_of(&at, &e);
	fuse_reply_entry(c->req, &e);
}

void ll_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	autoerror struct error err = { 0 };
	struct who who = who_of(req);
	struct place dir, at;
	struct call *c;
	int r = place_of(parent, &dir);

	dir.who = &who;
	if (r == 0 && (!slot_is_dir(dir.slot) || !dir.slot->entry->dir || !dir.slot->entry->dir->make))
		r = place_lookup(&dir, name, &at) == 0 ? -EEXIST : -EPERM;
	else if (r == 0 && place_lookup(&dir, name, &at) == 0)
		r = -EEXIST;
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	r = object_name_check(name, &err);
	if (r < 0) {
		answer_failure(req, &dir, &who, r, &err);
		return;
	}
	c = call_new(req, &dir, run_make, reply_made);
	c->name = xstrdup(name);
	c->mode = mode & 07777;
	call_start(c);
}

/* The kernel asked whether the directory may be changed; the object itself must be writable for this user too, so that who may not
 * even unlink its files does not remove the whole. */
static bool may_remove(const struct place *at, const struct who *who)
{
	char key[PATH_KEY_MAX];
	struct object *top = place_key(at, key);

	return access_may(top, key, slot_mode(at->slot), who, 02);
}

static int run_drop(struct call *c, struct error *err)
{
	return slot_collection(c->at.slot)->drop(&c->at, err);
}

static int drop_allowed(const struct place *at, const struct who *who)
{
	if (!slot_is_dir(at->slot))
		return -ENOTDIR;
	if (!slot_is_object(at->slot) || !slot_collection(at->slot)->drop)
		return -EPERM;
	if (guard_holds(at, who->pid))
		return -ENOTEMPTY;
	return may_remove(at, who) ? 0 : -EACCES;
}

void ll_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct who who = who_of(req);
	struct place dir, at;
	int r = place_of(parent, &dir);

	dir.who = &who;
	if (r == 0)
		r = place_lookup(&dir, name, &at);
	if (r == 0)
		r = drop_allowed(&at, &who);
	if (r == 0)
		call_start(call_new(req, &at, run_drop, NULL));
	else
		fuse_reply_err(req, -r);
}

void ll_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct who who = who_of(req);
	struct scratch *s = scratch_find(parent, name);
	struct place dir, at;
	int r;

	if (s) {
		scratch_unlink(s);
		fuse_reply_err(req, 0);
		return;
	}
	r = place_of(parent, &dir);
	dir.who = &who;
	if (r == 0)
		r = place_lookup(&dir, name, &at);
	if (r == 0 && link_unlinked(req, &dir, &at, &who))
		return;
	if (r == 0) {
		guard_refused(&dir, who.pid);
		r = -EPERM;
	}
	fuse_reply_err(req, -r);
}

static bool has_document(const struct slot *dir)
{
	for (unsigned i = dir->first; i < (unsigned)dir->first + dir->count; i++)
		if (tree_slot(i)->entry->kind == ENTRY_DOC)
			return true;
	return false;
}

void ll_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	struct who who = who_of(req);
	struct fuse_entry_param e;
	struct scratch *s;
	struct handle *h;
	struct place dir, at;
	int r = place_of(parent, &dir);

	dir.who = &who;
	if (r == 0 && place_lookup(&dir, name, &at) == 0)
		r = -EEXIST;
	else if (r == 0 && (!has_document(dir.slot) || !scratch_name(name, fi->flags)))
		r = -EPERM;
	if (r == 0)
		r = scratch_make(parent, name, mode, &who, &s, NULL);
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	h = scratch_open(s, fi->flags, &who);
	scratch_entry(s, &e);
	fi->fh = (uintptr_t)h;
	fi->direct_io = 1;
	if (fuse_reply_create(req, &e, fi) < 0)
		handle_free(h);
}

static int run_commit(struct call *c, struct error *err)
{
	struct scratch *s = scratch_of(c->scratch);
	const struct buf *text = s ? scratch_text(s) : NULL;
	int r;

	if (!text || doc_complete((struct str){ text->p, text->n }))
		return error_set(err, EBADMSG, "the file renamed to this is not one complete document");
	buf_add(&c->data, text->p, text->n);
	r = c->at.slot->entry->store(&c->at, (struct str){ c->data.p, c->data.n }, err);
	if (r == -EINVAL) /* mv would say that it is a directory moved into itself */
		r = -EBADMSG;
	if (r < 0)
		return r;
	s = scratch_of(c->scratch);
	if (s)
		scratch_unlink(s);
	notify_forget(&c->at);
	return 0;
}

static void rename_scratch(fuse_req_t req, struct scratch *s, const struct place *dir, const char *name)
{
	struct place at;
	struct stat st;
	struct call *c;

	if (link_renamed(req, s, dir, name))
		return;
	if (place_lookup(dir, name, &at) < 0) {
		int r = scratch_name(name, 0) ? 0 : EPERM;

		if (!r)
			scratch_rename(s, name);
		fuse_reply_err(req, r);
		return;
	}
	if (at.slot->entry->kind != ENTRY_DOC || !at.slot->entry->store) {
		fuse_reply_err(req, EPERM);
		return;
	}
	c = call_new(req, &at, run_commit, NULL);
	scratch_stat(s, &st);
	c->scratch = st.st_ino;
	call_start(c);
}

static int run_rename(struct call *c, struct error *err)
{
	int r = slot_collection(c->at.slot)->rename(&c->at, c->name, err);

	return r == -EINVAL || r == -EXDEV ? -EBADMSG : r;
}

static int rename_allowed(const struct place *at, const struct place *to, const char *name, const struct who *who)
{
	struct place there;

	if (!slot_is_object(at->slot) || !slot_collection(at->slot)->rename)
		return -EPERM;
	if (to->slot->number != at->slot->parent)
		return -EPERM;
	if (place_lookup(to, name, &there) == 0)
		return -EEXIST;
	return may_remove(at, who) ? 0 : -EACCES;
}

static void rename_object(fuse_req_t req, const struct place *at, const struct place *to, const char *name)
{
	struct who who = who_of(req);
	autoerror struct error err = { 0 };
	struct call *c;
	int r = rename_allowed(at, to, name, &who);

	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	r = object_name_check(name, &err);
	if (r < 0) {
		answer_failure(req, at, &who, r == -EINVAL ? -EBADMSG : r, &err);
		return;
	}
	c = call_new(req, at, run_rename, NULL);
	c->name = xstrdup(name);
	call_start(c);
}

void ll_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent, const char *newname,
	       unsigned flags)
{
	struct who who = who_of(req);
	struct scratch *s = scratch_find(parent, name);
	struct place dir, to, at;
	int r = place_of(parent, &dir);

	if (r == 0)
		r = place_of(newparent, &to);
	dir.who = to.who = &who;
	if (r == 0 && (flags & ~RENAME_NOREPLACE))
		r = -EPERM;
	if (r == 0 && s && parent == newparent) {
		rename_scratch(req, s, &to, newname);
		return;
	}
	if (r == 0)
		r = s ? -EPERM : place_lookup(&dir, name, &at);
	if (r == 0)
		rename_object(req, &at, &to, newname);
	else
		fuse_reply_err(req, -r);
}

void ll_mknod(fuse_req_t req, fuse_ino_t parent unused, const char *name unused, mode_t mode unused, dev_t rdev unused)
{
	fuse_reply_err(req, EPERM);
}

void ll_link(fuse_req_t req, fuse_ino_t ino unused, fuse_ino_t parent unused, const char *name unused)
{
	fuse_reply_err(req, EPERM);
}
