/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Addresses: gives every device of a definition its place (the parts are address_*.c and controller_add.c), and says it to QEMU: bus,
 * addr, port, unit.
 */
#include "address.h"

struct node *qemu_controller(const struct node *domain, const char *type, unsigned index)
{
	for (struct node *n = node_first(domain, "devices/controller"); n; n = node_next(n, "controller"))
		if (node_is(n, "@type", type) && node_u64(n, "@index", 0) == index && !node_has(n, "master"))
			return n;
	return NULL;
}

/* ---- giving ---- */

/* An address of another bus than the device's. */
static int check_types(struct complete *c, struct error *err)
{
	static const char *const not_pci[] = { "drive", "usb", "dimm", "ccid", "virtio-serial", NULL };

	for (const struct node *n = node_child(node_first(c->domain, "devices"), NULL); n; n = node_next(n, NULL)) {
		const struct address_want *want = want_of(c, n);
		const char *type = node_get(n, "address/@type");
		autofree char *words = NULL;
		const char *expected;

		if (!want || !type)
			continue;
		if (want->bus == BUS_USB && !str_eq(type, "usb") && !str_eq(type, "unassigned"))
			expected = "usb";
		else if ((want->bus == BUS_PCI || want->bus == BUS_PCI_INTEGRATED) && word_index(not_pci, type) >= 0)
			expected = "pci";
		else
			continue;
		words = device_words(n);
		return error_set(err, EINVAL, "%s: address type '%s' does not fit this device: expected type='%s'",
				 words, type, expected);
	}
	return 0;
}

int qemu_assign_addresses(struct complete *c, struct error *err)
{
	bool pci = c->family == MACHINE_I440FX || c->family == MACHINE_Q35;
	int r = qemu_index_controllers(c, err);

	if (r == 0)
		r = qemu_assign_drives(c, err);
	if (r == 0)
		r = qemu_add_controllers(c, err);
	if (r == 0)
		r = qemu_check_drives(c, err);
	if (r == 0)
		r = check_types(c, err);
	if (r < 0)
		return r;
	qemu_reuse_addresses(c);
	r = qemu_assign_ports(c, err);
	if (r == 0 && pci)
		r = qemu_assign_pci(c, err);
	if (r == 0 && c->family != MACHINE_MICROVM)
		r = qemu_assign_usb(c, err);
	return r < 0 ? r : qemu_assign_memory_slots(c, err);
}

/* ---- saying ---- */

/* Interned: a handful of names for the life of the process. */
static const char *intern(const char *name)
{
	static struct hash *names;
	char *kept;

	if (!names)
		names = hash_new();
	kept = hash_get(names, name);
	if (!kept) {
		kept = xstrdup(name);
		hash_put(names, kept, kept);
	}
	return kept;
}

const char *qemu_virtio_name(const struct plan *p, const char *base, const struct node *dev)
{
	const char *machine = node_get_or(p->domain, "os/type/@machine", "");
	const char *model = node_get_or(dev, "@model", node_get_or(dev, "model/@type", ""));
	const char *tail = "-pci";

	if (str_starts(machine, "microvm"))
		tail = "-device";
	else if (str_ends(model, "non-transitional"))
		tail = "-pci-non-transitional";
	else if (str_ends(model, "transitional"))
		tail = "-pci-transitional";
	autofree char *name = xasprintf("%s%s", base, tail);
	return intern(name);
}

static void emit_pci(struct plan *p, const struct node *dev, json_t *props)
{
	unsigned bus = node_u64(dev, "address/@bus", 0), slot = node_u64(dev, "address/@slot", 0);
	unsigned function = node_u64(dev, "address/@function", 0);
	const struct node *ctl = qemu_controller(p->domain, "pci", bus);

	if (bus == 0)
		props_str(props, "bus", node_is(ctl, "@model", "pcie-root") ? "pcie.0" : "pci.0");
	else
		props_str(props, "bus", qemu_alias(ctl));
	if (function)
		props_strf(props, "addr", "0x%x.0x%x", slot, function);
	else
		props_strf(props, "addr", "0x%x", slot);
	props_onoff(props, "multifunction", node_get(dev, "address/@multifunction"));
	if (node_has(dev, "acpi/@index"))
		props_int(props, "acpi-index", node_u64(dev, "acpi/@index", 0));
}

