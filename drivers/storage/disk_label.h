/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading and writing a disk's partition table: sfdisk, which can be killed and parses what a guest may have written outside of us.  Tasks. */
#ifndef DOMFS_DISK_LABEL_H
#define DOMFS_DISK_LABEL_H

#include "disk_table.h"

struct disk {
	char *device; /* "/dev/sdb": the kernel's own name, whatever link the definition names */
	uint64_t bytes;
};
void disk_clear(struct disk *d);
#define autodisk __attribute__((cleanup(disk_clear)))

/* The whole disk that PATH leads to. */
int disk_open(struct pool *p, const char *path, struct disk *out, struct error *err);
/* Its table; -ENODATA when it has none, saying what is there instead. */
int disk_read(struct pool *p, const struct disk *d, struct table *out, struct error *err);
int disk_make_label(const struct disk *d, const char *label, struct error *err);
int disk_add(struct pool *p, const struct disk *d, const struct placing *at, const char *node, struct error *err);
int disk_delete(struct pool *p, const struct disk *d, const struct partition *part, struct error *err);
/* Tells the kernel of the partitions that it does not know yet (a table written by others while the disk was in use). */
int disk_tell(struct pool *p, const struct disk *d, const struct table *t, struct error *err);

#endif
