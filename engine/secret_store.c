/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Secrets on disk: a record per definition, and one of another kind per value, in base64 as records hold text.  An ephemeral one has
 * neither.
 */
#include "secret_impl.h"

#include "driver.h"
#include "event.h"
#include "store.h"

#define KIND   "secrets"
#define VALUES "secret-values"

/* ---- writing ---- */

int secret_store(struct secret *s, struct str text, bool durable, struct error *err)
{
	autorecord struct record *r = record_new();
	int ret;

	access_store(&s->obj, r, "");
	record_set_text(r, "config", text);
	if (durable)
		s->storing = true;
	ret = store_write(KIND, s->obj.name, r, durable, err);
	if (ret == 0 && durable)
		(void)!fault_point("secret:stored", NULL);
	if (ret == 0)
		s->kept = true;
	if (!durable)
		return ret;
	s->storing = false;
	/* it may have failed after the file was in its place; and rights may have changed meanwhile */
	if (ret < 0 && !s->kept)
		(void)!store_remove(KIND, s->obj.name, false, NULL);
	else if (ret < 0 && ret != -ENOSPC && ret != -EROFS)
		s->dirty = true;
	return ret;
}

/* While a definition is on its way to the disk, what is in force now must not be written after it. */
void secret_save_soon(struct secret *s)
{
	s->dirty = s->storing;
	if (s->kept && !s->storing && !s->obj.gone)
		(void)!secret_store(s, s->config, false, NULL);
}

void secret_settle(struct secret *s)
{
	if (s->dirty)
		secret_save_soon(s);
}

static int write_value(const struct secret *s, struct str value, bool durable, struct error *err)
{
	autorecord struct record *r = NULL;
	struct buf text = { 0 };

	if (!value.n)
		return store_remove(VALUES, s->obj.name, durable, err);
	r = record_new();
	base64_encode(value, &text);
	record_set_text(r, "value", (struct str){ text.p, text.n });
	buf_wipe(&text);
	return store_write(VALUES, s->obj.name, r, durable, err);
}

int secret_store_value(struct secret *s, struct str value, struct error *err)
{
	int r = write_value(s, value, true, err);

	if (r < 0 && r != -ENOSPC && r != -EROFS) /* what is in force is what is on the disk */
		(void)!write_value(s, (struct str){ s->value.p, s->ephemeral ? 0 : s->value.n }, false, NULL);
	if (r == 0)
		(void)!fault_point("secret:value", NULL);
	return r;
}

/* The value first: a definition without one is harmless, a value without one is not known any more. */
int secret_store_drop(struct secret *s, struct error *err)
{
	int r;

	s->storing = true; /* a change of its rights must not bring it back */
	r = store_remove(VALUES, s->obj.name, true, err);
	if (r == 0)
		(void)!fault_point("secret:value", NULL);
	if (r == 0)
		r = store_remove(KIND, s->obj.name, true, err);
	s->storing = false;
	if (r == 0) {
		s->kept = s->dirty = false;
		(void)!fault_point("secret:stored", NULL);
		return 0;
	}
	if (s->kept) { /* what was refused stays */
		(void)!write_value(s, (struct str){ s->value.p, s->value.n }, false, NULL);
		secret_save_soon(s);
	}
	return r;
}

void secret_access_changed(struct object *o)
{
	secret_save_soon(secret_of(o));
}

/* ---- loading ---- */

/* Two of one usage: a file that somebody made or changed.  Both are there, and the usage is the first one's. */
static void claim_loaded(struct secret *s, const struct secret_terms *t)
{
	autoerror struct error err = { 0 };

	if (secret_claim(s, t->type, t->usage, &err) == 0)
		return;
	error_in(&err, -EEXIST, "%s", s->obj.name);
	errors_add(NULL, s->obj.name, &err);
	log_line("%s", error_text(&err));
}

static bool is_uuid(const char *name)
{
	char plain[UUID_TEXT];

	return uuid_parse(str_of(name), plain, NULL) == 0 && !strcmp(plain, name);
}

static void load_one(void *arg unused, const char *name, struct record *record)
{
	autorecord struct record *r = record;
	struct str text = record_text(r, "config");
	autoerror struct error why = { 0 };
	autodoc struct doc *doc = text.n && is_uuid(name) ? doc_parse(text, "secret", NULL) : NULL;
	struct secret_terms t;
	struct secret *s;

	if (!doc) {
		error_set(&why, EBADMSG, "it is a file of domfs, but no secret");
		store_set_aside(KIND, name, &why);
		return;
	}
	secret_terms(doc_root(doc), &t);
	s = secret_new(name);
	s->kept = true;
	claim_loaded(s, &t);
	secret_apply(s, &t, text);
	record_each(r, "access", access_load, &s->obj);
}

static void load_value(void *arg unused, const char *name, struct record *record)
{
	autorecord struct record *r = record;
	struct str text = record_text(r, "value");
	autoerror struct error why = { 0 };
	struct secret *s = is_uuid(name) ? secret_find(name) : NULL;
	struct buf plain = { 0 };

	if (!s || s->ephemeral) { /* a removal that was cut off */
		(void)!store_remove(VALUES, name, false, NULL);
	} else if (base64_decode(text, &plain) && plain.n) {
		secret_take_value(s, (struct str){ plain.p, plain.n });
	} else {
		error_set(&why, EBADMSG, "it is a file of domfs, but no value of a secret");
		store_set_aside(VALUES, name, &why);
	}
	buf_wipe(&plain);
}

int secrets_open(struct error *err)
{
	int r = store_load(KIND, load_one, NULL, err);

	return r == 0 ? store_load(VALUES, load_value, NULL, err) : r;
}

void secrets_close(void)
{
	struct secret *s;

	while ((s = secret_after(0)))
		secret_remove(s);
}
