/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The types of storage pools on this host: what is usable, what each can, and what could be a pool. */
#ifndef DOMFS_POOL_TYPES_H
#define DOMFS_POOL_TYPES_H

#include "pool_driver.h"

void pool_types_open(void); /* looks at all of them in the background */
void pool_types_close(void);
/* "usable", or "not usable: ..."; as last seen, and looked at again in the background when that is some seconds old.  Borrowed. */
const char *pool_type_state(const struct pool_driver *drv);
/* libvirt's storagepoolCapabilities. */
void pool_types_capabilities(struct buf *out);
/* "netfs HOST": a <sources> document, as libvirt's find-storage-pool-sources gives.  Task. */
int pool_types_discover(struct str text, struct buf *xml, struct error *err);

#endif
