/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Bytes of another host, many messages at once: see bytes.h. */
#include "bytes.h"

#include <fcntl.h>

#include "engine/units.h"

#define PIECE	  (1u << 20) /* of a read ahead, and of a write */
#define AHEAD_MIN (64u << 10)
#define AHEAD_MAX (4u << 20)
#define BEHIND	  (4u << 20)
#define BEHIND_N  64
#define FRESH_MS  1000
#define CLOSE_MS  2000

struct piece { /* what was asked for before it was wanted */
	uint64_t off;
	uint32_t n;
	struct rcall *call;
	int64_t asked_ms;
	TAILQ_ENTRY(piece) list;
};

struct sent { /* a write on its way */
	struct rbytes *b;
	struct rcall *call;
	uint32_t n;
	TAILQ_ENTRY(sent) list;
};

struct rbytes {
	struct rnode *n;
	uint32_t fid;
	unsigned link; /* its connection: on another there is no such fid */
	int flags;
	/* read */
	uint64_t next;	/* where the last one ended */
	uint64_t asked; /* up to where PIECES go */
	uint32_t ahead; /* how much is asked for before it is wanted; 0: it is not read on and on */
	TAILQ_HEAD(pieces, piece) pieces;
	/* written */
	TAILQ_HEAD(, sent) sent;
	unsigned nsent;
	size_t nbytes;
	int failed;		     /* the first errno of those on their way */
	uint64_t changes, committed; /* as struct bytes has them */
	bool broken, closed;
	struct writer writer;
	struct waitq answered; /* one that was sent is */
	TAILQ_ENTRY(rbytes) list;
};

static TAILQ_HEAD(, rbytes) all = TAILQ_HEAD_INITIALIZER(all);
static struct waitq closings = TAILQ_HEAD_INITIALIZER(closings);

struct rnode *rbytes_node(const struct rbytes *b)
{
	return b->n;
}

uint32_t rbytes_fid(const struct rbytes *b)
{
	return b->fid;
}

bool rbytes_writes_through(const struct rbytes *b)
{
	return b->flags & (O_SYNC | O_DSYNC | O_DIRECT);
}

static bool is_current(const struct rbytes *b)
{
	return b->link == b->n->r->links;
}

static int check_current(const struct rbytes *b, struct error *err)
{
	bool written = b->changes != b->committed;

	if (is_current(b))
		return 0;
	return error_set(err, written ? EIO : ESTALE, "the connection on which it was opened was lost%s: open it again",
			 written ? ", and what became of what was written is not known" : "");
}

/* ---- open and close ---- */

struct rbytes *rbytes_new(struct rnode *n, uint32_t fid, unsigned link, int flags)
{
	struct rbytes *b = xcalloc(1, sizeof(*b));

	b->n = n;
	rnode_ref(n);
	b->fid = fid;
	b->link = link;
	b->flags = flags;
	TAILQ_INIT(&b->pieces);
	TAILQ_INIT(&b->sent);
	TAILQ_INIT(&b->answered);
	b->writer.pidfd = -1;
	TAILQ_INSERT_TAIL(&all, b, list);
	return b;
}

static void piece_drop(struct rbytes *b, struct piece *p)
{
	TAILQ_REMOVE(&b->pieces, p, list);
	rcall_unref_p(&p->call);
	free(p);
}

static void forget_ahead(struct rbytes *b)
{
	while (!TAILQ_EMPTY(&b->pieces))
		piece_drop(b, TAILQ_FIRST(&b->pieces));
	b->asked = 0;
}

/* The other host hears of the end of the file after the last write to it: nobody finds it still open there. */
static void end(struct rbytes *b)
{
	if (is_current(b))
		remote_clunk(b->n->r, b->fid);
	TAILQ_REMOVE(&all, b, list);
	task_wake_all(&closings);
	writer_clear(&b->writer);
	rnode_unref(b->n);
	free(b);
}

