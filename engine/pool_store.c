/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pools on disk: a record per definition; one per pool with what is known of its volumes (formats, rights); and a file in the run directory for
 * each that is active, which tells the next domfs what was going on.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "loop.h"
#include "pool_impl.h"
#include "store.h"
#include "watch.h"

#define KIND	   "pools"
#define VOLUMES	   "volumes"
#define VOLUMES_MS 200 /* changes of volumes that come together are written together */

/* ---- definitions ---- */

int pool_store(struct pool *p, struct str conf, struct str full, const char *uuid, const char *type, bool durable,
	       struct error *err)
{
	autorecord struct record *r = record_new();
	int ret;

	record_set(r, "uuid", uuid);
	record_set(r, "type", type);
	record_set(r, "autostart", p->autostart ? "1" : "0");
	record_set(r, "fresh", p->fresh ? "1" : "0");
	record_set(r, "was", p->was);
	access_store(&p->obj, r, "");
	record_set_text(r, "config", conf);
	record_set_text(r, "full", full);
	p->storing |= durable;
	ret = store_write(KIND, p->obj.name, r, durable, err);
	if (!durable)
		return ret;
	p->storing = false;
	/* it may have failed after the file was in its place: what is in force must be what is there */
	p->dirty |= ret < 0 && ret != -ENOSPC && ret != -EROFS && ret != -EDQUOT;
	return ret;
}

int pool_store_remove(struct pool *p, struct error *err)
{
	int r;

	p->storing = true;
	r = store_remove(KIND, p->obj.name, true, err);
	p->storing = false;
	p->dirty |= r < 0; /* the file may be gone already when it fails */
	return r;
}

void pool_store_settle(struct pool *p)
{
	if (p->dirty)
		pool_save_soon(p);
}

/* While a definition is on its way to the disk, or off it, what is in force now must not be written after it. */
void pool_save_soon(struct pool *p)
{
	p->dirty = p->storing;
	if (p->persistent && !p->storing && !p->obj.gone && p->full.n)
		(void)!pool_store(p, p->config, p->full, p->uuid, p->type, false, NULL);
}

/* ---- volumes ---- */

static int write_volumes(struct pool *p, bool durable, struct error *err)
{
	autorecord struct record *r = record_new();

	formats_print(p, r);
	for (size_t i = 0; i < p->by_serial.n; i++) {
		struct volume *v = p->by_serial.at[i];
		autobuf struct buf prefix = { 0 };
		if (!v->obj.access)
			continue;
		buf_percent(&prefix, volume_name(v));
		buf_putc(&prefix, ' ');
		access_store(&v->obj, r, buf_text(&prefix));
	}
	/* rights of volumes that are not listed now are not lost */
	for (size_t i = 0; i < p->rights.n; i++)
		record_add_line(r, "access", p->rights.at[i]);
	return store_write(VOLUMES, p->uuid, r, durable, err);
}

static void save_volumes(void *arg)
{
	struct pool *p = arg;

	p->saving = NULL;
	if (!p->obj.gone)
		(void)!write_volumes(p, false, NULL);
	object_unref(&p->obj);
}

int pool_volumes_store(struct pool *p, struct error *err)
{
	return p->persistent && !p->obj.gone ? write_volumes(p, true, err) : 0;
}

void pool_volumes_dirty(struct pool *p)
{
	if (p->saving || !p->persistent || p->obj.gone)
		return;
	object_ref(&p->obj);
	p->saving = loop_timer(VOLUMES_MS, save_volumes, p);
}

void pool_volumes_flush(struct pool *p)
{
	if (!p->saving)
		return;
	loop_untimer(p->saving);
	save_volumes(p);
}

static void keep_rights(void *arg, const char *line)
{
	vec_add(&((struct pool *)arg)->rights, xstrdup(line));
}

void pool_rights_load(struct volume *v)
{
	struct pool *p = v->pool;
	autobuf struct buf prefix = { 0 };

	if (!p->rights.n)
		return;
	buf_percent(&prefix, volume_name(v));
	buf_putc(&prefix, ' ');
	for (size_t i = p->rights.n; i-- > 0;) {
		char *line = p->rights.at[i];
		if (!str_starts(line, buf_text(&prefix)))
			continue;
		vec_remove(&p->rights, i);
		access_load(&v->obj, line + prefix.n);
		free(line);
	}
}

static void load_format(void *arg, const char *line)
{
	formats_load(arg, line);
}

