/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * <disk>: hard disks, CD-ROMs, floppies and LUNs.  The only place that knows how a disk is written down; where its bytes lie is
 * source.c.  The file `source` of a disk's directory is put together by the engine and has no row here.
 */
#include "storage.h"

#include <ctype.h>

static const char *const devices[] = { "disk", "cdrom", "floppy", "lun", NULL };
static const char *const buses[] = { "virtio", "scsi", "sata", "ide", "usb", "fdc", "sd", "xen", "uml", "nvme", NULL };
static const char *const virtio_models[] = { "virtio", "virtio-transitional", "virtio-non-transitional", NULL };
static const char *const sgio[] = { "filtered", "unfiltered", NULL };
static const char *const snapshots[] = { "no", "internal", "external", "manual", NULL };
static const char *const caches[] = { "default", "none", "writeback", "writethrough", "directsync", "unsafe", NULL };
static const char *const ios[] = { "threads", "native", "io_uring", NULL };
static const char *const errors[] = { "stop", "report", "ignore", "enospace", NULL };
static const char *const read_errors[] = { "stop", "report", "ignore", NULL };
static const char *const discards[] = { "unmap", "ignore", NULL };
static const char *const zeroes[] = { "off", "on", "unmap", NULL };
static const char *const trays[] = { "open", "closed", NULL };
static const char *const translations[] = { "auto", "none", "lba", NULL };
static const char *const copy_states[] = { "on", "off", NULL };

const struct schema disk_iothread_queue_schema = {
	.element = "queue",
	.props =
		(const struct prop[]){ { "@id", T_U64, .flags = P_REQUIRED, .doc = "number of the virtqueue" }, { 0 } },
};

const struct schema disk_iothread_schema = {
	.element = "iothread",
	.props =
		(const struct prop[]){
			{ "@id", T_U64, .flags = P_REQUIRED, .min = 1, .doc = "number of the I/O thread" },
			{ "queue", T_LIST, .sub = &disk_iothread_queue_schema, .doc = "queues that it serves" },
			{ 0 } },
};

const struct schema throttle_filter_schema = {
	.element = "throttlefilter",
	.props = (const struct prop[]){ { "@group", T_STRING, .flags = P_REQUIRED,
					  .doc = "the throttle group that limits this disk" },
					{ 0 } },
};

/* "vda" and "sdab" are targets, "vda1" is a partition of one. */
static int target_check(const struct node *n, struct error *err)
{
	static const char *const prefixes[] = {
		"ioemu:", "fd", "hd", "sd", "vd", "xvd", "ubd", "mmcblk", "nvme", NULL
	};
	const char *dev = node_get(n, "target/@dev");
	const char *rest = dev;
	bool known = false;

	if (!dev || !*dev)
		return error_set(err, EINVAL, "line %ld: <disk> needs <target dev='...'/>: a name like vda, sda or hda",
				 node_line(n));
	for (int i = 0; prefixes[i] && !known; i++) {
		if (str_starts(rest, prefixes[i])) {
			rest += strlen(prefixes[i]);
			known = i > 0;
		}
	}
	if (!known || !*rest)
		return error_set(
			err, EINVAL,
			"line %ld: <disk>: target '%s' is no disk name: expected fd, hd, sd, vd, xvd or ubd and letters",
			node_line(n), dev);
	if (str_starts(dev, "mmcblk") || str_starts(dev, "nvme"))
		return 0;
	while (isalpha((unsigned char)*rest))
		rest++;
	if (isdigit((unsigned char)*rest) && !str_starts(dev, "ubd"))
		return error_set(err, EINVAL,
				 "line %ld: <disk>: target '%s' is a partition: give the whole disk's name",
				 node_line(n), dev);
	return 0;
}

/* Two disks of one name, or of one WWN, cannot be told apart. */
static int twin_check(const struct node *n, struct error *err)
{
	const char *dev = node_get(n, "target/@dev");
	const char *wwn = node_get(n, "wwn");
	const struct node *parent = node_parent(n);

	for (const struct node *o = node_child(parent, "disk"); o && o != n; o = node_next(o, "disk")) {
		if (str_eq(dev, node_get(o, "target/@dev")))
			return error_set(err, EINVAL, "line %ld: <disk>: target '%s' is already the disk of line %ld",
					 node_line(n), dev, node_line(o));
		if (wwn && str_eq(wwn, node_get(o, "wwn")))
			return error_set(err, EINVAL,
					 "line %ld: <disk>: wwn '%s' is already that of the disk of line %ld",
					 node_line(n), wwn, node_line(o));
	}
	return 0;
}

