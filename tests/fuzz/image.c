/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The first bytes of images, which guests write, and what qemu-img says of them. */
#include <stdint.h>

#include "../../drivers/storage/storage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct volume_info *info)
{
	if (info->capacity > INT64_MAX)
		abort();
	if (info->backing && (!*info->backing || strlen(info->backing) > 4096))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const formats[] = { NULL, "raw", "qcow2", "vpc", "vmdk", "iso", "dmg", "ext4" };
	/* a copy without a byte to spare, so that the sanitizer sees one too far */
	autofree char *copy = xmemdup(size ? (const void *)data : "", size ? size : 1);
	struct str head = { copy, size };
	struct volume_info info = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		if (image_header(head, size, formats[i], &info, NULL) == 0) {
			check(&info);
			if (!info.format)
				abort();
		}
		/* more of it than was read */
		if (image_header(head, 1ull << 40, formats[i], &info, NULL) == 0)
			check(&info);
	}
	if (image_info_parse(head, &info, NULL) == 0)
		check(&info);
	volume_info_clear(&info);
	return 0;
}
