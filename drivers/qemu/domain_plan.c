/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The whole machine as a plan, and the plan as text for people. */
#include <stdio.h>

#include "domain.h"

static void plan_identity(struct plan *p)
{
	autobuf struct buf name = { 0 };

	for (const char *s = p->name; *s; s++) {
		buf_putc(&name, *s);
		if (*s == ',')
			buf_putc(&name, ',');
	}
	plan_option(p, "-name", "guest=%s,debug-threads=on", buf_text(&name));
	plan_option(p, "-S", NULL);
}

static void plan_monitor(struct plan *p)
{
	autofree char *path = xasprintf("%s/qmp", p->run_dir);
	const char *fd = plan_file(p, FILE_LISTEN, path, 0, "monitor");
	json_t *addr = p->dry ? json_pack("{s:s, s:{s:s}}", "type", "unix", "data", "path", fd)
			      : json_pack("{s:s, s:{s:s}}", "type", "fd", "data", "str", fd);

	plan_item(p, ITEM_CHARDEV,
		  json_pack("{s:s, s:{s:s, s:{s:o, s:b, s:b}}}", "id", "charmonitor", "backend", "type", "socket",
			    "data", "addr", addr, "server", 1, "wait", 0));
	plan_option(p, "-mon", "chardev=charmonitor,id=monitor,mode=control");
}

/* A display of QEMU's own is only what these bring; otherwise it must not open one. */
static bool has_display(const struct node *root)
{
	for (const struct node *n = node_first(root, "devices/graphics"); n; n = node_next(n, "graphics")) {
		const char *type = node_get_or(n, "@type", "");
		if (str_eq(type, "sdl") || str_eq(type, "egl-headless") || str_eq(type, "dbus"))
			return true;
	}
	return false;
}

static void plan_small_devices(struct plan *p)
{
	const struct node *root = p->domain;
	json_t *o;

	if (node_has(root, "genid")) {
		o = json_pack("{s:s, s:s}", "driver", "vmgenid", "id", "vmgenid0");
		props_str(o, "guid", node_get(root, "genid"));
		plan_item(p, ITEM_DEVICE, o);
	}
	if (node_has(root, "features/vmcoreinfo") && !node_is(root, "features/vmcoreinfo/@state", "off"))
		plan_item(p, ITEM_DEVICE, json_pack("{s:s}", "driver", "vmcoreinfo"));
}

