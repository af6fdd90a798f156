/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <crypto>: a virtio crypto device. */
#include "../schema.h"

const struct schema crypto_schema = {
	.element = "crypto",
	.props =
		(const struct prop[]){
			{ "@model", T_ENUM, .words = (const char *const[]){ "virtio", NULL }, .flags = P_REQUIRED,
			  .doc = "virtio" },
			{ "@type", T_ENUM, .words = (const char *const[]){ "qemu", NULL }, .flags = P_REQUIRED,
			  .doc = "who serves it" },
			{ "backend/@model", T_ENUM, .words = (const char *const[]){ "builtin", "lkcf", NULL },
			  .flags = P_REQUIRED, .doc = "who does the work: the hypervisor itself or the kernel" },
			{ "backend/@queues", T_U64, .min = 1, .doc = "queues" },
			{ "driver/@iommu", T_ENUM, .words = words_on_off, .doc = "the device uses the guest's IOMMU" },
			{ "driver/@ats", T_ENUM, .words = words_on_off, .doc = "address translation services" },
			{ "driver/@packed", T_ENUM, .words = words_on_off, .doc = "packed virtqueues" },
			{ "driver/@page_per_vq", T_ENUM, .words = words_on_off,
			  .doc = "a page for each queue's notification" },
			{ "alias", T_SUB, .sub = &alias_schema, .doc = "the device's id" },
			{ "acpi/@index", T_U64, .min = 1, .doc = "ACPI index" },
			{ "address", T_SUB, .sub = &address_schema, .doc = "where it is plugged" },
			{ 0 } },
};
