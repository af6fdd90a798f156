/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Extended attributes: the ACL, which is the only one that there is. */
#include "p9.h"

#include "fs/act.h"

#define ACL_XATTR "system.posix_acl_access"

static int no_acl(const struct p9_fid *f, struct str name)
{
	return f->scratch || !str_is(name, ACL_XATTR) ? -ENODATA : 0;
}

/* An empty name asks which there are. */
int p9_xattrwalk(struct p9_req *q, struct p9_msg *out, struct error *err)
{
	autofid struct p9_fid *f = NULL;
	struct p9_fid *to;
	char key[PATH_KEY_MAX];
	const void *acl = NULL;
	struct place at;
	size_t n = 0;
	int r = p9_fid(q, q->msg.fid, &f, err);

	if (r == 0 && q->msg.name.n)
		r = no_acl(f, q->msg.name);
	if (r < 0)
		return r;
	at = p9_place(f);
	if (!f->scratch) {
		struct object *top = place_key(&at, key);
		acl = top->access ? access_acl(top, key, &n) : NULL;
	}
	if (q->msg.name.n && !acl)
		return -ENODATA;
	r = p9_fid_new(q->conn, q->msg.newfid, f, &to, err);
	if (r < 0)
		return r;
	p9_fid_move(to, &at, f->scratch);
	to->xattr = true;
	if (q->msg.name.n)
		buf_add(&to->text, acl, n);
	else if (acl)
		buf_add(&to->text, ACL_XATTR, sizeof(ACL_XATTR));
	out->size = to->text.n;
	return 0;
}

int p9_xattrcreate(struct p9_req *q, struct p9_msg *out unused, struct error *err)
{
	autofid struct p9_fid *f = NULL;
	int r = p9_fid(q, q->msg.fid, &f, err);

	if (r < 0)
		return r;
	if (f->h || f->xattr || f->xattr_sets)
		return -EINVAL;
	if (f->scratch)
		return error_set(err, EOPNOTSUPP, "a file that an editor made has no ACL");
	if (!str_is(q->msg.name, ACL_XATTR))
		return error_set(err, EOPNOTSUPP, "'%.*s': only POSIX ACLs can be set", (int)q->msg.name.n,
				 q->msg.name.p);
	f->xattr_sets = true;
	return 0;
}

int p9_xattr_store(struct p9_fid *f, struct error *err)
{
	struct place at = p9_place(f);
	struct stat st;

	if (f->scratch)
		return 0;
	if (at.obj->gone)
		return -ESTALE;
	if (at.slot->entry->kind == ENTRY_LINK)
		return -EOPNOTSUPP;
	place_stat(&at, &st);
	if (f->who.uid && st.st_uid != f->who.uid) {
		act_refused(&at, "acl", NULL, -EPERM);
		return error_set(err, EPERM, "only its owner, uid %u, and root may change who may do what", st.st_uid);
	}
	return act_acl(&at, f->text.p, f->text.n, err);
}
