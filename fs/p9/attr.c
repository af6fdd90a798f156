/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Attributes, listings, links, and the rights that stand behind all of them. */
#include "p9.h"

#include <dirent.h>
#include <sys/statfs.h>

#include "fs/act.h"
#include "fs/bytes.h"
#include "fs/scratch.h"

#define SETTLE_MS  200
#define FUSE_MAGIC 0x65735546 /* GNU tail -f believes that inotify tells of all that changes in v9fs; this it polls */

int p9_may(const struct place *at, const struct who *who, int bits, struct error *err)
{
	char key[PATH_KEY_MAX];
	struct object *top = place_key(at, key);
	autobuf struct buf path = { 0 };

	if (access_may(top, key, slot_mode(at->slot), who, bits))
		return 0;
	place_path(at, &path);
	return error_set(err, EACCES, "'%s': uid %u may not %s it", path.n ? buf_text(&path) : "/", who->uid,
			 bits & 02   ? "write"
			 : bits & 04 ? "read"
				     : "search");
}

/* As the kernel's may_delete: of a directory with the sticky bit only the owners of it and of what is in it take something away. */
int p9_may_change_names(const struct place *dir, const struct stat *victim, const struct who *who, struct error *err)
{
	struct stat st;
	int r = p9_may(dir, who, 03, err);

	if (r < 0 || !victim || who->uid == 0)
		return r;
	place_stat(dir, &st);
	if ((st.st_mode & S_ISVTX) && st.st_uid != who->uid && victim->st_uid != who->uid)
		return error_set(err, EPERM, "the directory has the sticky bit, and this is another's");
	return 0;
}

int p9_may_change_place(const struct place *dir, const struct place *victim, const struct who *who, struct error *err)
{
	struct stat st;

	place_stat(victim, &st);
	return p9_may_change_names(dir, &st, who, err);
}

struct p9_qid p9_qid_of(const struct place *at, uint64_t scratch)
{
	struct p9_qid q = { .type = P9_QTFILE, .path = scratch ? scratch : place_ino(at) };
	struct stat st;

	if (scratch)
		return q;
	if (slot_is_dir(at->slot))
		q.type = P9_QTDIR;
	else if (at->slot->entry->kind == ENTRY_LINK)
		q.type = P9_QTSYMLINK;
	place_stat(at, &st);
	q.version = st.st_mtim.tv_sec ^ st.st_mtim.tv_nsec;
	return q;
}

static int stat_of(const struct place *at, uint64_t scratch, struct stat *st, struct error *err)
{
	struct scratch *s = scratch ? scratch_of(scratch) : NULL;

	if (scratch) {
		if (!s)
			return error_set(err, ESTALE, "the file is gone");
		scratch_stat(s, st);
		return 0;
	}
	if (slot_settles(at->slot)) {
		struct place dir = place_parent(at);
		autoerror struct error why = { 0 };
		const struct dir_type *type = dir.slot->entry->dir;
		if (!type->settled(&dir) && type->settle(&dir, SETTLE_MS, &why) == -ECANCELED)
			return -ECANCELED;
		if (at->obj->gone)
			return error_set(err, ESTALE, "it was removed");
	}
	place_stat(at, st);
	if (at->slot->entry->kind == ENTRY_BYTES) {
		bytes_stat(at, st);
		return 0;
	}
	st->st_size = place_size(at);
	st->st_blocks = (st->st_size + 511) / 512;
	return 0;
}

void p9_attr_from(const struct stat *st, struct p9_attr *a)
{
	*a = (struct p9_attr){
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.nlink = st->st_nlink,
		.size = st->st_size,
		.blksize = st->st_blksize,
		.blocks = st->st_blocks,
		.atime_sec = st->st_atim.tv_sec,
		.atime_nsec = st->st_atim.tv_nsec,
		.mtime_sec = st->st_mtim.tv_sec,
		.mtime_nsec = st->st_mtim.tv_nsec,
		.ctime_sec = st->st_ctim.tv_sec,
		.ctime_nsec = st->st_ctim.tv_nsec,
	};
}

int p9_attr_of(const struct place *at, uint64_t scratch, struct p9_attr *a, struct error *err)
{
	struct stat st;
	int r = stat_of(at, scratch, &st, err);

	if (r == 0)
		p9_attr_from(&st, a);
	return r;
}

int p9_getattr(struct p9_req *q, struct p9_msg *out, struct error *err)
{
	autofid struct p9_fid *f = NULL;
	struct place at;
	int r = p9_fid(q, q->msg.fid, &f, err);

	if (r < 0)
		return r;
	at = p9_place(f);
	out->valid = P9_GETATTR_BASIC;
	out->qid = p9_qid_of(&at, f->scratch);
	return p9_attr_of(&at, f->scratch, &out->attr, err);
}

/* Its owner changes its mode; root its owner; the owner its group to one of his own. */
static int may_set(const struct stat *st, const struct who *who, const struct p9_msg *m, struct error *err)
{
	if (who->uid == 0 || !(m->flags & (P9_SET_MODE | P9_SET_UID | P9_SET_GID)))
		return 0;
	if (st->st_uid != who->uid)
		return error_set(err, EPERM, "only its owner, uid %u, and root may change who may do what", st->st_uid);
	if ((m->flags & P9_SET_UID) && m->uid != st->st_uid)
		return error_set(err, EPERM, "only root gives things away");
	if ((m->flags & P9_SET_GID) && m->gid != st->st_gid && !access_in_group(who, m->gid))
		return error_set(err, EPERM, "you are not in group %u", m->gid);
	return 0;
}

