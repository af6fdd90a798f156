/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A definition on its way: parsed, checked, completed by the driver, stored, put in force.  Until it is stored nothing of it is in force;
 * when it is stored nothing can fail any more.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "domain_impl.h"
#include "offload.h"

#define PATH_CHECK_MS 5000

void draft_clear(struct draft *dr)
{
	doc_free(dr->config);
	doc_free(dr->full);
	free(dr->text);
	*dr = (struct draft){ 0 };
}

/* ---- checking ---- */

/* The directory's name holds.  A domain fresh from mkdir takes any document and puts its own name in. */
static int check_name(struct domain *d, struct draft *dr, struct error *err)
{
	struct node *root = doc_root(dr->config);
	const char *name = node_get(root, "name");
	autofree char *plain = name ? percent_decode(str_of(name)) : NULL;

	if (!name || !strcmp(name, d->obj.name) || str_eq(plain, d->obj.name))
		return 0;
	if (!d->fresh)
		return error_set(err, EINVAL,
				 "line %ld: <name> is '%s', but this domain is '%s': rename it with mv, or leave "
				 "the name as it is",
				 node_line(node_child(root, "name")), name, d->obj.name);
	node_set(root, "name", d->obj.name);
	free(take(&dr->text));
	return 0;
}

static int check_uuid(struct domain *d, struct draft *dr, struct error *err)
{
	struct node *root = doc_root(dr->config);
	const char *text = node_get(root, "uuid");
	long line = node_line(node_child(root, "uuid"));
	struct domain *other;

	memcpy(dr->uuid, d->uuid, UUID_TEXT);
	if (!text || !*text)
		return 0;
	if (uuid_parse(str_of(text), dr->uuid, err) < 0)
		return error_in(err, -EINVAL, "line %ld: <uuid>", line);
	other = domain_find_uuid(dr->uuid);
	if (other == d)
		return 0;
	if (other)
		return error_set(err, EEXIST,
				 "line %ld: <uuid> %s is that of the domain '%s': leave the element out, or "
				 "give this one another",
				 line, dr->uuid, other->obj.name);
	if (!d->fresh)
		return error_set(err, EINVAL,
				 "line %ld: <uuid> is %s, but this domain's is %s and stays: leave the element "
				 "out",
				 line, dr->uuid, d->uuid);
	return 0;
}

static int check_type(struct domain *d, struct draft *dr, struct error *err)
{
	struct node *root = doc_root(dr->config);
	const char *type = node_get(root, "@type");

	dr->driver = driver_of_type(type);
	if (!dr->driver) {
		autofree char *types = driver_types();
		return error_set(err, ENOTSUP,
				 "line %ld: <domain>: no driver here serves type '%s': expected one of %s",
				 node_line(root), type ? type : "", types);
	}
	if (domain_active(d) && d->driver && dr->driver != d->driver)
		return error_set(err, EBUSY,
				 "line %ld: <domain>: the type cannot become '%s' while the guest runs under the "
				 "%s driver",
				 node_line(root), type, d->driver->name);
	return 0;
}

int draft_complete(struct domain *d, struct draft *dr, const struct doc *old, struct error *err)
{
	struct node *root;
	int r = schema_check(&domain_schema, doc_root(dr->config), err);

	if (r == 0)
		r = check_type(d, dr, err);
	if (r == 0)
		r = check_name(d, dr, err);
	if (r == 0)
		r = check_uuid(d, dr, err);
	if (r < 0)
		return r;
	doc_free(dr->full);
	dr->full = doc_copy(dr->config);
	root = doc_root(dr->full);
	schema_strip_outputs(&domain_schema, root);
	node_set(root, "name", d->obj.name);
	node_set(root, "uuid", dr->uuid);
	if (!old && d->full.n && (dr->edit || !d->fresh))
		old = domain_doc(d, VIEW_CONFIG);
	return dr->driver->complete(dr->full, old, err);
}

