/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DOMFS_QEMU_DRIVER_H
#define DOMFS_QEMU_DRIVER_H

#include "../../engine/driver.h"

extern const struct driver qemu_driver;

#endif
