/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A 9P connection.  Each request is a task, begun in the order of arrival: what does not wait is answered before the next one is looked
 * at, and a request on a fid that a walk is still looking for waits for that walk; so a client may send a whole walk, open, read and clunk at
 * once.  Only then are they answered out of order.
 */
#include "p9.h"

#include "engine/loop.h"
#include "fs/clients.h"

#define COMPLAIN_MS 1000
#define SILENCE_MS  10000 /* who has attached nothing by then is not kept */

static TAILQ_HEAD(, p9_conn) conns = TAILQ_HEAD_INITIALIZER(conns);

static p9_run *const runs[256] = {
	[P9_TVERSION] = p9_version,
	[P9_TATTACH] = p9_attach,
	[P9_TWALK] = p9_walk,
	[P9_TCLUNK] = p9_clunk,
	[P9_TREMOVE] = p9_remove,
	[P9_TGETATTR] = p9_getattr,
	[P9_TSETATTR] = p9_setattr,
	[P9_TSTATFS] = p9_statfs,
	[P9_TREADLINK] = p9_readlink,
	[P9_TREADDIR] = p9_readdir,
	[P9_TLOPEN] = p9_lopen,
	[P9_TLCREATE] = p9_lcreate,
	[P9_TREAD] = p9_read,
	[P9_TWRITE] = p9_write,
	[P9_TFSYNC] = p9_fsync,
	[P9_TLOCK] = p9_lock,
	[P9_TGETLOCK] = p9_getlock,
	[P9_TMKDIR] = p9_mkdir,
	[P9_TUNLINKAT] = p9_unlinkat,
	[P9_TRENAMEAT] = p9_renameat,
	[P9_TRENAME] = p9_rename,
	[P9_TSYMLINK] = p9_symlink,
	[P9_TMKNOD] = p9_mknod,
	[P9_TLINK] = p9_link,
	[P9_TXATTRWALK] = p9_xattrwalk,
	[P9_TXATTRCREATE] = p9_xattrcreate,
	[P9_TGET] = p9_get,
	[P9_TLIST] = p9_list,
	[P9_TPUT] = p9_put,
	[P9_TWATCH] = p9_watch,
	[P9_TPOLL] = p9_poll,
	[P9_TSEEK] = p9_seek,
	[P9_TALLOCATE] = p9_allocate,
	[P9_TCOPY] = p9_copy,
	[P9_TNEXT] = p9_next,
};

static void conn_unref(struct p9_conn *c)
{
	if (--c->refs)
		return;
	hash_free(c->fids);
	client_free(c->client);
	buf_clear(&c->out);
	free(c->peer);
	free(c);
}

void p9_send(struct p9_conn *c, const struct p9_msg *m)
{
	if (c->closed)
		return;
	p9_encode(m, &c->out);
	link_send(c->link, &c->out);
}

/* A reply: what it says is not older than the news before it. */
static void send(struct p9_conn *c, const struct p9_msg *m)
{
	if (c->closed)
		return;
	p9_news_tell(c);
	c->all_told = false;
	p9_send(c, m);
}

void p9_each_conn(void (*fn)(struct p9_conn *c))
{
	struct p9_conn *c, *next;

	for (c = TAILQ_FIRST(&conns); c; c = next) {
		next = TAILQ_NEXT(c, list); /* a connection that breaks while it is told goes by itself only */
		fn(c);
	}
}

static void send_error(struct p9_conn *c, const struct p9_req *q, int r, const struct error *err)
{
	struct p9_msg m = { .type = P9_RLERROR, .tag = q->msg.tag, .ecode = -r };

	if (c->own && q->msg.type >= P9_TGET) {
		m.type = P9_RFAIL;
		m.name = str_of(error_text(err));
	}
	send(c, &m);
}

/* ---- how much goes on ---- */

void p9_throttle(struct p9_conn *c)
{
	if (!c->closed)
		link_pause(c->link, c->nreqs >= P9_REQUESTS_MAX || c->held >= P9_HELD_MAX || link_busy(c->link));
}

int p9_park(struct p9_req *q, struct error *err)
{
	struct p9_conn *c = q->conn;

	if (c->nparked >= P9_PARKED_MAX || c->parked_bytes + q->bytes.n > P9_PARKED_BYTES_MAX)
		return error_set(err, EAGAIN, "%u requests of this connection wait for something already: at most %u",
				 c->nparked, P9_PARKED_MAX);
	q->parked = true;
	c->held -= q->weight;
	c->nreqs--;
	q->weight = q->bytes.n;
	c->parked_bytes += q->weight;
	c->nparked++;
	p9_throttle(c);
	return 0;
}

