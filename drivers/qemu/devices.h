/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The kinds of devices that are not storage: network cards, character devices, screens and what belongs to them, and the
 * small ones.  kinds.c lists them all; the steps around a start are called by complete.c, launch.c and hotplug.c.
 */
#ifndef DOMFS_QEMU_DEVICES_H
#define DOMFS_QEMU_DEVICES_H

#include "qemu.h"

extern const struct qemu_kind qemu_interface_kind, qemu_serial_kind, qemu_parallel_kind, qemu_console_kind,
	qemu_channel_kind, qemu_graphics_kind, qemu_video_kind, qemu_input_kind, qemu_rng_kind, qemu_memballoon_kind,
	qemu_watchdog_kind, qemu_sound_kind, qemu_audio_kind, qemu_tpm_kind, qemu_panic_kind, qemu_vsock_kind,
	qemu_redirdev_kind, qemu_redirfilter_kind, qemu_smartcard_kind, qemu_hub_kind, qemu_pstore_kind;
/* Their parts that have schemas of their own; they belong into qemu_kinds as well. */
extern const struct qemu_kind qemu_nic_ip_kind, qemu_nic_route_kind, qemu_nic_tag_kind, qemu_nic_parameter_kind,
	qemu_nic_range_kind, qemu_nic_forward_kind, qemu_chardev_source_kind, qemu_graphics_listen_kind,
	qemu_graphics_channel_kind, qemu_rng_backend_kind, qemu_sound_codec_kind, qemu_audio_stream_kind,
	qemu_redirfilter_usbdev_kind, qemu_smartcard_certificate_kind;

/* Devices that libvirt adds although a definition does not name them: PS/2 mouse and keyboard, a video card for graphics, the balloon,
 * an <audio>, the <console> of the first <serial>.  Before any kind's .complete and before controllers and addresses. */
int qemu_add_implicit_devices(struct complete *c, struct error *err);

/* What the running guest is told before its vCPUs run, since no command line can: passwords, links that are down, the balloon's
 * reports.  Task only. */
int qemu_devices_after_start(struct domain *d, struct error *err);

/* Of refuse.c: what of these devices cannot be started yet. */
int qemu_devices_refusal(const struct node *domain, struct error *err);

/* ---- for the kinds themselves ---- */

/* The rows of <driver iommu= ats= packed= page_per_vq=> and of alias, acpi and address. */
#define QEMU_VIRTIO_ROWS                                                                                               \
	{ "driver/@iommu", .arg = "iommu_platform" }, { "driver/@ats", .arg = "ats" },                                 \
		{ "driver/@packed", .arg = "packed" },                                                                 \
	{                                                                                                              \
		"driver/@page_per_vq", .arg = "page-per-vq"                                                            \
	}
#define QEMU_DEVICE_ROWS                                                                                               \
	{                                                                                                              \
		"acpi/@index", .arg = "acpi-index"                                                                     \
	}

/* {"driver": DRIVER} with DEV's rows, id and address: what -device takes. */
int qemu_device_props(struct plan *p, const struct qemu_kind *kind, const struct node *dev, const char *driver,
		      json_t **props, struct error *err);
/* PROPS, which it takes, with DEV's address become a device of P.  R: of what was done before; a negative one is returned. */
int qemu_plan_props(struct plan *p, const struct node *dev, json_t *props, int r, struct error *err);
/* Refuses DRIVER when this QEMU lacks it. */
int qemu_need(const struct complete *c, const struct node *dev, const char *driver, struct error *err);
/* How many elements called like DEV stand before it. */
unsigned qemu_position(const struct node *dev);
/* "audio1": the audiodev that a device plays through; NULL when the definition has none.  Caller frees. */
char *qemu_audiodev(const struct plan *p, const struct node *dev);
/* A virtio device wants a place on PCI, express where there is one, or none (microvm: mmio). */
const struct address_want *qemu_want_virtio(const struct complete *c, const char *model);
const struct address_want *qemu_want_pci(void);
const struct address_want *qemu_want_usb(void);

/* Character devices (chardev.c). */
void qemu_complete_chardev(struct node *dev);
/* The unix socket of a chardev or vhost-user NIC: sets "addr" and, listening, "server" of DATA, a ChardevSocket.  OURS: in the guest's own
 * directory.  WHAT is for messages. */
void qemu_plan_socket(struct plan *p, json_t *data, const char *path, bool bind, bool ours, const char *what);
/* Takes DATA: ITEM_CHARDEV with id "char" and ALIAS. */
void qemu_plan_backend(struct plan *p, const char *alias, const char *type, json_t *data);
/* Where a channel without a path listens.  Caller frees. */
char *qemu_channel_path(const char *run_dir, const struct node *channel);
#define QEMU_CHARDEV_ROWS                                                                                              \
	{ "@type", .elsewhere = true }, { "protocol/@type", .elsewhere = true }, { "log/@file", .elsewhere = true },   \
	{                                                                                                              \
		"log/@append", .elsewhere = true                                                                       \
	}

/* -netdev of a NIC (netdev.c). */
int qemu_plan_netdev(struct plan *p, const struct node *dev, struct error *err);

#endif
