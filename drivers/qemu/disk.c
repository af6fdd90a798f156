/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <disk> for QEMU: what is filled in, and the device that the guest sees.  Its block nodes are blockdev.c. */
#include "disk.h"

#include "address.h"
#include "storage.h"

/* ---- completion ---- */

static const char *bus_of_name(const char *target)
{
	static const struct {
		const char *prefix, *bus;
	} all[] = { { "fd", "fdc" },	{ "hd", "ide" },  { "sd", "scsi" },
		    { "vd", "virtio" }, { "xvd", "xen" }, { "ubd", "uml" } };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (str_starts(target, all[i].prefix))
			return all[i].bus;
	return "virtio";
}

static int refuse(const struct node *disk, struct error *err, const char *why)
{
	return error_set(err, ENOTSUP, "line %ld: <disk> '%s': %s", node_line(disk),
			 node_get_or(disk, "target/@dev", ""), why);
}

/* What QEMU's buses and devices cannot do together. */
static int check_device(struct complete *c, const struct node *disk, struct error *err)
{
	const char *bus = node_get_or(disk, "target/@bus", ""), *device = node_get_or(disk, "@device", "disk");
	bool drive = str_eq(device, "cdrom") || str_eq(device, "floppy");

	if (str_eq(bus, "ide") && c->family == MACHINE_Q35)
		return refuse(disk, err, "a q35 machine has no IDE controller: use bus='sata'");
	if (str_eq(bus, "virtio") && drive)
		return refuse(disk, err,
			      "a virtio disk has no medium that could be changed: use bus='sata', 'scsi' or 'usb'");
	if (str_eq(bus, "virtio") && str_eq(device, "lun"))
		return refuse(disk, err, "QEMU passes SCSI commands only through bus='scsi', not virtio");
	if (str_eq(bus, "fdc") && !str_eq(device, "floppy"))
		return refuse(disk, err, "bus='fdc' is for device='floppy'");
	if (str_eq(bus, "fdc") && disk_index(node_get_or(disk, "target/@dev", "fda")) > 1)
		return refuse(disk, err, "a guest has two floppy drives: fda and fdb");
	if (!disk_has_source(disk) && !drive)
		return refuse(disk, err, "it has no <source>: only cdrom and floppy drives can be empty");
	if (node_is(disk, "driver/@copy_on_read", "on") && disk_is_readonly(disk))
		return refuse(disk, err, "copy_on_read writes to the image and cannot be with <readonly/> or a CD-ROM");
	if (node_has(disk, "geometry") && !str_eq(bus, "ide") && !str_eq(bus, "scsi") && !str_eq(bus, "virtio") &&
	    !str_eq(bus, "sata"))
		return refuse(disk, err, "<geometry> is for ide, sata, scsi and virtio");
	return 0;
}

static bool iothread_exists(const struct node *domain, uint64_t id)
{
	for (const struct node *n = node_first(domain, "iothreadids/iothread"); n; n = node_next(n, "iothread"))
		if (node_u64(n, "@id", 0) == id)
			return true;
	return id <= node_u64(domain, "iothreads", 0) &&
	       (!node_child(domain, "iothreadids") ||
		node_count(domain, "iothreadids/iothread") < node_u64(domain, "iothreads", 0));
}

static int check_driver(struct complete *c, const struct node *disk, struct error *err)
{
	const char *bus = node_get_or(disk, "target/@bus", "");
	uint64_t iothread = node_u64(disk, "driver/@iothread", 0), size = node_u64(disk, "driver/@queue_size", 2);

	if (!node_is(disk, "driver/@name", "qemu"))
		return refuse(disk, err, "driver name must be 'qemu'");
	if (iothread && !str_eq(bus, "virtio"))
		return refuse(disk, err, "an iothread serves virtio disks; for SCSI give it to the controller");
	if (iothread && !iothread_exists(c->domain, iothread))
		return refuse(disk, err, "its iothread is not one of the domain's <iothreads>");
	if (node_has(disk, "driver/iothreads") && c->caps->v < 9000000)
		return refuse(disk, err, "several I/O threads for one disk need QEMU 9.0");
	if (node_has(disk, "driver/@discard_no_unref") && c->caps->v < 8001000)
		return refuse(disk, err, "discard_no_unref needs QEMU 8.1");
	if (size & (size - 1))
		return refuse(disk, err, "queue_size must be a power of two");
	if (node_has(disk, "source/@tls") && node_yes(disk, "source/@tls") && !node_is(disk, "source/@protocol", "nbd"))
		return refuse(disk, err, "tls is for protocol='nbd'");
	return 0;
}