static int set_size(struct p9_fid *f, const struct place *at, uint64_t size, struct error *err)
{
	int r = p9_may(at, &f->who, 02, err);

	if (r < 0)
		return r;
	if (slot_is_dir(at->slot))
		return -EISDIR;
	if (at->slot->entry->kind == ENTRY_BYTES)
		return p9_bytes_cut(at, f->h && f->writes ? f->h->bytes : NULL, size, err);
	if (f->h)
		return handle_truncate(f->h, size, err);
	return at->slot->entry->kind == ENTRY_DOC && size ? -EPERM : 0;
}

static int set_scratch(struct p9_fid *f, const struct p9_msg *m, unsigned mask, const struct rights *rights,
		       struct error *err)
{
	struct scratch *s = scratch_of(f->scratch);
	struct stat st;
	int r;

	if (!s)
		return -ESTALE;
	scratch_stat(s, &st);
	r = may_set(&st, &f->who, m, err);
	if (r == 0 && (m->flags & P9_SET_SIZE)) {
		if (!S_ISREG(st.st_mode))
			return -EINVAL;
		r = f->writes ? 0 : p9_scratch_may(s, &f->who, 02, err);
		if (r == 0)
			r = scratch_truncate(s, m->size, err);
	}
	if (r == 0)
		scratch_set(s, mask, rights);
	return r;
}

int p9_setattr(struct p9_req *q, struct p9_msg *out unused, struct error *err)
{
	const struct p9_msg *m = &q->msg;
	struct rights rights = { m->uid, m->gid, m->mode & 07777 };
	unsigned mask = (m->flags & P9_SET_UID ? ACCESS_UID : 0) | (m->flags & P9_SET_GID ? ACCESS_GID : 0) |
			(m->flags & P9_SET_MODE ? ACCESS_MODE : 0);
	autofid struct p9_fid *f = NULL;
	struct place at;
	struct stat st;
	int r = p9_fid(q, m->fid, &f, err);

	if (r < 0)
		return r;
	if (f->scratch)
		return set_scratch(f, m, mask, &rights, err);
	at = p9_place(f);
	place_stat(&at, &st);
	r = may_set(&st, &f->who, m, err);
	if (r == 0 && (m->flags & P9_SET_SIZE))
		r = set_size(f, &at, m->size, err);
	if (r == 0)
		act_rights(&at, mask, &rights);
	else if (mask)
		act_refused(&at, "rights", NULL, r);
	return r;
}

int p9_statfs(struct p9_req *q, struct p9_msg *out, struct error *err)
{
	struct statvfs st = { .f_bsize = 4096, .f_frsize = 4096, .f_namemax = 255 };
	autofid struct p9_fid *f = NULL;
	struct place at;
	int r = p9_fid(q, q->msg.fid, &f, err);

	if (r < 0)
		return r;
	at = p9_place(f);
	if (!f->scratch && place_counted(&at))
		place_counted(&at)->statfs(&at, SETTLE_MS, &st);
	out->fs_type = FUSE_MAGIC;
	out->bsize = st.f_frsize; /* Linux shows one size for both */
	out->blocks = st.f_blocks;
	out->bfree = st.f_bfree;
	out->bavail = st.f_bavail;
	out->files = st.f_files;
	out->ffree = st.f_ffree;
	out->namelen = st.f_namemax;
	return 0;
}

int p9_readlink(struct p9_req *q, struct p9_msg *out, struct error *err)
{
	autofid struct p9_fid *f = NULL;
	struct place at;
	int r = p9_fid(q, q->msg.fid, &f, err);

	if (r < 0)
		return r;
	at = p9_place(f);
	if (!f->scratch && at.slot->entry->kind != ENTRY_LINK)
		return error_set(err, EINVAL, "it is no symbolic link");
	if (f->scratch) {
		struct scratch *s = scratch_of(f->scratch);
		struct stat st;
		if (!s)
			return -ESTALE;
		scratch_stat(s, &st);
		if (!S_ISLNK(st.st_mode))
			return error_set(err, EINVAL, "it is no symbolic link");
		buf_puts(&q->text, buf_text(scratch_text(s)));
	} else {
		r = place_show(&at, &q->text, err);
	}
	out->target = (struct str){ buf_text(&q->text), q->text.n };
	return r;
}

static uint8_t dtype(const struct place *at)
{
	return slot_is_dir(at->slot) ? DT_DIR : at->slot->entry->kind == ENTRY_LINK ? DT_LNK : DT_REG;
}

/* The offsets of "." and ".." are 1 and 2, those of the others their cursor and 2. */
int p9_readdir(struct p9_req *q, struct p9_msg *out, struct error *err)
{
	uint32_t most = q->conn->msize - 64, max = q->msg.count < most ? q->msg.count : most;
	uint64_t off = q->msg.offset, cursor = off >= 2 ? off - 2 : 0;
	autofid struct p9_fid *f = NULL;
	struct place dir, at;
	struct p9_qid qid;
	char name[256];
	int r = p9_fid(q, q->msg.fid, &f, err);

	if (r < 0)
		return r;
	dir = p9_place(f);
	if (f->scratch || !slot_is_dir(dir.slot))
		return -ENOTDIR;
	r = p9_may(&dir, &f->who, 04, err);
	if (r < 0)
		return r;
	qid = p9_qid_of(&dir, 0);
	if (off == 0 && p9_dirent_add(&q->text, max, &qid, 1, DT_DIR, str_of(".")))
		off = 1;
	if (off == 1 && p9_dirent_add(&q->text, max, &qid, 2, DT_DIR, str_of("..")))
		off = 2;
	while (off >= 2 && place_next(&dir, &cursor, &at, name)) {
		qid = p9_qid_of(&at, 0);
		if (!p9_dirent_add(&q->text, max, &qid, cursor + 2, dtype(&at), str_of(name)))
			break;
	}
	out->data = (struct str){ buf_text(&q->text), q->text.n };
	return 0;
}
