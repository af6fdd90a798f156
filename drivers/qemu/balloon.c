/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <memballoon> */
#include "devices.h"
#include "live.h"

static const struct address_want *address(struct complete *c, const struct node *dev)
{
	return node_is(dev, "@model", "none") ? NULL : qemu_want_virtio(c, node_get(dev, "@model"));
}

static char *name_it(struct complete *c unused, const struct node *dev)
{
	return node_is(dev, "@model", "none") ? NULL : xstrdup("balloon0");
}

static int plan(struct plan *p, const struct node *dev, struct error *err)
{
	json_t *props;
	int r;

	if (node_is(dev, "@model", "none"))
		return 0;
	r = qemu_device_props(p, &qemu_memballoon_kind, dev, qemu_virtio_name(p, "virtio-balloon", dev), &props, err);
	if (r == 0)
		plan_item(p, ITEM_DEVICE, props);
	return r;
}

static int set(struct domain *d, struct node *dev, const struct prop *row unused, struct str text, struct error *err)
{
	autofree char *path = xasprintf("/machine/peripheral/%s", qemu_alias(dev));
	uint64_t period = 0;
	int r = text.n ? u64_parse(text, 0, INT32_MAX, &period, err) : 0;

	if (r == 0 && node_is(dev, "@model", "none"))
		r = error_set(err, ENOTSUP, "the guest has no balloon (<memballoon model='none'/>)");
	if (r < 0)
		return r;
	return qmp_call(d, "qom-set",
			json_pack("{s:s, s:s, s:I}", "path", path, "property", "guest-stats-polling-interval", "value",
				  (json_int_t)period),
			NULL, err);
}

static const char *const models[] = { "virtio", "virtio-transitional", "virtio-non-transitional", "none", NULL };
static const struct qemu_row rows[] = {
	{ "@model", .elsewhere = true, .only = models },
	{ "@autodeflate", .arg = "deflate-on-oom" },
	{ "@freePageReporting", .arg = "free-page-reporting" },
	{ "stats/@period", .elsewhere = true }, /* devices.c, after the start */
	QEMU_VIRTIO_ROWS,
	QEMU_DEVICE_ROWS,
	{ 0 },
};
const struct qemu_kind qemu_memballoon_kind = {
	.schema = &balloon_schema,
	.rows = rows,
	.device = "memballoon",
	.name_it = name_it,
	.address = address,
	.plan = plan,
	.set = set,
};
