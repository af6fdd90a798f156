/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <controller> for QEMU.  Which controllers there are is controller_add.c, where they sit address_*.c; here is what they become. */
#include "address.h"
#include "devices.h"
#include "disk.h"
#include "storage.h"

/* ---- completion ---- */

static bool is_builtin(const struct complete *c, const struct node *n)
{
	uint64_t index = node_u64(n, "@index", 0);

	if (node_is(n, "@type", "ide"))
		return c->family == MACHINE_I440FX && index == 0;
	return node_is(n, "@type", "sata") && c->family == MACHINE_Q35 && index == 0;
}

static int refuse(const struct node *n, struct error *err, const char *why)
{
	return error_set(err, ENOTSUP, "line %ld: <controller type='%s'>: %s", node_line(n),
			 node_get_or(n, "@type", ""), why);
}

static int complete(struct complete *c, struct node *n, struct error *err)
{
	const char *type = node_get_or(n, "@type", ""), *model = node_get_or(n, "@model", "");
	uint64_t index = node_u64(n, "@index", 0);

	if (str_eq(type, "ide") && c->family == MACHINE_Q35)
		return refuse(n, err, "a q35 machine has no IDE controller: use type='sata'");
	if (str_eq(type, "ide") && c->family == MACHINE_I440FX && index > 0)
		return refuse(
			n, err,
			"this machine has one IDE controller, index 0, with four drives: use type='sata' for more");
	if (str_eq(type, "fdc") && index > 0)
		return refuse(n, err, "a machine has one floppy controller, index 0");
	if (str_eq(type, "pci") && c->family != MACHINE_I440FX && c->family != MACHINE_Q35)
		return refuse(n, err, "this machine has no PCI bus");
	if (str_eq(type, "usb") && node_has(n, "@ports") && !str_ends(model, "xhci"))
		return refuse(n, err, "ports is for the models nec-xhci and qemu-xhci");
	if (node_u64(n, "@ports", 1) > (str_eq(type, "usb") ? 15 : 512))
		return refuse(n, err, "too many ports");
	if (str_eq(type, "pci") && node_has(n, "target/node") && !strstr(model, "expander"))
		return refuse(n, err, "a NUMA node is for the models pci-expander-bus and pcie-expander-bus");
	return 0;
}

static const struct address_want *address(struct complete *c, const struct node *n)
{
	static const struct address_want pcie = { BUS_PCI, WANT_PCIE | WANT_HOTPLUG, 0, 0 },
					 pci = { BUS_PCI, WANT_HOTPLUG, 0, 0 };
	static const struct address_want usb = { .bus = BUS_USB }, ide = { BUS_PCI_INTEGRATED, 0, 1, 1 };
	static const struct address_want sata = { BUS_PCI_INTEGRATED, 0, 0x1f, 2 };
	static const char *const express[] = { "virtio-scsi", "virtio",	    "virtio-non-transitional",
					       "vmpvscsi",    "lsisas1078", "lsisas1068",
					       "nec-xhci",    "qemu-xhci",  NULL };
	const char *type = node_get_or(n, "@type", ""), *model = node_get_or(n, "@model", "");

	if (str_eq(type, "pci"))
		return str_ends(model, "-root") ? NULL : &pci;
	if (is_builtin(c, n))
		return str_eq(type, "ide") ? &ide : &sata;
	if (str_eq(type, "ccid"))
		return &usb;
	if (str_eq(type, "fdc") || str_eq(type, "ide") || str_eq(type, "isa") || str_eq(type, "xenbus") ||
	    str_eq(model, "none") || str_eq(model, "ibmvscsi"))
		return NULL;
	if (str_eq(type, "virtio-serial"))
		return str_eq(model, "virtio-transitional") ? &pci : &pcie;
	return word_index(express, model) >= 0 ? &pcie : &pci;
}

