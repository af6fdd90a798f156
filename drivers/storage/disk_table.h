/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A partition table as sfdisk tells of it, and where a new partition fits.  Nothing here waits. */
#ifndef DOMFS_DISK_TABLE_H
#define DOMFS_DISK_TABLE_H

#include "storage.h"

#define PART_ALIGN (1024 * 1024) /* bytes: where partitions begin, and what they are rounded up to */

struct partition {
	char *node;	      /* "/dev/sdb1" */
	unsigned number;      /* 1 */
	uint64_t start, size; /* sectors */
	const char *format;   /* "linux", "linux-swap", "none": what its type means as a volume's format */
};

struct table {
	char *label; /* "gpt" "dos" "sgi" "sun" */
	char *device;
	uint64_t sector, sectors; /* bytes of one; of the whole disk */
	uint64_t first, last;	  /* what partitions may use, in sectors, both inclusive */
	struct partition *parts;
	size_t n;
};

/* DISK_BYTES: the device's size. */
int table_parse(struct str json, uint64_t disk_bytes, struct table *out, struct error *err);
void table_clear(struct table *t);
#define autotable __attribute__((cleanup(table_clear)))

/* libvirt's word for a label ("dvh" for sgi), and sfdisk's for libvirt's ("msdos" is none of them); NULL: sfdisk knows no such. */
const char *label_to_libvirt(const char *label);
const char *label_of_libvirt(const char *format);

/* Where a volume may lie: COUNT free stretches, aligned, in sectors.  INSIDE: those for logical partitions in a dos table's extended one. */
struct stretch {
	uint64_t start, size;
};
struct stretch *table_free(const struct table *t, bool inside, size_t *count); /* the caller frees */

struct placing {
	unsigned number;
	uint64_t start, size; /* sectors */
	const char *type;     /* sfdisk's: "83", a GUID */
};
/* Where a partition NAME of BYTES and FORMAT is to be: in the smallest stretch that holds it.  The name says which kind it is; -EINVAL when it is
 * not that of the next one, saying which would be; -ENOSPC. */
int table_place(const struct table *t, const char *name, const char *format, uint64_t bytes, struct placing *out,
		struct error *err);
/* The partition that is called NAME; NULL. */
const struct partition *table_find(const struct table *t, const char *name);
/* May it go?  -EBUSY: an extended one that holds others, a logical one after which others would be renumbered. */
int table_removable(const struct table *t, const struct partition *part, struct error *err);
const char *partition_name(const struct partition *part); /* "sdb1": its node's last component */
bool partition_is_logical(const struct table *t, const struct partition *part);
const char *partition_type(const struct table *t, const char *format); /* sfdisk's code for it; NULL: it has none */
void table_usage(const struct table *t, struct pool_usage *out);

extern const char *const partition_formats[]; /* none linux fat16 fat32 linux-swap linux-lvm linux-raid extended */

#endif
