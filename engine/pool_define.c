/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A pool's definition: parsed, checked, completed by the driver, stored, put in force; and its rows as files.  Until it is stored
 * nothing of it is in force; when it is stored nothing can fail any more.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "pool_impl.h"

void pool_draft_clear(struct pool_draft *dr)
{
	doc_free(dr->config);
	doc_free(dr->full);
	free(dr->text);
	*dr = (struct pool_draft){ 0 };
}

/* ---- checking ---- */

/* A pool without a name of its own has that of its source (logical), and in any case the directory's name holds. */
static int check_name(struct pool *p, struct pool_draft *dr, struct error *err)
{
	struct node *root = doc_root(dr->config);
	const char *name = node_get(root, "name");
	autofree char *plain = name ? percent_decode(str_of(name)) : NULL;

	if (!name || !strcmp(name, p->obj.name) || str_eq(plain, p->obj.name))
		return 0;
	if (!p->fresh)
		return error_set(
			err, EINVAL,
			"line %ld: <name> is '%s', but this pool is '%s': rename it with mv, or leave the name as "
			"it is",
			node_line(node_child(root, "name")), name, p->obj.name);
	if (object_name_check(plain, err) < 0) /* it is not used, but nothing that anybody meant */
		return error_in(err, -EINVAL, "line %ld: <name>", node_line(node_child(root, "name")));
	node_set(root, "name", p->obj.name);
	free(take(&dr->text));
	return 0;
}

static int check_uuid(struct pool *p, struct pool_draft *dr, struct error *err)
{
	struct node *root = doc_root(dr->config);
	const char *text = node_get(root, "uuid");
	long line = node_line(node_child(root, "uuid"));
	struct pool *other;

	memcpy(dr->uuid, p->uuid, UUID_TEXT);
	if (!text || !*text)
		return 0;
	if (uuid_parse(str_of(text), dr->uuid, err) < 0)
		return error_in(err, -EINVAL, "line %ld: <uuid>", line);
	other = pool_find_uuid(dr->uuid);
	if (other == p)
		return 0;
	if (other)
		return error_set(
			err, EEXIST,
			"line %ld: <uuid> %s is that of the pool '%s': leave the element out, or give this one "
			"another",
			line, dr->uuid, other->obj.name);
	if (!p->fresh)
		return error_set(err, EINVAL,
				 "line %ld: <uuid> is %s, but this pool's is %s and stays: leave the element out", line,
				 dr->uuid, p->uuid);
	return 0;
}

static char *type_words(void)
{
	struct buf all = { 0 };

	for (int i = 0; pool_drivers[i]; i++)
		buf_printf(&all, "%s%s", i ? " " : "", pool_drivers[i]->type);
	return buf_take(&all);
}

static int check_type(struct pool_draft *dr, struct error *err)
{
	struct node *root = doc_root(dr->config);
	const char *type = node_get(root, "@type");

	dr->driver = pool_driver_of(type);
	if (!dr->driver) {
		autofree char *types = type_words();
		return error_set(err, ENOTSUP, "line %ld: <pool>: type '%s' is not served here: expected one of %s",
				 node_line(root), type ? type : "", types);
	}
	return 0;
}

/* Two pools of one directory or volume group would each believe to be alone in it. */
static int check_source(struct pool *p, struct pool_draft *dr, struct error *err)
{
	autobuf struct buf source = { 0 };
	const char *target = node_get_or(doc_root(dr->full), "target/path", "");

	if (dr->driver->source_show)
		dr->driver->source_show(doc_root(dr->full), &source);
	for (struct pool *o = pool_after(0); o; o = pool_after(o->obj.serial)) {
		autobuf struct buf theirs = { 0 };
		if (o == p || o->driver != dr->driver)
			continue;
		if (o->driver->source_show)
			o->driver->source_show(pool_node(o), &theirs);
		if (strcmp(buf_text(&source), buf_text(&theirs)))
			continue;
		if (!source.n && strcmp(target, node_get_or(pool_node(o), "target/path", "")))
			continue;
		return error_set(err, EEXIST, "the pool '%s' is already that of '%s'", o->obj.name,
				 source.n ? buf_text(&source) : target);
	}
	return 0;
}

static void put_place(const struct node *root, struct buf *out)
{
	const struct node *source = node_child(root, "source");

	buf_printf(out, "%s %s\n", node_get_or(root, "@type", ""), node_get_or(root, "target/path", ""));
	if (source)
		node_print(source, out);
}

/* What lies in a pool is read, written and removed with the rights of domfs.  So it is for root to say where one lies; anybody else has a directory
 * of the pool's own, and not that of a pool of somebody else's that is no more. */
