/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <memballoon>: how memory is taken back from a running guest, and how it tells what it uses. */
#include "device_rows.h"

static const char *const models[] = { "virtio", "virtio-transitional", "virtio-non-transitional", "xen", "none", NULL };

const struct schema balloon_schema = {
	.element = "memballoon",
	.props = (const struct prop[]){ { "@model", T_ENUM, "model", models, .flags = P_REQUIRED,
					  .doc = "none: the guest has no balloon" },
					{ "@autodeflate", T_ENUM, .words = words_on_off,
					  .doc = "give memory back before the guest's OOM killer runs" },
					{ "@freePageReporting", T_ENUM, .words = words_on_off,
					  .doc = "the guest tells which pages are free" },
					{ "stats/@period", T_U64, "stats_period", .flags = P_LIVE,
					  .doc = "seconds between two reports of the guest; 0: none" },
					VIRTIO_ROWS,
					DEVICE_ROWS,
					{ 0 } },
};
