/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kinds of storage, controllers and assigned devices, and their parts that have schemas of their own; kinds.c lists them all. */
#ifndef DOMFS_QEMU_STORAGE_H
#define DOMFS_QEMU_STORAGE_H

#include "qemu.h"

extern const struct qemu_kind qemu_disk_kind, qemu_controller_kind, qemu_hostdev_kind, qemu_filesystem_kind,
	qemu_memdev_kind, qemu_shmem_kind, qemu_iommu_kind, qemu_crypto_kind;
/* storage_kinds.c */
extern const struct qemu_kind qemu_source_kind, qemu_source_host_kind, qemu_source_cookie_kind, qemu_source_slice_kind,
	qemu_seclabel_kind, qemu_auth_kind, qemu_encryption_kind, qemu_encryption_secret_kind, qemu_backing_kind,
	qemu_mirror_kind, qemu_disk_iothread_kind, qemu_disk_iothread_queue_kind, qemu_fs_idmap_kind,
	qemu_hostdev_host_kind;

/* What can be defined and planned but not be started yet: secrets, assigned host devices, shared directories ...  -ENOTSUP names the element
 * and line.  (refuse.c) */
int qemu_start_refusal(const struct node *domain, struct error *err);
int qemu_disk_refusal(const struct node *disk, struct error *err); /* the same of one disk */

#endif
