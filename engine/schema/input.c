/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <input>: keyboards, mice, tablets, and devices of the host handed through. */
#include "device_rows.h"

const char *const virtio_models[] = { "virtio", "virtio-transitional", "virtio-non-transitional", NULL };
static const char *const types[] = { "mouse", "tablet", "keyboard", "passthrough", "evdev", NULL };
static const char *const buses[] = { "ps2", "usb", "xen", "virtio", "parallels", "none", NULL };
static const char *const toggles[] = { "ctrl-ctrl",  "alt-alt",		"shift-shift", "meta-meta",
				       "scrolllock", "ctrl-scrolllock", NULL };

static int input_check(const struct node *n, struct error *err)
{
	const char *type = node_get(n, "@type"), *bus = node_get(n, "@bus");

	if (str_eq(type, "passthrough") && !node_has(n, "source/@evdev"))
		return error_set(err, EINVAL,
				 "line %ld: <input type='passthrough'> needs <source evdev='/dev/input/eventN'/>",
				 node_line(n));
	if (str_eq(type, "evdev") && !node_has(n, "source/@dev"))
		return error_set(err, EINVAL, "line %ld: <input type='evdev'> needs <source dev='/dev/input/eventN'/>",
				 node_line(n));
	if (!str_eq(type, "passthrough") && !str_eq(type, "evdev") && node_first(n, "source"))
		return error_set(err, EINVAL, "line %ld: <input type='%s'> has no <source>", node_line(n), type);
	if (str_eq(type, "passthrough") && bus && !str_eq(bus, "virtio"))
		return error_set(err, EINVAL,
				 "line %ld: <input type='passthrough'> is possible on bus='virtio', not '%s'",
				 node_line(n), bus);
	if (str_eq(type, "tablet") && str_eq(bus, "ps2"))
		return error_set(err, EINVAL,
				 "line %ld: <input type='tablet'> is not possible on bus='ps2': use usb or virtio",
				 node_line(n));
	if (str_eq(bus, "ps2") && node_first(n, "address"))
		return error_set(err, EINVAL, "line %ld: <input bus='ps2'> has no address", node_line(n));
	if (node_has(n, "@model") && !str_eq(bus, "virtio"))
		return error_set(err, EINVAL, "line %ld: <input>: model is for bus='virtio'", node_line(n));
	if (node_first(n, "driver") && !str_eq(bus, "virtio"))
		return error_set(err, EINVAL, "line %ld: <input>: <driver> is for bus='virtio'", node_line(n));
	return 0;
}

const struct schema input_schema = {
	.element = "input",
	.check = input_check,
	.props =
		(const struct prop[]){
			{ "@type", T_ENUM, "type", types, .flags = P_REQUIRED, .doc = "kind of device" },
			{ "@bus", T_ENUM, "bus", buses, .doc = "where it is plugged" },
			{ "@model", T_ENUM, .words = virtio_models, .doc = "generation of the virtio device" },
			{ "source/@evdev", T_STRING, .doc = "device of the host (passthrough)" },
			{ "source/@dev", T_STRING, .doc = "device of the host (evdev)" },
			{ "source/@grab", T_ENUM, .words = (const char *const[]){ "all", NULL },
			  .doc = "take all other evdev devices along" },
			{ "source/@grabToggle", T_ENUM, .words = toggles,
			  .doc = "keys that give it to the guest and back" },
			{ "source/@repeat", T_ENUM, .words = words_on_off, .doc = "repeat keys that are held" },
			VIRTIO_ROWS,
			DEVICE_ROWS,
			{ 0 } },
};
