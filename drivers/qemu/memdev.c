/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <memory> devices for QEMU: DIMMs, NVDIMMs, virtio-mem and virtio-pmem, each an object that holds it and a device that shows it. */
#include "devices.h"
#include "storage.h"

#define MIB (1024ull * 1024)

static bool is(const struct node *n, const char *model)
{
	return node_is(n, "@model", model);
}

static int complete(struct complete *c, struct node *n, struct error *err)
{
	uint64_t size = node_size(n, "target/size", 0);

	if (is(n, "virtio-pmem") || is(n, "virtio-mem")) {
		if (qemu_need(c, n, is(n, "virtio-mem") ? "virtio-mem-pci" : "virtio-pmem-pci", err) < 0)
			return -ENOTSUP;
	} else if (node_has(n, "target/address")) {
		return error_set(
			err, ENOTSUP,
			"line %ld: <memory model='%s'>: the base of a DIMM goes into its own <address type='dimm' base=>",
			node_line(n), node_get_or(n, "@model", ""));
	}
	if (!node_has(c->domain, "maxMemory") || !node_has(c->domain, "cpu/numa/cell"))
		return error_set(
			err, EINVAL,
			"line %ld: <memory> devices need <maxMemory slots='...'> and at least one <cpu><numa><cell>",
			node_line(n));
	if (size % MIB)
		node_set_size(n, "target/size", (size + MIB - 1) / MIB * MIB); /* modules are whole MiB */
	if (!is(n, "virtio-pmem") && !node_has(n, "target/node"))
		return error_set(err, EINVAL, "line %ld: <memory> needs <node> in its <target>: the guest's NUMA node",
				 node_line(n));
	return 0;
}

static const struct address_want *address(struct complete *c, const struct node *n)
{
	static const struct address_want dimm = { .bus = BUS_DIMM }, pci = { BUS_PCI, WANT_PCIE | WANT_HOTPLUG, 0, 0 };

	(void)c;
	return is(n, "virtio-pmem") || is(n, "virtio-mem") ? &pci : &dimm;
}

static char *name_it(struct complete *c, const struct node *n)
{
	const char *prefix = is(n, "virtio-mem")    ? "virtiomem"
			     : is(n, "virtio-pmem") ? "virtiopmem"
						    : node_get_or(n, "@model", "dimm");
	unsigned nth = 0;

	if (is(n, "dimm") || is(n, "nvdimm"))
		return xasprintf("%s%llu", prefix, (unsigned long long)node_u64(n, "address/@slot", 0));
	for (const struct node *o = node_first(c->domain, "devices/memory"); o && o != n; o = node_next(o, "memory"))
		nth += is(o, node_get_or(n, "@model", ""));
	return xasprintf("%s%u", prefix, nth);
}

/* "1-3,^2,5" as [1, 3, 5]. */
static json_t *cpuset(const char *text)
{
	bool in[1024] = { false };
	json_t *list = json_array();

	for (const char *s = text; *s;) {
		bool not = *s == '^';
		char *end;
		unsigned long from = strtoul(s + not, &end, 10), to = *end == '-' ? strtoul(end + 1, &end, 10) : from;

		for (; from <= to && from < ARRAY_SIZE(in); from++)
			in[from] = !not ;
		s = *end ? end + 1 : end;
	}
	for (size_t i = 0; i < ARRAY_SIZE(in); i++)
		if (in[i])
			json_array_append_new(list, json_integer((json_int_t)i));
	return list;
}

static void emit_nodes(struct plan *p, const struct node *n, const char *id, bool prealloc, json_t *o)
{
	const char *mask = node_get(n, "source/nodemask");
	autofree char *context = xasprintf("tc-%s", id);

	if (!mask)
		return;
	if (prealloc && qemu_has(p->caps, "thread-context")) {
		json_t *tc = json_pack("{s:s,s:s}", "qom-type", "thread-context", "id", context);

		json_object_set_new(tc, "node-affinity", cpuset(mask));
		plan_item(p, ITEM_OBJECT, tc);
		props_str(o, "prealloc-context", context);
	}
	json_object_set_new(o, "host-nodes", cpuset(mask));
	props_str(o, "policy", "bind");
}

static void plan_file_backend(const struct node *n, json_t *o, bool *prealloc)
{
	bool ro = node_has(n, "target/readonly"), pmem = node_has(n, "source/pmem");
	bool shared = is(n, "virtio-pmem") || node_is(n, "@access", "shared");

	*prealloc = is(n, "nvdimm") && !pmem && !ro;
	props_str(o, "qom-type", "memory-backend-file");
	props_str(o, "mem-path", node_get_or(n, "source/path", "")); /* opened by open(2), not as an fdset: refuse.c */
	if (shared || node_has(n, "@access"))
		props_bool(o, "share", shared);
	if (pmem)
		props_bool(o, "pmem", true);
	if (ro)
		props_bool(o, "readonly", true);
	if (node_has(n, "source/alignsize"))
		props_int(o, "align", node_size(n, "source/alignsize", 0));
}

