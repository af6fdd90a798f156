/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Guest NUMA nodes, their distances and memory attributes, and the host nodes that memory is taken from. */
#include <stdio.h>
#include <unistd.h>

#include "domain.h"

bool qemu_in_set(const char *set, int64_t number)
{
	bool in = false;
	char *end;

	for (const char *s = set; s && *s; s = *end ? end + 1 : end) {
		bool not = *s == '^';
		long from = strtol(s + not, &end, 10), to = from;
		if (end == s + not )
			break;
		if (*end == '-')
			to = strtol(end + 1, &end, 10);
		if (number >= from && number <= to)
			in = !not ;
	}
	return in;
}

/* ---- host nodes ---- */

static const struct node *memnode_of(const struct node *root, int64_t cell)
{
	for (const struct node *n = node_first(root, "numatune/memnode"); n; n = node_next(n, "memnode"))
		if (cell >= 0 && (int64_t)node_u64(n, "@cellid", 0) == cell)
			return n;
	return NULL;
}

/* Where the memory of guest node CELL (-1: there are none) is to come from; NULL when it is not said. */
static const char *host_set(const struct node *root, int64_t cell, const char **mode)
{
	const struct node *n = memnode_of(root, cell);

	if (!n)
		n = node_first(root, "numatune/memory");
	*mode = node_get_or(n, "@mode", "strict");
	return node_get(n, "@nodeset");
}

bool qemu_has_host_nodes(const struct node *root, int64_t cell)
{
	const char *mode, *set = host_set(root, cell, &mode);

	return set && !str_eq(mode, "restrictive");
}

void qemu_add_host_nodes(const struct plan *p, json_t *backend, int64_t cell)
{
	const char *mode, *set = host_set(p->domain, cell, &mode);
	json_t *nodes = json_array();

	for (int i = 0; set && i < 1024; i++)
		if (qemu_in_set(set, i))
			json_array_append_new(nodes, json_integer(i));
	if (!json_array_size(nodes) || str_eq(mode, "restrictive")) {
		json_decref(nodes);
		return;
	}
	json_object_set_new(backend, "host-nodes", nodes);
	props_str(backend, "policy", str_eq(mode, "strict") ? "bind" : mode);
}

/* Host nodes that this host does not have. */
static int check_host_set(const struct node *n, struct error *err)
{
	for (int i = 0; i < 1024; i++) {
		char path[64];
		snprintf(path, sizeof(path), "/sys/devices/system/node/node%d", i);
		if (qemu_in_set(node_get(n, "@nodeset"), i) && access(path, F_OK) < 0)
			return error_set(err, ENXIO, "line %ld: <%s nodeset='%s'>: this host has no NUMA node %d",
					 node_line(n), node_name(n), node_get(n, "@nodeset"), i);
	}
	return 0;
}

int qemu_check_host_nodes(const struct node *root, struct error *err)
{
	const struct node *n = node_first(root, "numatune/memory");
	int r = n ? check_host_set(n, err) : 0;

	for (n = node_first(root, "numatune/memnode"); r == 0 && n; n = node_next(n, "memnode"))
		r = check_host_set(n, err);
	return r;
}

/* ---- what a definition may say ---- */

static int check_cell_cpus(const struct node *root, const struct node *cell, struct error *err)
{
	const char *cpus = node_get_or(cell, "@cpus", "");
	uint64_t vcpus = node_u64(root, "vcpu", 1);

	for (int64_t i = 0; i < 65536; i++) {
		if (!qemu_in_set(cpus, i))
			continue;
		if ((uint64_t)i >= vcpus)
			return error_set(err, EINVAL,
					 "line %ld: <cell cpus='%s'>: there is no vCPU %lld: <vcpu> says %llu",
					 node_line(cell), cpus, (long long)i, (unsigned long long)vcpus);
		for (const struct node *o = node_next(cell, "cell"); o; o = node_next(o, "cell"))
			if (qemu_in_set(node_get(o, "@cpus"), i))
				return error_set(
					err, EINVAL,
					"line %ld: <cell cpus='%s'>: vCPU %lld is in the cell of line %ld as well",
					node_line(o), node_get(o, "@cpus"), (long long)i, node_line(cell));
	}
	return 0;
}

