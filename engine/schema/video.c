/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <video>: graphics cards.  Sizes of video memory are plain KiB here, without a unit. */
#include "device_rows.h"

static const char *const models[] = { "vga",	"cirrus", "vmvga", "xen",   "vbox",  "qxl",
				      "virtio", "gop",	  "none",  "bochs", "ramfb", NULL };
static const char *const drivers[] = { "qemu", "vhostuser", NULL };
static const char *const vgaconfs[] = { "io", "on", "off", NULL };

static int video_check(const struct node *n, struct error *err)
{
	static const char *const qxl_only[] = { "model/@ram", "model/@vram64", NULL };
	const char *type = node_get(n, "model/@type");

	for (int i = 0; type && qxl_only[i]; i++)
		if (node_has(n, qxl_only[i]) && !str_eq(type, "qxl"))
			return error_set(err, EINVAL, "line %ld: <video>: %s is for model type='qxl', not '%s'",
					 node_line(n), qxl_only[i] + strlen("model/@"), type);
	if (node_first(n, "model/resolution") &&
	    (!node_u64(n, "model/resolution/@x", 0) || !node_u64(n, "model/resolution/@y", 0)))
		return error_set(err, EINVAL, "line %ld: <resolution> needs x='PIXELS' and y='PIXELS'",
				 node_line(node_first(n, "model/resolution")));
	if (str_eq(type, "none"))
		for (const struct node *o = node_child(node_parent(n), "video"); o; o = node_next(o, "video"))
			if (o != n)
				return error_set(
					err, EINVAL,
					"line %ld: <video>: model type='none' must be the only one: line %ld has another",
					node_line(n), node_line(o));
	if (str_eq(type, "none") && node_first(n, "address"))
		return error_set(err, EINVAL, "line %ld: <video>: model type='none' has no address", node_line(n));
	return 0;
}

const struct schema video_schema = {
	.element = "video",
	.check = video_check,
	.props =
		(const struct prop[]){
			{ "driver/@name", T_ENUM, .words = drivers,
			  .doc = "who draws: the hypervisor or a vhost-user process" },
			{ "driver/@vgaconf", T_ENUM, .words = vgaconfs, .doc = "VGA registers (bhyve)" },
			VIRTIO_ROWS,
			{ "model/@type", T_ENUM, "model", models, .doc = "what the guest sees" },
			{ "model/@ram", T_U64, .doc = "KiB of the first memory region (qxl)" },
			{ "model/@vram", T_U64, "vram", .doc = "KiB of video memory; of the second region (qxl)" },
			{ "model/@vram64", T_U64, .doc = "KiB that the second region may have in 64-bit space (qxl)" },
			{ "model/@vgamem", T_U64, .doc = "KiB of the VGA frame buffer (qxl)" },
			{ "model/@heads", T_U64, "heads", .min = 1, .max = 64, .doc = "screens" },
			{ "model/@primary", T_ENUM, .words = words_yes_no, .doc = "the card that the firmware uses" },
			{ "model/@blob", T_ENUM, .words = words_on_off,
			  .doc = "share frame buffers by descriptor (virtio)" },
			{ "model/@edid", T_ENUM, .words = words_on_off, .doc = "tell the guest of the screen" },
			{ "model/acceleration/@accel2d", T_ENUM, .words = words_yes_no, .doc = "2D acceleration" },
			{ "model/acceleration/@accel3d", T_ENUM, .words = words_yes_no, .doc = "3D acceleration" },
			{ "model/acceleration/@rendernode", T_STRING,
			  .doc = "device of the host that draws (vhostuser)" },
			{ "model/resolution/@x", T_U64, .min = 1, .doc = "width at the beginning" },
			{ "model/resolution/@y", T_U64, .min = 1, .doc = "height at the beginning" },
			DEVICE_ROWS,
			{ 0 } },
};
