/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <pstore>: memory in which a crashing guest leaves its last words. */
#include "device_rows.h"

static const char *const backends[] = { "acpi-erst", NULL };

const struct schema pstore_schema = {
	.element = "pstore",
	.props = (const struct prop[]){ { "@backend", T_ENUM, .words = backends, .flags = P_REQUIRED,
					  .doc = "acpi-erst" },
					{ "path", T_STRING, .doc = "file that keeps it" },
					{ "size", T_SIZE, "size", .doc = "its size" },
					DEVICE_ROWS,
					{ 0 } },
};
