/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <hub>: more USB ports. */
#include "device_rows.h"

static const char *const types[] = { "usb", NULL };

const struct schema hub_schema = {
	.element = "hub",
	.props = (const struct prop[]){ { "@type", T_ENUM, "type", types, .flags = P_REQUIRED, .doc = "usb" },
					DEVICE_ROWS,
					{ 0 } },
};