static char *name_it(struct complete *c, const struct node *n)
{
	const char *type = node_get_or(n, "@type", "");
	unsigned index = node_u64(n, "@index", 0);

	if (node_has(n, "master"))
		return NULL; /* a companion has no name: its EHCI has */
	if (is_builtin(c, n))
		return xstrdup("ide");
	if (str_eq(type, "pci"))
		return xasprintf(node_is(n, "@model", "pcie-root") ? "pcie.%u" : "pci.%u", index);
	if (str_eq(type, "usb") && index == 0)
		return xstrdup("usb");
	return xasprintf("%s%u", type, index);
}

/* ---- PCI ---- */

static void emit_u64(const struct node *n, const char *path, json_t *props, const char *key)
{
	if (node_has(n, path))
		props_int(props, key, node_u64(n, path, 0));
}

static int plan_pci(struct plan *p, const struct node *n, json_t *props, struct error *err unused)
{
	const char *model = node_get_or(n, "@model", "");
	const char *name = node_get(n, "model/@name");

	if (!name && pci_model_of(model))
		name = pci_model_of(model)->qemu;
	props_str(props, "driver", name);
	if (str_eq(model, "pci-bridge")) {
		emit_u64(n, "target/@chassisNr", props, "chassis_nr");
		if (node_is(n, "target/@hotplug", "off"))
			props_bool(props, "shpc", false);
	}
	if (str_eq(model, "pcie-root-port") || str_eq(model, "pcie-switch-downstream-port")) {
		emit_u64(n, "target/@port", props, "port");
		emit_u64(n, "target/@chassis", props, "chassis");
		props_onoff(props, "hotplug", node_get(n, "target/@hotplug"));
	}
	if (str_eq(model, "pci-expander-bus") || str_eq(model, "pcie-expander-bus")) {
		emit_u64(n, "target/@busNr", props, "bus_nr");
		emit_u64(n, "target/node", props, "numa_node");
	}
	if (node_has(n, "target/@memReserve"))
		props_int(props, "mem-reserve", node_u64(n, "target/@memReserve", 0) * 1024);
	(void)p;
	return 0;
}

static void plan_pci_root(struct plan *p, const struct node *n)
{
	bool express = node_is(n, "@model", "pcie-root");

	if (node_has(n, "pcihole64"))
		plan_option(p, "-global", "%s.pci-hole64-size=%lluK", express ? "q35-pcihost" : "i440FX-pcihost",
			    (unsigned long long)node_size(n, "pcihole64", 0) / 1024);
}

/* ---- USB, SCSI, the rest ---- */

static const struct {
	const char *model, *driver;
} usb_drivers[] = {
	{ "piix3-uhci", "piix3-usb-uhci" },	    { "piix4-uhci", "piix4-usb-uhci" }, { "ehci", "usb-ehci" },
	{ "ich9-ehci1", "ich9-usb-ehci1" },	    { "ich9-uhci1", "ich9-usb-uhci1" }, { "ich9-uhci2", "ich9-usb-uhci2" },
	{ "ich9-uhci3", "ich9-usb-uhci3" },	    { "vt82c686b-uhci", "vt82c686b-usb-uhci" }, { "pci-ohci", "pci-ohci" },
	{ "nec-xhci", "nec-usb-xhci" },		    { "qemu-xhci", "qemu-xhci" },
}, scsi_drivers[] = {
	{ "lsilogic", "lsi" },	    { "lsisas1068", "mptsas1068" }, { "lsisas1078", "megasas" }, { "vmpvscsi", "pvscsi" },
	{ "ncr53c90", "esp" },	    { "dc390", "dc390" },	    { "am53c974", "am53c974" },	 { "ibmvscsi", "spapr-vscsi" },
};

static int plan_usb(struct plan *p, const struct node *n, json_t *props, struct error *err)
{
	const char *model = node_get_or(n, "@model", "piix3-uhci");
	const struct node *master;

	for (size_t i = 0; i < ARRAY_SIZE(usb_drivers); i++)
		if (str_eq(usb_drivers[i].model, model))
			props_str(props, "driver", usb_drivers[i].driver);
	if (!json_object_get(props, "driver"))
		return refuse(n, err, "QEMU has no such model");
	emit_u64(n, "@ports", props, "p2");
	emit_u64(n, "@ports", props, "p3");
	if (!node_has(n, "master"))
		return 0;
	master = qemu_controller(p->domain, "usb", node_u64(n, "@index", 0));
	if (!master)
		return refuse(n, err, "a companion needs the ich9-ehci1 of the same index");
	props_strf(props, "masterbus", "%s.0", qemu_alias(master));
	props_int(props, "firstport", node_u64(n, "master/@startport", 0));
	return 0;
}

