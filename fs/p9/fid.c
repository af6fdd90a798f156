/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fids: attach, walk, clunk. */
#include "p9.h"

#include "fs/bytes.h"
#include "fs/names.h"
#include "fs/scratch.h"

#define WALK_MS	 200 /* how long a step waits for storage that may have changed by other hands */
#define NONUNAME 0xffffffffu

void p9_fid_unref(struct p9_fid *f)
{
	if (!f || --f->refs)
		return;
	handle_free(f->h);
	object_unref(f->at.obj);
	free(f->xattr_name);
	buf_clear(&f->text);
	free(f);
}

void p9_fid_unref_p(struct p9_fid **f)
{
	p9_fid_unref(*f);
}

struct place p9_place(const struct p9_fid *f)
{
	struct place at = f->at;

	at.who = &f->who;
	return at;
}

static struct p9_fid *find(struct p9_conn *c, uint32_t id)
{
	return hash_get_u64(c->fids, id);
}

int p9_fid(struct p9_req *q, uint32_t id, struct p9_fid **out, struct error *err)
{
	struct p9_fid *f = find(q->conn, id);
	int r = 0;

	if (!f)
		return error_set(err, EBADF, "there is no fid %u", id);
	f->refs++;
	while (f->pending && r == 0)
		r = task_wait(&f->settled, NO_TIMEOUT);
	if (r == 0 && f->gone)
		r = error_set(err, EBADF, "the walk to fid %u failed", id);
	if (r == 0 && f->at.obj && f->at.obj->gone)
		r = error_set(err, ESTALE, "what fid %u stands for was removed", id);
	if (r < 0) {
		p9_fid_unref(f);
		return r;
	}
	if (f->at.obj) {
		object_ref(f->at.obj);
		vec_add(&q->objects, f->at.obj);
	}
	*out = f;
	return 0;
}

void p9_fid_settle(struct p9_fid *f)
{
	f->pending = false;
	task_wake_all(&f->settled);
}

int p9_fid_new(struct p9_conn *c, uint32_t id, const struct p9_fid *from, struct p9_fid **out, struct error *err)
{
	struct p9_fid *f;

	if (id == P9_NOFID || find(c, id))
		return error_set(err, EBADF, "fid %u is in use", id);
	if (hash_count(c->fids) >= P9_FIDS_MAX)
		return error_set(err, EMFILE, "more than %d fids", P9_FIDS_MAX);
	f = xcalloc(1, sizeof(*f));
	f->id = id;
	f->conn = c;
	f->refs = 1;
	TAILQ_INIT(&f->settled);
	f->who = from ? from->who : c->who;
	hash_put_u64(c->fids, id, f);
	*out = f;
	return 0;
}

void p9_fid_move(struct p9_fid *f, const struct place *to, uint64_t scratch)
{
	struct object *old = f->at.obj;

	f->at = *to;
	f->at.who = NULL;
	f->scratch = scratch;
	if (f->at.obj)
		object_ref(f->at.obj);
	object_unref(old);
}

/* Out of the client's sight; requests that have it go on. */
static void fid_drop(struct p9_fid *f)
{
	if (find(f->conn, f->id) == f) /* else it was clunked, and its number may be another's by now */
		hash_put_u64(f->conn->fids, f->id, NULL);
	f->gone = true;
	p9_fid_settle(f);
	p9_fid_unref(f);
}

static void drop_one(void *arg unused, uint64_t id unused, void *value)
{
	struct p9_fid *f = value;

	f->gone = true;
	p9_fid_settle(f);
	p9_fid_unref(f);
}

void p9_fids_clear(struct p9_conn *c)
{
	struct hash *fids = c->fids;

	c->fids = hash_new();
	hash_each_u64(fids, drop_one, NULL);
	hash_free(fids);
}

/* ---- version and attach ---- */

