/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Controllers that a definition implies: the root of the PCI tree, the chips that the machine has anyway, and one of the right kind for
 * each disk, channel and smartcard.  Numbers and models that a <controller> leaves out.  All as libvirt does it.
 */
#include "address.h"

#include <ctype.h>

int disk_index(const char *target)
{
	static const char *const prefixes[] = { "ioemu:", "fd", "hd", "sd", "vd", "xvd", "ubd" };
	int index = 0;

	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		if (!str_starts(target, prefixes[i]))
			continue;
		target += strlen(prefixes[i]);
		if (i)
			break;
	}
	if (!islower((unsigned char)*target))
		return -1;
	for (int n = 0; islower((unsigned char)*target) && n < 5; target++, n++)
		index = (index + (n ? 1 : 0)) * 26 + (*target - 'a');
	return *target && !isdigit((unsigned char)*target) ? -1 : index;
}

bool scsi_is_narrow(const char *model)
{
	static const char *const narrow[] = { "lsilogic", "ncr53c90", "dc390", "am53c974", "buslogic", NULL };

	return model && word_index(narrow, model) >= 0;
}

/* Behind the last of its type with a lower index, else behind all controllers. */
struct node *qemu_add_controller(struct complete *c, const char *type, unsigned index, const char *model)
{
	struct node *devices = node_make(c->domain, "devices");
	struct node *after = NULL, *n;

	for (n = node_child(devices, "controller"); n; n = node_next(n, "controller"))
		if (node_is(n, "@type", type) && node_u64(n, "@index", 0) <= index)
			after = n;
	for (n = after ? NULL : node_child(devices, "controller"); n; n = node_next(n, "controller"))
		after = n;
	n = after ? node_add_after(after, "controller") : node_add(devices, "controller");
	node_set(n, "@type", type);
	node_setf(n, "@index", "%u", index);
	node_set(n, "@model", model);
	return n;
}

/* ---- numbers ---- */

static const struct node *controllers(const struct complete *c)
{
	return node_first(c->domain, "devices/controller");
}

static bool index_taken(const struct complete *c, const char *type, unsigned index)
{
	for (const struct node *n = controllers(c); n; n = node_next(n, "controller"))
		if (node_is(n, "@type", type) && node_has(n, "@index") && node_u64(n, "@index", 0) == index)
			return true;
	return false;
}

static unsigned free_index(const struct complete *c, const char *type)
{
	unsigned index = 0;

	while (index_taken(c, type, index))
		index++;
	return index;
}

static bool is_ich9(const struct node *n)
{
	return node_is(n, "@type", "usb") && str_starts(node_get_or(n, "@model", ""), "ich9-");
}

/* A USB 2 companion joins the EHCI before it, as long as that has none of its kind. */
static bool join_ich9(const struct complete *c, struct node *n)
{
	const char *model = node_get(n, "@model");
	const struct node *last = NULL;

	for (const struct node *o = controllers(c); o && o != n; o = node_next(o, "controller"))
		if (is_ich9(o) && node_has(o, "@index"))
			last = o;
	if (!last)
		return false;
	for (const struct node *o = controllers(c); o && o != n; o = node_next(o, "controller"))
		if (is_ich9(o) && node_is(o, "@model", model) &&
		    node_u64(o, "@index", 0) == node_u64(last, "@index", 0))
			return false;
	node_set(n, "@index", node_get(last, "@index"));
	return true;
}

static void set_start_port(struct node *n)
{
	static const char *const companions[] = { "ich9-uhci1", "ich9-uhci2", "ich9-uhci3", NULL };
	int i = word_index(companions, node_get_or(n, "@model", ""));

	if (i >= 0 && !node_has(n, "master/@startport"))
		node_setf(n, "master/@startport", "%d", 2 * i);
}

/* ---- models ---- */

/* What a controller is whose model is left out.  NULL: it has none. */
static const char *default_model(const struct complete *c, const char *type, bool implied)
{
	if (str_eq(type, "scsi"))
		return qemu_has(c->caps, "lsi53c895a") ? "lsilogic" : "virtio-scsi";
	if (!str_eq(type, "usb"))
		return NULL;
	if (c->family == MACHINE_Q35 && implied)
		return qemu_has(c->caps, "qemu-xhci") ? "qemu-xhci" : "nec-xhci";
	return "piix3-uhci";
}

/* The SCSI model that is there already, which one more shall have too. */
static const char *scsi_model(const struct complete *c)
{
	for (const struct node *n = controllers(c); n; n = node_next(n, "controller"))
		if (node_is(n, "@type", "scsi") && node_has(n, "@model"))
			return node_get(n, "@model");
	return default_model(c, "scsi", true);
}

