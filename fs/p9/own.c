/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What only our own ends say (docs/wire.md): a cat, an echo and an ls in one round trip each, news of what is not any more what was told, and
 * waiting for a stream.
 */
#include "p9.h"

#include <fcntl.h>

#include "engine/device.h"
#include "engine/domain.h"
#include "engine/loop.h"
#include "fs/stream.h"
#include "fs/views.h"

#define CONTENT_MAX 512 /* of a file, with the listing of its directory */
#define NEXT_MAX    (64u << 10)
#define LIST_ROOM   (16u << 10) /* of one node more than fits, with all that is said of it */

/* From fid down NAMES; a fid of its own that nobody else knows. */
static int walk_to(struct p9_req *q, struct p9_fid *f, struct error *err)
{
	autofid struct p9_fid *from = NULL;
	struct place at, next;
	uint64_t scratch;
	int r = p9_fid(q, q->msg.fid, &from, err);

	if (r < 0)
		return r;
	at = from->at;
	scratch = from->scratch;
	for (unsigned i = 0; i < q->msg.nnames && r == 0; i++) {
		r = p9_step(&from->who, &at, &scratch, q->msg.names[i], &next, err);
		at = next;
	}
	if (r < 0)
		return r;
	f->who = from->who;
	p9_fid_move(f, &at, scratch);
	return 0;
}

static void fid_clear(struct p9_fid *f)
{
	handle_free(f->h);
	object_unref(f->at.obj);
}
#define autowalk __attribute__((cleanup(fid_clear)))

static enum p9_kind kind_of(const struct slot *s)
{
	static const enum p9_kind kinds[] = {
		[ENTRY_VALUE] = P9_VALUE,   [ENTRY_PROPS] = P9_VALUE, [ENTRY_DOC] = P9_DOC,
		[ENTRY_STREAM] = P9_STREAM, [ENTRY_LINK] = P9_LINK,   [ENTRY_BYTES] = P9_BYTES,
	};

	return slot_is_dir(s) ? P9_DIR : kinds[s->entry->kind];
}

/* What is in it comes and goes with other objects (users). */
static bool lists_fleeting(const struct slot *s)
{
	return s->child && tree_slot(s->child)->entry->fleeting;
}

/* 0: what is said of it may be otherwise at any time. */
static uint32_t kept_facets(const struct slot *s)
{
	const struct entry *e = s->entry;
	bool keeps = e->fresh == KEEP && e->kind != ENTRY_STREAM && e->kind != ENTRY_BYTES && !e->fleeting &&
		     !slot_settles(s) && !lists_fleeting(s);

	return keeps ? s->facets | F_ACCESS : 0;
}

/* Nothing in it is hidden, made by an editor, or there since somebody else put it there. */
static bool is_complete(const struct slot *s)
{
	if (!slot_is_dir(s) || (s->entry->dir && s->entry->dir->settle) || lists_fleeting(s))
		return false;
	for (unsigned i = s->first; i < (unsigned)s->first + s->count; i++)
		if (tree_slot(i)->entry->hidden || tree_slot(i)->entry->kind == ENTRY_DOC)
			return false;
	return true;
}

/* What would be asked for next. */
static void add_signs(const struct place *at, struct p9_attr *a)
{
	char key[PATH_KEY_MAX];
	struct object *top = place_key(at, key);
	size_t n;

	if (!top->access || !access_acl(top, key, &n))
		a->gen |= P9_ATTR_NO_ACL;
	if (is_complete(at->slot))
		a->gen |= P9_ATTR_COMPLETE;
	if (slot_is_dir(at->slot) && lists_fleeting(at->slot))
		a->gen |= P9_ATTR_FLEETING;
}

/* As our own ends are told. */
static int attr_of(const struct place *at, struct p9_attr *a, struct error *err)
{
	int r = p9_attr_of(at, 0, a, err);

	if (r == 0)
		add_signs(at, a);
	return r;
}