static void emit_virtio(const struct node *n, json_t *props)
{
	props_onoff(props, "iommu_platform", node_get(n, "driver/@iommu"));
	props_onoff(props, "ats", node_get(n, "driver/@ats"));
	props_onoff(props, "packed", node_get(n, "driver/@packed"));
	props_onoff(props, "page-per-vq", node_get(n, "driver/@page_per_vq"));
}

static int plan_scsi(struct plan *p, const struct node *n, json_t *props, struct error *err)
{
	const char *model = node_get_or(n, "@model", "lsilogic");

	for (size_t i = 0; i < ARRAY_SIZE(scsi_drivers); i++)
		if (str_eq(scsi_drivers[i].model, model))
			props_str(props, "driver", scsi_drivers[i].driver);
	if (str_starts(model, "virtio")) {
		props_str(props, "driver", qemu_virtio_name(p, "virtio-scsi", n));
		emit_virtio(n, props);
		if (node_has(n, "driver/@iothread"))
			props_strf(props, "iothread", "iothread%s", node_get(n, "driver/@iothread"));
		emit_u64(n, "driver/@queues", props, "num_queues");
		emit_u64(n, "driver/@cmd_per_lun", props, "cmd_per_lun");
		emit_u64(n, "driver/@max_sectors", props, "max_sectors");
		props_onoff(props, "ioeventfd", node_get(n, "driver/@ioeventfd"));
	} else if (node_child(n, "driver")) {
		return refuse(n, err, "<driver> settings are for the virtio models");
	}
	if (str_eq(model, "ibmvscsi"))
		props_int(props, "reg", 0x2000);
	return json_object_get(props, "driver") ? 0 : refuse(n, err, "QEMU has no such model");
}

static int plan_serial(struct plan *p, const struct node *n, json_t *props, struct error *err unused)
{
	props_str(props, "driver", qemu_virtio_name(p, "virtio-serial", n));
	emit_virtio(n, props);
	emit_u64(n, "@ports", props, "max_ports");
	emit_u64(n, "@vectors", props, "vectors");
	return 0;
}

static int plan_ccid(struct plan *p unused, const struct node *n unused, json_t *props, struct error *err unused)
{
	props_str(props, "driver", "usb-ccid");
	return 0;
}

static int plan_sata(struct plan *p unused, const struct node *n unused, json_t *props, struct error *err unused)
{
	props_str(props, "driver", "ahci");
	return 0;
}

/* The floppy controller boots its drives, not they themselves.  pc machines have one, q35 ones get theirs here. */
static void plan_fdc(struct plan *p)
{
	bool q35 = strstr(node_get_or(p->domain, "os/type/@machine", ""), "q35") != NULL;
	json_t *props = json_object();

	props_str(props, "driver", "isa-fdc");
	for (const struct node *n = node_first(p->domain, "devices/disk"); n; n = node_next(n, "disk")) {
		unsigned boot = node_is(n, "target/@bus", "fdc") ? disk_boot_index(p->domain, n) : 0;
		const char *key = node_u64(n, "address/@unit", 0) ? "bootindexB" : "bootindexA";

		if (boot && q35)
			props_int(props, key, boot);
		else if (boot)
			plan_option(p, "-global", "isa-fdc.%s=%u", key, boot);
	}
	if (q35)
		plan_item(p, ITEM_DEVICE, props);
	else
		json_decref(props);
}

