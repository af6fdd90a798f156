/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pools of type `logical`: a volume group of LVM2, whose volumes are its logical volumes.  A group of which some LV is active already is somebody
 * else's doing: it is adopted, and not deactivated at stop.  Only active LVs are volumes: the others have no device.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "engine/spawn.h"
#include "lvm.h"

#define OPEN_LOOKS 4 /* how often an open LV is looked at again */
#define OPEN_MS	   150

char *logical_vg(struct pool *p)
{
	char *vg = pool_text(p, "source/name");

	return vg ? vg : xstrdup(pool_name(p));
}

/* ---- the definition ---- */

static int complete(struct node *pool, const char *dir unused, struct error *err)
{
	const char *vg = node_get_or(pool, "source/name", node_get_or(pool, "name", ""));
	int r = lvm_vg_check(vg, err);

	if (r < 0)
		return r;
	if (!node_has(pool, "source/name"))
		node_set(pool, "source/name", vg);
	for (struct node *d = node_first(pool, "source/device"); d; d = node_next(d, "device"))
		if (*node_get_or(d, "@path", "") != '/')
			return error_set(err, EINVAL,
					 "line %ld: <device>: path '%s': expected the path of a block device",
					 node_line(d), node_get_or(d, "@path", ""));
	if (!node_has(pool, "source/format/@type"))
		node_set(pool, "source/format/@type", "lvm2");
	/* where LVM puts them is not for us to choose */
	node_setf(pool, "target/path", "/dev/%s", node_get(pool, "source/name"));
	return 0;
}

static void source_show(const struct node *pool, struct buf *out)
{
	buf_puts(out, node_get_or(pool, "source/name", node_get_or(pool, "name", "")));
}

/* "VG", "VG DEVICE..." */
static int source_store(struct node *pool, struct str text, struct error *err)
{
	autofree char *words = xstrndup(text.p, text.n);
	char *save = NULL, *vg = strtok_r(words, " \t\n", &save), *device = vg ? strtok_r(NULL, " \t\n", &save) : NULL;
	int r = lvm_vg_check(vg ? vg : "", err);

	if (r < 0)
		return r;
	node_set(pool, "source/name", vg);
	while (device && node_first(pool, "source/device"))
		node_remove(node_first(pool, "source/device"));
	for (; device; device = strtok_r(NULL, " \t\n", &save))
		node_set(node_add(node_make(pool, "source"), "device"), "@path", device);
	return 0;
}

/* ---- this host ---- */

static int probe(struct buf *state, struct error *err unused)
{
	static const char *const needs[] = { "lvs", "lvm2", "vgchange", "lvm2", "wipefs", "util-linux", NULL };
	static const char *const module[] = { "modprobe", "--dry-run", "--quiet", "dm-mod", NULL };
	struct stat st;

	if (tools_missing(needs, state))
		return 0;
	if (stat("/sys/class/misc/device-mapper", &st) < 0 &&
	    spawn_run(module, (struct str){ 0 }, NULL, POOL_ASK_MS, NULL) < 0) {
		buf_puts(state, "not usable: the kernel has no device-mapper (module dm-mod)\n");
		return 0;
	}
	static const char *const thin[] = { "thin_check", "thin-provisioning-tools", NULL };
	autobuf struct buf why = { 0 };
	buf_puts(state, "usable\n");
	buf_puts(state, tools_missing(thin, &why) ? "thin volumes no (install thin-provisioning-tools)\n"
						  : "thin volumes yes\n");
	return 0;
}

/* ---- the group ---- */

static int find(struct pool *p, struct error *err)
{
	autofree char *vg = logical_vg(p);
	autolvs struct lvs l = { 0 };
	int r = lvm_ask_lvs(vg, NULL, &l, err);

	if (r == -ENOENT) { /* start says it in its own words */
		error_clear(err);
		return 0;
	}
	for (size_t i = 0; i < l.n && r == 0; i++)
		if (l.at[i].shown && l.at[i].active)
			return 1;
	return r;
}

static int activate(const char *vg, const char *how, struct error *err)
{
	const char *const words[] = { "vgchange", how, vg, NULL };

	return lvm_run_words(words, NULL, POOL_WORK_MS, err);
}

static int start(struct pool *p, struct error *err)
{
	autofree char *vg = logical_vg(p);

	return activate(vg, "-aly", err);
}

static const struct lv *open_one(const struct lvs *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->at[i].shown && l->at[i].open && (!name || !strcmp(l->at[i].name, name)))
			return &l->at[i];
	return NULL;
}

