/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What many device kinds share: addresses, aliases, boot order, virtio options. */
#include "../schema.h"

const char *const words_yes_no[] = { "yes", "no", NULL };
const char *const words_on_off[] = { "on", "off", NULL };

static const char *const address_types[] = { "pci",	  "drive",	 "virtio-serial", "ccid",	 "usb",
					     "spapr-vio", "virtio-s390", "ccw",		  "virtio-mmio", "isa",
					     "dimm",	  "unassigned",	 "mdev",	  NULL };

/* What an address of each type consists of. */
static const struct {
	const char *type;
	const char *attrs[8];
} address_parts[] = {
	{ "pci", { "domain", "bus", "slot", "function", "multifunction" } },
	{ "drive", { "controller", "bus", "target", "unit" } },
	{ "virtio-serial", { "controller", "bus", "port" } },
	{ "ccid", { "controller", "slot" } },
	{ "usb", { "bus", "port", "device" } },
	{ "spapr-vio", { "reg" } },
	{ "virtio-s390", { NULL } },
	{ "ccw", { "cssid", "ssid", "devno" } },
	{ "virtio-mmio", { NULL } },
	{ "isa", { "iobase", "irq" } },
	{ "dimm", { "slot", "base" } },
	{ "unassigned", { NULL } },
	{ "mdev", { "uuid" } },
};

struct stray {
	const char *const *allowed;
	const char *name;
};

static void find_stray(void *arg, const char *name, const char *value unused)
{
	struct stray *s = arg;

	if (strcmp(name, "type") && word_index(s->allowed, name) < 0)
		s->name = name;
}

/* An attribute of another type would be dropped without a word. */
static int parts_check(const struct node *n, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(address_parts); i++) {
		struct stray stray = { address_parts[i].attrs, NULL };
		autofree char *all = NULL;
		if (!node_is(n, "@type", address_parts[i].type))
			continue;
		node_attrs(n, find_stray, &stray);
		if (!stray.name)
			return 0;
		all = words_joined(address_parts[i].attrs);
		return error_set(err, EINVAL, "an address of type '%s' has no '%s'%s%s", address_parts[i].type,
				 stray.name, *all ? ": it has " : "", all);
	}
	return 0;
}

static int address_check(const struct node *n, struct error *err)
{
	static const struct {
		const char *path;
		uint64_t max;
	} limits[] = { { "@domain", 0xffffffff }, { "@bus", 0xff }, { "@slot", 0x1f }, { "@function", 7 } };

	if (!node_is(n, "@type", "pci"))
		return parts_check(n, err);
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++)
		if (node_u64(n, limits[i].path, 0) > limits[i].max)
			return error_set(err, EINVAL, "PCI address %s='%s' is too large: at most 0x%llx",
					 limits[i].path + 1, node_get(n, limits[i].path),
					 (unsigned long long)limits[i].max);
	return parts_check(n, err);
}

const struct schema address_schema = {
	.element = "address",
	.check = address_check,
	.props =
		(const struct prop[]){
			{ "@type", T_ENUM, .words = address_types, .doc = "kind of bus" },
			{ "@domain", T_U64, .doc = "PCI domain" },
			{ "@bus", T_STRING, .doc = "bus: a number (PCI, drive, USB)" },
			{ "@slot", T_U64, .doc = "PCI slot, DIMM slot" },
			{ "@function", T_U64, .doc = "PCI function" },
			{ "@multifunction", T_ENUM, .words = words_on_off,
			  .doc = "other functions of this slot exist" },
			{ "@controller", T_U64, .doc = "number of the controller" },
			{ "@target", T_U64, .doc = "SCSI target" },
			{ "@unit", T_U64, .doc = "unit on the bus" },
			{ "@port", T_STRING, .doc = "port: a number, or 1.2.3 (USB)" },
			{ "@device", T_U64, .doc = "device on the bus" },
			{ "@iobase", T_U64, .doc = "ISA I/O port" },
			{ "@irq", T_U64, .doc = "ISA interrupt" },
			{ "@reg", T_U64, .doc = "spapr-vio register" },
			{ "@cssid", T_STRING, .doc = "channel subsystem" },
			{ "@ssid", T_STRING, .doc = "subchannel set" },
			{ "@devno", T_STRING, .doc = "device number" },
			{ "@base", T_U64, .doc = "guest-physical address of a DIMM" },
			{ "@uuid", T_UUID, .doc = "of a mediated device" },
			{ "zpci/@uid", T_U64, .doc = "s390 PCI user id" },
			{ "zpci/@fid", T_U64, .doc = "s390 PCI function id" },
			{ 0 },
		},
};

const struct schema alias_schema = {
	.element = "alias",
	.props = (const struct prop[]){ { "@name", T_STRING, .doc = "how the device is called" }, { 0 } },
};

const struct schema boot_schema = {
	.element = "boot",
	.props =
		(const struct prop[]){
			{ "@order", T_U64, .flags = P_REQUIRED, .min = 1, .doc = "position in the boot order" },
			{ "@loadparm", T_STRING, .doc = "s390 boot parameter" },
			{ 0 },
		},
};

const struct schema virtio_schema = {
	.element = "driver",
	.props =
		(const struct prop[]){
			{ "@iommu", T_ENUM, .words = words_on_off, .doc = "uses the emulated IOMMU" },
			{ "@ats", T_ENUM, .words = words_on_off, .doc = "address translation service" },
			{ "@packed", T_ENUM, .words = words_on_off, .doc = "packed virtqueues" },
			{ "@page_per_vq", T_ENUM, .words = words_on_off, .doc = "one page per virtqueue" },
			{ 0 },
		},
};
