/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <iommu>: the guest's own IOMMU. */
#include "../schema.h"

static const char *const models[] = { "intel", "smmuv3", "virtio", "amd", NULL };

static int iommu_check(const struct node *n, struct error *err)
{
	const char *model = node_get_or(n, "@model", "");

	if (node_has(n, "driver") && !str_eq(model, "intel") && !str_eq(model, "amd"))
		return error_set(err, EINVAL, "line %ld: <iommu model='%s'> has no <driver> settings",
				 node_line(node_child(n, "driver")), model);
	if (node_has(n, "address") && str_eq(model, "intel"))
		return error_set(err, EINVAL, "line %ld: <iommu model='intel'> has no <address>",
				 node_line(node_child(n, "address")));
	return 0;
}

const struct schema iommu_schema = {
	.element = "iommu",
	.check = iommu_check,
	.props =
		(const struct prop[]){
			{ "@model", T_ENUM, .words = models, .flags = P_REQUIRED, .doc = "which hardware" },
			{ "driver/@intremap", T_ENUM, .words = words_on_off, .doc = "interrupt remapping" },
			{ "driver/@caching_mode", T_ENUM, .words = words_on_off,
			  .doc = "caching mode, needed for assigned devices" },
			{ "driver/@eim", T_ENUM, .words = words_on_off, .doc = "extended interrupt mode" },
			{ "driver/@iotlb", T_ENUM, .words = words_on_off, .doc = "device IOTLB" },
			{ "driver/@aw_bits", T_U64, .max = 64, .doc = "address width" },
			{ "driver/@dma_translation", T_ENUM, .words = words_on_off, .doc = "translate DMA at all" },
			{ "driver/@passthrough", T_ENUM, .words = words_on_off, .doc = "pass-through mode (amd)" },
			{ "driver/@xtsup", T_ENUM, .words = words_on_off, .doc = "x2APIC (amd)" },
			{ "alias", T_SUB, .sub = &alias_schema, .doc = "the device's id" },
			{ "acpi/@index", T_U64, .min = 1, .doc = "ACPI index" },
			{ "address", T_SUB, .sub = &address_schema, .doc = "where it is plugged" },
			{ 0 } },
};
