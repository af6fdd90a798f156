/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts that disks, their backing images, mirrors, NVRAM and host devices have in common. */
#ifndef DOMFS_SCHEMA_STORAGE_H
#define DOMFS_SCHEMA_STORAGE_H

#include "../schema.h"

extern const struct schema source_schema;	 /* <source> of a disk, backing image, mirror or NVRAM */
extern const struct schema source_host_schema;	 /* <host> of a network source */
extern const struct schema source_cookie_schema; /* <cookie> of an http source */
extern const struct schema source_slice_schema;	 /* <slice> of a source */
extern const struct schema seclabel_schema;	 /* <seclabel> of a source */
extern const struct schema auth_schema;		 /* <auth> of a disk or source */
extern const struct schema encryption_schema;	 /* <encryption> of a disk or source */
extern const struct schema encryption_secret_schema;
extern const struct schema backing_schema;    /* <backingStore>: the image below this one */
extern const struct schema mirror_schema;     /* <mirror>: where a running copy job writes */
extern const struct schema data_store_schema; /* <dataStore>: the raw data file of a qcow2 image */
extern const struct schema disk_iothread_schema, disk_iothread_queue_schema, throttle_filter_schema;
extern const struct schema fs_idmap_schema; /* <uid>, <gid> of a filesystem's <idmap> */
extern const struct schema hostdev_host_schema, hostdev_ip_schema, hostdev_route_schema;
extern const char *const image_formats[];
extern const char *const source_types[];

/* Of <target> of a pool or volume: are owner and group of its <permissions> numbers or -1? */
int permissions_check(const struct node *n, struct error *err);

/* Is there what @type says: type='file' has no source/@dev and so on?  N is a <disk>, <backingStore> or <mirror>. */
int source_check_type(const struct node *n, const char *type, struct error *err);

#endif
