/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <pstore>: ACPI ERST, a device over a file that keeps its content. */
#include <fcntl.h>

#include "devices.h"

static int complete(struct complete *c, struct node *dev, struct error *err)
{
	if (!node_has(dev, "path") || !node_has(dev, "size"))
		return error_set(err, EINVAL, "line %ld: <pstore> needs <path> and <size>", node_line(dev));
	return qemu_need(c, dev, "acpi-erst", err);
}

static const struct address_want *address(struct complete *c unused, const struct node *dev unused)
{
	return qemu_want_pci();
}

static int plan(struct plan *p, const struct node *dev, struct error *err)
{
	json_t *o = json_object(), *props;
	int r;

	props_str(o, "qom-type", "memory-backend-file");
	props_strf(o, "id", "mem%s", qemu_alias(dev));
	props_str(o, "mem-path", plan_file(p, FILE_BY_NAME, node_get_or(dev, "path", ""), O_RDWR | O_CREAT, "pstore"));
	props_int(o, "size", node_size(dev, "size", 0));
	props_bool(o, "share", true);
	plan_item(p, ITEM_OBJECT, o);
	r = qemu_device_props(p, &qemu_pstore_kind, dev, "acpi-erst", &props, err);
	if (r < 0)
		return r;
	props_strf(props, "memdev", "mem%s", qemu_alias(dev));
	plan_item(p, ITEM_DEVICE, props);
	return 0;
}

static const struct qemu_row rows[] = {
	{ "@backend", .elsewhere = true },
	{ "path", .elsewhere = true },
	{ "size", .elsewhere = true },
	QEMU_DEVICE_ROWS,
	{ 0 },
};
const struct qemu_kind qemu_pstore_kind = {
	.schema = &pstore_schema,
	.rows = rows,
	.device = "pstore",
	.alias = "pstore",
	.complete = complete,
	.address = address,
	.plan = plan,
};
