/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What has been told of another tree.  The other end says with each node on what of its object it depends, and then what changed of which object
 * (Twatch): until then a look costs nothing.  Without our own messages nothing is kept.
 */
#include "remote.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "engine/object.h"
#include "engine/units.h"

#define SERIAL_SHIFT 26 /* of a qid's path, between our own ends: what is above names the object */
#define GET_MAX	     (256u << 10)
#define TEXT_MAX     4096    /* of a file, with its attributes */
#define SWEEP_MS     50	     /* between two questions */
#define ALONG_MAX    64	     /* entries of a directory that is asked for with its attributes */
#define LISTING_MAX  1000000 /* entries of a directory: what says more is no tree */

void (*rnode_invalidate)(struct rnode *n);

LIST_HEAD(same_list, rnode);

/* ---- the nodes ---- */

static uint64_t serial_of(const struct p9_qid *q)
{
	return q->path >> SERIAL_SHIFT ? q->path >> SERIAL_SHIFT : 1;
}

uint64_t rnode_ino(const struct rnode *n)
{
	return REMOTE_INO | (uint64_t)n->r->index << 40 | (uint64_t)n->version << 32 | n->number;
}

struct rnode *rnode_of_ino(uint64_t ino)
{
	struct remote *r = remote_of_index((ino & ~REMOTE_INO) >> 40);
	struct rnode *n = r ? hash_get_u64(r->nodes, ino & UINT32_MAX) : NULL;

	return n && !n->gone ? n : NULL;
}

void rnode_ref(struct rnode *n)
{
	n->refs++;
}

void rnode_unref(struct rnode *n)
{
	if (!n || --n->refs)
		return;
	buf_clear(&n->text);
	hash_free(n->children);
	vec_clear(&n->order, NULL);
	free(n->name);
	free(n);
}

void rnode_unref_p(struct rnode **n)
{
	rnode_unref(*n);
}

static void file_under_serial(struct rnode *n)
{
	struct hash *h = n->r->serials;
	uint64_t serial = serial_of(&n->qid);
	struct same_list *l = hash_get_u64(h, serial);

	if (!l) {
		l = xcalloc(1, sizeof(*l));
		hash_put_u64(h, serial, l);
	}
	LIST_INSERT_HEAD(l, n, same);
}

static void unfile(struct rnode *n)
{
	struct same_list *l = hash_get_u64(n->r->serials, serial_of(&n->qid));

	LIST_REMOVE(n, same);
	if (l && LIST_EMPTY(l)) {
		hash_put_u64(n->r->serials, serial_of(&n->qid), NULL);
		free(l);
	}
}

static struct rnode *rnode_new(struct remote *r, struct rnode *parent, const char *name, const struct p9_qid *qid)
{
	struct rnode *n = xcalloc(1, sizeof(*n));

	n->number = ++r->last_number;
	n->r = r;
	n->parent = parent;
	n->name = xstrdup(name);
	n->qid = *qid;
	n->kind = qid->type & P9_QTDIR ? P9_DIR : P9_VALUE;
	n->refs = 1;
	hash_put_u64(r->nodes, n->number, n);
	file_under_serial(n);
	if (parent) {
		if (!parent->children)
			parent->children = hash_new();
		hash_put(parent->children, name, n);
		vec_add(&parent->order, n);
	}
	return n;
}

static void rnode_drop(struct rnode *n)
{
	if (n->gone)
		return;
	while (n->order.n)
		rnode_drop(n->order.at[n->order.n - 1]);
	n->gone = true;
	if (rnode_invalidate && n->told)
		rnode_invalidate(n);
	unfile(n);
	hash_put_u64(n->r->nodes, n->number, NULL);
	if (n->parent) {
		if (hash_get(n->parent->children, n->name) == n)
			hash_put(n->parent->children, n->name, NULL);
		vec_drop(&n->parent->order, n);
	}
	rnode_unref(n);
}

void rnodes_open(struct remote *r)
{
	struct p9_qid root = { .type = P9_QTDIR, .path = 1 };

	r->nodes = hash_new();
	r->serials = hash_new();
	r->root = rnode_new(r, NULL, "", &root);
	r->root->attr = (struct p9_attr){ .mode = 040755, .nlink = 1 };
}

void rnodes_free(struct remote *r)
{
	rnode_drop(r->root);
	hash_free(r->nodes);
	hash_free(r->serials);
}

static void take_back(struct rnode *n)
{
	rnode_stale(n);
	n->listed = false;
	if (n->told && rnode_invalidate) {
		n->told = false;
		rnode_invalidate(n);
	}
}