static int lun_check(const struct node *n, struct error *err)
{
	static const char *const needs_lun[] = { "@rawio", "@sgio", "source/reservations", NULL };
	const char *type = node_get_or(n, "@type", "file");
	const char *bus = node_get_or(n, "target/@bus", "scsi");

	if (!node_is(n, "@device", "lun")) {
		for (int i = 0; needs_lun[i]; i++)
			if (node_has(n, needs_lun[i]))
				return error_set(err, EINVAL, "line %ld: <disk>: %s is for device='lun'", node_line(n),
						 needs_lun[i]);
		return 0;
	}
	if (!str_eq(type, "block") && !str_eq(type, "volume") &&
	    !(str_eq(type, "network") && node_is(n, "source/@protocol", "iscsi")))
		return error_set(
			err, EINVAL,
			"line %ld: <disk device='lun'> needs type='block', 'volume', or 'network' with protocol='iscsi'",
			node_line(n));
	if (!str_eq(bus, "scsi") && !str_eq(bus, "virtio"))
		return error_set(err, EINVAL, "line %ld: <disk device='lun'> is not possible on bus '%s': use scsi",
				 node_line(n), bus);
	if (node_has(n, "vendor") || node_has(n, "product") || node_has(n, "wwn") || node_has(n, "serial"))
		return error_set(
			err, EINVAL,
			"line %ld: <disk device='lun'>: vendor, product, wwn and serial come from the device itself",
			node_line(n));
	return 0;
}

static bool only_on(const char *const *all, const char *bus)
{
	return !bus || word_index(all, bus) >= 0;
}

/* Properties that only some buses have. */
static int bus_check(const struct node *n, struct error *err)
{
	static const char *const scsi[] = { "scsi", NULL }, *const usb[] = { "usb", "scsi", NULL };
	static const char *const wwn[] = { "scsi", "ide", "sata", NULL }, *const virtio[] = { "virtio", NULL };
	static const char *const rotates[] = { "scsi", "ide", "sata", NULL };
	static const struct {
		const char *path;
		const char *const *buses;
	} rules[] = {
		{ "vendor", scsi },
		{ "product", scsi },
		{ "wwn", wwn },
		{ "target/@removable", usb },
		{ "target/@rotation_rate", rotates },
		{ "driver/@queues", virtio },
		{ "driver/@queue_size", virtio },
	};
	const char *bus = node_get(n, "target/@bus");

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (node_has(n, rules[i].path) && !only_on(rules[i].buses, bus)) {
			autofree char *words = words_joined(rules[i].buses);

			return error_set(err, EINVAL, "line %ld: <disk>: %s is not for bus '%s' but for: %s",
					 node_line(n), rules[i].path, bus, words);
		}
	}
	return 0;
}

/* Which kinds of address a bus has. */
static int address_check(const struct node *n, struct error *err)
{
	static const struct {
		const char *bus;
		const char *types[5];
	} fits[] = {
		{ "virtio", { "pci", "ccw", "virtio-mmio", "virtio-s390" } },
		{ "scsi", { "drive" } },
		{ "ide", { "drive" } },
		{ "sata", { "drive" } },
		{ "fdc", { "drive" } },
		{ "usb", { "usb" } },
	};
	const char *type = node_get(n, "address/@type");
	const char *bus = node_get(n, "target/@bus");

	for (size_t i = 0; type && bus && i < ARRAY_SIZE(fits); i++)
		if (str_eq(bus, fits[i].bus) && word_index(fits[i].types, type) < 0)
			return error_set(
				err, EINVAL,
				"line %ld: <disk>: address type '%s' does not fit bus '%s': expected type='%s'",
				node_line(node_child(n, "address")), type, bus, fits[i].types[0]);
	return 0;
}

static int secrets_check(const struct node *n, struct error *err)
{
	const char *format = node_get_or(n, "driver/@type", "raw");
	bool encrypted = node_has(n, "encryption") || node_has(n, "source/encryption");

	if (node_has(n, "auth") && node_has(n, "source/auth"))
		return error_set(err, EINVAL, "line %ld: <disk> has <auth> twice: in it and in its <source>",
				 node_line(n));
	if (node_has(n, "encryption") && node_has(n, "source/encryption"))
		return error_set(err, EINVAL, "line %ld: <disk> has <encryption> twice: in it and in its <source>",
				 node_line(n));
	if (encrypted && !str_eq(format, "raw") && !str_eq(format, "qcow2"))
		return error_set(err, EINVAL,
				 "line %ld: <disk>: encryption is possible for formats raw and qcow2, not '%s'",
				 node_line(n), format);
	return 0;
}

