/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the small device kinds share: the JSON of -device, the addresses they ask for, their audiodev. */
#include "devices.h"

#include "graphics.h"
#include "live.h"
#include "vm.h"

int qemu_device_props(struct plan *p, const struct qemu_kind *kind, const struct node *dev, const char *driver,
		      json_t **props, struct error *err)
{
	json_t *o = json_object();
	int r;

	props_str(o, "driver", driver);
	r = qemu_emit_rows(p, kind, dev, o, err);
	if (r == 0 && *qemu_alias(dev))
		props_str(o, "id", qemu_alias(dev));
	if (r == 0)
		r = qemu_emit_address(p, dev, o, err);
	if (r < 0) {
		json_decref(o);
		return r;
	}
	*props = o;
	return 0;
}

int qemu_plan_props(struct plan *p, const struct node *dev, json_t *props, int r, struct error *err)
{
	if (r == 0)
		r = qemu_emit_address(p, dev, props, err);
	if (r == 0)
		plan_item(p, ITEM_DEVICE, props);
	else
		json_decref(props);
	return r;
}

int qemu_need(const struct complete *c, const struct node *dev, const char *driver, struct error *err)
{
	if (!c->caps || qemu_has(c->caps, driver))
		return 0;
	return error_set(err, ENOTSUP, "line %ld: <%s>: %s %s has no device '%s'", node_line(dev), node_name(dev),
			 c->caps->binary, c->caps->version, driver);
}

unsigned qemu_position(const struct node *dev)
{
	unsigned n = 0;

	for (const struct node *o = node_child(node_parent(dev), node_name(dev)); o && o != dev;
	     o = node_next(o, node_name(dev)))
		n++;
	return n;
}

char *qemu_audiodev(const struct plan *p, const struct node *dev)
{
	const struct node *audio = node_first(p->domain, "devices/audio");
	const char *id = node_get(dev, "audio/@id");

	if (!id)
		id = node_get(audio, "@id");
	return id ? xasprintf("audio%s", id) : NULL;
}

/* ---- addresses ---- */

const struct address_want *qemu_want_virtio(const struct complete *c, const char *model)
{
	static const struct address_want pcie = { .bus = BUS_PCI, .flags = WANT_PCIE | WANT_HOTPLUG };
	static const struct address_want pci = { .bus = BUS_PCI, .flags = WANT_HOTPLUG };
	static const struct address_want mmio = { .bus = BUS_MMIO };

	if (c->family == MACHINE_MICROVM)
		return &mmio;
	return str_eq(model, "virtio-transitional") ? &pci : &pcie;
}

const struct address_want *qemu_want_pci(void)
{
	static const struct address_want pci = { .bus = BUS_PCI, .flags = WANT_HOTPLUG };

	return &pci;
}

const struct address_want *qemu_want_usb(void)
{
	static const struct address_want usb = { .bus = BUS_USB };

	return &usb;
}

/* ---- after a start ---- */

static int set_down(struct domain *d, const char *alias, struct error *err)
{
	return qmp_call(d, "set_link", json_pack("{s:s, s:b}", "name", alias, "up", 0), NULL, err);
}

/* Across a wait the document may change: names first. */
static int links_down(struct domain *d, struct error *err)
{
	struct vec aliases = { 0 };
	int r = 0;

	for (struct node *n = node_first(domain_live(d), "devices/interface"); n; n = node_next(n, "interface"))
		if (node_is(n, "link/@state", "down"))
			vec_add(&aliases, xstrdup(qemu_alias(n)));
	for (size_t i = 0; r == 0 && i < aliases.n; i++)
		r = set_down(d, aliases.at[i], err);
	vec_clear(&aliases, free);
	return r;
}

static int balloon_reports(struct domain *d, struct error *err)
{
	struct node *n = node_first(domain_live(d), "devices/memballoon");
	uint64_t period = node_u64(n, "stats/@period", 0);
	autofree char *path = NULL;

	if (!n || !period || node_is(n, "@model", "none"))
		return 0;
	path = xasprintf("/machine/peripheral/%s", qemu_alias(n));
	return qmp_call(d, "qom-set",
			json_pack("{s:s, s:s, s:I}", "path", path, "property", "guest-stats-polling-interval", "value",
				  (json_int_t)period),
			NULL, err);
}

/* The live document says where a channel's socket is. */
static void tell_channels(struct domain *d)
{
	autofree char *dir = vm_guest_dir(d);

	for (struct node *n = node_first(domain_live(d), "devices/channel"); n; n = node_next(n, "channel")) {
		autofree char *path = NULL;

		if (!node_is(n, "@type", "unix") || node_has(n, "source/@path"))
			continue;
		path = qemu_channel_path(dir, n);
		node_set(n, "source/@mode", "bind");
		node_set(n, "source/@path", path);
	}
}

int qemu_devices_after_start(struct domain *d, struct error *err)
{
	int r;

	tell_channels(d);
	r = qemu_graphics_after_start(d, err);
	if (r == 0)
		r = links_down(d, err);
	return r < 0 ? r : balloon_reports(d, err);
}
