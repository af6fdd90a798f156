/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <redirdev>: USB devices that arrive over a connection (usbredir), and <redirfilter>: which of them may. */
#include "redirdev.h"
#include "chardev.h"
#include "device_rows.h"

static const char *const buses[] = { "usb", NULL };

static int redirdev_check(const struct node *n, struct error *err)
{
	return chardev_check(n, false, err);
}

const struct schema redirdev_schema = {
	.element = "redirdev",
	.check = redirdev_check,
	.props = (const struct prop[]){ { "@bus", T_ENUM, .words = buses, .dflt = "usb", .doc = "bus" },
					CHARDEV_ROWS(P_REQUIRED),
					{ "boot/@order", T_U64, .min = 1, .doc = "place in the boot order" },
					{ "boot/@loadparm", T_STRING, .doc = "boot parameter of s390 guests" },
					DEVICE_ROWS,
					{ 0 } },
};

const struct schema redirfilter_usbdev_schema = {
	.element = "usbdev",
	.props = (const struct prop[]){ { "@class", T_STRING, .doc = "USB class, 0x08; -1 or absent: any" },
					{ "@vendor", T_STRING, .doc = "vendor; -1 or absent: any" },
					{ "@product", T_STRING, .doc = "product; -1 or absent: any" },
					{ "@version", T_STRING, .doc = "version as 1.10; -1 or absent: any" },
					{ "@allow", T_ENUM, .words = words_yes_no, .flags = P_REQUIRED,
					  .doc = "may it be redirected" },
					{ 0 } },
};

const struct schema redirfilter_schema = {
	.element = "redirfilter",
	.props = (const struct prop[]){ { "usbdev", T_LIST, .sub = &redirfilter_usbdev_schema,
					  .doc = "the first that fits decides" },
					{ 0 } },
};