/* What follows a '.' is an extension that the other side does without. */
static bool is_dot_l(struct str version)
{
	size_t n = strlen(P9_VERSION);

	return version.n >= n && !memcmp(version.p, P9_VERSION, n) && (version.n == n || version.p[n] == '.');
}

int p9_version(struct p9_req *q, struct p9_msg *out, struct error *err)
{
	struct p9_conn *c = q->conn;
	struct p9_msg *m = &q->msg;

	if (m->msize < P9_MSIZE_MIN)
		return error_set(err, EINVAL, "msize %u: at least %u is needed", m->msize, P9_MSIZE_MIN);
	p9_abort_others(q);
	p9_fids_clear(c);
	c->watches = c->all_told = false;
	c->msize = m->msize < P9_MSIZE_MAX ? m->msize : P9_MSIZE_MAX;
	c->own = str_is(m->version, P9_VERSION_OWN) && c->msize >= P9_OWN_MIN;
	out->msize = c->msize;
	out->version = str_of(c->own ? P9_VERSION_OWN : is_dot_l(m->version) ? P9_VERSION : "unknown");
	if (str_is(out->version, "unknown"))
		c->msize = 0; /* nothing else is listened to until it says another */
	if (!c->closed)
		link_limit(c->link, c->msize ? c->msize : P9_FIRST_MAX);
	return 0;
}

int p9_attach(struct p9_req *q, struct p9_msg *out, struct error *err)
{
	struct p9_conn *c = q->conn;
	struct p9_msg *m = &q->msg;
	struct place root;
	struct p9_fid *f;
	int r;

	if (m->uid != NONUNAME && m->uid != c->who.uid && !c->root)
		return error_set(err, EPERM, "this connection is that of uid %u: it cannot be uid %u's", c->who.uid,
				 m->uid);
	if (m->aname.n && !str_is(m->aname, "/"))
		return error_set(err, ENOENT, "'%.*s': there is one tree here, /", (int)m->aname.n, m->aname.p);
	r = p9_fid_new(c, m->fid, NULL, &f, err);
	if (r < 0)
		return r;
	if (m->uid != NONUNAME && m->uid != c->who.uid)
		f->who = (struct who){ .uid = m->uid, .gid = access_group_of(m->uid), .connection = c->who.connection };
	(void)!place_of(1, &root);
	p9_fid_move(f, &root, 0);
	c->attached = true;
	out->qid = p9_qid_of(&root, 0);
	if (c->own)
		out->qid.version = f->who.uid; /* whom the other end acts as here */
	return 0;
}

/* ---- walk ---- */

static int settle(const struct place *dir, const char *name, struct error *err)
{
	const struct dir_type *type = dir->slot->entry->dir;
	struct place at;
	int r;

	if (!type || !type->settle || place_lookup(dir, name, &at) == 0 || type->settled(dir))
		return 0;
	r = type->settle(dir, WALK_MS, err);
	error_clear(err); /* what is known stands */
	return r == -ECANCELED ? r : 0;
}

int p9_step(const struct who *who, const struct place *dir, uint64_t *scratch, struct str name, struct place *out,
	    struct error *err)
{
	autofree char *word = xstrndup(name.p, name.n);
	struct place from = *dir;
	struct scratch *s;
	struct stat st;
	int r;

	from.who = who;
	if (*scratch || !slot_is_dir(from.slot))
		return -ENOTDIR;
	r = p9_may(&from, who, 01, err);
	if (r < 0)
		return r;
	*out = from;
	if (!strcmp(word, "."))
		return 0;
	if (!strcmp(word, "..")) {
		if (from.slot->number)
			out->slot = tree_slot(from.slot->parent);
		if (slot_is_object(from.slot))
			out->obj = from.obj->parent ? from.obj->parent : &root_object;
		return 0;
	}
	object_ref(from.obj);
	r = settle(&from, word, err);
	if (r == 0 && from.obj->gone)
		r = -ENOENT;
	object_unref(from.obj);
	if (r == 0)
		r = place_lookup(&from, word, out);
	s = r == -ENOENT ? scratch_find(place_ino(&from), word) : NULL;
	if (s) {
		scratch_stat(s, &st);
		*scratch = st.st_ino;
		*out = from;
		return 0;
	}
	return r;
}