/* Where host nodes are not named, somebody is to say them: placement='auto'. */
static void complete_numatune(struct node *root)
{
	bool vcpus = node_is(root, "vcpu/@placement", "auto");

	if (vcpus && !node_has(root, "numatune")) {
		node_set(root, "numatune/memory/@mode", "strict");
		node_set(root, "numatune/memory/@placement", "auto");
	}
	if (!node_has(root, "numatune/memory") || node_has(root, "numatune/memory/@placement"))
		return;
	if (node_has(root, "numatune/memory/@nodeset"))
		return;
	node_set(root, "numatune/memory/@placement", "auto");
}

int qemu_check_numa(struct complete *c, struct error *err)
{
	struct node *root = c->domain;
	uint64_t cells = node_count(root, "cpu/numa/cell");
	const struct node *m = node_first(root, "numatune/memory");

	complete_numatune(root);
	for (const struct node *n = node_first(root, "cpu/numa/cell"); n; n = node_next(n, "cell")) {
		int r = check_cell_cpus(root, n, err);
		if (r < 0)
			return r;
		for (const struct node *s = node_first(n, "distances/sibling"); s; s = node_next(s, "sibling"))
			if (node_u64(s, "@id", 0) >= cells)
				return error_set(err, EINVAL, "line %ld: <sibling id='%s'>: there is no such cell",
						 node_line(s), node_get(s, "@id"));
	}
	if (m && node_has(m, "@nodeset") && node_is(m, "@placement", "auto"))
		return error_set(err, EINVAL,
				 "line %ld: <numatune><memory>: nodeset and placement='auto' exclude each other",
				 node_line(m));
	if (m && !node_has(m, "@nodeset") && node_is(m, "@placement", "static"))
		return error_set(err, EINVAL, "line %ld: <numatune><memory placement='static'> needs nodeset='...'",
				 node_line(m));
	for (const struct node *n = node_first(root, "numatune/memnode"); n; n = node_next(n, "memnode")) {
		if (node_u64(n, "@cellid", 0) >= cells)
			return error_set(err, EINVAL, "line %ld: <memnode cellid='%s'>: there is no such cell",
					 node_line(n), node_get(n, "@cellid"));
		if (memnode_of(root, node_u64(n, "@cellid", 0)) != n)
			return error_set(err, EINVAL, "line %ld: <memnode cellid='%s'> is given twice", node_line(n),
					 node_get(n, "@cellid"));
		if (node_is(n, "@mode", "restrictive") != (m && node_is(m, "@mode", "restrictive")) && m)
			return error_set(err, EINVAL,
					 "line %ld: <memnode>: mode 'restrictive' is for all of <numatune> or none",
					 node_line(n));
	}
	return 0;
}

/* ---- -numa ---- */

static void numa_cpus(struct buf *out, const char *cpus)
{
	autofree char *copy = xstrdup(cpus);

	for (char *save = NULL, *part = strtok_r(copy, ",", &save); part; part = strtok_r(NULL, ",", &save))
		buf_printf(out, ",cpus=%s", part);
}

/* The node whose CPUs reach the memory of CELL best: its own, else the least latency, else the first that has CPUs. */
static uint64_t initiator_of(const struct node *root, const struct node *cell)
{
	uint64_t id = node_u64(cell, "@id", 0), best = UINT64_MAX, found = UINT64_MAX;

	if (node_has(cell, "@cpus"))
		return id;
	for (const struct node *l = node_first(root, "cpu/numa/interconnects/latency"); l;
	     l = node_next(l, "latency")) {
		if (node_u64(l, "@target", UINT64_MAX) != id || node_u64(l, "@cache", 0) ||
		    node_u64(l, "@value", 0) >= best)
			continue;
		best = node_u64(l, "@value", 0);
		found = node_u64(l, "@initiator", 0);
	}
	for (const struct node *n = node_first(root, "cpu/numa/cell"); n && found == UINT64_MAX;
	     n = node_next(n, "cell"))
		if (node_has(n, "@cpus"))
			found = node_u64(n, "@id", 0);
	return found == UINT64_MAX ? 0 : found;
}

bool qemu_has_hmat(const struct node *root)
{
	if (node_has(root, "cpu/numa/interconnects"))
		return true;
	for (const struct node *n = node_first(root, "cpu/numa/cell"); n; n = node_next(n, "cell"))
		if (node_has(n, "cache"))
			return true;
	return false;
}

