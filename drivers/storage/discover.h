/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sources of pools that could be: parsers of what programs say, each adding <source> elements to SOURCES.  They do not wait. */
#ifndef DOMFS_DISCOVER_H
#define DOMFS_DISCOVER_H

#include "mounting.h"

void nfs_exports_parse(struct str text, const char *host, struct node *sources); /* showmount --no-headers -e */
int gluster_volumes_parse(struct str text, const char *host, struct node *sources, struct error *err);
int netfs_discover(struct str spec, struct buf *xml, struct error *err);	  /* task */
int disk_devices_parse(struct str json, struct node *sources, struct error *err); /* lsblk --json */
int disk_discover(struct str spec, struct buf *xml, struct error *err);		  /* task */

#endif
