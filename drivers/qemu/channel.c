/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <channel>: a port of a virtio-serial controller, or an address in the guest's user-mode network (guestfwd). */
#include "../../engine/schema/chardev.h"
#include "devices.h"

static const char *const protocols[] = { "raw", "telnet", NULL };
static const char *const types[] = { "pty", "null", "vc",	"dev",	     "file",	     "pipe", "stdio", "udp",
				     "tcp", "unix", "spicevmc", "spiceport", "qemu-vdagent", "dbus", NULL };
static const char *const targets[] = { "guestfwd", "virtio", NULL };
static const char spice_name[] = "com.redhat.spice.0";

static bool is_agent(const struct node *dev)
{
	return node_is(dev, "@type", "spicevmc") || node_is(dev, "@type", "qemu-vdagent");
}

static int complete(struct complete *c, struct node *dev, struct error *err)
{
	const char *name = node_get(dev, "target/@name");

	qemu_complete_chardev(dev);
	node_set(dev, "target/@state", NULL);
	if (node_is(dev, "target/@type", "guestfwd"))
		return 0;
	if (is_agent(dev) && name && !str_eq(name, spice_name))
		return error_set(err, ENOTSUP,
				 "line %ld: <channel type='%s'>: target name is '%s': the agent knows '%s'",
				 node_line(dev), node_get(dev, "@type"), name, spice_name);
	return qemu_need(c, dev, "virtserialport", err);
}

static const struct address_want *address(struct complete *c unused, const struct node *dev)
{
	static const struct address_want port = { .bus = BUS_VIRTIO_SERIAL };

	return node_is(dev, "target/@type", "virtio") ? &port : NULL;
}

/* A user-mode network of its own that has nothing but this address. */
static void plan_forward(struct plan *p, const struct node *dev)
{
	autofree char *to = xasprintf("tcp:%s:%s-chardev:char%s", node_get_or(dev, "target/@address", ""),
				      node_get_or(dev, "target/@port", ""), qemu_alias(dev));
	json_t *props =
		json_pack("{s:s, s:[{s:s}], s:s}", "type", "user", "guestfwd", "str", to, "id", qemu_alias(dev));

	plan_item(p, ITEM_NETDEV, props);
}

static int plan(struct plan *p, const struct node *dev, struct error *err)
{
	json_t *props;
	int r = qemu_plan_chardev(p, dev, qemu_alias(dev), err);

	if (r == 0 && node_is(dev, "target/@type", "guestfwd")) {
		plan_forward(p, dev);
		return 0;
	}
	if (r == 0)
		r = qemu_device_props(p, &qemu_channel_kind, dev, "virtserialport", &props, err);
	if (r < 0)
		return r;
	props_strf(props, "chardev", "char%s", qemu_alias(dev));
	props_str(props, "name", node_get_or(dev, "target/@name", is_agent(dev) ? spice_name : NULL));
	plan_item(p, ITEM_DEVICE, props);
	return 0;
}

static const struct qemu_row rows[] = {
	{ "@type", .elsewhere = true, .only = types },
	{ "protocol/@type", .elsewhere = true, .only = protocols },
	{ "log/@file", .elsewhere = true },
	{ "log/@append", .elsewhere = true },
	{ "target/@type", .elsewhere = true, .only = targets },
	{ "target/@name", .elsewhere = true },
	{ "target/@address", .elsewhere = true },
	{ "target/@port", .elsewhere = true },
	QEMU_DEVICE_ROWS,
	{ 0 },
};
const struct qemu_kind qemu_channel_kind = {
	.schema = &channel_schema,
	.rows = rows,
	.device = "channel",
	.alias = "channel",
	.complete = complete,
	.address = address,
	.plan = plan,
};
