/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A secret's definition: parsed, checked, stored, put in force; and its files.  Nothing of it is in force until it is stored. */
#include "secret_impl.h"

#include "driver.h"
#include "event.h"
#include "schema.h"

/* ---- what a document says ---- */

void secret_terms(const struct node *root, struct secret_terms *out)
{
	const char *type = node_get(root, "usage/@type"), *path = secret_usage_path(type);
	const char *usage = path ? node_get(root, path) : NULL;

	*out = (struct secret_terms){
		.ephemeral = node_yes(root, "@ephemeral"),
		.private_ = node_yes(root, "@private"),
		.type = path ? type : NULL,
		.usage = usage && *usage ? usage : NULL,
	};
}

void secret_apply(struct secret *s, const struct secret_terms *t, struct str text)
{
	char *copy = xstrndup(text.p, text.n), *type = xstrdup(t->type), *usage = xstrdup(t->usage);

	free((char *)s->config.p);
	s->config = (struct str){ copy, text.n };
	free(s->usage_type);
	s->usage_type = type;
	free(s->usage);
	s->usage = usage;
	s->ephemeral = t->ephemeral;
	s->private_ = t->private_;
}

static int check_uuid(const struct secret *s, const struct node *root, struct error *err)
{
	const char *text = node_get(root, "uuid");
	char plain[UUID_TEXT];

	if (!text || (uuid_parse(str_of(text), plain, NULL) == 0 && !strcmp(plain, s->obj.name)))
		return 0;
	return error_set(
		err, EINVAL,
		"line %ld: <uuid> is %s, but this secret is %s: leave the element out, or mkdir another secret",
		node_line(node_child(root, "uuid")), text, s->obj.name);
}

/* Else whoever may write the definition could have shown what was promised not to be. */
static int check_private(const struct secret *s, const struct secret_terms *t, struct error *err)
{
	if (!s->private_ || t->private_ || !s->has_value)
		return 0;
	return error_set(err, EPERM, "it is private and stays so as long as it has a value (echo > value removes it)");
}

/* ---- in force ---- */

/* From memory to the disk the value goes first, and from the disk to memory first, too: a definition on the disk says that its value is
 * there, if there is one. */
static int store(struct secret *s, const struct secret_terms *t, struct str text, struct error *err)
{
	bool was = s->ephemeral;
	int r = 0;

	if (was && t->ephemeral)
		return 0;
	if (t->ephemeral)
		return secret_store_drop(s, err);
	if (was && s->has_value)
		r = secret_store_value(s, (struct str){ s->value.p, s->value.n }, err);
	return r == 0 ? secret_store(s, text, true, err) : r;
}

static int commit(struct secret *s, const struct doc *doc, struct str text, struct error *err)
{
	struct secret_terms t;
	int r = check_uuid(s, doc_root(doc), err);

	secret_terms(doc_root(doc), &t);
	if (r == 0)
		r = check_private(s, &t, err);
	if (r == 0)
		r = secret_claim(s, t.type, t.usage, err);
	if (r < 0)
		return r;
	r = store(s, &t, text, err);
	if (!str_eq(t.type, s->usage_type) || !str_eq(t.usage, s->usage)) {
		if (r < 0)
			secret_unclaim(s, t.type, t.usage);
		else
			secret_unclaim(s, s->usage_type, s->usage);
	}
	if (r < 0) {
		secret_settle(s);
		return r;
	}
	secret_apply(s, &t, text);
	secret_settle(s);
	object_changed(&s->obj, 1u << FACET_DOC | 1u << FACET_STATE);
	event_emit("secret", s->obj.name, "changed", NULL);
	return 0;
}

static struct doc *parse(struct str text, struct error *err)
{
	struct doc *doc = NULL;

	if (!str_trim(text).n)
		error_set(err, EINVAL, "the text is empty: write a whole <secret> document, or rmdir the secret");
	else
		doc = doc_parse(text, "secret", err);
	return doc;
}

static bool is_in_force(const struct secret *s, struct str text)
{
	autobuf struct buf shown = { 0 };

	secret_xml(s, &shown);
	return (text.n == s->config.n && !memcmp(text.p, s->config.p, text.n)) ||
	       (text.n == shown.n && !memcmp(text.p, shown.p, text.n));
}

static int define(struct secret *s, struct str text, struct error *err)
{
	autodoc struct doc *doc = NULL;
	int r = s->obj.gone ? error_set(err, ESTALE, "it was removed") : fault_point("secret:begin", err);

	if (r < 0 || is_in_force(s, text))
		return r;
	doc = parse(text, err);
	if (!doc)
		return err && err->code ? -err->code : -EBADMSG;
	r = schema_check(&secret_schema, doc_root(doc), err);
	return r == 0 ? commit(s, doc, text, err) : r;
}

int secret_define(struct secret *s, struct str text, struct error *err)
{
	autosecret struct secret *held = secret_hold(s);
	autojob struct job job = { 0 };
	int r = job_begin(&job, &held->jobs, "define", err);

	if (r == 0)
		r = define(s, text, err);
	return error_in(err, r, "%s: define", s->obj.name);
}