int logical_closed(const char *vg, const char *name, struct lvs *l, struct error *err)
{
	for (int look = 0;; look++) {
		const struct lv *open;
		int r;

		lvs_clear(l);
		r = lvm_ask_lvs(vg, NULL, l, err);
		if (r < 0)
			return r;
		open = open_one(l, name);
		if (!open)
			return 0;
		if (look == OPEN_LOOKS)
			return error_set(
				err, EBUSY,
				"the LV '%s/%s' is open: unmount it, or end the program that has it open (lsof %s)", vg,
				open->name, open->path ? open->path : open->name);
		r = task_sleep(OPEN_MS);
		if (r < 0)
			return error_set(err, -r, "cancelled");
	}
}

/* All of it or nothing: what LVM did deactivate before one failed is activated again. */
static int stop(struct pool *p, struct error *err)
{
	autofree char *vg = logical_vg(p);
	autolvs struct lvs l = { 0 };
	int r = logical_closed(vg, NULL, &l, err);

	if (r < 0)
		return r;
	r = activate(vg, "-aln", err);
	if (r < 0) {
		task_shield(1);
		(void)!activate(vg, "-aly", NULL);
		task_shield(-1);
	}
	return r;
}

static int usage(struct pool *p, struct pool_usage *out, struct error *err)
{
	autofree char *vg = logical_vg(p);

	return lvm_ask_vg(vg, out, err);
}

/* ---- its volumes ---- */

static void forget(void *arg)
{
	struct logical *g = arg;

	logical_unwatch(g);
	lvs_clear(&g->known);
	task_wake_all(&g->readers);
	task_wake_all(&g->writers);
	free(g);
}

static struct logical *group_of(struct pool *p)
{
	struct logical *g = pool_priv(p);

	if (g)
		return g;
	g = xcalloc(1, sizeof(*g));
	g->pool = p;
	TAILQ_INIT(&g->readers);
	TAILQ_INIT(&g->writers);
	pool_set_priv(p, g, forget);
	logical_watch(g);
	return g;
}

static void next_turn(struct logical *g)
{
	task_wake(TAILQ_EMPTY(&g->readers) ? &g->writers : &g->readers);
}

int logical_begin(struct pool *p, bool reading, struct error *err)
{
	struct logical *g = group_of(p);

	while (g->busy) {
		int r = task_wait(reading ? &g->readers : &g->writers, NO_TIMEOUT);
		if (pool_priv(p) != g)
			return error_set(err, ESTALE, "the pool '%s' was stopped", pool_name(p));
		if (r < 0 && !g->busy) /* it was our turn */
			next_turn(g);
		if (r < 0)
			return error_set(err, -r, "cancelled");
	}
	g->busy = true;
	return 0;
}

void logical_end(struct pool *p)
{
	struct logical *g = pool_priv(p);

	if (!g)
		return;
	g->busy = false;
	next_turn(g);
}

static int list(struct pool *p, struct listing *out, struct error *err)
{
	autofree char *vg = logical_vg(p);
	struct lvs l = { 0 };
	struct logical *g;
	int r = logical_begin(p, true, err);

	if (r < 0)
		return r;
	r = lvm_ask_lvs(vg, NULL, &l, err);
	logical_end(p);
	if (r < 0)
		return r;
	for (size_t i = 0; i < l.n; i++) {
		struct listed *row;
		if (!l.at[i].shown || !l.at[i].active)
			continue;
		row = listing_add(out, l.at[i].name);
		row->info = xcalloc(1, sizeof(*row->info));
		lv_info(&l.at[i], vg, row->info);
	}
	g = group_of(p);
	lvs_clear(&g->known);
	g->known = l;
	return 0;
}

/* What is known of NAME, if it cannot have become something else: the device is the same, and no other program fills it. */
static bool from_known(struct pool *p, const char *name, const char *vg, struct volume_info *info)
{
	struct logical *g = pool_priv(p);
	const struct lv *lv = g ? lvs_find(&g->known, name) : NULL;
	autofree char *path = xasprintf("/dev/%s/%s", vg, name);
	struct stat st;

	if (!lv || !lv->shown || !lv->active || lv->thin || lv->snapshot || !lv->major || stat(path, &st) < 0)
		return false;
	if (major(st.st_rdev) != lv->major || minor(st.st_rdev) != lv->minor)
		return false;
	lv_info(lv, vg, info);
	return true;
}

static int ask_one(const char *vg, const char *name, struct volume_info *info, struct error *err)
{
	autolvs struct lvs l = { 0 };
	int r = lvm_ask_lvs(vg, name, &l, err);

	if (r < 0)
		return r;
	if (!l.n || !l.at[0].active)
		return error_set(err, ENOENT, "the LV '%s/%s' is not active", vg, name);
	lv_info(&l.at[0], vg, info);
	return 0;
}

