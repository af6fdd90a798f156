/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A volume comes to be: mkdir makes a draft of it in memory; writing its capacity, its xml or its image creates it, and so does the clone of
 * another.
 */
#include "pool_impl.h"

int volume_name_free(struct pool *p, const char *name, struct error *err)
{
	int r = object_name_check(name, err);

	if (r == 0 && volume_find(p, name))
		return error_set(err, EEXIST, "there is a volume '%s' in the pool '%s' already", name, p->obj.name);
	return r;
}

static struct doc *fresh_doc(const char *name)
{
	struct doc *doc = doc_parse(str_of("<volume>\n</volume>\n"), "volume", NULL);

	node_set(doc_root(doc), "name", name);
	return doc;
}

/* A new one in the tree, of WHO. */
static struct volume *add(struct pool *p, const char *name, const struct who *who, mode_t mode, enum volume_state state)
{
	struct rights rights = { who ? who->uid : 0, who ? who->gid : 0, mode & 07777 };
	struct volume *v = volume_new(p, name, state);

	access_set(&v->obj, "", 0755, ACCESS_UID | ACCESS_GID | ACCESS_MODE, &rights);
	v->draft = fresh_doc(name);
	object_changed(&p->obj, 1u << FACET_NAMES);
	return v;
}

int volume_make(struct pool *p, const char *name, const struct who *who, mode_t mode, struct volume **out,
		struct error *err)
{
	int r = pool_needs_active(p, err);

	if (r == 0 && (!p->driver->create || (p->driver->flags & POOL_READONLY)))
		r = error_set(err, ENOTSUP, "the volumes of a pool of type %s are made elsewhere: it only shows them",
			      p->type);
	if (r == 0)
		r = volume_name_free(p, name, err);
	if (r < 0)
		return error_in(err, r, "%s", p->obj.name);
	*out = add(p, name, who, mode, VOLUME_NEW);
	return 0;
}

/* ---- the draft ---- */

static int draft_held(struct volume *v,
		      int (*change)(struct volume *v, struct node *root, void *arg, struct error *err), void *arg,
		      struct error *err)
{
	autovolume struct volume *held = volume_hold(v);
	autojob struct job job = { 0 };
	int r = job_begin(&job, &held->jobs, "define", err);

	if (r == 0)
		r = volume_needs(v, VOLUME_NEW, err);
	if (r == 0)
		r = change(v, doc_root(v->draft), arg, err);
	if (r == 0)
		object_changed(&v->obj, 1u << FACET_DOC);
	return error_in(err, r, "%s", v->obj.name);
}

struct row_text {
	const struct prop *row;
	struct str text;
};

static int change_row(struct volume *v unused, struct node *root, void *arg, struct error *err)
{
	struct row_text *t = arg;

	return prop_store(t->row, root, t->text, err);
}

int volume_prop_store(struct volume *v, const struct prop *row, struct str text, struct error *err)
{
	struct row_text t = { row, text };

	return draft_held(v, change_row, &t, err);
}

static int change_preallocation(struct volume *v, struct node *root unused, void *arg, struct error *err)
{
	static const char *const words[] = { "off", "metadata", "falloc", "full", NULL };
	struct str *text = arg;
	autofree char *word = xstrndup(text->p, text->n);

	if (*word && word_index(words, word) < 0)
		return error_set(err, EINVAL, "'%s' is not one of off metadata falloc full", word);
	free(v->preallocation);
	v->preallocation = *word ? take(&word) : NULL;
	return 0;
}

static int change_allocation(struct volume *v unused, struct node *root, void *arg, struct error *err)
{
	uint64_t bytes;
	int r = size_parse(*(struct str *)arg, &bytes, err);

	if (r < 0)
		return r;
	node_setf(root, "allocation", "%llu", (unsigned long long)bytes);
	node_set(node_first(root, "allocation"), "@unit", "bytes");
	return 0;
}

int volume_allocation_store(struct volume *v, struct str text, struct error *err)
{
	return draft_held(v, change_allocation, &text, err);
}

int volume_preallocation_store(struct volume *v, struct str text, struct error *err)
{
	return draft_held(v, change_preallocation, &text, err);
}

/* The volume that a link's TARGET leads to, seen from VOLUMES/NAME/: "../debian", ".../pools/P/volumes/V". */
static struct volume *volume_of_target(struct volume *v, const char *target)
{
	autofree char *copy = xstrdup(target);
	char *words[64], *save = NULL;
	size_t n = 0;
	struct pool *p;

	for (char *w = strtok_r(copy, "/", &save); w && n < ARRAY_SIZE(words); w = strtok_r(NULL, "/", &save))
		if (strcmp(w, "."))
			words[n++] = w;
	if (n == 2 && !strcmp(words[0], ".."))
		return volume_find(v->pool, words[1]);
	if (n < 3 || strcmp(words[n - 2], "volumes"))
		return NULL;
	if (n >= 4 && !strcmp(words[n - 4], "pools")) {
		p = pool_find(words[n - 3]);
		return p ? volume_find(p, words[n - 1]) : NULL;
	}
	return NULL;
}

