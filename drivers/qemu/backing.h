/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DOMFS_QEMU_BACKING_H
#define DOMFS_QEMU_BACKING_H

#include "qemu.h"

/* Writes the backing chain that DISK's image records into DISK as <backingStore> elements, ended by an empty one, from where the
 * definition ends.  DISK must outlive the waits (a document of the caller's).  -EINVAL for an image that is not what
 * the definition says, for an unrecorded format, -ELOOP, and what opening a layer as the owner gives.  Task only. */
int qemu_fill_backing(struct domain *d, struct node *disk, struct error *err);

#endif