int qemu_index_controllers(struct complete *c, struct error *err)
{
	for (struct node *n = node_first(c->domain, "devices/controller"); n; n = node_next(n, "controller")) {
		const char *type = node_get_or(n, "@type", "");

		if (!node_has(n, "@index") && !(is_ich9(n) && join_ich9(c, n)))
			node_setf(n, "@index", "%u", free_index(c, type));
		if (is_ich9(n))
			set_start_port(n);
		if (!node_has(n, "@model") || node_is(n, "@model", "auto"))
			node_set(n, "@model", default_model(c, type, false));
		if (str_eq(type, "pci") && node_u64(n, "@index", 0) > 255)
			return error_set(err, EINVAL,
					 "line %ld: <controller type='pci'>: index %s is too large: at most 255",
					 node_line(n), node_get(n, "@index"));
	}
	return 0;
}

/* ---- what machine and devices imply ---- */

static bool has_controller(const struct complete *c, const char *type)
{
	for (const struct node *n = controllers(c); n; n = node_next(n, "controller"))
		if (node_is(n, "@type", type))
			return true;
	return false;
}

static int add_pci_root(struct complete *c, struct error *err)
{
	const char *want = c->family == MACHINE_Q35 ? "pcie-root" : "pci-root";
	struct node *root = qemu_controller(c->domain, "pci", 0);

	if (!root) {
		qemu_add_controller(c, "pci", 0, want);
		return 0;
	}
	if (node_is(root, "@model", want))
		return 0;
	return error_set(err, EINVAL,
			 "line %ld: <controller type='pci' index='0'>: the machine '%s' has model='%s', not '%s'",
			 node_line(root), c->machine, want, node_get_or(root, "@model", ""));
}

static void add_up_to(struct complete *c, const char *type, int highest)
{
	for (int i = 0; i <= highest; i++)
		if (!index_taken(c, type, i))
			qemu_add_controller(c, type, i, str_eq(type, "scsi") ? scsi_model(c) : NULL);
}

static int highest_disk_controller(const struct complete *c, const char *bus)
{
	int highest = -1;

	for (const struct node *n = node_first(c->domain, "devices/disk"); n; n = node_next(n, "disk"))
		if (node_is(n, "target/@bus", bus) && node_is(n, "address/@type", "drive") &&
		    (int)node_u64(n, "address/@controller", 0) > highest)
			highest = node_u64(n, "address/@controller", 0);
	return highest;
}

static int highest_of(const struct complete *c, const char *element, const char *type)
{
	int highest = -1;
	autofree char *path = xasprintf("devices/%s", element);

	for (const struct node *n = node_first(c->domain, path); n; n = node_next(n, element))
		if (node_is(n, "address/@type", type) && (int)node_u64(n, "address/@controller", 0) > highest)
			highest = node_u64(n, "address/@controller", 0);
	return highest;
}

/* A channel or console of type virtio needs the virtio-serial controller that it names, or the first. */
static void add_serial(struct complete *c)
{
	static const char *const elements[] = { "channel", "console", NULL };

	for (int i = 0; elements[i]; i++) {
		autofree char *path = xasprintf("devices/%s", elements[i]);

		for (const struct node *n = node_first(c->domain, path); n; n = node_next(n, elements[i])) {
			unsigned index = node_is(n, "address/@type", "virtio-serial")
						 ? node_u64(n, "address/@controller", 0)
						 : 0;

			if (node_is(n, "target/@type", "virtio") && !index_taken(c, "virtio-serial", index))
				qemu_add_controller(c, "virtio-serial", index, NULL);
		}
	}
}

static bool has_pci(const struct complete *c)
{
	return c->family == MACHINE_I440FX || c->family == MACHINE_Q35;
}

int qemu_add_controllers(struct complete *c, struct error *err)
{
	static const char *const buses[] = { "scsi", "fdc", "ide", "sata", NULL };
	int r;

	if (has_pci(c) && !has_controller(c, "usb"))
		qemu_add_controller(c, "usb", 0, default_model(c, "usb", true));
	if (c->family == MACHINE_Q35 && !index_taken(c, "sata", 0))
		qemu_add_controller(c, "sata", 0, NULL);
	r = has_pci(c) ? add_pci_root(c, err) : 0;
	if (r < 0)
		return r;
	for (int i = 0; buses[i]; i++)
		add_up_to(c, buses[i], highest_disk_controller(c, buses[i]));
	add_serial(c);
	if (node_first(c->domain, "devices/smartcard")) {
		int highest = highest_of(c, "smartcard", "ccid");

		add_up_to(c, "ccid", highest < 0 ? 0 : highest);
	}
	add_up_to(c, "scsi", highest_of(c, "hostdev", "drive"));
	return 0;
}