static int check_encryption(struct complete *c, const struct node *disk, struct error *err)
{
	const struct node *enc = node_first(disk, "source/encryption");

	if (!enc)
		enc = node_child(disk, "encryption");
	if (!enc)
		return 0;
	if (node_is(enc, "@format", "luks-any") && c->caps->v < 8000000)
		return refuse(disk, err, "encryption format 'luks-any' needs QEMU 8.0");
	if (node_is(enc, "@engine", "librbd") && !node_is(disk, "source/@protocol", "rbd"))
		return refuse(disk, err, "the encryption engine librbd is for protocol='rbd'");
	if (node_is(enc, "@engine", "librbd") && node_count(enc, "secret") > 1 && c->caps->v < 8000000)
		return refuse(disk, err, "several layers of librbd encryption need QEMU 8.0");
	return 0;
}

static int complete(struct complete *c, struct node *disk, struct error *err)
{
	autofree char *wwn = xstrdup(node_get(disk, "wwn"));
	int r;

	if (!node_has(disk, "target/@bus"))
		node_set(disk, "target/@bus", bus_of_name(node_get_or(disk, "target/@dev", "")));
	if (!node_has(disk, "@type"))
		node_set(disk, "@type", "file");
	if (!node_has(disk, "@device"))
		node_set(disk, "@device", node_is(disk, "target/@bus", "fdc") ? "floppy" : "disk");
	if (!node_has(disk, "driver/@name"))
		node_set(disk, "driver/@name", "qemu");
	/* the pool knows the format of a volume */
	if (!node_has(disk, "driver/@type") && !node_is(disk, "@type", "vhostuser") &&
	    !node_is(disk, "@type", "volume"))
		node_set(disk, "driver/@type", node_is(disk, "@type", "dir") ? "fat" : "raw");
	if (node_is(disk, "@device", "cdrom") && !node_has(disk, "readonly"))
		node_make(disk, "readonly");
	if (wwn && str_starts(wwn, "0x"))
		node_set(disk, "wwn", wwn + 2);
	r = check_device(c, disk, err);
	if (r == 0)
		r = check_driver(c, disk, err);
	return r < 0 ? r : check_encryption(c, disk, err);
}

static const struct address_want *address(struct complete *c, const struct node *disk)
{
	static const struct address_want pcie = { BUS_PCI, WANT_PCIE | WANT_HOTPLUG, 0, 0 },
					 pci = { BUS_PCI, WANT_HOTPLUG, 0, 0 };
	static const struct address_want usb = { .bus = BUS_USB }, drive = { .bus = BUS_DRIVE },
					 mmio = { .bus = BUS_MMIO };
	const char *bus = node_get_or(disk, "target/@bus", "");

	if (str_eq(bus, "virtio") && c->family == MACHINE_MICROVM)
		return &mmio;
	if (str_eq(bus, "virtio"))
		return node_is(disk, "@model", "virtio-transitional") ? &pci : &pcie;
	return str_eq(bus, "usb") ? &usb : &drive;
}

static char *name_it(struct complete *c, const struct node *disk)
{
	const char *bus = node_get_or(disk, "target/@bus", "");
	unsigned controller = node_u64(disk, "address/@controller", 0), unit = node_u64(disk, "address/@unit", 0);
	unsigned at = node_u64(disk, "address/@bus", 0), target = node_u64(disk, "address/@target", 0);
	const struct node *ctl = qemu_controller(c->domain, "scsi", controller);
	int index = disk_index(node_get_or(disk, "target/@dev", ""));

	if (str_eq(bus, "scsi") && !scsi_is_narrow(node_get(ctl, "@model")))
		return xasprintf("scsi%u-%u-%u-%u", controller, at, target, unit);
	if (str_eq(bus, "scsi") || str_eq(bus, "ide") || str_eq(bus, "sata") || str_eq(bus, "fdc"))
		return xasprintf("%s%u-%u-%u", bus, controller, at, unit);
	return xasprintf("%s-disk%d", bus, index < 0 ? 0 : index);
}

/* ---- boot order ---- */

static const char *boot_class(const struct node *disk)
{
	const char *device = node_get_or(disk, "@device", "disk");

	return str_eq(device, "cdrom") ? "cdrom" : str_eq(device, "floppy") ? "fd" : "hd";
}

