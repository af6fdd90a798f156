/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * hosts/NAME/: other hosts.  Beside the files of this table such a directory shows the root of the other tree (fuse_attr.c).  Its definition
 * is its uri; only its owner goes in, as whoever does acts there with the rights of that connection.
 */
#include "fs/hosts.h"

#include <unistd.h>

#include "engine/event.h"
#include "engine/record.h"
#include "engine/store.h"
#include "engine/units.h"
#include "tree.h"

#define KIND	   "hosts"
#define HOST_MODE  0700
#define CONNECT_MS 30000 /* how long a new uri is waited for */

struct host {
	struct object obj;
	struct remote *remote; /* NULL: no uri yet */
	char *uri, *error_text;
	enum remote_state told; /* the last event */
	char *told_why;
};

static struct vec all;
static struct hash *by_name;

static struct host *host_of(const struct object *o)
{
	return container_of((struct object *)o, struct host, obj);
}

static void host_free(struct object *o)
{
	struct host *h = host_of(o);

	free(h->uri);
	free(h->error_text);
	free(h->told_why);
	free(h);
}

/* What is tried in vain again and again is no event. */
static void on_state(struct remote *r)
{
	struct host *h = r->owner;
	bool same = h->told == r->state && str_eq(h->told_why, r->error_text);

	if (r->state == REMOTE_CONNECTED)
		free(take(&h->error_text)); /* of an attempt that failed */
	object_changed(&h->obj, 1u << FACET_ERROR | (same ? 0 : 1u << FACET_STATE | 1u << FACET_NAMES));
	if (same)
		return;
	h->told = r->state;
	free(h->told_why);
	h->told_why = r->error_text ? xstrdup(r->error_text) : NULL;
	event_emit("host", h->obj.name, remote_state_names[r->state], r->error_text ? "%s" : NULL, r->error_text);
}

static void connect_to(struct host *h)
{
	remote_free(take(&h->remote));
	if (!h->uri)
		return;
	h->remote = remote_new(h->uri);
	remote_map(h->remote);
	h->remote->on_state = on_state;
	h->remote->owner = h;
	remote_start(h->remote);
}

static struct host *host_new(const char *name)
{
	struct host *h = xcalloc(1, sizeof(*h));

	if (!by_name)
		by_name = hash_new();
	object_init(&h->obj, OBJ_HOST, name, &root_object, host_free);
	vec_add(&all, h);
	hash_put(by_name, name, h);
	return h;
}

static void host_remove(struct host *h)
{
	remote_free(take(&h->remote));
	vec_drop(&all, h);
	hash_put(by_name, h->obj.name, NULL);
	object_gone(&h->obj);
	object_changed(&root_object, 1u << FACET_NAMES);
	object_unref(&h->obj);
	if (!all.n) {
		vec_clear(&all, NULL);
		hash_free(take(&by_name));
	}
}

struct remote *host_remote(const struct object *o)
{
	return o->kind == OBJ_HOST ? host_of(o)->remote : NULL;
}

void host_set_error(struct object *o, const char *text)
{
	struct host *h = host_of(o);

	free(h->error_text);
	h->error_text = xstrdup(text);
	object_changed(o, 1u << FACET_ERROR);
}

static void add_path(const struct rnode *n, struct buf *path)
{
	if (!n->parent)
		return;
	add_path(n->parent, path);
	buf_printf(path, "/%s", n->name);
}

void host_failed(const struct rnode *n, const struct who *who, const struct error *err)
{
	const struct host *h = n->r->owner;
	autobuf struct buf path = { 0 };

	if (!h || n->r->closing || n->gone || (err->code != EIO && err->code != EHOSTUNREACH))
		return;
	buf_printf(&path, "hosts/%s", h->obj.name);
	add_path(n, &path);
	errors_add(who, buf_text(&path), err);
}

/* ---- kept ---- */

