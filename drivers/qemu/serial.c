/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * <serial>, <parallel>, <console>.  The first console may be nothing but another name of the first serial port: then it has no device of its own
 * (implicit.c makes the two agree).
 */
#include "../../engine/schema/chardev.h"
#include "devices.h"

static const char *const protocols[] = { "raw", "telnet", NULL };
static const char *const types[] = { "pty", "null", "vc",	"dev",	     "file",	     "pipe", "stdio", "udp",
				     "tcp", "unix", "spicevmc", "spiceport", "qemu-vdagent", "dbus", NULL };
static const char *const serial_targets[] = { "isa-serial", "usb-serial", "pci-serial", "isa-debug", NULL };
static const char *const console_targets[] = { "serial", "virtio", NULL };

#define CHARDEV                                                                                                        \
	{ "@type", .elsewhere = true, .only = types }, { "protocol/@type", .elsewhere = true, .only = protocols },     \
		{ "log/@file", .elsewhere = true },                                                                    \
	{                                                                                                              \
		"log/@append", .elsewhere = true                                                                       \
	}

/* Ports are numbered from the highest that is written down. */
static void complete_port(struct node *dev)
{
	int64_t highest = -1;

	if (node_has(dev, "target/@port"))
		return;
	for (struct node *o = node_child(node_parent(dev), node_name(dev)); o; o = node_next(o, node_name(dev)))
		if (node_has(o, "target/@port") && (int64_t)node_u64(o, "target/@port", 0) > highest)
			highest = node_u64(o, "target/@port", 0);
	node_setf(dev, "target/@port", "%lld", (long long)highest + 1);
}

/* ---- serial ---- */

static const struct {
	const char *target, *model, *address; /* the address type by which a target is recognized */
} serials[] = {
	{ "isa-serial", "isa-serial", "isa" },
	{ "pci-serial", "pci-serial", "pci" },
	{ "usb-serial", "usb-serial", "usb" },
	{ "isa-debug", "isa-debugcon", NULL },
};

static int complete_serial(struct complete *c, struct node *dev, struct error *err)
{
	const char *address = node_get(dev, "address/@type");
	const char *target;

	qemu_complete_chardev(dev);
	for (size_t i = 0; !node_has(dev, "target/@type") && i < ARRAY_SIZE(serials); i++)
		if (address && str_eq(serials[i].address, address))
			node_set(dev, "target/@type", serials[i].target);
	if (!node_has(dev, "target/@type"))
		node_set(dev, "target/@type", "isa-serial");
	complete_port(dev);
	target = node_get(dev, "target/@type");
	for (size_t i = 0; i < ARRAY_SIZE(serials); i++) {
		if (!str_eq(serials[i].target, target))
			continue;
		if (!node_has(dev, "target/model/@name"))
			node_set(dev, "target/model/@name", serials[i].model);
		return qemu_need(c, dev, serials[i].model, err);
	}
	return 0; /* another target: map.c has refused it */
}

static const struct address_want *serial_address(struct complete *c unused, const struct node *dev)
{
	if (node_is(dev, "target/@type", "pci-serial"))
		return qemu_want_pci();
	return node_is(dev, "target/@type", "usb-serial") ? qemu_want_usb() : NULL;
}

static int plan_serial(struct plan *p, const struct node *dev, struct error *err)
{
	json_t *props;
	int r = qemu_plan_chardev(p, dev, qemu_alias(dev), err);

	if (r == 0)
		r = qemu_device_props(p, &qemu_serial_kind, dev, node_get(dev, "target/model/@name"), &props, err);
	if (r < 0)
		return r;
	props_strf(props, "chardev", "char%s", qemu_alias(dev));
	if (node_is(dev, "target/@type", "isa-serial"))
		props_int(props, "index", node_u64(dev, "target/@port", 0));
	plan_item(p, ITEM_DEVICE, props);
	return 0;
}

static const struct qemu_row serial_rows[] = {
	CHARDEV,
	QEMU_DEVICE_ROWS,
	{ "target/@type", .elsewhere = true, .only = serial_targets },
	{ "target/@port", .elsewhere = true },
	{ "target/model/@name", .elsewhere = true },
	{ 0 },
};
const struct qemu_kind qemu_serial_kind = {
	.schema = &serial_schema,
	.rows = serial_rows,
	.device = "serial",
	.alias = "serial",
	.complete = complete_serial,
	.address = serial_address,
	.plan = plan_serial,
};

/* ---- parallel ---- */

static int complete_parallel(struct complete *c, struct node *dev, struct error *err)
{
	qemu_complete_chardev(dev);
	node_set(dev, "target/@type", NULL);
	complete_port(dev);
	return qemu_need(c, dev, "isa-parallel", err);
}

static int plan_parallel(struct plan *p, const struct node *dev, struct error *err)
{
	json_t *props;
	int r = qemu_plan_chardev(p, dev, qemu_alias(dev), err);

	if (r == 0)
		r = qemu_device_props(p, &qemu_parallel_kind, dev, "isa-parallel", &props, err);
	if (r < 0)
		return r;
	props_strf(props, "chardev", "char%s", qemu_alias(dev));
	plan_item(p, ITEM_DEVICE, props);
	return 0;
}

static const struct qemu_row parallel_rows[] = {
	CHARDEV, QEMU_DEVICE_ROWS, { "target/@type", .elsewhere = true }, { "target/@port", .elsewhere = true }, { 0 },
};
const struct qemu_kind qemu_parallel_kind = {
	.schema = &parallel_schema,
	.rows = parallel_rows,
	.device = "parallel",
	.alias = "parallel",
	.complete = complete_parallel,
	.plan = plan_parallel,
};

/* ---- console ---- */

static bool is_twin(const struct node *dev)
{
	return node_is(dev, "target/@type", "serial");
}

static int complete_console(struct complete *c, struct node *dev, struct error *err)
{
	struct node *serial = is_twin(dev) ? node_first(c->domain, "devices/serial") : NULL;

	if (serial) { /* implicit.c made it a copy */
		complete_port(serial);
		node_set(dev, "target/@port", node_get(serial, "target/@port"));
		qemu_complete_chardev(dev);
		return 0;
	}
	if (!node_has(dev, "@type"))
		node_set(dev, "@type", "pty");
	qemu_complete_chardev(dev);
	complete_port(dev);
	return qemu_need(c, dev, "virtconsole", err);
}

static char *console_name(struct complete *c, const struct node *dev)
{
	if (is_twin(dev))
		return xstrdup(qemu_alias(node_first(c->domain, "devices/serial")));
	return xasprintf("console%u", qemu_position(dev));
}

static int plan_console(struct plan *p, const struct node *dev, struct error *err)
{
	json_t *props;
	int r;

	if (is_twin(dev))
		return 0;
	r = qemu_plan_chardev(p, dev, qemu_alias(dev), err);
	if (r == 0)
		r = qemu_device_props(p, &qemu_console_kind, dev, "virtconsole", &props, err);
	if (r < 0)
		return r;
	props_strf(props, "chardev", "char%s", qemu_alias(dev));
	plan_item(p, ITEM_DEVICE, props);
	return 0;
}

static const struct qemu_row console_rows[] = {
	CHARDEV,
	QEMU_DEVICE_ROWS,
	{ "target/@type", .elsewhere = true, .only = console_targets },
	{ "target/@port", .elsewhere = true },
	{ 0 },
};
const struct qemu_kind qemu_console_kind = {
	.schema = &console_schema,
	.rows = console_rows,
	.device = "console",
	.name_it = console_name,
	.complete = complete_console,
	.plan = plan_console,
};
