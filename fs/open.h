/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One open file, whoever opened it: the text that was rendered for it, the document that is being written,
 * the place in a stream.  Nothing here knows FUSE.
 */
#ifndef DOMFS_OPEN_H
#define DOMFS_OPEN_H

#include "node.h"

struct bytes;
struct draft;
struct scratch;

struct handle {
	const struct slot *slot; /* NULL: a scratch file */
	struct object *obj;	 /* referenced; NULL: a scratch file */
	uint64_t ino;		 /* what the front end calls it; 0: nothing special */
	uint64_t writes_ino;	 /* the same of one who writes */
	int flags;		 /* as for open(2) */
	struct who who;		 /* who opened it */
	struct buf text;	 /* a value or document as it was rendered */
	bool stale;		 /* something was written since */
	uint64_t cut;		 /* a value: a write that ended here did not end its line; 0: none */
	struct buf written;	 /* a secret: what was written so far */
	struct draft *draft;
	struct scratch *scratch;
	struct bytes *bytes;
	uint64_t base, end; /* stream: what offset 0 is, where the last read ended; lines: where the last write did */
	void *poll;	    /* the front end's note that somebody polls */
	TAILQ_ENTRY(handle) polled, list;
	struct handle *next_spare;
};

struct handle *handle_new(const struct place *at, int flags);
void handle_free(struct handle *h);		  /* drops what was not written to its end; NULL is fine */
const struct handle *handle_of_ino(uint64_t ino); /* one with this .ino, NULL */
bool handle_writes(uint64_t ino);		  /* has one this .writes_ino? */
void handles_close(void);			  /* frees all, open ones too */
struct place handle_place(const struct handle *h, const struct who *who);

/* What open(2) must do before it answers: renders what can be read.  A task if entry_waits. */
int handle_open(struct handle *h, struct error *err);
bool slot_waits(const struct slot *s);
/* At most N bytes from OFF of a rendered text, borrowed until the next call. */
int handle_read(struct handle *h, const struct who *who, uint64_t off, size_t n, struct str *out, struct error *err);
/* Stores what was written: a value at once, a document when it is complete.  Task. */
int handle_write(struct handle *h, const struct who *who, uint64_t off, struct str data, struct error *err);
/* flush and fsync: an incomplete document is an error unless WHO is not the one who opened it and LAST is false.  Task. */
int handle_flush(struct handle *h, const struct who *who, bool sync, struct error *err);
bool handle_dirty(const struct handle *h);
int handle_truncate(struct handle *h, uint64_t size, struct error *err);

/* What a stat says: renders what needs no waiting. */
uint64_t place_size(const struct place *at);
/* Nothing that was rendered before may be shown again. */
void samples_drop(void);
void samples_forget(const struct object *o); /* it is gone */

/* value.c: one line as it was written.  Task. */
int value_store(const struct place *at, struct str text, struct error *err);
int place_show(const struct place *at, struct buf *out, struct error *err);

/* For the tables: some counters of a domain or a part; a file of /proc or /sys. */
int show_stats(const struct place *at, unsigned group, const char *item, struct buf *out, struct error *err);
int show_file(const char *path, struct buf *out, struct error *err);

/* document.c */
void draft_free(struct draft *d);
bool draft_dirty(const struct draft *d);
int draft_write(struct handle *h, const struct who *who, uint64_t off, struct str data, struct error *err);
int draft_flush(struct handle *h, const struct who *who, bool sync, struct error *err);
int draft_truncate(struct handle *h, uint64_t size, struct error *err);
/* What the last document written to `check` was judged to be; "" when none was. */
int verdict_show(const struct place *at, struct buf *out, struct error *err);
int verdict_keep(struct object *o, struct buf *verdict, int r); /* takes what VERDICT has; R */
void verdict_set(struct object *o, char *text);			/* takes TEXT; NULL forgets */

/* answer.c: the one place that records what went wrong at AT: its object's `error` and a line in `errors`.  R is the negative errno: an *ERR without
 * words gets those of it.  Nothing when there is no such place (a scratch file, another host's), or its object is gone. */
void record_failure(const struct place *at, const struct who *who, int r, struct error *err);

#endif
