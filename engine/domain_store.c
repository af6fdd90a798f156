/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Domains on disk: a record per definition in the state directory, and a directory per running guest in the run directory.  The header of a
 * definition's record holds what `list` shows, so that loading parses no XML.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "claim.h"
#include "domain_impl.h"
#include "loop.h"
#include "pool.h"
#include "secret.h"
#include "store.h"

#define KIND "domains"

static unsigned adopting;

unsigned domains_adopting(void)
{
	return adopting;
}

static void set_u64(struct record *r, const char *key, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, v);
	record_set(r, key, text);
}

static uint64_t get_u64(const struct record *r, const char *key)
{
	const char *text = record_get(r, key);

	return text ? strtoull(text, NULL, 10) : 0;
}

static bool get_bool(const struct record *r, const char *key)
{
	return str_eq(record_get(r, key), "1");
}

static void add_numbers(struct record *r, const struct numbers *n)
{
	set_u64(r, "cpus", n->cpus);
	set_u64(r, "cpus_max", n->cpus_max);
	set_u64(r, "memory", n->memory);
	set_u64(r, "memory_max", n->memory_max);
}

static struct numbers get_numbers(const struct record *r)
{
	return (struct numbers){ get_u64(r, "cpus"), get_u64(r, "cpus_max"), get_u64(r, "memory"),
				 get_u64(r, "memory_max"), (char *)record_get(r, "images") };
}

/* ---- definitions ---- */

int domain_store(struct domain *d, struct str text, struct str full, const struct numbers *n, const char *uuid,
		 bool durable, struct error *err)
{
	autorecord struct record *r = record_new();
	int ret;

	record_set(r, "uuid", uuid);
	record_set(r, "type", d->type);
	record_set(r, "autostart", d->autostart ? "1" : "0");
	record_set(r, "fresh", d->fresh ? "1" : "0");
	record_set(r, "was", d->was);
	add_numbers(r, n);
	record_set(r, "images", n->images ? n->images : d->images_next);
	access_store(&d->obj, r, "");
	record_set_text(r, "config", text);
	record_set_text(r, "full", full);
	if (durable)
		d->storing = true;
	ret = store_write(KIND, d->obj.name, r, durable, err);
	if (durable)
		d->storing = false;
	return ret;
}

/* While a definition is on its way to the disk, what is in force now must not be written after it. */
void domain_save_soon(struct domain *d)
{
	struct numbers n = { d->next_cpus, d->next_cpus_max, d->next_memory, d->next_memory_max, NULL };

	if (!d->persistent || d->obj.gone)
		return;
	d->dirty = d->storing;
	if (!d->storing)
		(void)!domain_store(d, d->config, d->full, &n, d->uuid, false, NULL);
}

/* The root's own rights say who may make domains. */
static void access_changed(struct object *o)
{
	autorecord struct record *r = NULL;

	if (o->kind == OBJ_DOMAIN)
		domain_save_soon(domain_of(o));
	if (o->kind == OBJ_SECRET)
		secret_access_changed(o);
	if (o->kind == OBJ_POOL || o->kind == OBJ_VOLUME)
		pool_access_changed(o);
	if (access_keepers[o->kind])
		access_keepers[o->kind](o);
	if (o->kind != OBJ_ROOT)
		return;
	r = record_new();
	access_store(o, r, "");
	(void)!store_write("root", "access", r, false, NULL);
}

static void load_root(void *arg unused, const char *name unused, struct record *r)
{
	record_each(r, "access", access_load, &root_object);
	record_free(r);
}

/* A rename that was cut off between its two steps has left both: the record that says whose name it had wins. */
static void finish_rename(const char *name, const struct record *r)
{
	const char *was = record_get(r, "was");
	struct domain *old = was ? domain_find(was) : NULL;

	if (!old || !strcmp(was, name) || !str_eq(old->uuid, record_get(r, "uuid")))
		return;
	(void)!store_remove(KIND, was, false, NULL);
	domain_remove(old);
}

/* Does the document FULL call itself NAME? */
static bool names_itself(const char *name, struct str full)
{
	autodoc struct doc *doc = doc_parse(full, "domain", NULL);

	return doc && str_eq(node_get(doc_root(doc), "name"), name);
}

/* Two with one uuid: the second half of a rename, or a file that somebody copied.  Of those, the one that was not copied is loaded, in
 * whatever order they are found. */
