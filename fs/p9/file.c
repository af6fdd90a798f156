/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Open files: open, read, write, fsync; reading what is not there yet. */
#include "p9.h"

#include <fcntl.h>

#include "fs/act.h"
#include "fs/names.h"
#include "fs/scratch.h"
#include "fs/stream.h"

#define STREAM_MAX (64u << 10) /* of a stream, in one read */

/* ---- waiting for an object to change ---- */

struct parked {
	struct object *obj;
	struct waitq q;
	TAILQ_ENTRY(parked) list;
};

static TAILQ_HEAD(, parked) parked = TAILQ_HEAD_INITIALIZER(parked);

static void wake(struct object *o)
{
	struct parked *p;

	TAILQ_FOREACH(p, &parked, list)
		if (p->obj == o)
			task_wake_all(&p->q);
}

static void changed(struct object *o, unsigned facets unused)
{
	wake(o);
}

static struct watcher watcher = { .changed = changed, .gone = wake };

int p9_wait_for(struct p9_req *q, struct object *o, struct error *err)
{
	static bool watching;
	struct parked p = { .obj = o };
	int r = p9_park(q, err);

	if (r < 0)
		return r;

	if (!watching) {
		watching = true;
		watcher_add(&watcher);
		stream_on_wake(wake);
	}
	TAILQ_INIT(&p.q);
	TAILQ_INSERT_TAIL(&parked, &p, list);
	r = task_wait(&p.q, NO_TIMEOUT);
	TAILQ_REMOVE(&parked, &p, list);
	p9_unpark(q);
	return r;
}

/* ---- open ---- */

static bool writes(uint32_t flags)
{
	return (flags & O_ACCMODE) != O_RDONLY;
}

static int open_allowed(const struct place *at, const struct who *who, uint32_t flags, struct error *err)
{
	int bits = writes(flags) ? ((flags & O_ACCMODE) == O_RDWR ? 06 : 02) : 04;

	if (at->slot->entry->kind == ENTRY_LINK)
		return -ELOOP;
	if (slot_is_dir(at->slot) && writes(flags))
		return -EISDIR;
	if (writes(flags) && !at->slot->entry->store && at->slot->entry->kind != ENTRY_STREAM &&
	    at->slot->entry->kind != ENTRY_BYTES)
		return error_set(err, EACCES, "this file is read only");
	return p9_may(at, who, bits, err);
}

/* A listing, or a value, of storage that may have changed by other hands. */
static int settle(const struct place *at, uint32_t flags, struct error *err)
{
	struct place dir = slot_is_dir(at->slot) ? *at : place_parent(at);
	const struct dir_type *type = dir.slot->entry->dir;
	int r;

	/* who only writes need not know what is there, and sets right what is wrong */
	if (!slot_is_dir(at->slot) && (at->slot->entry->kind == ENTRY_BYTES || (flags & O_ACCMODE) == O_WRONLY))
		return 0;
	if (!type || !type->settle || (!slot_is_dir(at->slot) && !slot_settles(at->slot)))
		return 0;
	if (slot_is_dir(at->slot) && type->settled(&dir))
		return 0;
	r = type->settle(&dir, slot_is_dir(at->slot) ? 200 : 8000, err);
	if (slot_is_dir(at->slot) && r != -ECANCELED) {
		error_clear(err);
		r = 0;
	}
	return r;
}

int p9_open(struct p9_fid *f, uint32_t flags, struct error *err)
{
	struct place at = p9_place(f);
	struct handle *h;
	int r = open_allowed(&at, &f->who, flags, err);

	if (r == -EACCES && writes(flags))
		act_refused(&at, "write", NULL, r);
	if (r == 0)
		r = settle(&at, flags, err);
	if (r < 0 || slot_is_dir(at.slot))
		return r;
	h = handle_new(&at, flags & (O_ACCMODE | O_TRUNC | O_APPEND | O_NONBLOCK));
	r = handle_open(h, err);
	if (r < 0) {
		handle_free(h);
		return r;
	}
	f->h = h;
	f->writes = writes(flags);
	return 0;
}

/* The owner's bits, his group's or the others': there are no ACLs on these. */
int p9_scratch_may(const struct scratch *s, const struct who *who, int bits, struct error *err)
{
	struct stat st;
	int have;

	scratch_stat(s, &st);
	have = who->uid == st.st_uid ? st.st_mode >> 6 : access_in_group(who, st.st_gid) ? st.st_mode >> 3 : st.st_mode;
	if (who->uid == 0 || (have & bits) == bits)
		return 0;
	return error_set(err, EACCES, "this file is uid %u's", st.st_uid);
}

