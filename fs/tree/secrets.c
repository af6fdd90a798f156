/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* secrets/: what encrypted volumes, CHAP, Ceph, TLS keys and TPM state are opened with. */
#include "engine/secret.h"

#include "tree.h"

static struct secret *secret(const struct place *at)
{
	return secret_of(at->obj);
}

static int xml_show(const struct place *at, struct buf *out, struct error *err unused)
{
	secret_xml(secret(at), out);
	return 0;
}

static int xml_store(const struct place *at, struct str text, struct error *err)
{
	return secret_define(secret(at), text, err);
}

static int file_show(const struct place *at, struct buf *out, struct error *err unused)
{
	secret_file_show(secret(at), at->slot->name, out);
	buf_putc(out, '\n');
	return 0;
}

static int file_store(const struct place *at, struct str text, struct error *err)
{
	return secret_file_store(secret(at), at->slot->name, text, err);
}

static int value_show(const struct place *at, struct buf *out, struct error *err)
{
	return secret_show_value(secret(at), out, err);
}

static int value_set(const struct place *at, struct str value, struct error *err)
{
	if (value.n && value.p[value.n - 1] == '\n' && str_is_text(value)) /* echo's; a key may end like that */
		value.n--;
	return secret_set_value(secret(at), value, err);
}

static int error_show(const struct place *at, struct buf *out, struct error *err unused)
{
	const char *text = secret(at)->error_text;

	return text ? show_line(out, text) : 0;
}

static const struct entry secret_entries[] = {
	DOC("xml", 0644, xml_show, xml_store, .doc = "what it is: libvirt's secret XML; its value is not in it"),
	VALUE("type", 0644, file_show, file_store, .doc = "what it opens: volume ceph iscsi tls vtpm none"),
	VALUE("usage", 0644, file_show, file_store,
	      .doc = "what others know it by: the volume's path, or a name; no other of its type has it"),
	VALUE("description", 0644, file_show, file_store, .doc = "text for people"),
	VALUE("ephemeral", 0644, file_show, file_store, .doc = "1: kept in memory only, gone with the mount"),
	VALUE("private", 0644, file_show, file_store, .doc = "1: its value can be used and replaced, but not be read"),
	VALUE(SECRET_VALUE_KEY, SECRET_VALUE_MODE, value_show, value_set, .facets = F_STATE | F_DOC, .secret = true,
	      .doc = "the value, any bytes; what is written is it, of text without one newline at its end; an empty one removes it"),
	VALUE("error", 0444, error_show, NULL, .facets = F_ERROR, .doc = "the last failure in words"),
	{ 0 },
};

static const struct dir_type secret_dir = { .entries = secret_entries };

/* No other spelling of a uuid is a name: one directory has one. */
static struct object *find(const struct place *dir unused, const char *name)
{
	struct secret *s = secret_find(name);

	return s && !strcmp(s->obj.name, name) ? &s->obj : NULL;
}

static struct object *next(const struct place *dir unused, uint64_t after)
{
	struct secret *s = secret_after(after);

	return s ? &s->obj : NULL;
}

static int make(const struct place *dir, const char *name, mode_t mode, struct object **out, struct error *err)
{
	struct secret *s;
	int r = secret_make(name, dir->who, mode, &s, err);

	if (r < 0)
		return r;
	*out = &s->obj;
	object_ref(*out);
	return 0;
}

static int drop(const struct place *at, struct error *err)
{
	return secret_drop(secret(at), err);
}

static const struct entry secret_entry = DIR("UUID", SECRET_DIR_MODE, &secret_dir, .facets = F_STATE | F_DOC | F_NAMES,
					     .doc = "a secret; mkdir with a new uuid makes it, rmdir removes it");

const struct dir_type secrets_dir = {
	.child = &secret_entry,
	.kind = OBJ_SECRET,
	.find = find,
	.next = next,
	.make = make,
	.drop = drop,
};
