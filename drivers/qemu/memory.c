/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* -m, and the objects that memory comes from. */
#include <fcntl.h>
#include <unistd.h>

#include "domain.h"

#define MIB (1024ull * 1024)

static uint64_t whole_mib(uint64_t bytes)
{
	return (bytes + MIB - 1) / MIB * MIB;
}

/* QEMU's machines take whole MiB; the definition keeps what the user wrote. */
uint64_t qemu_cell_bytes(const struct node *cell)
{
	uint64_t bytes = 0;

	(void)!size_parse_unit(str_of(node_get_or(cell, "@memory", "0")), node_get(cell, "@unit"), "KiB", &bytes, NULL);
	return whole_mib(bytes);
}

/* ---- completion ---- */

static uint64_t pluggable_bytes(const struct node *root)
{
	uint64_t sum = 0;

	for (const struct node *n = node_first(root, "devices/memory"); n; n = node_next(n, "memory"))
		sum += node_size(n, "target/size", 0);
	return sum;
}

/* The guest nodes say how much there is: <memory> becomes their sum and that of the memory devices. */
static int complete_cells(struct node *root, struct error *err)
{
	uint64_t sum = 0, bytes;
	unsigned i = 0;

	for (struct node *n = node_first(root, "cpu/numa/cell"); n; n = node_next(n, "cell"), i++) {
		if (!node_has(n, "@id"))
			node_setf(n, "@id", "%u", i);
		if (size_parse_unit(str_of(node_get_or(n, "@memory", "")), node_get(n, "@unit"), "KiB", &bytes, err) <
		    0)
			return error_in(err, -EINVAL, "line %ld: <cell>: memory", node_line(n));
		sum += bytes;
	}
	if (i)
		node_set_size(root, "memory", sum + pluggable_bytes(root));
	return 0;
}

static int check_hotplug(const struct node *root, uint64_t memory, struct error *err)
{
	const struct node *max = node_first(root, "maxMemory");

	if (!max && node_has(root, "devices/memory"))
		return error_set(err, EINVAL,
				 "line %ld: memory devices need a <maxMemory>: how far memory can be plugged",
				 node_line(node_first(root, "devices/memory")));
	if (!max)
		return 0;
	if (!node_has(root, "cpu/numa/cell"))
		return error_set(
			err, EINVAL,
			"line %ld: <maxMemory> needs a guest NUMA node: <cpu><numa><cell id='0' cpus='...' memory='...'/>",
			node_line(max));
	if (node_size(root, "maxMemory", 0) < memory)
		return error_set(err, EINVAL, "line %ld: <maxMemory> is less than <memory>, %llu KiB", node_line(max),
				 (unsigned long long)(memory / 1024));
	return 0;
}

static int check_backing(const struct node *root, struct error *err)
{
	const struct node *huge = node_first(root, "memoryBacking/hugepages");

	if (huge && node_is(root, "memoryBacking/allocation/@mode", "ondemand"))
		return error_set(err, EINVAL,
				 "line %ld: huge pages are taken at once: <allocation mode='ondemand'> does not fit",
				 node_line(huge));
	if (huge && node_is(root, "memoryBacking/source/@type", "anonymous"))
		return error_set(err, EINVAL,
				 "line %ld: huge pages are not anonymous memory: remove <source type='anonymous'>",
				 node_line(huge));
	return 0;
}

int qemu_complete_memory(struct complete *c, struct error *err)
{
	struct node *root = c->domain;
	int r = complete_cells(root, err);
	uint64_t bytes = node_size(root, "memory", 0);

	if (r < 0)
		return r;
	if (bytes < 64 * 1024)
		return error_set(
			err, EINVAL,
			"line %ld: <memory>: %llu bytes are too few for any guest: is the unit right (KiB when there is none)?",
			node_line(node_first(root, "memory")), (unsigned long long)bytes);
	if (!node_has(root, "currentMemory") || node_size(root, "currentMemory", 0) > bytes)
		node_set_size(root, "currentMemory", bytes); /* as libvirt does */
	r = check_hotplug(root, bytes, err);
	return r < 0 ? r : check_backing(root, err);
}

/* ---- where memory comes from ---- */

/* The <page> that holds for the guest node CELL; a page without nodeset holds for all. */
static const struct node *page_of(const struct node *root, int64_t cell)
{
	const struct node *all = NULL;

	for (const struct node *n = node_first(root, "memoryBacking/hugepages/page"); n; n = node_next(n, "page")) {
		const char *set = node_get(n, "@nodeset");
		if (!set)
			all = n;
		else if (qemu_in_set(set, cell < 0 ? 0 : cell))
			return n;
	}
	return all;
}

static uint64_t page_bytes(const struct node *page)
{
	uint64_t bytes = 0;

	(void)!size_parse_unit(str_of(node_get_or(page, "@size", "0")), node_get(page, "@unit"), "KiB", &bytes, NULL);
	return bytes;
}

/* Huge pages for CELL (-1: no guest nodes)?  *SIZE is 0 for the host's default size. */
static bool huge_pages(const struct node *root, int64_t cell, uint64_t *size)
{
	const struct node *page = page_of(root, cell);

	*size = page ? page_bytes(page) : 0;
	if (!node_has(root, "memoryBacking/hugepages") || (!page && node_has(root, "memoryBacking/hugepages/page")))
		return false;
	return *size != (uint64_t)sysconf(_SC_PAGESIZE);
}