void rbytes_close(struct rbytes *b)
{
	forget_ahead(b);
	b->closed = true;
	if (!b->nsent)
		end(b);
}

int rbytes_wait_for_the_dead(const struct rnode *n)
{
	int64_t until = now_monotonic_ms() + CLOSE_MS, left;
	const struct rbytes *b;
	int r = 0;

	do {
		TAILQ_FOREACH(b, &all, list)
			if (b->n == n && (b->closed || writer_ended(&b->writer)))
				break;
		left = until - now_monotonic_ms();
		if (b && left > 0)
			r = task_wait(&closings, left);
	} while (b && left > 0 && r != -ECANCELED);
	return r == -ECANCELED ? r : 0;
}

/* ---- writes ---- */

static void on_answer(struct rcall *c, void *arg)
{
	struct sent *s = arg;
	struct rbytes *b = s->b;
	int r = c->r;

	if (r == 0 && c->reply.type == P9_RLERROR)
		r = c->reply.ecode && c->reply.ecode < 4096 ? -(int)c->reply.ecode : -EPROTO;
	else if (r == 0 && (c->reply.type != P9_TWRITE + 1 || c->reply.count != s->n))
		r = -EPROTO;
	if (r < 0 && !b->failed)
		b->failed = -r;
	TAILQ_REMOVE(&b->sent, s, list);
	b->nsent--;
	b->nbytes -= s->n;
	rcall_unref_p(&s->call);
	free(s);
	task_wake_all(&b->answered);
	if (b->closed && !b->nsent)
		end(b);
}

static void send_write(struct rbytes *b, uint64_t off, const char *p, uint32_t n)
{
	struct p9_msg m = { .type = P9_TWRITE, .fid = b->fid, .offset = off, .data = { p, n } };
	struct sent *s = xcalloc(1, sizeof(*s));

	s->b = b;
	s->n = n;
	s->call = remote_send(b->n->r, &m);
	if (!s->call) {
		b->failed = b->failed ? b->failed : EHOSTUNREACH;
		free(s);
		return;
	}
	TAILQ_INSERT_TAIL(&b->sent, s, list);
	b->nsent++;
	b->nbytes += n;
	remote_on_done(s->call, on_answer, s);
}

void rbytes_will_change(struct rbytes *b, pid_t pid)
{
	struct rbytes *other;

	b->changes++;
	writer_note(&b->writer, pid);
	TAILQ_FOREACH(other, &all, list)
		if (other->n == b->n)
			forget_ahead(other);
}

/* It is told once.  An upload that failed cannot be committed: the other host sees to that. */
static int failure(struct rbytes *b)
{
	int r = -b->failed;

	b->failed = 0;
	return r;
}

static bool full(const struct rbytes *b, size_t n)
{
	return b->nsent && (b->nsent >= BEHIND_N || b->nbytes + n > BEHIND);
}

int rbytes_write(struct rbytes *b, pid_t pid, uint64_t off, const char *p, size_t n)
{
	size_t most = b->n->r->msize - 24 < PIECE ? b->n->r->msize - 24 : PIECE;

	if (b->failed)
		return failure(b);
	if (!is_current(b))
		return -EIO;
	if (full(b, n))
		return -EAGAIN;
	rbytes_will_change(b, pid);
	for (size_t done = 0; done < n; done += most)
		send_write(b, off + done, p + done, n - done < most ? n - done : most);
	return b->failed ? failure(b) : 0;
}

int rbytes_write_waiting(struct rbytes *b, pid_t pid, uint64_t off, const char *p, size_t n)
{
	int r, w = 0;

	while ((r = rbytes_write(b, pid, off, p, n)) == -EAGAIN && w == 0)
		w = task_wait(&b->answered, NO_TIMEOUT);
	return r == -EAGAIN ? w : r;
}

static int drain(struct rbytes *b)
{
	int w = 0;

	while (b->nsent && w == 0) /* the link ends them all if the other side is silent */
		w = task_wait(&b->answered, NO_TIMEOUT);
	return w;
}

