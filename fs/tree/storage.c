/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* host/storage: the types of storage pools, and what could be one. */
#include "engine/pool_types.h"

#include "tree.h"

struct type_object {
	struct object obj;
	const struct pool_driver *driver;
};

static struct vec types;

static struct type_object *type_of(struct object *o)
{
	return container_of(o, struct type_object, obj);
}

static void type_free(struct object *o)
{
	free(type_of(o));
}

void pool_type_objects_open(void)
{
	pool_types_open();
	for (int i = 0; pool_drivers[i]; i++) {
		struct type_object *t = xcalloc(1, sizeof(*t));

		object_init(&t->obj, OBJ_POOL_TYPE, pool_drivers[i]->type, &root_object, type_free);
		t->driver = pool_drivers[i];
		vec_add(&types, t);
	}
}

void pool_type_objects_close(void)
{
	for (size_t i = 0; i < types.n; i++) {
		struct object *o = types.at[i];

		object_gone(o);
		object_unref(o);
	}
	vec_clear(&types, NULL);
	pool_types_close();
}

static struct object *find(const struct place *dir unused, const char *name)
{
	for (size_t i = 0; i < types.n; i++)
		if (!strcmp(((struct object *)types.at[i])->name, name))
			return types.at[i];
	return NULL;
}

static struct object *next(const struct place *dir unused, uint64_t after)
{
	return object_after(&types, after);
}

static int state_show(const struct place *at, struct buf *out, struct error *err unused)
{
	return show_line(out, pool_type_state(type_of(at->obj)->driver));
}

static const struct entry type_entry =
	VALUE("TYPE", 0444, state_show, NULL, .fresh = LIVE, .doc = "a type of pool: usable here, or what is missing");

const struct dir_type storage_dir = {
	.child = &type_entry,
	.kind = OBJ_POOL_TYPE,
	.find = find,
	.next = next,
};

int storage_capabilities_show(const struct place *at unused, struct buf *out, struct error *err unused)
{
	pool_types_capabilities(out);
	return 0;
}

/* What was found for whom: the last of each user. */
static struct hash *found;

int storage_discover_show(const struct place *at, struct buf *out, struct error *err unused)
{
	const char *text = found && at->who ? hash_get_u64(found, at->who->uid + 1ull) : NULL;

	buf_puts(out, text ? text : "");
	return 0;
}

int storage_discover_store(const struct place *at, struct str text, struct error *err)
{
	uint64_t key = at->who->uid + 1ull;
	struct buf xml = { 0 };
	int r = pool_types_discover(text, &xml, err);

	if (r < 0) { /* what was found before stays: one that was interrupted may end after the next */
		buf_clear(&xml);
		return r;
	}
	if (!found)
		found = hash_new();
	free(hash_get_u64(found, key));
	hash_put_u64(found, key, buf_take(&xml));
	return 0;
}
