/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names and attributes of remote trees through FUSE.  Open files are in front_file.c. */
#include "front.h"

#include <limits.h>
#include <stdio.h>

#include "bytes.h"
#include "front_private.h"
#include "fs/guard.h"

#define LONG_S 86400.0

struct remote *remote_root;

bool remote_is(fuse_ino_t ino)
{
	return (ino & (REMOTE_INO | SCRATCH_INO)) == REMOTE_INO || (remote_root && ino == FUSE_ROOT_ID);
}

struct rnode *front_node(fuse_ino_t ino)
{
	if (remote_root && ino == FUSE_ROOT_ID)
		return remote_root->root;
	return rnode_of_ino(ino);
}

static fuse_ino_t ino_of(const struct rnode *n)
{
	return remote_root && n == remote_root->root ? FUSE_ROOT_ID : rnode_ino(n);
}

static void invalidate(struct rnode *n)
{
	if (front_session)
		fuse_lowlevel_notify_inval_inode(front_session, ino_of(n), -1, 0);
}

void remote_front_open(void)
{
	rnode_invalidate = invalidate;
}

/* ---- calls ---- */

struct call *front_call(fuse_req_t req, struct rnode *n, int (*run)(struct call *, struct error *),
			void (*reply)(struct call *))
{
	struct place nowhere = { 0 };
	struct call *c = call_new(req, &nowhere, run, reply);

	c->remote = n;
	if (n)
		rnode_ref(n);
	return c;
}

static void run_on(fuse_req_t req, fuse_ino_t ino, int (*run)(struct call *, struct error *),
		   void (*reply)(struct call *))
{
	struct rnode *n = front_node(ino);

	if (n)
		call_start(front_call(req, n, run, reply));
	else
		fuse_reply_err(req, ESTALE);
}

/* ---- attributes ---- */

static void stat_of(struct rnode *n, struct stat *st, double *timeout)
{
	const struct p9_attr *a = &n->attr;

	memset(st, 0, sizeof(*st));
	st->st_ino = ino_of(n);
	st->st_mode = a->mode;
	st->st_nlink = a->nlink;
	st->st_uid = n->r->mapped && a->uid == n->r->their_uid ? n->r->map_uid : a->uid;
	st->st_gid = n->r->mapped && a->uid == n->r->their_uid ? n->r->map_gid : a->gid;
	st->st_size = a->size;
	st->st_blksize = a->blksize;
	st->st_blocks = a->blocks;
	st->st_mtim = (struct timespec){ a->mtime_sec, a->mtime_nsec };
	st->st_ctim = (struct timespec){ a->ctime_sec, a->ctime_nsec };
	st->st_atim = st->st_mtim;
	*timeout = n->attr_known ? LONG_S : 0;
	n->told = n->told || n->attr_known;
}

void remote_entry(const struct rnode *n, struct fuse_entry_param *e)
{
	memset(e, 0, sizeof(*e));
	stat_of((struct rnode *)n, &e->attr, &e->attr_timeout);
	e->ino = ino_of(n);
	/* what is written is looked up each time: it may have another inode then */
	e->entry_timeout = n->attr_known && !(n->kind == P9_VALUE && (n->attr.mode & 0222)) ? LONG_S : 0;
}

static int run_lookup(struct call *c, struct error *err)
{
	struct rnode *n;
	int r = rnode_lookup(c->remote, c->name, &n, err);

	if (r < 0)
		return r;
	rnode_ref(n);
	rnode_unref(c->remote);
	c->remote = n;
	return 0;
}

static void reply_entry(struct call *c)
{
	struct fuse_entry_param e;

	remote_entry(c->remote, &e);
	fuse_reply_entry(c->req, &e);
}