static bool has_asterisk(struct str text)
{
	return text.n && memchr(text.p, '*', text.n);
}

/* Where a reader who may not see secrets wrote back the asterisks that he was shown, the secrets stay. */
static void unmask(struct domain *d, struct draft *dr)
{
	autobuf struct buf before = { 0 }, after = { 0 };

	if (!d->full.n || !has_asterisk((struct str){ dr->text, dr->n }))
		return;
	doc_print(dr->config, &before);
	schema_unmask(&domain_schema, doc_root(dr->config), domain_root(d, VIEW_CONFIG));
	doc_print(dr->config, &after);
	if (before.n != after.n || memcmp(before.p, after.p, after.n))
		free(take(&dr->text));
}

int draft_parse(struct domain *d, struct str text, struct draft *dr, struct error *err)
{
	if (!str_trim(text).n)
		return error_set(err, EINVAL,
				 "the text is empty: write a whole <domain> document, or rmdir the domain");
	dr->config = doc_parse(text, "domain", err);
	if (!dr->config)
		return err && err->code ? -err->code : -EBADMSG;
	dr->text = xstrndup(text.p, text.n);
	dr->n = text.n;
	unmask(d, dr);
	return 0;
}

int draft_edit(struct domain *d, struct draft *dr, struct error *err)
{
	dr->edit = true;
	dr->config = doc_parse(d->config.n ? d->config : d->full, "domain", err);
	return dr->config ? 0 : -EBADMSG;
}

/* ---- storing ---- */

/* Outlives the waits: what is to be in force. */
struct texts {
	struct buf config, full;
	struct numbers numbers;
};

static void apply(struct domain *d, struct draft *dr, struct texts *t)
{
	bool names = strcmp(d->uuid, dr->uuid) != 0;
	size_t n = t->config.n;

	text_set(&d->config, buf_take(&t->config), n);
	n = t->full.n;
	text_set(&d->full, buf_take(&t->full), n);
	domain_full_forget(d);
	if (names)
		domain_set_uuid(d, dr->uuid);
	d->driver = dr->driver;
	domain_numbers_next(d, &t->numbers);
	parts_sweep(d);
	object_changed(&d->obj, 1u << FACET_DOC | 1u << FACET_CONFIG);
	if (names)
		object_changed(&root_object, 1u << FACET_NAMES);
}

static bool take_flag(bool *flag)
{
	bool was = *flag;

	*flag = false;
	return was;
}

int draft_commit(struct domain *d, struct draft *dr, bool keep, struct error *err)
{
	const char *type = node_get(doc_root(dr->full), "@type");
	autofree char *old_type = d->type;
	bool was_fresh = d->fresh, was_persistent = d->persistent;
	struct texts t = { 0 };
	int r = 0;

	if (dr->text)
		buf_add(&t.config, dr->text, dr->n);
	else
		doc_print(dr->config, &t.config);
	doc_print(dr->full, &t.full);
	numbers_read(doc_root(dr->full), &t.numbers);
	t.numbers.images = domain_images(doc_root(dr->full));
	d->type = xstrdup(type);
	d->fresh = d->fresh && !keep;
	d->persistent |= keep;
	if (d->persistent) {
		r = domain_reserve(dr->uuid, err);
		if (r == 0) {
			r = domain_store(d, (struct str){ t.config.p, t.config.n }, (struct str){ t.full.p, t.full.n },
					 &t.numbers, dr->uuid, true, err);
			domain_unreserve(dr->uuid);
		}
	}
	if (r < 0) {
		free(d->type);
		d->type = take(&old_type);
		d->fresh = was_fresh;
		d->persistent = was_persistent;
		/* it may have failed after the file was in place: what is in force must be what is there */
		d->dirty |= d->full.n && r != -ENOSPC && r != -EROFS && r != -EDQUOT;
	} else {
		(void)!fault_point("define:stored", NULL);
		apply(d, dr, &t);
	}
	if (take_flag(&d->dirty))
		domain_save_soon(d);
	buf_clear(&t.config);
	buf_clear(&t.full);
	free(t.numbers.images);
	return r;
}