static void plan_ram_backend(struct plan *p, const struct node *n, json_t *o, bool *prealloc)
{
	uint64_t page = node_size(n, "source/pagesize", 0);
	const char *access = node_get(n, "@access");
	bool huge = page > 4096 || (!page && node_has(p->domain, "memoryBacking/hugepages"));
	bool memfd = huge || node_is(p->domain, "memoryBacking/source/@type", "memfd");

	*prealloc = huge || node_is(p->domain, "memoryBacking/allocation/@mode", "immediate");
	props_str(o, "qom-type", memfd ? "memory-backend-memfd" : "memory-backend-ram");
	if (huge)
		props_bool(o, "hugetlb", true);
	if (huge && page)
		props_int(o, "hugetlbsize", page);
	if (!access)
		access = node_get(p->domain, "memoryBacking/access/@mode");
	if (access || memfd)
		props_bool(o, "share", access ? str_eq(access, "shared") : true);
	if (is(n, "virtio-mem") && !*prealloc)
		props_bool(o, "reserve", false);
}

static void plan_backend(struct plan *p, const struct node *n, const char *id)
{
	json_t *o = json_object();
	bool prealloc;

	if (is(n, "nvdimm") || is(n, "virtio-pmem"))
		plan_file_backend(n, o, &prealloc);
	else
		plan_ram_backend(p, n, o, &prealloc);
	props_str(o, "id", id);
	if (prealloc && !is(n, "virtio-mem"))
		props_bool(o, "prealloc", true);
	/* only a file has content that can be thrown away */
	if (node_yes(n, "@discard") &&
	    str_eq(json_string_value(json_object_get(o, "qom-type")), "memory-backend-file") && !is(n, "nvdimm"))
		props_bool(o, "discard-data", true);
	props_int(o, "size", node_size(n, "target/size", 0));
	emit_nodes(p, n, id, prealloc, o);
	plan_item(p, ITEM_OBJECT, o);
}

static void emit_size(const struct node *n, const char *path, json_t *props, const char *key)
{
	if (node_has(n, path))
		props_int(props, key, node_size(n, path, 0));
}

static int plan(struct plan *p, const struct node *n, struct error *err)
{
	static const char *const qemu_drivers[][2] = { { "dimm", "pc-dimm" },
						       { "nvdimm", "nvdimm" },
						       { "virtio-mem", "virtio-mem-pci" },
						       { "virtio-pmem", "virtio-pmem-pci" } };
	autofree char *id = xasprintf("mem%s", qemu_alias(n));
	json_t *props = json_object();

	plan_backend(p, n, id);
	for (size_t i = 0; i < ARRAY_SIZE(qemu_drivers); i++)
		if (is(n, qemu_drivers[i][0]))
			props_str(props, "driver", qemu_drivers[i][1]);
	if (node_has(n, "target/node"))
		props_int(props, "node", node_u64(n, "target/node", 0));
	emit_size(n, "target/label/size", props, "label-size");
	if (is(n, "nvdimm") && node_has(n, "target/readonly"))
		props_bool(props, "unarmed", true);
	props_str(props, "uuid", is(n, "nvdimm") ? node_get(n, "uuid") : NULL);
	if (is(n, "virtio-mem")) {
		emit_size(n, "target/block", props, "block-size");
		emit_size(n, "target/requested", props, "requested-size");
	}
	if (node_has(n, "target/address/@base"))
		props_int(props, "memaddr", node_u64(n, "target/address/@base", 0));
	props_str(props, "memdev", id);
	props_str(props, "id", qemu_alias(n));
	return qemu_plan_props(p, n, props, 0, err);
}

static const char *const qemu_models[] = { "dimm", "nvdimm", "virtio-mem", "virtio-pmem", NULL };

const struct qemu_kind qemu_memdev_kind = {
	.schema = &memdev_schema,
	.rows = (const struct qemu_row[]){ { "@model", .elsewhere = true, .only = qemu_models },
					   E("@access"),
					   E("@discard"),
					   E("uuid"),
					   E("source/pagesize"),
					   E("source/nodemask"),
					   E("source/path"),
					   E("source/alignsize"),
					   E("source/pmem"),
					   E("target/size"),
					   E("target/node"),
					   E("target/block"),
					   E("target/requested"),
					   E("target/label/size"),
					   E("target/readonly"),
					   E("target/address/@base"),
					   E("acpi/@index"),
					   { 0 } },
	.device = "memory",
	.complete = complete,
	.name_it = name_it,
	.address = address,
	.plan = plan,
};
