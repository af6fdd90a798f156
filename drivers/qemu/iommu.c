/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <iommu> for QEMU: Intel's on q35, virtio's on both. */
#include "devices.h"
#include "storage.h"

static int complete(struct complete *c, struct node *n, struct error *err)
{
	bool intel = node_is(n, "@model", "intel");

	if (intel && c->family != MACHINE_Q35)
		return error_set(err, ENOTSUP, "line %ld: <iommu model='intel'> needs a q35 machine, not '%s'",
				 node_line(n), c->machine);
	if (node_yes(n, "driver/@intremap") && !node_is(c->domain, "features/ioapic/@driver", "qemu"))
		return error_set(err, ENOTSUP,
				 "line %ld: <iommu>: intremap='on' needs <features><ioapic driver='qemu'/>",
				 node_line(n));
	if (node_yes(n, "driver/@eim") && !node_yes(n, "driver/@intremap"))
		return error_set(err, EINVAL, "line %ld: <iommu>: eim='on' needs intremap='on'", node_line(n));
	return 0;
}

/* The virtio one must sit on the root bus. */
static const struct address_want *address(struct complete *c unused, const struct node *n)
{
	static const struct address_want root = { BUS_PCI, WANT_PCIE | WANT_ROOT_BUS, 0, 0 };

	return node_is(n, "@model", "virtio") ? &root : NULL;
}

static void emit_word(const struct node *n, const char *path, json_t *props, const char *key)
{
	props_str(props, key, node_get(n, path));
}

static int plan(struct plan *p, const struct node *n, struct error *err)
{
	json_t *props = json_object();
	int r;

	if (node_is(n, "@model", "virtio")) {
		props_str(props, "driver", "virtio-iommu-pci");
		props_str(props, "id", qemu_alias(n));
		r = qemu_emit_address(p, n, props, err);
	} else {
		props_str(props, "driver", "intel-iommu");
		props_str(props, "id", qemu_alias(n));
		emit_word(n, "driver/@intremap", props, "intremap"); /* on, off, auto: words */
		emit_word(n, "driver/@eim", props, "eim");
		props_onoff(props, "caching-mode", node_get(n, "driver/@caching_mode"));
		props_onoff(props, "device-iotlb", node_get(n, "driver/@iotlb"));
		props_onoff(props, "dma-translation", node_get(n, "driver/@dma_translation"));
		if (node_has(n, "driver/@aw_bits"))
			props_int(props, "aw-bits", node_u64(n, "driver/@aw_bits", 0));
		r = 0;
	}
	if (r == 0)
		plan_item(p, ITEM_DEVICE, props);
	else
		json_decref(props);
	return r;
}

static const char *const qemu_models[] = { "intel", "virtio", NULL };

const struct qemu_kind qemu_iommu_kind = {
	.schema = &iommu_schema,
	.rows = (const struct qemu_row[]){ { "@model", .elsewhere = true, .only = qemu_models },
					   E("driver/@intremap"),
					   E("driver/@caching_mode"),
					   E("driver/@eim"),
					   E("driver/@iotlb"),
					   E("driver/@aw_bits"),
					   E("driver/@dma_translation"),
					   E("acpi/@index"),
					   { 0 } },
	.device = "iommu",
	.alias = "iommu",
	.complete = complete,
	.address = address,
	.plan = plan,
};
