/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Character devices' host side: the chardev of a <serial>, <channel>, <smartcard> ...  Sockets and files are opened by domfs with the
 * owner's rights and handed over; where QEMU must go to the other end again and again by itself (reconnect, tcp), it does.
 */
#include <fcntl.h>

#include "../../engine/schema/chardev.h"
#include "devices.h"

static const struct qemu_row source_rows[] = {
	{ "@path", .elsewhere = true },
	{ "@mode", .elsewhere = true },
	{ "@host", .elsewhere = true },
	{ "@service", .elsewhere = true },
	{ "@tls", .elsewhere = true }, /* refuse.c: not yet at a start */
	{ "@append", .elsewhere = true },
	{ "@channel", .elsewhere = true },
	{ "reconnect/@enabled", .elsewhere = true },
	{ "reconnect/@timeout", .elsewhere = true },
	{ "clipboard/@copypaste", .elsewhere = true },
	{ "mouse/@mode", .elsewhere = true },
	{ 0 },
};
const struct qemu_kind qemu_chardev_source_kind = { .schema = &chardev_source_schema, .rows = source_rows };

/* ---- completion ---- */

/* A path that libvirt gave out and that no other host has. */
static bool is_libvirt_path(const char *path, const char *name)
{
	static const char *const dirs[] = { "/var/lib/libvirt/qemu/channel/", "/run/libvirt/qemu/channel/",
					    "/var/run/libvirt/qemu/channel/", NULL };

	for (int i = 0; path && name && dirs[i]; i++) {
		size_t rest = strlen(path) - strlen(name);

		if (str_starts(path, dirs[i]) && str_ends(path, name) &&
		    (path[rest - 1] == '/' || path[rest - 1] == '.'))
			return true;
	}
	return false;
}

void qemu_complete_chardev(struct node *dev)
{
	const char *type = node_get_or(dev, "@type", "pty");
	struct node *source = node_child(dev, "source");

	node_set(dev, "@tty", NULL);
	if (str_eq(type, "pty"))
		node_set(dev, "source/@path", NULL); /* QEMU takes a new one at each start */
	if (str_eq(type, "tcp") && !node_has(dev, "protocol/@type"))
		node_set(dev, "protocol/@type", "raw");
	if (!str_eq(type, "tcp"))
		node_set(dev, "protocol/@type", NULL);
	if (str_eq(type, "unix") && !node_is(source, "@mode", "connect") &&
	    is_libvirt_path(node_get(source, "@path"), node_get(dev, "target/@name")))
		node_set(source, "@path", NULL);
}

char *qemu_channel_path(const char *run_dir, const struct node *channel)
{
	const char *name = node_get_or(channel, "target/@name", "");
	char *path = xasprintf("%s/channel-%s", run_dir, *name ? name : qemu_alias(channel));

	for (char *s = path + strlen(run_dir) + 1; *s; s++)
		if (*s == '/')
			*s = '_';
	return path;
}

/* ---- backends ---- */

static json_t *inet(const char *host, const char *port)
{
	json_t *a = json_object(), *data = json_object();

	props_str(data, "host", host);
	props_str(data, "port", port);
	props_str(a, "type", "inet");
	json_object_set_new(a, "data", data);
	return a;
}

void qemu_plan_socket(struct plan *p, json_t *data, const char *path, bool bind, bool ours, const char *what)
{
	const char *text = plan_file(p, bind ? FILE_LISTEN : FILE_CONNECT, path, O_RDWR, "%s", what);
	struct plan_file *f = p->files.at[p->files.n - 1];
	json_t *a = json_object(), *d = json_object();

	f->ours = ours;
	props_str(d, p->dry ? "path" : "str", text);
	props_str(a, "type", p->dry ? "unix" : "fd");
	json_object_set_new(a, "data", d);
	json_object_set_new(data, "addr", a);
	if (bind) {
		props_bool(data, "server", true);
		props_bool(data, "wait", false);
	} else if (p->hotplug) { /* QMP's default is to listen, the command line's is not */
		props_bool(data, "server", false);
	}
}

/* One that QEMU opens by itself each time that it is lost (refuse.c says no to that at a start). */
static void reconnecting_socket(json_t *data, const char *path)
{
	json_t *a = json_object(), *d = json_object();

	props_str(d, "path", path);
	props_str(a, "type", "unix");
	json_object_set_new(a, "data", d);
	json_object_set_new(data, "addr", a);
}

static void reconnect(const struct node *source, json_t *data)
{
	if (node_yes(source, "reconnect/@enabled"))
		props_int(data, "reconnect", node_u64(source, "reconnect/@timeout", 0));
	else if (node_is(source, "reconnect/@enabled", "no"))
		props_int(data, "reconnect", 0);
}

static int tcp(struct plan *p, const struct node *dev, json_t *data)
{
	const struct node *source = node_child(dev, "source");
	bool bind = node_is(source, "@mode", "bind");

	json_object_set_new(data, "addr", inet(node_get_or(source, "@host", ""), node_get(source, "@service")));
	if (node_is(dev, "protocol/@type", "telnet"))
		props_bool(data, "telnet", true);
	if (bind) {
		props_bool(data, "server", true);
		props_bool(data, "wait", false);
	} else if (p->hotplug) {
		props_bool(data, "server", false);
	}
	reconnect(source, data);
	return 0;
}