static void emit_drive(const struct node *dev, const struct node *ctl, json_t *props)
{
	unsigned bus = node_u64(dev, "address/@bus", 0), unit = node_u64(dev, "address/@unit", 0);
	const char *type = node_get_or(ctl, "@type", "");

	if (str_eq(type, "fdc")) {
		props_int(props, "unit", unit);
	} else if (str_eq(type, "ide")) {
		props_strf(props, "bus", "%s.%u", qemu_alias(ctl), bus);
		props_int(props, "unit", unit);
	} else if (str_eq(type, "sata")) {
		props_strf(props, "bus", "%s.%u", qemu_alias(ctl), unit);
	} else {
		props_strf(props, "bus", "%s.0", qemu_alias(ctl));
		if (!scsi_is_narrow(node_get(ctl, "@model")))
			props_int(props, "channel", bus);
		props_int(props, "scsi-id",
			  scsi_is_narrow(node_get(ctl, "@model")) ? unit : node_u64(dev, "address/@target", 0));
		if (!scsi_is_narrow(node_get(ctl, "@model")))
			props_int(props, "lun", unit);
	}
}

static int no_controller(const struct plan *p, const struct node *dev, const char *type, uint64_t index,
			 struct error *err)
{
	autofree char *words = device_words(dev);

	if (p->hotplug) /* completion would add the controller; a running guest gets none */
		return error_set(
			err, ENOSPC, "the running guest has no free %s for it: %s",
			str_eq(type, "pci") ? "PCI slot" : "place",
			str_eq(type, "pci")
				? "add <controller type='pci' model='pcie-root-port'/> elements to its definition, one a "
				  "device, and start it anew"
				: "add the controller to its definition, and start it anew");
	return error_set(err, EINVAL, "%s: there is no %s controller with index %llu", words, type,
			 (unsigned long long)index);
}

/* Bus NAME.0 of the controller that the address names by ATTRIBUTE. */
static int emit_bus(struct plan *p, const struct node *dev, const char *type, const char *attribute, json_t *props,
		    struct error *err)
{
	uint64_t index = node_u64(dev, attribute, 0);
	const struct node *ctl = qemu_controller(p->domain, type, index);

	if (!ctl)
		return no_controller(p, dev, type, index, err);
	props_strf(props, "bus", "%s.0", qemu_alias(ctl));
	return 0;
}

static const char *drive_controller(const struct node *dev)
{
	return str_eq(node_name(dev), "disk") ? node_get_or(dev, "target/@bus", "scsi") : "scsi";
}

int qemu_emit_address(struct plan *p, const struct node *dev, json_t *props, struct error *err)
{
	const char *type = node_get_or(dev, "address/@type", "");
	const struct node *ctl;
	int r = 0;

	if (str_eq(type, "pci")) {
		if (!qemu_controller(p->domain, "pci", node_u64(dev, "address/@bus", 0)))
			return no_controller(p, dev, "pci", node_u64(dev, "address/@bus", 0), err);
		emit_pci(p, dev, props);
	} else if (str_eq(type, "drive")) {
		ctl = qemu_controller(p->domain, drive_controller(dev), node_u64(dev, "address/@controller", 0));
		if (!ctl)
			return no_controller(p, dev, drive_controller(dev), node_u64(dev, "address/@controller", 0),
					     err);
		emit_drive(dev, ctl, props);
	} else if (str_eq(type, "usb")) {
		r = emit_bus(p, dev, "usb", "address/@bus", props, err);
		props_str(props, "port", node_get(dev, "address/@port"));
	} else if (str_eq(type, "virtio-serial")) {
		r = emit_bus(p, dev, "virtio-serial", "address/@controller", props, err);
		props_int(props, "nr", node_u64(dev, "address/@port", 0));
	} else if (str_eq(type, "ccid")) {
		r = emit_bus(p, dev, "ccid", "address/@controller", props, err);
	} else if (str_eq(type, "isa")) {
		if (node_has(dev, "address/@iobase"))
			props_int(props, "iobase", node_u64(dev, "address/@iobase", 0));
		if (node_has(dev, "address/@irq"))
			props_int(props, "irq", node_u64(dev, "address/@irq", 0));
	} else if (str_eq(type, "dimm")) {
		props_int(props, "slot", node_u64(dev, "address/@slot", 0));
		if (node_has(dev, "address/@base"))
			props_int(props, "addr", node_u64(dev, "address/@base", 0));
	}
	return r;
}
