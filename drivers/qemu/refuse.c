/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What can be defined, and shown as a command by `domfs check`, but not be started yet.  Each line here is a promise that another part
 * will make good; until then a start says so instead of running a guest that lacks what was asked for.
 */
#include "devices.h"
#include "domain.h"
#include "storage.h"

static int refuse(const struct node *n, struct error *err, const char *what)
{
	return error_set(err, ENOTSUP, "line %ld: <%s>: %s", node_line(n), node_name(n), what);
}

/* A <source>, a disk's or a backing image's, and what is below it. */
static int refuse_source(const struct node *disk, const struct node *image, struct error *err)
{
	static const struct {
		const char *path, *why;
	} all[] = {
		{ "source/@fdgroup", "descriptors of a group are not built yet: name the file" },
		{ "source/reservations", "persistent reservations are not built yet" },
		{ "source/identity/@keyfile", "ssh keys of a storage server are not built yet" },
		{ "source/knownHosts", "known hosts of an ssh storage server are not built yet" },
		{ "source/dataStore", "data files of qcow2 images are not built yet" },
		{ "dataStore", "data files of qcow2 images are not built yet" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (node_first(image, all[i].path) || (strchr(all[i].path, '@') && node_has(image, all[i].path)))
			return refuse(disk, err, all[i].why);
	if (node_yes(image, "source/@tls"))
		return refuse(disk, err, "encrypted connections to storage servers are not built yet");
	if (node_is(image, "@type", "dir"))
		return refuse(disk, err, "directories as disks are not built yet: QEMU would open the files by itself");
	if (node_is(image, "@type", "nvme"))
		return refuse(disk, err, "NVMe functions of the host are not built yet");
	return 0;
}

int qemu_disk_refusal(const struct node *disk, struct error *err)
{
	for (const struct node *image = disk; image; image = node_child(image, "backingStore")) {
		int r = refuse_source(disk, image, err);

		if (r < 0)
			return r;
	}
	if (node_has(disk, "transient"))
		return refuse(disk, err, "transient disks are not built yet: make an overlay image yourself");
	if (node_has(disk, "driver/iothreads"))
		return refuse(disk, err, "several I/O threads for one disk are not built yet");
	return 0;
}

static int refuse_hostdev(const struct node *n, struct error *err)
{
	return refuse(n, err, "host device assignment is not built yet");
}

static int refuse_filesystem(const struct node *n, struct error *err)
{
	if (node_is(n, "driver/@type", "virtiofs") && !node_has(n, "source/@socket"))
		return refuse(n, err,
			      "running virtiofsd is not built yet: run it yourself and give <source socket='...'/>");
	if (node_is(n, "driver/@type", "virtiofs"))
		return 0;
	return refuse(n, err, "9p shares are not built yet: QEMU would open the files by itself");
}

static int refuse_controller(const struct node *n, struct error *err)
{
	if (node_is(n, "@model", "ibmvscsi") || node_is(n, "@model", "ncr53c90") || node_is(n, "@model", "buslogic"))
		return refuse(n, err, "QEMU has no such SCSI controller for this machine: use model='virtio-scsi'");
	return 0;
}

static int refuse_interface(const struct node *n, struct error *err)
{
	return node_is(n, "@type", "hostdev") ? refuse(n, err, "host device assignment is not built yet") : 0;
}

static int refuse_memory(const struct node *n, struct error *err)
{
	if (node_has(n, "source/path"))
		return refuse(n, err,
			      "memory that lies in a file is not built yet: QEMU would open the file by itself");
	return 0;
}

static int refuse_shmem(const struct node *n, struct error *err)
{
	if (!node_is(n, "model/@type", "ivshmem-doorbell"))
		return refuse(n, err,
			      "memory shared through /dev/shm is not built yet: QEMU would open the file by itself");
	return 0;
}

static const struct {
	const char *element;
	int (*fn)(const struct node *n, struct error *err);
} checks[] = {
	{ "disk", qemu_disk_refusal },	     { "hostdev", refuse_hostdev },	{ "filesystem", refuse_filesystem },
	{ "controller", refuse_controller }, { "interface", refuse_interface }, { "memory", refuse_memory },
	{ "shmem", refuse_shmem },
};

int qemu_start_refusal(const struct node *domain, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		autofree char *path = xasprintf("devices/%s", checks[i].element);

		for (const struct node *n = node_first(domain, path); n; n = node_next(n, checks[i].element)) {
			int r = checks[i].fn(n, err);

			if (r < 0)
				return r;
		}
	}
	int r = qemu_devices_refusal(domain, err);

	return r < 0 ? r : qemu_tuning_refusal(domain, err);
}
