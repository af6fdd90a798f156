/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A plan as QEMU's command line.  -object, -blockdev, -netdev, -device take JSON (QEMU 6.2 and later); -chardev, -audiodev and -tpmdev want
 * key=value, so their QMP form is flattened.
 */
#include <stdio.h>

#include "qemu.h"

/* A comma in a value is doubled (QEMU qemu-options). */
static void add_value(struct buf *out, const char *value)
{
	for (; *value; value++) {
		buf_putc(out, *value);
		if (*value == ',')
			buf_putc(out, ',');
	}
}

static void add_pair(struct buf *out, const char *key, json_t *v)
{
	if (json_is_null(v))
		return;
	if (out->n)
		buf_putc(out, ',');
	buf_printf(out, "%s=", key);
	if (json_is_boolean(v))
		buf_puts(out, json_is_true(v) ? "on" : "off");
	else if (json_is_integer(v))
		buf_printf(out, "%lld", (long long)json_integer_value(v));
	else
		add_value(out, json_string_value(v) ? json_string_value(v) : "");
}

/* Nested objects with dotted keys, as -audiodev reads them. */
static void add_flat(struct buf *out, const char *prefix, json_t *props)
{
	const char *key;
	json_t *v;

	json_object_foreach(props, key, v)
	{
		autofree char *name = xasprintf("%s%s%s", prefix, *prefix ? "." : "", key);
		if (json_is_object(v))
			add_flat(out, name, v);
		else
			add_pair(out, name, v);
	}
}

/* A SocketAddress of QMP as chardev options: "addr": {"type": "unix", "data": {"path": ...}}. */
static void add_address(struct buf *out, const char *host, const char *port, json_t *addr)
{
	const char *type = json_string_value(json_object_get(addr, "type"));
	json_t *data = json_object_get(addr, "data");

	if (str_eq(type, "fd")) {
		add_pair(out, "fd", json_object_get(data, "str"));
	} else if (str_eq(type, "unix")) {
		add_pair(out, "path", json_object_get(data, "path"));
	} else if (str_eq(type, "inet")) {
		json_t *p = json_object_get(data, "port");
		add_pair(out, host, json_object_get(data, "host"));
		add_pair(out, port, p);
	}
}

/* Keys that -chardev spells otherwise than QMP's ChardevBackend (qapi/char.json, chardev/char*.c parse functions). */
static const char *chardev_key(const char *type, const char *key)
{
	if (!strcmp(key, "out") && strcmp(type, "udp"))
		return "path";
	if (!strcmp(key, "in") && !strcmp(type, "file"))
		return "input-path";
	if (!strcmp(key, "device"))
		return "path";
	if (!strcmp(key, "type") && (!strcmp(type, "spicevmc")))
		return "name";
	if (!strcmp(key, "fqdn") && (!strcmp(type, "spiceport")))
		return "name";
	return key;
}

static const char *chardev_type(const char *type)
{
	return !strcmp(type, "port") ? "spiceport" : type;
}

char *chardev_words(const json_t *props)
{
	json_t *backend = json_object_get(props, "backend"), *v;
	json_t *data = json_object_get(backend, "data");
	const char *type = chardev_type(json_string_value(json_object_get(backend, "type")));
	struct buf out = { 0 };
	const char *key;

	buf_puts(&out, type);
	add_pair(&out, "id", json_object_get(props, "id"));
	json_object_foreach(data, key, v)
	{
		if (!strcmp(key, "addr"))
			add_address(&out, "host", "port", v);
		else if (!strcmp(key, "remote"))
			add_address(&out, "host", "port", v);
		else if (!strcmp(key, "local"))
			add_address(&out, "localaddr", "localport", v);
		else if (json_is_object(v))
			add_flat(&out, key, v);
		else
			add_pair(&out, chardev_key(type, key), v);
	}
	return buf_take(&out);
}

/* "driver,id=...,key=value": -audiodev and -tpmdev name the driver first. */
static char *first_words(json_t *props, const char *first)
{
	json_t *copy = json_deep_copy(props);
	struct buf out = { 0 };

	buf_puts(&out, json_string_value(json_object_get(copy, first)));
	json_object_del(copy, first);
	add_flat(&out, "", copy);
	json_decref(copy);
	return buf_take(&out);
}

static char *json_words(json_t *props)
{
	char *text = json_dumps(props, JSON_COMPACT | JSON_REAL_PRECISION(17));

	if (!text)
		abort();
	return text;
}

static void add_item(const struct plan_item *it, struct vec *argv)
{
	static const char *const options[] = {
		[ITEM_OBJECT] = "-object", [ITEM_BLOCKDEV] = "-blockdev", [ITEM_CHARDEV] = "-chardev",
		[ITEM_NETDEV] = "-netdev", [ITEM_DEVICE] = "-device",	  [ITEM_AUDIODEV] = "-audiodev",
		[ITEM_TPMDEV] = "-tpmdev",
	};

	if (it->kind == ITEM_OPTION) {
		vec_add(argv, xstrdup(it->option));
		if (it->text)
			vec_add(argv, xstrdup(it->text));
		return;
	}
	vec_add(argv, xstrdup(options[it->kind]));
	if (it->kind == ITEM_CHARDEV)
		vec_add(argv, chardev_words(it->props));
	else if (it->kind == ITEM_AUDIODEV)
		vec_add(argv, json_words(it->props)); /* -audiodev reads JSON since 6.2 too */
	else if (it->kind == ITEM_TPMDEV)
		vec_add(argv, first_words(it->props, "type"));
	else
		vec_add(argv, json_words(it->props));
}

/* Sets first: what follows opens them.  The opaque text is how an unplug finds the set again. */
static void add_fdsets(const struct plan *p, struct vec *argv)
{
	for (size_t i = 0; i < p->files.n && !p->dry; i++) {
		const struct plan_file *f = p->files.at[i];
		struct buf text = { 0 };
		if (f->how != FILE_FDSET)
			continue;
		buf_printf(&text, "fd=%u,set=%u,opaque=", f->number, f->number);
		add_value(&text, f->path);
		vec_add(argv, xstrdup("-add-fd"));
		vec_add(argv, buf_take(&text));
	}
}

void plan_argv(const struct plan *p, struct vec *argv)
{
	add_fdsets(p, argv);
	for (size_t i = 0; i < p->items.n; i++)
		add_item(p->items.at[i], argv);
}
