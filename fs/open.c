/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Open files and renderings.  What is shown is rendered once per open, so that size and bytes agree; volatile values are rendered
 * once for a stat and the open that follows it.
 */
#include "open.h"
#include "act.h"

#include <fcntl.h>

#include "bytes.h"
#include "scratch.h"

#define SECRET_WRITE_MAX (1u << 20)  /* what is kept of one that comes in pieces; it is refused long before */
#define KEPT_TEXT	 (64u << 10) /* a spare handle keeps a buffer up to this */
#define MAX_SPARE	 64
#define SAMPLES		 64
#define SAMPLE_MS	 100 /* how long a stat and an open share one rendering: facts in docs/architecture.md */

struct sample {
	uint64_t ino;
	uid_t uid; /* of a personal one: whose */
	int64_t at_ms;
	bool opened; /* one open took it: the next one renders again */
	struct buf text;
};

static TAILQ_HEAD(, handle) open_handles = TAILQ_HEAD_INITIALIZER(open_handles);
static struct handle *spare;
static unsigned nspare;
static struct sample samples[SAMPLES];
static unsigned next_sample;
static struct hash *last_sizes; /* inode -> size + 1 of what was last read from a WAITS file */

struct handle *handle_new(const struct place *at, int flags)
{
	struct handle *h = spare;

	if (h) {
		spare = h->next_spare;
		nspare--;
	} else {
		h = xcalloc(1, sizeof(*h));
	}
	h->slot = at->slot;
	h->obj = at->obj;
	h->flags = flags;
	if (at->who)
		h->who = *at->who;
	if (h->obj)
		object_ref(h->obj);
	TAILQ_INSERT_TAIL(&open_handles, h, list);
	return h;
}

void handle_free(struct handle *h)
{
	struct buf text;

	if (!h)
		return;
	if (h->slot && h->slot->entry->stream && h->slot->entry->stream->release)
		h->slot->entry->stream->release(h);
	TAILQ_REMOVE(&open_handles, h, list);
	if (h->bytes)
		bytes_close(h->bytes, &h->who);
	draft_free(h->draft);
	buf_wipe(&h->written);
	if (h->slot && h->slot->entry->secret)
		buf_wipe(&h->text);
	if (h->scratch)
		scratch_closed(h->scratch);
	object_unref(h->obj);
	text = h->text;
	if (nspare == MAX_SPARE) {
		buf_clear(&text);
		free(h);
		return;
	}
	if (text.cap > KEPT_TEXT)
		buf_clear(&text);
	buf_reset(&text);
	*h = (struct handle){ .text = text, .next_spare = spare };
	spare = h;
	nspare++;
}

const struct handle *handle_of_ino(uint64_t ino)
{
	const struct handle *h;

	TAILQ_FOREACH(h, &open_handles, list)
		if (h->ino == ino)
			return h;
	return NULL;
}

bool handle_writes(uint64_t ino)
{
	const struct handle *h;

	TAILQ_FOREACH(h, &open_handles, list)
		if (h->writes_ino == ino)
			return true;
	return false;
}

void handles_close(void)
{
	struct handle *h;

	while ((h = TAILQ_FIRST(&open_handles)))
		handle_free(h);
	while ((h = spare)) {
		spare = h->next_spare;
		buf_clear(&h->text);
		free(h);
	}
	nspare = 0;
	for (unsigned i = 0; i < SAMPLES; i++)
		buf_clear(&samples[i].text);
	memset(samples, 0, sizeof(samples));
	hash_free(take(&last_sizes));
}

struct place handle_place(const struct handle *h, const struct who *who)
{
	return (struct place){ .slot = h->slot, .obj = h->obj, .who = who };
}

bool slot_waits(const struct slot *s)
{
	return s->entry->fresh == WAITS;
}

static uid_t whose(const struct place *at)
{
	return at->slot->entry->personal && at->who ? at->who->uid : 0;
}

static struct sample *sample_find(const struct place *at)
{
	uint64_t ino = place_ino(at);

	for (unsigned i = 0; i < SAMPLES; i++)
		if (samples[i].ino == ino && samples[i].uid == whose(at))
			return &samples[i];
	return NULL;
}

