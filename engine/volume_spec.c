/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A volume that is to be made: its document checked and turned into what drivers take. */
#include <unistd.h>

#include "pool_impl.h"

void volume_plan_clear(struct volume_plan *plan)
{
	doc_free(plan->xml);
	if (plan->secret)
		object_unref(&plan->secret->obj);
	free(plan->backing);
	free(plan->backing_format);
	free(plan->from_path);
	free(plan->from_format);
	*plan = (struct volume_plan){ 0 };
}

static int get_size(const struct node *root, const char *path, uint64_t *bytes, struct error *err)
{
	const struct node *n = node_first(root, path);
	const char *text = node_get(n, "");

	if (!n)
		return 0;
	return error_in(err, size_parse_unit(str_of(text), node_get(n, "@unit"), "bytes", bytes, err), "<%s>", path);
}

static int check_format(const struct pool *p, const char *format, struct error *err)
{
	autofree char *words = NULL;

	if (!p->driver->volume_formats)
		return str_eq(format, "raw")
			       ? 0
			       : error_set(err, EINVAL, "the format '%s': volumes of a pool of type %s are raw", format,
					   p->type);
	if (word_index(p->driver->volume_formats, format) >= 0)
		return 0;
	words = words_joined(p->driver->volume_formats);
	return error_set(err, EINVAL, "the format '%s': expected one of %s", format, words);
}

/* What the image is to be made on top of: its format is always known, else whoever writes into it chooses what is opened next. */
static int find_backing(struct volume *v, struct volume_plan *plan, struct error *err)
{
	const struct node *b = node_first(doc_root(plan->xml), "backingStore");
	const char *path = node_get(b, "path"), *format = node_get(b, "format/@type");
	struct volume *other;
	int r;

	if (!path || !*path)
		return 0;
	plan->backing = xstrdup(path);
	plan->backing_format = xstrdup(format);
	other = volume_by_path(path);
	if (other == v)
		return error_set(err, ELOOP, "the backing file of '%s' would be itself", v->obj.name);
	if (other) {
		autovolume struct volume *held = volume_hold(other);
		r = volume_check_chain(held, err);
		if (r < 0)
			return error_in(err, r, "the backing file '%s'", plan->backing);
	}
	if (!plan->backing_format && other) {
		autovolume struct volume *held = volume_hold(other);
		r = volume_learn(held, err);
		if (r < 0)
			return error_in(err, r, "the backing file '%s'", plan->backing);
		plan->backing_format = xstrdup(held->info ? held->info->format : NULL);
		if (held->info && !plan->spec.capacity)
			plan->spec.capacity = held->info->capacity;
	}
	if (!plan->backing_format)
		return error_set(err, EINVAL,
				 "the backing file '%s' is in no active pool: say its format in xml "
				 "(backingStore/format/@type), it is never guessed",
				 plan->backing);
	return 0;
}

static int find_secret(struct volume_plan *plan, const struct who *who, struct error *err)
{
	const struct node *e = node_first(doc_root(plan->xml), "target/encryption");
	const struct node *n = node_child(e, "secret");
	struct secret *s;

	if (!e)
		return 0;
	if (!n)
		return error_set(
			err, EINVAL,
			"line %ld: <encryption> names no <secret>: make one (mkdir secrets/UUID, write its value) "
			"and name its uuid",
			node_line(e));
	s = secret_of_node(n, "volume", who, err);
	if (!s)
		return err && err->code ? -err->code : -ENOENT;
	object_ref(&s->obj);
	plan->secret = s;
	plan->spec.secret = s;
	return 0;
}

static bool parse_number(const struct node *n, const char *path, int base, unsigned long *v)
{
	const char *text = node_get(n, path);
	char *end;

	if (!text || !*text || *text == '-')
		return false;
	*v = strtoul(text, &end, base);
	return !*end;
}

/* Whose it is to be: the maker's; root may say otherwise. */
static int find_owner(struct volume_plan *plan, const struct who *who, struct error *err)
{
	const struct node *perm = node_first(doc_root(plan->xml), "target/permissions");
	struct volume_spec *s = &plan->spec;
	unsigned long v;

	s->uid = who ? who->uid : geteuid();
	s->gid = who ? who->gid : getegid();
	s->mode = 0600;
	if (parse_number(perm, "mode", 8, &v))
		s->mode = v & 07777;
	if (parse_number(perm, "owner", 10, &v) && v != s->uid) {
		if (who && who->uid)
			return error_set(err, EPERM,
					 "line %ld: <owner> %lu: only root may make a volume for somebody else",
					 node_line(node_child(perm, "owner")), v);
		s->uid = v;
	}
	if (parse_number(perm, "group", 10, &v) && v != s->gid) {
		if (who && who->uid)
			return error_set(err, EPERM,
					 "line %ld: <group> %lu: only root may choose the group of a volume",
					 node_line(node_child(perm, "group")), v);
		s->gid = v;
	}
	return 0;
}

int volume_plan_make(struct volume *v, const struct doc *xml, const struct who *who, struct volume_plan *plan,
		     struct error *err)
{
	struct volume_spec *s = &plan->spec;
	const struct pool *p = v->pool;
	const struct node *root;
	int r;

	plan->xml = doc_copy(xml);
	root = doc_root(plan->xml);
	s->name = volume_name(v);
	s->xml = root;
	s->format = node_get_or(root, "target/format/@type",
				p->driver->volume_formats ? p->driver->volume_formats[0] : "raw");
	s->preallocation = v->preallocation;
	s->progress = volume_progress;
	s->arg = v;
	r = check_format(p, s->format, err);
	if (r == 0)
		r = get_size(root, "capacity", &s->capacity, err);
	s->allocation = s->capacity; /* as libvirt takes it when nothing is said; files are sparse all the same */
	if (r == 0 && p->driver->flags & POOL_FILES)
		s->allocation = 0;
	if (r == 0)
		r = get_size(root, "allocation", &s->allocation, err);
	if (r == 0)
		r = find_backing(v, plan, err);
	if (r == 0)
		r = find_secret(plan, who, err);
	if (r == 0)
		r = find_owner(plan, who, err);
	if (r < 0)
		return r;
	s->backing = plan->backing;
	s->backing_format = plan->backing_format;
	if (s->capacity > INT64_MAX)
		return error_set(err, EINVAL, "the capacity is above 2^63 - 1 bytes");
	return 0;
}