void p9_unpark(struct p9_req *q)
{
	struct p9_conn *c = q->conn;

	q->parked = false;
	c->parked_bytes -= q->weight;
	c->nparked--;
	c->held += q->weight;
	c->nreqs++;
}

static size_t weight(const struct p9_conn *c, const struct p9_req *q)
{
	switch (q->msg.type) {
	case P9_TREAD:
	case P9_TNEXT:
	case P9_TREADDIR:
	case P9_TGET:
	case P9_TLIST:
		return q->bytes.n + (q->msg.count < c->msize ? q->msg.count : c->msize);
	default:
		return q->bytes.n;
	}
}

void p9_abort_others(struct p9_req *self)
{
	struct p9_req *q;

	TAILQ_FOREACH(q, &self->conn->reqs, list) {
		if (q == self)
			continue;
		q->silent = true;
		task_cancel(q->task);
	}
}

static void unref_object(void *obj)
{
	object_unref(obj);
}

/* Rflush comes after whatever answer there was. */
static void answer_flushes(struct p9_req *q)
{
	for (size_t i = 0; i < q->flushes.n && !q->silent; i++) {
		struct p9_msg m = { .type = P9_TFLUSH + 1, .tag = (uintptr_t)q->flushes.at[i] };
		send(q->conn, &m);
	}
}

void p9_answer(struct p9_req *q, const struct p9_msg *m)
{
	send(q->conn, m);
	answer_flushes(q);
	q->silent = true;
}

static void req_end(struct p9_req *q)
{
	struct p9_conn *c = q->conn;

	answer_flushes(q);
	TAILQ_REMOVE(&c->reqs, q, list);
	c->nreqs--;
	c->held -= q->weight;
	p9_throttle(c);
	vec_clear(&q->flushes, NULL);
	vec_clear(&q->objects, unref_object);
	buf_clear(&q->bytes);
	buf_clear(&q->text);
	free(q);
	conn_unref(c);
}

bool p9_given_up(const struct p9_req *q)
{
	return q->silent || q->flushes.n || q->conn->closed;
}

int p9_failed(const struct p9_req *q, const struct place *at, const struct who *who, int r, struct error *err)
{
	if (r < 0 && !(r == -ECANCELED && p9_given_up(q)))
		record_failure(at, who, r, err);
	return r;
}

static void run(void *arg)
{
	struct p9_req *q = arg;
	struct p9_msg out = { .type = q->msg.type + 1, .tag = q->msg.tag };
	autoerror struct error err = { 0 };
	int r;

	q->task = task_self();
	r = runs[q->msg.type](q, &out, &err);
	if (r == -ECANCELED && p9_given_up(q)) /* what somebody else ended is not to be tried again */
		r = -EINTR;
	if (r < 0 && !q->silent)
		send_error(q->conn, q, r, &err);
	else if (!q->silent)
		send(q->conn, &out);
	req_end(q);
}

static void flush(struct p9_conn *c, const struct p9_msg *m)
{
	struct p9_msg reply = { .type = P9_TFLUSH + 1, .tag = m->tag };
	struct p9_req *q;

	TAILQ_FOREACH(q, &c->reqs, list) {
		if (q->msg.tag != m->oldtag || q->silent || q->flushes.n >= P9_REQUESTS_MAX)
			continue;
		vec_add(&q->flushes, (void *)(uintptr_t)m->tag);
		task_cancel(q->task);
		return;
	}
	send(c, &reply);
}

static void close_conn(struct p9_conn *c)
{
	struct p9_req *q;

	if (c->closed)
		return;
	c->closed = true;
	TAILQ_REMOVE(&conns, c, list);
	loop_untimer(take(&c->silence));
	link_free(take(&c->link));
	TAILQ_FOREACH(q, &c->reqs, list)
		task_cancel(q->task);
	p9_fids_clear(c);
	client_gone(c->client);
	if (c->ended)
		c->ended(c->arg);
	conn_unref(c);
}

