/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers for the tables of fs/tree/, and what follows from them: see node.h. */
#include "node.h"

#include <stdio.h>
#include <unistd.h>

#define ROOT_INO     1
#define SLOT_BITS    12
#define VERSION_BITS 14
#define SERIAL_SHIFT (SLOT_BITS + VERSION_BITS)
#define MAX_SLOTS    (1u << SLOT_BITS)
/* readdir cursors: fixed entries count from 1, children are their serial above this. */
#define CHILD_CURSOR MAX_SLOTS

static struct slot *slots;
static unsigned nslots;
static unsigned locals[OBJ_OTHER + 1];
static uint16_t *by_local[OBJ_OTHER + 1];
bool tree_list_all;

static unsigned view_facets(enum view view)
{
	return view == VIEW_CONFIG ? F_CONFIG : F_DOC | F_STATE;
}

static struct slot *slot_add(const struct slot *parent, const struct entry *e, char *name, enum object_kind kind)
{
	struct slot *s = &slots[nslots];

	if (nslots == MAX_SLOTS)
		abort();
	*s = (struct slot){
		.entry = e,
		.name = name,
		.number = nslots++,
		.parent = parent ? parent->number : 0,
		.kind = kind,
		.local = locals[kind]++,
		.view = e->view	 ? e->view
			: parent ? parent->view
				 : VIEW_NOW,
	};
	s->facets = e->facets ? e->facets : slot_is_dir(s) ? F_NAMES : view_facets(s->view);
	if (slot_is_dir(s) && s->view == VIEW_CONFIG)
		s->facets |= F_CONFIG;
	return s;
}

static bool has_child(const struct slot *dir, const char *name, size_t n)
{
	for (unsigned i = dir->first; i < nslots; i++)
		if (strlen(slots[i].name) == n && !memcmp(slots[i].name, name, n))
			return true;
	return false;
}

/* The rows whose file starts with PREFIX; "limits/read_iops" makes the directory "limits". */
static void add_rows(struct slot *dir, const struct entry *e, const char *prefix)
{
	for (const struct prop *row = e->schema->props; row->path; row++) {
		const char *rest = row->file, *slash;
		struct slot *s;
		size_t n;

		if (!rest || (row->flags & P_WO_LINE) || !str_starts(rest, prefix))
			continue;
		rest += strlen(prefix);
		slash = strchr(rest, '/');
		n = slash ? (size_t)(slash - rest) : strlen(rest);
		if (!n || has_child(dir, rest, n))
			continue;
		s = slot_add(dir, e, xstrndup(rest, n), dir->kind);
		s->prop = slash ? NULL : row;
		if (!slash && !e->facets)
			s->facets = view_facets(s->view);
	}
}

static void add_children(struct slot *dir, const char *prefix);

static void add_collection(struct slot *dir, const struct dir_type *type)
{
	struct slot *child = slot_add(dir, type->child, NULL, type->kind);

	dir->child = child->number;
	if (slot_is_dir(child))
		add_children(child, "");
}

/* Gives DIR's children consecutive numbers, then descends. */
static void add_children(struct slot *dir, const char *prefix)
{
	const struct dir_type *type = dir->entry->dir;

	dir->first = nslots;
	if (dir->entry->kind == ENTRY_PROPS)
		add_rows(dir, dir->entry, prefix);
	for (const struct entry *e = type ? type->entries : NULL; e && e->kind; e++) {
		if (e->kind == ENTRY_PROPS)
			add_rows(dir, e, "");
		else
			slot_add(dir, e, xstrdup(e->name), dir->kind);
	}
	dir->count = nslots - dir->first;
	for (unsigned i = dir->first; i < dir->first + dir->count; i++) {
		autofree char *below = NULL;

		if (!slot_is_dir(&slots[i]))
			continue;
		below = slots[i].entry->kind == ENTRY_PROPS ? xasprintf("%s%s/", prefix, slots[i].name) : xstrdup("");
		add_children(&slots[i], below);
	}
	if (type && type->child)
		add_collection(dir, type);
}

void tree_open(const struct entry *root)
{
	slots = xcalloc(MAX_SLOTS, sizeof(*slots));
	add_children(slot_add(NULL, root, xstrdup(""), OBJ_ROOT), "");
	for (int k = 0; k <= OBJ_OTHER; k++)
		by_local[k] = xcalloc(locals[k] + 1, sizeof(*by_local[k]));
	for (unsigned i = 0; i < nslots; i++)
		by_local[slots[i].kind][slots[i].local] = i;
}

