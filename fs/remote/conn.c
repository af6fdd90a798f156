/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A link to another engine: kept up, with requests on it by their tags. */
#include "remote.h"

#include <stdlib.h>
#include <unistd.h>

#include "engine/event.h"
#include "engine/loop.h"
#include "engine/units.h"

#define GREET_MS       25000 /* how long the first answer of a new link may take: ssh has to log in before */
#define BACKOFF_MIN_MS 500
#define BACKOFF_MAX_MS 30000
#define YOUNG_MAX      32   /* attempts that begin at once: each may be a thread or a process */
#define YOUNG_MS       1000 /* then it is one of the slow, and lets others begin */

int64_t remote_silence_ms = 15000;

const char *const remote_state_names[] = { "idle", "connecting", "connected", "lost", NULL };

static struct hash *remotes;
static unsigned last_index;
static unsigned young;
static struct waitq gate = TAILQ_HEAD_INITIALIZER(gate);

struct remote *remote_of_index(unsigned index)
{
	return remotes ? hash_get_u64(remotes, index) : NULL;
}

struct remote *remote_new(const char *uri)
{
	struct remote *r = xcalloc(1, sizeof(*r));

	if (!remotes)
		remotes = hash_new();
	r->index = ++last_index;
	r->uri = xstrdup(uri);
	r->refs = 1;
	r->calls = hash_new();
	TAILQ_INIT(&r->changed);
	TAILQ_INIT(&r->hurry);
	hash_put_u64(remotes, r->index, r);
	rnodes_open(r);
	return r;
}

void remote_map(struct remote *r)
{
	r->mapped = geteuid() != 0 && !str_starts(r->uri, "unix:");
	r->map_uid = geteuid();
	r->map_gid = getegid();
}

void remote_unref(struct remote *r)
{
	if (--r->refs)
		return;
	rnodes_free(r);
	hash_free(r->calls);
	free(r->uri);
	free(r->error_text);
	free(r->carrier.how);
	free(r);
}

static void enter(struct remote *r, enum remote_state state, const char *why)
{
	if (why) {
		free(r->error_text);
		r->error_text = xstrdup(why);
	} else if (state == REMOTE_CONNECTED) {
		free(take(&r->error_text));
	}
	r->state = state;
	task_wake_all(&r->changed);
	if (r->on_state)
		r->on_state(r);
}

/* ---- calls ---- */

static void rcall_unref(struct rcall *c)
{
	if (--c->refs)
		return;
	buf_clear(&c->bytes);
	free(c);
}

void rcall_unref_p(struct rcall **c)
{
	if (*c)
		rcall_unref(*c);
}

static bool is_safe(const struct p9_msg *m)
{
	switch (m->type) {
	case P9_TPUT:
	case P9_TWRITE:
	case P9_TFSYNC: /* an upload's commit */
	case P9_TLCREATE:
	case P9_TMKDIR:
	case P9_TUNLINKAT:
	case P9_TRENAMEAT:
	case P9_TSYMLINK:
	case P9_TSETATTR:
		return false;
	default:
		return true;
	}
}

static uint16_t new_tag(struct remote *r)
{
	do
		r->last_tag = r->last_tag >= 65000 ? 2 : r->last_tag + 1;
	while (hash_get_u64(r->calls, r->last_tag) || r->last_tag == r->watch_tag);
	return r->last_tag;
}

struct rcall *remote_send(struct remote *r, struct p9_msg *m)
{
	autobuf struct buf bytes = { 0 };
	struct rcall *c;

	if (!r->link || hash_count(r->calls) > 60000)
		return NULL;
	c = xcalloc(1, sizeof(*c));
	c->refs = 2;
	c->safe = is_safe(m);
	TAILQ_INIT(&c->q);
	c->tag = m->tag = new_tag(r);
	hash_put_u64(r->calls, c->tag, c);
	p9_encode(m, &bytes);
	link_send(r->link, &bytes);
	if (!c->safe)
		r->changed_ms = now_monotonic_ms();
	return c;
}

static void finish(struct rcall *c, int r)
{
	c->done = true;
	c->r = r;
	task_wake_all(&c->q);
	rcall_unref(c);
}

static void cut_one(void *arg, uint64_t tag unused, void *value)
{
	struct rcall *c = value;

	(void)arg;
	finish(c, c->safe ? -EHOSTUNREACH : -EIO);
}

static void cut_calls(struct remote *r)
{
	struct hash *calls = r->calls;

	r->calls = hash_new();
	hash_each_u64(calls, cut_one, NULL);
	hash_free(calls);
}

static int lost(struct remote *r, const struct rcall *c, struct error *err)
{
	if (c && c->r == -EIO)
		return error_set(
			err, EIO,
			"the connection to %s broke before it answered: whether it was done is not known; look before "
			"you do it again",
			r->uri);
	return error_set(err, EHOSTUNREACH, "%s is not connected%s%s", r->uri, r->error_text ? ": " : "",
			 r->error_text ? r->error_text : "");
}

