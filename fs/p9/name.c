/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names: mkdir, unlink and rmdir, rename, symlink. */
#include "p9.h"

#include <fcntl.h>

#include "fs/act.h"
#include "fs/guard.h"
#include "fs/links.h"
#include "fs/names.h"
#include "fs/scratch.h"

/* Passes R on: who was not let is in the audit log. */
static int refused(const char *action, const struct place *at, const char *name, int r)
{
	if (r == -EACCES || r == -EPERM)
		act_refused(at, action, name, r);
	return r;
}

static int directory(struct p9_req *q, uint32_t fid, struct p9_fid **f, struct place *dir, struct error *err)
{
	int r = p9_fid(q, fid, f, err);

	if (r < 0)
		return r;
	*dir = p9_place(*f);
	return (*f)->scratch || !slot_is_dir(dir->slot) ? -ENOTDIR : 0;
}

int p9_mkdir(struct p9_req *q, struct p9_msg *out, struct error *err)
{
	autofree char *name = xstrndup(q->msg.name.p, q->msg.name.n);
	autofid struct p9_fid *f = NULL;
	struct object *made = NULL;
	struct place dir, at;
	int r = directory(q, q->msg.dfid, &f, &dir, err);

	if (r == 0)
		r = refused("mkdir", &dir, name, p9_may_change_names(&dir, NULL, &f->who, err));
	if (r == 0)
		r = names_may_make(&dir, name, err);
	if (r == 0) {
		r = p9_failed(q, &dir, &f->who, act_make(&dir, name, q->msg.mode & 07777, &made, err), err);
	}
	if (r < 0)
		return r;
	at = (struct place){ .slot = tree_slot(dir.slot->child), .obj = made };
	out->qid = p9_qid_of(&at, 0);
	object_unref(made);
	return 0;
}

static int remove_dir(struct p9_req *q, const struct place *at, const struct who *who, struct error *err)
{
	int r = refused("rmdir", at, NULL, names_may_drop(at, who));

	if (r < 0)
		return r;
	object_ref(at->obj);
	r = p9_failed(q, at, who, act_drop(at, err), err);
	object_unref(at->obj);
	return r;
}

int p9_unlinkat(struct p9_req *q, struct p9_msg *out unused, struct error *err)
{
	autofree char *name = xstrndup(q->msg.name.p, q->msg.name.n);
	autofid struct p9_fid *f = NULL;
	struct scratch *s;
	struct place dir, at;
	struct who who;
	struct stat st;
	int r = directory(q, q->msg.dfid, &f, &dir, err);

	if (r < 0)
		return r;
	who = f->who;
	if (q->conn->own)
		who.client = (uint64_t)q->conn->id << 32 | q->msg.flags >> P9_PROCESS_SHIFT;
	s = scratch_find(place_ino(&dir), name);
	if (s) {
		scratch_stat(s, &st);
		r = p9_may_change_names(&dir, &st, &f->who, err);
		if (r == 0 && (q->msg.flags & P9_REMOVEDIR))
			r = -ENOTDIR;
		if (r == 0)
			scratch_unlink(s);
		return r;
	}
	r = place_lookup(&dir, name, &at);
	if (r == 0)
		r = refused("remove", &at, NULL, p9_may_change_place(&dir, &at, &f->who, err));
	if (r < 0)
		return r;
	if (q->msg.flags & P9_REMOVEDIR)
		return remove_dir(q, &at, &who, err);
	if (slot_is_dir(at.slot))
		return -EISDIR;
	if (link_removable(&dir, &at, &f->who))
		return p9_failed(q, &at, &f->who, link_store(&at, str_of(""), err), err);
	guard_refused(&dir, &who);
	return -EPERM;
}

static int rename_scratch(struct p9_req *q, const struct place *dir, struct scratch *s, const char *name,
			  const struct who *who, struct error *err)
{
	struct scratch *old = scratch_find(place_ino(dir), name);
	struct place at;
	struct stat st;
	int r = 0;

	if (old) {
		scratch_stat(old, &st);
		r = p9_may_change_names(dir, &st, who, err);
	}
	scratch_stat(s, &st);
	if (r == 0)
		r = p9_may_change_names(dir, &st, who, err);
	if (r < 0)
		return r;
	if (place_lookup(dir, name, &at) < 0 && !link_slot(dir, name)) {
		if (!scratch_name(name, 0))
			return -EPERM;
		scratch_rename(s, name);
		return 0;
	}
	r = S_ISLNK(st.st_mode) ? link_commit(dir, name, st.st_ino, err)
				: scratch_commit(dir, name, st.st_ino, who, err);
	return r == -EPERM ? r : p9_failed(q, dir, who, r, err);
}