static int save(const struct host *h, const char *name, const char *uri, bool durable, struct error *err)
{
	autorecord struct record *r = record_new();
	autobuf struct buf lines = { 0 };
	char *s = NULL;

	record_set(r, "uri", uri ? uri : "");
	access_print(&h->obj, &lines);
	for (char *line = lines.n ? strtok_r(lines.p, "\n", &s) : NULL; line; line = strtok_r(NULL, "\n", &s))
		record_add_line(r, "access", line);
	return store_write(KIND, name, r, durable, err);
}

void host_access_changed(struct object *o)
{
	(void)!save(host_of(o), o->name, host_of(o)->uri, false, NULL);
}

static void load_access(void *arg, const char *line)
{
	(void)!access_parse_line(arg, str_of(line), NULL);
}

static void load_one(void *arg unused, const char *name, struct record *r)
{
	const char *uri = record_get(r, "uri");
	autoerror struct error why = { 0 };
	struct host *h;

	if (object_name_check(name, NULL) < 0 || !uri || (*uri && remote_check(uri, NULL) < 0)) {
		error_set(&why, EBADMSG, "it is a file of domfs, but no host");
		store_set_aside(KIND, name, &why);
		record_free(r);
		return;
	}
	h = host_new(name);
	h->uri = *uri ? xstrdup(uri) : NULL;
	record_each(r, "access", load_access, &h->obj);
	record_free(r);
	connect_to(h);
}

int hosts_open(struct error *err)
{
	access_keepers[OBJ_HOST] = host_access_changed;
	return store_load(KIND, load_one, NULL, err);
}

void hosts_stop(void)
{
	for (size_t i = 0; i < all.n; i++) {
		struct host *h = all.at[i];

		remote_free(take(&h->remote));
	}
}

void hosts_close(void)
{
	while (all.n)
		host_remove(all.at[all.n - 1]);
}

/* ---- the table ---- */

static int make(const struct place *dir, const char *name, mode_t mode unused, struct object **out, struct error *err)
{
	struct rights rights = { dir->who->uid, dir->who->gid, HOST_MODE };
	struct host *h = host_new(name);
	int r;

	access_set(&h->obj, "", HOST_MODE, ACCESS_UID | ACCESS_GID | ACCESS_MODE, &rights);
	r = save(h, name, NULL, true, err);
	if (r < 0) {
		host_remove(h);
		return error_in(err, r, "%s: make", name);
	}
	object_changed(&root_object, 1u << FACET_NAMES);
	event_emit("host", name, "made", NULL);
	*out = &h->obj;
	object_ref(*out);
	return 0;
}

static int drop(const struct place *at, struct error *err)
{
	struct host *h = host_of(at->obj);
	int r = store_remove(KIND, h->obj.name, true, err);

	if (r < 0)
		return error_in(err, r, "%s: remove", h->obj.name);
	event_emit("host", h->obj.name, "removed", NULL);
	host_remove(h);
	return 0;
}

static int rename_host(const struct place *at, const char *name, struct error *err)
{
	struct host *h = host_of(at->obj);
	autofree char *old = xstrdup(h->obj.name);
	int r = object_name_check(name, err);

	if (r == 0 && hash_get(by_name, name))
		r = error_set(err, EEXIST, "there is a host '%s' already", name);
	if (r == 0)
		r = save(h, name, h->uri, true, err);
	if (r == 0)
		r = store_remove(KIND, old, true, err);
	if (r < 0)
		return error_in(err, r, "%s: rename to '%s'", old, name);
	hash_put(by_name, old, NULL);
	free(h->obj.name);
	h->obj.name = xstrdup(name);
	hash_put(by_name, name, h);
	object_changed(&h->obj, 1u << FACET_DOC);
	object_changed(&root_object, 1u << FACET_NAMES);
	event_emit("host", old, "renamed", "%s", name);
	return 0;
}

static struct object *find(const struct place *dir unused, const char *name)
{
	struct host *h = by_name ? hash_get(by_name, name) : NULL;

	return h ? &h->obj : NULL;
}

static struct object *next(const struct place *dir unused, uint64_t after)
{
	return object_after(&all, after);
}

static int uri_show(const struct place *at, struct buf *out, struct error *err unused)
{
	return show_line(out, host_of(at->obj)->uri);
}

