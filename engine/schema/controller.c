/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <controller>: what other devices are plugged into: PCI bridges and ports, USB, SCSI, SATA, IDE, floppy, virtio-serial, CCID. */
#include "../schema.h"

static const char *const types[] = { "ide",	      "fdc", "scsi",   "sata", "usb",  "ccid",
				     "virtio-serial", "pci", "xenbus", "isa",  "nvme", NULL };
static const char *const scsi_models[] = { "auto",
					   "buslogic",
					   "lsilogic",
					   "lsisas1068",
					   "lsisas1078",
					   "vmpvscsi",
					   "ibmvscsi",
					   "virtio-scsi",
					   "virtio-transitional",
					   "virtio-non-transitional",
					   "ncr53c90",
					   "dc390",
					   "am53c974",
					   NULL };
static const char *const usb_models[] = { "piix3-uhci", "piix4-uhci", "ehci",		"ich9-ehci1", "ich9-uhci1",
					  "ich9-uhci2", "ich9-uhci3", "vt82c686b-uhci", "pci-ohci",   "nec-xhci",
					  "qemu-xhci",	"qusb1",      "qusb2",		"none",	      NULL };
static const char *const ide_models[] = { "piix3", "piix4", "ich6", NULL };
static const char *const pci_models[] = { "pci-root",
					  "pcie-root",
					  "pci-bridge",
					  "dmi-to-pci-bridge",
					  "pcie-to-pci-bridge",
					  "pcie-root-port",
					  "pcie-switch-upstream-port",
					  "pcie-switch-downstream-port",
					  "pci-expander-bus",
					  "pcie-expander-bus",
					  NULL };
static const char *const serial_models[] = { "virtio", "virtio-transitional", "virtio-non-transitional", NULL };
static const char *const pci_names[] = { "none",
					 "spapr-pci-host-bridge",
					 "pci-bridge",
					 "i82801b11-bridge",
					 "pcie-pci-bridge",
					 "ioh3420",
					 "pcie-root-port",
					 "x3130-upstream",
					 "xio3130-downstream",
					 "pxb",
					 "pxb-pcie",
					 NULL };
static const struct {
	const char *type;
	const char *const *models;
} models_of[] = {
	{ "scsi", scsi_models },
	{ "usb", usb_models },
	{ "ide", ide_models },
	{ "pci", pci_models },
	{ "virtio-serial", serial_models },
};

/* Properties that only one type of controller has. */
static const struct {
	const char *path, *type;
} only_of[] = {
	{ "@vectors", "virtio-serial" },
	{ "@maxGrantFrames", "xenbus" },
	{ "@maxEventChannels", "xenbus" },
	{ "model", "pci" },
	{ "target", "pci" },
	{ "pcihole64", "pci" },
	{ "master", "usb" },
	{ "driver/@queues", "scsi" },
	{ "driver/@cmd_per_lun", "scsi" },
	{ "driver/@max_sectors", "scsi" },
	{ "driver/@iothread", "scsi" },
	{ "driver/iothreads", "scsi" },
};

static int model_check(const struct node *n, const char *type, struct error *err)
{
	const char *model = node_get(n, "@model");

	for (size_t i = 0; model && i < ARRAY_SIZE(models_of); i++) {
		if (str_eq(type, models_of[i].type) && word_index(models_of[i].models, model) < 0) {
			autofree char *words = words_joined(models_of[i].models);

			return error_set(err, EINVAL,
					 "line %ld: <controller type='%s'>: model is '%s': expected one of %s",
					 node_line(n), type, model, words);
		}
	}
	return 0;
}

static int pci_check(const struct node *n, struct error *err)
{
	const char *model = node_get_or(n, "@model", "");
	bool root = str_eq(model, "pci-root") || str_eq(model, "pcie-root");

	if (!*model)
		return error_set(err, EINVAL, "line %ld: <controller type='pci'> needs model='...'", node_line(n));
	if (root && node_u64(n, "@index", 0) != 0)
		return error_set(err, EINVAL, "line %ld: <controller model='%s'> must have index 0", node_line(n),
				 model);
	if (root && node_has(n, "address"))
		return error_set(err, EINVAL,
				 "line %ld: <controller model='%s'> is the root and has no address of its own",
				 node_line(n), model);
	if (!root && node_has(n, "pcihole64"))
		return error_set(err, EINVAL, "line %ld: <pcihole64> is for the models pci-root and pcie-root",
				 node_line(n));
	if (!root && node_has(n, "@index") && node_u64(n, "@index", 0) == 0)
		return error_set(err, EINVAL,
				 "line %ld: <controller type='pci'>: index 0 is the root's: '%s' needs 1 or more",
				 node_line(n), model);
	return 0;
}

