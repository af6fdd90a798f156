/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names, attributes and listings: everything here is answered at once. */
#include "fuse.h"

#include "bytes.h"

#include "hosts.h"
#include "remote/front_private.h"

#define LONG_S 86400.0 /* the kernel keeps it until it is told otherwise, or finds out by ESTALE */
/* A cached text's name leads to another inode after a change.  Until it is looked up again it is read uncached. */
#define CACHED_S 1.0

static bool keeps(const struct slot *s)
{
	return s->entry->fresh == KEEP && s->entry->kind != ENTRY_STREAM && s->entry->kind != ENTRY_BYTES;
}

void attr_of(const struct place *at, struct stat *st, double *timeout)
{
	place_stat(at, st);
	if (at->slot->entry->kind == ENTRY_BYTES) {
		bytes_stat(at, st);
	} else {
		st->st_size = place_size(at);
		st->st_blocks = (st->st_size + 511) / 512;
	}
	*timeout = keeps(at->slot) ? LONG_S : 0;
	if (*timeout)
		notify_told(at);
}

void entry_of(const struct place *at, struct fuse_entry_param *e)
{
	memset(e, 0, sizeof(*e));
	attr_of(at, &e->attr, &e->attr_timeout);
	e->ino = notify_ino(at);
	e->entry_timeout = at->slot->entry->fleeting ? 0 : at->slot->entry->cached ? CACHED_S : LONG_S;
}

void scratch_entry(const struct scratch *s, struct fuse_entry_param *e)
{
	memset(e, 0, sizeof(*e));
	scratch_stat(s, &e->attr);
	e->ino = e->attr.st_ino;
}

/* ---- what may have changed by other hands is looked at first ---- */

#define SETTLE_MS 200 /* the kernel holds the directory's lock meanwhile */

/* The directory type of DIR if it must be asked before it is answered for. */
static const struct dir_type *unsettled(const struct place *dir)
{
	const struct dir_type *type = slot_is_dir(dir->slot) ? dir->slot->entry->dir : NULL;

	return type && type->settle && !type->settled(dir) ? type : NULL;
}

/* One that does not answer is shown as it was last known: that is no failure of who looks. */
static int run_settle(struct call *c, struct error *err unused)
{
	autoerror struct error why = { 0 };
	int r = c->at.slot->entry->dir->settle(&c->at, SETTLE_MS, &why);

	return r == -ECANCELED ? r : 0;
}

static struct call *settle_call(fuse_req_t req, const struct place *dir, const char *name,
				void (*reply)(struct call *c))
{
	struct call *c = call_new(req, dir, run_settle, reply);

	c->name = xstrdup(name);
	return c;
}

static void reply_lookup(fuse_req_t req, const struct place *dir, const char *name)
{
	struct fuse_entry_param e;
	struct scratch *s;
	struct place at;
	int r = place_lookup(dir, name, &at);

	if (r == 0)
		entry_of(&at, &e);
	if (r == -ENOENT && slot_is_object(dir->slot) && host_remote(dir->obj)) {
		remote_lookup(req, host_remote(dir->obj)->root, name);
		return;
	}
	s = r == -ENOENT && !(dir->obj->gone) ? scratch_find(place_ino(dir), name) : NULL;
	if (s)
		scratch_entry(s, &e);
	if (r == 0 || s)
		fuse_reply_entry(req, &e);
	else
		fuse_reply_err(req, -r);
}

static void reply_settled_lookup(struct call *c)
{
	reply_lookup(c->req, &c->at, c->name);
}

void ll_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	if (remote_is(parent)) {
		struct rnode *n = front_node(parent);

		if (n)
			remote_lookup(req, n, name);
		else
			fuse_reply_err(req, ESTALE);
		return;
	}
	struct who who = who_of(req);
	struct place dir, at;
	int r = place_of(parent, &dir);

	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	dir.who = &who;
	r = place_lookup(&dir, name, &at);
	if ((r == -ENOENT || (r == 0 && at.obj == dir.obj && slot_settles(at.slot))) && unsettled(&dir))
		call_start(settle_call(req, &dir, name, reply_settled_lookup));
	else
		reply_lookup(req, &dir, name);
}