static struct sample *sample_fresh(const struct place *at)
{
	struct sample *s = sample_find(at);

	return s && now_monotonic_ms() - s->at_ms < SAMPLE_MS ? s : NULL;
}

static struct sample *sample_put(const struct place *at)
{
	struct sample *s = sample_find(at);

	if (!s)
		s = &samples[next_sample++ % SAMPLES];
	if (s->text.cap > KEPT_TEXT)
		buf_clear(&s->text);
	buf_reset(&s->text);
	s->ino = place_ino(at);
	s->uid = whose(at);
	s->opened = false;
	s->at_ms = now_monotonic_ms();
	return s;
}

void samples_drop(void)
{
	for (unsigned i = 0; i < SAMPLES; i++)
		samples[i].ino = 0;
}

void samples_forget(const struct object *o)
{
	samples_drop();
	verdict_set((struct object *)o, NULL);
	if (!last_sizes || !hash_count(last_sizes))
		return;
	for (unsigned i = 0; i < tree_count(); i++) {
		struct place at = { .slot = tree_slot(i), .obj = (struct object *)o };

		if (at.slot->kind == o->kind && slot_waits(at.slot))
			hash_put_u64(last_sizes, place_ino(&at), NULL);
	}
}

/* Renders a value that is sampled; the sample is what stat and open then agree on. */
static struct sample *sample_render(const struct place *at, struct error *err, int *r)
{
	struct buf text = { 0 };
	struct sample *s;

	*r = place_show(at, &text, err);
	if (*r < 0) {
		buf_clear(&text);
		return NULL;
	}
	s = sample_put(at);
	buf_clear(&s->text);
	s->text = text;
	return s;
}

static uint64_t live_size(const struct place *at)
{
	struct sample *s = sample_fresh(at);
	autoerror struct error err = { 0 };
	int r;

	if (!s)
		s = sample_render(at, &err, &r);
	return s ? s->text.n : 0;
}

static uint64_t keep_size(const struct place *at)
{
	static struct buf text;
	autoerror struct error err = { 0 };
	uint64_t n;

	buf_reset(&text);
	n = place_show(at, &text, &err) < 0 ? 0 : text.n;
	if (at->slot->entry->secret)
		buf_wipe(&text);
	if (text.cap > KEPT_TEXT)
		buf_clear(&text);
	return n;
}

uint64_t place_size(const struct place *at)
{
	const struct entry *e = at->slot->entry;

	switch (e->kind) {
	case ENTRY_STREAM:
		return e->stream->size ? e->stream->size(at) : 0;
	case ENTRY_BYTES:
		return e->size(at);
	case ENTRY_VALUE:
	case ENTRY_DOC:
	case ENTRY_PROPS:
		break;
	case ENTRY_LINK:
		return keep_size(at);
	default:
		return 0;
	}
	if (slot_is_dir(at->slot) || !e->show)
		return 0;
	if (e->fresh == KEEP)
		return keep_size(at);
	if (e->fresh == LIVE)
		return live_size(at);
	/* Whoever asks the hypervisor waits: only a read does. */
	return last_sizes ? (uintptr_t)hash_get_u64(last_sizes, place_ino(at)) : 0;
}

static int open_sampled(struct handle *h, const struct place *at, struct error *err)
{
	struct sample *s = sample_fresh(at);
	int r = 0;

	if (!s || s->opened)
		s = sample_render(at, err, &r);
	if (s) {
		buf_add(&h->text, s->text.p, s->text.n);
		s->opened = true;
	}
	return r;
}

static int open_waiting(struct handle *h, const struct place *at, struct error *err)
{
	int r = place_show(at, &h->text, err);

	if (r < 0)
		return r;
	if (!last_sizes)
		last_sizes = hash_new();
	hash_put_u64(last_sizes, place_ino(at), (void *)(uintptr_t)h->text.n);
	return 0;
}

int handle_open(struct handle *h, struct error *err)
{
	const struct entry *e = h->slot->entry;
	struct place at = handle_place(h, &h->who);
	int r = 0;

	if (e->kind == ENTRY_STREAM || e->kind == ENTRY_BYTES) {
		if (e->kind == ENTRY_BYTES)
			r = bytes_open(h, err);
		else if (e->stream->open)
			r = e->stream->open(&at, h, err);
		act_opened(h, r);
		return r;
	}
	if ((h->flags & O_ACCMODE) == O_WRONLY || !e->show)
		return 0;
	if (e->fresh == KEEP)
		return place_show(&at, &h->text, err);
	return e->fresh == LIVE ? open_sampled(h, &at, err) : open_waiting(h, &at, err);
}

