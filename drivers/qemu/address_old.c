/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A new definition of the same machine: what it leaves out of addresses stays as the old one had it, so that the guest finds its devices
 * where they were.  The bridges and ports that we added then come along.  What the new definition says itself always wins.
 */
#include "address.h"

/* What makes a device the same one in two definitions. */
static const struct {
	const char *element;
	const char *paths[4];
} identity[] = {
	{ "disk", { "target/@dev", "target/@bus" } },
	{ "interface", { "mac/@address", "model/@type" } },
	{ "controller", { "@type", "@index", "@model" } },
	{ "memory", { "@model", "source/path" } },
	{ "hostdev", { "@type" } },
	{ "video", { "model/@type" } },
	{ "input", { "@type", "@bus" } },
	{ "filesystem", { "target/@dir" } },
	{ "shmem", { "@name" } },
};

static bool same(const struct node *a, const struct node *b)
{
	for (size_t i = 0; i < ARRAY_SIZE(identity); i++) {
		if (!str_eq(identity[i].element, node_name(a)))
			continue;
		for (int k = 0; k < 4 && identity[i].paths[k]; k++)
			if (!str_eq(node_get(a, identity[i].paths[k]), node_get(b, identity[i].paths[k])))
				return false;
		return true;
	}
	return str_eq(node_get(a, "@model"), node_get(b, "@model")) &&
	       str_eq(node_get(a, "@type"), node_get(b, "@type")) &&
	       str_eq(node_get(a, "target/@name"), node_get(b, "target/@name"));
}

/* The Nth twin in the old definition of the Nth one in the new. */
static const struct node *twin(const struct node *old_devices, const struct node *dev)
{
	const char *name = node_name(dev);
	const char *alias = node_get(dev, "alias/@name");
	unsigned nth = 0;

	for (const struct node *n = node_child(node_parent(dev), name); n && n != dev; n = node_next(n, name))
		nth += same(n, dev);
	for (const struct node *n = node_child(old_devices, name); n; n = node_next(n, name)) {
		if (alias && node_is(n, "alias/@name", alias))
			return n;
		if (!alias && same(n, dev) && nth-- == 0)
			return n;
	}
	return NULL;
}

static bool has_own_bridges(const struct complete *c)
{
	for (const struct node *n = node_first(c->domain, "devices/controller"); n; n = node_next(n, "controller"))
		if (node_is(n, "@type", "pci") && node_u64(n, "@index", 0) > 0)
			return true;
	return false;
}

/* Two addresses are one place. */
static bool same_place(const struct node *a, const struct node *b)
{
	static const char *const numbers[] = { "@bus", "@slot", "@function", "@controller", "@target", "@unit", NULL };

	if (!str_eq(node_get(a, "@type"), node_get(b, "@type")) || !str_eq(node_get(a, "@port"), node_get(b, "@port")))
		return false;
	for (int i = 0; numbers[i]; i++)
		if (node_u64(a, numbers[i], 0) != node_u64(b, numbers[i], 0))
			return false;
	return true;
}

/* Has a device of the new definition this address? */
static bool is_written(const struct complete *c, const struct node *address)
{
	for (const struct node *n = node_child(node_first(c->domain, "devices"), NULL); n; n = node_next(n, NULL))
		if (node_child(n, "address") && node_child(n, "address") != address &&
		    same_place(node_child(n, "address"), address))
			return true;
	return false;
}

static void bring_bridges(struct complete *c)
{
	for (const struct node *n = node_first(c->old, "devices/controller"); n; n = node_next(n, "controller")) {
		struct node *bridge;

		if (!node_is(n, "@type", "pci") || node_u64(n, "@index", 0) == 0)
			continue;
		bridge = node_replace(qemu_add_controller(c, "pci", node_u64(n, "@index", 0), NULL), n);
		if (node_child(bridge, "address") && is_written(c, node_child(bridge, "address")))
			node_remove(node_child(bridge, "address"));
	}
}

static bool fits(const struct complete *c, const struct node *dev, const struct node *address)
{
	unsigned bus = node_u64(address, "@bus", 0);

	if (is_written(c, address))
		return false;
	if (node_is(address, "@type", "pci"))
		return bus == 0 || qemu_controller(c->domain, "pci", bus);
	if (node_is(address, "@type", "usb"))
		return node_first(c->domain, "devices/hub") || !strchr(node_get_or(address, "@port", ""), '.');
	return !node_is(address, "@type", "drive") || !str_eq(node_name(dev), "disk");
}

static bool same_machine(const struct complete *c)
{
	return c->old && str_eq(node_get(c->old, "os/type/@machine"), node_get(c->domain, "os/type/@machine")) &&
	       str_eq(node_get(c->old, "os/type/@arch"), node_get(c->domain, "os/type/@arch"));
}

void qemu_reuse_addresses(struct complete *c)
{
	const struct node *old_devices = c->old ? node_first(c->old, "devices") : NULL;

	if (!same_machine(c) || !old_devices)
		return;
	if (!has_own_bridges(c))
		bring_bridges(c);
	for (struct node *dev = node_child(node_first(c->domain, "devices"), NULL); dev; dev = node_next(dev, NULL)) {
		const struct node *old = node_child(dev, "address") ? NULL : twin(old_devices, dev);
		const struct node *address = node_child(old, "address");

		if (address && want_of(c, dev) && fits(c, dev, address))
			node_import(dev, address);
	}
}