/* A path of a file stays one; what leads to a volume of the tree becomes that volume's path. */
static int change_backing(struct volume *v, struct node *root, void *arg, struct error *err)
{
	struct str *text = arg;
	autofree char *target = xstrndup(text->p, text->n);
	struct volume *other = volume_of_target(v, target);

	node_set(root, "backingStore", NULL);
	if (!*target)
		return 0;
	if (!other)
		other = *target == '/' ? volume_by_path(target) : volume_find(v->pool, target);
	if (!other)
		return error_set(
			err, ENOENT,
			"'%s' is no volume of an active pool: expected ../NAME, ../../../POOL/volumes/NAME or the "
			"path of one (another file with its format: in xml)",
			target);
	if (other == v)
		return error_set(err, ELOOP, "a volume cannot be its own backing file");
	if (other->state == VOLUME_NEW)
		return error_set(err, ENOENT, "the volume '%s' is not created yet: write its capacity first",
				 other->obj.name);
	{
		autovolume struct volume *held = volume_hold(other);
		int r = volume_learn(held, err);
		if (r < 0)
			return error_in(err, r, "the backing file");
		if (!held->info || !held->info->path || !held->info->format)
			return error_set(err, EINVAL, "nothing is known of the volume '%s'", held->obj.name);
		node_set(root, "backingStore/path", held->info->path);
		node_set(root, "backingStore/format/@type", held->info->format);
	}
	return 0;
}

int volume_backing_store(struct volume *v, struct str target, struct error *err)
{
	return draft_held(v, change_backing, &target, err);
}

/* ---- created ---- */

static void created(struct volume *v, const char *format)
{
	struct error err = { 0 };

	doc_free(take(&v->draft));
	v->state = VOLUME_READY;
	v->progress = (struct progress){ 0 };
	/* the record is of the file that it is now: what was recorded of an older one of this name is none of it */
	(void)!volume_learn_as(v, format, &err);
	error_clear(&err);
	pool_volumes_dirty(v->pool); /* its owner */
	object_changed(&v->obj, 1u << FACET_STATE | 1u << FACET_DOC | 1u << FACET_JOB);
	volume_event(v, "created", format);
	pool_usage_soon(v->pool);
}

static int create_held(struct volume *v, const struct doc *xml, const struct who *who, struct error *err)
{
	autoplan struct volume_plan plan = { 0 };
	autofree char *format = NULL;
	int r = volume_needs(v, VOLUME_NEW, err);

	if (r == 0)
		r = pool_needs_active(v->pool, err);
	if (r == 0)
		r = volume_plan_make(v, xml, who, &plan, err);
	if (r == 0)
		r = fault_point("volume-create:begin", err);
	if (r < 0)
		return r;
	format = xstrdup(plan.spec.format);
	v->state = VOLUME_CREATING;
	object_changed(&v->obj, 1u << FACET_STATE | 1u << FACET_JOB);
	r = v->pool->driver->create(v->pool, &plan.spec, err);
	if (r < 0 || v->obj.gone) {
		v->state = VOLUME_NEW;
		v->progress = (struct progress){ 0 };
		object_changed(&v->obj, 1u << FACET_STATE | 1u << FACET_JOB);
		return r;
	}
	(void)!fault_point("volume-create:made", NULL);
	created(v, format);
	return 0;
}

/* What a row of the draft may not say together is said by the schema, as of a document. */
static int check(struct volume *v, struct doc *xml, struct error *err)
{
	const char *name = node_get(doc_root(xml), "name");
	int r = schema_check(&volume_schema, doc_root(xml), err);

	if (r == 0 && name && strcmp(name, v->obj.name)) {
		autofree char *plain = percent_decode(str_of(name));
		if (!str_eq(plain, v->obj.name))
			node_set(doc_root(xml), "name",
				 v->obj.name); /* the directory's name holds: it was named by mkdir */
	}
	return r;
}

int volume_create(struct volume *v, struct doc *xml, const struct who *who, struct error *err)
{
	int r = check(v, xml, err);

	return r == 0 ? create_held(v, xml, who, err) : r;
}