/* ---- files ---- */

static int put_type(struct node *root, const char *type, struct error *err)
{
	autofree char *all = words_joined(secret_types);
	struct secret_terms t;
	autofree char *usage = NULL;

	if (*type && word_index(secret_types, type) < 0)
		return error_set(err, EINVAL, "'%s' is not one of %s", type, all);
	secret_terms(root, &t);
	if (str_eq(type, t.type ? t.type : ""))
		return 0;
	usage = xstrdup(t.usage);
	node_set(root, "usage", NULL);
	if (!*type || !strcmp(type, "none"))
		return 0;
	if (usage && !strcmp(type, "volume") && usage[0] != '/')
		return error_set(err, EINVAL, "its usage '%s' is no path of a volume: echo > usage first", usage);
	node_set(root, "usage/@type", type);
	node_set(root, secret_usage_path(type), usage);
	return 0;
}

static int put_usage(struct node *root, const char *usage, struct error *err)
{
	struct secret_terms t;

	secret_terms(root, &t);
	if (!t.type && !*usage)
		return 0;
	if (!t.type)
		return error_set(err, EINVAL, "write its type first: volume ceph iscsi tls vtpm");
	if (*usage && !strcmp(t.type, "volume") && !strchr(usage, '/'))
		return error_set(err, EINVAL, "'%s': write the whole path of the volume", usage);
	if (strchr(usage, '\n'))
		return error_set(err, EINVAL, "a usage is one line");
	node_set(root, secret_usage_path(t.type), *usage ? usage : NULL);
	return 0;
}

static int put_flag(struct node *root, const char *path, struct str text, struct error *err)
{
	bool on;
	int r = bool_parse(text, &on, err);

	if (r == 0)
		node_set(root, path, on ? "yes" : "no");
	return r;
}

static int put(struct node *root, const char *file, struct str text, struct error *err)
{
	autofree char *word = xstrndup(text.p, text.n);
	int r = prop_check(schema_prop(&secret_schema, "description"), text, err);

	if (r < 0)
		return r;
	if (!strcmp(file, "type"))
		return put_type(root, word, err);
	if (!strcmp(file, "usage"))
		return put_usage(root, word, err);
	if (!strcmp(file, "ephemeral"))
		return put_flag(root, "@ephemeral", text, err);
	if (!strcmp(file, "private"))
		return put_flag(root, "@private", text, err);
	node_set(root, "description", *word ? word : NULL);
	return 0;
}

static int edit(struct secret *s, const char *file, struct str text, struct error *err)
{
	autodoc struct doc *doc = s->obj.gone ? NULL : doc_parse(s->config, "secret", err);
	autobuf struct buf before = { 0 }, after = { 0 };
	int r;

	if (!doc)
		return error_set(err, ESTALE, "it was removed");
	r = fault_point("secret:begin", err);
	if (r < 0)
		return r;
	doc_print(doc, &before);
	r = put(doc_root(doc), file, text, err);
	if (r < 0)
		return r;
	doc_print(doc, &after);
	if (before.n == after.n && !memcmp(before.p, after.p, after.n))
		return 0;
	return commit(s, doc, (struct str){ after.p, after.n }, err);
}

int secret_file_store(struct secret *s, const char *file, struct str text, struct error *err)
{
	autosecret struct secret *held = secret_hold(s);
	autojob struct job job = { 0 };
	int r = job_begin(&job, &held->jobs, "define", err);

	if (r == 0)
		r = edit(s, file, text, err);
	return error_in(err, r, "%s: %s", s->obj.name, file);
}

void secret_file_show(const struct secret *s, const char *file, struct buf *out)
{
	autodoc struct doc *doc = NULL;

	if (!strcmp(file, "type")) {
		buf_puts(out, s->usage_type ? s->usage_type : "none");
	} else if (!strcmp(file, "usage")) {
		buf_puts(out, s->usage ? s->usage : "");
	} else if (!strcmp(file, "ephemeral")) {
		buf_puts(out, s->ephemeral ? "1" : "0");
	} else if (!strcmp(file, "private")) {
		buf_puts(out, s->private_ ? "1" : "0");
	} else {
		doc = doc_parse(s->config, "secret", NULL);
		buf_puts(out, doc ? node_get_or(doc_root(doc), "description", "") : "");
	}
}

void secret_xml(const struct secret *s, struct buf *out)
{
	autodoc struct doc *doc = doc_parse(s->config, "secret", NULL);
	struct node *root = doc_root(doc);

	if (!doc)
		return;
	if (!node_has(root, "@ephemeral"))
		node_set(root, "@ephemeral", "no");
	if (!node_has(root, "@private"))
		node_set(root, "@private", "no");
	node_set(root, "uuid", s->obj.name);
	doc_print(doc, out);
}

void secret_config_text(const struct secret *s, struct buf *out)
{
	buf_add(out, s->config.p, s->config.n);
}