/* Whoever knocks all day fills no log. */
static void complain(const struct p9_conn *c, const struct error *err)
{
	static int64_t last_ms;
	static unsigned untold;
	int64_t now = now_monotonic_ms();

	if (last_ms && now - last_ms < COMPLAIN_MS) {
		untold++;
		return;
	}
	if (untold)
		log_line("9p: %u more like the last one", untold);
	log_line("9p: %s: %s: closed", c->peer, error_text(err));
	last_ms = now;
	untold = 0;
}

static void refuse(struct p9_conn *c, const struct error *err)
{
	complain(c, err);
	close_conn(c);
}

/* -EBADMSG: whoever sends this does not speak 9P.  Else an errno that it is answered with. */
static int acceptable(struct p9_conn *c, const struct p9_msg *m, int r, struct error *err)
{
	if (r == -EBADMSG)
		return r;
	if (m->type & 1)
		return error_set(err, EBADMSG, "a message of type %u is no request", m->type);
	if (!c->msize && m->type != P9_TVERSION)
		return error_set(err, EBADMSG, "a request of type %u before Tversion", m->type);
	if (r < 0 || m->type == P9_TFLUSH)
		return r;
	if (m->type == P9_TAUTH) /* who wants to authenticate here has done so already: by the link */
		return -ENOENT;
	if (!runs[m->type] || (m->type >= P9_TGET && !c->own))
		return error_set(err, EOPNOTSUPP, "%s is not served", p9_name(m->type));
	return 0;
}

static void on_message(void *arg, struct str bytes)
{
	struct p9_conn *c = arg;
	autoerror struct error err = { 0 };
	struct p9_req *q = xcalloc(1, sizeof(*q));
	int r;

	c->refs++;
	q->conn = c;
	buf_add(&q->bytes, bytes.p, bytes.n);
	r = p9_decode((struct str){ q->bytes.p, q->bytes.n }, &q->msg, &err);
	r = acceptable(c, &q->msg, r, &err);
	if (r == 0 && q->msg.type != P9_TFLUSH) {
		TAILQ_INSERT_TAIL(&c->reqs, q, list);
		c->nreqs++;
		c->held += q->weight = weight(c, q);
		p9_throttle(c);
		task_start(run, q);
		return;
	}
	if (r == -EBADMSG)
		refuse(c, &err);
	else if (r < 0)
		send_error(c, q, r, &err);
	else
		flush(c, &q->msg);
	p9_throttle(c);
	buf_clear(&q->bytes);
	free(q);
	conn_unref(c);
}

static void on_ended(void *arg, const struct error *err)
{
	struct p9_conn *c = arg;

	if (err->code && err->code != ECONNRESET && err->code != EPIPE)
		complain(c, err);
	close_conn(c);
}

static void on_drained(void *arg)
{
	p9_throttle(arg);
}

static const struct link_ops link_ops = { .message = on_message, .ended = on_ended, .drained = on_drained };

static void on_silence(void *arg)
{
	struct p9_conn *c = arg;

	c->silence = NULL;
	if (!c->attached)
		close_conn(c);
}

static unsigned fids_of(void *arg)
{
	const struct p9_conn *c = arg;

	return hash_count(c->fids);
}

/* The connection may be the one that asks for it. */
static void end_now(void *arg)
{
	struct p9_conn *c = arg;

	close_conn(c);
	conn_unref(c);
}

static void end_soon(void *arg)
{
	struct p9_conn *c = arg;

	c->refs++;
	loop_soon(end_now, c);
}

struct p9_conn *p9_serve(int in, int out, const struct who *who, const char *peer, void (*ended)(void *arg), void *arg)
{
	static uint32_t last_id;
	struct p9_conn *c = xcalloc(1, sizeof(*c));

	c->client = client_new(who, peer, end_soon, fids_of, c);
	c->id = ++last_id;
	c->who = *who;
	c->who.connection = client_number(c->client);
	c->root = who->uid == 0;
	c->peer = xstrdup(peer);
	c->refs = 1;
	c->ended = ended;
	c->arg = arg;
	c->fids = hash_new();
	TAILQ_INIT(&c->reqs);
	TAILQ_INSERT_TAIL(&conns, c, list);
	c->silence = loop_timer(SILENCE_MS, on_silence, c);
	c->link = link_new(in, out, P9_FIRST_MAX, &link_ops, c);
	return c;
}

void p9_close_all(void)
{
	struct p9_conn *c;

	while ((c = TAILQ_FIRST(&conns)))
		close_conn(c);
}
