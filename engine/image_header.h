/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the first bytes of an image say of it: for volumes, and for the chains of guests' disks. */
#ifndef DOMFS_IMAGE_HEADER_H
#define DOMFS_IMAGE_HEADER_H

#include "pool_driver.h"

#define IMAGE_HEAD (64u << 10) /* all that is looked at */

/* From the first bytes of an image (HEAD, at least 4 KiB where the file has them) and its size: format, capacity, backing, encryption, compat.  FORMAT: only
 * this one is believed ("raw": nothing is looked at); NULL: by magic.  Nothing in HEAD is trusted: what is out of range is -EBADMSG with the reason.
 * Does not wait. */
int image_header(struct str head, uint64_t size, const char *format, struct volume_info *info, struct error *err);
const char *image_driver(const char *format); /* what QEMU calls it: raw for iso, vpc for vhd */

#endif