static void take_back_one(void *arg unused, uint64_t number unused, void *value)
{
	take_back(value);
}

void rnodes_forget(struct remote *r)
{
	hash_each_u64(r->nodes, take_back_one, NULL);
}

static void one_news(struct remote *r, uint64_t serial, uint32_t facets)
{
	struct same_list *l = hash_get_u64(r->serials, serial);
	struct rnode *n, *next;

	if (!serial) {
		rnodes_forget(r);
		return;
	}
	for (n = l ? LIST_FIRST(l) : NULL; n; n = next) {
		next = LIST_NEXT(n, same);
		if (!facets && n != r->root) {
			rnode_drop(n);
			l = hash_get_u64(r->serials, serial); /* children of it that were in the list went with it */
			next = l ? LIST_FIRST(l) : NULL;
			continue;
		}
		if (!n->facets || (n->facets & facets))
			take_back(n);
	}
}

void rnode_news(struct remote *r, struct str data)
{
	uint64_t serial;
	uint32_t facets;

	r->news++;
	r->changed_ms = now_monotonic_ms();
	while (p9_u64_take(&data, &serial) && p9_u32_take(&data, &facets))
		one_news(r, serial, facets);
}

void rnode_changed_names(struct rnode *dir)
{
	take_back(dir);
}

void rnode_renamed(struct rnode *dir, const char *name, struct rnode *to, const char *newname)
{
	struct rnode *n = rnode_child(dir, name), *there = rnode_child(to, newname);

	if (!n || n == there)
		return;
	if (there)
		rnode_drop(there);
	hash_put(dir->children, name, NULL);
	vec_drop(&dir->order, n);
	free(n->name);
	n->name = xstrdup(newname);
	n->parent = to;
	if (!to->children)
		to->children = hash_new();
	hash_put(to->children, newname, n);
	vec_add(&to->order, n);
	for (size_t i = to->order.n - 1; i && ((struct rnode *)to->order.at[i - 1])->number > n->number; i--) {
		to->order.at[i] = to->order.at[i - 1];
		to->order.at[i - 1] = n;
	}
	take_back(n);
}

int rnode_path(const struct rnode *n, struct p9_msg *m)
{
	unsigned depth = 0;

	if (n->gone) /* and its parent perhaps, too */
		return -ESTALE;
	for (const struct rnode *p = n; p->parent; p = p->parent)
		if (++depth > P9_NAMES_MAX)
			return -ENAMETOOLONG;
	m->nnames = depth;
	for (const struct rnode *p = n; p->parent; p = p->parent)
		m->names[--depth] = str_of(p->name);
	return 0;
}

struct rnode *rnode_child(struct rnode *dir, const char *name)
{
	return dir->children ? hash_get(dir->children, name) : NULL;
}

struct rnode *rnode_after(struct rnode *dir, uint64_t cursor)
{
	size_t low = 0, high = dir->order.n;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (((struct rnode *)dir->order.at[mid])->number > cursor)
			high = mid;
		else
			low = mid + 1;
	}
	return low < dir->order.n ? dir->order.at[low] : NULL;
}

/* ---- what is told ---- */

/* The child NAME of DIR is now QID. */
static struct rnode *take_child(struct rnode *dir, const char *name, const struct p9_qid *qid)
{
	struct rnode *n = rnode_child(dir, name);

	if (n && n->qid.path != qid->path) {
		rnode_drop(n);
		n = NULL;
	}
	return n ? n : rnode_new(dir->r, dir, name, qid);
}

/* C is the reply that says so. */
static void take_attr(struct rnode *n, const struct rcall *c, const struct p9_attr *a, uint32_t facets,
		      enum p9_kind kind)
{
	n->attr = *a;
	n->facets = facets;
	n->kind = kind;
	n->attr_known = facets != 0 && c->news == n->r->news;
	n->told_ms = now_monotonic_ms();
	n->text_new = false;
}

static enum p9_kind kind_in(const struct rcall *c)
{
	uint32_t kind = c->reply.mode & ~P9_NO_CONTENT;

	return kind <= P9_BYTES ? kind : P9_VALUE;
}

static void take_text(struct rnode *n, const struct rcall *c, struct str text)
{
	buf_reset(&n->text);
	buf_add(&n->text, text.p, text.n);
	n->text_known = n->facets != 0 && c->news == n->r->news;
	n->text_new = true;
}

struct rnode *rnode_made(struct rnode *dir, const char *name, const struct p9_qid *qid, uint32_t mode)
{
	struct rnode *n = take_child(dir, name, qid);

