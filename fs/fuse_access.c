/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owner, group, mode, ACLs; sizes set by truncate.  The kernel decides by them (default_permissions). */
#include "fuse.h"

#include "act.h"
#include "remote/front.h"

#include <unistd.h>

#define ACL_XATTR     "system.posix_acl_access"
#define PID_XATTR     "user.domfs.pid"	   /* of the process that serves this mount: for domfs umount */
#define RELEASE_XATTR "user.domfs.release" /* setting it ends every wait: for domfs umount */

static void set_rights(const struct place *at, const struct stat *st, int set)
{
	struct rights r = { st->st_uid, st->st_gid, st->st_mode & 07777 };
	unsigned mask = 0;

	if (set & FUSE_SET_ATTR_UID)
		mask |= ACCESS_UID;
	if (set & FUSE_SET_ATTR_GID)
		mask |= ACCESS_GID;
	if (set & FUSE_SET_ATTR_MODE)
		mask |= ACCESS_MODE;
	act_rights(at, mask, &r);
}

static void setattr_scratch(fuse_req_t req, fuse_ino_t ino, struct stat *st, int set)
{
	struct rights r = { st->st_uid, st->st_gid, st->st_mode & 07777 };
	struct scratch *s = scratch_of(ino);
	unsigned mask = (set & FUSE_SET_ATTR_UID ? ACCESS_UID : 0) | (set & FUSE_SET_ATTR_GID ? ACCESS_GID : 0) |
			(set & FUSE_SET_ATTR_MODE ? ACCESS_MODE : 0);
	int e = s ? 0 : -ESTALE;

	if (s && (set & FUSE_SET_ATTR_SIZE))
		e = scratch_truncate(s, st->st_size, NULL);
	if (e < 0) {
		fuse_reply_err(req, -e);
		return;
	}
	scratch_set(s, mask, &r);
	scratch_stat(s, st);
	fuse_reply_attr(req, st, 0);
}

static int set_size(const struct place *at, uint64_t size, struct fuse_file_info *fi, struct error *err)
{
	if (slot_is_dir(at->slot))
		return -EISDIR;
	if (fi)
		return handle_truncate((struct handle *)(uintptr_t)fi->fh, size, err);
	/* Without an open file nothing follows that could be stored. */
	return at->slot->entry->kind == ENTRY_DOC && size ? -EPERM : 0;
}

void ll_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int set, struct fuse_file_info *fi)
{
	if (remote_is(ino)) {
		remote_setattr(req, ino, st, set, fi);
		return;
	}
	autoerror struct error err = { 0 };
	struct who who = who_of(req);
	double timeout;
	struct place at;
	uint64_t size;
	int r;

	if (ino & SCRATCH_INO) {
		setattr_scratch(req, ino, st, set);
		return;
	}
	r = place_of(ino, &at);
	at.who = &who;
	if (r == 0 && (set & FUSE_SET_ATTR_SIZE) && at.slot->entry->kind == ENTRY_BYTES) {
		size = (uint64_t)st->st_size;
		if (!fi)
			act_refused(&at, "truncate", NULL, 0);
		set_rights(&at, st, set);
		attr_of(&at, st, &timeout);
		front_bytes_cut(req, &at, st, size, fi);
		return;
	}
	if (r == 0 && (set & FUSE_SET_ATTR_SIZE))
		r = set_size(&at, st->st_size, fi, &err);
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	set_rights(&at, st, set);
	attr_of(&at, st, &timeout);
	fuse_reply_attr(req, st, timeout);
}

static void reply_xattr(fuse_req_t req, const void *p, size_t n, size_t size)
{
	if (!size)
		fuse_reply_xattr(req, n);
	else if (size < n)
		fuse_reply_err(req, ERANGE);
	else
		fuse_reply_buf(req, p, n);
}

void ll_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	/* There are no labels here at all.  Said so, `ls -l` asks of one file in place of every one. */
	if (str_starts(name, "security.")) {
		fuse_reply_err(req, EOPNOTSUPP);
		return;
	}
	if (remote_is(ino) && !str_starts(name, "user.domfs.")) {
		remote_getxattr(req, ino, name, size);
		return;
	}
	char key[PATH_KEY_MAX];
	const struct object *top;
	struct place at;
	const void *acl;
	size_t n;

	if (ino & SCRATCH_INO) {
		fuse_reply_err(req, ENODATA);
		return;
	}
	if (ino == FUSE_ROOT_ID && !strcmp(name, PID_XATTR)) {
		autofree char *pid = xasprintf("%d", getpid());

		reply_xattr(req, pid, strlen(pid), size);
		return;
	}
	if (strcmp(name, ACL_XATTR)) {
		fuse_reply_err(req, ENODATA);
		return;
	}
	if (place_of(ino, &at) < 0) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	top = place_key(&at, key);
	acl = top->access ? access_acl(top, key, &n) : NULL;
	if (acl)
		reply_xattr(req, acl, n, size);
	else
		fuse_reply_err(req, ENODATA);
}

static int set_acl(fuse_req_t req, uint64_t ino, const void *acl, size_t n, struct error *err)
{
	struct who who = who_of(req);
	struct place at;
	int r = place_of(ino, &at);

	if (r < 0)
		return r;
	if (at.slot->entry->kind == ENTRY_LINK)
		return -EOPNOTSUPP;
	at.who = &who;
	return act_acl(&at, acl, n, err);
}

void ll_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags unused)
{
	if (remote_is(ino) && !str_starts(name, "user.domfs.")) {
		remote_setxattr(req, ino, name, value, size);
		return;
	}
	autoerror struct error err = { 0 };
	int r = -EOPNOTSUPP;

	if (ino & SCRATCH_INO)
		r = strcmp(name, ACL_XATTR) ? -EOPNOTSUPP : 0;
	else if (!strcmp(name, ACL_XATTR))
		r = set_acl(req, ino, value, size, &err);
	else if (ino == FUSE_ROOT_ID && !strcmp(name, RELEASE_XATTR)) {
		notify_end_waits(ECONNABORTED);
		calls_cancel_remote();
		r = 0;
	}
	fuse_reply_err(req, -r);
}

void ll_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	if (remote_is(ino)) {
		fuse_reply_err(req, EOPNOTSUPP);
		return;
	}
	char key[PATH_KEY_MAX];
	const struct object *top;
	struct place at;
	size_t n;

	if ((ino & SCRATCH_INO) || place_of(ino, &at) < 0) {
		reply_xattr(req, "", 0, size);
		return;
	}
	top = place_key(&at, key);
	if (top->access && access_acl(top, key, &n))
		reply_xattr(req, ACL_XATTR, sizeof(ACL_XATTR), size);
	else
		reply_xattr(req, "", 0, size);
}

void ll_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	if (remote_is(ino)) {
		remote_setxattr(req, ino, name, "", 0);
		return;
	}
	autoerror struct error err = { 0 };
	int r = -ENODATA;

	if (!(ino & SCRATCH_INO) && !strcmp(name, ACL_XATTR))
		r = set_acl(req, ino, NULL, 0, &err);
	fuse_reply_err(req, -r);
}
