/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Identity and life of every thing in the tree.  Knows no kind of thing in particular. */
#include "object.h"

#include "access.h"
#include "units.h"

struct object root_object = {
	.kind = OBJ_ROOT,
	.serial = 1,
	.name = (char *)"",
	.refs = 1,
};

static struct hash *by_serial; /* all but the root */
static uint64_t last_serial = 1;
static struct watcher *watchers;

void object_init(struct object *o, enum object_kind kind, const char *name, struct object *parent,
		 void (*free_fn)(struct object *o))
{
	int64_t now = now_realtime_ns();

	memset(o, 0, sizeof(*o));
	o->kind = kind;
	o->serial = ++last_serial;
	o->name = xstrdup(name);
	o->parent = parent;
	o->refs = 1;
	o->free = free_fn;
	for (int i = 0; i < FACETS; i++)
		o->changed_ns[i] = now;
	if (!by_serial)
		by_serial = hash_new();
	hash_put_u64(by_serial, o->serial, o);
}

void object_ref(struct object *o)
{
	o->refs++;
}

static void object_forget(struct object *o)
{
	if (!by_serial || !hash_get_u64(by_serial, o->serial))
		return;
	hash_put_u64(by_serial, o->serial, NULL);
	if (hash_count(by_serial) == 0) {
		hash_free(by_serial);
		by_serial = NULL;
	}
}

void object_unref(struct object *o)
{
	if (!o || --o->refs > 0)
		return;
	object_forget(o);
	access_free(take(&o->access));
	free(take(&o->name));
	o->free(o);
}

struct object *object_after(const struct vec *v, uint64_t serial)
{
	size_t low = 0, high = v->n;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (((struct object *)v->at[mid])->serial <= serial)
			low = mid + 1;
		else
			high = mid;
	}
	return low < v->n ? v->at[low] : NULL;
}

struct object *object_find(uint64_t serial)
{
	if (serial == root_object.serial)
		return &root_object;
	return by_serial ? hash_get_u64(by_serial, serial) : NULL;
}

void object_gone(struct object *o)
{
	if (o->gone)
		return;
	o->gone = true;
	for (struct watcher *w = watchers; w; w = w->next)
		if (w->gone)
			w->gone(o);
	object_forget(o);
}

void object_changed(struct object *o, unsigned facets_mask)
{
	int64_t now = now_realtime_ns();

	for (int i = 0; i < FACETS; i++)
		if (facets_mask & (1u << i))
			o->changed_ns[i] = now;
	for (struct watcher *w = watchers; w; w = w->next)
		if (w->changed)
			w->changed(o, facets_mask);
}

void watcher_add(struct watcher *w)
{
	w->next = watchers;
	watchers = w;
}

int object_name_check(const char *name, struct error *err)
{
	size_t n = strlen(name);

	if (n == 0)
		return error_set(err, EINVAL, "the name is empty: give 1 to 255 bytes");
	if (n > 255)
		return error_set(err, ENAMETOOLONG, "the name has %zu bytes: at most 255 are possible", n);
	if (name[0] == '.')
		return error_set(err, EINVAL,
				 "the name '%s' begins with a dot: such names are left to "
				 "editors' scratch files",
				 name);
	if (str_trim(str_of(name)).n != n)
		return error_set(err, EINVAL, "the name '%s' begins or ends with a blank, which XML would lose", name);
	if (!str_is_text(str_of(name)))
		return error_set(err, EINVAL, "the name is not UTF-8, or nothing that XML can have");
	for (size_t i = 0; i < n; i++) {
		unsigned char c = name[i];
		if (c == '/')
			return error_set(err, EINVAL, "the name '%s' has a slash", name);
		if (c < 0x20 || c == 0x7f)
			return error_set(err, EINVAL,
					 "the name has the control character 0x%02x at byte "
					 "%zu: use printable ones",
					 c, i + 1);
	}
	return 0;
}
