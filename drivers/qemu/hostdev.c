/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * <hostdev> for QEMU: devices of the host by vfio, usb-host, scsi-generic, vhost-scsi.  What they become is here; taking them from the host's
 * drivers and handing over descriptors is not built yet: refuse.c says so at a start.
 */
#include <fcntl.h>

#include "address.h"
#include "devices.h"
#include "disk.h"
#include "storage.h"

static int complete(struct complete *c unused, struct node *n, struct error *err)
{
	if (!node_has(n, "@mode"))
		node_set(n, "@mode", "subsystem");
	if (!node_is(n, "@mode", "subsystem"))
		return error_set(err, ENOTSUP, "line %ld: <hostdev mode='%s'> is for containers", node_line(n),
				 node_get(n, "@mode"));
	if (node_is(n, "@type", "mdev") && !node_is(n, "@model", "vfio-pci"))
		return error_set(err, ENOTSUP, "line %ld: <hostdev type='mdev'>: model '%s' is for s390 guests",
				 node_line(n), node_get_or(n, "@model", ""));
	if (node_yes(n, "@ramfb") && !node_yes(n, "@display"))
		return error_set(err, EINVAL, "line %ld: <hostdev>: ramfb='on' needs display='on'", node_line(n));
	for (const struct node *o = node_child(node_parent(n), "hostdev"); o && o != n; o = node_next(o, "hostdev"))
		if (node_yes(n, "@ramfb") && node_yes(o, "@ramfb"))
			return error_set(
				err, ENOTSUP,
				"line %ld: <hostdev>: only one device can have ramfb='on': that of line %ld has it",
				node_line(n), node_line(o));
	if (node_is(n, "@type", "mdev") && !node_has(n, "@display"))
		node_set(n, "@display", "off");
	if (!node_has(n, "@managed") && !node_is(n, "@type", "scsi_host") && !node_is(n, "@type", "scsi"))
		node_set(n, "@managed", "no");
	return 0;
}

static const struct address_want *address(struct complete *c, const struct node *n)
{
	static const struct address_want pcie = { BUS_PCI, WANT_PCIE | WANT_HOTPLUG, 0, 0 }, usb = { .bus = BUS_USB };
	static const struct address_want drive = { .bus = BUS_DRIVE };

	if (node_is(n, "@type", "usb"))
		return &usb;
	if (node_is(n, "@type", "scsi"))
		return &drive;
	if (node_is(n, "@type", "scsi_host"))
		return qemu_want_virtio(c, node_get(n, "@model"));
	return &pcie;
}

/* ---- devices ---- */

static int plan_pci(struct plan *p unused, const struct node *n, json_t *props, struct error *err unused)
{
	bool mdev = node_is(n, "@type", "mdev");

	props_str(props, "driver", node_yes(n, "@ramfb") ? "vfio-pci-nohotplug" : "vfio-pci");
	if (mdev)
		props_strf(props, "sysfsdev", "/sys/bus/mdev/devices/%s", node_get_or(n, "source/address/@uuid", ""));
	else
		props_strf(props, "host", "%04llx:%02llx:%02llx.%llx",
			   (unsigned long long)node_u64(n, "source/address/@domain", 0),
			   (unsigned long long)node_u64(n, "source/address/@bus", 0),
			   (unsigned long long)node_u64(n, "source/address/@slot", 0),
			   (unsigned long long)node_u64(n, "source/address/@function", 0));
	props_str(props, "display", node_get(n, "@display"));
	if (node_yes(n, "@ramfb"))
		props_bool(props, "ramfb", true);
	if (node_is(n, "teaming/@type", "transient"))
		props_str(props, "failover_pair_id", node_get(n, "teaming/@persistent"));
	if (node_is(n, "rom/@enabled", "no"))
		props_str(props, "romfile", "");
	else
		props_str(props, "romfile", node_get(n, "rom/@file"));
	if (node_has(n, "rom/@bar"))
		props_int(props, "rombar", node_yes(n, "rom/@bar"));
	return 0;
}

static int plan_usb(struct plan *p unused, const struct node *n, json_t *props, struct error *err unused)
{
	props_str(props, "driver", "usb-host");
	if (node_has(n, "source/address/@bus")) {
		props_strf(props, "hostdevice", "/dev/bus/usb/%03llu/%03llu",
			   (unsigned long long)node_u64(n, "source/address/@bus", 0),
			   (unsigned long long)node_u64(n, "source/address/@device", 0));
	} else {
		props_int(props, "vendorid", node_u64(n, "source/vendor/@id", 0));
		props_int(props, "productid", node_u64(n, "source/product/@id", 0));
	}
	if (node_is(n, "source/@guestReset", "off"))
		props_bool(props, "guest-reset", false);
	if (node_is(n, "source/@guestReset", "on"))
		props_bool(props, "guest-resets-all", true);
	return 0;
}

