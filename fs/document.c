/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A document that is being written: taken as a whole as soon as what was written is one complete document,
 * so that a shell's echo sees the error, else at flush or fsync.  What was not written to its end is dropped.
 */
#include "act.h"
#include "open.h"

#include <fcntl.h>

#define OVERLAY_SCAN_MAX (256u << 10) /* an edit in place of more than this is looked at on flush only */

struct draft {
	struct buf text;
	struct doc_scan scan; /* follows a text that is written from its start */
	int state;	      /* of the scan: 0 complete, 1 more, -EBADMSG */
	bool whole;	      /* written from its start, in order */
	bool based;
	uint64_t base; /* O_APPEND: the kernel's offset of the first write */
	bool dirty;
	bool busy;     /* it is being taken, or loaded */
	unsigned cuts; /* how often it began anew or was cut, which waits for nobody */
	struct waitq idle;
	size_t taken; /* so much of the text was taken, without white space at the end; 0: nothing */
};

static struct draft *draft_new(const struct handle *h)
{
	struct draft *d = xcalloc(1, sizeof(*d));

	d->whole = (h->flags & (O_TRUNC | O_APPEND)) || h->slot->entry->fresh_doc;
	d->based = !(h->flags & O_APPEND);
	d->state = 1;
	doc_scan_init(&d->scan);
	TAILQ_INIT(&d->idle);
	return d;
}

void draft_free(struct draft *d)
{
	if (!d)
		return;
	buf_clear(&d->text);
	free(d);
}

bool draft_dirty(const struct draft *d)
{
	return d->dirty;
}

static bool text_blank(struct str s)
{
	return !str_trim(s).n;
}

/* What is written next starts a text anew, though its offsets go on. */
static void draft_restart(struct draft *d)
{
	d->cuts++;
	d->base += d->text.n;
	buf_clear(&d->text);
	doc_scan_init(&d->scan);
	d->state = 1;
	d->whole = true;
	d->dirty = false;
	d->taken = 0;
}

/* An edit in place starts from what is there. */
static int draft_load(struct handle *h, const struct who *who, struct error *err)
{
	struct draft *d = h->draft = draft_new(h);
	struct place at = handle_place(h, who);
	int r;

	if (d->whole)
		return 0;
	d->busy = true;
	r = place_show(&at, &d->text, err);
	d->busy = false;
	task_wake_all(&d->idle);
	return r;
}

/* `exec 3>xml` and two documents one after another: the second replaces the first. */
static void draft_next(struct draft *d, struct str data)
{
	if (d->state >= 0 || !d->taken)
		return;
	d->text.n -= data.n;
	draft_restart(d);
	buf_add(&d->text, data.p, data.n);
	d->state = doc_scan_feed(&d->scan, data);
}

static int draft_put(struct draft *d, uint64_t off, struct str data, struct error *err)
{
	size_t over;

	if (off > d->text.n)
		return error_set(err, EINVAL, "a document is written from its start, without holes");
	if (off == d->text.n) {
		buf_add(&d->text, data.p, data.n);
		if (d->whole && d->state >= 0)
			d->state = doc_scan_feed(&d->scan, data);
		draft_next(d, data);
		return 0;
	}
	d->whole = false;
	over = d->text.n - off < data.n ? d->text.n - off : data.n;
	memcpy(d->text.p + off, data.p, over);
	buf_add(&d->text, data.p + over, data.n - over);
	return 0;
}

static int draft_state(const struct draft *d)
{
	return d->whole ? d->state : doc_complete((struct str){ d->text.p, d->text.n });
}

static int draft_take(struct handle *h, const struct who *who, struct error *err)
{
	struct draft *d = h->draft;
	struct place at = handle_place(h, who);
	autobuf struct buf copy = { 0 }; /* a truncate may come meanwhile */
	unsigned cuts = d->cuts;
	struct str text;
	int r;

	buf_add(&copy, d->text.p, d->text.n);
	text = (struct str){ buf_text(&copy), copy.n };
	d->busy = true;
	r = act_store(&at, text, err);
	d->busy = false;
	task_wake_all(&d->idle);
	if (cuts != d->cuts)
		return r;
	d->dirty = false;
	if (r < 0) {
		draft_restart(d);
		return r;
	}
	d->taken = str_trim(text).n + (str_trim(text).p - text.p);
	return 0;
}

