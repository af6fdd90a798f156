/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <panic>: by which the guest tells that it crashed. */
#include "device_rows.h"

static const char *const models[] = { "isa", "pseries", "hyperv", "s390", "pvpanic", NULL };

const struct schema panic_schema = {
	.element = "panic",
	.props = (const struct prop[]){ { "@model", T_ENUM, "model", models, .doc = "what the guest sees" },
					DEVICE_ROWS,
					{ 0 } },
};