/* An old version of a cached text: who has it open still sees it. */
static void outdated_attr(const struct place *at, uint64_t ino, struct stat *st)
{
	const struct handle *h = handle_of_ino(ino);
	double timeout;

	attr_of(at, st, &timeout);
	if (h)
		st->st_size = h->text.n;
}

static int attr_of_ino(uint64_t ino, const struct who *who, struct stat *st, double *timeout)
{
	struct scratch *s;
	struct place at;

	*timeout = 0;
	if (ino & SCRATCH_INO) {
		s = scratch_of(ino);
		if (s)
			scratch_stat(s, st);
		return s ? 0 : -ESTALE;
	}
	if (place_of(ino, &at) < 0)
		return -ESTALE;
	at.who = who;
	if (notify_outdated(&at, ino))
		outdated_attr(&at, ino, st);
	else
		attr_of(&at, st, timeout);
	return 0;
}

static void reply_attr(fuse_req_t req, fuse_ino_t ino, const struct who *who)
{
	struct stat st;
	double timeout;
	int r = attr_of_ino(ino, who, &st, &timeout);

	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_attr(req, &st, timeout);
}

static void reply_settled_attr(struct call *c)
{
	reply_attr(c->req, c->scratch, &c->who);
}

void ll_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi unused)
{
	if (remote_is(ino)) {
		remote_getattr(req, ino);
		return;
	}
	struct who who = who_of(req);
	struct place at;
	struct call *c;

	if (!(ino & SCRATCH_INO) && place_of(ino, &at) == 0 && slot_settles(at.slot)) {
		struct place dir = place_parent(&at);

		if (unsettled(&dir)) {
			c = settle_call(req, &dir, "", reply_settled_attr);
			c->scratch = ino;
			call_start(c);
			return;
		}
	}
	reply_attr(req, ino, &who);
}

void ll_readlink(fuse_req_t req, fuse_ino_t ino)
{
	if (remote_is(ino)) {
		remote_readlink(req, ino);
		return;
	}
	autobuf struct buf target = { 0 };
	const struct scratch *s = ino & SCRATCH_INO ? scratch_of(ino) : NULL;
	struct place at;
	int r;

	if (s) {
		fuse_reply_readlink(req, buf_text(scratch_text(s)));
		return;
	}
	r = place_of(ino, &at);
	if (r == 0 && at.slot->entry->kind != ENTRY_LINK)
		r = -EINVAL;
	if (r == 0)
		r = place_show(&at, &target, NULL);
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_readlink(req, buf_text(&target));
}

/* May the kernel keep the listing?  Names that come and go without an event of their directory's object are asked for each time. */
static bool listing_kept(const struct slot *s)
{
	if (s->entry->dir &&
	    s->entry->dir->settle) /* it is asked for anyway, and asked for with attributes it is much cheaper */
		return false;
	if (s->kind == OBJ_HOST || s->entry->personal)
		return false;
	for (unsigned i = s->first; i < (unsigned)s->first + s->count; i++)
		if (tree_slot(i)->entry->fleeting)
			return false;
	return !s->child || !tree_slot(s->child)->entry->fleeting;
}

static void reply_opendir(fuse_req_t req, const struct place *at, struct fuse_file_info *fi)
{
	if (listing_kept(at->slot)) {
		notify_told(at);
		fi->cache_readdir = fi->keep_cache = 1;
	}
	fuse_reply_open(req, fi);
}

static void reply_settled_opendir(struct call *c)
{
	reply_opendir(c->req, &c->at, &c->fi);
}

void ll_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (remote_is(ino)) {
		remote_opendir(req, ino, fi);
		return;
	}
	struct place at;
	struct call *c;
	int r = place_of(ino, &at);

	if (r == 0 && !slot_is_dir(at.slot))
		r = -ENOTDIR;
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	if (!unsettled(&at)) {
		reply_opendir(req, &at, fi);
		return;
	}
	c = settle_call(req, &at, "", reply_settled_opendir);
	c->fi = *fi;
	call_start(c);
}