static void move_to(struct host *h, const char *uri)
{
	free(h->uri);
	h->uri = uri ? xstrdup(uri) : NULL;
	object_changed(&h->obj, 1u << FACET_DOC);
	connect_to(h);
}

/* Who says where it is, or says it again, wants to know whether it is there. */
static int reach(struct remote *r, struct error *err)
{
	int ret;

	r->refs++;
	remote_hurry(r);
	ret = remote_ready(r, CONNECT_MS, err);
	remote_unref(r);
	return ret;
}

/* A uri names keys, configurations and commands that are used with the rights of domfs itself. */
static int uri_store(const struct place *at, struct str text, struct error *err)
{
	struct host *h = host_of(at->obj);
	autofree char *uri = xstrndup(text.p, text.n);
	int r = *uri ? remote_check(uri, err) : 0;

	if (at->who && at->who->uid != 0 && at->who->uid != geteuid())
		return error_set(
			err, EACCES,
			"%s: uri: domfs connects with the keys of uid %u, so only he says where to: mount that "
			"host yourself (domfs mount %s DIRECTORY)",
			h->obj.name, geteuid(), uri);
	if (r == 0 && !(*uri && str_eq(uri, h->uri))) {
		r = save(h, h->obj.name, uri, true, err);
		if (r == 0)
			move_to(h, *uri ? uri : NULL);
	}
	if (r < 0)
		return error_in(err, r, "%s: uri", h->obj.name);
	return h->remote ? error_in(err, reach(h->remote, err), "%s", h->obj.name) : 0;
}

static int state_show(const struct place *at, struct buf *out, struct error *err unused)
{
	const struct host *h = host_of(at->obj);

	return show_line(out, remote_state_names[h->remote ? h->remote->state : REMOTE_IDLE]);
}

static int link_show(const struct place *at, struct buf *out, struct error *err unused)
{
	const struct host *h = host_of(at->obj);

	return show_line(out, h->remote ? h->remote->carrier.how : NULL);
}

static int latency_show(const struct place *at, struct buf *out, struct error *err unused)
{
	const struct host *h = host_of(at->obj);

	buf_printf(out, "%lld\n", h->remote ? (long long)h->remote->latency_ns : 0);
	return 0;
}

static int error_show(const struct place *at, struct buf *out, struct error *err unused)
{
	const struct host *h = host_of(at->obj);
	const struct remote *r = h->remote;

	if (!r || !r->error_text)
		return h->error_text ? show_line(out, h->error_text) : 0;
	buf_puts(out, r->error_text);
	if (r->failures) {
		buf_printf(out, " (tried %u times, again at ", r->failures);
		time_iso8601(out, r->next_ns);
		buf_putc(out, ')');
	}
	buf_putc(out, '\n');
	return 0;
}

static const struct entry host_entries[] = {
	VALUE("state", 0444, state_show, NULL, .facets = F_STATE, .doc = "idle, connecting, connected or lost"),
	VALUE("uri", 0644, uri_show, uri_store, .facets = F_DOC,
	      .doc = "where it is: ssh://[USER@]HOST[:PORT] and others; writing it connects"),
	VALUE("link", 0444, link_show, NULL, .facets = F_STATE, .doc = "by what it is connected, and why by that"),
	VALUE("latency", 0444, latency_show, NULL, .facets = F_STATE,
	      .doc = "nanoseconds of a round trip when it was connected"),
	VALUE("error", 0444, error_show, NULL, .facets = F_ERROR | F_STATE, .doc = "why it is not connected"),
	{ 0 },
};

static const struct dir_type host_dir_type = { .entries = host_entries };
static const struct entry host_entry =
	DIR("HOST", HOST_MODE, &host_dir_type, .facets = F_STATE | F_DOC | F_NAMES,
	    .doc = "another host; mkdir, then write its uri: its own tree is then in it");

const struct dir_type hosts_dir = {
	.child = &host_entry,
	.kind = OBJ_HOST,
	.find = find,
	.next = next,
	.make = make,
	.drop = drop,
	.rename = rename_host,
};
