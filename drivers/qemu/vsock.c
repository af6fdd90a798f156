/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <vsock>: the host's kernel does the work (vhost-vsock); QEMU gets its descriptor. */
#include <fcntl.h>

#include "devices.h"

static int complete(struct complete *c, struct node *dev, struct error *err)
{
	if (!node_has(dev, "@model"))
		node_set(dev, "@model", "virtio");
	if (!node_has(dev, "cid/@address") && !node_has(dev, "cid/@auto"))
		node_set(dev, "cid/@auto", "yes");
	if (node_has(dev, "cid/@address") && !node_has(dev, "cid/@auto"))
		node_set(dev, "cid/@auto", "no");
	for (const struct node *o = node_first(c->domain, "devices/vsock"); o && o != dev; o = node_next(o, "vsock"))
		return error_set(err, ENOTSUP, "line %ld: <vsock>: one is possible: line %ld has it", node_line(dev),
				 node_line(o));
	return 0;
}

static const struct address_want *address(struct complete *c, const struct node *dev)
{
	return qemu_want_virtio(c, node_get(dev, "@model"));
}

static int plan(struct plan *p, const struct node *dev, struct error *err)
{
	const struct plan_file *f;
	json_t *props;
	int r = qemu_device_props(p, &qemu_vsock_kind, dev, qemu_virtio_name(p, "vhost-vsock", dev), &props, err);

	if (r < 0)
		return r;
	plan_file(p, FILE_BY_NAME, "/dev/vhost-vsock", O_RDWR, "vsock '%s'", qemu_alias(dev));
	f = p->files.at[p->files.n - 1];				 /* the device takes the bare number */
	props_int(props, "guest-cid", node_u64(dev, "cid/@address", 0)); /* 0: given at the start */
	props_strf(props, "vhostfd", "%u", f->number);
	plan_item(p, ITEM_DEVICE, props);
	return 0;
}

static const struct qemu_row rows[] = {
	E("@model"), E("cid/@auto"), E("cid/@address"), QEMU_VIRTIO_ROWS, QEMU_DEVICE_ROWS, { 0 },
};
const struct qemu_kind qemu_vsock_kind = {
	.schema = &vsock_schema,
	.rows = rows,
	.device = "vsock",
	.alias = "vsock",
	.complete = complete,
	.address = address,
	.plan = plan,
};
