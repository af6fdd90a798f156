/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Open files: open, read, write, flush, release. */
#include "fuse.h"

#include "remote/front.h"

#include <fcntl.h>

#define SETTLE_OPEN_MS 8000 /* who reads waits for the storage; then it is told that it does not answer */
#define READERS_MS     50   /* a reader opens, reads and closes within this; one who keeps it open is not waited for */

static struct waitq readers_done = TAILQ_HEAD_INITIALIZER(readers_done);

static struct handle *handle_of(const struct fuse_file_info *fi)
{
	return (struct handle *)(uintptr_t)fi->fh;
}

static bool writes(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY;
}

static bool writable(const struct entry *e)
{
	return e->store || e->kind == ENTRY_STREAM || e->kind == ENTRY_BYTES;
}

void reply_open(fuse_req_t req, struct handle *h, struct fuse_file_info *fi)
{
	fi->fh = (uintptr_t)h;
	if (h->ino)
		fi->keep_cache = 1;
	else
		fi->direct_io = 1;
	fi->noflush = !writes(fi->flags);
	if (fuse_reply_open(req, fi) < 0) /* the opener is gone: there will be no release */
		handle_free(h);
}

/* Readers of a cached text read the kernel's pages of its inode, which a writer's O_TRUNC empties: from now on they get another inode
 * (bump) and those who are in between are let finish. */
static int settle_readers(struct call *c)
{
	int64_t until = now_monotonic_ms() + READERS_MS, left;
	int r = 0;

	while (handle_of_ino(c->scratch) && (left = until - now_monotonic_ms()) > 0 && r != -ECANCELED)
		r = task_wait(&readers_done, left);
	return r == -ECANCELED ? r : 0;
}

static int run_open(struct call *c, struct error *err)
{
	int r = c->h->slot->entry->cached && writes(c->fi.flags) ? settle_readers(c) : 0;

	if (r >= 0 && slot_settles(c->at.slot) && c->at.slot->entry->kind != ENTRY_BYTES) {
		struct place dir = place_parent(&c->at);

		r = dir.slot->entry->dir->settle(&dir, SETTLE_OPEN_MS, err);
	}
	if (r >= 0)
		r = handle_open(c->h, err);
	if (r < 0)
		handle_free(take(&c->h));
	return r;
}

static void reply_run_open(struct call *c)
{
	reply_open(c->req, c->h, &c->fi);
}

static void open_scratch(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct who who = who_of(req);
	struct scratch *s = scratch_of(ino);

	if (s)
		reply_open(req, scratch_open(s, fi->flags, &who), fi);
	else
		fuse_reply_err(req, ESTALE);
}

static int open_allowed(const struct place *at, int flags)
{
	if (slot_is_dir(at->slot))
		return -EISDIR;
	if (at->slot->entry->kind == ENTRY_LINK)
		return -ELOOP;
	return writes(flags) && !writable(at->slot->entry) ? -EACCES : 0;
}

/* Must the opening be a task? */
static bool open_waits(const struct place *at, uint64_t ino, int flags)
{
	if (at->slot->entry->kind == ENTRY_BYTES)
		return true;
	if (!writes(flags))
		return slot_waits(at->slot) || slot_settles(at->slot);
	if (!at->slot->entry->cached)
		return slot_waits(at->slot) && (flags & O_ACCMODE) != O_WRONLY;
	notify_bump(at);
	return handle_of_ino(ino);
}

/*
 * The kernel lets one write to an inode at a time, and who waits for that cannot be interrupted: a destroy would wait for the start that it is to
 * end.  Each opening for writing begins another inode (notify_bump), but a name leads to the old one until it is looked up again.  ESTALE has the
 * kernel do so at once; a second time it would be told to the opener.
 */
static bool look_up_again(const struct place *at, uint64_t ino, int flags)
{
	static pid_t sent[1024]; /* more than open at one instant */
	static unsigned next;

	if (!writes(flags) || !at->slot->entry->cached)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(sent); i++) {
		if (sent[i] != at->who->pid)
			continue;
		sent[i] = 0;
		return false;
	}
	if (!notify_outdated(at, ino) || !handle_writes(ino))
		return false;
	sent[next++ % ARRAY_SIZE(sent)] = at->who->pid;
	return true;
}

void ll_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (remote_is(ino)) {
		remote_open(req, ino, fi);
		return;
	}
	autoerror struct error err = { 0 };
	struct who who = who_of(req);
	struct handle *h;
	struct call *c;
	struct place at;
	int r;

	if (ino & SCRATCH_INO) {
		open_scratch(req, ino, fi);
		return;
	}
	r = place_of(ino, &at);
	at.who = &who;
	if (r == 0)
		r = open_allowed(&at, fi->flags);
	if (r == 0 && look_up_again(&at, ino, fi->flags))
		r = -ESTALE;
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	h = handle_new(&at, fi->flags);
	h->writes_ino = writes(fi->flags) && at.slot->entry->cached ? ino : 0;
	if (open_waits(&at, ino, fi->flags)) {
		c = call_new(req, &at, run_open, reply_run_open);
		c->h = h;
		c->fi = *fi;
		c->scratch = ino;
		c->grace_ms = at.slot->entry->kind == ENTRY_BYTES ? BYTES_GRACE_MS : 0;
		call_start(c);
		return;
	}
	h->ino = at.slot->entry->cached && !writes(fi->flags) && !notify_outdated(&at, ino) ? ino : 0;
	r = handle_open(h, &err);
	if (r == 0) {
		reply_open(req, h, fi);
		return;
	}
	handle_free(h);
	answer_failure(req, &at, &who, r, &err);
}