void remote_lookup(fuse_req_t req, struct rnode *dir, const char *name)
{
	struct rnode *n;
	struct fuse_entry_param e;
	int found = rnode_find(dir, name, &n);
	struct call *c;

	if (found == 0) {
		remote_entry(n, &e);
		fuse_reply_entry(req, &e);
		return;
	}
	if (found == -ENOENT) {
		fuse_reply_err(req, ENOENT);
		return;
	}
	if (strlen(name) > NAME_MAX) { /* FUSE's own limit is higher */
		fuse_reply_err(req, ENAMETOOLONG);
		return;
	}
	c = front_call(req, dir, run_lookup, reply_entry);
	c->name = xstrdup(name);
	call_start(c);
}

static int run_attr(struct call *c, struct error *err)
{
	int r = rnode_written(c->remote); /* how long it is */

	return r == 0 ? rnode_attr(c->remote, err) : r;
}

static void reply_attr(struct call *c)
{
	struct stat st;
	double timeout;

	stat_of(c->remote, &st, &timeout);
	fuse_reply_attr(c->req, &st, timeout);
}

void remote_getattr(fuse_req_t req, fuse_ino_t ino)
{
	struct rnode *n = front_node(ino);
	struct stat st;
	double timeout;

	if (n && (rnode_fresh(n) || !n->parent)) {
		stat_of(n, &st, &timeout);
		fuse_reply_attr(req, &st, timeout);
		return;
	}
	run_on(req, ino, run_attr, reply_attr);
}

/* FID is to stand for N, and M, which is about it, goes with the walk in one round trip. */
int front_on_fid(struct rnode *n, uint32_t fid, struct p9_msg *m, struct rcall **out, struct error *err)
{
	struct p9_msg walk = { .type = P9_TWALK, .fid = 0, .newfid = fid };
	autorcall struct rcall *w = NULL;
	int r = remote_ready(n->r, 5000, err);

	if (r == 0)
		r = rnode_path(n, &walk);
	if (r < 0)
		return r;
	w = remote_send(n->r, &walk);
	*out = remote_send(n->r, m);
	remote_clunk(n->r, walk.newfid);
	r = remote_await(n->r, w, err);
	if (r == -ENOENT || (r == 0 && w->reply.nqids != walk.nnames)) {
		rnode_is_gone(n);
		r = error_set(err, ENOENT, "it is not there any more");
	}
	if (r < 0)
		return r;
	return remote_await(n->r, *out, err);
}

static int run_setattr(struct call *c, struct error *err)
{
	struct rnode *n = c->remote;
	struct p9_msg m = { .type = P9_TSETATTR, .fid = c->fid ? 0 : remote_fid(n->r) };
	const struct stat *st = &c->st;
	autorcall struct rcall *reply = NULL;
	int r;

	m.flags = (c->mask & FUSE_SET_ATTR_MODE ? P9_SET_MODE : 0) | (c->mask & FUSE_SET_ATTR_UID ? P9_SET_UID : 0) |
		  (c->mask & FUSE_SET_ATTR_GID ? P9_SET_GID : 0) | (c->mask & FUSE_SET_ATTR_SIZE ? P9_SET_SIZE : 0);
	m.mode = st->st_mode & 07777;
	m.uid = st->st_uid;
	m.gid = st->st_gid;
	m.size = st->st_size;
	if (c->fid) { /* it stays until the file is closed */
		m.fid = c->fid;
		r = remote_call(n->r, &m, &reply, err);
	} else {
		r = m.flags ? front_on_fid(n, m.fid, &m, &reply, err) : 0;
	}
	rnode_stale(n);
	return r == 0 ? rnode_attr(n, err) : r;
}

void remote_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int set, struct fuse_file_info *fi)
{
	struct rnode *n = front_node(ino);
	struct call *c;

	if (!n) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	if ((set & FUSE_SET_ATTR_SIZE) && n->kind != P9_BYTES && !front_open_fid(fi))
		set &= ~FUSE_SET_ATTR_SIZE; /* what is written next says what it is */
	c = front_call(req, n, run_setattr, reply_attr);
	c->fid = set & FUSE_SET_ATTR_SIZE ? front_open_fid(fi) : 0;
	if (c->fid && front_handle(fi)->bytes)
		rbytes_will_change(front_handle(fi)->bytes, c->who.pid);
	c->st = *st;
	c->mask = set;
	call_start(c);
}

