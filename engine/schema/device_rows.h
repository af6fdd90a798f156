/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows that stand in many device elements themselves. */
#ifndef DOMFS_SCHEMA_DEVICE_ROWS_H
#define DOMFS_SCHEMA_DEVICE_ROWS_H

#include "../schema.h"

extern const char *const virtio_models[]; /* input.c */

#define DEVICE_ROWS                                                                                                    \
	{ "alias", T_SUB, .sub = &alias_schema, .doc = "the device's id" },                                            \
		{ "acpi/@index", T_U64, .min = 1, .doc = "ACPI index" },                                               \
	{                                                                                                              \
		"address", T_SUB, .sub = &address_schema, .doc = "where it is plugged"                                 \
	}

/* The virtio options of <driver>; for elements whose <driver> says more, too. */
#define VIRTIO_ROWS                                                                                                    \
	{ "driver/@iommu", T_ENUM, .words = words_on_off, .doc = "the device uses the guest's IOMMU" },                \
		{ "driver/@ats", T_ENUM, .words = words_on_off, .doc = "address translation services" },               \
		{ "driver/@packed", T_ENUM, .words = words_on_off, .doc = "packed virtqueues" },                       \
	{                                                                                                              \
		"driver/@page_per_vq", T_ENUM, .words = words_on_off, .doc = "a page for each queue's notification"    \
	}

#endif
