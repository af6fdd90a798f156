/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <nvram> below <devices>: the NVRAM chip of pseries guests (the firmware's variables of x86 are in <os>). */
#include "../schema.h"

const struct schema nvram_schema = {
	.element = "nvram",
	.props = (const struct prop[]){ { "alias", T_SUB, .sub = &alias_schema, .doc = "the device's id" },
					{ "acpi/@index", T_U64, .min = 1, .doc = "ACPI index" },
					{ "address", T_SUB, .sub = &address_schema, .doc = "where it is plugged" },
					{ 0 } },
};