/* Its target is its content. */
static int show_link(struct p9_req *q, const struct place *at, struct p9_msg *out, struct error *err)
{
	int r = place_show(at, &q->text, err);

	out->data = (struct str){ buf_text(&q->text), q->text.n };
	return r < 0 ? r : attr_of(at, &out->attr, err);
}

/* What it contains, for the reply. */
static int get_content(struct p9_req *q, struct p9_fid *f, uint32_t n, struct error *err)
{
	struct str got = { 0 };
	int r = p9_open(f, O_RDONLY, err);

	if (r == 0)
		r = handle_read(f->h, &f->who, 0, n, &got, err);
	if (r == 0)
		buf_add(&q->text, got.p, got.n);
	return r;
}

int p9_get(struct p9_req *q, struct p9_msg *out, struct error *err)
{
	uint32_t most = q->conn->msize - 256, count = q->msg.count & ~P9_GET_READY;
	bool ready = q->msg.count & P9_GET_READY;
	autowalk struct p9_fid f = { 0 };
	struct place at;
	int r = walk_to(q, &f, err);

	if (r < 0)
		return r;
	at = p9_place(&f);
	out->qid = p9_qid_of(&at, f.scratch);
	if (f.scratch) { /* a file that an editor made: it is opened */
		out->mode = P9_DOC | P9_NO_CONTENT;
		return p9_attr_of(&at, f.scratch, &out->attr, err);
	}
	out->flags = kept_facets(at.slot);
	out->mode = kind_of(at.slot);
	if (at.slot->entry->kind == ENTRY_LINK)
		return show_link(q, &at, out, err);
	if (out->mode == P9_STREAM || out->mode == P9_BYTES || out->mode == P9_DIR || !count ||
	    (ready && (slot_waits(at.slot) || at.slot->entry->secret)))
		out->mode |= P9_NO_CONTENT; /* it is opened to be read */
	else if (ready && get_content(q, &f, count < most ? count : most, NULL) < 0)
		out->mode |= P9_NO_CONTENT;
	else if (!ready)
		r = get_content(q, &f, count < most ? count : most, err);
	if (r < 0)
		return err->code ? p9_failed(q, &at, &f.who, r, err) : r;
	out->data = (struct str){ buf_text(&q->text), q->text.n };
	return attr_of(&at, &out->attr, err);
}

int p9_put(struct p9_req *q, struct p9_msg *out, struct error *err)
{
	autowalk struct p9_fid f = { 0 };
	struct place at;
	int r = walk_to(q, &f, err);

	if (r == 0 && f.scratch)
		r = -EOPNOTSUPP;
	if (r == 0)
		r = p9_open(&f, O_WRONLY | (q->msg.flags & (O_TRUNC | O_APPEND | O_NONBLOCK)), err);
	if (r < 0)
		return r;
	at = p9_place(&f);
	if (at.slot->entry->kind == ENTRY_STREAM || at.slot->entry->kind == ENTRY_BYTES)
		return error_set(err, EOPNOTSUPP, "it is opened to be written");
	r = handle_write(f.h, &f.who, 0, q->msg.data, err);
	if (r == 0)
		r = handle_flush(f.h, &f.who, true, err);
	if (r < 0)
		return p9_failed(q, &at, &f.who, r, err);
	if (at.obj->gone)
		return 0;
	return attr_of(&at, &out->attr, err);
}

/* ---- listings ---- */