/* Only to keep its tag until the other side has let go of it. */
static void flush(struct remote *r, uint16_t tag)
{
	struct p9_msg m = { .type = P9_TFLUSH, .oldtag = tag };
	struct rcall *c = remote_send(r, &m);

	if (c)
		rcall_unref(c);
}

int remote_await(struct remote *r, struct rcall *c, struct error *err)
{
	int w = 0;

	if (!c)
		return lost(r, NULL, err);
	while (!c->done && w == 0)
		w = task_wait(&c->q, NO_TIMEOUT);
	if (!c->done) {
		flush(r, c->tag);
		return w;
	}
	if (c->r < 0)
		return lost(r, c, err);
	if (c->reply.type == P9_RLERROR || c->reply.type == P9_RFAIL) {
		int code = c->reply.ecode && c->reply.ecode < 4096 ? c->reply.ecode : EPROTO;
		return error_set(err, code, "%.*s", (int)c->reply.name.n, c->reply.name.p ? c->reply.name.p : "");
	}
	return 0;
}

int remote_call(struct remote *r, struct p9_msg *m, struct rcall **out, struct error *err)
{
	uint8_t want = m->type + 1;
	int ret;

	*out = remote_send(r, m);
	ret = remote_await(r, *out, err);
	if (ret == 0 && (*out)->reply.type != want)
		ret = error_set(err, EPROTO, "%s answered a %s with a %s", r->uri, p9_name(m->type),
				p9_name((*out)->reply.type));
	return ret;
}

uint32_t remote_fid(struct remote *r)
{
	if (++r->last_fid >= 0xfffffff0u)
		r->last_fid = 1;
	return r->last_fid;
}

void remote_clunk(struct remote *r, uint32_t fid)
{
	struct p9_msg m = { .type = P9_TCLUNK, .fid = fid };
	struct rcall *c = remote_send(r, &m);

	if (c)
		rcall_unref(c);
}

/* ---- the link ---- */

static void on_message(void *arg, struct str bytes)
{
	struct remote *r = arg;
	autoerror struct error err = { 0 };
	struct p9_msg m;
	struct rcall *c;
	int d = p9_decode(bytes, &m, &err);

	r->heard_ms = now_monotonic_ms();
	c = hash_get_u64(r->calls, m.tag);
	if (d == 0 && !c && r->watch_tag && m.tag == r->watch_tag && m.type == P9_TWATCH + 1) {
		rnode_news(r, m.data);
		return;
	}
	if (d < 0 || !(m.type & 1) || !c) {
		remote_stop(r, d < 0 ? error_text(&err) : "it answered what was not asked");
		return;
	}
	hash_put_u64(r->calls, m.tag, NULL);
	buf_add(&c->bytes, bytes.p, bytes.n);
	(void)!p9_decode((struct str){ c->bytes.p, c->bytes.n }, &c->reply, NULL);
	c->news = r->news;
	if (m.type == P9_TWATCH + 1)
		r->watch_tag = m.tag;
	if (!c->safe)
		r->changed_ms = r->heard_ms;
	finish(c, 0);
}

static void on_ended(void *arg, const struct error *err)
{
	struct remote *r = arg;
	autofree char *said = transport_words(&r->carrier);

	remote_stop(r, said ? said : err->code ? error_text(err) : "the other side closed the connection");
}

static const struct link_ops link_ops = { .message = on_message, .ended = on_ended };

void remote_stop(struct remote *r, const char *why)
{
	struct link *l = take(&r->link);

	if (!l)
		return;
	link_free(l);
	transport_end(&r->carrier);
	enter(r, REMOTE_LOST, why);
	log_line("%s: %s", r->uri, why);
	rnodes_forget(r);
	cut_calls(r);
}

static void greet_late(void *arg)
{
	struct remote *r = arg;
	autofree char *said = transport_words(&r->carrier);

	r->greet_timer = NULL;
	remote_stop(r, said ? said : "it did not answer within 25 seconds");
}

static int attempt(struct remote *r, struct error *err)
{
	int64_t began = now_monotonic_ms();
	int ret;

	free(take(&r->carrier.how));
	ret = transport_open(r->uri, &r->carrier, err);
	if (ret < 0)
		return ret;
	if (r->closing) {
		if (r->carrier.out != r->carrier.in)
			close(r->carrier.out);
		close(r->carrier.in);
		transport_end(&r->carrier);
		return -ECANCELED;
	}
	r->watch_tag = 0;
	r->links++;
	r->link = link_new(r->carrier.in, r->carrier.out, P9_MSIZE_MAX, &link_ops, r);
	r->heard_ms = began;
	r->greet_timer = loop_timer(GREET_MS, greet_late, r);
	ret = rnode_greet(r, err);
	loop_untimer(take(&r->greet_timer));
	if (ret == 0)
		free(transport_words(&r->carrier)); /* a greeting of that host is not why the link ends some day */
	if (ret < 0 && !r->link && !r->closing)	    /* it ended by itself, and the reason is known */
		return error_set(err, EHOSTUNREACH, "%s", r->error_text);
	if (ret < 0) {
		struct link *l = take(&r->link);
		link_free(l);
		transport_end(&r->carrier);
		cut_calls(r);
	}
	return ret;
}

