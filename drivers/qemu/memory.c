/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* -m, the objects that memory comes from, and guest NUMA nodes. */
#include "domain.h"

#define MIB (1024ull * 1024)

int qemu_complete_memory(struct complete *c, struct error *err)
{
	struct node *root = c->domain;
	uint64_t max = node_size(root, "memory", 0), cells = 0;

	for (struct node *n = node_first(root, "cpu/numa/cell"); n; n = node_next(n, "cell")) {
		uint64_t bytes = 0;
		if (!node_has(n, "@id"))
			node_setf(n, "@id", "%u", (unsigned)(node_u64(n, "@id", 0)));
		if (size_parse_unit(str_of(node_get_or(n, "@memory", "")), node_get(n, "@unit"), "KiB", &bytes, err) < 0)
			return error_in(err, -EINVAL, "line %ld: <cell>: memory", node_line(n));
		cells += bytes;
	}
	if (cells) { /* the nodes say how much there is (libvirt: memory becomes their sum) */
		max = cells;
		node_set_size(root, "memory", max);
	}
	if (max < 64 * 1024)
		return error_set(err, EINVAL, "line %ld: <memory>: %llu bytes are too few for any guest: is the unit right (KiB when there is none)?",
				 node_line(node_first(root, "memory")), (unsigned long long)max);
	if (node_size(root, "currentMemory", max) > max)
		node_set_size(root, "currentMemory", max); /* as libvirt does */
	if (!node_has(root, "currentMemory"))
		node_set_size(root, "currentMemory", max);
	if (node_has(root, "maxMemory") != node_has(root, "maxMemory/@slots"))
		return error_set(err, EINVAL, "line %ld: <maxMemory> needs slots='...': how many DIMMs may be plugged", node_line(node_first(root, "maxMemory")));
	if (node_has(root, "maxMemory") && !cells && node_has(root, "devices/memory"))
		return error_set(err, EINVAL, "line %ld: memory devices need at least one <cpu><numa><cell>", node_line(node_first(root, "devices/memory")));
	return 0;
}

/* ---- where memory comes from ---- */

static bool shared(const struct node *root)
{
	return node_is(root, "memoryBacking/access/@mode", "shared");
}

static bool needs_backend(const struct node *root)
{
	return node_has(root, "memoryBacking/hugepages") || node_has(root, "memoryBacking/source") || shared(root) ||
	       node_has(root, "memoryBacking/allocation/@threads");
}

bool qemu_main_backend(const struct plan *p)
{
	return needs_backend(p->domain) && !node_has(p->domain, "cpu/numa/cell");
}

/* The <page> that holds for the guest node CELL; a page without nodeset holds for all. */
static const struct node *page_of(const struct node *root, int64_t cell)
{
	const struct node *all = NULL;

	for (const struct node *n = node_first(root, "memoryBacking/hugepages/page"); n; n = node_next(n, "page")) {
		const char *set = node_get(n, "@nodeset");
		char *end;
		if (!set) {
			all = n;
			continue;
		}
		for (const char *s = set; *s && cell >= 0; s = *end ? end + 1 : end) {
			long from = strtol(s, &end, 10), to = from;
			if (end == s)
				break;
			if (*end == '-')
				to = strtol(end + 1, &end, 10);
			if (cell >= from && cell <= to)
				return n;
		}
	}
	return all;
}

static uint64_t page_bytes(const struct node *page)
{
	uint64_t bytes = 0;

	(void)!size_parse_unit(str_of(node_get_or(page, "@size", "0")), node_get(page, "@unit"), "KiB", &bytes, NULL);
	return bytes;
}