static struct rbytes *next_written(const struct rnode *n, const struct rbytes *but)
{
	struct rbytes *b;

	TAILQ_FOREACH(b, &all, list)
		if (b->n == n && b != but && b->nsent && !b->closed)
			return b;
	return NULL;
}

/* Messages on one fid are done in their order, those on several need not be. */
static int drain_others(const struct rnode *n, const struct rbytes *but)
{
	struct rbytes *b;
	int w = 0;

	while (w == 0 && (b = next_written(n, but)))
		w = task_wait(&b->answered, NO_TIMEOUT);
	return w;
}

int rnode_written(const struct rnode *n)
{
	return drain_others(n, NULL);
}

int rbytes_call(struct rbytes *b, struct p9_msg *m, struct rcall **out, struct error *err)
{
	int r = drain_others(b->n, b);

	if (r == 0)
		r = check_current(b, err);
	return r == 0 ? remote_call(b->n->r, m, out, err) : r;
}

int rbytes_settle(struct rbytes *b, struct error *err)
{
	int r = drain(b);

	if (r == 0 && b->failed) {
		r = failure(b);
		error_set(err, -r, "what was written before: %s", strerror(-r));
	}
	return r == 0 && b->changes != b->committed ? check_current(b, err) : r;
}

int rbytes_sync(struct rbytes *b, struct error *err)
{
	struct p9_msg m = { .type = P9_TFSYNC, .fid = b->fid, .flags = P9_FSYNC_STORAGE };
	autorcall struct rcall *c = NULL;
	int r = rbytes_settle(b, err);

	return r == 0 ? remote_call(b->n->r, &m, &c, err) : r;
}

int rbytes_commit(struct rbytes *b, struct error *err)
{
	struct p9_msg m = { .type = P9_TFSYNC, .fid = b->fid };
	autorcall struct rcall *c = NULL;
	uint64_t changes = b->changes;
	int r = rbytes_settle(b, err);

	if (r == 0 && b->broken)
		r = error_set(err, EIO, "it broke off before");
	if (r == 0)
		r = remote_call(b->n->r, &m, &c, err);
	if (r == 0)
		b->committed = changes;
	return r;
}

enum closing rbytes_closing(struct rbytes *b, pid_t pid)
{
	enum closing how = b->changes != b->committed ? closing_of(pid, &b->writer) : CLOSE_SHARED;

	b->broken = b->broken || how == CLOSE_BROKEN;
	return how;
}

/* ---- reads ---- */

void rbytes_will_read(struct rbytes *b, uint64_t off, size_t n)
{
	uint64_t ahead = b->ahead * 2ull;

	if (off != b->next || (b->flags & O_DIRECT)) {
		forget_ahead(b);
		b->ahead = 0;
	} else {
		ahead = ahead > 4 * n ? ahead : 4 * n;
		ahead = ahead < AHEAD_MIN ? AHEAD_MIN : ahead;
		b->ahead = ahead < AHEAD_MAX ? ahead : AHEAD_MAX;
	}
	b->next = off + n;
}

/* From OFF, in whole pieces, as far as is worth it. */
static void ask_ahead(struct rbytes *b, uint64_t off, size_t n)
{
	uint32_t most = b->n->r->msize - 24 < PIECE ? b->n->r->msize - 24 : PIECE;
	uint32_t size = b->ahead < most ? b->ahead : most;

	size = n > size / 2 && n <= most ? n : size; /* what is asked for in one size comes in that size */
	if (b->asked < off)
		b->asked = off;
	while (b->ahead && b->asked + size <= off + n + b->ahead) {
		struct p9_msg m = { .type = P9_TREAD, .fid = b->fid, .offset = b->asked, .count = size };
		struct rcall *c = remote_send(b->n->r, &m);
		struct piece *p;

		if (!c)
			return;
		p = xcalloc(1, sizeof(*p));
		*p = (struct piece){ .off = b->asked, .n = size, .call = c, .asked_ms = now_monotonic_ms() };
		TAILQ_INSERT_TAIL(&b->pieces, p, list);
		b->asked += size;
	}
}