static int rename_in(struct p9_req *q, const struct place *dir, const char *name, const struct place *to,
		     const char *newname, const struct who *who, struct error *err)
{
	struct scratch *s = scratch_find(place_ino(dir), name);
	struct place at;
	int r = refused("rename-into", to, newname, p9_may_change_names(to, NULL, who, err));

	if (r == 0 && s)
		return place_ino(dir) == place_ino(to) ? rename_scratch(q, dir, s, newname, who, err) : -EPERM;
	if (r == 0)
		r = place_lookup(dir, name, &at);
	if (r == 0)
		r = refused("rename", &at, NULL, p9_may_change_place(dir, &at, who, err));
	if (r == 0)
		r = refused("rename", &at, NULL, names_may_rename(&at, to, newname, who));
	if (r == 0) {
		object_ref(at.obj);
		r = object_name_check(newname, err);
		if (r == 0)
			r = act_rename(&at, newname, err);
		r = p9_failed(q, &at, who, r, err);
		object_unref(at.obj);
	}
	return r == -EINVAL || r == -EXDEV ? -EBADMSG : r; /* mv would say that it is a directory moved into itself */
}

int p9_renameat(struct p9_req *q, struct p9_msg *out unused, struct error *err)
{
	autofree char *name = xstrndup(q->msg.name.p, q->msg.name.n);
	autofree char *newname = xstrndup(q->msg.newname.p, q->msg.newname.n);
	autofid struct p9_fid *f = NULL, *t = NULL;
	struct place dir, to;
	int r = directory(q, q->msg.fid, &f, &dir, err);

	if (r == 0)
		r = directory(q, q->msg.newfid, &t, &to, err);
	return r == 0 ? rename_in(q, &dir, name, &to, newname, &f->who, err) : r;
}

/* The old form: the fid itself moves. */
int p9_rename(struct p9_req *q, struct p9_msg *out unused, struct error *err)
{
	autofree char *newname = xstrndup(q->msg.name.p, q->msg.name.n);
	autofree char *name = NULL;
	autofid struct p9_fid *f = NULL, *t = NULL;
	struct place at, dir, to;
	int r = p9_fid(q, q->msg.fid, &f, err);

	if (r == 0)
		r = directory(q, q->msg.dfid, &t, &to, err);
	if (r < 0)
		return r;
	at = p9_place(f);
	if (f->scratch || !slot_is_object(at.slot))
		return -EPERM;
	dir = (struct place){ .slot = tree_slot(at.slot->parent),
			      .obj = at.obj->parent ? at.obj->parent : &root_object,
			      .who = &f->who };
	name = xstrdup(at.obj->name);
	return rename_in(q, &dir, name, &to, newname, &f->who, err);
}

int p9_symlink(struct p9_req *q, struct p9_msg *out, struct error *err)
{
	autofree char *name = xstrndup(q->msg.name.p, q->msg.name.n);
	autofid struct p9_fid *f = NULL;
	uint64_t scratch = 0;
	struct place dir, at;
	int r = directory(q, q->msg.fid, &f, &dir, err);

	if (r < 0)
		return r;
	r = refused("symlink", &dir, name, p9_may_change_names(&dir, NULL, &f->who, err));
	if (r == 0)
		r = link_make(&dir, name, q->msg.target, &f->who, &at, &scratch, err);
	if (r < 0)
		return r == -EEXIST || r == -EPERM ? r : p9_failed(q, &dir, &f->who, r, err);
	out->qid = p9_qid_of(&at, scratch);
	return 0;
}

int p9_mknod(struct p9_req *q unused, struct p9_msg *out unused, struct error *err)
{
	return error_set(err, EPERM, "there are no special files here");
}

int p9_link(struct p9_req *q unused, struct p9_msg *out unused, struct error *err)
{
	return error_set(err, EPERM, "there are no hard links here");
}
