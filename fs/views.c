/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Each reader's part of events and errors: see views.h.  A line is judged when it is written, for each view there is; one that begins later is
 * filled with the lines that are still there, judged by the rights that are in force then.  Of an object that is gone the rights are remembered
 * for a while (a ghost), and hold for the lines of its time, whoever has its name after it.
 */
#include "views.h"

#include <unistd.h>

#include "engine/units.h"
#include "node.h"

#define VIEWS_MAX  64 /* that nobody holds: the one that was asked for longest ago goes */
#define GHOSTS_MAX 512

struct share {
	const struct ring *all;
	uid_t uid;
	gid_t gid;
	struct ring ring;
	unsigned held;
	uint64_t used;
	TAILQ_ENTRY(share) list;
};

struct ghost {
	char *path, *until;
	struct object obj;
	TAILQ_ENTRY(ghost) list;
};

static TAILQ_HEAD(, share) views = TAILQ_HEAD_INITIALIZER(views);
static TAILQ_HEAD(, ghost) ghosts = TAILQ_HEAD_INITIALIZER(ghosts); /* the oldest first */
static unsigned nviews, nghosts;
static uint64_t uses;

/* ---- rights ---- */

bool sees_all(const struct who *who)
{
	return !who || who->uid == 0 || who->uid == getuid();
}

static bool may(const struct place *at, const struct who *who, int bits)
{
	char key[PATH_KEY_MAX];
	struct object *top = place_key(at, key);

	return access_may(top, key, slot_mode(at->slot), who, bits);
}

static bool kept_by_itself(const struct object *o)
{
	return o->kind == OBJ_DOMAIN || o->kind == OBJ_POOL || o->kind == OBJ_VOLUME || o->kind == OBJ_SECRET ||
	       o->kind == OBJ_HOST;
}

static const struct slot *dir_slot(enum object_kind kind)
{
	for (unsigned i = 0; i < tree_locals(kind); i++)
		if (slot_is_object(tree_local(kind, i)))
			return tree_local(kind, i);
	return NULL;
}

/* The file `state` of a directory, or NULL. */
static const struct slot *state_of(const struct slot *dir)
{
	for (unsigned i = dir->first; i < (unsigned)dir->first + dir->count; i++)
		if (!strcmp(tree_slot(i)->name, "state"))
			return tree_slot(i);
	return NULL;
}

bool sees_object(const struct who *who, const struct object *o)
{
	struct place at = { .who = who }, state;

	while (o && !kept_by_itself(o))
		o = o->parent;
	if (!o || sees_all(who))
		return true;
	if (o->gone)
		return false;
	at.obj = (struct object *)o;
	at.slot = dir_slot(o->kind);
	if (!at.slot || !may(&at, who, 05))
		return false;
	state = at;
	state.slot = state_of(at.slot);
	if (state.slot && !may(&state, who, 04))
		return false;
	while (at.slot->number) {
		if (!at.slot->name)
			at.obj = at.obj->parent ? at.obj->parent : &root_object;
		at.slot = tree_slot(at.slot->parent);
		if (!may(&at, who, 01))
			return false;
	}
	return true;
}

/* ---- by path ---- */

/* The object that PATH leads to, or into; NULL. */
static struct object *object_at(const char *path)
{
	autofree char *copy = xstrdup(path);
	struct object *found = NULL;
	struct place at, next;
	char *save = NULL;

	if (place_of(1, &at) < 0)
		return NULL;
	for (char *name = strtok_r(copy, "/", &save); name; name = strtok_r(NULL, "/", &save)) {
		if (place_lookup(&at, name, &next) < 0)
			break;
		at = next;
		if (slot_is_object(at.slot) && kept_by_itself(at.obj))
			found = at.obj;
		else if (!slot_is_dir(at.slot))
			break;
	}
	return found;
}

static char *path_of(const struct object *o)
{
	struct place at = { .slot = dir_slot(o->kind), .obj = (struct object *)o };
	struct buf path = { 0 };

	if (at.slot)
		place_path(&at, &path);
	return buf_take(&path);
}

static bool ghost_shows(const struct ghost *g, const struct who *who)
{
	return access_may(&g->obj, "", 0755, who, 05) && access_may(&g->obj, "state", 0644, who, 04);
}

/* Is PATH the ghost's, or within it? */
static bool ghost_is(const struct ghost *g, const char *path)
{
	size_t n = strlen(g->path);

	return !strncmp(path, g->path, n) && (!path[n] || path[n] == '/');
}

/* A line of TIME about PATH. */
static bool visible(const char *path, const char *time, const struct who *who)
{
	const struct ghost *g, *last = NULL;
	const struct object *o;

	TAILQ_FOREACH(g, &ghosts, list) {
		if (!ghost_is(g, path))
			continue;
		if (strcmp(time, g->until) <= 0)
			return ghost_shows(g, who);
		last = g;
	}
	o = object_at(path);
	if (o)
		return sees_object(who, o);
	return last && ghost_shows(last, who);
}

static void ghost_free(struct ghost *g)
{
	TAILQ_REMOVE(&ghosts, g, list);
	nghosts--;
	access_free(g->obj.access);
	free(g->path);
	free(g->until);
	free(g);
}

