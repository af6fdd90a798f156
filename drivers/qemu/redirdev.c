/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <redirdev>: a USB device that somebody sends over a connection; <redirfilter> says which ones may come. */
#include <stdio.h>

#include "../../engine/schema/redirdev.h"
#include "devices.h"

static int complete(struct complete *c, struct node *dev, struct error *err)
{
	if (!node_has(dev, "@bus"))
		node_set(dev, "@bus", "usb");
	qemu_complete_chardev(dev);
	return qemu_need(c, dev, "usb-redir", err);
}

static const struct address_want *address(struct complete *c unused, const struct node *dev unused)
{
	return qemu_want_usb();
}

/* A number in hexadecimal with WIDTH digits, or -1 for any. */
static void add_number(struct buf *out, const struct node *n, const char *attr, int width)
{
	const char *text = node_get(n, attr);

	if (!text || str_eq(text, "-1"))
		buf_puts(out, "-1:");
	else
		buf_printf(out, "0x%0*X:", width, (unsigned)strtoul(text, NULL, 16));
}

/* "1.10" in binary-coded decimals: 0x0110. */
static void add_version(struct buf *out, const struct node *n)
{
	const char *text = node_get(n, "@version");
	unsigned hi = 0, lo = 0;

	if (!text || text[0] == '-' || sscanf(text, "%u.%u", &hi, &lo) < 1) { /* "-1": any */
		buf_puts(out, "-1:");
		return;
	}
	buf_printf(out, "0x%02X%02X:", hi / 10 * 16 + hi % 10, lo / 10 * 16 + lo % 10);
}

static void add_filter(const struct plan *p, json_t *props)
{
	const struct node *filter = node_first(p->domain, "devices/redirfilter");
	autobuf struct buf out = { 0 };

	if (!filter)
		return;
	for (const struct node *n = node_child(filter, "usbdev"); n; n = node_next(n, "usbdev")) {
		if (out.n)
			buf_putc(&out, '|');
		add_number(&out, n, "@class", 2);
		add_number(&out, n, "@vendor", 4);
		add_number(&out, n, "@product", 4);
		add_version(&out, n);
		buf_putc(&out, node_yes(n, "@allow") ? '1' : '0');
	}
	props_str(props, "filter", buf_text(&out));
}

static int plan(struct plan *p, const struct node *dev, struct error *err)
{
	json_t *props;
	int r = qemu_plan_chardev(p, dev, qemu_alias(dev), err);

	if (r == 0)
		r = qemu_device_props(p, &qemu_redirdev_kind, dev, "usb-redir", &props, err);
	if (r < 0)
		return r;
	props_strf(props, "chardev", "char%s", qemu_alias(dev));
	add_filter(p, props);
	plan_item(p, ITEM_DEVICE, props);
	return 0;
}

static const struct qemu_row rows[] = {
	E("@bus"), QEMU_CHARDEV_ROWS, { "boot/@order", .arg = "bootindex" }, QEMU_DEVICE_ROWS, { 0 },
};
const struct qemu_kind qemu_redirdev_kind = {
	.schema = &redirdev_schema,
	.rows = rows,
	.device = "redirdev",
	.alias = "redir",
	.complete = complete,
	.address = address,
	.plan = plan,
};

static const struct qemu_row filter_rows[] = { { 0 } };
const struct qemu_kind qemu_redirfilter_kind = { .schema = &redirfilter_schema,
						 .rows = filter_rows,
						 .device = "redirfilter" };

const struct qemu_kind qemu_redirfilter_usbdev_kind = {
	.schema = &redirfilter_usbdev_schema,
	.rows =
		(const struct qemu_row[]){
			E("@class"), E("@vendor"), E("@product"), E("@version"), E("@allow"), { 0 } },
};
