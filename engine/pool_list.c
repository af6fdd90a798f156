/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which volumes a pool has.  Of a directory here inotify tells what comes and goes, so that a look costs nothing; a pool elsewhere is asked again
 * when it is looked at.  The asking is a task of its own: who looks waits a moment for it and then sees what is known.
 */
#include "pool_impl.h"
#include "watch.h"

/* ---- taking over what was listed ---- */

static bool take_row(struct pool *p, struct listed *row, unsigned round, bool tell)
{
	struct volume *v = volume_of_pool_name(p, row->name);
	bool new = !v;

	if (new)
		v = volume_new(p, row->name, VOLUME_READY);
	v->seen = round;
	if (row->info) {
		if (v->info)
			volume_info_clear(v->info);
		free(v->info);
		v->info = take(&row->info);
		if (!new)
			object_changed(&v->obj, 1u << FACET_DOC);
	}
	if (new &&tell)
		volume_event(v, "appeared", NULL);
	return new;
}

static void take_listing(struct pool *p, struct listing *l)
{
	static unsigned round;
	struct vec gone = { 0 };
	bool changed = false, tell = p->listed;

	round++;
	for (size_t i = 0; i < l->n; i++)
		changed |= take_row(p, &l->rows[i], round, tell);
	for (size_t i = 0; i < p->by_serial.n; i++) {
		struct volume *v = p->by_serial.at[i];
		if (v->seen != round && v->state == VOLUME_READY && !v->jobs.holder)
			vec_add(&gone, v);
	}
	for (size_t i = 0; i < gone.n; i++) {
		volume_event(gone.at[i], "disappeared", NULL);
		volume_gone(gone.at[i]);
	}
	changed |= gone.n > 0;
	vec_clear(&gone, NULL);
	formats_sweep(p);
	if (changed)
		object_changed(&p->obj, 1u << FACET_NAMES);
}

int pool_list_now(struct pool *p, struct error *err)
{
	struct listing l = { 0 };
	int r;

	if (!p->driver || !pool_has(p, p->driver->list, "be listed", err))
		return -ENOTSUP;
	p->stale = false; /* what happens from now on makes it stale again */
	r = p->driver->list(p, &l, err);
	if (r == 0 && (p->state == POOL_ACTIVE || p->state == POOL_STARTING)) {
		take_listing(p, &l);
		p->listed = true;
	} else if (r < 0) {
		p->stale = true;
	}
	listing_clear(&l);
	return r;
}

static void list_task(void *arg)
{
	struct pool *p = arg;
	autoerror struct error err = { 0 };

	if (p->state == POOL_ACTIVE && pool_list_now(p, &err) < 0)
		pool_set_error(p, error_text(&err));
	p->listing = false;
	task_wake_all(&p->listers);
	object_unref(&p->obj);
}

static void list_soon(struct pool *p)
{
	if (p->listing || p->state != POOL_ACTIVE)
		return;
	p->listing = true;
	object_ref(&p->obj);
	task_start(list_task, p);
}

/* ---- looking ---- */

bool pool_settled(struct pool *p)
{
	if (p->state != POOL_ACTIVE)
		return true;
	watch_drain();
	if (p->stale || p->listing)
		return false;
	return p->watch || !(p->driver->flags & (POOL_REMOTE | POOL_FILES));
}

/* A listing that goes on already may have begun before what the caller wants to see: the next one is his. */
int pool_settle(struct pool *p, int64_t timeout_ms, struct error *err)
{
	int64_t until = now_monotonic_ms() + timeout_ms, left;
	int r = 0;

	if (pool_settled(p))
		return 0;
	may_wait();
	object_ref(&p->obj);
	if (p->listing)
		r = task_wait(&p->listers, timeout_ms);
	if (r == 0 && !pool_settled(p)) {
		list_soon(p); /* or another who waited has begun it */
		left = until - now_monotonic_ms();
		r = p->listing ? task_wait(&p->listers, left > 0 ? left : 0) : 0;
	}
	if (r == -ETIMEDOUT)
		error_set(err, ETIMEDOUT, "the storage of the pool '%s' does not answer: this is what was last known",
			  p->obj.name);
	object_unref(&p->obj);
	return r;
}

void pool_stale(struct pool *p)
{
	p->stale = true;
	list_soon(p);
}

/* What we do ourselves is known before inotify tells of it. */
static void on_change(void *arg, const char *name, bool there)
{
	struct pool *p = arg;
	struct volume *v = name ? volume_of_pool_name(p, name) : NULL;

	if (name && (name[0] == '.' || there == !!v))
		return;
	pool_stale(p);
}

void pool_watch(struct pool *p)
{
	autofree char *dir = NULL;

	if (p->watch || !p->driver->directory || (p->driver->flags & POOL_REMOTE))
		return;
	dir = p->driver->directory(p);
	if (dir)
		p->watch = watch_dir(pool_worker(p), dir, on_change, p, POOL_ASK_MS);
}

void pool_forget_listing(struct pool *p)
{
	watch_free(take(&p->watch));
	while (p->by_serial.n)
		volume_gone(p->by_serial.at[p->by_serial.n - 1]);
	p->listed = p->stale = false;
}
