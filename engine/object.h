/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What every thing in the tree has: a serial that is never reused, a name, a parent, an owner and the rights on its files, and
 * the times at which its facets changed.  Knows no kind of thing in particular and no path of the tree.
 */
#ifndef DOMFS_OBJECT_H
#define DOMFS_OBJECT_H

#include <sys/stat.h>

#include "error.h"

enum object_kind {
	OBJ_ROOT,
	OBJ_DOMAIN,
	OBJ_PART,
	OBJ_DRIVER,
	OBJ_POOL,
	OBJ_VOLUME,
	OBJ_SECRET,
	OBJ_POOL_TYPE,
	OBJ_HOST,
	OBJ_CLIENT,
	OBJ_OTHER
};

/* What of an object changed: whoever caches something rendered from it (fs/, the kernel) drops that. */
enum facet {
	FACET_NAMES,  /* which children it has */
	FACET_STATE,  /* state, reason, id, pid */
	FACET_DOC,    /* the definition in force and whatever is read from it; the parts included */
	FACET_CONFIG, /* the definition for the next start */
	FACET_JOB,
	FACET_ERROR,
	FACET_LOG,    /* a stream grew */
	FACET_ACCESS, /* owner, mode, ACL */
	FACETS
};

struct access;

struct object {
	enum object_kind kind;
	uint64_t serial; /* 1 is the root; below 2^47 */
	char *name;
	struct object *parent; /* borrowed: a parent outlives its children's place in the tree; NULL for the root */
	unsigned refs;
	bool gone;			/* removed; whoever still holds a reference answers ESTALE */
	int64_t changed_ns[FACETS];	/* realtime */
	struct access *access;		/* NULL: nothing was ever changed from the defaults */
	void *front;			/* the front end's notes on this object (freed by watcher.gone) */
	void (*free)(struct object *o); /* when the last reference goes */
};

extern struct object root_object;

/* Fields, a new serial, one reference, all facets "now".  NAME is copied. */
void object_init(struct object *o, enum object_kind kind, const char *name, struct object *parent,
		 void (*free_fn)(struct object *o));
void object_ref(struct object *o);
void object_unref(struct object *o); /* NULL is fine */
/* Of objects in the order of their serials (V holds things whose first member is one): the first after SERIAL, or NULL. */
struct object *object_after(const struct vec *v, uint64_t serial);
struct object *object_find(uint64_t serial); /* borrowed, NULL when there is none (any more) */
/* It leaves the tree: gone is set, watchers are told, the caller's reference stays. */
void object_gone(struct object *o);

/* FACETS_MASK (1 << FACET_x ...) of O changed: times are set, watchers told, before the change is told to anyone else. */
void object_changed(struct object *o, unsigned facets_mask);

/* The front ends register one each (FUSE, later 9P).  Called on the loop or in a task; must not wait. */
struct watcher {
	void (*changed)(struct object *o, unsigned facets_mask);
	void (*gone)(struct object *o);
	struct watcher *next;
};
void watcher_add(struct watcher *w);

/* Is NAME fit for an object: 1 to 255 bytes, no '/', no leading '.', UTF-8 without control
 * characters, no blank at either end (XML would lose it)?  -EINVAL, -ENAMETOOLONG. */
int object_name_check(const char *name, struct error *err);

#endif