/* PCI buses in the order of their numbers: one that hangs below another has the higher one. */
static int plan_pci(struct plan *p, struct error *err)
{
	for (unsigned i = 0; i < 256; i++) {
		const struct node *n = qemu_controller(p->domain, "pci", i);
		int r = n ? qemu_plan_device(p, n, err) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

/* Elements in an order in which nobody names what comes later: a smartcard reader may hang below a hub. */
static const struct {
	const char *element, *type; /* TYPE: these controllers only */
} order[] = {
	{ "iommu", NULL },    { "controller", NULL }, { "memory", NULL },	{ "shmem", NULL },
	{ "audio", NULL },    { "hub", NULL },	      { "controller", "ccid" }, { "filesystem", NULL },
	{ "disk", NULL },     { "interface", NULL },  { "smartcard", NULL },	{ "serial", NULL },
	{ "parallel", NULL }, { "channel", NULL },    { "console", NULL },	{ "tpm", NULL },
	{ "input", NULL },    { "graphics", NULL },   { "video", NULL },	{ "sound", NULL },
	{ "watchdog", NULL }, { "redirdev", NULL },   { "hostdev", NULL },	{ "memballoon", NULL },
	{ "rng", NULL },      { "nvram", NULL },      { "panic", NULL },	{ "vsock", NULL },
	{ "crypto", NULL },   { "pstore", NULL },
};

/* Controllers have three turns: PCI buses by number, most others, smartcard readers. */
static bool is_turn(const struct node *n, const char *type)
{
	bool own = node_is(n, "@type", "pci") || node_is(n, "@type", "ccid");

	if (!str_eq(node_name(n), "controller"))
		return true;
	return type ? node_is(n, "@type", type) : !own;
}

static int plan_devices(struct plan *p, struct error *err)
{
	const struct node *devices = node_first(p->domain, "devices");
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		if (str_eq(order[i].element, "controller") && !order[i].type)
			r = plan_pci(p, err);
		for (const struct node *n = node_child(devices, order[i].element); r == 0 && n;
		     n = node_next(n, order[i].element))
			if (is_turn(n, order[i].type))
				r = qemu_plan_device(p, n, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* A property of <qemu:frontend> in the words of libvirt: string, signed, unsigned, bool, remove. */
static void override_one(json_t *props, const struct node *property)
{
	const char *name = node_get_or(property, "@name", ""), *type = node_get_or(property, "@type", "string");
	const char *value = node_get_or(property, "@value", "");

	if (str_eq(type, "remove"))
		json_object_del(props, name);
	else if (str_eq(type, "signed") || str_eq(type, "unsigned"))
		props_int(props, name, strtoll(value, NULL, 0));
	else if (str_eq(type, "bool"))
		props_bool(props, name, str_eq(value, "true"));
	else
		props_str(props, name, value);
}

/* <qemu:override> of DEV on its frontend, one of the items from FIRST on. */
static void override(struct plan *p, const struct node *dev, size_t first)
{
	for (const struct node *o = node_first(p->domain, "qemu:override/qemu:device"); o;
	     o = node_next(o, "qemu:device")) {
		if (!node_is(o, "@alias", qemu_alias(dev)))
			continue;
		for (size_t i = first; i < p->items.n; i++) {
			const struct plan_item *it = p->items.at[i];
			if (it->kind != ITEM_DEVICE ||
			    !str_eq(json_string_value(json_object_get(it->props, "id")), qemu_alias(dev)))
				continue;
			for (const struct node *f = node_first(o, "qemu:frontend/qemu:property"); f;
			     f = node_next(f, "qemu:property"))
				override_one(it->props, f);
		}
	}
}

int qemu_plan_device(struct plan *p, const struct node *dev, struct error *err)
{
	const struct qemu_kind *kind = qemu_kind_of_element(node_name(dev));
	size_t first = p->items.n;
	int r;

	if (!kind)
		return error_set(err, ENOTSUP, "line %ld: the qemu driver has no <%s>", node_line(dev), node_name(dev));
	r = kind->plan ? kind->plan(p, dev, err) : 0;
	if (r == 0)
		override(p, dev, first);
	return r;
}

static void plan_further_words(struct plan *p)
{
	static const struct {
		const char *behavior, *words;
	} deprecation[] = {
		{ "omit", "deprecated-output=hide" },
		{ "reject", "deprecated-output=hide,deprecated-input=reject" },
		{ "crash", "deprecated-output=hide,deprecated-input=crash" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(deprecation); i++)
		if (node_is(p->domain, "qemu:deprecation/@behavior", deprecation[i].behavior))
			plan_option(p, "-compat", "%s", deprecation[i].words);
	for (const struct node *a = node_first(p->domain, "qemu:commandline/qemu:arg"); a; a = node_next(a, "qemu:arg"))
		plan_option(p, node_get_or(a, "@value", ""), NULL);
}

int qemu_plan_domain(struct plan *p, struct error *err)
{
	const struct node *root = p->domain;
	int r = qemu_check_host_nodes(root, err);

	plan_identity(p);
	if (r == 0)
		r = qemu_plan_firmware(p, err);
	if (r == 0)
		r = qemu_plan_machine(p, err);
	if (r == 0)
		r = qemu_plan_cpu(p, err);
	if (r == 0)
		r = qemu_plan_memory(p, err);
	if (r < 0)
		return r;
	qemu_plan_smp(p);
	qemu_plan_iothreads(p);
	qemu_plan_numa(p);
	if (node_has(root, "uuid")) /* absent only in a definition that is merely checked */
		plan_option(p, "-uuid", "%s", node_get_or(root, "hwuuid", node_get(root, "uuid")));
	qemu_plan_smbios(p, err);
	if (!has_display(root))
		plan_option(p, "-display", "none");
	plan_option(p, "-no-user-config", NULL);
	plan_option(p, "-nodefaults", NULL);
	plan_monitor(p);
	qemu_plan_clock(p, err);
	plan_option(p, "-no-shutdown", NULL);
	r = qemu_plan_boot(p, err);
	qemu_plan_vcpus(p);
	plan_small_devices(p);
	if (r == 0)
		r = plan_devices(p, err);
	plan_further_words(p);
	plan_option(p, "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
	plan_option(p, "-msg", "timestamp=on");
	return r;
}

/* ---- as text ---- */

static void add_quoted(struct buf *out, const char *word)
{
	if (*word && !word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=.,:/@%")]) {
		buf_puts(out, word);
		return;
	}
	buf_putc(out, '\'');
	for (; *word; word++) {
		if (*word == '\'')
			buf_puts(out, "'\\''");
		else
			buf_putc(out, *word);
	}
	buf_putc(out, '\'');
}

char *plan_text(const struct plan *p)
{
	struct buf out = { 0 };
	struct vec argv = { 0 };

	plan_argv(p, &argv);
	buf_puts(&out, p->caps->binary);
	for (size_t i = 0; i < argv.n; i++) {
		const char *word = argv.at[i];
		/* an option begins a line; its argument follows it */
		buf_puts(&out, word[0] == '-' ? " \\\n" : " ");
		add_quoted(&out, word);
	}
	buf_putc(&out, '\n');
	vec_clear(&argv, free);
	return buf_take(&out);
}

int qemu_command(const struct doc *full, const char *name, struct buf *out, struct error *err)
{
	const struct node *root = doc_root(full);
	const struct qemu_caps *caps =
		qemu_caps_get(node_get(root, "os/type/@arch"), node_get(root, "devices/emulator"), err);
	autofree char *dir = xasprintf("%s/guests/%s", config.run_dir ? config.run_dir : "/run/domfs",
				       node_get_or(root, "uuid", name));
	autoplan struct plan *p = NULL;
	autofree char *text = NULL;
	int r;

	if (!caps)
		return err && err->code ? -err->code : -ENOENT;
	p = plan_new(root, caps, dir, true);
	r = qemu_plan_domain(p, err);
	if (r < 0)
		return r;
	text = plan_text(p);
	buf_puts(out, text);
	return 0;
}