/* As far as it goes: the nodes of OUT->qids were found. */
static int walk(struct p9_req *q, const struct p9_fid *from, struct place *at, uint64_t *scratch, struct p9_msg *out,
		struct error *err)
{
	int r = 0;

	for (unsigned i = 0; i < q->msg.nnames && r == 0; i++) {
		struct place next;
		r = p9_step(&from->who, at, scratch, q->msg.names[i], &next, err);
		if (r < 0)
			break;
		*at = next;
		out->qids[out->nqids++] = p9_qid_of(at, *scratch);
	}
	return r;
}

int p9_walk(struct p9_req *q, struct p9_msg *out, struct error *err)
{
	autofid struct p9_fid *from = NULL;
	struct p9_fid *to = NULL;
	uint64_t scratch;
	struct place at;
	int r = 0;

	if (q->msg.newfid != q->msg.fid) {
		r = p9_fid_new(q->conn, q->msg.newfid, NULL, &to, err);
		if (r < 0)
			return r;
		to->pending = true;
		to->refs++;
	}
	r = p9_fid(q, q->msg.fid, &from, err);
	if (r == 0 && from->h)
		r = error_set(err, EBUSY, "fid %u is open", from->id);
	if (r == 0) {
		at = from->at;
		scratch = from->scratch;
		from->pending = !to;
		r = walk(q, from, &at, &scratch, out, err);
		if (r < 0 && out->nqids && r != -ECANCELED) /* so far and no further is an answer, not an error */
			r = 1;
	}
	if (r == 0 && to)
		to->who = from->who;
	if (r == 0)
		p9_fid_move(to ? to : from, &at, scratch);
	if (to) {
		if (r != 0 && !to->gone)
			fid_drop(to);
		p9_fid_settle(to);
		p9_fid_unref(to);
	} else if (from) {
		p9_fid_settle(from);
	}
	return r < 0 ? r : 0;
}

/* ---- clunk ---- */

/* What was written and is whole is stored now: there is nobody else to tell that it failed but `errors`. */
static void last_flush(struct p9_fid *f)
{
	autoerror struct error err = { 0 };
	struct place at = p9_place(f);
	int r = 0;

	/* a client that can say nothing more of it closes what is whole (v9fs); one of ours has synced it */
	if (f->h && f->h->bytes && !f->conn->own && !f->conn->closed && bytes_dirty(f->h->bytes))
		r = bytes_commit(f->h->bytes, &err);
	else if (f->h && handle_dirty(f->h) && f->at.obj && !f->at.obj->gone)
		r = handle_flush(f->h, &f->who, true, &err);
	if (r < 0)
		record_failure(&at, &f->who, r, &err);
}

int p9_clunk(struct p9_req *q, struct p9_msg *out unused, struct error *err)
{
	struct p9_fid *f = find(q->conn, q->msg.fid);
	int r = 0;

	if (!f)
		return error_set(err, EBADF, "there is no fid %u", q->msg.fid);
	f->refs++;
	hash_put_u64(q->conn->fids, f->id, NULL); /* its number is free at once, whatever still waits for it */
	while (f->pending && r == 0)
		r = task_wait(&f->settled, NO_TIMEOUT);
	if (f->xattr_sets)
		r = p9_xattr_store(f, err);
	else
		last_flush(f);
	if (!f->gone) {
		f->gone = true;
		p9_fid_unref(f);
	}
	p9_fid_unref(f);
	return r;
}

int p9_remove(struct p9_req *q, struct p9_msg *out unused, struct error *err)
{
	struct p9_msg clunk = { .type = P9_TCLUNK + 1 };

	(void)!p9_clunk(q, &clunk, err);
	return error_set(err, EOPNOTSUPP, "Tremove: 9P2000.L has Tunlinkat");
}