/* ---- who may name which path ---- */

struct paths {
	struct vec found;  /* owned */
	const char *known; /* the text of the definition in force */
};

static int note_path(void *arg, const struct prop_use *use, struct error *err unused)
{
	struct paths *p = arg;

	if (use->value && use->value[0] == '/' && !(p->known && strstr(p->known, use->value)))
		vec_add(&p->found, xstrdup(use->value));
	return 0;
}

static bool same_volumes(const struct node *was, const struct node *disk)
{
	for (; disk && was; disk = node_child(disk, "backingStore"), was = node_child(was, "backingStore"))
		if (!str_eq(node_get(disk, "source/@pool"), node_get(was, "source/@pool")) ||
		    !str_eq(node_get(disk, "source/@volume"), node_get(was, "source/@volume")))
			return false;
	return !disk;
}

/* What the volumes are that the definition in force does not have. */
static int note_volumes(struct domain *d, const struct node *root, const struct who *who, struct paths *p,
			struct error *err)
{
	int r = 0;

	for (const struct node *n = node_first(root, "devices/disk"); r == 0 && n; n = node_next(n, "disk")) {
		autodoc struct doc *opened = NULL;
		const struct node *was =
			device_find(domain_root(d, VIEW_CONFIG), PART_DISK, node_get_or(n, "target/@dev", ""));

		if (!same_volumes(was, n))
			r = disk_effective(n, who, &opened, err);
		for (const struct node *im = opened ? doc_root(opened) : NULL; im; im = node_child(im, "backingStore"))
			(void)!note_path(p, &(struct prop_use){ .value = node_get(im, "source/@file") }, NULL);
	}
	return r;
}

/* Files are opened with the rights of the domain's owner.  So somebody else who may write the definition must not use him to reach
 * what he himself cannot: a path that is new in it must be open to the writer too. */
int draft_may(struct domain *d, const struct draft *dr, const struct who *who, struct error *err)
{
	struct paths p = { .known = d->full.p };
	int r = 0;

	if (!who || access_owner(&d->obj, who))
		return 0;
	(void)!schema_each(&domain_schema, doc_root(dr->full), note_path, &p, NULL);
	r = note_volumes(d, doc_root(dr->full), who, &p, err);
	for (size_t i = 0; r == 0 && i < p.found.n; i++) {
		int fd = open_as(domain_worker(d), who->uid, who->gid, p.found.at[i], O_RDONLY | O_NONBLOCK,
				 PATH_CHECK_MS, err);
		r = fd < 0 ? error_in(err, fd,
				      "you are not the domain's owner, so you must be able to read what you give it")
			   : 0;
		if (fd >= 0)
			close(fd);
	}
	vec_clear(&p.found, free);
	return r;
}

/* ---- what can change in the running guest ---- */

static bool is_value(const struct prop *row)
{
	return row->type != T_SUB && row->type != T_LIST && row->type != T_ANY;
}

/* The rows of one element, in order; the first that fails is named and ends it. */
static int apply_rows(struct domain *d, const struct schema *s, const char *alias, const struct node *next,
		      struct error *err)
{
	for (const struct prop *row = s->props; row->path; row++) {
		autobuf struct buf want = { 0 }, have = { 0 };
		struct node *now;
		int r;

		if (!(row->flags & P_LIVE) || !is_value(row))
			continue;
		now = alias ? device_by_alias(domain_root(d, VIEW_NOW), alias) : domain_root(d, VIEW_NOW);
		if (!now)
			return 0;
		prop_show(row, now, &have);
		prop_show(row, next, &want);
		if (str_eq(buf_text(&have), buf_text(&want)))
			continue;
		r = live_set(d, alias, row, (struct str){ want.p, want.n }, err);
		if (r == -ENOTSUP) { /* then it waits for the next start, and `pending` says so */
			error_clear(err);
			continue;
		}
		if (r < 0)
			return error_in(err, r, "<%s> %s, which the running guest has as '%s'", s->element, row->path,
					buf_text(&have));
	}
	return 0;
}