/* A link that says nothing is asked for a sign of life three times, and given up. */
static int watch_link(struct remote *r)
{
	int64_t ping = remote_silence_ms / 3;

	while (r->link && !r->closing) {
		int64_t quiet = now_monotonic_ms() - r->heard_ms, next;
		int w;
		if (quiet >= remote_silence_ms) {
			autofree char *why =
				xasprintf("it has not answered for %g seconds", remote_silence_ms / 1000.0);
			remote_stop(r, why);
			break;
		}
		if (quiet >= ping) {
			struct p9_msg m = { .type = P9_TSTATFS, .fid = 0 };
			struct rcall *c = remote_send(r, &m);
			if (c)
				rcall_unref(c);
		}
		next = quiet < ping ? ping - quiet : ping;
		w = task_wait(&r->changed, next < remote_silence_ms - quiet ? next : remote_silence_ms - quiet);
		if (w == -ECANCELED)
			return w;
	}
	return 0;
}

/* ---- again and again ---- */

static void grown(void *arg)
{
	bool *is_young = arg;

	*is_young = false;
	young--;
	task_wake(&gate);
}

/* Hundreds of hosts begin together: not all at once, and those that are dead do not keep the others. */
static int attempt_in_turn(struct remote *r, struct error *err)
{
	bool is_young = true;
	struct loop_timer *t;
	int w = 0;

	while (young >= YOUNG_MAX && w == 0)
		w = task_wait(&gate, NO_TIMEOUT);
	if (w < 0)
		return w;
	young++;
	t = loop_timer(YOUNG_MS, grown, &is_young);
	w = attempt(r, err);
	if (is_young) {
		loop_untimer(t);
		grown(&is_young);
	}
	return w;
}

/* After N failures: twice as long each time, and not all of those that were lost together at the same instant. */
static int64_t backoff(unsigned failures)
{
	int64_t most = BACKOFF_MIN_MS;

	while (--failures && most < BACKOFF_MAX_MS)
		most *= 2;
	most = most < BACKOFF_MAX_MS ? most : BACKOFF_MAX_MS;
	return most / 2 + random() % (most / 2 + 1);
}

/* A host that was lost stays so until it is there again: what tries that goes on behind its back. */
static void keep_up(void *arg)
{
	struct remote *r = arg;
	int w = 0;

	r->task = task_self();
	while (!r->closing && w != -ECANCELED) {
		autoerror struct error err = { 0 };
		int64_t wait;
		if (attempt_in_turn(r, &err) == 0) {
			r->failures = 0;
			enter(r, REMOTE_CONNECTED, NULL);
			w = watch_link(r);
			continue;
		}
		if (r->closing)
			break;
		wait = backoff(++r->failures);
		r->next_ns = now_realtime_ns() + wait * 1000000;
		enter(r, REMOTE_LOST, error_text(&err));
		w = task_wait(&r->hurry, wait);
	}
	r->task = NULL;
	remote_unref(r);
}

void remote_hurry(struct remote *r)
{
	if (r->state == REMOTE_LOST)
		enter(r, REMOTE_CONNECTING, NULL);
	r->failures = 0;
	task_wake_all(&r->hurry);
}

void remote_start(struct remote *r)
{
	if (r->task || r->closing)
		return;
	r->refs++;
	enter(r, REMOTE_CONNECTING, NULL);
	task_start(keep_up, r);
}

void remote_free(struct remote *r)
{
	if (!r || r->closing)
		return;
	r->closing = true;
	hash_put_u64(remotes, r->index, NULL);
	if (hash_count(remotes) == 0)
		hash_free(take(&remotes));
	remote_stop(r, "it is not wanted any more");
	r->on_state = NULL;
	task_wake_all(&r->changed);
	task_cancel(r->task);
	remote_unref(r);
}

int remote_ready(struct remote *r, int64_t timeout_ms, struct error *err)
{
	int64_t until = now_monotonic_ms() + timeout_ms, left;
	int w = 0;

	/* once it was lost, nobody waits for what may take long again: the next attempt goes on in the background */
	while (r->state == REMOTE_CONNECTING && !r->closing && w == 0 && (left = until - now_monotonic_ms()) > 0)
		w = task_wait(&r->changed, left);
	if (w == -ECANCELED)
		return w;
	return r->state == REMOTE_CONNECTED ? 0 : lost(r, NULL, err);
}
