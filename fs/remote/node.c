/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What has been told of another tree.  The other end says with each node on what of its object it depends, and then what changed of which object
 * (Twatch): until then a look costs nothing.  Without our own messages nothing is kept.
 */
#include "node_private.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "engine/object.h"
#include "engine/units.h"

#define SERIAL_SHIFT 26 /* of a qid's path, between our own ends: what is above names the object */

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

/* Whoever holds a node asks its host, and may do so when that is not wanted any more. */
void rnode_ref(struct rnode *n)
{
	n->refs++;
	n->r->refs++;
}

static void put(struct rnode *n)
{
	if (--n->refs)
		return;
	buf_clear(&n->text);
	hash_free(n->children);
	vec_clear(&n->order, NULL);
	free(n->name);
	free(n);
}

void rnode_unref(struct rnode *n)
{
	struct remote *r = n ? n->r : NULL;

	if (!n)
		return;
	put(n);
	remote_unref(r);
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

void rnode_drop(struct rnode *n)
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
	put(n);
}

void rnodes_open(struct remote *r)
{
	struct p9_qid root = { .type = P9_QTDIR, .path = 1 };

	r->nodes = hash_new();
	r->serials = hash_new();
	r->root = rnode_new(r, NULL, "", &root);
	r->root->attr = (struct p9_attr){ .mode = 040755, .nlink = 1 };
	r->root->facets = 1u << FACET_NAMES | 1u << FACET_ACCESS;
}

void rnodes_free(struct remote *r)
{
	rnode_drop(r->root);
	hash_free(r->nodes);
	hash_free(r->serials);
}

void rnode_take_back(struct rnode *n)
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
	rnode_take_back(value);
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
			rnode_take_back(n);
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

void rnode_is_gone(struct rnode *n)
{
	if (n->parent && !n->gone)
		rnode_drop(n);
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
	rnode_take_back(n);
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
struct rnode *rnode_take_child(struct rnode *dir, const char *name, const struct p9_qid *qid)
{
	struct rnode *n = rnode_child(dir, name);

	if (n && n->qid.path != qid->path) {
		rnode_drop(n);
		n = NULL;
	}
	return n ? n : rnode_new(dir->r, dir, name, qid);
}

/* C is the reply that says so. */
void rnode_take_attr(struct rnode *n, const struct rcall *c, const struct p9_attr *a, uint32_t facets,
		     enum p9_kind kind)
{
	n->attr = *a;
	n->facets = facets;
	n->kind = kind;
	n->attr_known = facets != 0 && c->news == n->r->news;
	n->told_ms = now_monotonic_ms();
	n->text_new = false;
}

enum p9_kind rnode_kind_in(const struct rcall *c)
{
	uint32_t kind = c->reply.mode & ~P9_NO_CONTENT;

	return kind <= P9_BYTES ? kind : P9_VALUE;
}

void rnode_take_text(struct rnode *n, const struct rcall *c, struct str text)
{
	buf_reset(&n->text);
	buf_add(&n->text, text.p, text.n);
	n->text_known = n->facets != 0 && c->news == n->r->news;
	n->text_new = true;
}

struct rnode *rnode_made(struct rnode *dir, const char *name, const struct p9_qid *qid, uint32_t mode)
{
	struct rnode *n = rnode_take_child(dir, name, qid);

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
		n = rnode_take_child(dir, word, &qid);
	}
	rnode_take_attr(n, c, &attr, facets, kind);
	if (data->n >= 4 && !memcmp(data->p, "\xff\xff\xff\xff", 4)) {
		data->p += 4;
		data->n -= 4;
	} else {
		if (!p9_text_take(data, &text))
			return false;
		rnode_take_text(n, c, text);
	}
	*out = n;
	return true;
}

/* A listing's part; SEEN gets the numbers of its nodes: one that is listed twice, or is gone before the listing ends, is freed. */
bool rnode_take_listing(struct rnode *dir, const struct rcall *c, struct hash *seen)
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

void rnode_drop_unseen(struct rnode *dir, const struct hash *seen)
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

void rnode_stale(struct rnode *n)
{
	n->attr_known = n->text_known = n->text_new = false;
	n->told_ms = 0;
}

void rnode_put(struct rnode *n, const struct p9_attr *a)
{
	if (n->facets)
		n->attr = *a;
	rnode_take_back(n);
}
