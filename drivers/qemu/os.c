/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Booting: order, menu, a kernel given directly, further ACPI tables. */
#include <fcntl.h>

#include "domain.h"

int qemu_check_os(struct complete *c, struct error *err)
{
	struct node *root = c->domain;
	bool per_device = false;

	for (struct node *n = node_child(node_first(root, "devices"), NULL); n; n = node_next(n, NULL))
		per_device = per_device || node_has(n, "boot/@order");
	if (per_device && node_has(root, "os/boot"))
		return error_set(
			err, EINVAL,
			"line %ld: <boot dev> in <os> and <boot order> in a device exclude each other: use one of them",
			node_line(node_first(root, "os/boot")));
	if ((node_has(root, "os/initrd") || node_has(root, "os/cmdline")) && !node_has(root, "os/kernel"))
		return error_set(err, EINVAL, "line %ld: <os>: an initrd or cmdline needs a <kernel>",
				 node_line(node_first(root, "os")));
	if (node_yes(root, "os/bios/@useserial") && !node_has(root, "devices/serial") &&
	    !node_has(root, "devices/console"))
		return error_set(err, EINVAL, "line %ld: <bios useserial='yes'> needs a <serial> device",
				 node_line(node_first(root, "os/bios")));
	if (!per_device && !node_has(root, "os/boot") && !node_has(root, "os/kernel"))
		node_set(root, "os/boot/@dev", "hd");
	return 0;
}

/* Is DEV the first of its kind, whichever that is for a <boot dev>? */
static bool first_of_kind(const struct node *dev, const char *kind)
{
	const struct node *n = node_child(node_parent(dev), node_name(dev));

	for (; n && n != dev; n = node_next(n, node_name(dev))) {
		const char *device = node_get_or(n, "@device", "disk");
		if (str_eq(kind, "network") || str_eq(kind, "fd") ? str_eq(kind, "network") || str_eq(device, "floppy")
		    : str_eq(kind, "cdrom")			  ? str_eq(device, "cdrom")
								  : str_eq(device, "disk") || str_eq(device, "lun"))
			return false;
	}
	return true;
}

static const char *boot_kind(const struct node *dev)
{
	const char *device = node_get_or(dev, "@device", "disk");

	if (str_eq(node_name(dev), "interface"))
		return "network";
	if (!str_eq(node_name(dev), "disk"))
		return NULL;
	return str_eq(device, "cdrom") ? "cdrom" : str_eq(device, "floppy") ? "fd" : "hd";
}

unsigned qemu_boot_index(const struct plan *p, const struct node *dev)
{
	const char *kind = boot_kind(dev);
	unsigned i = 1;

	if (node_has(dev, "boot/@order"))
		return node_u64(dev, "boot/@order", 0);
	for (const struct node *b = node_first(p->domain, "os/boot"); kind && b; b = node_next(b, "boot"), i++)
		if (node_is(b, "@dev", kind))
			return first_of_kind(dev, kind) ? i : 0;
	return 0;
}

static void plan_kernel(struct plan *p, const struct node *os)
{
	static const struct {
		const char *path, *option;
	} files[] = { { "kernel", "-kernel" }, { "initrd", "-initrd" }, { "dtb", "-dtb" }, { "shim", "-shim" } };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		const char *path = node_get(os, files[i].path);
		if (path && *path)
			plan_option(p, files[i].option, "%s",
				    plan_file(p, FILE_BY_NAME, path, O_RDONLY, "%s", files[i].path));
	}
	if (node_has(os, "cmdline") && *node_get(os, "cmdline"))
		plan_option(p, "-append", "%s", node_get(os, "cmdline"));
}

static void plan_tables(struct plan *p, const struct node *os)
{
	for (const struct node *t = node_first(os, "acpi/table"); t; t = node_next(t, "table")) {
		const char *file = plan_file(p, FILE_BY_NAME, node_get_or(t, "", ""), O_RDONLY, "ACPI table");
		bool raw = node_is(t, "@type", "raw") || node_is(t, "@type", "rawset");
		if (raw)
			plan_option(p, "-acpitable", "file=%s", file);
		else
			plan_option(p, "-acpitable", "sig=%s,file=%s", node_is(t, "@type", "msdm") ? "MSDM" : "SLIC",
				    file);
	}
}

static void plan_sleep(struct plan *p)
{
	const struct node *root = p->domain;
	bool q35 = strstr(node_get_or(root, "os/type/@machine", ""), "q35") != NULL;
	const char *chip = q35 ? "ICH9-LPC" : "PIIX4_PM";

	if (node_has(root, "pm/suspend-to-mem/@enabled"))
		plan_option(p, "-global", "%s.disable_s3=%d", chip, !node_yes(root, "pm/suspend-to-mem/@enabled"));
	if (node_has(root, "pm/suspend-to-disk/@enabled"))
		plan_option(p, "-global", "%s.disable_s4=%d", chip, !node_yes(root, "pm/suspend-to-disk/@enabled"));
	if (node_has(root, "features/smm/tseg"))
		plan_option(p, "-global", "mch.extended-tseg-mbytes=%llu",
			    (unsigned long long)(node_size(root, "features/smm/tseg", 0) >> 20));
}

int qemu_plan_boot(struct plan *p, struct error *err unused)
{
	const struct node *os = node_first(p->domain, "os");
	autobuf struct buf words = { 0 };

	plan_sleep(p);
	if (node_has(os, "bootmenu/@enable")) {
		buf_printf(&words, "menu=%s,", node_yes(os, "bootmenu/@enable") ? "on" : "off");
		if (node_has(os, "bootmenu/@timeout"))
			buf_printf(&words, "splash-time=%s,", node_get(os, "bootmenu/@timeout"));
	}
	if (node_has(os, "bios/@rebootTimeout"))
		buf_printf(&words, "reboot-timeout=%s,", node_get(os, "bios/@rebootTimeout"));
	buf_puts(&words, "strict=on");
	plan_option(p, "-boot", "%s", buf_text(&words));
	plan_kernel(p, os);
	plan_tables(p, os);
	return 0;
}
