/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What LVM2's programs and ZFS's may report, and say when they fail. */
#include <stdint.h>

#include "../../drivers/storage/lvm.h"
#include "../../drivers/storage/zfs.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void pair(void *arg, const char *a, const char *b)
{
	*(size_t *)arg += strlen(a) + strlen(b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size }, meant;
	struct listing listing = { 0 };
	autolvs struct lvs l = { 0 };
	size_t sum = 0;

	(void)!lvm_parse_lvs(text, &l, NULL);
	for (size_t i = 0; i < l.n; i++) {
		struct volume_info info = { 0 };
		lv_info(&l.at[i], "vg", &info);
		if (info.capacity > INT64_MAX || !info.path || !info.key)
			abort();
		volume_info_clear(&info);
	}
	(void)!lvm_parse_rows(text, "pv", "pv_name", "vg_name", pair, &sum, NULL);
	(void)!lvm_reason(text, &meant);
	if (meant.n && (meant.p < text.p || meant.p + meant.n > text.p + text.n))
		abort();
	(void)!zfs_parse_list(text, "tank", &listing, NULL);
	listing_clear(&listing);
	return 0;
}
