/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values: what is common to all of them when they are shown and stored. */
#include "act.h"
#include "engine/device.h"
#include "open.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define VALUE_MAX 4096
#define LINES_MAX (64u << 10)

int value_store(const struct place *at, struct str text, struct error *err)
{
	size_t most = at->slot->entry->lines ? LINES_MAX : VALUE_MAX;

	/* A full buffer without an end of line is the beginning of more. */
	if (text.n > most || (text.n && text.n % VALUE_MAX == 0 && text.p[text.n - 1] != '\n'))
		return error_set(err, EINVAL, "%zu bytes: a value has less than %zu", text.n, most);
	if (!str_is_text(text))
		return error_set(err, EINVAL, "not text: a value is UTF-8, of characters that XML can have");
	return act_store(at, at->slot->entry->lines ? text : str_trim(text), err);
}

int place_show(const struct place *at, struct buf *out, struct error *err)
{
	const struct entry *e = at->slot->entry;

	return e->show ? e->show(at, out, err) : 0;
}

int show_file(const char *path, struct buf *out, struct error *err)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[4096];
	ssize_t n;

	if (fd < 0)
		return error_set(err, errno, "%s: %s", path, strerror(errno));
	while ((n = read(fd, text, sizeof(text))) > 0)
		buf_add(out, text, n);
	return n < 0 ? error_set(err, errno, "%s: %s", path, strerror(errno)) : 0;
}

struct sampling {
	struct domain *d;
	unsigned group;
	struct stats stats;
	struct error err;
	int r;
	bool done, left; /* left: nobody is interested any more */
};

static void sample(void *arg)
{
	struct sampling *s = arg;

	s->r = domain_stats(s->d, s->group, &s->stats, &s->err);
	s->done = true;
	if (!s->left)
		return;
	stats_clear(&s->stats);
	error_clear(&s->err);
	object_unref(&s->d->obj);
	free(s);
}

/* What comes from the host's kernel is there at once, though the function belongs into a task. */
static int stats_now(struct domain *d, unsigned group, struct stats *out, struct error *err)
{
	struct sampling *s;
	int r;

	if (task_self())
		return domain_stats(d, group, out, err);
	s = xcalloc(1, sizeof(*s));
	s->d = d;
	s->group = group;
	object_ref(&d->obj);
	task_start(sample, s);
	if (!s->done) {
		s->left = true;
		return error_set(err, EAGAIN, "the counters are not there yet");
	}
	r = s->r;
	*out = s->stats;
	error_move(err, &s->err);
	object_unref(&d->obj);
	free(s);
	return r;
}

int show_stats(const struct place *at, unsigned group, const char *item, struct buf *out, struct error *err)
{
	struct object *o = at->obj;
	struct domain *d = o->kind == OBJ_DOMAIN ? domain_of(o) : part_of(o)->domain;
	struct stats s = { 0 };
	int r;

	r = stats_now(d, group, &s, err);
	for (size_t i = 0; r >= 0 && i < s.n; i++) {
		const struct stat_row *row = &s.rows[i];

		if (!(row->group & group) || (item && strcmp(row->item, item)))
			continue;
		if (*row->item && !item)
			buf_printf(out, "%s.", row->item);
		buf_puts(out, row->key);
		buf_putc(out, ' ');
		buf_u64(out, row->value);
		buf_putc(out, '\n');
	}
	stats_clear(&s);
	return r < 0 ? r : 0;
}
