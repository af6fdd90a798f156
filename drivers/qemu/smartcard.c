/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <smartcard>: a card in a USB CCID reader, which is a controller. */
#include "../../engine/schema/smartcard.h"
#include "devices.h"

#define DEFAULT_DATABASE "/etc/pki/nssdb"

static int complete(struct complete *c, struct node *dev, struct error *err)
{
	bool passthrough = node_is(dev, "@mode", "passthrough");

	if (passthrough)
		qemu_complete_chardev(dev);
	return qemu_need(c, dev, passthrough ? "ccid-card-passthru" : "ccid-card-emulated", err);
}

static const struct address_want *address(struct complete *c unused, const struct node *dev unused)
{
	static const struct address_want ccid = { .bus = BUS_CCID };

	return &ccid;
}

static void add_certificates(const struct node *dev, json_t *props)
{
	unsigned i = 1;

	for (const struct node *n = node_child(dev, "certificate"); n; n = node_next(n, "certificate"), i++) {
		autofree char *key = xasprintf("cert%u", i);

		props_str(props, key, node_get_or(n, "", ""));
	}
	props_str(props, "db", node_get_or(dev, "database", DEFAULT_DATABASE));
}

static int plan(struct plan *p, const struct node *dev, struct error *err)
{
	bool passthrough = node_is(dev, "@mode", "passthrough");
	json_t *props;
	int r = passthrough ? qemu_plan_chardev(p, dev, qemu_alias(dev), err) : 0;

	if (r == 0)
		r = qemu_device_props(p, &qemu_smartcard_kind, dev,
				      passthrough ? "ccid-card-passthru" : "ccid-card-emulated", &props, err);
	if (r < 0)
		return r;
	if (passthrough)
		props_strf(props, "chardev", "char%s", qemu_alias(dev));
	else
		props_str(props, "backend", node_is(dev, "@mode", "host") ? "nss-emulated" : "certificates");
	if (node_is(dev, "@mode", "host-certificates"))
		add_certificates(dev, props);
	plan_item(p, ITEM_DEVICE, props);
	return 0;
}

static const struct qemu_row rows[] = { E("@mode"), QEMU_CHARDEV_ROWS, E("database"), QEMU_DEVICE_ROWS, { 0 } };
const struct qemu_kind qemu_smartcard_kind = {
	.schema = &smartcard_schema,
	.rows = rows,
	.device = "smartcard",
	.alias = "smartcard",
	.complete = complete,
	.address = address,
	.plan = plan,
};

const struct qemu_kind qemu_smartcard_certificate_kind = {
	.schema = &smartcard_certificate_schema,
	.rows = (const struct qemu_row[]){ E(""), { 0 } },
};