/* qid, cursor, name, attributes, facets, kind, and the content if it is small and there without waiting (else length ~0). */
static void add_node(struct buf *out, const struct place *at, uint64_t cursor, const char *name, const struct who *who)
{
	const struct entry *e = at->slot->entry;
	bool file =
		!slot_is_dir(at->slot) && (e->kind == ENTRY_VALUE || e->kind == ENTRY_PROPS || e->kind == ENTRY_LINK);
	struct p9_qid qid = p9_qid_of(at, 0);
	autobuf struct buf text = { 0 };
	struct p9_attr a;
	struct stat st;

	p9_u8_add(out, qid.type);
	p9_u64_add(out, qid.path);
	p9_u64_add(out, cursor);
	p9_text_add(out, str_of(name));
	place_stat(at, &st);
	st.st_size = place_size(at);
	p9_attr_from(&st, &a);
	add_signs(at, &a);
	p9_attr_add(out, &a);
	p9_u32_add(out, kept_facets(at->slot));
	p9_u8_add(out, kind_of(at->slot));
	if (file && e->show && kept_facets(at->slot) && !e->hidden && st.st_size <= CONTENT_MAX &&
	    (e->kind == ENTRY_LINK || p9_may(at, who, 04, NULL) == 0) && place_show(at, &text, NULL) == 0)
		p9_text_add(out, (struct str){ buf_text(&text), text.n });
	else
		p9_u32_add(out, UINT32_MAX);
}

/* What a script reads of each object of a collection: the texts that are kept (state). */
static void add_kept(struct buf *out, const struct place *dir, const struct who *who)
{
	struct place at = *dir;

	for (unsigned i = dir->slot->first; i < (unsigned)dir->slot->first + dir->slot->count; i++) {
		at.slot = tree_slot(i);
		if (!at.slot->entry->cached || slot_is_dir(at.slot) || at.slot->entry->hidden)
			continue;
		p9_u8_add(out, 1);
		add_node(out, &at, 0, at.slot->name, who);
	}
}

int p9_list(struct p9_req *q, struct p9_msg *out, struct error *err)
{
	uint32_t most = q->conn->msize - LIST_ROOM, max = q->msg.count < most ? q->msg.count : most;
	uint64_t cursor = q->msg.offset;
	autowalk struct p9_fid f = { 0 };
	struct place dir, at;
	char name[256];
	int r = walk_to(q, &f, err);

	if (r == 0 && (f.scratch || !slot_is_dir(f.at.slot)))
		r = -ENOTDIR;
	if (r == 0)
		r = p9_open(&f, O_RDONLY, err);
	if (r < 0)
		return r;
	dir = p9_place(&f);
	out->qid = p9_qid_of(&dir, 0);
	out->offset = 0; /* the end */
	while (place_next(&dir, &cursor, &at, name)) {
		at.who = &f.who;
		add_node(&q->text, &at, cursor, name, &f.who);
		if (slot_is_object(at.slot) && p9_may(&at, &f.who, 01, NULL) == 0)
			add_kept(&q->text, &at, &f.who);
		p9_u8_add(&q->text, 0);
		if (q->text.n > max) {
			out->offset = cursor;
			break;
		}
	}
	out->data = (struct str){ buf_text(&q->text), q->text.n };
	return attr_of(&dir, &out->attr, err);
}

/* ---- news ---- */

/* A ring of what changed lately: the object's serial, and what of it. */
#define NEWS 4096

static struct {
	uint64_t serial;
	uint32_t facets; /* 0: it is gone */
} news[NEWS];
static uint64_t news_end;
static bool watching, telling;

static void tell(void *arg unused)
{
	telling = false;
	p9_each_conn(p9_news_tell);
}

static void note(uint64_t serial, uint32_t facets)
{
	news[news_end % NEWS].serial = serial;
	news[news_end % NEWS].facets = facets;
	news_end++;
	if (!telling)
		loop_soon(tell, NULL);
	telling = true;
}

static void changed(struct object *o, unsigned facets)
{
	note(o->serial, facets);
	if (o->kind != OBJ_DOMAIN)
		return;
	/* what a disk shows depends on the definition it is in */
	for (size_t i = 0; i < domain_of(o)->parts.n; i++)
		note(((struct part *)domain_of(o)->parts.at[i])->obj.serial, facets);
}

static void gone(struct object *o)
{
	note(o->serial, 0);
}

static struct watcher watcher = { .changed = changed, .gone = gone };