void tree_close(void)
{
	for (unsigned i = 0; i < nslots; i++)
		free((char *)slots[i].name);
	free(take(&slots));
	for (int k = 0; k <= OBJ_OTHER; k++)
		free(take(&by_local[k]));
	nslots = 0;
	memset(locals, 0, sizeof(locals));
}

unsigned tree_count(void)
{
	return nslots;
}

const struct slot *tree_slot(unsigned number)
{
	return &slots[number];
}

unsigned tree_locals(enum object_kind kind)
{
	return locals[kind];
}

const struct slot *tree_local(enum object_kind kind, unsigned local)
{
	return &slots[by_local[kind][local]];
}

bool slot_is_dir(const struct slot *s)
{
	return s->entry->kind == ENTRY_DIR || (s->entry->kind == ENTRY_PROPS && !s->prop);
}

bool slot_is_object(const struct slot *s)
{
	return !s->name && s->entry->kind == ENTRY_DIR;
}

const struct dir_type *slot_collection(const struct slot *s)
{
	return slots[s->parent].entry->dir;
}

bool slot_settles(const struct slot *s)
{
	const struct dir_type *type = s->number ? tree_slot(s->parent)->entry->dir : NULL;

	return type && type->settle && !slot_is_dir(s) && (s->entry->fresh == LIVE || s->entry->kind == ENTRY_BYTES);
}

struct place place_parent(const struct place *at)
{
	return (struct place){ .slot = tree_slot(at->slot->parent), .obj = at->obj, .who = at->who };
}

int place_of(uint64_t ino, struct place *at)
{
	uint64_t serial = ino >> SERIAL_SHIFT;
	unsigned number = ino & (MAX_SLOTS - 1);

	at->who = NULL;
	if (ino == ROOT_INO) {
		at->slot = &slots[0];
		at->obj = &root_object;
		return 0;
	}
	if (number >= nslots)
		return -ESTALE;
	at->slot = &slots[number];
	at->obj = slots[number].kind == OBJ_ROOT ? &root_object : object_find(serial);
	if (!at->obj || at->obj->gone || at->obj->kind != at->slot->kind)
		return -ESTALE;
	return 0;
}

uint64_t place_ino(const struct place *at)
{
	if (!at->slot->number)
		return ROOT_INO;
	return at->obj->serial << SERIAL_SHIFT | at->slot->number;
}

uint64_t ino_of_version(uint64_t ino, unsigned version)
{
	return ino | (uint64_t)(version & ((1u << VERSION_BITS) - 1)) << SLOT_BITS;
}

static bool there(const struct place *at)
{
	return !at->slot->entry->exists || at->slot->entry->exists(at);
}

int place_lookup(const struct place *dir, const char *name, struct place *out)
{
	const struct slot *s = dir->slot;
	struct object *o;

	if (!slot_is_dir(s))
		return -ENOTDIR;
	*out = *dir;
	for (unsigned i = s->first; i < (unsigned)s->first + s->count; i++) {
		if (strcmp(slots[i].name, name))
			continue;
		out->slot = &slots[i];
		return there(out) ? 0 : -ENOENT;
	}
	if (!s->child)
		return -ENOENT;
	o = s->entry->dir->find(dir, name);
	if (!o || o->gone)
		return -ENOENT;
	out->slot = &slots[s->child];
	out->obj = o;
	return 0;
}

static bool next_child(const struct place *dir, uint64_t *cursor, struct place *out, char name[256])
{
	const struct dir_type *type = dir->slot->entry->dir;
	uint64_t after = *cursor >= CHILD_CURSOR ? *cursor - CHILD_CURSOR : 0;
	struct object *o;

	while ((o = type->next(dir, after))) {
		after = o->serial;
		if (type->name) {
			if (!type->name(o, name))
				continue;
		} else {
			snprintf(name, 256, "%s", o->name);
		}
		*cursor = CHILD_CURSOR + after;
		out->slot = &slots[dir->slot->child];
		out->obj = o;
		return true;
	}
	return false;
}

