/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Addresses, aliases and boot orders: the same for every device, and taken by address*.c, complete.c and os.c. */
#include "devices.h"

#define CODE(p)                                                                                                        \
	{                                                                                                              \
		.path = p, .elsewhere = true                                                                           \
	}

static const struct qemu_row address_rows[] = {
	CODE("@type"),
	CODE("@domain"),
	CODE("@bus"),
	CODE("@slot"),
	CODE("@function"),
	CODE("@multifunction"),
	CODE("@controller"),
	CODE("@target"),
	CODE("@unit"),
	CODE("@port"),
	CODE("@device"),
	CODE("@iobase"),
	CODE("@irq"),
	CODE("@base"),
	CODE("@uuid"),
	CODE("@reg"),
	{ 0 },
};
static const struct qemu_row alias_rows[] = { CODE("@name"), { 0 } };
static const struct qemu_row boot_rows[] = { CODE("@order"), { 0 } };
static const struct qemu_row virtio_rows[] = {
	CODE("@iommu"), CODE("@ats"), CODE("@packed"), CODE("@page_per_vq"), { 0 }
};

const struct qemu_kind qemu_address_kind = { .schema = &address_schema, .rows = address_rows };
const struct qemu_kind qemu_alias_kind = { .schema = &alias_schema, .rows = alias_rows };
const struct qemu_kind qemu_boot_kind = { .schema = &boot_schema, .rows = boot_rows };
const struct qemu_kind qemu_virtio_kind = { .schema = &virtio_schema, .rows = virtio_rows };
