/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What disks offer to the rest of the driver. */
#ifndef DOMFS_QEMU_DISK_H
#define DOMFS_QEMU_DISK_H

#include "qemu.h"

/* Block nodes of DISK's chain, from the lowest layer to the top, by the names "disk-vda-storage", "disk-vda-format", "disk-vda-1-format"
 * (the first backing image), "disk-vda-cor".  *TOP is the node that the device opens, or NULL for an empty drive; the caller frees. */
int disk_plan_blockdevs(struct plan *p, const struct node *disk, char **top, struct error *err);
/* The storage node of a <source> of TYPE: everything but node-name, read-only, cache.  Secrets that it needs are planned as ID-auth and
 * ID-cookie.  NULL and *ERR; the caller owns it. */
json_t *blockdev_of_source(struct plan *p, const struct node *source, const char *type, int flags, const char *id,
			   const char *what, struct error *err);
/* What an image on a server is claimed by: "rbd:POOL/IMAGE".  The caller frees. */
char *source_key(const struct node *source);
/* 0 when the disk has no place in the boot order, of its own or by <os><boot>. */
unsigned disk_boot_index(const struct node *domain, const struct node *disk);
bool disk_is_readonly(const struct node *disk);
bool disk_has_source(const struct node *disk);

struct domain;
/* Limits (<iotune>) of DISK in the running guest.  Called after its device is there, before the vCPUs run.  Task only. */
must_check int qemu_disk_throttle(struct domain *d, const struct node *disk, struct error *err);
must_check int qemu_disks_after_start(struct domain *d, struct error *err); /* all of them */
/* The medium of drive DISK becomes what MEDIUM (an element like it) says, or none.  Task only. */
must_check int qemu_disk_medium(struct domain *d, const struct node *disk, struct node *medium, struct error *err);

/* The kind's set slot (disk_live.c). */
int qemu_disk_set(struct domain *d, struct node *disk, const struct prop *row, struct str text, struct error *err);

#endif
