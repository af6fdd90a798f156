/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is on a block device before something is made on it.  Tasks. */
#ifndef DOMFS_SIGNATURE_H
#define DOMFS_SIGNATURE_H

#include "storage.h"

/* "ext4 (label 'root'), gpt" into OUT, nothing when the device is blank: by wipefs, which only reads and can be killed. */
int device_signatures(const char *device, struct buf *out, struct error *err);
/* Of wipefs's answer; does not wait. */
int signatures_parse(struct str json, struct buf *out, struct error *err);
/* Of all of them nothing is left that could be taken for what is made next. */
int device_wipe_signatures(const char *device, struct error *err);
/* -EBUSY when it is mounted, swapped on or part of something (RAID, LVM, device mapper); -ENOTBLK for what is no block device. */
int device_unused(struct pool *p, const char *device, struct error *err);

#endif