static int check_place(struct pool *p, struct pool_draft *dr, struct error *err)
{
	autofree char *own = xasprintf("%s/images/%s", config.state_dir, p->obj.name);
	const struct node *root = doc_root(dr->full);
	autobuf struct buf was = { 0 }, is = { 0 };
	struct stat st;

	if (!dr->who || dr->who->uid == 0 || dr->who->uid == geteuid())
		return 0;
	put_place(pool_node(p), &was);
	put_place(root, &is);
	if (p->full.n && !strcmp(buf_text(&was), buf_text(&is)))
		return 0;
	if (!str_eq(node_get(root, "@type"), "dir") || !str_eq(node_get(root, "target/path"), own))
		return error_set(
			err, EPERM,
			"only root says where a pool lies: leave its target out, and it is a directory of its own ('%s')",
			own);
	if (lstat(own, &st) == 0 && st.st_uid != dr->who->uid)
		return error_set(err, EPERM, "the directory '%s' of a former pool is not yours: choose another name",
				 own);
	return 0;
}

int pool_draft_complete(struct pool *p, struct pool_draft *dr, struct error *err)
{
	autofree char *dir = xasprintf("%s/images", config.state_dir);
	struct node *root;
	/* written row by row it is not whole yet: each row was checked, and start says what is missing */
	int r = dr->text ? schema_check(&pool_schema, doc_root(dr->config), err) : 0;

	if (r == 0)
		r = check_type(dr, err);
	if (r == 0)
		r = check_name(p, dr, err);
	if (r == 0)
		r = check_uuid(p, dr, err);
	if (r < 0)
		return r;
	doc_free(dr->full);
	dr->full = doc_copy(dr->config);
	root = doc_root(dr->full);
	schema_strip_outputs(&pool_schema, root);
	node_set(root, "name", p->obj.name);
	node_set(root, "uuid", dr->uuid);
	r = dr->driver->complete(root, dir, err);
	if (r < 0 && !dr->text) {
		error_clear(err);
		r = 0;
	}
	if (r == 0)
		r = check_source(p, dr, err);
	return r == 0 ? check_place(p, dr, err) : r;
}

static int parse(struct pool *p unused, struct str text, struct pool_draft *dr, struct error *err)
{
	if (!str_trim(text).n)
		return error_set(err, EINVAL, "the text is empty: write a whole <pool> document, or rmdir the pool");
	dr->config = doc_parse(text, "pool", err);
	if (!dr->config)
		return err && err->code ? -err->code : -EBADMSG;
	dr->text = xstrndup(text.p, text.n);
	dr->n = text.n;
	return 0;
}

int pool_whole(struct pool *p, struct error *err)
{
	autofree char *dir = xasprintf("%s/images", config.state_dir);
	autodoc struct doc *doc = doc_copy(pool_doc(p));
	int r = schema_check(&pool_schema, doc_root(doc), err);

	return r == 0 ? p->driver->complete(doc_root(doc), dir, err) : r;
}

int pool_draft_edit(struct pool *p, struct pool_draft *dr, struct error *err)
{
	dr->config = doc_parse(p->config.n ? p->config : p->full, "pool", err);
	return dr->config ? 0 : -EBADMSG;
}

/* ---- storing ---- */

int pool_draft_commit(struct pool *p, struct pool_draft *dr, bool keep, struct error *err)
{
	autofree char *type = xstrdup(node_get(doc_root(dr->full), "@type"));
	bool was_fresh = p->fresh;
	struct buf conf = { 0 }, full = { 0 };
	size_t nc, nf;
	int r;

	if (dr->text)
		buf_add(&conf, dr->text, dr->n);
	else
		doc_print(dr->config, &conf);
	doc_print(dr->full, &full);
	p->fresh = p->fresh && !keep;
	r = pool_store(p, (struct str){ conf.p, conf.n }, (struct str){ full.p, full.n }, dr->uuid, type, true, err);
	if (r < 0) {
		p->fresh = was_fresh;
		buf_clear(&conf);
		buf_clear(&full);
		pool_store_settle(p);
		return r;
	}
	(void)!fault_point("pool-define:stored", NULL);
	nc = conf.n;
	nf = full.n;
	pool_text_set(&p->config, buf_take(&conf), nc);
	pool_text_set(&p->full, buf_take(&full), nf);
	doc_free(take(&p->doc));
	if (strcmp(p->uuid, dr->uuid))
		pool_set_uuid(p, dr->uuid);
	free(p->type);
	p->type = take(&type);
	p->driver = dr->driver;
	pool_store_settle(p);
	object_changed(&p->obj, 1u << FACET_DOC | 1u << FACET_CONFIG);
	return 0;
}

static int may_change(struct pool *p, struct error *err)
{
	int r = pool_there(p, err);

	if (r == 0 && p->state != POOL_INACTIVE)
		return error_set(err, EBUSY,
				 "it is %s: its definition can be changed when it is inactive (echo stop > state)",
				 pool_state_names[p->state]);
	return r;
}

static bool same(struct str a, struct str b)
{
	return a.n == b.n && !memcmp(a.p, b.p, a.n);
}

