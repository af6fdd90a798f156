/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <hostdev>: a device of the host handed to the guest: PCI, USB, SCSI, vhost SCSI, mediated; or to a container. */
#include "storage.h"

static const char *const modes[] = { "subsystem", "capabilities", NULL };
static const char *const types[] = { "pci", "usb", "scsi", "scsi_host", "mdev", "storage", "misc", "net", NULL };
static const char *const models[] = {
	"virtio", "virtio-transitional", "virtio-non-transitional", "vfio-pci", "vfio-ccw", "vfio-ap", NULL
};
static const char *const mdev_models[] = { "vfio-pci", "vfio-ccw", "vfio-ap", NULL };
static const char *const virtio_models[] = { "virtio", "virtio-transitional", "virtio-non-transitional", NULL };
static const char *const sgio[] = { "filtered", "unfiltered", NULL };
static const char *const policies[] = { "mandatory", "requisite", "optional", NULL };
static const char *const resets[] = { "off", "uninitialized", "on", NULL };
static const char *const backends[] = { "kvm", "vfio", "xen", "vfio-legacy", "iommufd", NULL };
static const char *const protocols[] = { "adapter", "iscsi", "vhost", NULL };
static const char *const teams[] = { "transient", "persistent", NULL };
static const char *const families[] = { "ipv4", "ipv6", NULL };

/* What a type must say of its source. */
static int source_check(const struct node *n, const char *type, struct error *err)
{
	long line = node_line(node_child(n, "source"));
	bool iscsi = node_is(n, "source/@protocol", "iscsi");

	if (!node_has(n, "source"))
		return error_set(err, EINVAL, "line %ld: <hostdev> needs <source>", node_line(n));
	if (str_eq(type, "pci") && !node_has(n, "source/address"))
		return error_set(
			err, EINVAL,
			"line %ld: <hostdev type='pci'> needs <address domain= bus= slot= function=/> in its source",
			line);
	if (str_eq(type, "usb") && !node_has(n, "source/vendor/@id") && !node_has(n, "source/address/@bus"))
		return error_set(
			err, EINVAL,
			"line %ld: <hostdev type='usb'> needs <vendor id=/> and <product id=/>, or <address bus= device=/>",
			line);
	if (str_eq(type, "usb") && node_has(n, "source/vendor/@id") != node_has(n, "source/product/@id"))
		return error_set(err, EINVAL, "line %ld: <hostdev type='usb'> needs both <vendor> and <product>", line);
	if (str_eq(type, "mdev") && !node_has(n, "source/address/@uuid"))
		return error_set(err, EINVAL,
				 "line %ld: <hostdev type='mdev'> needs <address uuid='...'/> in its source", line);
	if (str_eq(type, "scsi_host") && (!node_is(n, "source/@protocol", "vhost") || !node_has(n, "source/@wwpn")))
		return error_set(err, EINVAL,
				 "line %ld: <hostdev type='scsi_host'> needs <source protocol='vhost' wwpn='naa....'/>",
				 line);
	if (str_eq(type, "scsi") && iscsi && (!node_has(n, "source/@name") || node_count(n, "source/host") != 1))
		return error_set(err, EINVAL,
				 "line %ld: <hostdev type='scsi'> over iscsi needs source name='iqn...' and one <host>",
				 line);
	if (str_eq(type, "scsi") && !iscsi && (!node_has(n, "source/adapter/@name") || !node_has(n, "source/address")))
		return error_set(
			err, EINVAL,
			"line %ld: <hostdev type='scsi'> needs <adapter name='scsi_hostN'/> and <address bus= target= unit=/>",
			line);
	return 0;
}

/* The same device of the host cannot be plugged twice. */
static int twin_check(const struct node *n, const char *type, struct error *err)
{
	static const char *const paths[] = { "source/@protocol",
					     "source/@name",
					     "source/@wwpn",
					     "source/adapter/@name",
					     "source/address/@domain",
					     "source/address/@bus",
					     "source/address/@slot",
					     "source/address/@function",
					     "source/address/@device",
					     "source/address/@target",
					     "source/address/@unit",
					     "source/address/@uuid",
					     "source/vendor/@id",
					     "source/product/@id",
					     NULL };

	for (const struct node *o = node_child(node_parent(n), "hostdev"); o && o != n; o = node_next(o, "hostdev")) {
		bool same = node_is(o, "@type", type) && node_is(n, "@mode", "subsystem");

		for (int i = 0; same && paths[i]; i++) {
			const char *a = node_get(n, paths[i]), *b = node_get(o, paths[i]);

			same = str_eq(a, b) || (a && b && node_u64(n, paths[i], UINT64_MAX) != UINT64_MAX &&
						node_u64(n, paths[i], 0) == node_u64(o, paths[i], 1));
		}
		if (same)
			return error_set(err, EINVAL,
					 "line %ld: <hostdev>: this device of the host is already that of line %ld",
					 node_line(n), node_line(o));
	}
	return 0;
}