static void read_stream(fuse_req_t req, struct handle *h, size_t size, off_t off, int flags)
{
	static char *room;
	static size_t room_size;
	ssize_t n;

	if (room_size < size)
		room = xrealloc(room, room_size = size);
	n = h->slot->entry->stream->read(h, off, room, size);
	if (n >= 0)
		fuse_reply_buf(req, room, n);
	else if (n == -EAGAIN && !(flags & O_NONBLOCK))
		park_read(req, h, size, off);
	else
		fuse_reply_err(req, -n);
}

void ll_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	if (remote_is(ino)) {
		remote_read(req, size, off, fi);
		return;
	}
	autoerror struct error err = { 0 };
	struct handle *h = handle_of(fi);
	struct who who;
	struct str out;
	int r;

	if (h->bytes) {
		front_bytes_read(req, h->bytes, size, off);
		return;
	}
	if (h->slot && h->slot->entry->kind == ENTRY_STREAM) {
		read_stream(req, h, size, off, fi->flags);
		return;
	}
	who = who_of(req);
	r = handle_read(h, &who, off, size, &out, &err);
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_buf(req, out.p, out.n);
}

static void write_stream(fuse_req_t req, struct handle *h, const char *p, size_t size, int flags)
{
	autoerror struct error err = { 0 };
	const struct stream_ops *ops = h->slot->entry->stream;
	struct who who = who_of(req);
	struct place at = handle_place(h, &who);
	ssize_t n = ops->write ? ops->write(h, p, size, &err) : -EPERM;

	if (n >= 0)
		fuse_reply_write(req, n);
	else if (n == -EAGAIN && !(flags & O_NONBLOCK))
		park_write(req, h, p, size);
	else if (n == -EAGAIN)
		fuse_reply_err(req, EAGAIN);
	else
		answer_failure(req, &at, &who, n, &err);
}

static int run_write(struct call *c, struct error *err)
{
	return handle_write(c->h, &c->who, c->off, (struct str){ c->data.p, c->data.n }, err);
}

/* The kernel thinks that the file is as long as what was written to it. */
static void reply_run_write(struct call *c)
{
	fuse_reply_write(c->req, c->data.n);
}

static int run_write_checked(struct call *c, struct error *err)
{
	int r = run_write(c, err);

	if ((r < 0 || c->at.slot->entry->cached) && !c->at.obj->gone)
		notify_forget(&c->at);
	return r;
}

void ll_write(fuse_req_t req, fuse_ino_t ino, const char *p, size_t size, off_t off, struct fuse_file_info *fi)
{
	if (remote_is(ino)) {
		remote_write(req, p, size, off, fi);
		return;
	}
	autoerror struct error err = { 0 };
	struct handle *h = handle_of(fi);
	struct who who;
	struct place at;
	struct call *c;
	int r;

	if (h->bytes) {
		front_bytes_write(req, h->bytes, p, size, off);
		return;
	}
	if (h->scratch) {
		who = who_of(req);
		r = handle_write(h, &who, off, (struct str){ p, size }, &err);
		if (r < 0)
			fuse_reply_err(req, -r);
		else
			fuse_reply_write(req, size);
		return;
	}
	if (h->slot->entry->kind == ENTRY_STREAM) {
		write_stream(req, h, p, size, fi->flags);
		return;
	}
	at = handle_place(h, NULL);
	c = call_new(req, &at, run_write_checked, reply_run_write);
	c->h = h;
	c->off = off;
	buf_add(&c->data, p, size);
	if ((fi->flags & O_NONBLOCK) && h->slot->entry->kind != ENTRY_DOC)
		call_start_nowait(c);
	else
		call_start(c);
}

static int run_flush(struct call *c, struct error *err)
{
	int r = handle_flush(c->h, &c->who, c->sync, err);

	if (r < 0 && !c->at.obj->gone)
		notify_forget(&c->at);
	return r;
}

static void flush(fuse_req_t req, struct handle *h, bool sync)
{
	struct place at;
	struct call *c;

	if (!handle_dirty(h)) {
		fuse_reply_err(req, 0);
		return;
	}
	at = handle_place(h, NULL);
	c = call_new(req, &at, run_flush, NULL);
	c->h = h;
	c->sync = sync;
	call_start(c);
}

void ll_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (remote_is(ino)) {
		remote_flush(req, fi, false);
		return;
	}
	if (handle_of(fi)->bytes)
		front_bytes_flush(req, handle_of(fi));
	else
		flush(req, handle_of(fi), false);
}

void ll_fsync(fuse_req_t req, fuse_ino_t ino, int datasync unused, struct fuse_file_info *fi)
{
	if (remote_is(ino)) {
		remote_flush(req, fi, true);
		return;
	}
	if (handle_of(fi)->bytes)
		front_bytes_sync(req, handle_of(fi)->bytes);
	else
		flush(req, handle_of(fi), true);
}

void ll_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	if (remote_is(ino)) {
		remote_release(req, fi);
		return;
	}
	struct handle *h = handle_of(fi);

	fuse_reply_err(req, 0);
	park_forget(h);
	if (h->ino) {
		h->ino = 0;
		task_wake_all(&readers_done);
	}
	if (handle_dirty(h)) {
		autoerror struct error err = { 0 };
		struct place at = handle_place(h, &h->who);

		record_failure(&at, &h->who,
			       error_set(&err, EBADMSG, "a document was closed before it was complete: dropped"), &err);
	}
	handle_free(h);
}