static int iotune_check(const struct node *n, struct error *err)
{
	static const char *const what[] = { "bytes", "iops", NULL }, *const tails[] = { "", "_max", "_max_length",
											NULL };

	for (int w = 0; what[w]; w++) {
		for (int t = 0; tails[t]; t++) {
			autofree char *total = xasprintf("iotune/total_%s_sec%s", what[w], tails[t]);
			autofree char *rd = xasprintf("iotune/read_%s_sec%s", what[w], tails[t]);
			autofree char *wr = xasprintf("iotune/write_%s_sec%s", what[w], tails[t]);

			if (t < 2 && node_u64(n, total, 0) && (node_u64(n, rd, 0) || node_u64(n, wr, 0)))
				return error_set(
					err, EINVAL,
					"line %ld: <disk>: %s and read or write of the same cannot both be limited",
					node_line(n), total);
		}
	}
	return 0;
}

static int disk_check(const struct node *n, struct error *err)
{
	static int (*const checks[])(const struct node *n, struct error *err) = {
		target_check, twin_check, lun_check, bus_check, address_check, secrets_check, iotune_check,
	};
	const char *type = node_get_or(n, "@type", "file");
	const char *device = node_get_or(n, "@device", "disk");

	for (size_t i = 0; i < ARRAY_SIZE(checks); i++)
		if (checks[i](n, err) < 0)
			return -EINVAL;
	if (node_is(n, "driver/@io", "native") && node_has(n, "driver/@cache") &&
	    !node_is(n, "driver/@cache", "none") && !node_is(n, "driver/@cache", "directsync"))
		return error_set(err, EINVAL, "line %ld: <disk>: io='native' needs cache='none' or 'directsync'",
				 node_line(n));
	if (str_eq(device, "floppy") && node_has(n, "target/@bus") && !node_is(n, "target/@bus", "fdc"))
		return error_set(err, EINVAL, "line %ld: <disk device='floppy'> must be on bus 'fdc', not '%s'",
				 node_line(n), node_get(n, "target/@bus"));
	if (node_has(n, "@snapshot") && node_is(n, "@snapshot", "external") && node_has(n, "readonly"))
		return error_set(err, EINVAL, "line %ld: <disk>: snapshot='external' is not possible with <readonly/>",
				 node_line(n));
	return source_check_type(n, type, err);
}