	n->hidden = true;
	n->kind = P9_VALUE;
	n->attr = (struct p9_attr){ .mode = S_IFREG | (mode & 0777), .nlink = 1, .blksize = 4096 };
	return n;
}

/* One record of Rlist into DIR; its cursor. */
static bool take_record(struct rnode *dir, const struct rcall *c, struct str *data, struct rnode **out,
			uint64_t *cursor)
{
	struct p9_qid qid = { 0 };
	struct p9_attr attr;
	struct str name, text;
	uint32_t facets;
	uint8_t type, kind;
	struct rnode *n;

	if (!p9_u8_take(data, &type) || !p9_u64_take(data, &qid.path) || !p9_u64_take(data, cursor) ||
	    !p9_text_take(data, &name) || !p9_attr_take(data, &attr) || !p9_u32_take(data, &facets) ||
	    !p9_u8_take(data, &kind) || kind > P9_BYTES || !name.n || name.n > 255 || memchr(name.p, '/', name.n) ||
	    memchr(name.p, 0, name.n))
		return false;
	qid.type = type;
	{
		autofree char *word = xstrndup(name.p, name.n);
		if (!strcmp(word, ".") || !strcmp(word, ".."))
			return false;
		n = take_child(dir, word, &qid);
	}
	take_attr(n, c, &attr, facets, kind);
	if (data->n >= 4 && !memcmp(data->p, "\xff\xff\xff\xff", 4)) {
		data->p += 4;
		data->n -= 4;
	} else {
		if (!p9_text_take(data, &text))
			return false;
		take_text(n, c, text);
	}
	*out = n;
	return true;
}

/* A listing's part; SEEN gets the numbers of its nodes: one that is listed twice, or is gone before the listing ends, is freed. */
static bool take_listing(struct rnode *dir, const struct rcall *c, struct hash *seen)
{
	struct str data = c->reply.data;

	while (data.n) {
		struct rnode *n, *kept;
		uint64_t cursor;
		uint8_t more;
		if (!take_record(dir, c, &data, &n, &cursor))
			return false;
		hash_put_u64(seen, n->number, dir);
		n->hidden = false;
		while (p9_u8_take(&data, &more) && more)
			if (!take_record(n, c, &data, &kept, &cursor))
				return false;
	}
	return true;
}

static void drop_unseen(struct rnode *dir, const struct hash *seen)
{
	struct vec old = { 0 };

	for (size_t i = 0; i < dir->order.n; i++) {
		struct rnode *n = dir->order.at[i];
		if (!hash_get_u64(seen, n->number) && !n->hidden)
			vec_add(&old, n);
	}
	for (size_t i = 0; i < old.n; i++)
		rnode_drop(old.at[i]);
	vec_clear(&old, NULL);
}

/* ---- asking ---- */

static int reach(struct rnode *n, struct error *err)
{
	int r = remote_ready(n->r, 5000, err);

	return r == 0 && n->gone ? error_set(err, ESTALE, "it is not there any more") : r;
}

static struct rcall *send_list(struct rnode *dir, uint64_t cursor)
{
	struct p9_msg m = { .type = P9_TLIST, .fid = 0, .offset = cursor, .count = dir->r->msize };

	return rnode_path(dir, &m) < 0 ? NULL : remote_send(dir->r, &m);
}

static int finish_list(struct rnode *dir, struct rcall *c, struct hash *seen, uint64_t *cursor, struct error *err)
{
	int r = remote_await(dir->r, c, err);

	if (r < 0)
		return r;
	if (dir->gone)
		return error_set(err, ESTALE, "it is not there any more");
	if (c->reply.type != P9_TLIST + 1 || !take_listing(dir, c, seen) || hash_count(seen) > LISTING_MAX ||
	    (c->reply.offset && !c->reply.data.n))
		return error_set(err, EPROTO, "%s sent a listing that is none", dir->r->uri);
	take_attr(dir, c, &c->reply.attr, dir->facets ? dir->facets : 1u << FACET_NAMES, P9_DIR);
	*cursor = c->reply.offset;
	return 0;
}

static int list_anew(struct rnode *dir, struct error *err)
{
	struct hash *seen = hash_new();
	uint64_t cursor = 0, news = UINT64_MAX;
	int r;

	do {
		autorcall struct rcall *c = send_list(dir, cursor);
		r = finish_list(dir, c, seen, &cursor, err);
		if (r == 0 && news == UINT64_MAX)
			news = c->news;
	} while (r == 0 && cursor);
	if (r == 0) {
		drop_unseen(dir, seen);
		dir->listed = news == dir->r->news;
	}
	hash_free(seen);
	return r;
}

