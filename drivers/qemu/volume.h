/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Disks as they are opened.  Where a definition names a volume of a pool, what that was when the guest got it is kept beside the live
 * document, which goes on to say "volume": a pool that stops or changes later does not change what the guest has.
 */
#ifndef DOMFS_QEMU_VOLUME_H
#define DOMFS_QEMU_VOLUME_H

#include "qemu.h"

/* What is looked up before DISK can be planned: its volume, and the backing chain of an image that records one, which is written into DISK.
 * *OPENED: DISK as it is to be opened when that is not DISK itself, else NULL.  DISK must outlive the waits.  Task only. */
must_check int qemu_disk_prepare(struct domain *d, struct node *disk, struct doc **opened, struct error *err);
/* From now on DISK is what OPENED says (NULL: what DISK itself says). */
void qemu_disk_keep(struct domain *d, const struct node *disk, const struct doc *opened);
/* What was kept for DISK, or NULL; the caller frees. */
struct doc *qemu_disk_opened(struct domain *d, const struct node *disk);
/* The running guest's document with all of its disks as they are opened; NULL when it says all itself. */
struct doc *qemu_live_opened(struct domain *d);

#endif