static int run_statfs(struct call *c, struct error *err)
{
	struct p9_msg m = { .type = P9_TSTATFS, .fid = remote_fid(c->remote->r) };
	autorcall struct rcall *reply = NULL;
	int r = front_on_fid(c->remote, m.fid, &m, &reply, err);

	if (r < 0)
		return r;
	c->statfs = (struct statvfs){ .f_bsize = reply->reply.bsize,
				      .f_frsize = reply->reply.bsize,
				      .f_blocks = reply->reply.blocks,
				      .f_bfree = reply->reply.bfree,
				      .f_bavail = reply->reply.bavail,
				      .f_files = reply->reply.files,
				      .f_ffree = reply->reply.ffree,
				      .f_namemax = reply->reply.namelen };
	return 0;
}

static void reply_statfs(struct call *c)
{
	fuse_reply_statfs(c->req, &c->statfs);
}

void remote_statfs(fuse_req_t req, fuse_ino_t ino)
{
	run_on(req, ino, run_statfs, reply_statfs);
}

static int run_readlink(struct call *c, struct error *err)
{
	return rnode_text(c->remote, &c->data, err);
}

static void reply_readlink(struct call *c)
{
	fuse_reply_readlink(c->req, buf_text(&c->data));
}

void remote_readlink(fuse_req_t req, fuse_ino_t ino)
{
	run_on(req, ino, run_readlink, reply_readlink);
}

/* ---- listings ---- */

static int run_list(struct call *c, struct error *err)
{
	return rnode_list(c->remote, err);
}

static void reply_opendir(struct call *c)
{
	struct rnode *n = c->remote;

	c->fi.cache_readdir = c->fi.keep_cache = n->attr_known;
	fuse_reply_open(c->req, &c->fi);
}

void remote_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct rnode *n = front_node(ino);
	struct call *c;

	if (!n) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	c = front_call(req, n, run_list, reply_opendir);
	c->fi = *fi;
	call_start(c);
}

static size_t add(fuse_req_t req, char *p, size_t room, const struct rnode *n, off_t next, bool plus)
{
	struct fuse_entry_param e;

	remote_entry(n, &e);
	if (plus && n->attr_known)
		return fuse_add_direntry_plus(req, p, room, n->name, &e, next);
	if (!plus)
		return fuse_add_direntry(req, p, room, n->name, &e.attr, next);
	memset(&e, 0, sizeof(e)); /* the name only */
	e.attr.st_ino = ino_of(n);
	e.attr.st_mode = n->attr.mode & S_IFMT;
	return fuse_add_direntry_plus(req, p, room, n->name, &e, next);
}

size_t remote_list_into(fuse_req_t req, struct rnode *dir, char *p, size_t size, uint64_t after, off_t base, bool plus,
			bool (*skip)(void *arg, const char *name), void *arg)
{
	size_t used = 0, k;

	for (struct rnode *n = rnode_after(dir, after); n; n = rnode_after(dir, n->number)) {
		if (n->hidden || (skip && skip(arg, n->name)))
			continue;
		k = add(req, p + used, size - used, n, base + n->number, plus);
		if (k > size - used)
			break;
		used += k;
	}
	return used;
}

void remote_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, bool plus)
{
	static char room[128 << 10];
	struct rnode *dir = front_node(ino);

	if (!dir) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	if (size > sizeof(room))
		size = sizeof(room);
	fuse_reply_buf(req, room, remote_list_into(req, dir, room, size, off, 0, plus, NULL, NULL));
}

/* ---- names ---- */

static int names_call(struct call *c, uint32_t fid, struct p9_msg *m, struct error *err)
{
	autorcall struct rcall *reply = NULL;
	struct rnode *dir = c->remote;
	int r = front_on_fid(dir, fid, m, &reply, err);

	rnode_take_back(dir);
	return r;
}

