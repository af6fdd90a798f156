/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <vsock>: sockets between host and guest without a network. */
#include "device_rows.h"

static int vsock_check(const struct node *n, struct error *err)
{
	const char *cid = node_get(n, "cid/@address");

	if (cid && node_u64(n, "cid/@address", 0) < 3)
		return error_set(err, EINVAL, "line %ld: <vsock>: cid address %s is reserved: guests have 3 and above",
				 node_line(n), cid);
	if (node_is(n, "cid/@auto", "no") && !cid)
		return error_set(err, EINVAL, "line %ld: <vsock>: <cid auto='no'> needs address='NUMBER'",
				 node_line(n));
	return 0;
}

const struct schema vsock_schema = {
	.element = "vsock",
	.check = vsock_check,
	.props =
		(const struct prop[]){
			{ "@model", T_ENUM, "model", virtio_models, .doc = "generation of the virtio device" },
			{ "cid/@auto", T_ENUM, .words = words_yes_no, .doc = "take a free address at each start" },
			{ "cid/@address", T_U64, "cid", .max = 0xffffffff, .doc = "the guest's address" },
			VIRTIO_ROWS,
			DEVICE_ROWS,
			{ 0 } },
};
