/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asking for what was not told (node.c).  On a long line a round trip is what costs: what will be wanted next comes along, and what was told just now is not
 * asked for again.  tests/remote/trips.sh counts.
 */
#include "engine/object.h"
#include "engine/units.h"
#include "node_private.h"

#define GET_MAX	      (256u << 10)
#define TEXT_MAX      4096 /* of a file, with its attributes */
#define WINDOW_MAX_MS 1000
#define SWEEP_MS      50      /* between two questions */
#define ALONG_MAX     64      /* entries of a directory that is asked for with its attributes */
#define LISTING_MAX   1000000 /* entries of a directory: what says more is no tree */

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
	uint32_t facets = dir->facets ? dir->facets : 1u << FACET_NAMES;
	int r = remote_await(dir->r, c, err);

	if (r < 0)
		return r;
	if (dir->gone)
		return error_set(err, ESTALE, "it is not there any more");
	if (c->reply.type != P9_TLIST + 1 || !rnode_take_listing(dir, c, seen) || hash_count(seen) > LISTING_MAX ||
	    (c->reply.offset && !c->reply.data.n))
		return error_set(err, EPROTO, "%s sent a listing that is none", dir->r->uri);
	if (c->reply.attr.gen & P9_ATTR_FLEETING)
		facets = 0;
	rnode_take_attr(dir, c, &c->reply.attr, facets, P9_DIR);
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
		rnode_drop_unseen(dir, seen);
		dir->listed = news == dir->r->news && !(dir->attr.gen & P9_ATTR_FLEETING);
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
		rnode_drop_unseen(n, seen);
		n->listed = list->news == n->r->news && !(n->attr.gen & P9_ATTR_FLEETING);
	}
	hash_free(seen);
}

/* Two round trips; never long, as the first one may have had to wait for more than the line. */
static int64_t window_ms(const struct remote *r)
{
	int64_t ms = 2 * r->latency_ns / 1000000;

	return ms > WINDOW_MAX_MS ? WINDOW_MAX_MS : ms;
}

bool rnode_fresh(const struct rnode *n)
{
	/* an answer to what is asked now would be half a round trip old, as that one was */
	return n->attr_known || (n->told_ms > n->r->changed_ms && now_monotonic_ms() - n->told_ms < window_ms(n->r));
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
	n = rnode_take_child(dir, name, &get->reply.qid);
	n->hidden = hidden && dir->listed && dir->facets;
	rnode_take_attr(n, get, &get->reply.attr, get->reply.flags, rnode_kind_in(get));
	if (!(get->reply.mode & P9_NO_CONTENT) && get->reply.data.n < TEXT_MAX)
		rnode_take_text(n, get, get->reply.data);
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

	dir->missed = now - dir->missed_ms < SWEEP_MS + window_ms(dir->r) ? dir->missed + 1 : 0;
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
	rnode_take_attr(n, c, &c->reply.attr, c->reply.flags, n->parent ? rnode_kind_in(c) : P9_DIR);
	if (!(c->reply.mode & P9_NO_CONTENT) && c->reply.data.n < TEXT_MAX)
		rnode_take_text(n, c, c->reply.data);
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
	rnode_take_attr(n, c, &c->reply.attr, c->reply.flags, rnode_kind_in(c));
	n->attr.size = c->reply.data.n;
	if (c->reply.data.n < TEXT_MAX)
		rnode_take_text(n, c, c->reply.data);
	n->text_new = false;
	buf_add(out, c->reply.data.p, c->reply.data.n);
	return 0;
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
	int64_t began = now_monotonic_ns();
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
	r->latency_ns = now_monotonic_ns() - began;
	if (ret < 0)
		return ret;
	r->their_uid = a->reply.qid.version; /* our own ends say so there */
	ret = remote_await(r, w, err);
	if (ret < 0)
		return ret;
	seen = hash_new();
	ret = finish_list(r->root, l, seen, &cursor, err);
	if (ret == 0) {
		rnode_drop_unseen(r->root, seen);
		r->root->listed = !cursor && l->news == r->news;
	}
	hash_free(seen);
	return ret;
}