bool place_next(const struct place *dir, uint64_t *cursor, struct place *out, char name[256])
{
	const struct slot *s = dir->slot;

	*out = *dir;
	while (*cursor < s->count) {
		out->slot = &slots[s->first + (*cursor)++];
		if ((out->slot->entry->hidden && !tree_list_all) || !there(out))
			continue;
		snprintf(name, 256, "%s", out->slot->name);
		return true;
	}
	return s->child && next_child(dir, cursor, out, name);
}

/* The path of AT below the object TOP's own directory (NULL: below the root), written from the end of BUF. */
static char *path_below(const struct place *at, const struct object *top, char *buf, size_t size)
{
	const struct slot *s = at->slot;
	const struct object *o = at->obj;
	char *p = buf + size - 1;

	*p = '\0';
	while (s->number && !(!s->name && o == top)) {
		const char *name = s->name ? s->name : o->name;
		size_t n = strlen(name);

		if ((size_t)(p - buf) < n + 1)
			break;
		if (*p)
			*--p = '/';
		p -= n;
		memcpy(p, name, n);
		if (!s->name)
			o = o->parent ? o->parent : &root_object;
		s = &slots[s->parent];
	}
	return p;
}

void place_path(const struct place *at, struct buf *out)
{
	char path[PATH_KEY_MAX];

	buf_puts(out, path_below(at, NULL, path, sizeof(path)));
}

static struct object *top_of(const struct place *at)
{
	struct object *top = at->obj;

	while (top->kind != OBJ_DOMAIN && top->kind != OBJ_POOL && top->kind != OBJ_VOLUME && top->kind != OBJ_SECRET &&
	       top->kind != OBJ_HOST && top->kind != OBJ_CLIENT && top->kind != OBJ_ROOT)
		top = top->parent ? top->parent : &root_object;
	return top;
}

struct object *place_key(const struct place *at, char key[PATH_KEY_MAX])
{
	struct object *top = top_of(at);
	char *start = path_below(at, top, key, PATH_KEY_MAX);

	memmove(key, start, key + PATH_KEY_MAX - start);
	return top;
}

mode_t slot_mode(const struct slot *s)
{
	if (s->entry->kind != ENTRY_PROPS)
		return s->entry->mode;
	if (!s->prop)
		return 0755;
	if (s->prop->flags & (P_READONLY | P_OUTPUT))
		return 0444;
	return s->prop->flags & P_SECRET ? 0600 : 0644;
}

static void set_times(const struct place *at, struct stat *st)
{
	const struct object *o = at->obj;
	int64_t m = 0, c;

	for (unsigned f = 0; f < FACETS; f++)
		if ((at->slot->facets & (1u << f)) && o->changed_ns[f] > m)
			m = o->changed_ns[f];
	c = o->changed_ns[FACET_ACCESS] > m ? o->changed_ns[FACET_ACCESS] : m;
	st->st_mtim = (struct timespec){ m / 1000000000, m % 1000000000 };
	st->st_ctim = (struct timespec){ c / 1000000000, c % 1000000000 };
	st->st_atim = st->st_mtim;
}

void place_stat(const struct place *at, struct stat *st)
{
	struct object *top = top_of(at);
	struct rights r;

	memset(st, 0, sizeof(*st));
	st->st_ino = place_ino(at);
	st->st_nlink = 1;
	st->st_blksize = at->slot->entry->kind == ENTRY_BYTES ? 1 << 20 : 4096; /* what cp reads and writes at once */
	set_times(at, st);
	if (at->slot->entry->kind == ENTRY_LINK) {
		st->st_mode = S_IFLNK | 0777;
		st->st_uid = geteuid();
		st->st_gid = getegid();
		return;
	}
	if (top->access) {
		char key[PATH_KEY_MAX];

		access_get(place_key(at, key), key, slot_mode(at->slot), &r);
	} else { /* nothing was ever set: every key answers alike */
		access_get(top, "", slot_mode(at->slot), &r);
	}
	st->st_uid = r.uid;
	st->st_gid = r.gid;
	st->st_mode = r.mode | (slot_is_dir(at->slot) ? S_IFDIR : S_IFREG);
}

const struct dir_type *place_counted(const struct place *at)
{
	for (const struct slot *s = at->slot; s->number; s = tree_slot(s->parent))
		if (s->entry->dir && s->entry->dir->statfs)
			return s->entry->dir;
	return NULL;
}