static int model_check(const struct node *n, const char *type, struct error *err)
{
	const char *model = node_get(n, "@model");
	const char *const *fits = str_eq(type, "mdev") ? mdev_models : str_eq(type, "scsi_host") ? virtio_models : NULL;

	if (str_eq(type, "mdev") && !model)
		return error_set(err, EINVAL,
				 "line %ld: <hostdev type='mdev'> needs model='vfio-pci', 'vfio-ccw' or 'vfio-ap'",
				 node_line(n));
	if (model && (!fits || word_index(fits, model) < 0))
		return error_set(err, EINVAL, "line %ld: <hostdev type='%s'> has no model '%s'", node_line(n), type,
				 model);
	if (node_has(n, "@display") && !str_eq(type, "mdev") && !str_eq(type, "pci"))
		return error_set(err, EINVAL, "line %ld: <hostdev type='%s'> has no display", node_line(n), type);
	if ((node_has(n, "@rawio") || node_has(n, "@sgio")) && !str_eq(type, "scsi"))
		return error_set(err, EINVAL, "line %ld: <hostdev type='%s'>: rawio and sgio are for type='scsi'",
				 node_line(n), type);
	if (node_has(n, "boot") && str_eq(type, "scsi_host"))
		return error_set(err, EINVAL, "line %ld: <hostdev type='scsi_host'>: a guest cannot boot from it",
				 node_line(node_child(n, "boot")));
	return 0;
}

static int address_check(const struct node *n, const char *type, struct error *err)
{
	static const struct {
		const char *type;
		const char *types[6];
	} fits[] = {
		{ "pci", { "pci", "unassigned" } },
		{ "mdev", { "pci", "ccw", "unassigned" } },
		{ "usb", { "usb" } },
		{ "scsi", { "drive" } },
		{ "scsi_host", { "pci", "ccw" } },
	};
	const char *at = node_get(n, "address/@type");

	for (size_t i = 0; at && i < ARRAY_SIZE(fits); i++)
		if (str_eq(type, fits[i].type) && word_index(fits[i].types, at) < 0)
			return error_set(
				err, EINVAL,
				"line %ld: <hostdev type='%s'>: address type '%s' does not fit: expected type='%s'",
				node_line(node_child(n, "address")), type, at, fits[i].types[0]);
	return 0;
}

static int hostdev_check(const struct node *n, struct error *err)
{
	const char *type = node_get_or(n, "@type", "");
	int r;

	if (node_is(n, "@mode", "capabilities"))
		return 0;
	r = model_check(n, type, err);
	if (r == 0)
		r = source_check(n, type, err);
	if (r == 0)
		r = address_check(n, type, err);
	return r < 0 ? r : twin_check(n, type, err);
}

const struct schema hostdev_host_schema = {
	.element = "host",
	.props = (const struct prop[]){ { "@name", T_STRING, .flags = P_REQUIRED, .doc = "the iSCSI server" },
					{ "@port", T_U64, .min = 1, .max = 65535, .dflt = "3260", .doc = "its port" },
					{ 0 } },
};

const struct schema hostdev_ip_schema = {
	.element = "ip",
	.props = (const struct prop[]){ { "@address", T_STRING, .flags = P_REQUIRED, .doc = "address inside" },
					{ "@family", T_ENUM, .words = families, .doc = "ipv4 or ipv6" },
					{ "@prefix", T_U64, .max = 128, .doc = "length of the network's prefix" },
					{ "@peer", T_STRING, .doc = "the other end" },
					{ 0 } },
};

const struct schema hostdev_route_schema = {
	.element = "route",
	.props = (const struct prop[]){ { "@address", T_STRING, .flags = P_REQUIRED, .doc = "network" },
					{ "@family", T_ENUM, .words = families, .doc = "ipv4 or ipv6" },
					{ "@prefix", T_U64, .max = 128, .doc = "length of its prefix" },
					{ "@netmask", T_STRING, .doc = "or its mask" },
					{ "@gateway", T_STRING, .doc = "through whom" },
					{ "@metric", T_U64, .doc = "cost" },
					{ 0 } },
};

