/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <shmem> for QEMU: ivshmem over a file in /dev/shm (plain) or with a server (doorbell). */
#include "devices.h"
#include "storage.h"

static int complete(struct complete *c, struct node *n, struct error *err)
{
	if (!node_has(n, "model/@type"))
		node_set(n, "model/@type", node_has(n, "server") ? "ivshmem-doorbell" : "ivshmem-plain");
	return qemu_need(c, n, node_get(n, "model/@type"), err);
}

static const struct address_want *address(struct complete *c unused, const struct node *n unused)
{
	return qemu_want_pci();
}

static uint64_t bytes_of(const struct node *n)
{
	uint64_t bytes = 4u << 20;

	if (node_has(n, "size"))
		(void)!size_parse_unit(str_of(node_get(n, "size")), node_get(n, "size/@unit"), "bytes", &bytes, NULL);
	return bytes;
}

static void plan_plain(struct plan *p, const struct node *n, json_t *props)
{
	autofree char *id = xasprintf("shmmem-%s", qemu_alias(n));
	autofree char *path = xasprintf("/dev/shm/%s", node_get_or(n, "@name", ""));
	json_t *o = json_object();

	props_str(o, "qom-type", "memory-backend-file");
	props_str(o, "id", id);
	props_str(o, "mem-path", path); /* opened by open(2), not as an fdset: refuse.c */
	props_int(o, "size", bytes_of(n));
	props_bool(o, "share", true);
	plan_item(p, ITEM_OBJECT, o);
	props_str(props, "memdev", id);
	if (node_has(n, "@role"))
		props_str(props, "master", node_is(n, "@role", "master") ? "on" : "off");
}

static void plan_doorbell(struct plan *p, const struct node *n, json_t *props)
{
	autofree char *id = xasprintf("char%s", qemu_alias(n));
	autofree char *dflt = xasprintf("/var/lib/libvirt/shmem-%s-sock", node_get_or(n, "@name", ""));
	const char *text = plan_file(p, FILE_CONNECT, node_get_or(n, "server/@path", dflt), 0, "shared memory '%s'",
				     node_get_or(n, "@name", ""));
	json_t *addr = p->dry ? json_pack("{s:s,s:{s:s}}", "type", "unix", "data", "path", text)
			      : json_pack("{s:s,s:{s:s}}", "type", "fd", "data", "str", text);

	plan_item(p, ITEM_CHARDEV,
		  json_pack("{s:s,s:{s:s,s:{s:o,s:b}}}", "id", id, "backend", "type", "socket", "data", "addr", addr,
			    "server", 0));
	props_str(props, "chardev", id);
	if (node_has(n, "msi/@vectors"))
		props_int(props, "vectors", node_u64(n, "msi/@vectors", 1));
	props_onoff(props, "ioeventfd", node_get(n, "msi/@ioeventfd"));
	if (node_has(n, "@role"))
		props_str(props, "master", node_is(n, "@role", "master") ? "on" : "off");
}

static int plan(struct plan *p, const struct node *n, struct error *err)
{
	json_t *props;

	if (!node_is(n, "address/@type", "pci"))
		return error_set(err, ENOTSUP, "line %ld: <shmem>: address type '%s' does not fit: expected type='pci'",
				 node_line(n), node_get_or(n, "address/@type", ""));
	props = json_object();
	props_str(props, "driver", node_get(n, "model/@type"));
	props_str(props, "id", qemu_alias(n));
	if (node_is(n, "model/@type", "ivshmem-doorbell"))
		plan_doorbell(p, n, props);
	else
		plan_plain(p, n, props);
	return qemu_plan_props(p, n, props, 0, err);
}

const struct qemu_kind qemu_shmem_kind = {
	.schema = &shmem_schema,
	.rows = (const struct qemu_row[]){ E("@name"),
					   E("@role"),
					   E("model/@type"),
					   E("size"),
					   E("server/@path"),
					   E("msi"),
					   E("msi/@vectors"),
					   E("msi/@ioeventfd"),
					   E("acpi/@index"),
					   { 0 } },
	.device = "shmem",
	.alias = "shmem",
	.complete = complete,
	.address = address,
	.plan = plan,
};