/* Libvirt keeps disks by bus, in order of the buses' first disks, and by name within a bus. */
static unsigned long rank_of(const struct node *domain, const struct node *disk)
{
	const char *bus = node_get_or(disk, "target/@bus", "");
	int index = disk_index(node_get_or(disk, "target/@dev", ""));
	unsigned long rank = 0;

	for (const struct node *n = node_first(domain, "devices/disk"); n && n != disk;
	     n = node_next(n, "disk"), rank++)
		if (node_is(n, "target/@bus", bus))
			break;
	return rank * 100000 + (index < 0 ? 0 : index);
}

void qemu_sort_disks(const struct node *domain, struct vec *out)
{
	for (struct node *n = node_first(domain, "devices/disk"); n; n = node_next(n, "disk")) {
		size_t i = out->n;

		vec_add(out, n);
		for (; i > 0 && rank_of(domain, out->at[i - 1]) > rank_of(domain, n); i--)
			out->at[i] = out->at[i - 1];
		out->at[i] = n;
	}
}

static bool any_boot_order(const struct node *domain)
{
	for (const struct node *n = node_child(node_first(domain, "devices"), NULL); n; n = node_next(n, NULL))
		if (node_has(n, "boot/@order"))
			return true;
	return false;
}

unsigned disk_boot_index(const struct node *domain, const struct node *disk)
{
	const char *class = boot_class(disk);
	unsigned at = 0, found = 0;

	if (node_has(disk, "boot/@order"))
		return node_u64(disk, "boot/@order", 0);
	if (any_boot_order(domain))
		return 0;
	for (const struct node *n = node_first(domain, "os/boot"); n; n = node_next(n, "boot")) {
		at++;
		if (!found && node_is(n, "@dev", class))
			found = at;
	}
	if (!at && str_eq(class, "hd"))
		found = 1;
	for (const struct node *n = node_first(domain, "devices/disk"); n && found; n = node_next(n, "disk"))
		if (n != disk && str_eq(boot_class(n), class) && rank_of(domain, n) < rank_of(domain, disk))
			return 0;
	return found;
}

/* ---- the device ---- */

static void emit_errors(const struct node *disk, json_t *props)
{
	const char *write = node_get(disk, "driver/@error_policy"), *read = node_get(disk, "driver/@rerror_policy");

	if (!read && write && !str_eq(write, "enospace"))
		read = write;
	props_str(props, "werror", str_eq(write, "enospace") ? "enospc" : write);
	props_str(props, "rerror", read);
}

static void emit_write_cache(const struct node *disk, json_t *props)
{
	const char *cache = node_get_or(disk, "driver/@cache", "default");

	if (node_has(disk, "shareable") && str_eq(cache, "default") && !disk_is_readonly(disk))
		cache = "none";
	if (str_eq(cache, "default") || node_is(disk, "@device", "lun"))
		return;
	props_str(props, "write-cache", str_eq(cache, "writethrough") || str_eq(cache, "directsync") ? "off" : "on");
}

static void emit_u64(const struct node *disk, const char *path, json_t *props, const char *key)
{
	if (node_has(disk, path))
		props_int(props, key, node_u64(disk, path, 0));
}

/* What disks of all buses have. */
static void emit_common(struct plan *p, const struct node *disk, const char *top, json_t *props)
{
	unsigned boot = disk_boot_index(p->domain, disk);

	props_str(props, "drive", top);
	props_str(props, "id", qemu_alias(disk));
	if (boot && !node_is(disk, "target/@bus", "fdc"))
		props_int(props, "bootindex", boot);
	if (node_has(disk, "shareable"))
		props_bool(props, "share-rw", true);
	emit_errors(disk, props);
	emit_write_cache(disk, props);
	emit_u64(disk, "blockio/@logical_block_size", props, "logical_block_size");
	emit_u64(disk, "blockio/@physical_block_size", props, "physical_block_size");
	emit_u64(disk, "blockio/@discard_granularity", props, "discard_granularity");
	emit_u64(disk, "geometry/@cyls", props, "cyls");
	emit_u64(disk, "geometry/@heads", props, "heads");
	emit_u64(disk, "geometry/@secs", props, "secs");
	if (node_is(disk, "target/@bus", "ide") || node_is(disk, "target/@bus", "sata"))
		props_str(props, "bios-chs-trans", node_get(disk, "geometry/@trans"));
	if (!node_is(disk, "@device", "lun"))
		props_str(props, "serial", node_get(disk, "serial"));
}