/* Until nobody else is having it taken. */
static int draft_settle(struct draft *d)
{
	int r = 0;

	while (d->busy && !r)
		r = task_wait(&d->idle, NO_TIMEOUT);
	return r;
}

static int refuse_open_end(struct draft *d, struct error *err)
{
	if (d->state == -EBADMSG && d->whole) {
		/* It is XML, but its subset looks like text outside of any element to the scan. */
		if (d->text.n && memmem(d->text.p, d->text.n, "<!DOCTYPE", 9))
			return error_set(err, EBADMSG, "a document type (<!DOCTYPE) is not taken");
		return error_set(err, EBADMSG, "this is not an XML document, nor the beginning of one");
	}
	if (text_blank((struct str){ d->text.p, d->text.n }))
		return error_set(err, EBADMSG, "the document is empty");
	return 0;
}

int draft_write(struct handle *h, const struct who *who, uint64_t off, struct str data, struct error *err)
{
	struct draft *d;
	int r;

	r = h->draft ? 0 : draft_load(h, who, err);
	if (r < 0)
		return r;
	d = h->draft;
	r = draft_settle(d);
	if (r < 0)
		return error_set(err, -r, "interrupted");
	if (!d->based) {
		d->based = true;
		d->base = off;
	}
	off = off < d->base ? 0 : off - d->base;
	if (off + data.n > DOC_MAX_BYTES) {
		draft_restart(d);
		return error_set(err, EFBIG, "a document has at most %u MiB", DOC_MAX_BYTES >> 20);
	}
	r = draft_put(d, off, data, err);
	if (r < 0)
		return r;
	if (d->taken && off >= d->taken && text_blank(data))
		return 0;
	d->dirty = true;
	r = refuse_open_end(d, err);
	if (r < 0) {
		draft_restart(d);
		return r;
	}
	if (!d->whole && d->text.n > OVERLAY_SCAN_MAX)
		return 0;
	return draft_state(d) == 0 ? draft_take(h, who, err) : 0;
}

int draft_flush(struct handle *h, const struct who *who, bool sync, struct error *err)
{
	struct draft *d = h->draft;
	int r = draft_settle(d);

	if (r < 0)
		return error_set(err, -r, "interrupted");
	if (!d->dirty)
		return 0;
	if (draft_state(d) == 0)
		return draft_take(h, who, err);
	if (!sync && who->pid != h->who.pid)
		return 0; /* one of several writers of a group command is done */
	return error_set(err, EBADMSG, "the document is not complete (%zu bytes)", d->text.n);
}

int draft_truncate(struct handle *h, uint64_t size, struct error *err)
{
	struct draft *d;

	if (!h->draft) {
		int r = draft_load(h, &h->who, err);

		if (r < 0)
			return r;
	}
	d = h->draft;
	if (!size) {
		draft_restart(d);
		d->based = true;
		d->base = 0;
		return 0;
	}
	if (size > d->text.n)
		return error_set(err, EPERM, "a document cannot be made longer by truncate");
	if (size < d->text.n) {
		d->cuts++;
		buf_cut(&d->text, size, d->text.n - size);
		d->whole = false;
		d->dirty = true;
	}
	return 0;
}

static struct hash *verdicts; /* by serial */

int verdict_show(const struct place *at, struct buf *out, struct error *err unused)
{
	const char *text = verdicts ? hash_get_u64(verdicts, at->obj->serial) : NULL;

	buf_puts(out, text ? text : "");
	return 0;
}

int verdict_keep(struct object *o, struct buf *verdict, int r)
{
	verdict_set(o, buf_take(verdict));
	samples_drop();
	return r;
}

void verdict_set(struct object *o, char *text)
{
	if (!verdicts && !text)
		return;
	if (!verdicts)
		verdicts = hash_new();
	free(hash_get_u64(verdicts, o->serial));
	hash_put_u64(verdicts, o->serial, text);
	if (hash_count(verdicts))
		return;
	hash_free(verdicts);
	verdicts = NULL;
}
