/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <tpm>: the host's TPM, or a socket to swtpm.  refuse.c says no to a start until there is a part that runs swtpm. */
#include <fcntl.h>

#include "devices.h"

static int complete(struct complete *c, struct node *dev, struct error *err)
{
	const char *model;

	if (!node_has(dev, "@model"))
		node_set(dev, "@model", "tpm-tis");
	model = node_get(dev, "@model");
	if (node_is(dev, "backend/@type", "emulator") && !node_has(dev, "backend/@version"))
		node_set(dev, "backend/@version", "2.0");
	if (c->family == MACHINE_MICROVM || c->family == MACHINE_ISAPC)
		return error_set(err, ENOTSUP, "line %ld: <tpm>: the machine %s takes none", node_line(dev),
				 c->machine);
	return qemu_need(c, dev, model, err);
}

static void plan_emulator(struct plan *p, const struct node *dev, json_t *o)
{
	autofree char *own = xasprintf("%s/swtpm.sock", p->run_dir);
	autofree char *what = xasprintf("tpm '%s'", qemu_alias(dev));
	bool external = node_is(dev, "backend/@type", "external");
	json_t *data = json_object();

	qemu_plan_socket(p, data, external ? node_get_or(dev, "backend/source/@path", "") : own, false, !external,
			 what);
	plan_item(p, ITEM_CHARDEV,
		  json_pack("{s:s, s:{s:s, s:o}}", "id", "chrtpm", "backend", "type", "socket", "data", data));
	props_str(o, "chardev", "chrtpm");
}

static int plan(struct plan *p, const struct node *dev, struct error *err)
{
	bool passthrough = node_is(dev, "backend/@type", "passthrough");
	json_t *o = json_object(), *props;
	int r;

	props_str(o, "type", passthrough ? "passthrough" : "emulator");
	props_strf(o, "id", "tpm-%s", qemu_alias(dev));
	if (passthrough)
		props_str(o, "path",
			  plan_file(p, FILE_FDSET, node_get_or(dev, "backend/device/@path", "/dev/tpm0"), O_RDWR,
				    "tpm '%s'", qemu_alias(dev)));
	else
		plan_emulator(p, dev, o);
	plan_item(p, ITEM_TPMDEV, o);
	r = qemu_device_props(p, &qemu_tpm_kind, dev, node_get(dev, "@model"), &props, err);
	if (r < 0)
		return r;
	props_strf(props, "tpmdev", "tpm-%s", qemu_alias(dev));
	plan_item(p, ITEM_DEVICE, props);
	return 0;
}

static const char *const models[] = { "tpm-tis", "tpm-crb", NULL };
static const struct qemu_row rows[] = {
	{ "@model", .elsewhere = true, .only = models },
	E("backend/@type"),
	E("backend/@version"),
	E("backend/@persistent_state"),
	E("backend/@debug"),
	E("backend/device/@path"),
	E("backend/encryption/@secret"),
	E("backend/active_pcr_banks/sha1"),
	E("backend/active_pcr_banks/sha256"),
	E("backend/active_pcr_banks/sha384"),
	E("backend/active_pcr_banks/sha512"),
	E("backend/profile/@source"),
	E("backend/profile/@name"),
	E("backend/profile/@removeDisabled"),
	E("backend/source/@type"),
	E("backend/source/@mode"),
	E("backend/source/@path"),
	QEMU_DEVICE_ROWS,
	{ 0 },
};
const struct qemu_kind qemu_tpm_kind = {
	.schema = &tpm_schema,
	.rows = rows,
	.device = "tpm",
	.alias = "tpm",
	.complete = complete,
	.plan = plan,
};
