/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <cpu>: model, topology, NUMA nodes. */
#include "domain.h"

static const char *const modes[] = { "custom", "host-model", "host-passthrough", "maximum", NULL };
static const char *const matches[] = { "minimum", "exact", "strict", NULL };
static const char *const checks[] = { "none", "partial", "full", NULL };
static const char *const fallbacks[] = { "allow", "forbid", NULL };
static const char *const policies[] = { "force", "require", "optional", "disable", "forbid", NULL };
static const char *const cache_modes[] = { "emulate", "passthrough", "disable", NULL };
static const char *const bits_modes[] = { "emulate", "passthrough", NULL };
static const char *const accesses[] = { "shared", "private", NULL };

const struct schema cpu_feature_schema = {
	"feature",
	(const struct prop[]){ { "@policy", T_ENUM, .words = policies, .doc = "must the CPU have it" },
			       { "@name", T_STRING, .flags = P_REQUIRED, .doc = "CPU flag" },
			       { "@removed", T_ENUM, .words = words_yes_no, .flags = P_OUTPUT, .doc = "gone" },
			       { 0 } },
	NULL
};
const struct schema cpu_sibling_schema = {
	"sibling",
	(const struct prop[]){ { "@id", T_U64, .flags = P_REQUIRED, .doc = "the other node" },
			       { "@value", T_U64, .flags = P_REQUIRED, .min = 10, .max = 255, .doc = "distance" },
			       { 0 } },
	NULL
};
const struct schema cell_cache_schema = { "cache",
					  (const struct prop[]){
						  { "@level", T_U64, .doc = "level" },
						  { "@associativity", T_STRING, .doc = "none, direct, full" },
						  { "@policy", T_STRING, .doc = "write policy" },
						  { "size/@value", T_U64, .doc = "size" },
						  { "size/@unit", T_STRING, .doc = "its unit" },
						  { "line/@value", T_U64, .doc = "line" },
						  { "line/@unit", T_STRING, .doc = "its unit" },
						  { 0 } },
					  NULL };
const struct schema cpu_latency_schema = { "latency",
					   (const struct prop[]){ { "@initiator", T_U64, .doc = "from node" },
								  { "@target", T_U64, .doc = "to node" },
								  { "@cache", T_U64, .doc = "cache level" },
								  { "@type", T_STRING, .doc = "access, read, write" },
								  { "@value", T_U64, .doc = "ns" },
								  { "@unit", T_STRING, .doc = "unit" },
								  { 0 } },
					   NULL };
const struct schema cpu_bandwidth_schema = { "bandwidth",
					     (const struct prop[]){ { "@initiator", T_U64, .doc = "from node" },
								    { "@target", T_U64, .doc = "to node" },
								    { "@cache", T_U64, .doc = "cache level" },
								    { "@type", T_STRING, .doc = "access, read, write" },
								    { "@value", T_U64, .doc = "bandwidth" },
								    { "@unit", T_STRING, .doc = "unit" },
								    { 0 } },
					     NULL };

const struct schema cpu_cell_schema = {
	.element = "cell",
	.props =
		(const struct prop[]){
			{ "@id", T_U64, .doc = "number of the node" },
			{ "@cpus", T_CPUSET, .doc = "vCPUs of the node" },
			{ "@memory", T_U64, .doc = "its memory" },
			{ "@unit", T_STRING, .doc = "unit of memory, KiB by default" },
			{ "@memAccess", T_ENUM, .words = accesses, .doc = "shared with other processes or not" },
			{ "@discard", T_ENUM, .words = words_yes_no, .doc = "content is thrown away at the end" },
			{ "distances/sibling", T_LIST, .sub = &cpu_sibling_schema, .doc = "distances to other nodes" },
			{ "cache", T_LIST, .sub = &cell_cache_schema, .doc = "memory-side caches" },
			{ 0 },
		},
};

static int check(const struct node *n, struct error *err)
{
	struct hash *seen = hash_new();
	uint64_t cells = node_count(n, "numa/cell");
	int r = 0;

	for (const struct node *f = node_child(n, "feature"); r == 0 && f; f = node_next(f, "feature")) {
		if (hash_get(seen, node_get_or(f, "@name", "")))
			r = error_set(err, EINVAL, "line %ld: <cpu>: feature '%s' is given twice", node_line(f),
				      node_get(f, "@name"));
		hash_put(seen, node_get_or(f, "@name", ""), seen);
	}
	hash_free(seen);
	for (const struct node *c = node_first(n, "numa/cell"); r == 0 && c; c = node_next(c, "cell"))
		if (node_u64(c, "@id", 0) >= cells)
			r = error_set(err, EINVAL,
				      "line %ld: <cell id='%s'>: nodes are numbered from 0 to %llu without a gap",
				      node_line(c), node_get(c, "@id"), (unsigned long long)cells - 1);
	if (r == 0 && node_is(n, "maxphysaddr/@mode", "passthrough") && node_has(n, "maxphysaddr/@bits"))
		r = error_set(
			err, EINVAL,
			"line %ld: <maxphysaddr>: bits cannot be given with mode='passthrough': it takes the host's",
			node_line(n));
	return r;
}

const struct schema cpu_schema = {
	.element = "cpu",
	.check = check,
	.props =
		(const struct prop[]){
			{ "@mode", T_ENUM, .words = modes, .doc = "custom model, or the host's" },
			{ "@match", T_ENUM, .words = matches, .doc = "how exact" },
			{ "@check", T_ENUM, .words = checks, .doc = "how it is checked" },
			{ "@migratable", T_ENUM, .words = words_on_off, .doc = "only what can migrate" },
			{ "@deprecated_features", T_ENUM, .words = words_on_off, .doc = "deprecated flags" },
			{ "arch", T_STRING, .doc = "architecture" },
			{ "model", T_STRING, .doc = "model name" },
			{ "model/@fallback", T_ENUM, .words = fallbacks, .doc = "may another be taken" },
			{ "model/@vendor_id", T_STRING, .doc = "12 characters that CPUID shows" },
			{ "vendor", T_STRING, .doc = "Intel, AMD ..." },
			{ "topology/@sockets", T_U64, .min = 1, .doc = "sockets" },
			{ "topology/@dies", T_U64, .min = 1, .doc = "dies in a socket" },
			{ "topology/@clusters", T_U64, .min = 1, .doc = "clusters in a die" },
			{ "topology/@cores", T_U64, .min = 1, .doc = "cores" },
			{ "topology/@threads", T_U64, .min = 1, .doc = "threads in a core" },
			{ "cache/@mode", T_ENUM, .words = cache_modes, .doc = "caches that the guest sees" },
			{ "cache/@level", T_U64, .doc = "level" },
			{ "maxphysaddr/@mode", T_ENUM, .words = bits_modes, .doc = "physical address bits" },
			{ "maxphysaddr/@bits", T_U64, .doc = "how many" },
			{ "maxphysaddr/@limit", T_U64, .doc = "at most" },
			{ "feature", T_LIST, .sub = &cpu_feature_schema, .doc = "single flags" },
			{ "numa/cell", T_LIST, .sub = &cpu_cell_schema, .doc = "guest NUMA nodes" },
			{ "numa/interconnects/latency", T_LIST, .sub = &cpu_latency_schema, .doc = "between nodes" },
			{ "numa/interconnects/bandwidth", T_LIST, .sub = &cpu_bandwidth_schema,
			  .doc = "between nodes" },
			{ 0 },
		},
};
