/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The drivers that are built in, found by name and by type, and what they found out about this host. */
#include "driver.h"

#include <stdio.h>

#include "event.h"

static struct probed {
	const struct driver *driver;
	struct driver_info info;
	bool done, running;
	struct waitq waiters;
} probed[8];

void stats_put(struct stats *s, unsigned group, const char *item, const char *key, uint64_t value)
{
	struct stat_row *row;

	if (s->n == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 32;
		s->rows = xrealloc(s->rows, s->cap * sizeof(*s->rows));
	}
	row = &s->rows[s->n++];
	*row = (struct stat_row){ .group = group, .key = key, .value = value };
	snprintf(row->item, sizeof(row->item), "%s", item ? item : "");
}

void stats_clear(struct stats *s)
{
	free(s->rows);
	*s = (struct stats){ 0 };
}

const struct driver *driver_of_type(const char *type)
{
	for (int i = 0; drivers[i]; i++)
		if (type && word_index(drivers[i]->types, type) >= 0)
			return drivers[i];
	return NULL;
}

const struct driver *driver_by_name(const char *name)
{
	for (int i = 0; drivers[i]; i++)
		if (!strcmp(drivers[i]->name, name))
			return drivers[i];
	return NULL;
}

char *driver_types(void)
{
	struct buf out = { 0 };

	for (int i = 0; drivers[i]; i++)
		for (int k = 0; drivers[i]->types[k]; k++)
			buf_printf(&out, "%s%s", out.n ? " " : "", drivers[i]->types[k]);
	return buf_take(&out);
}

static void info_clear(struct driver_info *info)
{
	free(info->version);
	free(info->state);
	free(info->capabilities);
	*info = (struct driver_info){ 0 };
}

static struct probed *probed_of(const struct driver *drv)
{
	for (size_t i = 0; i < ARRAY_SIZE(probed); i++) {
		if (!probed[i].driver) {
			probed[i].driver = drv;
			TAILQ_INIT(&probed[i].waiters);
		}
		if (probed[i].driver == drv)
			return &probed[i];
	}
	abort(); /* more drivers than the table has room for */
}

const struct driver_info *driver_info(const struct driver *drv)
{
	return &probed_of(drv)->info;
}

int driver_probe(const struct driver *drv, struct error *err)
{
	struct probed *p = probed_of(drv);
	struct driver_info info = { 0 };
	int r = 0;

	if (p->running) { /* somebody looks already: his answer is ours */
		while (p->running && r == 0)
			r = task_wait(&p->waiters, NO_TIMEOUT);
		return r < 0 ? error_set(err, -r, "driver %s: interrupted while it looks at the host", drv->name) : 0;
	}
	p->running = true;
	r = drv->probe ? drv->probe(&info, err) : 0;
	p->running = false;
	p->done = true;
	if (!info.state)
		info.state =
			r < 0 ? xasprintf("not usable: %s", err ? error_text(err) : strerror(-r)) : xstrdup("usable");
	info_clear(&p->info);
	p->info = info;
	task_wake_all(&p->waiters);
	return error_in(err, r, "driver %s", drv->name);
}

static void probe_task(void *arg)
{
	autoerror struct error err = { 0 };
	const struct driver *drv = arg;

	(void)!driver_probe(drv, &err); /* the verdict is kept in its info */
}

void drivers_probe(void)
{
	for (int i = 0; drivers[i]; i++)
		task_start(probe_task, (void *)drivers[i]);
}

void drivers_close(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(probed) && probed[i].driver; i++) {
		info_clear(&probed[i].info);
		probed[i] = (struct probed){ 0 };
	}
}

/* The first that can make a domain by itself and works here; asks it when nobody has yet. */
const struct driver *driver_best(struct error *err)
{
	struct buf why = { 0 };

	for (int i = 0; drivers[i]; i++) {
		struct probed *p = probed_of(drivers[i]);
		autoerror struct error no = { 0 };

		if (!drivers[i]->fresh)
			continue;
		if ((!p->done || p->running) && driver_probe(drivers[i], &no) == -ECANCELED)
			break;
		if (p->info.state && str_starts(p->info.state, "usable")) {
			buf_clear(&why);
			return drivers[i];
		}
		buf_printf(&why, "%s%s: %.*s", why.n ? "; " : "", drivers[i]->name,
			   p->info.state ? (int)strcspn(p->info.state, "\n") : 0, p->info.state ? p->info.state : "");
	}
	error_set(err, ENOTSUP,
		  "no hypervisor on this host makes domains by itself (%s): write a definition "
		  "to xml, or install one",
		  why.n ? why.p : "none is built in");
	buf_clear(&why);
	return NULL;
}
