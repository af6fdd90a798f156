/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Drives: controller, bus, target and unit of disks on SCSI, SATA, IDE and floppy controllers, which follow from the target's name (sdb is
 * unit 1), and of SCSI host devices, which take what is free.
 */
#include "address.h"

struct drive_at {
	unsigned controller, bus, target, unit;
};

/* How many there are of each on the controllers of a disk bus. */
static const struct drive_bus {
	const char *name;
	unsigned buses, targets, units; /* counts */
} drive_buses[] = {
	{ "ide", 2, 1, 2 },
	{ "sata", 1, 1, 6 },
	{ "fdc", 1, 1, 2 },
	{ "scsi", 1, 256, 16384 },
};

static const struct drive_bus *bus_of(const struct node *dev)
{
	const char *bus = str_eq(node_name(dev), "disk") ? node_get_or(dev, "target/@bus", "") : "scsi";

	if (str_eq(node_name(dev), "hostdev") && !node_is(dev, "@type", "scsi"))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(drive_buses); i++)
		if (str_eq(drive_buses[i].name, bus))
			return &drive_buses[i];
	return NULL;
}

static bool read_drive(const struct node *dev, struct drive_at *at)
{
	if (!node_is(dev, "address/@type", "drive"))
		return false;
	*at = (struct drive_at){ node_u64(dev, "address/@controller", 0), node_u64(dev, "address/@bus", 0),
				 node_u64(dev, "address/@target", 0), node_u64(dev, "address/@unit", 0) };
	return true;
}

static void write_drive(struct node *dev, const struct drive_at *at)
{
	node_set(dev, "address/@type", "drive");
	node_setf(dev, "address/@controller", "%u", at->controller);
	node_setf(dev, "address/@bus", "%u", at->bus);
	node_setf(dev, "address/@target", "%u", at->target);
	node_setf(dev, "address/@unit", "%u", at->unit);
}

/* Who else sits at AT of BUS. */
static const struct node *holder_of(const struct complete *c, const struct drive_bus *bus, const struct drive_at *at,
				    const struct node *but)
{
	static const char *const elements[] = { "disk", "hostdev", NULL };

	for (int i = 0; elements[i]; i++) {
		autofree char *path = xasprintf("devices/%s", elements[i]);

		for (const struct node *n = node_first(c->domain, path); n; n = node_next(n, elements[i])) {
			struct drive_at o;

			if (n != but && bus_of(n) == bus && read_drive(n, &o) && !memcmp(&o, at, sizeof(o)))
				return n;
		}
	}
	return NULL;
}

/* ---- checks ---- */

static int check_scsi(const struct complete *c, const struct drive_at *at, const char *words, struct error *err)
{
	const struct node *ctl = qemu_controller(c->domain, "scsi", at->controller);
	const char *model = ctl ? node_get_or(ctl, "@model", "") : "";

	if (at->bus)
		return error_set(err, EINVAL, "%s: SCSI controllers have one bus: bus must be 0, not %u", words,
				 at->bus);
	if (!scsi_is_narrow(model))
		return 0;
	if (at->target)
		return error_set(err, EINVAL, "%s: the %s controller has one target: target must be 0, not %u", words,
				 model, at->target);
	if (at->unit > 7)
		return error_set(err, EINVAL, "%s: the %s controller has units 0 to 7, not %u: use model='virtio-scsi'",
				 words, model, at->unit);
	return 0;
}

static int check_drive(const struct complete *c, const struct node *dev, struct error *err)
{
	const struct drive_bus *bus = bus_of(dev);
	autofree char *words = device_words(dev);
	const struct node *holder;
	struct drive_at at;

	if (!bus || !read_drive(dev, &at))
		return 0;
	if (str_eq(bus->name, "scsi") && check_scsi(c, &at, words, err) < 0)
		return -EINVAL;
	if (at.bus >= bus->buses || at.target >= bus->targets)
		return error_set(err, EINVAL,
				 "%s: %s controllers have buses 0 to %u and targets 0 to %u, not bus %u target %u",
				 words, bus->name, bus->buses - 1, bus->targets - 1, at.bus, at.target);
	holder = holder_of(c, bus, &at, dev);
	if (!holder)
		return 0;
	autofree char *by = device_words(holder);
	return error_set(err, EINVAL, "%s: drive address controller %u bus %u target %u unit %u is in use by %s", words,
			 at.controller, at.bus, at.target, at.unit, by);
}

/* ---- giving ---- */

static int give_disk(struct complete *c, struct node *disk, const struct drive_bus *bus, struct error *err)
{
	const char *target = node_get_or(disk, "target/@dev", "");
	autofree char *words = device_words(disk);
	int index = disk_index(target);
	struct drive_at at = { 0 };
	const struct node *holder;

	if (index < 0)
		return error_set(err, EINVAL,
				 "%s: the target '%s' says no place: use sda, hda and so on, or give it an <address>",
				 words, target);
	if (str_eq(bus->name, "scsi"))
		at = (struct drive_at){ .controller = index / 7, .unit = index % 7 };
	else if (str_eq(bus->name, "ide"))
		at = (struct drive_at){ .controller = index / 4, .bus = index % 4 / 2, .unit = index % 2 };
	else
		at = (struct drive_at){ .controller = index / bus->units, .unit = index % bus->units };
	holder = holder_of(c, bus, &at, disk);
	if (holder) {
		autofree char *by = device_words(holder);

		return error_set(
			err, EINVAL,
			"%s: the target's name stands for controller %u unit %u, which %s has: give it an <address>",
			words, at.controller, at.unit, by);
	}
	write_drive(disk, &at);
	return 0;
}

/* A SCSI host device takes the first free unit. */
static int give_hostdev(struct complete *c, struct node *dev, const struct drive_bus *bus, struct error *err)
{
	for (unsigned controller = 0; controller < 64; controller++) {
		for (unsigned unit = 0; unit < 7; unit++) {
			struct drive_at at = { .controller = controller, .unit = unit };

			if (holder_of(c, bus, &at, dev))
				continue;
			write_drive(dev, &at);
			return 0;
		}
	}
	return error_set(err, ENOSPC, "line %ld: <hostdev>: no SCSI unit is free", node_line(dev));
}

static int check_all(struct complete *c, const char *element, struct error *err)
{
	autofree char *path = xasprintf("devices/%s", element);

	for (struct node *n = node_first(c->domain, path); n; n = node_next(n, element)) {
		struct drive_at at;

		if (check_drive(c, n, err) < 0)
			return -EINVAL;
		if (bus_of(n) && read_drive(n, &at))
			write_drive(n, &at); /* with the parts that it leaves out */
	}
	return 0;
}

int qemu_assign_drives(struct complete *c, struct error *err)
{
	int r = 0;

	for (struct node *n = node_first(c->domain, "devices/disk"); n && r == 0; n = node_next(n, "disk"))
		if (bus_of(n) && !node_has(n, "address/@type"))
			r = give_disk(c, n, bus_of(n), err);
	for (struct node *n = node_first(c->domain, "devices/hostdev"); n && r == 0; n = node_next(n, "hostdev"))
		if (bus_of(n) && !node_has(n, "address/@type"))
			r = give_hostdev(c, n, bus_of(n), err);
	return r;
}

int qemu_check_drives(struct complete *c, struct error *err)
{
	int r = check_all(c, "disk", err);

	return r < 0 ? r : check_all(c, "hostdev", err);
}
