/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Operations on names: objects are made, removed and renamed; attribute files are not; scratch files may be
 * anything.  The kernel holds the directory's lock meanwhile, so all of it is quick.
 */
#include "fuse.h"

#include "act.h"
#include "remote/front.h"

#include <fcntl.h>
#include <stdio.h>

#include "guard.h"
#include "links.h"
#include "names.h"

static int run_make(struct call *c, struct error *err)
{
	return act_make(&c->at, c->name, c->mode, &c->made, err);
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
	if (remote_is(parent)) {
		remote_mkdir(req, parent, name, mode);
		return;
	}
	autoerror struct error err = { 0 };
	struct who who = who_of(req);
	struct place dir;
	struct call *c;
	int r = place_of(parent, &dir);

	dir.who = &who;
	if (r == 0)
		r = names_may_make(&dir, name, &err);
	if (r < 0 && err.code) {
		answer_failure(req, &dir, &who, r, &err);
		return;
	}
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	c = call_new(req, &dir, run_make, reply_made);
	c->name = xstrdup(name);
	c->mode = mode & 07777;
	call_start(c);
}

static int run_drop(struct call *c, struct error *err)
{
	return act_drop(&c->at, err);
}

void ll_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	if (remote_is(parent)) {
		remote_unlink(req, parent, name, true);
		return;
	}
	struct who who = who_of(req);
	struct place dir, at;
	int r = place_of(parent, &dir);

	dir.who = &who;
	if (r == 0)
		r = place_lookup(&dir, name, &at);
	if (r == 0) {
		r = names_may_drop(&at, &who);
		if (r == -EACCES)
			act_refused(&at, "rmdir", NULL, r);
	}
	if (r == 0)
		call_start(call_new(req, &at, run_drop, NULL));
	else
		fuse_reply_err(req, -r);
}

void ll_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	if (remote_is(parent)) {
		remote_unlink(req, parent, name, false);
		return;
	}
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
		guard_refused(&dir, &who);
		r = -EPERM;
	}
	fuse_reply_err(req, -r);
}

void ll_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	if (remote_is(parent)) {
		remote_create(req, parent, name, mode, fi);
		return;
	}
	struct who who = who_of(req);
	struct fuse_entry_param e;
	struct scratch *s;
	struct handle *h;
	struct place dir;
	int r = place_of(parent, &dir);

	dir.who = &who;
	if (r == 0)
		r = names_may_create(&dir, name, fi->flags);
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
	struct place at;
	int r = scratch_commit(&c->at, c->name, c->scratch, &c->who, err);

	if (r == 0 && !c->at.obj->gone && place_lookup(&c->at, c->name, &at) == 0)
		notify_forget(&at);
	return r;
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
	c = call_new(req, dir, run_commit, NULL);
	c->name = xstrdup(name);
	scratch_stat(s, &st);
	c->scratch = st.st_ino;
	call_start(c);
}

static int run_rename(struct call *c, struct error *err)
{
	int r = act_rename(&c->at, c->name, err);

	return r == -EINVAL || r == -EXDEV ? -EBADMSG : r;
}

static void rename_object(fuse_req_t req, const struct place *at, const struct place *to, const char *name)
{
	struct who who = who_of(req);
	autoerror struct error err = { 0 };
	struct call *c;
	int r = names_may_rename(at, to, name, &who);

	if (r < 0) {
		if (r == -EACCES)
			act_refused(at, "rename", NULL, r);
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
	if (remote_is(parent) || remote_is(newparent)) {
		remote_rename(req, parent, name, newparent, newname, flags);
		return;
	}
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