int handle_read(struct handle *h, const struct who *who, uint64_t off, size_t n, struct str *out, struct error *err)
{
	struct place at = handle_place(h, who);
	const struct buf *text = h->scratch ? scratch_text(h->scratch) : &h->text;
	bool again = h->stale && !off;
	int r;

	if (h->slot && !slot_waits(h->slot) && (again || (h->slot->entry->grows && off >= text->n))) {
		buf_reset(&h->text);
		h->stale = false;
		r = place_show(&at, &h->text, err);
		if (r < 0)
			return r;
	}
	if (off >= text->n)
		n = 0;
	else if (n > text->n - off)
		n = text->n - off;
	*out = (struct str){ n ? text->p + off : "", n };
	return 0;
}

/* Any bytes, perhaps in pieces: each makes the value what was written so far. */
static int secret_write(struct handle *h, const struct place *at, uint64_t off, struct str data, struct error *err)
{
	size_t before = h->cut && off == h->cut ? h->written.n : 0, n = before + data.n;
	char *whole; /* a copy: storing waits, and another write may come meanwhile */
	int r;

	if (n > SECRET_WRITE_MAX)
		return error_set(err, EFBIG, "%zu bytes: too many for a secret", n);
	whole = xmalloc(n + 1);
	if (before)
		memcpy(whole, h->written.p, before);
	memcpy(whole + before, data.p, data.n);
	buf_wipe(&h->written);
	buf_add(&h->written, whole, n);
	h->cut = off + data.n;
	r = act_store(at, (struct str){ whole, n }, err);
	explicit_bzero(whole, n);
	free(whole);
	return r;
}

/* Several lines: what O_APPEND writes, and what follows another write (a loop of echos), comes behind those that are there. */
static int lines_write(struct handle *h, const struct place *at, uint64_t off, struct str data, struct error *err)
{
	autobuf struct buf text = { 0 };
	bool more = (h->flags & O_APPEND) || (off && off == h->end);
	int r = more ? place_show(at, &text, err) : 0;

	if (r < 0)
		return r;
	if (text.n && text.p[text.n - 1] != '\n')
		buf_putc(&text, '\n');
	buf_add(&text, data.p, data.n);
	r = value_store(at, (struct str){ buf_text(&text), text.n }, err);
	if (r >= 0)
		h->end = off + data.n;
	return r;
}

int handle_write(struct handle *h, const struct who *who, uint64_t off, struct str data, struct error *err)
{
	struct place at = handle_place(h, who);
	int r;

	if (h->scratch)
		return scratch_write(h->scratch, h->flags, off, data, err);
	if (!at.slot->entry->store)
		return error_set(err, EPERM, "this file is read only");
	h->stale = true;
	if (at.slot->entry->kind == ENTRY_DOC)
		return draft_write(h, who, off, data, err);
	if (at.slot->entry->secret)
		return secret_write(h, &at, off, data, err);
	if (h->cut && off == h->cut)
		return error_set(err, EINVAL, "a value is written by one write");
	h->cut = data.n && data.p[data.n - 1] != '\n' ? off + data.n : 0;
	r = at.slot->entry->lines ? lines_write(h, &at, off, data, err) : value_store(&at, data, err);
	samples_drop(); /* the open itself made one, of before */
	return r;
}

int handle_flush(struct handle *h, const struct who *who, bool sync, struct error *err)
{
	return h->draft ? draft_flush(h, who, sync, err) : 0;
}

bool handle_dirty(const struct handle *h)
{
	return h->draft && draft_dirty(h->draft);
}

int handle_truncate(struct handle *h, uint64_t size, struct error *err)
{
	if (h->scratch)
		return scratch_truncate(h->scratch, size, err);
	if (h->slot->entry->kind == ENTRY_DOC)
		return draft_truncate(h, size, err);
	return 0; /* a value is replaced by what is written next */
}