/* The companions of one EHCI share its number; nothing else does. */
static int twin_check(const struct node *n, const char *type, struct error *err)
{
	const struct node *parent = node_parent(n);
	const char *model = node_get_or(n, "@model", "");

	if (!node_has(n, "@index"))
		return 0;
	for (const struct node *o = node_child(parent, "controller"); o && o != n; o = node_next(o, "controller"))
		if (node_is(o, "@type", type) && node_has(o, "@index") &&
		    node_u64(o, "@index", 0) == node_u64(n, "@index", 0) &&
		    !(str_starts(model, "ich9-") && str_starts(node_get_or(o, "@model", ""), "ich9-") &&
		      !node_is(o, "@model", model)))
			return error_set(err, EINVAL,
					 "line %ld: <controller type='%s'>: index %s is already that of line %ld",
					 node_line(n), type, node_get(n, "@index"), node_line(o));
	return 0;
}

static int controller_check(const struct node *n, struct error *err)
{
	const char *type = node_get_or(n, "@type", "");
	int r = model_check(n, type, err);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(only_of); i++)
		if (!str_eq(type, only_of[i].type) && node_has(n, only_of[i].path))
			r = error_set(err, EINVAL, "line %ld: <controller type='%s'>: %s is for type='%s'",
				      node_line(n), type, only_of[i].path, only_of[i].type);
	if (r == 0 && node_has(n, "@ports") && !str_eq(type, "virtio-serial") && !str_eq(type, "usb"))
		r = error_set(err, EINVAL, "line %ld: <controller type='%s'>: ports is for virtio-serial and usb",
			      node_line(n), type);
	if (r == 0 && str_eq(type, "pci"))
		r = pci_check(n, err);
	return r < 0 ? r : twin_check(n, type, err);
}

const struct schema controller_schema = {
	.element = "controller",
	.check = controller_check,
	.props =
		(const struct prop[]){
			{ "@type", T_ENUM, .words = types, .flags = P_REQUIRED, .doc = "what can be plugged into it" },
			{ "@index", T_U64, .max = 0xffff, .doc = "its number among those of its type" },
			{ "@model", T_STRING, .doc = "which hardware" },
			{ "@ports", T_U64, .doc = "ports (virtio-serial, xhci)" },
			{ "@vectors", T_U64, .doc = "interrupt vectors (virtio-serial)" },
			{ "@maxGrantFrames", T_U64, .doc = "grant table size (xenbus)" },
			{ "@maxEventChannels", T_U64, .doc = "event channels (xenbus)" },
			{ "serial", T_STRING, .doc = "serial number (nvme)" },
			{ "driver/@queues", T_U64, .min = 1, .doc = "virtqueues (virtio-scsi)" },
			{ "driver/@cmd_per_lun", T_U64, .min = 1, .doc = "commands in flight of a LUN" },
			{ "driver/@max_sectors", T_U64, .min = 1, .doc = "sectors of one request" },
			{ "driver/@ioeventfd", T_ENUM, .words = words_on_off,
			  .doc = "notify the device by an eventfd" },
			{ "driver/@iothread", T_U64, .min = 1, .doc = "the I/O thread that serves it" },
			{ "driver/@iommu", T_ENUM, .words = words_on_off, .doc = "the device uses the guest's IOMMU" },
			{ "driver/@ats", T_ENUM, .words = words_on_off, .doc = "address translation services" },
			{ "driver/@packed", T_ENUM, .words = words_on_off, .doc = "packed virtqueues" },
			{ "driver/@page_per_vq", T_ENUM, .words = words_on_off,
			  .doc = "a page for each queue's notification" },
			{ "model/@name", T_ENUM, .words = pci_names, .doc = "which PCI hardware" },
			{ "target/@chassisNr", T_U64, .max = 255, .doc = "chassis number of a PCI bridge" },
			{ "target/@chassis", T_U64, .max = 255, .doc = "chassis number of a PCIe port" },
			{ "target/@port", T_U64, .max = 255, .doc = "port number in the chassis" },
			{ "target/@busNr", T_U64, .max = 255, .doc = "first bus number of an expander" },
			{ "target/@index", T_U64, .max = 31, .doc = "number of a host bridge (pseries)" },
			{ "target/@hotplug", T_ENUM, .words = words_on_off, .dflt = "on",
			  .doc = "can devices be plugged in while it runs" },
			{ "target/@memReserve", T_U64, .doc = "KiB of address space kept free behind it" },
			{ "target/node", T_U64, .doc = "NUMA node of an expander" },
			{ "pcihole64", T_SIZE, .doc = "size of the 64-bit PCI address space" },
			{ "master/@startport", T_U64, .max = 255, .doc = "first port of the companion" },
			{ "alias", T_SUB, .sub = &alias_schema, .doc = "the device's id" },
			{ "acpi/@index", T_U64, .min = 1, .doc = "ACPI index" },
			{ "address", T_SUB, .sub = &address_schema, .doc = "where it is plugged" },
			{ 0 } },
};
