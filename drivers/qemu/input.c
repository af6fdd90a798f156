/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <input>: a PC's PS/2 devices are part of its machine; others are plugged; evdev gives the guest a device of the host. */
#include <fcntl.h>

#include "devices.h"

static const struct {
	const char *type, *usb, *virtio;
} inputs[] = {
	{ "mouse", "usb-mouse", "virtio-mouse" },
	{ "tablet", "usb-tablet", "virtio-tablet" },
	{ "keyboard", "usb-kbd", "virtio-keyboard" },
	{ "passthrough", NULL, "virtio-input-host" },
};

static const char *default_bus(const struct complete *c, const char *type)
{
	if (str_eq(type, "evdev"))
		return NULL;
	if (str_eq(type, "passthrough"))
		return "virtio";
	if (str_eq(type, "tablet"))
		return c->family == MACHINE_MICROVM ? "virtio" : "usb";
	return c->family == MACHINE_OTHER ? "usb" : c->family == MACHINE_MICROVM ? "virtio" : "ps2";
}

/* The device's QOM name; NULL for the machine's own and for what has none. */
static const char *driver_of(const struct plan *p, const struct node *dev)
{
	for (size_t i = 0; i < ARRAY_SIZE(inputs); i++) {
		if (!node_is(dev, "@type", inputs[i].type))
			continue;
		if (node_is(dev, "@bus", "usb"))
			return inputs[i].usb;
		return node_is(dev, "@bus", "virtio") ? qemu_virtio_name(p, inputs[i].virtio, dev) : NULL;
	}
	return NULL;
}

static int complete(struct complete *c, struct node *dev, struct error *err)
{
	struct plan p = { .domain = c->domain };
	const char *type = node_get(dev, "@type");
	const struct node *usb = node_first(c->domain, "devices/controller");

	if (!node_has(dev, "@bus") && default_bus(c, type))
		node_set(dev, "@bus", default_bus(c, type));
	if (node_is(dev, "@bus", "ps2") && (c->family == MACHINE_OTHER || c->family == MACHINE_MICROVM))
		return error_set(err, ENOTSUP,
				 "line %ld: <input bus='ps2'>: the machine %s has no PS/2: use usb or virtio",
				 node_line(dev), c->machine);
	for (; usb && node_is(dev, "@bus", "usb"); usb = node_next(usb, "controller"))
		if (node_is(usb, "@type", "usb") && node_is(usb, "@model", "none"))
			return error_set(err, ENOTSUP,
					 "line %ld: <input bus='usb'>: line %ld turns USB off (model='none')",
					 node_line(dev), node_line(usb));
	return driver_of(&p, dev) ? qemu_need(c, dev, driver_of(&p, dev), err) : 0;
}

static const struct address_want *address(struct complete *c, const struct node *dev)
{
	if (node_is(dev, "@bus", "usb"))
		return qemu_want_usb();
	return node_is(dev, "@bus", "virtio") ? qemu_want_virtio(c, node_get(dev, "@model")) : NULL;
}

static int plan_evdev(struct plan *p, const struct node *dev)
{
	json_t *o = json_object();

	props_str(o, "qom-type", "input-linux");
	props_str(o, "id", qemu_alias(dev));
	props_str(o, "evdev",
		  plan_file(p, FILE_FDSET, node_get_or(dev, "source/@dev", ""), O_RDWR | O_NONBLOCK, "input '%s'",
			    qemu_alias(dev)));
	props_onoff(o, "repeat", node_get(dev, "source/@repeat"));
	if (node_is(dev, "source/@grab", "all"))
		props_bool(o, "grab_all", true);
	props_str(o, "grab-toggle", node_get(dev, "source/@grabToggle"));
	plan_item(p, ITEM_OBJECT, o);
	return 0;
}

static int plan(struct plan *p, const struct node *dev, struct error *err)
{
	const char *driver = driver_of(p, dev);
	json_t *props;
	int r;

	if (node_is(dev, "@type", "evdev"))
		return plan_evdev(p, dev);
	if (node_is(dev, "@bus", "ps2")) /* the machine's own */
		return 0;
	if (!driver)
		return error_set(err, ENOTSUP, "line %ld: <input type='%s'> is not possible on bus '%s'",
				 node_line(dev), node_get_or(dev, "@type", ""), node_get_or(dev, "@bus", ""));
	r = qemu_device_props(p, &qemu_input_kind, dev, driver, &props, err);
	if (r < 0)
		return r;
	if (node_is(dev, "@type", "passthrough"))
		props_str(props, "evdev",
			  plan_file(p, FILE_FDSET, node_get_or(dev, "source/@evdev", ""), O_RDWR, "input '%s'",
				    qemu_alias(dev)));
	plan_item(p, ITEM_DEVICE, props);
	return 0;
}

static const char *const buses[] = { "ps2", "usb", "virtio", NULL };
static const struct qemu_row rows[] = {
	E("@type"),
	{ "@bus", .elsewhere = true, .only = buses },
	E("@model"),
	E("source/@evdev"),
	E("source/@dev"),
	E("source/@grab"),
	E("source/@grabToggle"),
	E("source/@repeat"),
	QEMU_VIRTIO_ROWS,
	QEMU_DEVICE_ROWS,
	{ 0 },
};
const struct qemu_kind qemu_input_kind = {
	.schema = &input_schema,
	.rows = rows,
	.device = "input",
	.alias = "input",
	.complete = complete,
	.address = address,
	.plan = plan,
};