static void emit_virtio(struct plan *p, const struct node *disk, json_t *props)
{
	props_str(props, "driver",
		  qemu_virtio_name(p, node_is(disk, "@type", "vhostuser") ? "vhost-user-blk" : "virtio-blk", disk));
	props_onoff(props, "ioeventfd", node_get(disk, "driver/@ioeventfd"));
	props_onoff(props, "event_idx", node_get(disk, "driver/@event_idx"));
	emit_u64(disk, "driver/@queues", props, "num-queues");
	emit_u64(disk, "driver/@queue_size", props, "queue-size");
	if (node_has(disk, "driver/@iothread"))
		props_strf(props, "iothread", "iothread%s", node_get(disk, "driver/@iothread"));
	props_onoff(props, "iommu_platform", node_get(disk, "driver/@iommu"));
	props_onoff(props, "ats", node_get(disk, "driver/@ats"));
	props_onoff(props, "packed", node_get(disk, "driver/@packed"));
	props_onoff(props, "page-per-vq", node_get(disk, "driver/@page_per_vq"));
}

static void emit_wwn(const struct node *disk, json_t *props)
{
	const char *wwn = node_get(disk, "wwn");

	if (wwn)
		props_int(props, "wwn", (int64_t)strtoull(wwn, NULL, 16));
	emit_u64(disk, "target/@rotation_rate", props, "rotation_rate");
}

static void emit_scsi(const struct node *disk, json_t *props)
{
	if (node_is(disk, "@device", "lun")) {
		props_str(props, "driver", "scsi-block");
		return;
	}
	props_str(props, "driver", node_is(disk, "@device", "cdrom") ? "scsi-cd" : "scsi-hd");
	if (node_has(disk, "serial"))
		props_str(props, "device_id", node_get(disk, "serial"));
	else
		props_strf(props, "device_id", "drive-%s", qemu_alias(disk));
	props_str(props, "vendor", node_get(disk, "vendor"));
	props_str(props, "product", node_get(disk, "product"));
	props_onoff(props, "removable", node_get(disk, "target/@removable"));
	emit_wwn(disk, props);
}

static void emit_bus(struct plan *p, const struct node *disk, json_t *props)
{
	const char *bus = node_get_or(disk, "target/@bus", "");

	if (str_eq(bus, "virtio")) {
		emit_virtio(p, disk, props);
	} else if (str_eq(bus, "scsi")) {
		emit_scsi(disk, props);
	} else if (str_eq(bus, "usb")) {
		props_str(props, "driver", "usb-storage");
		props_bool(props, "removable", node_yes(disk, "target/@removable"));
	} else if (str_eq(bus, "fdc")) {
		props_str(props, "driver", "floppy");
	} else {
		props_str(props, "driver", node_is(disk, "@device", "cdrom") ? "ide-cd" : "ide-hd");
		emit_wwn(disk, props);
	}
}

/* The backend of a vhost-user disk is another process: a socket in place of block nodes. */
static char *vhost_user_chardev(struct plan *p, const struct node *disk)
{
	char *id = xasprintf("chr-vu-%s", qemu_alias(disk));
	const char *path = node_get_or(disk, "source/@path", "");
	const char *text = plan_file(p, FILE_CONNECT, path, 0, "disk '%s'", node_get_or(disk, "target/@dev", ""));
	json_t *addr = p->dry ? json_pack("{s:s,s:{s:s}}", "type", "unix", "data", "path", text)
			      : json_pack("{s:s,s:{s:s}}", "type", "fd", "data", "str", text);
	json_t *data = json_pack("{s:o,s:b}", "addr", addr, "server", 0);

	if (node_yes(disk, "source/reconnect/@enabled") && p->dry)
		props_int(data, "reconnect", node_u64(disk, "source/reconnect/@timeout", 0));
	plan_item(p, ITEM_CHARDEV, json_pack("{s:s,s:{s:s,s:o}}", "id", id, "backend", "type", "socket", "data", data));
	return id;
}

static int plan(struct plan *p, const struct node *disk, struct error *err)
{
	autofree char *top = NULL, *chardev = NULL;
	json_t *props;
	int r = 0;

	if (node_is(disk, "@type", "vhostuser"))
		chardev = vhost_user_chardev(p, disk);
	else
		r = disk_plan_blockdevs(p, disk, &top, err);
	if (r < 0)
		return r;
	props = json_object();
	emit_bus(p, disk, props);
	r = qemu_emit_address(p, disk, props, err);
	if (r < 0) {
		json_decref(props);
		return r;
	}
	emit_common(p, disk, top, props);
	props_str(props, "chardev", chardev);
	plan_item(p, ITEM_DEVICE, props);
	return 0;
}

/* ---- rows: all of them are handled above; what has none here is refused by name ---- */

