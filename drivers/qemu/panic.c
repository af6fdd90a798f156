/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <panic>: pvpanic on ISA or PCI; hyperv is a feature of the CPU (cpu.c). */
#include "devices.h"

#define DEFAULT_IOPORT 0x505

static int complete(struct complete *c, struct node *dev, struct error *err)
{
	if (!node_has(dev, "@model"))
		node_set(dev, "@model", "isa");
	for (const struct node *o = node_first(c->domain, "devices/panic"); o && o != dev; o = node_next(o, "panic"))
		if (node_is(o, "@model", node_get(dev, "@model")))
			return error_set(err, ENOTSUP, "line %ld: <panic>: line %ld has one of model '%s' already",
					 node_line(dev), node_line(o), node_get(dev, "@model"));
	if (node_is(dev, "@model", "hyperv") && node_first(dev, "address"))
		return error_set(err, EINVAL, "line %ld: <panic model='hyperv'> has no address", node_line(dev));
	if (node_is(dev, "@model", "hyperv"))
		return 0;
	return qemu_need(c, dev, node_is(dev, "@model", "isa") ? "pvpanic" : "pvpanic-pci", err);
}

static const struct address_want *address(struct complete *c unused, const struct node *dev)
{
	return node_is(dev, "@model", "pvpanic") ? qemu_want_pci() : NULL;
}

static int plan(struct plan *p, const struct node *dev, struct error *err)
{
	json_t *props;
	int r;

	if (node_is(dev, "@model", "isa")) {
		json_t *o = json_object();

		props_str(o, "driver", "pvpanic");
		if (node_has(dev, "address/@iobase"))
			props_int(o, "ioport", node_u64(dev, "address/@iobase", DEFAULT_IOPORT));
		plan_item(p, ITEM_DEVICE, o);
		return 0;
	}
	if (!node_is(dev, "@model", "pvpanic"))
		return 0;
	r = qemu_device_props(p, &qemu_panic_kind, dev, "pvpanic-pci", &props, err);
	if (r == 0)
		plan_item(p, ITEM_DEVICE, props);
	return r;
}

static const char *const models[] = { "isa", "hyperv", "pvpanic", NULL };
static const struct qemu_row rows[] = {
	{ "@model", .elsewhere = true, .only = models },
	QEMU_DEVICE_ROWS,
	{ 0 },
};
const struct qemu_kind qemu_panic_kind = {
	.schema = &panic_schema,
	.rows = rows,
	.device = "panic",
	.alias = "panic",
	.complete = complete,
	.address = address,
	.plan = plan,
};