int volume_define(struct volume *v, struct str text, const struct who *who, struct error *err)
{
	autovolume struct volume *held = volume_hold(v);
	autojob struct job job = { .uid = who ? who->uid : 0 };
	autodoc struct doc *doc = NULL;
	int r = job_begin(&job, &held->jobs, "create", err);

	if (r == 0 && v->state != VOLUME_NEW) {
		autobuf struct buf shown = { 0 };
		volume_xml(v, &shown);
		if (shown.n == text.n && !memcmp(shown.p, text.p, text.n))
			return 0; /* an editor that writes back what it read */
		r = error_set(
			err, EPERM,
			"a volume that exists is changed by its files (capacity, image, wipe ...): xml makes a new one");
	}
	if (r == 0) {
		doc = doc_parse(text, "volume", err);
		r = doc ? 0 : -EBADMSG;
	}
	if (r == 0)
		r = volume_create(v, doc, who, err);
	return error_in(err, r, "%s: create", v->obj.name);
}

/* ---- clones ---- */

/* "NAME [FORMAT]" or "POOL/NAME [FORMAT]" */
static int parse_clone(struct volume *v, struct str spec, struct pool **p, char **name, char **format,
		       struct error *err)
{
	autofree char *text = xstrndup(spec.p, spec.n);
	char *save = NULL, *first = strtok_r(text, " \t", &save), *second = first ? strtok_r(NULL, " \t", &save) : NULL;
	char *slash = first ? strchr(first, '/') : NULL;

	if (!first || (second && strtok_r(NULL, " \t", &save)))
		return error_set(err, EINVAL,
				 "'%.*s': expected NAME, or POOL/NAME, and a format if it is to have another",
				 (int)spec.n, spec.p);
	if (slash)
		*slash = 0;
	*p = slash ? pool_find(first) : v->pool;
	if (!*p)
		return error_set(err, ENOENT, "there is no pool '%s'", first);
	*name = xstrdup(slash ? slash + 1 : first);
	*format = xstrdup(second);
	return volume_name_free(*p, *name, err);
}

static int copy(struct volume *v, struct volume *to, const char *format, const struct who *who, struct error *err)
{
	autoplan struct volume_plan plan = { 0 };
	const struct pool_driver *drv = to->pool->driver;
	const struct volume_info *info = v->info;
	bool as_it_lies = to->pool == v->pool && drv->clone && (!format || str_eq(format, info->format));
	int r;

	node_set(doc_root(to->draft), "target/format/@type", format ? format : info->format);
	node_setf(doc_root(to->draft), "capacity", "%llu", (unsigned long long)info->capacity);
	if (as_it_lies && info->backing) {
		node_set(doc_root(to->draft), "backingStore/path", info->backing);
		node_set(doc_root(to->draft), "backingStore/format/@type", info->backing_format);
	}
	r = volume_plan_make(to, to->draft, who, &plan, err);
	if (r == 0)
		r = format_ahead(to->pool, volume_name(to), plan.spec.format, err);
	if (r < 0)
		return r;
	plan.from_path = xstrdup(info->path);
	plan.from_format = xstrdup(volume_is_image(info->format) ? info->format : "raw");
	plan.spec.from_path = plan.from_path;
	plan.spec.from_format = plan.from_format;
	if (as_it_lies)
		return drv->clone(v->pool, volume_name(v), info, &plan.spec, err);
	return pool_has(to->pool, drv->create, "be copied to", err) ? drv->create(to->pool, &plan.spec, err) : -ENOTSUP;
}

int volume_clone(struct volume *v, struct str spec, const struct who *who, struct error *err)
{
	autovolume struct volume *held = volume_hold(v);
	autojob struct job job = { .uid = who ? who->uid : 0 }, theirs = { .uid = who ? who->uid : 0 };
	autofree char *name = NULL, *format = NULL;
	struct volume *to = NULL;
	struct pool *p = NULL;
	int r = job_begin(&job, &held->jobs, "clone", err);

	if (r == 0)
		r = volume_needs(v, VOLUME_READY, err);
	if (r == 0)
		r = parse_clone(v, spec, &p, &name, &format, err);
	if (r == 0)
		r = pool_needs_active(p, err);
	if (r == 0)
		r = volume_learn(v, err);
	if (r == 0)
		r = volume_check_users(v, true, err);
	if (r == 0)
		r = volume_check_chain(v, err);
	if (r == 0)
		r = volume_name_free(p, name, err); /* that took a moment */
	if (r < 0)
		return error_in(err, r, "%s: clone", v->obj.name);
	to = add(p, name, who, 0755, VOLUME_CREATING);
	object_ref(&to->obj);
	r = job_begin(&theirs, &to->jobs, "clone", err);
	if (r == 0)
		r = copy(v, to, format, who, err);
	v->progress = (struct progress){ 0 };
	if (r == 0)
		(void)!fault_point("volume-clone:made", NULL);
	if (r == 0)
		created(to, format ? format : v->info ? v->info->format : NULL);
	job_end(&theirs);
	if (r < 0) {
		format_rename(p, volume_name(to), NULL);
		volume_gone(to);
		object_changed(&p->obj, 1u << FACET_NAMES);
	}
	object_unref(&to->obj);
	return error_in(err, r, "%s: clone", v->obj.name);
}
