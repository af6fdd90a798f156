/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <watchdog>: QEMU has one action for all of them, so the first one's option speaks for the others. */
#include "devices.h"
#include "live.h"

static int complete(struct complete *c, struct node *dev, struct error *err)
{
	const char *model = node_get(dev, "@model");

	if (!node_has(dev, "@action"))
		node_set(dev, "@action", "reset");
	if (str_eq(model, "itco")) {
		if (c->family == MACHINE_Q35)
			return 0;
		return error_set(err, ENOTSUP,
				 "line %ld: <watchdog model='itco'> is part of q35 machines: use i6300esb",
				 node_line(dev));
	}
	return qemu_need(c, dev, model, err);
}

static const struct address_want *address(struct complete *c unused, const struct node *dev)
{
	return node_is(dev, "@model", "i6300esb") ? qemu_want_pci() : NULL;
}

/* libvirt's "dump" pauses the guest and then dumps it; QEMU pauses. */
static const char *qemu_action(const char *action)
{
	return str_eq(action, "dump") ? "pause" : action;
}

static int plan(struct plan *p, const struct node *dev, struct error *err)
{
	json_t *props;

	if (node_is(dev, "@model", "itco")) {
		plan_option(p, "-global", "ICH9-LPC.noreboot=off");
	} else {
		int r = qemu_device_props(p, &qemu_watchdog_kind, dev, node_get(dev, "@model"), &props, err);

		if (r < 0)
			return r;
		plan_item(p, ITEM_DEVICE, props);
	}
	if (!p->hotplug && qemu_position(dev) == 0)
		plan_option(p, "-watchdog-action", "%s", qemu_action(node_get_or(dev, "@action", "reset")));
	return 0;
}

static int set(struct domain *d, struct node *dev unused, const struct prop *row unused, struct str text,
	       struct error *err)
{
	autofree char *action = text.n ? xstrndup(text.p, text.n) : xstrdup("reset");
	json_t *args = json_object();

	props_str(args, "action", qemu_action(action));
	return qmp_call(d, "watchdog-set-action", args, NULL, err);
}

static const char *const models[] = { "i6300esb", "ib700", "itco", NULL };
static const struct qemu_row rows[] = {
	{ "@model", .elsewhere = true, .only = models },
	{ "@action", .elsewhere = true },
	QEMU_DEVICE_ROWS,
	{ 0 },
};
const struct qemu_kind qemu_watchdog_kind = {
	.schema = &watchdog_schema,
	.rows = rows,
	.device = "watchdog",
	.alias = "watchdog",
	.complete = complete,
	.address = address,
	.plan = plan,
	.set = set,
};
