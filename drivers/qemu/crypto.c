/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <crypto> for QEMU: a virtio device whose work QEMU or the kernel does. */
#include "devices.h"
#include "storage.h"

static const struct address_want *address(struct complete *c, const struct node *n unused)
{
	return qemu_want_virtio(c, NULL);
}

static int plan(struct plan *p, const struct node *n, struct error *err)
{
	autofree char *backend = xasprintf("obj%s", qemu_alias(n));
	json_t *props = json_object(), *o = json_object();
	int r;

	props_str(o, "qom-type",
		  node_is(n, "backend/@model", "lkcf") ? "cryptodev-backend-lkcf" : "cryptodev-backend-builtin");
	props_str(o, "id", backend);
	if (node_has(n, "backend/@queues"))
		props_int(o, "queues", node_u64(n, "backend/@queues", 1));
	plan_item(p, ITEM_OBJECT, o);
	props_str(props, "driver", "virtio-crypto-pci");
	props_str(props, "cryptodev", backend);
	props_str(props, "id", qemu_alias(n));
	r = qemu_emit_rows(p, &qemu_crypto_kind, n, props, err);
	return qemu_plan_props(p, n, props, r, err);
}

const struct qemu_kind qemu_crypto_kind = {
	.schema = &crypto_schema,
	.rows = (const struct qemu_row[]){ E("@model"),
					   E("@type"),
					   E("backend/@model"),
					   E("backend/@queues"),
					   QEMU_VIRTIO_ROWS,
					   E("acpi/@index"),
					   { 0 } },
	.device = "crypto",
	.alias = "crypto",
	.address = address,
	.plan = plan,
};