static int info(struct pool *p, const char *name, struct volume_info *out, struct error *err)
{
	autofree char *vg = logical_vg(p), *path = NULL;
	uint64_t allocation;
	int r = from_known(p, name, vg, out) ? 0 : ask_one(vg, name, out, err);

	if (r < 0)
		return r;
	path = xstrdup(out->path);
	allocation = out->allocation;
	r = block_info(p, path, out, err);
	out->allocation = allocation; /* a device says only how large it is */
	return r;
}

static int wipe(struct pool *p, const char *name, const struct volume_info *now unused, const char *algorithm,
		void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg, struct error *err)
{
	autofree char *vg = logical_vg(p), *path = xasprintf("/dev/%s/%s", vg, name);

	return block_wipe(p, path, algorithm, progress, arg, err);
}

static int image(struct pool *p, const char *name, int flags, const struct volume_spec *spec unused, struct bulk **out,
		 struct error *err)
{
	autofree char *vg = logical_vg(p), *path = xasprintf("/dev/%s/%s", vg, name);

	if (flags & O_CREAT)
		return error_set(err, EINVAL,
				 "'%s' is not created yet: a LV is made with its size: write its capacity first", name);
	return block_image(p, path, flags, out, err);
}

static int disk(struct pool *p, const char *name, const struct volume_info *now, struct node *disk,
		struct error *err unused)
{
	const char *vg = node_get_or(pool_node(p), "source/name", pool_name(p));
	autofree char *path = xasprintf("/dev/%s/%s", vg, name);

	return block_disk(now && now->path ? now->path : path, disk);
}

/* ---- what could be pools ---- */

struct source {
	char *vg;
	struct vec devices;
};

static void found_pv(void *arg, const char *pv, const char *vg)
{
	struct vec *sources = arg;
	struct source *s = NULL;

	if (!*vg || *pv != '/')
		return;
	for (size_t i = 0; i < sources->n && !s; i++)
		if (!strcmp(((struct source *)sources->at[i])->vg, vg))
			s = sources->at[i];
	if (!s) {
		s = xcalloc(1, sizeof(*s));
		s->vg = xstrdup(vg);
		vec_add(sources, s);
	}
	vec_add(&s->devices, xstrdup(pv));
}

static void source_free(void *arg)
{
	struct source *s = arg;

	vec_clear(&s->devices, free);
	free(s->vg);
	free(s);
}

static void print_source(struct node *root, const struct source *s)
{
	struct node *source = node_add(root, "source");

	for (size_t i = 0; i < s->devices.n; i++)
		node_set(node_add(source, "device"), "@path", s->devices.at[i]);
	node_set(source, "name", s->vg);
	node_set(source, "format/@type", "lvm2");
}

static int discover(struct str spec, struct buf *xml, struct error *err)
{
	static const char *const words[] = { "pvs", "--reportformat", "json", "-o", "pv_name,vg_name", NULL };
	autodoc struct doc *doc = doc_parse(str_of("<sources>\n</sources>\n"), "sources", NULL);
	autobuf struct buf json = { 0 };
	struct vec sources = { 0 };
	int r;

	if (str_trim(spec).n)
		return error_set(err, EINVAL, "volume groups are looked for on this host: expected nothing, not '%.*s'",
				 (int)(spec.n < 100 ? spec.n : 100), spec.p);
	r = lvm_run_words(words, &json, POOL_WORK_MS, err);
	if (r == 0)
		r = lvm_parse_rows((struct str){ buf_text(&json), json.n }, "pv", "pv_name", "vg_name", found_pv,
				   &sources, err);
	for (size_t i = 0; i < sources.n; i++)
		print_source(doc_root(doc), sources.at[i]);
	if (r == 0)
		doc_print(doc, xml);
	vec_clear(&sources, source_free);
	return r;
}

static const char *const source_formats[] = { "lvm2", "unknown", NULL };
static const char *const volume_formats[] = { "raw", "qcow2", NULL };

const struct pool_driver logical_pool = {
	.type = "logical",
	.flags = POOL_NEEDS_ROOT,
	.source_formats = source_formats,
	.volume_formats = volume_formats,
	.probe = probe,
	.complete = complete,
	.source_show = source_show,
	.source_store = source_store,
	.find = find,
	.build = logical_build,
	.start = start,
	.stop = stop,
	.erase = logical_erase,
	.list = list,
	.usage = usage,
	.info = info,
	.create = logical_create,
	.remove = logical_remove,
	.rename = logical_rename,
	.resize = logical_resize,
	.clone = logical_clone,
	.wipe = wipe,
	.image = image,
	.data = image_data,
	.disk = disk,
	.discover = discover,
};