const struct schema disk_schema = {
	.element = "disk",
	.check = disk_check,
	.props =
		(const struct prop[]){
			{ "@type", T_ENUM, "type", source_types, "file", P_READONLY,
			  .doc = "kind of source; follows what is written to source" },
			{ "@device", T_ENUM, "device", devices, "disk", .doc = "what the guest sees" },
			{ "@model", T_ENUM, "model", virtio_models, "virtio",
			  .doc = "generation of the virtio device" },
			{ "@snapshot", T_ENUM, "snapshot", snapshots,
			  .doc = "how snapshots of the guest take this disk" },
			{ "@rawio", T_ENUM, "rawio", words_yes_no,
			  .doc = "the hypervisor may send raw SCSI commands (lun)" },
			{ "@sgio", T_ENUM, "sgio", sgio, .doc = "which SCSI commands the kernel lets through (lun)" },
			{ "target/@dev", T_STRING, .flags = P_REQUIRED,
			  .doc = "the disk's name, which is its directory's" },
			{ "target/@bus", T_ENUM, "bus", buses,
			  .doc = "how it is attached; follows the name when absent" },
			{ "target/@tray", T_ENUM, "tray", trays, "closed", .doc = "tray of a CD-ROM or floppy drive" },
			{ "target/@removable", T_ENUM, "removable", words_on_off,
			  .doc = "the guest sees a removable medium (usb, scsi)" },
			{ "target/@rotation_rate", T_U64, "rotation_rate", .min = 1, .max = 65534,
			  .doc = "turns per minute; 1: no moving parts" },
			{ "source", T_SUB, .sub = &source_schema, .doc = "where the bytes lie" },
			{ "backingStore", T_SUB, .sub = &backing_schema, .doc = "the image below this one" },
			{ "mirror", T_SUB, .sub = &mirror_schema, .flags = P_OUTPUT,
			  .doc = "where a running copy job writes" },
			{ "driver/@name", T_STRING, .dflt = "qemu", .doc = "which backend of the hypervisor" },
			{ "driver/@type", T_ENUM, "format", image_formats, "raw",
			  .doc = "format of the image; never guessed" },
			{ "driver/@cache", T_ENUM, "cache", caches, "default", .doc = "how the host caches" },
			{ "driver/@error_policy", T_ENUM, "error_policy", errors,
			  .doc = "what happens on a write error" },
			{ "driver/@rerror_policy", T_ENUM, "rerror_policy", read_errors,
			  .doc = "what happens on a read error" },
			{ "driver/@io", T_ENUM, "io", ios, .doc = "which system calls do the work" },
			{ "driver/@ioeventfd", T_ENUM, "ioeventfd", words_on_off,
			  .doc = "notify the device by an eventfd" },
			{ "driver/@event_idx", T_ENUM, "event_idx", words_on_off,
			  .doc = "fewer notifications by event index" },
			{ "driver/@copy_on_read", T_ENUM, "copy_on_read", copy_states, "off",
			  .doc = "keep what was read from the backing image" },
			{ "driver/@discard", T_ENUM, "discard", discards, .doc = "pass on what the guest frees" },
			{ "driver/@discard_no_unref", T_ENUM, "discard_no_unref", words_on_off,
			  .doc = "freed clusters of a qcow2 stay allocated" },
			{ "driver/@detect_zeroes", T_ENUM, "detect_zeroes", zeroes, .doc = "write zeroes as holes" },
			{ "driver/@iothread", T_U64, "iothread", .min = 1, .doc = "the I/O thread that serves it" },
			{ "driver/@queues", T_U64, "queues", .min = 1, .max = 65535, .doc = "virtqueues" },
			{ "driver/@queue_size", T_U64, "queue_size", .min = 2, .max = 1024,
			  .doc = "entries of a virtqueue, a power of two" },
			{ "driver/@iommu", T_ENUM, .words = words_on_off, .doc = "the device uses the guest's IOMMU" },
			{ "driver/@ats", T_ENUM, .words = words_on_off, .doc = "address translation services" },
			{ "driver/@packed", T_ENUM, .words = words_on_off, .doc = "packed virtqueues" },
			{ "driver/@page_per_vq", T_ENUM, .words = words_on_off,
			  .doc = "a page for each queue's notification" },
			{ "driver/metadata_cache/max_size", T_SIZE, "metadata_cache",
			  .doc = "memory for the qcow2 tables" },
			{ "driver/iothreads/iothread", T_LIST, .sub = &disk_iothread_schema,
			  .doc = "several I/O threads, by queue" },
			{ "auth", T_SUB, .sub = &auth_schema, .doc = "login at the server (older place)" },
			{ "encryption", T_SUB, .sub = &encryption_schema,
			  .doc = "how the image is encrypted (older place)" },
			{ "backenddomain/@name", T_STRING, .doc = "the domain that serves the disk (Xen)" },
			{ "readonly", T_FLAG, "readonly", .dflt = "0", .doc = "the guest cannot write" },
			{ "shareable", T_FLAG, "shareable", .dflt = "0",
			  .doc = "other guests may use the image at the same time" },
			{ "transient", T_FLAG, "transient", .dflt = "0",
			  .doc = "what the guest writes is lost when it ends" },
			{ "transient/@shareBacking", T_ENUM, .words = words_yes_no,
			  .doc = "several transient disks over one image" },
			{ "serial", T_STRING, "serial", .doc = "serial number that the guest sees" },
			{ "wwn", T_STRING, "wwn", .doc = "World Wide Name: 16 hexadecimal digits" },
			{ "vendor", T_STRING, "vendor", .doc = "SCSI vendor, up to 8 printable characters" },
			{ "product", T_STRING, "product", .doc = "SCSI product, up to 16 printable characters" },
			{ "boot/@order", T_U64, "boot", .min = 1, .max = 65535, .doc = "place in the boot order" },
			{ "boot/@loadparm", T_STRING, .doc = "boot parameter of s390 guests" },
			{ "geometry/@cyls", T_U64, .min = 1, .doc = "cylinders" },
			{ "geometry/@heads", T_U64, .min = 1, .doc = "heads" },
			{ "geometry/@secs", T_U64, .min = 1, .doc = "sectors of a track" },
			{ "geometry/@trans", T_ENUM, .words = translations, .doc = "BIOS translation" },
			{ "blockio/@logical_block_size", T_U64, "logical_block_size", .max = 32768,
			  .doc = "what the guest takes for a sector" },
			{ "blockio/@physical_block_size", T_U64, "physical_block_size", .max = 2097152,
			  .doc = "what the guest should align to" },
			{ "blockio/@discard_granularity", T_U64, "discard_granularity",
			  .doc = "smallest piece that can be freed" },
			{ "iotune/total_bytes_sec", T_U64, "limits/total_bytes", .flags = P_LIVE,
			  .doc = "bytes a second" },
			{ "iotune/read_bytes_sec", T_U64, "limits/read_bytes", .flags = P_LIVE,
			  .doc = "bytes read a second" },
			{ "iotune/write_bytes_sec", T_U64, "limits/write_bytes", .flags = P_LIVE,
			  .doc = "bytes written a second" },
			{ "iotune/total_iops_sec", T_U64, "limits/total_iops", .flags = P_LIVE,
			  .doc = "requests a second" },
			{ "iotune/read_iops_sec", T_U64, "limits/read_iops", .flags = P_LIVE, .doc = "reads a second" },
			{ "iotune/write_iops_sec", T_U64, "limits/write_iops", .flags = P_LIVE,
			  .doc = "writes a second" },
			{ "iotune/total_bytes_sec_max", T_U64, "limits/total_bytes_max", .flags = P_LIVE,
			  .doc = "burst of bytes" },
			{ "iotune/read_bytes_sec_max", T_U64, "limits/read_bytes_max", .flags = P_LIVE,
			  .doc = "burst of bytes read" },
			{ "iotune/write_bytes_sec_max", T_U64, "limits/write_bytes_max", .flags = P_LIVE,
			  .doc = "burst of bytes written" },
			{ "iotune/total_iops_sec_max", T_U64, "limits/total_iops_max", .flags = P_LIVE,
			  .doc = "burst of requests" },
			{ "iotune/read_iops_sec_max", T_U64, "limits/read_iops_max", .flags = P_LIVE,
			  .doc = "burst of reads" },
			{ "iotune/write_iops_sec_max", T_U64, "limits/write_iops_max", .flags = P_LIVE,
			  .doc = "burst of writes" },
			{ "iotune/total_bytes_sec_max_length", T_U64, "limits/total_bytes_max_length", .flags = P_LIVE,
			  .doc = "seconds of the burst" },
			{ "iotune/read_bytes_sec_max_length", T_U64, "limits/read_bytes_max_length", .flags = P_LIVE,
			  .doc = "seconds of the burst" },
			{ "iotune/write_bytes_sec_max_length", T_U64, "limits/write_bytes_max_length", .flags = P_LIVE,
			  .doc = "seconds of the burst" },
			{ "iotune/total_iops_sec_max_length", T_U64, "limits/total_iops_max_length", .flags = P_LIVE,
			  .doc = "seconds of the burst" },
			{ "iotune/read_iops_sec_max_length", T_U64, "limits/read_iops_max_length", .flags = P_LIVE,
			  .doc = "seconds of the burst" },
			{ "iotune/write_iops_sec_max_length", T_U64, "limits/write_iops_max_length", .flags = P_LIVE,
			  .doc = "seconds of the burst" },
			{ "iotune/size_iops_sec", T_U64, "limits/size_iops", .flags = P_LIVE,
			  .doc = "bytes that count as one request" },
			{ "iotune/group_name", T_STRING, "limits/group", .flags = P_LIVE,
			  .doc = "disks of one group share the limits" },
			{ "throttlefilters/throttlefilter", T_LIST, .sub = &throttle_filter_schema,
			  .doc = "throttle groups of the domain" },
			{ "alias", T_SUB, .sub = &alias_schema, .doc = "the device's id" },
			{ "acpi/@index", T_U64, .min = 1,
			  .doc = "ACPI index, which gives the device its name in the guest" },
			{ "address", T_SUB, .sub = &address_schema, .doc = "where it is plugged" },
			{ "diskSecretsPlacement", T_ANY, .flags = P_OUTPUT, .doc = "libvirt's own notes" },
			{ "privateData", T_ANY, .flags = P_OUTPUT, .doc = "libvirt's own notes" },
			{ 0 } },
};