/* Changes what can be changed while it runs; devices that came or went are for the next start. */
static int apply_live(struct domain *d, const struct doc *full, struct error *err)
{
	struct node *next = node_first(doc_root(full), "devices");
	int r = apply_rows(d, &domain_schema, NULL, doc_root(full), err);

	for (next = node_child(next, NULL); r == 0 && next; next = node_next(next, NULL)) {
		const char *alias = node_get(next, "alias/@name");
		struct node *now = alias ? device_by_alias(domain_root(d, VIEW_NOW), alias) : NULL;
		const struct schema *s = device_schema(next);

		if (now && s && !strcmp(node_name(now), node_name(next)))
			r = apply_rows(d, s, alias, next, err);
	}
	if (domain_active(d)) {
		object_changed(&d->obj, 1u << FACET_DOC);
		(void)!domain_save_run(d, NULL);
	}
	return r;
}

/* ---- the operation ---- */

static bool same(struct str a, struct str b)
{
	return a.n == b.n && !memcmp(a.p, b.p, a.n);
}

/* An editor that writes back what it read changes nothing. */
static bool is_in_force(struct domain *d, enum view view, struct str text)
{
	autobuf struct buf masked = { 0 }, pending = { 0 };

	if (d->fresh || !text.n)
		return false;
	if (has_asterisk(text))
		domain_xml(d, view, false, &masked);
	if (!same(text, d->config) && !same(text, d->full) && !same(text, (struct str){ masked.p, masked.n }) &&
	    !(view == VIEW_NOW && same(text, d->live)))
		return false;
	if (view == VIEW_NOW)
		domain_pending(d, &pending);
	return pending.n == 0;
}

static int define(struct domain *d, enum view view, struct str text, const struct who *who, struct error *err)
{
	autodraft struct draft dr = { 0 };
	int r = fault_point("define:begin", err);

	if (r == 0 && is_in_force(d, view, text))
		return 0;
	if (r == 0)
		r = draft_parse(d, text, &dr, err);
	if (r == 0)
		r = draft_complete(d, &dr, NULL, err);
	if (r == 0)
		r = draft_may(d, &dr, who, err);
	if (r == 0)
		r = fault_point("define:parsed", err);
	if (r == 0 && view == VIEW_NOW && domain_active(d))
		r = apply_live(d, dr.full, err);
	if (r == 0)
		r = fault_point("define:live", err);
	if (r == 0)
		r = draft_commit(d, &dr, true, err);
	if (r < 0)
		return r;
	event_emit("domain", d->obj.name, "defined", NULL);
	(void)!fault_point("define:done", NULL);
	return 0;
}

int domain_define(struct domain *d, enum view view, struct str text, const struct who *who, struct error *err)
{
	autodomain struct domain *held = domain_hold(d);
	autojob struct job job = { .uid = who ? who->uid : 0 };
	int r = job_begin(&job, &held->jobs, "define", err);

	if (r == 0)
		r = domain_there(d, err);
	if (r == 0)
		r = define(d, view, text, who, err);
	return error_in(err, r, "%s: define", d->obj.name);
}

int domain_verdict(struct domain *d, struct str text, struct buf *out, struct error *err)
{
	autodraft struct draft dr = { 0 };
	int r = draft_parse(d, text, &dr, err);

	if (r == 0)
		r = draft_complete(d, &dr, NULL, err);
	if (r < 0)
		buf_printf(out, "refused: %s\n", error_text(err));
	else
		buf_printf(out, "accepted: type %s, driver %s\n", node_get(doc_root(dr.full), "@type"),
			   dr.driver->name);
	return r;
}