struct listing {
	fuse_req_t req;
	char *p;
	size_t n, size;
	bool plus;
};

/* One more name; false when it does not fit.  AT is NULL for "." and "..". */
static bool list_add(struct listing *l, const struct place *at, const char *name, uint64_t ino, off_t next)
{
	struct fuse_entry_param e;
	size_t n;

	/* What the kernel knows is not told again (inode 0): it would drop the ACLs that it has read, and `ls -l` asks for each. */
	if (l->plus && at && !notify_knows(at)) {
		size_t need = fuse_add_direntry_plus(l->req, NULL, 0, name, NULL, 0);

		if (need > l->size - l->n)
			return false;
		entry_of(at, &e);
	} else {
		memset(&e, 0, sizeof(e));
		e.attr.st_ino = ino;
		e.attr.st_mode = !at || slot_is_dir(at->slot)	       ? S_IFDIR
				 : at->slot->entry->kind == ENTRY_LINK ? S_IFLNK
								       : S_IFREG;
	}
	n = l->plus ? fuse_add_direntry_plus(l->req, l->p + l->n, l->size - l->n, name, &e, next)
		    : fuse_add_direntry(l->req, l->p + l->n, l->size - l->n, name, &e.attr, next);
	if (n > l->size - l->n)
		return false;
	l->n += n;
	return true;
}

#define OTHER_TREE (1ll << 60) /* cursors of a host's own tree, behind those of its directory here */

/* Names of this end's own hide the other end's. */
static bool in_table(void *arg, const char *name)
{
	struct place at;

	return place_lookup(arg, name, &at) == 0;
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, bool plus)
{
	static char room[128 << 10];
	struct who who = who_of(req);
	struct listing l = { .req = req, .p = room, .size = size < sizeof(room) ? size : sizeof(room), .plus = plus };
	struct place dir, at;
	char name[256];
	uint64_t cursor;

	if (place_of(ino, &dir) < 0) {
		fuse_reply_err(req, ESTALE);
		return;
	}
	dir.who = &who;
	if (off == 0 && list_add(&l, NULL, ".", ino, 1))
		off = 1;
	if (off == 1 && list_add(&l, NULL, "..", 1, 2))
		off = 2;
	cursor = off >= 2 ? off - 2 : 0;
	while (off >= 2 && off < OTHER_TREE && place_next(&dir, &cursor, &at, name))
		if (!list_add(&l, &at, name, place_ino(&at), cursor + 2))
			goto full;
	if (off >= 2 && slot_is_object(dir.slot) && host_remote(dir.obj))
		l.n += remote_list_into(req, host_remote(dir.obj)->root, l.p + l.n, l.size - l.n,
					off >= OTHER_TREE ? off - OTHER_TREE : 0, OTHER_TREE, plus, in_table, &dir);
full:
	fuse_reply_buf(req, l.p, l.n);
}

void ll_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi unused)
{
	if (remote_is(ino)) {
		remote_readdir(req, ino, size, off, false);
		return;
	}
	list(req, ino, size, off, false);
}

void ll_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi unused)
{
	if (remote_is(ino)) {
		remote_readdir(req, ino, size, off, true);
		return;
	}
	list(req, ino, size, off, true);
}

static int run_statfs(struct call *c, struct error *err unused)
{
	place_counted(&c->at)->statfs(&c->at, SETTLE_MS, &c->statfs);
	return 0;
}

static void reply_statfs(struct call *c)
{
	fuse_reply_statfs(c->req, &c->statfs);
}

void ll_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st = { .f_bsize = 4096, .f_frsize = 4096, .f_namemax = 255 };
	struct place at;
	struct call *c;

	if (remote_is(ino) && ino != FUSE_ROOT_ID) { /* of the root nobody needs to be asked */
		remote_statfs(req, ino);
		return;
	}
	if (remote_is(ino) || (ino & SCRATCH_INO) || place_of(ino, &at) < 0 || !place_counted(&at)) {
		fuse_reply_statfs(req, &st);
		return;
	}
	c = call_new(req, &at, run_statfs, reply_statfs);
	c->statfs = st;
	call_start(c);
}