static int unix_socket(struct plan *p, const struct node *dev, json_t *data)
{
	const struct node *source = node_child(dev, "source");
	const char *path = node_get(source, "@path");
	autofree char *own = path && *path ? NULL : qemu_channel_path(p->run_dir, dev);
	autofree char *what = xasprintf("%s '%s'", node_name(dev), qemu_alias(dev));
	bool bind = own || node_is(source, "@mode", "bind");

	if (!bind && node_yes(source, "reconnect/@enabled"))
		reconnecting_socket(data, path);
	else
		qemu_plan_socket(p, data, own ? own : path, bind, own != NULL, what);
	reconnect(source, data);
	return 0;
}

static int udp(struct plan *p, const struct node *dev, json_t *data)
{
	const struct node *to = NULL, *from = NULL;
	const char *any = p->hotplug ? "localhost" : "";

	for (const struct node *s = node_child(dev, "source"); s; s = node_next(s, "source")) {
		if (node_is(s, "@mode", "bind"))
			from = s;
		else
			to = s;
	}
	json_object_set_new(data, "remote", inet(node_get_or(to, "@host", any), node_get_or(to, "@service", "")));
	json_object_set_new(data, "local", inet(node_get_or(from, "@host", ""), node_get_or(from, "@service", "0")));
	return 0;
}

static const char *opened(struct plan *p, const struct node *dev, int flags)
{
	return plan_file(p, FILE_FDSET, node_get_or(dev, "source/@path", ""), flags, "%s '%s'", node_name(dev),
			 qemu_alias(dev));
}

static int device(struct plan *p, const struct node *dev, json_t *data)
{
	props_str(data, "device", opened(p, dev, O_RDWR | O_NOCTTY));
	return 0;
}

static int file(struct plan *p, const struct node *dev, json_t *data)
{
	bool append = node_yes(dev, "source/@append");

	props_str(data, "out", opened(p, dev, O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC)));
	props_onoff(data, "append", node_get(dev, "source/@append"));
	return 0;
}

static int spicevmc(struct plan *p unused, const struct node *dev, json_t *data)
{
	bool usb = str_eq(node_name(dev), "redirdev"), card = str_eq(node_name(dev), "smartcard");

	props_str(data, "type", usb ? "usbredir" : card ? "smartcard" : "vdagent");
	return 0;
}

static int spiceport(struct plan *p unused, const struct node *dev, json_t *data)
{
	props_str(data, "fqdn", node_get(dev, "source/@channel"));
	return 0;
}

static int dbus(struct plan *p unused, const struct node *dev, json_t *data)
{
	props_str(data, "name", node_get(dev, "source/@channel"));
	return 0;
}

static int vdagent(struct plan *p, const struct node *dev, json_t *data)
{
	const char *mouse = node_get(dev, "source/mouse/@mode");

	if (!p->hotplug)
		props_str(data, "name", "vdagent");
	props_onoff(data, "clipboard", node_get(dev, "source/clipboard/@copypaste"));
	if (mouse)
		props_bool(data, "mouse", str_eq(mouse, "client"));
	return 0;
}

static int nothing(struct plan *p unused, const struct node *dev unused, json_t *data unused)
{
	return 0;
}

static const struct {
	const char *type, *backend;
	int (*fill)(struct plan *p, const struct node *dev, json_t *data);
} backends[] = {
	{ "pty", "pty", nothing },
	{ "null", "null", nothing },
	{ "vc", "vc", nothing },
	{ "stdio", "stdio", nothing },
	{ "dev", "serial", device },
	{ "file", "file", file },
	{ "pipe", "pipe", device },
	{ "udp", "udp", udp },
	{ "tcp", "socket", tcp },
	{ "unix", "socket", unix_socket },
	{ "spicevmc", "spicevmc", spicevmc },
	{ "spiceport", "spiceport", spiceport },
	{ "qemu-vdagent", "qemu-vdagent", vdagent },
	{ "dbus", "dbus", dbus },
};

void qemu_plan_backend(struct plan *p, const char *alias, const char *type, json_t *data)
{
	json_t *item = json_object(), *backend = json_object();

	props_strf(item, "id", "char%s", alias);
	props_str(backend, "type", type);
	json_object_set_new(backend, "data", data);
	json_object_set_new(item, "backend", backend);
	plan_item(p, ITEM_CHARDEV, item);
}

/* A copy of all that the guest says. */
static void add_log(struct plan *p, const struct node *dev, json_t *data)
{
	const char *path = node_get(dev, "log/@file");
	bool append = node_yes(dev, "log/@append");

	if (!path)
		return;
	props_str(data, "logfile",
		  plan_file(p, FILE_FDSET, path, O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC), "log of %s '%s'",
			    node_name(dev), qemu_alias(dev)));
	props_onoff(data, "logappend", node_get(dev, "log/@append"));
}

int qemu_plan_chardev(struct plan *p, const struct node *dev, const char *alias, struct error *err)
{
	const char *type = node_get_or(dev, "@type", "pty");

	for (size_t i = 0; i < ARRAY_SIZE(backends); i++) {
		const char *backend = backends[i].backend;
		json_t *data;

		if (!str_eq(backends[i].type, type))
			continue;
		data = json_object();
		backends[i].fill(p, dev, data);
		add_log(p, dev, data);
		if (str_eq(type, "dev") && str_eq(node_name(dev), "parallel"))
			backend = "parallel";
		qemu_plan_backend(p, alias, backend, data);
		return 0;
	}
	return error_set(err, ENOTSUP, "line %ld: <%s type='%s'>: QEMU has no such character device", node_line(dev),
			 node_name(dev), type);
}