static int run_mkdir(struct call *c, struct error *err)
{
	struct p9_msg m = {
		.type = P9_TMKDIR, .dfid = remote_fid(c->remote->r), .name = str_of(c->name), .mode = c->mode
	};
	int r = names_call(c, m.dfid, &m, err);

	return r == 0 ? run_lookup(c, err) : r;
}

static void start_named(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
			int (*run)(struct call *, struct error *), void (*reply)(struct call *))
{
	struct rnode *dir = front_node(parent);
	struct call *c;

	if (!dir) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	c = front_call(req, dir, run, reply);
	c->name = xstrdup(name);
	c->mode = mode;
	call_start(c);
}

void remote_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	start_named(req, parent, name, mode, run_mkdir, reply_entry);
}

/* Which process it is is told, too: who was refused a file may not remove the directory (fs/guard.h). */
static int run_unlink(struct call *c, struct error *err)
{
	struct p9_msg m = { .type = P9_TUNLINKAT,
			    .dfid = remote_fid(c->remote->r),
			    .name = str_of(c->name),
			    .flags = c->mode | (uint32_t)guard_process(c->who.pid) << P9_PROCESS_SHIFT };

	return names_call(c, m.dfid, &m, err);
}

void remote_unlink(fuse_req_t req, fuse_ino_t parent, const char *name, bool dir)
{
	start_named(req, parent, name, dir ? P9_REMOVEDIR : 0, run_unlink, NULL);
}

static int run_symlink(struct call *c, struct error *err)
{
	struct p9_msg m = { .type = P9_TSYMLINK,
			    .fid = remote_fid(c->remote->r),
			    .name = str_of(c->name),
			    .target = { c->data.p, c->data.n } };
	int r = names_call(c, m.fid, &m, err);

	return r == 0 ? run_lookup(c, err) : r;
}

void remote_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct rnode *dir = front_node(parent);
	struct call *c;

	if (!dir) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	c = front_call(req, dir, run_symlink, reply_entry);
	c->name = xstrdup(name);
	buf_puts(&c->data, target);
	call_start(c);
}

static int run_rename(struct call *c, struct error *err)
{
	struct rnode *dir = c->remote, *to = c->remote_to;
	struct p9_msg from_walk = { .type = P9_TWALK, .fid = 0, .newfid = remote_fid(dir->r) };
	struct p9_msg to_walk = { .type = P9_TWALK, .fid = 0, .newfid = remote_fid(dir->r) };
	struct p9_msg m = { .type = P9_TRENAMEAT,
			    .fid = from_walk.newfid,
			    .name = str_of(c->name),
			    .newfid = to_walk.newfid,
			    .newname = { c->data.p, c->data.n } };
	autorcall struct rcall *a = NULL, *b = NULL, *reply = NULL;
	int r = remote_ready(dir->r, 5000, err);

	if (r == 0)
		r = rnode_path(dir, &from_walk);
	if (r == 0)
		r = rnode_path(to, &to_walk);
	if (r < 0)
		return r;
	a = remote_send(dir->r, &from_walk);
	b = remote_send(dir->r, &to_walk);
	r = remote_call(dir->r, &m, &reply, err);
	remote_clunk(dir->r, from_walk.newfid);
	remote_clunk(dir->r, to_walk.newfid);
	if (r == 0)
		rnode_renamed(dir, c->name, to, buf_text(&c->data));
	rnode_take_back(dir);
	rnode_take_back(to);
	return r;
}

/* RENAME_NOREPLACE: the message has no flags. */
static int run_rename_new(struct call *c, struct error *err)
{
	struct rnode *there;
	int r = rnode_lookup(c->remote_to, buf_text(&c->data), &there, NULL);

	return r == 0 ? -EEXIST : r == -ENOENT ? run_rename(c, err) : r;
}