static void plan_cells(struct plan *p)
{
	const struct node *root = p->domain;

	for (const struct node *n = node_first(root, "cpu/numa/cell"); n; n = node_next(n, "cell")) {
		autofree char *id = xasprintf("ram-node%llu", (unsigned long long)node_u64(n, "@id", 0));
		uint64_t bytes = qemu_cell_bytes(n);
		autobuf struct buf words = { 0 };
		buf_printf(&words, "node,nodeid=%llu", (unsigned long long)node_u64(n, "@id", 0));
		numa_cpus(&words, node_get_or(n, "@cpus", ""));
		if (qemu_has_hmat(root))
			buf_printf(&words, ",initiator=%llu", (unsigned long long)initiator_of(root, n));
		if (bytes) {
			plan_item(p, ITEM_OBJECT, qemu_memory_backend(p, id, bytes, n));
			buf_printf(&words, ",memdev=%s", id);
		}
		plan_option(p, "-numa", "%s", buf_text(&words));
	}
}

static void plan_distances(struct plan *p)
{
	for (const struct node *n = node_first(p->domain, "cpu/numa/cell"); n; n = node_next(n, "cell"))
		for (const struct node *s = node_first(n, "distances/sibling"); s; s = node_next(s, "sibling"))
			plan_option(p, "-numa", "dist,src=%s,dst=%s,val=%s", node_get_or(n, "@id", "0"),
				    node_get(s, "@id"), node_get(s, "@value"));
}

static uint64_t sized(const struct node *n, const char *value, const char *unit, const char *deflt)
{
	uint64_t bytes = 0;

	(void)!size_parse_unit(str_of(node_get_or(n, value, "0")), node_get(n, unit), deflt, &bytes, NULL);
	return bytes;
}

/* One <latency> or <bandwidth>. */
static void plan_link(struct plan *p, const struct node *n)
{
	static const char *const levels[] = { "memory", "first-level", "second-level", "third-level" };
	uint64_t cache = node_u64(n, "@cache", 0);
	bool latency = str_eq(node_name(n), "latency");
	autobuf struct buf words = { 0 };

	buf_printf(&words, "hmat-lb,initiator=%s,target=%s,hierarchy=%s,data-type=%s-%s",
		   node_get_or(n, "@initiator", "0"), node_get_or(n, "@target", "0"),
		   levels[cache < ARRAY_SIZE(levels) ? cache : 0], node_get_or(n, "@type", "access"), node_name(n));
	if (latency)
		buf_printf(&words, ",latency=%s", node_get_or(n, "@value", "0"));
	else
		buf_printf(&words, ",bandwidth=%lluK", (unsigned long long)(sized(n, "@value", "@unit", "KiB") / 1024));
	plan_option(p, "-numa", "%s", buf_text(&words));
}

static void plan_cache(struct plan *p, const struct node *cell, const struct node *cache)
{
	const char *associativity = node_get_or(cache, "@associativity", "none");
	const char *policy = node_get_or(cache, "@policy", "none");

	plan_option(p, "-numa", "hmat-cache,node-id=%s,size=%lluK,level=%s,associativity=%s,policy=%s,line=%llu",
		    node_get_or(cell, "@id", "0"),
		    (unsigned long long)(sized(cache, "size/@value", "size/@unit", "KiB") / 1024),
		    node_get_or(cache, "@level", "1"), str_eq(associativity, "full") ? "complex" : associativity,
		    str_eq(policy, "writeback")	     ? "write-back"
		    : str_eq(policy, "writethrough") ? "write-through"
						     : policy,
		    (unsigned long long)sized(cache, "line/@value", "line/@unit", "bytes"));
}

int qemu_plan_numa(struct plan *p)
{
	const struct node *root = p->domain;
	const struct node *links = node_first(root, "cpu/numa/interconnects");

	plan_cells(p);
	plan_distances(p);
	for (const struct node *n = node_child(links, NULL); n; n = node_next(n, NULL))
		plan_link(p, n);
	for (const struct node *n = node_first(root, "cpu/numa/cell"); n; n = node_next(n, "cell"))
		for (const struct node *c = node_child(n, "cache"); c; c = node_next(c, "cache"))
			plan_cache(p, n, c);
	return 0;
}