static const struct {
	const char *type;
	int (*plan)(struct plan *p, const struct node *n, json_t *props, struct error *err);
} planners[] = {
	{ "pci", plan_pci },   { "usb", plan_usb },   { "scsi", plan_scsi }, { "virtio-serial", plan_serial },
	{ "ccid", plan_ccid }, { "sata", plan_sata },
};

/* What the machine has by itself. */
static bool needs_no_device(struct plan *p, const struct node *n)
{
	const char *type = node_get_or(n, "@type", "");

	if (str_eq(type, "pci") && str_ends(node_get_or(n, "@model", ""), "-root")) {
		plan_pci_root(p, n);
		return true;
	}
	if (str_eq(type, "fdc")) {
		plan_fdc(p);
		return true;
	}
	return str_eq(type, "ide") || str_eq(type, "isa") || node_is(n, "@model", "none") ||
	       (str_eq(type, "sata") && str_eq(qemu_alias(n), "ide"));
}

static int plan_one(struct plan *p, const struct node *n, struct error *err)
{
	const char *type = node_get_or(n, "@type", "");
	json_t *props;
	int r = -ENOTSUP;

	if (needs_no_device(p, n))
		return 0;
	props = json_object();
	for (size_t i = 0; i < ARRAY_SIZE(planners); i++)
		if (str_eq(planners[i].type, type))
			r = planners[i].plan(p, n, props, err);
	if (r == -ENOTSUP && !json_object_size(props))
		r = refuse(n, err, "QEMU has no such controller");
	if (r == 0 && *qemu_alias(n) && !node_has(n, "master"))
		props_str(props, "id", qemu_alias(n));
	return qemu_plan_props(p, n, props, r, err);
}

/* An EHCI brings its companions, which name it: it must be there first. */
static int plan(struct plan *p, const struct node *n, struct error *err)
{
	uint64_t index = node_u64(n, "@index", 0);
	int r;

	if (node_has(n, "master") && qemu_controller(p->domain, "usb", index))
		return 0;
	r = plan_one(p, n, err);
	if (!node_is(n, "@type", "usb"))
		return r;
	for (const struct node *o = node_first(p->domain, "devices/controller"); o && r == 0;
	     o = node_next(o, "controller"))
		if (node_is(o, "@type", "usb") && node_has(o, "master") && node_u64(o, "@index", 0) == index)
			r = plan_one(p, o, err);
	return r;
}

static const char *const qemu_types[] = { "ide",  "fdc",	   "scsi", "sata", "usb",
					  "ccid", "virtio-serial", "pci",  "isa",  NULL };

const struct qemu_kind qemu_controller_kind = {
	.schema = &controller_schema,
	.rows = (const struct qemu_row[]){ { "@type", .elsewhere = true, .only = qemu_types },
					   { "@index", .elsewhere = true },
					   { "@model", .elsewhere = true },
					   { "@ports", .elsewhere = true },
					   { "@vectors", .elsewhere = true },
					   { "driver/@queues", .elsewhere = true },
					   { "driver/@cmd_per_lun", .elsewhere = true },
					   { "driver/@max_sectors", .elsewhere = true },
					   { "driver/@ioeventfd", .elsewhere = true },
					   { "driver/@iothread", .elsewhere = true },
					   { "driver/@iommu", .elsewhere = true },
					   { "driver/@ats", .elsewhere = true },
					   { "driver/@packed", .elsewhere = true },
					   { "driver/@page_per_vq", .elsewhere = true },
					   { "model/@name", .elsewhere = true },
					   { "target/@chassisNr", .elsewhere = true },
					   { "target/@chassis", .elsewhere = true },
					   { "target/@port", .elsewhere = true },
					   { "target/@busNr", .elsewhere = true },
					   { "target/@hotplug", .elsewhere = true },
					   { "target/@memReserve", .elsewhere = true },
					   { "target/node", .elsewhere = true },
					   { "pcihole64", .elsewhere = true },
					   { "master/@startport", .elsewhere = true },
					   { "acpi/@index", .elsewhere = true },
					   { 0 } },
	.device = "controller",
	.complete = complete,
	.name_it = name_it,
	.address = address,
	.plan = plan,
};