static bool is_double(const char *name, const char *uuid, struct str full)
{
	struct domain *other = domain_find_uuid(uuid);
	autofree char *loser = NULL;
	autoerror struct error err = { 0 };
	bool second;

	if (!other)
		return false;
	if (other->was && !strcmp(other->was, name)) {
		(void)!store_remove(KIND, name, false, NULL);
		return true;
	}
	second = !names_itself(name, full) || names_itself(other->obj.name, other->full);
	loser = xstrdup(second ? name : other->obj.name);
	error_set(&err, EEXIST,
		  "the definition '%s' has the uuid of '%s' (%s): it is not loaded; give it another one in "
		  "'%s/domains/%s'",
		  loser, second ? other->obj.name : name, uuid, config.state_dir, loser);
	errors_add(NULL, loser, &err);
	log_line("%s", error_text(&err));
	if (!second)
		domain_remove(other);
	return second;
}

static void load_one(void *arg unused, const char *name, struct record *r)
{
	const char *uuid = record_get(r, "uuid");
	struct str text = record_text(r, "config"), full = record_text(r, "full");
	char plain[UUID_TEXT];
	struct numbers n = get_numbers(r);
	struct domain *d;

	finish_rename(name, r);
	if (object_name_check(name, NULL) < 0 || !uuid || !full.n || uuid_parse(str_of(uuid), plain, NULL) < 0) {
		autoerror struct error why = { 0 };

		error_set(&why, EBADMSG, "it is a file of domfs, but no definition");
		store_set_aside(KIND, name, &why);
		record_free(r);
		return;
	}
	if (domain_find(name) || is_double(name, plain, full)) {
		record_free(r);
		return;
	}
	d = domain_new(name, plain);
	d->was = xstrdup(record_get(r, "was"));
	d->type = xstrdup(record_get(r, "type"));
	d->driver = driver_of_type(d->type);
	d->autostart = get_bool(r, "autostart");
	d->fresh = get_bool(r, "fresh");
	text_set(&d->config, xstrndup(text.p ? text.p : "", text.n), text.n);
	text_set(&d->full, xstrndup(full.p, full.n), full.n);
	domain_numbers_next(d, &n);
	record_each(r, "access", access_load, &d->obj);
	record_free(r);
}

/* ---- the run directory ---- */

static void remove_tree(int dir, const char *name, int depth)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	if (!list) {
		base_close_p(&fd);
		unlinkat(dir, name, 0);
		return;
	}
	while ((e = readdir(list))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		if (unlinkat(fd, e->d_name, 0) < 0 && errno != ENOENT && depth > 0)
			remove_tree(fd, e->d_name, depth - 1);
	}
	closedir(list);
	unlinkat(dir, name, AT_REMOVEDIR);
}

char *domain_log_kept(const struct domain *d)
{
	return xasprintf("%s/logs/%s", config.run_dir, d->uuid);
}

void run_dir_remove(struct domain *d)
{
	autofree char *log = xasprintf("%s/log", d->run_dir);
	autofree char *kept = domain_log_kept(d);
	autofree char *logs = xasprintf("%s/logs", config.run_dir);

	mkdir(logs, 0700);
	(void)!rename(log, kept); /* there may be none */
	remove_tree(AT_FDCWD, d->run_dir, 4);
}

int run_dir_make(struct domain *d, struct error *err)
{
	remove_tree(AT_FDCWD, d->run_dir, 4); /* a start that was cut off before anything ran */
	if (mkdir(d->run_dir, 0700) < 0)
		return error_set(err, errno, "cannot make '%s': %s", d->run_dir, strerror(errno));
	return 0;
}

static void add_claim(void *arg, const char *text)
{
	record_add_line(arg, "claim", text);
}

static void load_claim(void *arg, const char *line)
{
	claim_parse(arg, line);
}

int domain_save_run(struct domain *d, struct error *err)
{
	autofree char *path = xasprintf("%s/run", d->run_dir);
	struct numbers n = { d->cpus, d->cpus_max, d->memory, d->memory_max, NULL };

	if (!domain_active(d))
		return 0;
	if (!d->run)
		d->run = record_new();
	record_set(d->run, "name", d->obj.name);
	record_set(d->run, "uuid", d->uuid);
	record_set(d->run, "type", d->type);
	record_set(d->run, "state", domain_state_names[d->state]);
	record_set(d->run, "reason", d->reason);
	set_u64(d->run, "id", d->id);
	set_u64(d->run, "pid", d->pid);
	add_numbers(d->run, &n);
	record_set(d->run, "claim", NULL);
	claims_print(d, add_claim, d->run);
	domain_live_printed(d);
	if (d->live_doc) {
		free(d->images_now);
		d->images_now = domain_images(doc_root(d->live_doc));
	}
	record_set(d->run, "images", d->images_now);
	record_set_text(d->run, "live", d->live);
	return record_write_file(path, d->run, err);
}

