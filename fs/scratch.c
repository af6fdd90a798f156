/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Editors' files beside a document: see scratch.h. */
#include "scratch.h"

#include <ctype.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/queue.h>

#include "engine/loop.h"

#define MAX_PER_DIR 16
#define MAX_ALL	    256
#define LIFE_MS	    (10 * 60 * 1000) /* after the last close */

struct scratch {
	uint64_t id, dir;
	char *name;
	struct buf text;
	struct rights rights;
	int64_t changed_ns, closed_ms;
	unsigned opens;
	bool unlinked, link;
	TAILQ_ENTRY(scratch) list;
};

static TAILQ_HEAD(, scratch) all = TAILQ_HEAD_INITIALIZER(all);
static unsigned count;
static uint64_t last_id;
static struct loop_timer *sweeper;

/* What editors and `mv new xml` are known to use. */
static const char *const patterns[] = {
	".?*", "?*~", "#?*#", "xml?*", "?*.xml", "tmp*", "?*.tmp", "?*.new", "?*.bak", "?*.orig", NULL,
};

static bool all_alnum(const char *s)
{
	while (isalnum((unsigned char)*s))
		s++;
	return !*s;
}

bool scratch_name(const char *name, int flags)
{
	size_t n = strlen(name);

	if (n > 255 || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (int i = 0; patterns[i]; i++)
		if (!fnmatch(patterns[i], name, 0))
			return true;
	if (!(flags & O_EXCL) || !all_alnum(name))
		return false;
	return (n == 9 && str_starts(name, "sed")) || n == 8; /* sed -i, perl -i; not vim's 4913 */
}

struct scratch *scratch_find(uint64_t dir, const char *name)
{
	struct scratch *s;

	TAILQ_FOREACH(s, &all, list)
		if (!s->unlinked && s->dir == dir && !strcmp(s->name, name))
			return s;
	return NULL;
}

struct scratch *scratch_of(uint64_t ino)
{
	struct scratch *s;

	TAILQ_FOREACH(s, &all, list)
		if (s->id == (ino & ~SCRATCH_INO))
			return s;
	return NULL;
}

static void scratch_free(struct scratch *s)
{
	TAILQ_REMOVE(&all, s, list);
	count--;
	buf_clear(&s->text);
	free(s->name);
	free(s);
}

static void sweep(void *arg unused)
{
	int64_t now = now_monotonic_ms();
	struct scratch *s = TAILQ_FIRST(&all);

	while (s) {
		struct scratch *next = TAILQ_NEXT(s, list);

		if (!s->opens && now - s->closed_ms >= LIFE_MS)
			scratch_free(s);
		s = next;
	}
	sweeper = TAILQ_EMPTY(&all) ? NULL : loop_timer(LIFE_MS / 2, sweep, NULL);
}

static bool dir_full(uint64_t dir)
{
	const struct scratch *s;
	unsigned n = 0;

	TAILQ_FOREACH(s, &all, list)
		n += s->dir == dir;
	return n >= MAX_PER_DIR || count >= MAX_ALL;
}

int scratch_make(uint64_t dir, const char *name, mode_t mode, const struct who *who, struct scratch **out,
		 struct error *err)
{
	struct scratch *s;

	if (dir_full(dir))
		return error_set(err, ENOSPC, "too many scratch files beside this document (%d)", MAX_PER_DIR);
	s = xcalloc(1, sizeof(*s));
	s->id = ++last_id;
	s->dir = dir;
	s->name = xstrdup(name);
	s->rights = (struct rights){ who->uid, who->gid, mode & 07777 };
	s->changed_ns = now_realtime_ns();
	s->closed_ms = now_monotonic_ms();
	TAILQ_INSERT_TAIL(&all, s, list);
	count++;
	if (!sweeper)
		sweeper = loop_timer(LIFE_MS / 2, sweep, NULL);
	*out = s;
	return 0;
}

void scratch_unlink(struct scratch *s)
{
	s->unlinked = true;
	if (!s->opens)
		scratch_free(s);
}

void scratch_rename(struct scratch *s, const char *name)
{
	struct scratch *old = scratch_find(s->dir, name);

	if (old == s)
		return;
	if (old)
		scratch_unlink(old);
	free(s->name);
	s->name = xstrdup(name);
}

struct handle *scratch_open(struct scratch *s, int flags, const struct who *who)
{
	struct place nowhere = { .who = who };
	struct handle *h = handle_new(&nowhere, flags);

	h->scratch = s;
	s->opens++;
	if (flags & O_TRUNC)
		buf_reset(&s->text);
	return h;
}

void scratch_closed(struct scratch *s)
{
	s->closed_ms = now_monotonic_ms();
	if (!--s->opens && s->unlinked)
		scratch_free(s);
}

void scratch_link(struct scratch *s, const char *target)
{
	s->link = true;
	buf_puts(&s->text, target);
}

const struct buf *scratch_text(const struct scratch *s)
{
	return &s->text;
}

static void fill(struct buf *b, uint64_t size)
{
	static const char zeros[4096];

	while (b->n < size)
		buf_add(b, zeros, size - b->n < sizeof(zeros) ? size - b->n : sizeof(zeros));
}

int scratch_write(struct scratch *s, int flags, uint64_t off, struct str data, struct error *err)
{
	size_t over;

	if (flags & O_APPEND)
		off = s->text.n;
	if (off > DOC_MAX_BYTES || data.n > DOC_MAX_BYTES - off)
		return error_set(err, EFBIG, "a scratch file has at most %u MiB", DOC_MAX_BYTES >> 20);
	fill(&s->text, off);
	over = s->text.n - off < data.n ? s->text.n - off : data.n;
	if (over)
		memcpy(s->text.p + off, data.p, over);
	buf_add(&s->text, data.p + over, data.n - over);
	s->changed_ns = now_realtime_ns();
	return 0;
}

int scratch_truncate(struct scratch *s, uint64_t size, struct error *err)
{
	if (size > DOC_MAX_BYTES)
		return error_set(err, EFBIG, "a scratch file has at most %u MiB", DOC_MAX_BYTES >> 20);
	fill(&s->text, size);
	if (size < s->text.n)
		buf_cut(&s->text, size, s->text.n - size);
	s->changed_ns = now_realtime_ns();
	return 0;
}

void scratch_stat(const struct scratch *s, struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = SCRATCH_INO | s->id;
	st->st_mode = (s->link ? S_IFLNK : S_IFREG) | s->rights.mode;
	st->st_nlink = !s->unlinked;
	st->st_uid = s->rights.uid;
	st->st_gid = s->rights.gid;
	st->st_size = s->text.n;
	st->st_blksize = 4096;
	st->st_mtim = (struct timespec){ s->changed_ns / 1000000000, s->changed_ns % 1000000000 };
	st->st_ctim = st->st_atim = st->st_mtim;
}

void scratch_set(struct scratch *s, unsigned mask, const struct rights *r)
{
	if (mask & ACCESS_UID)
		s->rights.uid = r->uid;
	if (mask & ACCESS_GID)
		s->rights.gid = r->gid;
	if (mask & ACCESS_MODE)
		s->rights.mode = r->mode & 07777;
}

void scratches_close(void)
{
	struct scratch *s;

	loop_untimer(take(&sweeper));
	while ((s = TAILQ_FIRST(&all)))
		scratch_free(s);
}