/* A file without a name in the state directory, which is on a disk; the run directory is in memory itself, and small. */
static const char *ram_file(struct plan *p)
{
	autofree char *dir = xasprintf("%s/ram", config.state_dir ? config.state_dir : "/var/lib/domfs");
	const char *text = plan_file(p, FILE_BY_NAME, dir, O_RDWR | O_TMPFILE, "memory");

	((struct plan_file *)p->files.at[p->files.n - 1])->ours = true;
	return text;
}

/* Huge pages and what is shared come as a memfd: that needs no mounted hugetlbfs and no path that QEMU would have to open. */
static json_t *backend_kind(struct plan *p, const char *id, int64_t cell, bool shared)
{
	const struct node *root = p->domain;
	const char *source = node_get_or(root, "memoryBacking/source/@type", "");
	bool file = str_eq(source, "file");
	json_t *o = json_object();
	uint64_t size;
	bool huge = huge_pages(root, cell, &size);

	if (huge || str_eq(source, "memfd") || (shared && !file))
		props_str(o, "qom-type", "memory-backend-memfd");
	else
		props_str(o, "qom-type", file ? "memory-backend-file" : "memory-backend-ram");
	props_str(o, "id", id);
	if (huge) {
		props_bool(o, "hugetlb", true);
		if (size)
			props_int(o, "hugetlbsize", size);
	} else if (file) {
		props_str(o, "mem-path", ram_file(p));
	}
	return o;
}

json_t *qemu_memory_backend(struct plan *p, const char *id, uint64_t size, const struct node *cell)
{
	const struct node *root = p->domain;
	int64_t number = cell ? (int64_t)node_u64(cell, "@id", 0) : -1;
	const char *access = node_get_or(cell, "@memAccess", node_get_or(root, "memoryBacking/access/@mode", NULL));
	json_t *o = backend_kind(p, id, number, str_eq(access, "shared"));
	const char *type = json_string_value(json_object_get(o, "qom-type"));
	bool memfd = str_eq(type, "memory-backend-memfd");

	if (str_eq(type, "memory-backend-file") &&
	    (node_has(root, "memoryBacking/discard") || node_is(cell, "@discard", "yes")) &&
	    !node_is(cell, "@discard", "no"))
		props_bool(o, "discard-data", true);
	if (access)
		props_bool(o, "share", str_eq(access, "shared"));
	else if (memfd) /* the default of huge pages is private, that of a memfd shared */
		props_bool(o, "share", node_is(root, "memoryBacking/source/@type", "memfd"));
	if (json_object_get(o, "hugetlb") || node_is(root, "memoryBacking/allocation/@mode", "immediate"))
		props_bool(o, "prealloc", true);
	if (node_has(root, "memoryBacking/allocation/@threads"))
		props_int(o, "prealloc-threads", node_u64(root, "memoryBacking/allocation/@threads", 1));
	props_int(o, "size", size);
	qemu_add_host_nodes(p, o, number);
	return o;
}

static bool needs_backend(const struct node *root)
{
	uint64_t size;

	return huge_pages(root, -1, &size) || node_has(root, "memoryBacking/source") ||
	       node_is(root, "memoryBacking/access/@mode", "shared") ||
	       node_has(root, "memoryBacking/allocation/@threads") || qemu_has_host_nodes(root, -1);
}

bool qemu_main_backend(const struct plan *p)
{
	return needs_backend(p->domain) && !node_has(p->domain, "cpu/numa/cell");
}

/* ---- -m ---- */

/* Without what is in memory devices, which come as devices of their own. */
static uint64_t main_bytes(const struct node *root)
{
	const struct node *n = node_first(root, "cpu/numa/cell");
	uint64_t sum = 0;

	if (!n)
		return whole_mib(node_size(root, "memory", 0));
	for (; n; n = node_next(n, "cell"))
		sum += qemu_cell_bytes(n);
	return sum;
}

int qemu_plan_memory(struct plan *p, struct error *err unused)
{
	const struct node *root = p->domain;
	uint64_t bytes = main_bytes(root);
	autobuf struct buf words = { 0 };

	if (node_has(root, "maxMemory")) {
		buf_printf(&words, "size=%lluk", (unsigned long long)(bytes / 1024));
		if (node_has(root, "maxMemory/@slots"))
			buf_printf(&words, ",slots=%s", node_get(root, "maxMemory/@slots"));
		buf_printf(&words, ",maxmem=%lluk", (unsigned long long)(node_size(root, "maxMemory", 0) / 1024));
	} else {
		buf_u64(&words, bytes / MIB);
	}
	plan_option(p, "-m", "%s", buf_text(&words));
	if (qemu_main_backend(p))
		plan_item(p, ITEM_OBJECT, qemu_memory_backend(p, "pc.ram", bytes, NULL));
	else if (!node_has(root, "cpu/numa/cell") && node_is(root, "memoryBacking/allocation/@mode", "immediate"))
		plan_option(p, "-mem-prealloc", NULL);
	plan_option(p, "-overcommit", "mem-lock=%s", node_has(root, "memoryBacking/locked") ? "on" : "off");
	return 0;
}