static const char *const qemu_disk_types[] = { "file", "block", "dir", "network", "volume", "vhostuser", "nvme", NULL };
static const char *const qemu_buses[] = { "virtio", "scsi", "sata", "ide", "usb", "fdc", NULL };

static const struct qemu_row rows[] = {
	{ "@type", .elsewhere = true, .only = qemu_disk_types },
	{ "@device", .elsewhere = true },
	{ "@model", .elsewhere = true },
	{ "@snapshot", .elsewhere = true },
	{ "@rawio", .elsewhere = true },
	{ "target/@dev", .elsewhere = true },
	{ "target/@bus", .elsewhere = true, .only = qemu_buses },
	{ "target/@tray", .elsewhere = true },
	{ "target/@removable", .elsewhere = true },
	{ "target/@rotation_rate", .elsewhere = true },
	{ "driver/@name", .elsewhere = true },
	{ "driver/@type", .elsewhere = true },
	{ "driver/@cache", .elsewhere = true },
	{ "driver/@error_policy", .elsewhere = true },
	{ "driver/@rerror_policy", .elsewhere = true },
	{ "driver/@io", .elsewhere = true },
	{ "driver/@ioeventfd", .elsewhere = true },
	{ "driver/@event_idx", .elsewhere = true },
	{ "driver/@copy_on_read", .elsewhere = true },
	{ "driver/@discard", .elsewhere = true },
	{ "driver/@discard_no_unref", .elsewhere = true },
	{ "driver/@detect_zeroes", .elsewhere = true },
	{ "driver/@iothread", .elsewhere = true },
	{ "driver/@queues", .elsewhere = true },
	{ "driver/@queue_size", .elsewhere = true },
	{ "driver/@iommu", .elsewhere = true },
	{ "driver/@ats", .elsewhere = true },
	{ "driver/@packed", .elsewhere = true },
	{ "driver/@page_per_vq", .elsewhere = true },
	{ "driver/metadata_cache/max_size", .elsewhere = true },
	{ "readonly", .elsewhere = true },
	{ "shareable", .elsewhere = true },
	{ "transient", .elsewhere = true },
	{ "transient/@shareBacking", .elsewhere = true },
	{ "serial", .elsewhere = true },
	{ "wwn", .elsewhere = true },
	{ "vendor", .elsewhere = true },
	{ "product", .elsewhere = true },
	{ "boot/@order", .elsewhere = true },
	{ "geometry/@cyls", .elsewhere = true },
	{ "geometry/@heads", .elsewhere = true },
	{ "geometry/@secs", .elsewhere = true },
	{ "geometry/@trans", .elsewhere = true },
	{ "blockio/@logical_block_size", .elsewhere = true },
	{ "blockio/@physical_block_size", .elsewhere = true },
	{ "blockio/@discard_granularity", .elsewhere = true },
	{ "iotune/total_bytes_sec", .elsewhere = true },
	{ "iotune/read_bytes_sec", .elsewhere = true },
	{ "iotune/write_bytes_sec", .elsewhere = true },
	{ "iotune/total_iops_sec", .elsewhere = true },
	{ "iotune/read_iops_sec", .elsewhere = true },
	{ "iotune/write_iops_sec", .elsewhere = true },
	{ "iotune/total_bytes_sec_max", .elsewhere = true },
	{ "iotune/read_bytes_sec_max", .elsewhere = true },
	{ "iotune/write_bytes_sec_max", .elsewhere = true },
	{ "iotune/total_iops_sec_max", .elsewhere = true },
	{ "iotune/read_iops_sec_max", .elsewhere = true },
	{ "iotune/write_iops_sec_max", .elsewhere = true },
	{ "iotune/total_bytes_sec_max_length", .elsewhere = true },
	{ "iotune/read_bytes_sec_max_length", .elsewhere = true },
	{ "iotune/write_bytes_sec_max_length", .elsewhere = true },
	{ "iotune/total_iops_sec_max_length", .elsewhere = true },
	{ "iotune/read_iops_sec_max_length", .elsewhere = true },
	{ "iotune/write_iops_sec_max_length", .elsewhere = true },
	{ "iotune/size_iops_sec", .elsewhere = true },
	{ "iotune/group_name", .elsewhere = true },
	{ "acpi/@index", .elsewhere = true },
	{ 0 },
};

const struct qemu_kind qemu_disk_kind = {
	.schema = &disk_schema,
	.rows = rows,
	.device = "disk",
	.complete = complete,
	.name_it = name_it,
	.address = address,
	.plan = plan,
	.set = qemu_disk_set,
};