/* An editor that writes back what it read changes nothing. */
static bool is_in_force(struct pool *p, struct str text)
{
	autobuf struct buf shown = { 0 };

	pool_xml(p, true, &shown);
	return !p->fresh &&
	       (same(text, p->config) || same(text, p->full) || same(text, (struct str){ shown.p, shown.n }));
}

static int define(struct pool *p, struct str text, const struct who *who, struct error *err)
{
	autopooldraft struct pool_draft dr = { .who = who };
	int r = is_in_force(p, text) ? 1 : may_change(p, err);

	if (r != 0)
		return r < 0 ? r : 0;
	r = parse(p, text, &dr, err);
	if (r == 0)
		r = pool_draft_complete(p, &dr, err);
	if (r == 0)
		r = pool_draft_commit(p, &dr, true, err);
	if (r == 0)
		event_emit("pool", p->obj.name, "defined", NULL);
	return r;
}

int pool_define(struct pool *p, struct str text, const struct who *who, struct error *err)
{
	autopool struct pool *held = pool_hold(p);
	autojob struct job job = { .uid = who ? who->uid : 0 };
	int r = job_begin(&job, &held->jobs, "define", err);

	if (r == 0)
		r = define(p, text, who, err);
	return error_in(err, r, "%s: define", p->obj.name);
}

int pool_verdict(struct pool *p, struct str text, struct buf *out, struct error *err)
{
	autopooldraft struct pool_draft dr = { 0 };
	int r = parse(p, text, &dr, err);

	if (r == 0)
		r = pool_draft_complete(p, &dr, err);
	if (r < 0)
		buf_printf(out, "refused: %s\n", error_text(err));
	else
		buf_printf(out, "accepted: type %s\n", dr.driver->type);
	return r;
}

/* ---- rows ---- */

struct edit {
	const struct prop *row; /* NULL: the source */
	struct str text;
	const struct who *who;
};

static int edit_row(struct pool *p, struct node *root, const struct edit *e, struct error *err)
{
	const struct pool_driver *drv = p->driver;

	if (e->row)
		return prop_store(e->row, root, e->text, err);
	if (!drv || !pool_has(p, drv->source_store, "be given a source in one line: write its rows or xml", err))
		return -ENOTSUP;
	return drv->source_store(root, e->text, err);
}

static int edit_held(struct pool *p, const struct edit *e, struct error *err)
{
	autopooldraft struct pool_draft dr = { .who = e->who };
	autobuf struct buf before = { 0 }, after = { 0 };
	int r = pool_there(p, err);

	if (r == 0)
		r = pool_draft_edit(p, &dr, err);
	if (r < 0)
		return r;
	doc_print(dr.config, &before);
	r = edit_row(p, doc_root(dr.config), e, err);
	doc_print(dr.config, &after);
	if (r == 0 && same((struct str){ before.p, before.n }, (struct str){ after.p, after.n }))
		return 0;
	if (r == 0)
		r = may_change(p, err);
	if (r == 0)
		r = pool_draft_complete(p, &dr, err);
	return r == 0 ? pool_draft_commit(p, &dr, false, err) : r;
}

static int edit(struct pool *p, const struct edit *e, const char *name, struct error *err)
{
	autopool struct pool *held = pool_hold(p);
	autojob struct job job = { .uid = e->who ? e->who->uid : 0 };
	int r = job_begin(&job, &held->jobs, "define", err);

	if (r == 0)
		r = edit_held(p, e, err);
	return error_in(err, r, "%s: %s", p->obj.name, name);
}

int pool_prop_show(struct pool *p, const struct prop *row, struct buf *out, struct error *err unused)
{
	prop_show(row, pool_node(p), out);
	return 0;
}

int pool_prop_store(struct pool *p, const struct prop *row, struct str text, const struct who *who, struct error *err)
{
	struct edit e = { row, text, who };

	return edit(p, &e, row->file, err);
}

int pool_source_show(struct pool *p, struct buf *out, struct error *err unused)
{
	if (p->driver && p->driver->source_show)
		p->driver->source_show(pool_node(p), out);
	return 0;
}

int pool_source_store(struct pool *p, struct str text, const struct who *who, struct error *err)
{
	struct edit e = { NULL, text, who };

	return edit(p, &e, "source", err);
}

/* ---- what is shown ---- */

static void put_size(struct node **after, const char *name, uint64_t bytes)
{
	struct node *n = node_add_after(*after, name);

	node_set(n, "@unit", "bytes");
	node_setf(n, "", "%llu", (unsigned long long)bytes);
	*after = n;
}

void pool_xml(struct pool *p, bool secrets unused, struct buf *out)
{
	autodoc struct doc *doc = doc_copy(pool_doc(p));
	struct node *after = node_child(doc_root(doc), "uuid");

	if (after) {
		put_size(&after, "capacity", p->usage.capacity);
		put_size(&after, "allocation", p->usage.allocation);
		put_size(&after, "available", p->usage.available);
	}
	doc_print(doc, out);
}

void pool_config_text(struct pool *p, bool secrets unused, struct buf *out)
{
	buf_add(out, p->config.p, p->config.n);
}