static void load_volumes(void *arg unused, const char *name, struct record *r)
{
	struct pool *p = pool_find_uuid(name);

	if (p) {
		record_each(r, "format", load_format, p);
		record_each(r, "access", keep_rights, p);
	}
	record_free(r);
}

void pool_access_changed(struct object *o)
{
	if (o->kind == OBJ_POOL)
		pool_save_soon(pool_of(o));
	else
		pool_volumes_dirty(volume_of(o)->pool);
}

/* ---- the run directory ---- */

static char *run_path(const struct pool *p)
{
	return xasprintf("%s/pools/%s", config.run_dir, p->uuid);
}

void pool_run_set(struct pool *p, bool active)
{
	autofree char *dir = xasprintf("%s/pools", config.run_dir);
	autofree char *path = run_path(p);
	autorecord struct record *r = record_new();
	autoerror struct error err = { 0 };

	if (!active) {
		unlink(path);
		return;
	}
	mkdir(dir, 0700);
	record_set(r, "name", p->obj.name);
	record_set(r, "adopted", p->adopted ? "1" : "0");
	if (record_write_file(path, r, &err) < 0) /* at the next mount it is looked for anew */
		log_line("%s", error_text(&err));
}

bool pool_run_get(const struct pool *p, bool *adopted)
{
	autofree char *path = run_path(p);
	autorecord struct record *r = record_read_file(path, NULL);

	if (r)
		*adopted = str_eq(record_get(r, "adopted"), "1");
	return r;
}

/* ---- loading ---- */

/* A rename that was cut off between its two steps has left both: the record that says whose name it had wins. */
static bool is_double(const char *name, const char *uuid, const struct record *r)
{
	struct pool *other = pool_find_uuid(uuid);
	const char *was = record_get(r, "was");
	autoerror struct error err = { 0 };

	if (!other)
		return false;
	if (other->was && !strcmp(other->was, name)) {
		(void)!store_remove(KIND, name, false, NULL);
		return true;
	}
	if (was && !strcmp(was, other->obj.name)) {
		(void)!store_remove(KIND, was, false, NULL);
		other->persistent = false;
		pool_remove(other);
		return false;
	}
	error_set(&err, EEXIST,
		  "the pool '%s' has the uuid of '%s' (%s): it is not loaded; give it another one in '%s/pools/%s'",
		  name, other->obj.name, uuid, config.state_dir, name);
	errors_add(NULL, name, &err);
	log_line("%s", error_text(&err));
	return true;
}

static void load_one(void *arg unused, const char *name, struct record *r)
{
	const char *uuid = record_get(r, "uuid");
	struct str conf = record_text(r, "config"), full = record_text(r, "full");
	char plain[UUID_TEXT];
	struct pool *p;

	if (object_name_check(name, NULL) < 0 || !uuid || !full.n || uuid_parse(str_of(uuid), plain, NULL) < 0) {
		autoerror struct error why = { 0 };
		error_set(&why, EBADMSG, "it is a file of domfs, but no pool");
		store_set_aside(KIND, name, &why);
		record_free(r);
		return;
	}
	if (pool_find(name) || is_double(name, plain, r)) {
		record_free(r);
		return;
	}
	p = pool_new(name, plain);
	p->was = xstrdup(record_get(r, "was"));
	p->type = xstrdup(record_get(r, "type"));
	p->driver = pool_driver_of(p->type);
	p->autostart = str_eq(record_get(r, "autostart"), "1");
	p->fresh = str_eq(record_get(r, "fresh"), "1");
	pool_text_set(&p->config, xstrndup(conf.p ? conf.p : "", conf.n), conf.n);
	pool_text_set(&p->full, xstrndup(full.p, full.n), full.n);
	record_each(r, "access", access_load, &p->obj);
	record_free(r);
}

/* Not at once: the mount must answer before any storage does. */
static void find_soon(void *arg)
{
	task_start(pool_find_task, arg);
}

int pools_open(struct error *err)
{
	int r = store_load(KIND, load_one, NULL, err);

	if (r == 0)
		r = store_load(VOLUMES, load_volumes, NULL, err);
	for (struct pool *p = pool_after(0); p; p = pool_after(p->obj.serial)) {
		object_ref(&p->obj);
		loop_soon(find_soon, p);
	}
	return r;
}

void pools_flush(void)
{
	for (struct pool *p = pool_after(0); p; p = pool_after(p->obj.serial))
		pool_volumes_flush(p);
}

void pools_close(void)
{
	struct pool *p;

	while ((p = pool_after(0))) {
		pool_volumes_flush(p);
		pool_remove(p);
	}
	watch_close();
}
