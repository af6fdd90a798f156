/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pools/NAME/: storage pools. */
#include "engine/pool.h"

#include "tree.h"

static int state_show(const struct place *at, struct buf *out, struct error *err unused)
{
	return show_line(out, pool_state_names[pool_of(at->obj)->state]);
}

static int state_store(const struct place *at, struct str word, struct error *err)
{
	return pool_command(pool_of(at->obj), word, at->who, err);
}

static int xml_show(const struct place *at, struct buf *out, struct error *err unused)
{
	pool_xml(pool_of(at->obj), sees_secrets(at, at->obj), out);
	return 0;
}

static int xml_store(const struct place *at, struct str text, struct error *err)
{
	return pool_define(pool_of(at->obj), text, at->who, err);
}

static int config_show(const struct place *at, struct buf *out, struct error *err unused)
{
	pool_config_text(pool_of(at->obj), sees_secrets(at, at->obj), out);
	return 0;
}

static int check_store(const struct place *at, struct str text, struct error *err)
{
	struct buf verdict = { 0 };

	return verdict_keep(at->obj, &verdict, pool_verdict(pool_of(at->obj), text, &verdict, err));
}

static int uuid_show(const struct place *at, struct buf *out, struct error *err unused)
{
	return show_line(out, pool_of(at->obj)->uuid);
}

static int autostart_show(const struct place *at, struct buf *out, struct error *err unused)
{
	return show_line(out, pool_of(at->obj)->autostart ? "1" : "0");
}

static int autostart_store(const struct place *at, struct str text, struct error *err)
{
	bool on;
	int r = bool_parse(text, &on, err);

	return r < 0 ? r : pool_set_autostart(pool_of(at->obj), on, err);
}

static int source_show(const struct place *at, struct buf *out, struct error *err)
{
	int r = pool_source_show(pool_of(at->obj), out, err);

	buf_putc(out, '\n');
	return r;
}

static int source_store(const struct place *at, struct str text, struct error *err)
{
	return pool_source_store(pool_of(at->obj), text, at->who, err);
}

static int row_show(const struct place *at, struct buf *out, struct error *err)
{
	int r = pool_prop_show(pool_of(at->obj), at->slot->prop, out, err);

	buf_putc(out, '\n');
	return r;
}

static int row_store(const struct place *at, struct str text, struct error *err)
{
	return pool_prop_store(pool_of(at->obj), at->slot->prop, text, at->who, err);
}

/* Of a pool that is not active there is nothing to be told; of one that does not answer, an error. */
static int usage_show(const struct place *at, struct buf *out, const uint64_t *number, struct error *err)
{
	struct pool *p = pool_of(at->obj);
	int r = p->state == POOL_ACTIVE ? pool_usage(p, err) : 0;

	if (r < 0)
		return r;
	buf_u64(out, p->state == POOL_ACTIVE ? *number : 0);
	buf_putc(out, '\n');
	return 0;
}

static int capacity_show(const struct place *at, struct buf *out, struct error *err)
{
	return usage_show(at, out, &pool_of(at->obj)->usage.capacity, err);
}

static int allocation_show(const struct place *at, struct buf *out, struct error *err)
{
	return usage_show(at, out, &pool_of(at->obj)->usage.allocation, err);
}

static int available_show(const struct place *at, struct buf *out, struct error *err)
{
	return usage_show(at, out, &pool_of(at->obj)->usage.available, err);
}

static int job_show(const struct place *at, struct buf *out, struct error *err unused)
{
	pool_job(&pool_of(at->obj)->progress, &pool_of(at->obj)->jobs, out);
	return 0;
}

int job_abort_store(struct jobs *jobs, struct str word, struct error *err)
{
	if (!str_is(word, "abort"))
		return error_set(err, EINVAL, "'%.*s': expected abort", (int)word.n, word.p);
	return job_abort(jobs) ? 0 : error_set(err, ENOENT, "nothing is going on that could be aborted");
}

static int job_store(const struct place *at, struct str word, struct error *err)
{
	return job_abort_store(&pool_of(at->obj)->jobs, word, err);
}

static int error_show(const struct place *at, struct buf *out, struct error *err unused)
{
	const char *text = pool_of(at->obj)->error_text;

	return text ? show_line(out, text) : 0;
}

/* ---- volumes ---- */

static struct object *volume_object(struct volume *v)
{
	return v ? &v->obj : NULL;
}

static struct object *find_volume(const struct place *dir, const char *name)
{
	return volume_object(volume_find(pool_of(dir->obj), name));
}

static struct object *next_volume(const struct place *dir, uint64_t after)
{
	return volume_object(volume_after(pool_of(dir->obj), after));
}

static bool settled(const struct place *dir)
{
	return pool_settled(pool_of(dir->obj));
}

static int settle(const struct place *dir, int64_t timeout_ms, struct error *err)
{
	return pool_settle(pool_of(dir->obj), timeout_ms, err);
}

static int make_volume(const struct place *dir, const char *name, mode_t mode, struct object **out, struct error *err)
{
	struct volume *v;
	int r = volume_make(pool_of(dir->obj), name, dir->who, mode, &v, err);

	if (r < 0)
		return r;
	*out = &v->obj;
	object_ref(*out);
	return 0;
}

