/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <hub>: a USB hub. */
#include "devices.h"

static const struct address_want *address(struct complete *c unused, const struct node *dev unused)
{
	return qemu_want_usb();
}

static int plan(struct plan *p, const struct node *dev, struct error *err)
{
	json_t *props;
	int r = qemu_device_props(p, &qemu_hub_kind, dev, "usb-hub", &props, err);

	if (r == 0)
		plan_item(p, ITEM_DEVICE, props);
	return r;
}

static const struct qemu_row rows[] = { { "@type", .elsewhere = true }, QEMU_DEVICE_ROWS, { 0 } };
const struct qemu_kind qemu_hub_kind = {
	.schema = &hub_schema,
	.rows = rows,
	.device = "hub",
	.alias = "hub",
	.address = address,
	.plan = plan,
};
