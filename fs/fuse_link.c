/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Symbolic links that users set. */
#include "fuse.h"

#include "remote/front.h"

#include "links.h"

static int run_make(struct call *c, struct error *err)
{
	struct place at;

	return link_make(&c->at, c->name, (struct str){ buf_text(&c->data), c->data.n }, &c->who, &at, &c->scratch,
			 err);
}

static void reply_made(struct call *c)
{
	struct scratch *s = c->scratch ? scratch_of(c->scratch) : NULL;
	struct fuse_entry_param e;
	struct place at = c->at;

	if (c->at.obj->gone || (c->scratch && !s)) {
		fuse_reply_err(c->req, ESTALE);
		return;
	}
	at.slot = s ? at.slot : link_slot(&c->at, c->name);
	if (s)
		scratch_entry(s, &e);
	else
		entry_of(&at, &e);
	fuse_reply_entry(c->req, &e);
}

void ll_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	if (remote_is(parent)) {
		remote_symlink(req, target, parent, name);
		return;
	}
	struct who who = who_of(req);
	struct place dir, at;
	struct call *c;
	int r = place_of(parent, &dir);

	dir.who = &who;
	if (r == 0 && (place_lookup(&dir, name, &at) == 0 || scratch_find(parent, name)))
		r = -EEXIST;
	if (r == 0 && !link_slot(&dir, NULL))
		r = -EPERM;
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	c = call_new(req, &dir, run_make, reply_made);
	c->name = xstrdup(name);
	buf_puts(&c->data, target);
	call_start(c);
}

static int run_commit(struct call *c, struct error *err)
{
	return link_commit(&c->at, c->name, c->scratch, err);
}

bool link_renamed(fuse_req_t req, struct scratch *s, const struct place *dir, const char *name)
{
	struct call *c;
	struct stat st;

	scratch_stat(s, &st);
	if (!S_ISLNK(st.st_mode))
		return false;
	if (!link_slot(dir, name)) {
		fuse_reply_err(req, EPERM);
		return true;
	}
	c = call_new(req, dir, run_commit, NULL);
	c->name = xstrdup(name);
	c->scratch = st.st_ino;
	call_start(c);
	return true;
}

static int run_remove(struct call *c, struct error *err)
{
	return link_store(&c->at, str_of(""), err);
}

bool link_unlinked(fuse_req_t req, const struct place *dir, const struct place *at, const struct who *who)
{
	if (!link_removable(dir, at, who))
		return false;
	call_start(call_new(req, at, run_remove, NULL));
	return true;
}
