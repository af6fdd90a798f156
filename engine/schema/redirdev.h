/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DOMFS_SCHEMA_REDIRDEV_H
#define DOMFS_SCHEMA_REDIRDEV_H

#include "../schema.h"

extern const struct schema redirfilter_usbdev_schema; /* <usbdev> of a <redirfilter> */

#endif