static struct piece *piece_at(struct rbytes *b, uint64_t off)
{
	struct piece *p = TAILQ_FIRST(&b->pieces);

	if (p && now_monotonic_ms() - p->asked_ms > FRESH_MS)
		forget_ahead(b);
	TAILQ_FOREACH(p, &b->pieces, list)
		if (p->off <= off && off < p->off + p->n)
			return p;
	return NULL;
}

static int check(const struct rcall *c, uint32_t wanted, struct error *err)
{
	if (c->reply.type != P9_TREAD + 1 || c->reply.data.n > wanted)
		return error_set(err, EPROTO, "the other side answered a Tread with what was not asked");
	return 0;
}

/* What a piece has of N bytes from OFF: how many, 0 when it ends before. */
static int64_t from_piece(struct rbytes *b, struct piece *p, uint64_t off, size_t n, struct buf *out, const char **at,
			  struct error *err)
{
	autorcall struct rcall *c = p->call;
	uint64_t into = off - p->off, here;
	uint32_t wanted = p->n;
	int r = 0;

	c->refs++;
	while (!c->done && r == 0) /* it may be another's as well: who gives up takes it from nobody */
		r = task_wait(&c->q, NO_TIMEOUT);
	if (r == 0)
		r = remote_await(b->n->r, c, err);
	if (r == 0)
		r = check(c, wanted, err);
	if (r < 0)
		return r;
	here = c->reply.data.n > into ? c->reply.data.n - into : 0;
	here = here < n ? here : n;
	if (!out->n && !into && here == n && c->refs == 2 && n == wanted) { /* all of it: its memory is taken */
		*at = c->reply.data.p;
		*out = c->bytes;
		c->bytes = (struct buf){ 0 };
		c->reply.data = (struct str){ 0 };
		p = piece_at(b, off);
		if (p && p->call == c)
			piece_drop(b, p);
		return (int64_t)here;
	}
	buf_add(out, c->reply.data.p + into, here);
	*at = out->p;
	return (int64_t)here;
}

static int64_t asked_now(struct rbytes *b, uint64_t off, size_t n, struct buf *out, const char **at, struct error *err)
{
	struct p9_msg m = { .type = P9_TREAD, .fid = b->fid, .offset = off, .count = n };
	autorcall struct rcall *c = NULL;
	int r;

	if (m.count > b->n->r->msize - 24)
		m.count = b->n->r->msize - 24;
	r = remote_call(b->n->r, &m, &c, err);
	if (r == 0)
		r = check(c, m.count, err);
	if (r < 0)
		return r;
	buf_add(out, c->reply.data.p, c->reply.data.n);
	*at = out->p;
	return (int64_t)c->reply.data.n;
}

int rbytes_read(struct rbytes *b, uint64_t off, size_t n, struct buf *out, const char **at, size_t *length,
		struct error *err)
{
	int64_t got = drain_others(b->n, b);
	struct piece *p;

	*length = 0;
	if (got == 0)
		got = check_current(b, err);
	if (got == 0)
		ask_ahead(b, off, n);
	while (got >= 0 && *length < n) {
		p = piece_at(b, off + *length);
		got = p ? from_piece(b, p, off + *length, n - *length, out, at, err) : 0;
		if (got == 0) /* the end, perhaps; or nobody read on until now */
			got = asked_now(b, off + *length, n - *length, out, at, err);
		if (got <= 0)
			break;
		*length += (size_t)got;
	}
	while ((p = TAILQ_FIRST(&b->pieces)) && p->off + p->n <= off + n)
		piece_drop(b, p);
	return got < 0 ? (int)got : 0;
}