/* The block node that a SCSI device stands on. */
static int plan_scsi(struct plan *p, const struct node *n, json_t *props, struct error *err)
{
	autofree char *name = xasprintf("hostdev-%.16s-storage", qemu_alias(n));
	bool ro = node_has(n, "readonly");
	json_t *node;

	if (node_is(n, "source/@protocol", "iscsi"))
		node = blockdev_of_source(p, node_child(n, "source"), "network", ro ? O_RDONLY : O_RDWR, qemu_alias(n),
					  "hostdev", err);
	else
		node = json_pack("{s:s,s:s}", "driver", "host_device", "filename",
				 "/dev/sg0"); /* found by the adapter at a start */
	if (!node)
		return err && err->code ? -err->code : -EINVAL;
	props_str(node, "node-name", name);
	props_bool(node, "read-only", ro);
	plan_item(p, ITEM_BLOCKDEV, node);
	props_str(props, "driver", "scsi-generic");
	props_str(props, "drive", name);
	if (node_has(n, "shareable"))
		props_bool(props, "share-rw", true);
	return 0;
}

static int plan_scsi_host(struct plan *p, const struct node *n, json_t *props, struct error *err unused)
{
	props_str(props, "driver", qemu_virtio_name(p, "vhost-scsi", n));
	props_str(props, "wwpn", node_get(n, "source/@wwpn"));
	props_str(props, "vhostfd", "0");
	return 0;
}

static const struct {
	const char *type;
	int (*plan)(struct plan *p, const struct node *n, json_t *props, struct error *err);
} planners[] = {
	{ "pci", plan_pci },
	{ "mdev", plan_pci },
	{ "usb", plan_usb },
	{ "scsi", plan_scsi },
	{ "scsi_host", plan_scsi_host },
};

static int plan(struct plan *p, const struct node *n, struct error *err)
{
	const char *type = node_get_or(n, "@type", "");
	json_t *props;
	int r = -ENOTSUP;

	if (node_is(n, "address/@type", "unassigned"))
		return 0; /* it is taken from the host and not given to the guest */
	props = json_object();
	for (size_t i = 0; i < ARRAY_SIZE(planners); i++)
		if (str_eq(planners[i].type, type))
			r = planners[i].plan(p, n, props, err);
	if (r == -ENOTSUP && !json_object_size(props))
		r = error_set(err, ENOTSUP, "line %ld: the qemu driver has no <hostdev type='%s'>", node_line(n), type);
	props_str(props, "id", qemu_alias(n));
	if (r == 0)
		r = qemu_emit_address(p, n, props, err);
	if (r == 0 && node_has(n, "boot/@order"))
		props_int(props, "bootindex", node_u64(n, "boot/@order", 0));
	if (r == 0)
		plan_item(p, ITEM_DEVICE, props);
	else
		json_decref(props);
	return r;
}

static const char *const qemu_types[] = { "pci", "usb", "scsi", "scsi_host", "mdev", NULL };
static const char *const qemu_models[] = { "virtio", "virtio-transitional", "virtio-non-transitional", "vfio-pci",
					   NULL };
static const char *const qemu_backends[] = { "vfio", NULL };

const struct qemu_kind qemu_hostdev_kind = {
	.schema = &hostdev_schema,
	.rows = (const struct qemu_row[]){ E("@mode"),
					   { "@type", .elsewhere = true, .only = qemu_types },
					   E("@managed"),
					   { "@model", .elsewhere = true, .only = qemu_models },
					   E("@display"),
					   E("@ramfb"),
					   E("@rawio"),
					   E("source/@startupPolicy"),
					   E("source/@guestReset"),
					   E("source/@protocol"),
					   E("source/@name"),
					   E("source/@wwpn"),
					   E("source/address/@domain"),
					   E("source/address/@bus"),
					   E("source/address/@slot"),
					   E("source/address/@function"),
					   E("source/address/@device"),
					   E("source/address/@target"),
					   E("source/address/@unit"),
					   E("source/address/@uuid"),
					   E("source/address/@type"),
					   E("source/vendor/@id"),
					   E("source/product/@id"),
					   E("source/adapter/@name"),
					   E("source/initiator/iqn/@name"),
					   { "driver/@name", .elsewhere = true, .only = qemu_backends },
					   E("driver/@model"),
					   E("teaming/@type"),
					   E("teaming/@persistent"),
					   E("rom/@bar"),
					   E("rom/@enabled"),
					   E("rom/@file"),
					   E("readonly"),
					   E("shareable"),
					   E("boot/@order"),
					   E("acpi/@index"),
					   { 0 } },
	.device = "hostdev",
	.alias = "hostdev",
	.complete = complete,
	.address = address,
	.plan = plan,
};