static void gone(struct object *o)
{
	autobuf struct buf lines = { 0 }, now = { 0 };
	struct rights r;
	char *save = NULL;
	struct ghost *g;

	if (!kept_by_itself(o))
		return;
	g = xcalloc(1, sizeof(*g));
	g->path = path_of(o);
	time_iso8601(&now, now_realtime_ns());
	g->until = buf_take(&now);
	g->obj.kind = OBJ_OTHER;
	access_get(o, "", 0755, &r);
	access_print(o, &lines);
	buf_printf(&lines, ". %u %u - -\n", (unsigned)r.uid, (unsigned)r.gid);
	for (char *line = strtok_r(lines.p, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		(void)!access_parse_line(&g->obj, str_of(line), NULL);
	TAILQ_INSERT_TAIL(&ghosts, g, list);
	if (++nghosts > GHOSTS_MAX)
		ghost_free(TAILQ_FIRST(&ghosts));
}

/* ---- lines ---- */

static struct str word(struct str *rest)
{
	struct str w = { rest->p, 0 };

	while (w.n < rest->n && w.p[w.n] != ' ')
		w.n++;
	rest->p += w.n < rest->n ? w.n + 1 : w.n;
	rest->n -= w.n < rest->n ? w.n + 1 : w.n;
	return w;
}

/* "domain", "web" -> "domains/web"; a volume is "POOL/VOLUME". */
static char *event_path(struct str kind, struct str object)
{
	autofree char *name = percent_decode(object);
	const char *slash = name ? strchr(name, '/') : NULL;

	if (!name)
		return xstrdup("");
	if (!str_is(kind, "volume") || !slash)
		return xasprintf("%.*ss/%s", (int)kind.n, kind.p, name);
	return xasprintf("pools/%.*s/volumes/%s", (int)(slash - name), name, slash + 1);
}

/* "old renamed new", "pool/old renamed new": the object has its new name by now. */
static char *new_name(struct str old, struct str detail)
{
	autofree char *before = percent_decode(old), *after = xstrndup(detail.p, str_trim(detail).n);
	const char *slash = before ? strrchr(before, '/') : NULL;
	autofree char *plain = slash ? xasprintf("%.*s/%s", (int)(slash - before), before, after) : take(&after);
	struct buf out = { 0 };

	buf_percent(&out, plain);
	return buf_take(&out);
}

/* May WHO see LINE of ALL?  What he did himself he may. */
static bool shows(const struct ring *all, struct str line, const struct who *who)
{
	autofree char *path = NULL, *time = NULL;
	struct str first = word(&line), second = word(&line), third = word(&line), fourth = word(&line);

	if (all == &events_ring) {
		struct str event = word(&line);
		autofree char *name = str_is(event, "renamed") ? new_name(fourth, line) : NULL;
		path = event_path(third, name ? str_of(name) : fourth);
		time = xstrndup(second.p, second.n);
		return visible(path, time, who);
	}
	time = xstrndup(second.p, second.n);
	if (strtoul(time, NULL, 10) == who->uid)
		return true;
	free(time);
	time = xstrndup(first.p, first.n);
	path = percent_decode(third);
	return path && visible(path, time, who);
}

static void each_line(struct share *v, struct str text)
{
	struct who who = { .uid = v->uid, .gid = v->gid };

	while (text.n) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t n = end ? (size_t)(end - text.p) + 1 : text.n;

		if (shows(v->all, (struct str){ text.p, n }, &who))
			ring_add(&v->ring, text.p, n);
		text.p += n;
		text.n -= n;
	}
}

static void on_line(const struct ring *all, struct str line)
{
	struct share *v;

	TAILQ_FOREACH(v, &views, list)
		if (v->all == all)
			each_line(v, line);
}

/* ---- views ---- */

static void view_free(struct share *v)
{
	TAILQ_REMOVE(&views, v, list);
	nviews--;
	ring_free(&v->ring);
	free(v);
}

static void make_room(void)
{
	struct share *v, *oldest = NULL;

	TAILQ_FOREACH(v, &views, list)
		if (!v->held && (!oldest || v->used < oldest->used))
			oldest = v;
	if (oldest && nviews >= VIEWS_MAX)
		view_free(oldest);
}

static struct share *view_new(struct ring *all, const struct who *who)
{
	struct share *v = xcalloc(1, sizeof(*v));
	size_t n = all->end - all->start;
	autofree char *text = xmalloc(n + 1);
	uint64_t at;

	make_room();
	v->all = all;
	v->uid = who->uid;
	v->gid = who->gid;
	ring_init(&v->ring, all->cap);
	TAILQ_INSERT_TAIL(&views, v, list);
	nviews++;
	n = ring_read(all, all->start, text, n, &at);
	each_line(v, (struct str){ text, n });
	return v;
}

static struct share *view_find(const struct ring *all, const struct who *who)
{
	struct share *v;

	TAILQ_FOREACH(v, &views, list)
		if (v->all == all && v->uid == who->uid && v->gid == who->gid)
			return v;
	return NULL;
}

static struct share *view_get(struct ring *all, const struct who *who)
{
	struct share *v = view_find(all, who);

	if (!v)
		v = view_new(all, who);
	v->used = ++uses;
	return v;
}

struct ring *view_of(struct ring *all, const struct who *who)
{
	return sees_all(who) ? all : &view_get(all, who)->ring;
}

void view_hold(struct ring *all, const struct who *who)
{
	if (!sees_all(who))
		view_get(all, who)->held++;
}

void view_release(struct ring *all, const struct who *who)
{
	struct share *v = sees_all(who) ? NULL : view_find(all, who);

	if (v && v->held)
		v->held--;
}

void views_open(void)
{
	static struct watcher watcher = { .gone = gone };

	watcher_add(&watcher);
	ring_line_hook = on_line;
}

void views_close(void)
{
	ring_line_hook = NULL;
	while (!TAILQ_EMPTY(&views))
		view_free(TAILQ_FIRST(&views));
	while (!TAILQ_EMPTY(&ghosts))
		ghost_free(TAILQ_FIRST(&ghosts));
}
