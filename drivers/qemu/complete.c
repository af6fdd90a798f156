/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A definition becomes a complete one: machine-level defaults first, then each device's own, then addresses, then aliases, which may come from
 * addresses.  Nothing here waits or touches the outside but for the binary's capabilities, which are remembered.
 */
#include "devices.h"
#include "domain.h"

static int complete_devices(struct complete *c, struct error *err)
{
	struct node *next;
	int r = 0;

	/* a kind may add further devices behind the one it looks at */
	for (struct node *n = node_child(node_first(c->domain, "devices"), NULL); n && r == 0; n = next) {
		const struct qemu_kind *kind = qemu_kind_of_element(node_name(n));
		next = node_next(n, NULL);
		if (kind && kind->complete)
			r = kind->complete(c, n, err);
		if (!next)
			next = node_next(n, NULL);
	}
	return r;
}

/* ---- aliases ---- */

static void drop_twins(struct complete *c, struct hash *taken)
{
	for (struct node *n = node_child(node_first(c->domain, "devices"), NULL); n; n = node_next(n, NULL)) {
		const char *alias = node_get(n, "alias/@name");
		if (!alias)
			continue;
		if (!*alias || hash_get(taken, alias))
			node_set(n, "alias/@name", NULL);
		else
			hash_put(taken, alias, n);
	}
}

static char *counted(const char *prefix, struct hash *taken)
{
	for (unsigned i = 0;; i++) {
		char *name = xasprintf("%s%u", prefix, i);
		if (!hash_get(taken, name))
			return name;
		free(name);
	}
}

static void name_devices(struct complete *c)
{
	struct hash *taken = hash_new();

	drop_twins(c, taken);
	for (struct node *n = node_child(node_first(c->domain, "devices"), NULL); n; n = node_next(n, NULL)) {
		const struct qemu_kind *kind = qemu_kind_of_element(node_name(n));
		autofree char *name = NULL;
		if (!kind || node_has(n, "alias/@name"))
			continue;
		if (kind->name_it)
			name = kind->name_it(c, n);
		if (name && hash_get(taken, name)) {
			free(name);
			name = NULL;
		}
		if (!name && kind->alias)
			name = counted(kind->alias, taken);
		if (!name)
			continue;
		node_set(n, "alias/@name", name);
		hash_put(taken, name, n);
	}
	hash_free(taken);
}

const char *qemu_alias(const struct node *dev)
{
	return node_get_or(dev, "alias/@name", "");
}

/* ---- all of it ---- */

/* What holds when nothing is said. */
static void complete_rest(struct node *root)
{
	static const struct {
		const char *path, *value;
	} defaults[] = {
		{ "clock/@offset", "utc" },
		{ "on_poweroff", "destroy" },
		{ "on_reboot", "restart" },
		{ "on_crash", "destroy" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
		if (!node_has(root, defaults[i].path))
			node_set(root, defaults[i].path, defaults[i].value);
	if (!node_has(root, "vcpu/@placement"))
		node_set(root, "vcpu/@placement",
			 node_is(root, "numatune/memory/@placement", "auto") && !node_has(root, "vcpu/@cpuset")
				 ? "auto"
				 : "static");
	if (node_is(root, "genid", "")) { /* <genid/>: one that we make */
		char uuid[UUID_TEXT];
		uuid_random(uuid);
		node_set(root, "genid", uuid);
	}
}

static int machine_level(struct complete *c, struct error *err)
{
	static int (*const steps[])(struct complete * c, struct error * err) = {
		qemu_complete_machine,	qemu_complete_memory, qemu_check_numa,	qemu_complete_cpu,
		qemu_complete_features, qemu_check_os,	      qemu_check_clock, qemu_check_smbios,
		qemu_complete_firmware, qemu_check_tuning,
	};
	int r = 0;

	if (!node_has(c->domain, "vcpu"))
		node_set(c->domain, "vcpu", "1");
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(steps); i++)
		r = steps[i](c, err);
	complete_rest(c->domain);
	node_make(c->domain, "devices");
	return r;
}

int qemu_complete(struct doc *full, const struct doc *old, struct error *err)
{
	struct complete c = { .domain = doc_root(full), .old = old ? doc_root(old) : NULL };
	int r = qemu_map_check(c.domain, err);

	if (r == 0)
		r = machine_level(&c, err);
	if (r == 0)
		r = qemu_add_implicit_devices(&c, err);
	if (r == 0)
		r = complete_devices(&c, err);
	if (r == 0)
		r = qemu_assign_addresses(&c, err);
	if (r == 0)
		name_devices(&c);
	return r;
}