const struct schema hostdev_schema = {
	.element = "hostdev",
	.check = hostdev_check,
	.props =
		(const struct prop[]){
			{ "@mode", T_ENUM, .words = modes, .dflt = "subsystem",
			  .doc = "a bus device, or a container's share of the host" },
			{ "@type", T_ENUM, .words = types, .flags = P_REQUIRED, .doc = "kind of device" },
			{ "@managed", T_ENUM, .words = words_yes_no, .doc = "take it from its driver, give it back" },
			{ "@model", T_ENUM, .words = models, .doc = "what the guest sees (mdev, scsi_host)" },
			{ "@display", T_ENUM, .words = words_on_off, .doc = "its picture is a display of the guest" },
			{ "@ramfb", T_ENUM, .words = words_on_off, .doc = "a boot picture before the driver loads" },
			{ "@rawio", T_ENUM, .words = words_yes_no, .doc = "the hypervisor may send raw SCSI commands" },
			{ "@sgio", T_ENUM, .words = sgio, .doc = "which SCSI commands the kernel lets through" },
			{ "source/@startupPolicy", T_ENUM, .words = policies, .doc = "may the guest start without it" },
			{ "source/@guestReset", T_ENUM, .words = resets, .doc = "which resets reach the USB device" },
			{ "source/@writeFiltering", T_ENUM, .words = words_yes_no,
			  .doc = "PCI config writes are filtered (Xen)" },
			{ "source/@missing", T_ENUM, .words = words_yes_no, .flags = P_OUTPUT,
			  .doc = "was not there at the start" },
			{ "source/@protocol", T_ENUM, .words = protocols, .doc = "adapter, iscsi or vhost" },
			{ "source/@name", T_STRING, .doc = "iSCSI name and LUN" },
			{ "source/@wwpn", T_STRING, .doc = "vhost SCSI target, naa.*" },
			{ "source/address/@domain", T_U64, .max = 0xffff, .doc = "PCI domain on the host" },
			{ "source/address/@bus", T_U64, .doc = "bus on the host" },
			{ "source/address/@slot", T_U64, .max = 31, .doc = "PCI slot on the host" },
			{ "source/address/@function", T_U64, .max = 7, .doc = "PCI function on the host" },
			{ "source/address/@device", T_U64, .doc = "USB device number on the host" },
			{ "source/address/@port", T_STRING, .doc = "USB port on the host" },
			{ "source/address/@target", T_U64, .doc = "SCSI target on the host" },
			{ "source/address/@unit", T_U64, .doc = "SCSI LUN on the host" },
			{ "source/address/@uuid", T_UUID, .doc = "uuid of the mediated device" },
			{ "source/address/@type", T_STRING, .doc = "kind of address" },
			{ "source/vendor/@id", T_U64, .max = 0xffff, .doc = "USB vendor" },
			{ "source/product/@id", T_U64, .max = 0xffff, .doc = "USB product" },
			{ "source/adapter/@name", T_STRING, .doc = "SCSI host adapter" },
			{ "source/host", T_LIST, .sub = &hostdev_host_schema, .doc = "iSCSI server" },
			{ "source/auth", T_SUB, .sub = &auth_schema, .doc = "login at the iSCSI server" },
			{ "source/initiator/iqn/@name", T_STRING, .doc = "our own iSCSI name" },
			{ "source/block", T_STRING, .doc = "block device for a container" },
			{ "source/char", T_STRING, .doc = "character device for a container" },
			{ "source/interface", T_STRING, .doc = "network interface for a container" },
			{ "source/privateData", T_ANY, .flags = P_OUTPUT, .doc = "libvirt's own notes" },
			{ "ip", T_LIST, .sub = &hostdev_ip_schema, .doc = "addresses inside the container" },
			{ "route", T_LIST, .sub = &hostdev_route_schema, .doc = "routes inside the container" },
			{ "driver/@name", T_ENUM, .words = backends, .doc = "who assigns the device" },
			{ "driver/@model", T_STRING, .doc = "the host's vfio driver for it" },
			{ "driver/@iommufd", T_ENUM, .words = words_yes_no, .doc = "through iommufd" },
			{ "teaming/@type", T_ENUM, .words = teams, .doc = "partner of a virtio NIC" },
			{ "teaming/@persistent", T_STRING, .doc = "alias of that NIC" },
			{ "rom/@bar", T_ENUM, .words = words_on_off, .doc = "the guest sees the ROM" },
			{ "rom/@enabled", T_ENUM, .words = words_yes_no, .doc = "no ROM at all" },
			{ "rom/@file", T_STRING, .doc = "file with the ROM" },
			{ "readonly", T_FLAG, .dflt = "0", .doc = "the guest cannot write" },
			{ "shareable", T_FLAG, .dflt = "0", .doc = "other guests may use it at the same time" },
			{ "boot/@order", T_U64, .min = 1, .max = 65535, .doc = "place in the boot order" },
			{ "boot/@loadparm", T_STRING, .doc = "boot parameter of s390 guests" },
			{ "alias", T_SUB, .sub = &alias_schema, .doc = "the device's id" },
			{ "acpi/@index", T_U64, .min = 1, .doc = "ACPI index" },
			{ "address", T_SUB, .sub = &address_schema, .doc = "where it is plugged" },
			{ 0 } },
};
