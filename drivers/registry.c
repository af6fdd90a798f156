/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The drivers that are built in, in the order in which mkdir prefers them; each says by its probe whether it works here. */
#include "../engine/driver.h"
#include "../engine/pool_driver.h"

extern const struct driver test_driver, qemu_driver;

const struct driver *const drivers[] = {
	&test_driver, /* says that it is unusable unless a test asks for it */
#ifdef HAVE_QEMU
	&qemu_driver,
#endif
	NULL,
};

/* The types of storage pools. */
extern const struct pool_driver dir_pool, disk_pool, fs_pool, netfs_pool;
extern const struct pool_driver iscsi_direct_pool, iscsi_pool, mpath_pool, scsi_pool;
extern const struct pool_driver gluster_pool, logical_pool, rbd_pool, sheepdog_pool, vstorage_pool, zfs_pool;
const struct pool_driver *const pool_drivers[] = {
	&dir_pool,	    &disk_pool,	    &fs_pool,	    &gluster_pool, &iscsi_pool,
	&iscsi_direct_pool, &logical_pool,  &mpath_pool,    &netfs_pool,   &rbd_pool,
	&scsi_pool,	    &sheepdog_pool, &vstorage_pool, &zfs_pool,	   NULL,
};