int rnode_list(struct rnode *dir, struct error *err)
{
	int r = reach(dir, err);

	return r < 0 || dir->listed ? r : list_anew(dir, err);
}

/* What came with the lookup of N: what is in it. */
static void take_contents(struct rnode *n, struct rcall *list)
{
	autoerror struct error why = { 0 };
	struct hash *seen = hash_new();
	uint64_t cursor;

	if (finish_list(n, list, seen, &cursor, &why) == 0 && !cursor) {
		drop_unseen(n, seen);
		n->listed = list->news == n->r->news;
	}
	hash_free(seen);
}

bool rnode_fresh(const struct rnode *n)
{
	/* an answer to what is asked now would be half a round trip old, as that one was */
	return n->attr_known ||
	       (n->told_ms > n->r->changed_ms && now_monotonic_ms() - n->told_ms < 2 * n->r->latency_ns / 1000000);
}

int rnode_find(struct rnode *dir, const char *name, struct rnode **out)
{
	struct rnode *n = *out = rnode_child(dir, name);

	if (n && (rnode_fresh(n) || (dir->listed && !n->hidden)))
		return 0;
	return !n && dir->listed && (dir->attr.gen & P9_ATTR_COMPLETE) ? -ENOENT : -EAGAIN;
}

/* Looking up something that may be a directory asks for what is in it, too: whoever names it will go on. */
int rnode_lookup(struct rnode *dir, const char *name, struct rnode **out, struct error *err)
{
	struct p9_msg m = { .type = P9_TGET, .fid = 0, .count = TEXT_MAX | P9_GET_READY };
	autorcall struct rcall *get = NULL, *list = NULL;
	struct p9_msg l = { .type = P9_TLIST, .fid = 0, .count = GET_MAX };
	struct rnode *n;
	bool hidden = false;
	int r = rnode_find(dir, name, &n);

	*out = n;
	if (r != -EAGAIN)
		return r;
	r = reach(dir, err);
	if (r < 0)
		return r;
	if (rnode_path(dir, &m) < 0 || m.nnames == P9_NAMES_MAX)
		return -ENAMETOOLONG;
	m.names[m.nnames++] = str_of(name);
	memcpy(l.names, m.names, sizeof(l.names));
	l.nnames = m.nnames;
	if (dir->listed && !n)
		hidden = true; /* it may answer to its name all the same */
	get = remote_send(dir->r, &m);
	if (n ? n->kind == P9_DIR : !strchr(name, '.'))
		list = remote_send(dir->r, &l);
	r = remote_await(dir->r, get, err);
	if (dir->gone)
		return -ESTALE;
	n = rnode_child(dir, name); /* it may have gone while we waited */
	if (n && r == -ENOENT)
		rnode_drop(n);
	if (r == 0 && get->reply.type != P9_TGET + 1)
		r = error_set(err, EPROTO, "%s answered what was not asked", dir->r->uri);
	if (r < 0)
		return r;
	n = take_child(dir, name, &get->reply.qid);
	n->hidden = hidden && dir->listed && dir->facets;
	take_attr(n, get, &get->reply.attr, get->reply.flags, kind_in(get));
	if (!(get->reply.mode & P9_NO_CONTENT) && get->reply.data.n < TEXT_MAX)
		take_text(n, get, get->reply.data);
	*out = n;
	if (n->kind == P9_DIR && list) {
		autornode struct rnode *held = n;
		rnode_ref(n);
		take_contents(held, list);
		r = n->gone ? -ESTALE : 0;
	}
	return r;
}

/* Whoever asks for one after another in DIR goes through it: then all are asked for at once, the sooner the fewer there are. */
static bool is_sweep(struct rnode *dir)
{
	int64_t now = now_monotonic_ms();

	dir->missed = now - dir->missed_ms < SWEEP_MS + 2 * dir->r->latency_ns / 1000000 ? dir->missed + 1 : 0;
	dir->missed_ms = now;
	return dir->missed > dir->order.n / 256;
}

