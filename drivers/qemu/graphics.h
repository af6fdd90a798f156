/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DOMFS_QEMU_GRAPHICS_H
#define DOMFS_QEMU_GRAPHICS_H

#include "qemu.h"

/* What a start decides: gives GRAPHICS with autoport a port that is free now, and writes it there (the live document). */
int qemu_graphics_prepare(struct node *graphics, struct error *err);
/* Passwords and their ends, through the monitor.  Task only. */
int qemu_graphics_after_start(struct domain *d, struct error *err);

#endif
