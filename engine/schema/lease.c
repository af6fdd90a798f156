/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <lease>: a lock that must be held while the guest runs. */
#include "../schema.h"

const struct schema lease_schema = {
	.element = "lease",
	.props = (const struct prop[]){ { "lockspace", T_STRING, .doc = "name of the lock space" },
					{ "key", T_STRING, .flags = P_REQUIRED, .doc = "name of the lock in it" },
					{ "target/@path", T_STRING, .flags = P_REQUIRED,
					  .doc = "file or device with the lock space" },
					{ "target/@offset", T_U64, .doc = "where the lock lies in it" },
					{ 0 } },
};