static int open_scratch(struct p9_fid *f, uint32_t flags, struct error *err)
{
	struct scratch *s = scratch_of(f->scratch);
	int bits = (flags & O_ACCMODE) == O_RDWR ? 06 : writes(flags) ? 02 : 04, r;
	struct stat st;

	if (!s)
		return -ESTALE;
	scratch_stat(s, &st);
	if (S_ISLNK(st.st_mode))
		return -ELOOP;
	r = p9_scratch_may(s, &f->who, flags & O_TRUNC ? bits | 02 : bits, err);
	if (r == 0)
		f->h = scratch_open(s, flags, &f->who);
	return r;
}

int p9_lopen(struct p9_req *q, struct p9_msg *out, struct error *err)
{
	autofid struct p9_fid *f = NULL;
	struct place at;
	int r = p9_fid(q, q->msg.fid, &f, err);

	if (r < 0)
		return r;
	if (f->h || f->xattr || f->xattr_sets)
		return error_set(err, EBUSY, "fid %u is open already", f->id);
	at = p9_place(f);
	f->pending = true; /* what comes after it finds it open */
	r = f->scratch ? open_scratch(f, q->msg.flags, err) : p9_open(f, q->msg.flags, err);
	p9_fid_settle(f);
	/* what the kernel would have refused before asking is not told here either */
	if (r < 0 && err->code && !f->scratch && (r != -EACCES || open_allowed(&at, &f->who, q->msg.flags, NULL) == 0))
		(void)p9_failed(q, &at, &f->who, r, err);
	out->qid = p9_qid_of(&f->at, f->scratch);
	return r;
}

int p9_lcreate(struct p9_req *q, struct p9_msg *out, struct error *err)
{
	autofree char *name = xstrndup(q->msg.name.p, q->msg.name.n);
	autofid struct p9_fid *f = NULL;
	struct scratch *s;
	struct place dir;
	struct stat st;
	int r = p9_fid(q, q->msg.fid, &f, err);

	if (r < 0)
		return r;
	dir = p9_place(f);
	if (f->scratch || f->h || !slot_is_dir(dir.slot))
		return -ENOTDIR;
	r = p9_may_change_names(&dir, NULL, &f->who, err);
	if (r == 0)
		r = names_may_create(&dir, name, q->msg.flags);
	if (r == 0 && scratch_find(place_ino(&dir), name))
		r = -EEXIST; /* who wants that one walks to it */
	if (r == 0)
		r = scratch_make(place_ino(&dir), name, q->msg.mode, &f->who, &s, err);
	if (r < 0)
		return r;
	scratch_stat(s, &st);
	f->h = scratch_open(s, q->msg.flags, &f->who);
	p9_fid_move(f, &dir, st.st_ino);
	out->qid = p9_qid_of(&dir, st.st_ino);
	return 0;
}

/* ---- read and write ---- */

/* -EAGAIN: there is nothing yet.  What waits has no room of its own. */
static int read_now(struct p9_req *q, struct p9_fid *f, uint32_t n)
{
	autofree char *room = xmalloc(n ? n : 1);
	ssize_t got = f->h->slot->entry->stream->read(f->h, q->msg.offset, room, n);

	if (got > 0)
		buf_add(&q->text, room, got);
	return got < 0 ? got : 0;
}

/*
 * v9fs asks until it has all that a read(2) wanted, or is given nothing: who follows a stream there would see it when 128 KiB have come.
 * So, to one that is not ours, a read that gave less is followed by one that gives nothing, and only the next one waits.
 */
static int read_stream(struct p9_req *q, struct p9_fid *f, uint32_t n, struct error *err)
{
	bool partly = f->partly;
	int got, r;

	f->partly = false;
	while ((got = read_now(q, f, n < STREAM_MAX ? n : STREAM_MAX)) == -EAGAIN && !(f->h->flags & O_NONBLOCK)) {
		if (partly && !q->conn->own)
			return 0;
		r = p9_wait_for(q, f->h->obj, err);
		if (r < 0)
			return r;
		if (f->h->obj->gone)
			return error_set(err, ENODEV, "it was removed");
	}
	f->partly = q->text.n && q->text.n < n;
	return got;
}