static json_t *backend(const struct plan *p, const char *id, uint64_t size, const struct node *cell)
{
	const struct node *root = p->domain;
	const struct node *page = page_of(root, cell ? (int64_t)node_u64(cell, "@id", 0) : -1);
	bool huge = node_has(root, "memoryBacking/hugepages") && (page || !node_has(root, "memoryBacking/hugepages/page"));
	const char *source = node_get_or(root, "memoryBacking/source/@type", "");
	const char *access = cell && node_has(cell, "@memAccess") ? node_get(cell, "@memAccess") : node_get(root, "memoryBacking/access/@mode");
	json_t *o = json_object();

	if (str_eq(source, "memfd")) {
		props_str(o, "qom-type", "memory-backend-memfd");
		props_str(o, "id", id);
		if (huge) {
			props_bool(o, "hugetlb", true);
			if (page)
				props_int(o, "hugetlbsize", page_bytes(page));
		}
	} else if (huge || str_eq(source, "file")) {
		props_str(o, "qom-type", "memory-backend-file");
		props_str(o, "id", id);
		if (huge)
			props_str(o, "mem-path", page && page_bytes(page) >= 1024 * MIB ? "/dev/hugepages1G" : "/dev/hugepages");
		else
			props_strf(o, "mem-path", "%s/%s", p->run_dir, id);
		if (node_has(root, "memoryBacking/discard") || node_is(cell, "@discard", "yes"))
			props_bool(o, "discard-data", true);
	} else {
		props_str(o, "qom-type", "memory-backend-ram");
		props_str(o, "id", id);
	}
	if (access || str_eq(source, "memfd"))
		props_bool(o, "share", str_eq(access, "shared") || (!access && str_eq(source, "memfd")));
	if (huge || node_is(root, "memoryBacking/allocation/@mode", "immediate"))
		props_bool(o, "prealloc", true);
	if (node_has(root, "memoryBacking/allocation/@threads"))
		props_int(o, "prealloc-threads", node_u64(root, "memoryBacking/allocation/@threads", 1));
	props_int(o, "size", size);
	return o;
}

/* ---- NUMA ---- */

static void numa_cpus(struct buf *out, const char *cpus)
{
	autofree char *copy = xstrdup(cpus);

	for (char *save = NULL, *part = strtok_r(copy, ",", &save); part; part = strtok_r(NULL, ",", &save))
		buf_printf(out, ",cpus=%s", part);
}

static void plan_cells(struct plan *p)
{
	const struct node *root = p->domain;
	unsigned i = 0;

	for (const struct node *n = node_first(root, "cpu/numa/cell"); n; n = node_next(n, "cell"), i++) {
		autofree char *id = xasprintf("ram-node%llu", (unsigned long long)node_u64(n, "@id", i));
		autobuf struct buf words = {0};
		uint64_t bytes = 0;
		(void)!size_parse_unit(str_of(node_get_or(n, "@memory", "0")), node_get(n, "@unit"), "KiB", &bytes, NULL);
		buf_printf(&words, "node,nodeid=%llu", (unsigned long long)node_u64(n, "@id", i));
		numa_cpus(&words, node_get_or(n, "@cpus", ""));
		if (bytes) {
			plan_item(p, ITEM_OBJECT, backend(p, id, bytes, n));
			buf_printf(&words, ",memdev=%s", id);
		}
		plan_option(p, "-numa", "%s", buf_text(&words));
	}
	for (const struct node *n = node_first(root, "cpu/numa/cell"); n; n = node_next(n, "cell"))
		for (const struct node *s = node_first(n, "distances/sibling"); s; s = node_next(s, "sibling"))
			plan_option(p, "-numa", "dist,src=%s,dst=%s,val=%s", node_get_or(n, "@id", "0"), node_get(s, "@id"), node_get(s, "@value"));
}

int qemu_plan_memory(struct plan *p, struct error *err unused)
{
	const struct node *root = p->domain;
	uint64_t bytes = node_size(root, "memory", 0);

	/* whole MiB: QEMU rounds up itself, but says so in other words */
	bytes = (bytes + MIB - 1) / MIB * MIB;
	if (node_has(root, "maxMemory"))
		plan_option(p, "-m", "size=%lluk,slots=%s,maxmem=%lluk", (unsigned long long)(bytes / 1024), node_get_or(root, "maxMemory/@slots", "16"),
			    (unsigned long long)(node_size(root, "maxMemory", 0) / 1024));
	else
		plan_option(p, "-m", "%llu", (unsigned long long)(bytes / MIB));
	if (qemu_main_backend(p))
		plan_item(p, ITEM_OBJECT, backend(p, "pc.ram", bytes, NULL));
	plan_option(p, "-overcommit", "mem-lock=%s", node_has(root, "memoryBacking/locked") ? "on" : "off");
	return 0;
}

int qemu_plan_numa(struct plan *p)
{
	plan_cells(p);
	return 0;
}
