/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which attributes the kernel keeps, and taking them back before a change is told to anyone.  Only attributes are invalidated
 * (inline from any handler that is safe; an entry is not): stale names are found out by ESTALE.
 */
#include "fuse.h"

#include "engine/console.h"
#include "engine/device.h"
#include "stream.h"

static LIST_HEAD(, notes) all = LIST_HEAD_INITIALIZER(all);

struct notes *notes_of(struct object *o)
{
	struct notes *n = o->front;
	size_t words;

	if (n)
		return n;
	words = tree_locals(o->kind) / 64 + 1;
	n = o->front = xcalloc(1, sizeof(*n) + words * sizeof(uint64_t));
	n->obj = o;
	TAILQ_INIT(&n->parked);
	LIST_INSERT_HEAD(&all, n, list);
	return n;
}

void notify_told(const struct place *at)
{
	notes_of(at->obj)->told[at->slot->local / 64] |= 1ull << (at->slot->local % 64);
}

bool notify_knows(const struct place *at)
{
	const struct notes *n = at->obj->front;

	return n && (n->told[at->slot->local / 64] & (1ull << (at->slot->local % 64)));
}

uint64_t notify_ino(const struct place *at)
{
	const struct notes *n = at->obj->front;

	return at->slot->entry->cached && n ? ino_of_version(place_ino(at), n->version) : place_ino(at);
}

bool notify_outdated(const struct place *at, uint64_t ino)
{
	return at->slot->entry->cached && ino != notify_ino(at);
}

static void invalidate(const struct place *at)
{
	if (front_session)
		fuse_lowlevel_notify_inval_inode(front_session, notify_ino(at), -1, 0);
}

/* Takes back what of O depends on FACETS, and every cached text when there is to be a NEW_VERSION. */
static void take_back(struct object *o, unsigned facets, bool new_version)
{
	struct notes *n = o->front;
	unsigned words = tree_locals(o->kind) / 64 + 1;

	for (unsigned w = 0; n && w < words; w++) {
		for (uint64_t bits = n->told[w]; bits; bits &= bits - 1) {
			unsigned local = w * 64 + __builtin_ctzll(bits);
			struct place at = { .slot = tree_local(o->kind, local), .obj = o };

			if (!((at.slot->facets | F_ACCESS) & facets) && !(new_version && at.slot->entry->cached))
				continue;
			n->told[w] &= ~(1ull << (local % 64));
			invalidate(&at);
		}
	}
	if (n && new_version)
		n->version++;
}

/* Do cached texts depend on any of FACETS? */
static bool changes_texts(unsigned facets)
{
	return facets & (F_STATE | F_DOC);
}

void notify_bump(const struct place *at)
{
	notes_of(at->obj);
	take_back(at->obj, 0, true);
}

void notify_forget(const struct place *at)
{
	struct notes *n = at->obj->front;

	if (n)
		n->told[at->slot->local / 64] &= ~(1ull << (at->slot->local % 64));
	invalidate(at);
	if (at->slot->entry->cached)
		notify_bump(at);
}

static void changed(struct object *o, unsigned facets)
{
	take_back(o, facets, changes_texts(facets));
	for (size_t i = 0; o->kind == OBJ_DOMAIN && i < domain_of(o)->parts.n; i++)
		take_back(&((struct part *)domain_of(o)->parts.at[i])->obj, facets, changes_texts(facets));
	park_wake(o);
}

static void notes_free(struct notes *n)
{
	park_end(n->obj, ENODEV);
	LIST_REMOVE(n, list);
	n->obj->front = NULL;
	free(n);
}

static void gone(struct object *o)
{
	take_back(o, ~0u, true);
	if (o->front)
		notes_free(o->front);
}

void notify_end_waits(int err)
{
	struct notes *n;

	LIST_FOREACH(n, &all, list)
		park_end(n->obj, err);
}

void notify_open(void)
{
	static struct watcher watcher = { .changed = changed, .gone = gone };

	watcher_add(&watcher);
	stream_on_wake(park_wake);
}

void notify_close(void)
{
	struct notes *n;

	while ((n = LIST_FIRST(&all)))
		notes_free(n);
}
