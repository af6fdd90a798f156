/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <smartcard>: the host's card, certificates that act as one, or a card behind a connection. */
#include "smartcard.h"
#include "chardev.h"
#include "device_rows.h"

static const char *const modes[] = { "host", "host-certificates", "passthrough", NULL };

const struct schema smartcard_certificate_schema = {
	.element = "certificate",
	.props = (const struct prop[]){ { "", T_STRING, .doc = "name of a certificate in the NSS database" }, { 0 } },
};

static int smartcard_check(const struct node *n, struct error *err)
{
	const char *mode = node_get(n, "@mode");
	bool certificates = str_eq(mode, "host-certificates");

	if (certificates && node_count(n, "certificate") != 3)
		return error_set(err, EINVAL,
				 "line %ld: <smartcard mode='host-certificates'> needs three <certificate>, not %u",
				 node_line(n), node_count(n, "certificate"));
	if (!certificates && (node_first(n, "certificate") || node_first(n, "database")))
		return error_set(
			err, EINVAL,
			"line %ld: <smartcard mode='%s'> has no certificates: that is mode='host-certificates'",
			node_line(n), mode);
	if (str_eq(mode, "passthrough") && !node_has(n, "@type"))
		return error_set(err, EINVAL,
				 "line %ld: <smartcard mode='passthrough'> needs type='spicevmc', 'tcp' or 'unix'",
				 node_line(n));
	return str_eq(mode, "passthrough") ? chardev_check(n, false, err) : 0;
}

const struct schema smartcard_schema = {
	.element = "smartcard",
	.check = smartcard_check,
	.props = (const struct prop[]){ { "@mode", T_ENUM, "mode", modes, .flags = P_REQUIRED,
					  .doc = "whose card it is" },
					CHARDEV_ROWS(0),
					{ "certificate", T_LIST, .sub = &smartcard_certificate_schema,
					  .doc = "three certificates (host-certificates)" },
					{ "database", T_STRING, .doc = "NSS database (host-certificates)" },
					DEVICE_ROWS,
					{ 0 } },
};