/* With it, what is read or walked to next: its text, or what is in it. */
static int ask(struct rnode *n, struct error *err)
{
	struct p9_msg m = { .type = P9_TGET, .fid = 0, .count = n->kind == P9_DIR ? 0 : TEXT_MAX | P9_GET_READY };
	autorcall struct rcall *c = NULL, *list = NULL;
	int r = rnode_path(n, &m);

	if (r < 0)
		return r;
	list = n->order.n && n->order.n <= ALONG_MAX ? send_list(n, 0) : NULL;
	r = remote_call(n->r, &m, &c, err);
	if (n->gone || (r == 0 && n->parent && c->reply.qid.path != n->qid.path))
		r = error_set(err, ESTALE, "it is another now");
	if (n->parent && !n->gone && (r == -ENOENT || r == -ESTALE))
		rnode_drop(n);
	if (r < 0)
		return r;
	take_attr(n, c, &c->reply.attr, c->reply.flags, n->parent ? kind_in(c) : P9_DIR);
	if (!(c->reply.mode & P9_NO_CONTENT) && c->reply.data.n < TEXT_MAX)
		take_text(n, c, c->reply.data);
	if (list)
		take_contents(n, list);
	return n->gone ? -ESTALE : 0;
}

int rnode_attr(struct rnode *n, struct error *err)
{
	int r = rnode_fresh(n) ? 0 : reach(n, err);

	if (rnode_fresh(n) || r < 0)
		return r;
	if (n->parent && n->facets && !n->hidden && is_sweep(n->parent)) {
		autornode struct rnode *dir = n->parent;
		rnode_ref(dir);
		dir->missed = 0;
		r = list_anew(dir, err);
		if (r < 0 || rnode_fresh(n))
			return n->gone ? -ESTALE : r;
	}
	return ask(n, err);
}

int rnode_text(struct rnode *n, struct buf *out, struct error *err)
{
	struct p9_msg m = { .type = P9_TGET, .fid = 0, .count = n->r->msize };
	autorcall struct rcall *c = NULL;
	int r;

	if (n->text_known || (n->text_new && rnode_fresh(n))) {
		n->text_new = false;
		buf_add(out, n->text.p, n->text.n);
		return 0;
	}
	r = reach(n, err);
	if (r == 0)
		r = rnode_path(n, &m);
	if (r == 0)
		r = remote_call(n->r, &m, &c, err);
	if (r < 0)
		return r;
	take_attr(n, c, &c->reply.attr, c->reply.flags, kind_in(c));
	n->attr.size = c->reply.data.n;
	if (c->reply.data.n < TEXT_MAX)
		take_text(n, c, c->reply.data);
	n->text_new = false;
	buf_add(out, c->reply.data.p, c->reply.data.n);
	return 0;
}

void rnode_stale(struct rnode *n)
{
	n->attr_known = n->text_known = n->text_new = false;
	n->told_ms = 0;
}

void rnode_put(struct rnode *n, const struct p9_attr *a)
{
	n->text_known = false;
	if (n->facets)
		n->attr = *a;
	take_back(n);
}

/* ---- a new link ---- */

int rnode_greet(struct remote *r, struct error *err)
{
	struct p9_msg version = { .type = P9_TVERSION, .msize = P9_MSIZE_MAX, .version = str_of(P9_VERSION_OWN) };
	struct p9_msg attach = { .type = P9_TATTACH, .fid = 0, .afid = P9_NOFID, .uid = 0xffffffffu };
	struct p9_msg watch = { .type = P9_TWATCH };
	struct p9_msg list = { .type = P9_TLIST, .fid = 0, .count = GET_MAX };
	autorcall struct rcall *v = remote_send(r, &version), *a = remote_send(r, &attach), *w = remote_send(r, &watch),
			       *l = remote_send(r, &list);
	int64_t began = now_realtime_ns();
	struct hash *seen;
	uint64_t cursor;
	int ret = remote_await(r, v, err);

	if (ret < 0)
		return ret;
	if (v->reply.type != P9_TVERSION + 1 || !str_is(v->reply.version, P9_VERSION_OWN))
		return error_set(err, EPROTO, "%s speaks '%.*s', which is not another domfs", r->uri,
				 (int)v->reply.version.n, v->reply.version.p);
	if (v->reply.msize < P9_MSIZE_MIN || v->reply.msize > P9_MSIZE_MAX)
		return error_set(err, EPROTO, "%s has messages of %u bytes", r->uri, v->reply.msize);
	r->msize = v->reply.msize;
	r->own = true;
	ret = remote_await(r, a, err);
	r->latency_ns = now_realtime_ns() - began;
	if (ret < 0)
		return ret;
	r->their_uid = a->reply.qid.version; /* our own ends say so there */
	ret = remote_await(r, w, err);
	if (ret < 0)
		return ret;
	seen = hash_new();
	ret = finish_list(r->root, l, seen, &cursor, err);
	if (ret == 0) {
		drop_unseen(r->root, seen);
		r->root->listed = !cursor && l->news == r->news;
	}
	hash_free(seen);
	return ret;
}
