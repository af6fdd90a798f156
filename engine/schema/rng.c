/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <rng>: a source of randomness for the guest. */
#include "rng.h"
#include "chardev.h"
#include "device_rows.h"

static const char *const models[] = { "random", "egd", "builtin", NULL };

static int backend_check(const struct node *n, struct error *err)
{
	const char *model = node_get(n, "@model");

	if (str_eq(model, "egd") && !node_has(n, "@type"))
		return error_set(err, EINVAL,
				 "line %ld: <backend model='egd'> needs type='tcp', 'udp' or 'unix' with its <source>",
				 node_line(n));
	if (!str_eq(model, "egd") && (node_has(n, "@type") || node_first(n, "source")))
		return error_set(err, EINVAL, "line %ld: <backend model='%s'> has no <source>: that is for model='egd'",
				 node_line(n), model);
	if (!str_eq(model, "random") && *node_get_or(n, "", ""))
		return error_set(err, EINVAL,
				 "line %ld: <backend model='%s'> takes no file: that is for model='random'",
				 node_line(n), model);
	return str_eq(model, "egd") ? chardev_check(n, false, err) : 0;
}

const struct schema rng_backend_schema = {
	.element = "backend",
	.check = backend_check,
	.props = (const struct prop[]){ { "", T_STRING,
					  .doc = "file of the host that gives random bytes (random): /dev/urandom" },
					{ "@model", T_ENUM, .words = models, .flags = P_REQUIRED,
					  .doc = "random: a file; egd: a daemon; builtin: the hypervisor's own" },
					CHARDEV_ROWS(0),
					{ 0 } },
};

static int rng_check(const struct node *n, struct error *err)
{
	if (node_first(n, "rate") && !node_has(n, "rate/@bytes"))
		return error_set(err, EINVAL, "line %ld: <rate> needs bytes='NUMBER'",
				 node_line(node_child(n, "rate")));
	return 0;
}

const struct schema rng_schema = {
	.element = "rng",
	.check = rng_check,
	.props = (const struct prop[]){ { "@model", T_ENUM, "model", virtio_models, .flags = P_REQUIRED,
					  .doc = "generation of the virtio device" },
					{ "backend", T_SUB, .sub = &rng_backend_schema, .flags = P_REQUIRED,
					  .doc = "where the bytes come from" },
					{ "rate/@bytes", T_U64, .min = 1,
					  .doc = "bytes that the guest may have in each period" },
					{ "rate/@period", T_U64, .min = 1, .doc = "that period, ms" },
					VIRTIO_ROWS,
					DEVICE_ROWS,
					{ 0 } },
};
