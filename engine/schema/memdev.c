/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <memory> below <devices>: memory that is plugged: DIMMs, NVDIMMs, virtio-mem, virtio-pmem, SGX enclave pages. */
#include "../schema.h"

static const char *const models[] = { "dimm", "nvdimm", "virtio-pmem", "virtio-mem", "sgx-epc", NULL };
static const char *const accesses[] = { "shared", "private", NULL };

static int memdev_check(const struct node *n, struct error *err)
{
	const char *model = node_get_or(n, "@model", "");
	bool file = str_eq(model, "nvdimm") || str_eq(model, "virtio-pmem");

	if (!node_has(n, "target/size"))
		return error_set(err, EINVAL, "line %ld: <memory> needs <target> with <size>", node_line(n));
	if (file && !node_has(n, "source/path"))
		return error_set(err, EINVAL, "line %ld: <memory model='%s'> needs <source> with <path>", node_line(n),
				 model);
	if (!file && node_has(n, "source/path"))
		return error_set(err, EINVAL, "line %ld: <memory model='%s'> has no file: leave <path> out",
				 node_line(n), model);
	if (!str_eq(model, "nvdimm") &&
	    (node_has(n, "target/label") || node_has(n, "target/readonly") || node_has(n, "uuid")))
		return error_set(err, EINVAL,
				 "line %ld: <memory model='%s'>: <label>, <readonly> and <uuid> are for nvdimm",
				 node_line(n), model);
	if (str_eq(model, "nvdimm") && node_has(n, "target/label") && node_has(n, "target/readonly"))
		return error_set(err, EINVAL, "line %ld: <memory model='nvdimm'> cannot have <label> and <readonly/>",
				 node_line(n));
	if (str_eq(model, "virtio-mem") && (!node_has(n, "target/block") || !node_has(n, "target/requested")))
		return error_set(err, EINVAL,
				 "line %ld: <memory model='virtio-mem'> needs <block> and <requested> in its target",
				 node_line(n));
	if (str_eq(model, "virtio-mem") && node_size(n, "target/requested", 0) > node_size(n, "target/size", 0))
		return error_set(err, EINVAL, "line %ld: <memory model='virtio-mem'>: <requested> is more than <size>",
				 node_line(n));
	if (str_eq(model, "virtio-pmem") && node_has(n, "target/node"))
		return error_set(err, EINVAL, "line %ld: <memory model='virtio-pmem'> has no NUMA node", node_line(n));
	return 0;
}

const struct schema memdev_schema = {
	.element = "memory",
	.check = memdev_check,
	.props =
		(const struct prop[]){
			{ "@model", T_ENUM, .words = models, .flags = P_REQUIRED, .doc = "kind of memory" },
			{ "@access", T_ENUM, .words = accesses, .doc = "can others map it" },
			{ "@discard", T_ENUM, .words = words_yes_no, .doc = "drop its contents at the end" },
			{ "uuid", T_UUID, .doc = "uuid of an NVDIMM (pseries)" },
			{ "source/pagesize", T_SIZE, .doc = "size of the host's pages for it" },
			{ "source/nodemask", T_CPUSET, .doc = "the host's NUMA nodes it may come from" },
			{ "source/path", T_STRING, .doc = "the file that holds it" },
			{ "source/alignsize", T_SIZE, .doc = "alignment of its mapping" },
			{ "source/pmem", T_FLAG, .dflt = "0", .doc = "the file lies on persistent memory" },
			{ "target/size", T_SIZE, .flags = P_REQUIRED, .doc = "its size" },
			{ "target/node", T_U64, .max = 0xffff, .doc = "the guest's NUMA node" },
			{ "target/block", T_SIZE, .doc = "the smallest piece (virtio-mem)" },
			{ "target/requested", T_SIZE, .flags = P_LIVE,
			  .doc = "how much of it the guest shall use (virtio-mem)" },
			{ "target/current", T_SIZE, .flags = P_OUTPUT, .doc = "how much of it the guest uses" },
			{ "target/label/size", T_SIZE, .doc = "size of an NVDIMM's label area" },
			{ "target/readonly", T_FLAG, .dflt = "0", .doc = "the guest cannot write" },
			{ "target/address/@base", T_U64, .doc = "guest physical address (virtio-mem, virtio-pmem)" },
			{ "target/@dynamicMemslots", T_ENUM, .words = words_yes_no,
			  .doc = "memory slots as needed (virtio-mem)" },
			{ "alias", T_SUB, .sub = &alias_schema, .doc = "the device's id" },
			{ "acpi/@index", T_U64, .min = 1, .doc = "ACPI index" },
			{ "address", T_SUB, .sub = &address_schema, .doc = "where it is plugged" },
			{ 0 } },
};