/* What C is told of it: of what one may not read no more than that it is otherwise who may.  0: nothing. */
static uint32_t told(const struct p9_conn *c, uint64_t serial, uint32_t facets)
{
	const struct object *o = sees_all(&c->who) ? NULL : object_find(serial);

	return !o || sees_object(&c->who, o) ? facets : facets & (F_ACCESS | F_NAMES);
}

/* Too far behind, or not listening: one record of serial 0, everything.  Then nothing more until there is something to take back again. */
void p9_news_tell(struct p9_conn *c)
{
	struct p9_msg m = { .type = P9_TWATCH + 1, .tag = c->watch_tag };
	autobuf struct buf text = { 0 };
	uint64_t from = c->news_at;

	if (!c->watches || from == news_end)
		return;
	c->news_at = m.offset = news_end;
	if (c->all_told)
		return;
	c->all_told = news_end - from > NEWS || link_busy(c->link);
	if (c->all_told) {
		p9_u64_add(&text, 0);
		p9_u32_add(&text, ~0u);
	}
	for (; from < news_end && !c->all_told; from++) {
		uint64_t serial = news[from % NEWS].serial;
		uint32_t facets = told(c, serial, news[from % NEWS].facets);
		if (!facets && news[from % NEWS].facets)
			continue;
		p9_u64_add(&text, serial);
		p9_u32_add(&text, facets);
	}
	if (!text.n)
		return;
	m.data = (struct str){ buf_text(&text), text.n };
	p9_send(c, &m);
}

/* From now on, with this tag: each Rwatch names what changed since the one before, and comes before any reply that was made after the change. */
int p9_watch(struct p9_req *q, struct p9_msg *out, struct error *err unused)
{
	if (!watching) {
		watching = true;
		watcher_add(&watcher);
	}
	q->conn->watches = true;
	q->conn->watch_tag = q->msg.tag;
	q->conn->news_at = out->offset = news_end;
	return 0;
}

int p9_poll(struct p9_req *q, struct p9_msg *out unused, struct error *err)
{
	autofid struct p9_fid *f = NULL;
	int r = p9_fid(q, q->msg.fid, &f, err);
	const struct stream_ops *ops = r == 0 && f->h && f->h->slot ? f->h->slot->entry->stream : NULL;

	while (r == 0 && ops && ops->ready && !ops->ready(f->h)) {
		r = p9_wait_for(q, f->h->obj, err);
		if (r == 0 && f->h->obj->gone)
			r = -ENODEV;
	}
	return r;
}

/* Reading by place and not by offset: who was cut off asks another connection for what comes after what he has. */
int p9_next(struct p9_req *q, struct p9_msg *out, struct error *err)
{
	autofid struct p9_fid *f = NULL;
	int r = p9_fid(q, q->msg.fid, &f, err);
	const struct stream_ops *ops = r == 0 && f->h && f->h->slot ? f->h->slot->entry->stream : NULL;
	uint32_t n = q->msg.count < NEXT_MAX ? q->msg.count : NEXT_MAX;
	autofree char *room = NULL;
	size_t got;

	if (r < 0)
		return r;
	if (!ops || !ops->ring || (f->h->flags & O_ACCMODE) == O_WRONLY)
		return error_set(err, EOPNOTSUPP, "fid %u is not open on a text that grows", q->msg.fid);
	room = xmalloc(n ? n : 1);
	out->start = q->msg.start;
	out->length = q->msg.length;
	for (;;) {
		const struct ring *ring = ops->ring(f->h);
		got = ring ? ring_next(f->h, ring, &out->length, &out->start, room, n) : 0;
		if (got || !n)
			break;
		r = f->h->flags & O_NONBLOCK ? -EAGAIN : p9_wait_for(q, f->h->obj, err);
		if (r == 0 && f->h->obj->gone)
			r = error_set(err, ENODEV, "it was removed");
		if (r < 0)
			return r;
	}
	buf_add(&q->text, room, got);
	out->data = (struct str){ buf_text(&q->text), q->text.n };
	return 0;
}