int p9_read(struct p9_req *q, struct p9_msg *out, struct error *err)
{
	uint32_t most = q->conn->msize - 24, n = q->msg.count < most ? q->msg.count : most;
	autofid struct p9_fid *f = NULL;
	struct str got = { 0 };
	int r = p9_fid(q, q->msg.fid, &f, err);

	if (r < 0)
		return r;
	if (f->xattr) {
		uint64_t off = q->msg.offset < f->text.n ? q->msg.offset : f->text.n;
		got = (struct str){ buf_text(&f->text) + off, f->text.n - off < n ? f->text.n - off : n };
		buf_add(&q->text, got.p, got.n);
	} else if (!f->h || (f->h->flags & O_ACCMODE) == O_WRONLY) {
		return error_set(err, EBADF, "fid %u is not open for reading", f->id);
	} else if (f->h->slot && f->h->slot->entry->kind == ENTRY_STREAM) {
		r = read_stream(q, f, n, err);
	} else if (f->h->bytes) {
		r = p9_bytes_read(q, f->h->bytes, n, err);
	} else {
		r = handle_read(f->h, &f->who, q->msg.offset, n, &got, err);
		if (r == 0)
			buf_add(&q->text, got.p, got.n);
	}
	out->data = (struct str){ buf_text(&q->text), q->text.n };
	return r;
}

static int write_stream(struct p9_req *q, struct p9_fid *f, struct error *err)
{
	struct str data = q->msg.data;
	const struct stream_ops *ops = f->h->slot->entry->stream;
	ssize_t n;
	int r;

	if (!ops->write)
		return -EPERM;
	while ((n = ops->write(f->h, data.p, data.n, err)) == -EAGAIN) {
		if (f->h->flags & O_NONBLOCK)
			return -EAGAIN;
		r = p9_wait_for(q, f->h->obj, err);
		if (r < 0)
			return r;
		if (f->h->obj->gone)
			return error_set(err, ENODEV, "it was removed");
	}
	return n;
}

int p9_write(struct p9_req *q, struct p9_msg *out, struct error *err)
{
	autofid struct p9_fid *f = NULL;
	struct place at;
	int r = p9_fid(q, q->msg.fid, &f, err);

	if (r < 0)
		return r;
	if (f->xattr_sets) {
		if (f->text.n + q->msg.data.n > (64u << 10))
			return -E2BIG;
		buf_add(&f->text, q->msg.data.p, q->msg.data.n);
		out->count = q->msg.data.n;
		return 0;
	}
	if (!f->h || (f->h->flags & O_ACCMODE) == O_RDONLY)
		return error_set(err, EBADF, "fid %u is not open for writing", f->id);
	out->count = q->msg.data.n;
	if (f->h->slot && f->h->slot->entry->kind == ENTRY_STREAM) {
		r = write_stream(q, f, err);
		if (r >= 0)
			out->count = r;
	} else if (f->h->bytes) {
		return p9_bytes_write(q, f, err);
	} else {
		if ((f->h->flags & O_NONBLOCK) && f->h->slot && f->h->slot->entry->kind != ENTRY_DOC)
			p9_answer(q, out); /* accepted now, done later: what becomes of it, `error` says */
		r = handle_write(f->h, &f->who, q->msg.offset, q->msg.data, err);
	}
	if (r >= 0 || r == -EAGAIN)
		return r < 0 ? r : 0;
	at = p9_place(f);
	return p9_failed(q, &at, &f->who, r, err);
}

int p9_fsync(struct p9_req *q, struct p9_msg *out unused, struct error *err)
{
	autofid struct p9_fid *f = NULL;
	struct place at;
	int r = p9_fid(q, q->msg.fid, &f, err);

	if (r == 0 && f->h && f->h->bytes) {
		r = p9_bytes_sync(q, f, err);
	} else if (r == 0 && f->h && handle_dirty(f->h)) {
		at = p9_place(f);
		r = p9_failed(q, &at, &f->who, handle_flush(f->h, &f->who, true, err), err);
	}
	return r;
}

/* Locks are between the processes of one client, whose kernel keeps them; there is nothing here that another would be kept from. */
int p9_lock(struct p9_req *q, struct p9_msg *out, struct error *err)
{
	autofid struct p9_fid *f = NULL;

	out->status = 0; /* P9_LOCK_SUCCESS */
	return p9_fid(q, q->msg.fid, &f, err);
}

int p9_getlock(struct p9_req *q, struct p9_msg *out, struct error *err)
{
	autofid struct p9_fid *f = NULL;

	out->lock_type = 2; /* F_UNLCK: nobody has it */
	out->start = q->msg.start;
	out->length = q->msg.length;
	out->client_pid = q->msg.client_pid;
	out->client = q->msg.client;
	return p9_fid(q, q->msg.fid, &f, err);
}