static int drop_volume(const struct place *at, struct error *err)
{
	return volume_drop(volume_of(at->obj), err);
}

static int rename_volume(const struct place *at, const char *name, struct error *err)
{
	return volume_rename(volume_of(at->obj), name, err);
}

static const struct entry volume_entry =
	DIR("VOLUME", 0755, &volume_dir, .facets = F_NAMES | F_STATE | F_DOC,
	    .doc = "a volume; mkdir, set format and backing, then write capacity, xml or image");

static const struct dir_type volumes_dir = {
	.child = &volume_entry,
	.kind = OBJ_VOLUME,
	.find = find_volume,
	.next = next_volume,
	.settled = settled,
	.settle = settle,
	.make = make_volume,
	.drop = drop_volume,
	.rename = rename_volume,
};

/* ---- pools ---- */

static const struct entry pool_config_entries[] = {
	VALUE("xml", 0444, config_show, NULL, .facets = F_CONFIG | F_DOC, .doc = "the definition as it was written"),
	{ 0 },
};
static const struct dir_type pool_config_dir = { .entries = pool_config_entries };

static const struct entry pool_entries[] = {
	VALUE("state", 0644, state_show, state_store, .facets = F_STATE, .cached = true,
	      .doc = "active or inactive; write build start stop refresh delete"),
	DOC("xml", 0644, xml_show, xml_store, .doc = "the definition in force: libvirt's pool XML; write: define"),
	DIR("config", 0755, &pool_config_dir, .doc = "the definition as it was written"),
	DOC("check", 0644, verdict_show, check_store, .fresh = LIVE, .fresh_doc = true,
	    .doc = "write a definition, read the verdict; nothing changes"),
	VALUE("uuid", 0444, uuid_show, NULL, .facets = F_DOC, .doc = "its uuid"),
	VALUE("autostart", 0644, autostart_show, autostart_store, .facets = F_DOC, .doc = "1: started at mount"),
	VALUE("source", 0644, source_show, source_store, .facets = F_DOC,
	      .doc = "where it comes from, in one line: a device, HOST:/DIR, a volume group ..."),
	VALUE("capacity", 0444, capacity_show, NULL, .fresh = WAITS, .doc = "bytes that it can hold"),
	VALUE("allocation", 0444, allocation_show, NULL, .fresh = WAITS, .doc = "bytes that are taken"),
	VALUE("available", 0444, available_show, NULL, .fresh = WAITS, .doc = "bytes that are left"),
	VALUE("job", 0644, job_show, job_store, .fresh = LIVE, .doc = "what is going on; write abort to end it"),
	VALUE("error", 0444, error_show, NULL, .facets = F_ERROR, .doc = "the last failure in words"),
	DIR("volumes", 0755, &volumes_dir, .doc = "its volumes"),
	PROPS(&pool_schema, row_show, row_store),
	{ 0 },
};
/* One that does not answer is told as it was last known. */
static void pool_statfs(const struct place *at, int64_t timeout_ms, struct statvfs *st)
{
	struct pool *p = at->obj->kind == OBJ_VOLUME ? volume_of(at->obj)->pool : pool_of(at->obj);

	pool_usage_settle(p, timeout_ms);
	st->f_blocks = p->usage.capacity / st->f_frsize;
	st->f_bavail = p->usage.available / st->f_frsize;
	st->f_bfree =
		p->usage.capacity > p->usage.allocation ? (p->usage.capacity - p->usage.allocation) / st->f_frsize : 0;
}

static const struct dir_type pool_dir = { .entries = pool_entries, .statfs = pool_statfs };

static struct object *pool_object(struct pool *p)
{
	return p ? &p->obj : NULL;
}

static struct object *find_pool(const struct place *dir unused, const char *name)
{
	return pool_object(pool_find(name));
}

static struct object *next_pool(const struct place *dir unused, uint64_t after)
{
	return pool_object(pool_after(after));
}

static int make_pool(const struct place *dir, const char *name, mode_t mode, struct object **out, struct error *err)
{
	struct pool *p;
	int r = pool_make(name, dir->who, mode, &p, err);

	if (r < 0)
		return r;
	*out = &p->obj;
	object_ref(*out);
	return 0;
}

static int drop_pool(const struct place *at, struct error *err)
{
	return pool_drop(pool_of(at->obj), err);
}

static int rename_pool(const struct place *at, const char *name, struct error *err)
{
	return pool_rename(pool_of(at->obj), name, err);
}

static const struct entry pool_entry =
	DIR("POOL", 0755, &pool_dir, .facets = F_STATE | F_DOC | F_NAMES,
	    .doc = "a storage pool; mkdir makes it, rmdir removes its definition, mv renames it");

const struct dir_type pools_dir = {
	.child = &pool_entry,
	.kind = OBJ_POOL,
	.find = find_pool,
	.next = next_pool,
	.make = make_pool,
	.drop = drop_pool,
	.rename = rename_pool,
};