/* A guest whose definition is lost must still have somebody who knows of it. */
static struct domain *make_transient(const char *uuid, const struct record *r)
{
	struct str live = record_text(r, "live");
	const char *name = record_get(r, "name");
	autoerror struct error err = { 0 };
	autofree char *other = NULL;
	struct domain *d;

	if (!name || !live.n || object_name_check(name, NULL) < 0)
		return NULL;
	if (domain_find(name))
		name = other = xasprintf("%.240s-%.8s", name, uuid);
	d = domain_new(name, uuid);
	d->persistent = false;
	text_set(&d->config, xstrndup(live.p, live.n), live.n);
	text_set(&d->full, xstrndup(live.p, live.n), live.n);
	d->type = xstrdup(record_get(r, "type"));
	d->driver = driver_of_type(d->type);
	error_set(&err, ENOENT,
		  "the guest '%s' (%s) may still run but has no definition: it is shown as it was started "
		  "and goes when it ends; write its xml to keep it",
		  name, uuid);
	errors_add(NULL, name, &err);
	log_line("%s", error_text(&err));
	return d;
}

/* What the run file says is shown until the driver has looked. */
static void take_over(struct domain *d, struct record *r)
{
	struct str live = record_text(r, "live");
	const char *state = record_get(r, "state");
	int word = state ? word_index(domain_state_names, state) : -1;
	struct numbers n = get_numbers(r);
	int id = get_u64(r, "id");

	if (!live.n)
		live = d->full;
	d->run = r;
	record_each(r, "claim", load_claim, d);
	domain_set_id(d, id > 0 && !domain_find_id(id) ? id : domain_next_id());
	text_set(&d->live, xstrndup(live.p, live.n), live.n);
	d->state = word > 0 ? (enum domain_state)word : DOMAIN_STARTING;
	free(d->reason);
	d->reason = xstrdup(record_get(r, "reason") ? record_get(r, "reason") : "unknown");
	d->pid = get_u64(r, "pid");
	d->images_now = xstrdup(n.images);
	if (n.memory_max) {
		d->cpus = n.cpus;
		d->cpus_max = n.cpus_max;
		d->memory = n.memory;
		d->memory_max = n.memory_max;
	}
	console_free(d->console);
	d->console = NULL;
}

static void adopt_task(void *arg)
{
	struct domain *d = arg;

	domain_adopt_found(d);
	object_unref(&d->obj);
	if (--adopting == 0)
		domain_autostart_all();
}

/* Not at once: the mount must answer before all guests are asked. */
static void adopt_soon(void *arg)
{
	task_start(adopt_task, arg);
}

static void find_one(const char *uuid)
{
	autofree char *path = xasprintf("%s/domains/%s/run", config.run_dir, uuid);
	autofree char *log = xasprintf("%s/domains/%s/console.log", config.run_dir, uuid);
	autoerror struct error err = { 0 };
	struct domain *d = domain_find_uuid(uuid);
	struct record *r = record_read_file(path, &err);

	if (!d && r)
		d = make_transient(uuid, r);
	if (!d) { /* neither definition nor record: nothing was started from here */
		autofree char *dir = xasprintf("%s/domains/%s", config.run_dir, uuid);
		log_line("'%s' tells of no guest that could be found again (%s): removed", dir, error_text(&err));
		remove_tree(AT_FDCWD, dir, 4);
		record_free(r);
		return;
	}
	take_over(d, r ? r : record_new());
	d->console = console_new(d, log);
	object_ref(&d->obj);
	adopting++;
	loop_soon(adopt_soon, d);
}

static int find_running(struct error *err)
{
	autofree char *path = xasprintf("%s/domains", config.run_dir);
	DIR *dir = opendir(path);
	char plain[UUID_TEXT];
	struct dirent *e;

	if (!dir)
		return error_set(err, errno, "cannot open '%s': %s", path, strerror(errno));
	while ((e = readdir(dir)))
		if (uuid_parse(str_of(e->d_name), plain, NULL) == 0 && !strcmp(plain, e->d_name))
			find_one(plain);
	closedir(dir);
	return 0;
}

int domains_open(struct error *err)
{
	int r;

	access_changed_hook = access_changed;
	r = store_load("root", load_root, NULL, err);
	if (r == 0)
		r = store_load(KIND, load_one, NULL, err);
	if (r == 0)
		r = find_running(err);
	if (r == 0 && adopting == 0)
		domain_autostart_all();
	return r;
}

void domains_close(void)
{
	struct domain *d;

	while ((d = domain_after(0)))
		domain_remove(d);
	access_free(take(&root_object.access));
	access_changed_hook = NULL;
	ring_free(&events_ring);
	ring_free(&errors_ring);
}
