/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <rng>: a virtio device and the object that fills it. */
#include <fcntl.h>

#include "../../engine/schema/rng.h"
#include "devices.h"

#define DEFAULT_PERIOD_MS 1000

static int complete(struct complete *c unused, struct node *dev, struct error *err unused)
{
	struct node *backend = node_child(dev, "backend");

	if (node_is(backend, "@model", "egd"))
		qemu_complete_chardev(backend);
	if (node_is(backend, "@model", "random") && !*node_get_or(backend, "", ""))
		node_set(backend, "", "/dev/random");
	return 0;
}

static const struct address_want *address(struct complete *c, const struct node *dev)
{
	return qemu_want_virtio(c, node_get(dev, "@model"));
}

static int plan_backend(struct plan *p, const struct node *dev, struct error *err)
{
	const struct node *backend = node_child(dev, "backend");
	const char *model = node_get_or(backend, "@model", "random");
	json_t *o;

	if (str_eq(model, "egd")) {
		int r = qemu_plan_chardev(p, backend, qemu_alias(dev), err);

		if (r < 0)
			return r;
	}
	o = json_object();
	props_strf(o, "qom-type", "rng-%s", model);
	props_strf(o, "id", "obj%s", qemu_alias(dev));
	if (str_eq(model, "egd"))
		props_strf(o, "chardev", "char%s", qemu_alias(dev));
	if (str_eq(model, "random"))
		props_str(o, "filename",
			  plan_file(p, FILE_FDSET, node_get_or(backend, "", "/dev/urandom"), O_RDONLY | O_NONBLOCK,
				    "rng '%s'", qemu_alias(dev)));
	plan_item(p, ITEM_OBJECT, o);
	return 0;
}

static int plan(struct plan *p, const struct node *dev, struct error *err)
{
	json_t *props;
	int r = plan_backend(p, dev, err);

	if (r == 0)
		r = qemu_device_props(p, &qemu_rng_kind, dev, qemu_virtio_name(p, "virtio-rng", dev), &props, err);
	if (r < 0)
		return r;
	props_strf(props, "rng", "obj%s", qemu_alias(dev));
	if (node_has(dev, "rate/@bytes")) {
		props_int(props, "max-bytes", node_u64(dev, "rate/@bytes", 0));
		props_int(props, "period", node_u64(dev, "rate/@period", DEFAULT_PERIOD_MS));
	}
	plan_item(p, ITEM_DEVICE, props);
	return 0;
}

static const struct qemu_row rows[] = {
	E("@model"), E("rate/@bytes"), E("rate/@period"), QEMU_VIRTIO_ROWS, QEMU_DEVICE_ROWS, { 0 },
};
const struct qemu_kind qemu_rng_kind = {
	.schema = &rng_schema,
	.rows = rows,
	.device = "rng",
	.alias = "rng",
	.complete = complete,
	.address = address,
	.plan = plan,
};

static const struct qemu_row backend_rows[] = { E("@model"), E(""), QEMU_CHARDEV_ROWS, { 0 } };
const struct qemu_kind qemu_rng_backend_kind = { .schema = &rng_backend_schema, .rows = backend_rows };