void remote_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent, const char *newname,
		   unsigned flags)
{
	struct rnode *dir = remote_is(parent) ? front_node(parent) : NULL;
	struct rnode *to = remote_is(newparent) ? front_node(newparent) : NULL;
	struct call *c;

	if (!dir || !to || dir->r != to->r || (flags & ~RENAME_NOREPLACE)) { /* between hosts: that is migration */
		fuse_reply_err(req, dir && to ? EPERM : ESTALE);
		return;
	}
	c = front_call(req, dir, flags ? run_rename_new : run_rename, NULL);
	c->name = xstrdup(name);
	buf_puts(&c->data, newname);
	c->remote_to = to;
	rnode_ref(to);
	call_start(c);
}

/* ---- the ACL ---- */

static int run_getxattr(struct call *c, struct error *err)
{
	struct rnode *n = c->remote;
	uint32_t fid = remote_fid(n->r), text = remote_fid(n->r);
	struct p9_msg walk = { .type = P9_TXATTRWALK, .fid = fid, .newfid = text, .name = str_of(c->name) };
	struct p9_msg read = { .type = P9_TREAD, .fid = text, .count = 65536 };
	autorcall struct rcall *w = NULL, *got = NULL;
	int r = front_on_fid(n, fid, &walk, &w, err);

	if (r < 0)
		return r;
	r = remote_call(n->r, &read, &got, err);
	remote_clunk(n->r, text);
	if (r == 0)
		buf_add(&c->data, got->reply.data.p, got->reply.data.n);
	return r;
}

static void reply_getxattr(struct call *c)
{
	if (!c->size)
		fuse_reply_xattr(c->req, c->data.n);
	else if (c->size < c->data.n)
		fuse_reply_err(c->req, ERANGE);
	else
		fuse_reply_buf(c->req, c->data.p, c->data.n);
}

void remote_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct rnode *n = front_node(ino);
	struct call *c;

	if (!n || strcmp(name, "system.posix_acl_access") || (rnode_fresh(n) && (n->attr.gen & P9_ATTR_NO_ACL))) {
		fuse_reply_err(req, n ? ENODATA : ESTALE);
		return;
	}
	c = front_call(req, n, run_getxattr, reply_getxattr);
	c->name = xstrdup(name);
	c->size = size;
	call_start(c);
}

static int run_setxattr(struct call *c, struct error *err)
{
	struct rnode *n = c->remote;
	uint32_t fid = remote_fid(n->r);
	struct p9_msg walk = { .type = P9_TWALK, .fid = 0, .newfid = fid };
	struct p9_msg create = { .type = P9_TXATTRCREATE, .fid = fid, .name = str_of(c->name), .size = c->data.n };
	struct p9_msg write = { .type = P9_TWRITE, .fid = fid, .data = { c->data.p, c->data.n } };
	struct p9_msg clunk = { .type = P9_TCLUNK, .fid = fid };
	autorcall struct rcall *a = NULL, *b = NULL, *d = NULL, *e = NULL;
	int r = remote_ready(n->r, 5000, err);

	if (r == 0)
		r = rnode_path(n, &walk);
	if (r < 0)
		return r;
	a = remote_send(n->r, &walk);
	b = remote_send(n->r, &create);
	d = c->data.n ? remote_send(n->r, &write) : NULL;
	e = remote_send(n->r, &clunk);
	r = remote_await(n->r, b, err);
	if (r == 0)
		r = remote_await(n->r, e, err);
	rnode_stale(n);
	return r;
}

void remote_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size)
{
	struct rnode *n = front_node(ino);
	struct call *c;

	if (!n || strcmp(name, "system.posix_acl_access")) {
		fuse_reply_err(req, n ? EOPNOTSUPP : ESTALE);
		return;
	}
	c = front_call(req, n, run_setxattr, NULL);
	c->name = xstrdup(name);
	buf_add(&c->data, value, size);
	call_start(c);
}
