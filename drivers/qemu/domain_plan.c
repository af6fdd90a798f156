/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The whole machine as a plan, and the plan as text for people. */
#include <stdio.h>

#include "domain.h"

static void plan_identity(struct plan *p)
{
	autobuf struct buf name = {0};

	for (const char *s = p->name; *s; s++) {
		buf_putc(&name, *s);
		if (*s == ',')
			buf_putc(&name, ',');
	}
	plan_option(p, "-name", "guest=%s,debug-threads=on", buf_text(&name));
	plan_option(p, "-S", NULL);
}

static void plan_iothreads(struct plan *p)
{
	const struct node *root = p->domain;
	uint64_t n = node_u64(root, "iothreads", node_count(root, "iothreadids/iothread"));
	const struct node *t = node_first(root, "iothreadids/iothread");

	for (uint64_t i = 1; n; n--, i++) {
		json_t *o = json_object();
		if (t)
			i = node_u64(t, "@id", i);
		props_str(o, "qom-type", "iothread");
		props_strf(o, "id", "iothread%llu", (unsigned long long)i);
		if (node_has(t, "@thread_pool_min"))
			props_int(o, "thread-pool-min", node_u64(t, "@thread_pool_min", 0));
		if (node_has(t, "@thread_pool_max"))
			props_int(o, "thread-pool-max", node_u64(t, "@thread_pool_max", 0));
		if (node_has(t, "poll/@max"))
			props_int(o, "poll-max-ns", node_u64(t, "poll/@max", 0));
		plan_item(p, ITEM_OBJECT, o);
		t = node_next(t, "iothread");
	}
}

static void plan_monitor(struct plan *p)
{
	autofree char *path = xasprintf("%s/qmp", p->run_dir);
	const char *fd = plan_file(p, FILE_LISTEN, path, 0, "monitor");
	json_t *addr = p->dry ? json_pack("{s:s, s:{s:s}}", "type", "unix", "data", "path", fd) :
				json_pack("{s:s, s:{s:s}}", "type", "fd", "data", "str", fd);

	plan_item(p, ITEM_CHARDEV, json_pack("{s:s, s:{s:s, s:{s:o, s:b, s:b}}}", "id", "charmonitor", "backend", "type", "socket", "data",
					     "addr", addr, "server", 1, "wait", 0));
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

/* Kinds in an order in which nobody names what comes later. */
static const char *const order[] = {
	"iommu", "controller", "memory", "shmem", "audio", "hub", "filesystem", "disk", "interface", "smartcard", "serial", "parallel", "channel",
	"console", "tpm", "input", "graphics", "video", "sound", "watchdog", "redirdev", "hostdev", "memballoon", "rng", "nvram", "panic",
	"vsock", "crypto", "pstore",
};

static int plan_devices(struct plan *p, struct error *err)
{
	const struct node *devices = node_first(p->domain, "devices");
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		if (i == 1)
			r = plan_pci(p, err);
		for (const struct node *n = node_child(devices, order[i]); r == 0 && n; n = node_next(n, order[i]))
			if (!(i == 1 && node_is(n, "@type", "pci")))
				r = qemu_plan_device(p, n, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int qemu_plan_device(struct plan *p, const struct node *dev, struct error *err)
{
	const struct qemu_kind *kind = qemu_kind_of_element(node_name(dev));

	if (!kind)
		return error_set(err, ENOTSUP, "line %ld: the qemu driver has no <%s>", node_line(dev), node_name(dev));
	return kind->plan ? kind->plan(p, dev, err) : 0;
}

static void plan_further_words(struct plan *p)
{
	for (const struct node *a = node_first(p->domain, "qemu:commandline/qemu:arg"); a; a = node_next(a, "qemu:arg"))
		plan_option(p, node_get_or(a, "@value", ""), NULL);
}

int qemu_plan_domain(struct plan *p, struct error *err)
{
	const struct node *root = p->domain;
	int r;

	plan_identity(p);
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
	plan_iothreads(p);
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
	struct buf out = {0};
	struct vec argv = {0};

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
	const struct qemu_caps *caps = qemu_caps_get(node_get(root, "os/type/@arch"), node_get(root, "devices/emulator"), err);
	autofree char *dir = xasprintf("%s/guests/%s", config.run_dir ? config.run_dir : "/run/domfs", node_get_or(root, "uuid", name));
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
