/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Where a domain's threads and memory lie, its shares, labels and the words that go straight to QEMU. */
#include "domain.h"

static const char *const schedulers[] = { "batch", "idle", "fifo", "rr", NULL };
static const char *const numa_modes[] = { "strict", "preferred", "interleave", "restrictive", NULL };
static const char *const placements[] = { "static", "auto", NULL };
static const char *const label_types[] = { "dynamic", "static", "none", NULL };

const struct schema vcpupin_schema = { "vcpupin",
				       (const struct prop[]){
					       { "@vcpu", T_U64, .flags = P_REQUIRED, .doc = "vCPU" },
					       { "@cpuset", T_CPUSET, .flags = P_REQUIRED, .doc = "host CPUs" },
					       { 0 } },
				       NULL };
const struct schema iothreadpin_schema = { "iothreadpin",
					   (const struct prop[]){
						   { "@iothread", T_U64, .flags = P_REQUIRED, .doc = "I/O thread" },
						   { "@cpuset", T_CPUSET, .flags = P_REQUIRED, .doc = "host CPUs" },
						   { 0 } },
					   NULL };
const struct schema vcpusched_schema = { "vcpusched",
					 (const struct prop[]){ { "@vcpus", T_CPUSET, .doc = "vCPUs" },
								{ "@scheduler", T_ENUM, .words = schedulers,
								  .doc = "scheduling class" },
								{ "@priority", T_U64, .doc = "real-time priority" },
								{ 0 } },
					 NULL };
const struct schema iothreadsched_schema = { "iothreadsched",
					     (const struct prop[]){ { "@iothreads", T_CPUSET, .doc = "I/O threads" },
								    { "@scheduler", T_ENUM, .words = schedulers,
								      .doc = "scheduling class" },
								    { "@priority", T_U64, .doc = "real-time priority" },
								    { 0 } },
					     NULL };
const struct schema cachetune_cache_schema = { "cache",
					       (const struct prop[]){ { "@id", T_U64, .doc = "host cache" },
								      { "@level", T_U64, .doc = "level" },
								      { "@type", T_STRING, .doc = "code, data, both" },
								      { "@size", T_U64, .doc = "share" },
								      { "@unit", T_STRING, .doc = "unit" },
								      { 0 } },
					       NULL };
const struct schema cachetune_monitor_schema = {
	"monitor",
	(const struct prop[]){ { "@level", T_U64, .doc = "level" }, { "@vcpus", T_CPUSET, .doc = "vCPUs" }, { 0 } },
	NULL
};
const struct schema cachetune_schema = {
	"cachetune",
	(const struct prop[]){ { "@vcpus", T_CPUSET, .doc = "vCPUs" },
			       { "@id", T_STRING, .flags = P_OUTPUT, .doc = "resctrl group" },
			       { "cache", T_LIST, .sub = &cachetune_cache_schema, .doc = "allocations" },
			       { "monitor", T_LIST, .sub = &cachetune_monitor_schema, .doc = "monitors" },
			       { 0 } },
	NULL
};
const struct schema memorytune_node_schema = { "node",
					       (const struct prop[]){ { "@id", T_U64, .doc = "host node" },
								      { "@bandwidth", T_U64, .doc = "per cent" },
								      { 0 } },
					       NULL };
const struct schema memorytune_schema = {
	"memorytune",
	(const struct prop[]){ { "@vcpus", T_CPUSET, .doc = "vCPUs" },
			       { "node", T_LIST, .sub = &memorytune_node_schema, .doc = "by node" },
			       { "monitor", T_LIST, .sub = &cachetune_monitor_schema, .doc = "monitors" },
			       { 0 } },
	NULL
};

const struct schema cputune_schema = {
	.element = "cputune",
	.props =
		(const struct prop[]){
			{ "shares", T_U64, .doc = "share of CPU time" },
			{ "period", T_U64, .doc = "us" },
			{ "quota", T_INT, .doc = "us in a period" },
			{ "global_period", T_U64, .doc = "us, whole domain" },
			{ "global_quota", T_INT, .doc = "us, whole domain" },
			{ "emulator_period", T_U64, .doc = "us, emulator" },
			{ "emulator_quota", T_INT, .doc = "us, emulator" },
			{ "iothread_period", T_U64, .doc = "us, I/O threads" },
			{ "iothread_quota", T_INT, .doc = "us, I/O threads" },
			{ "vcpupin", T_LIST, .sub = &vcpupin_schema, .doc = "host CPUs of a vCPU" },
			{ "emulatorpin/@cpuset", T_CPUSET, .doc = "host CPUs of the emulator" },
			{ "iothreadpin", T_LIST, .sub = &iothreadpin_schema, .doc = "host CPUs of an I/O thread" },
			{ "vcpusched", T_LIST, .sub = &vcpusched_schema, .doc = "scheduler of vCPUs" },
			{ "iothreadsched", T_LIST, .sub = &iothreadsched_schema, .doc = "scheduler of I/O threads" },
			{ "emulatorsched/@scheduler", T_ENUM, .words = schedulers, .doc = "scheduler of the emulator" },
			{ "emulatorsched/@priority", T_U64, .doc = "real-time priority" },
			{ "cachetune", T_LIST, .sub = &cachetune_schema, .doc = "cache allocation" },
			{ "memorytune", T_LIST, .sub = &memorytune_schema, .doc = "memory bandwidth" },
			{ 0 },
		},
};

const struct schema memnode_schema = { "memnode",
				       (const struct prop[]){
					       { "@cellid", T_U64, .flags = P_REQUIRED, .doc = "guest node" },
					       { "@mode", T_ENUM, .words = numa_modes, .doc = "policy" },
					       { "@nodeset", T_CPUSET, .doc = "host nodes" },
					       { 0 } },
				       NULL };
const struct schema numatune_schema = {
	"numatune",
	(const struct prop[]){ { "memory/@mode", T_ENUM, .words = numa_modes, .doc = "policy" },
			       { "memory/@nodeset", T_CPUSET, .doc = "host nodes" },
			       { "memory/@placement", T_ENUM, .words = placements, .doc = "static, or auto by numad" },
			       { "memnode", T_LIST, .sub = &memnode_schema, .doc = "by guest node" },
			       { 0 } },
	NULL
};

const struct schema vcpu_schema = {
	"vcpu",
	(const struct prop[]){ { "@id", T_U64, .flags = P_REQUIRED, .doc = "number" },
			       { "@enabled", T_ENUM, .words = words_yes_no, .doc = "is it there" },
			       { "@hotpluggable", T_ENUM, .words = words_yes_no, .doc = "can it be unplugged" },
			       { "@order", T_U64, .doc = "order of plugging" },
			       { 0 } },
	NULL
};
const struct schema iothread_schema = { "iothread",
					(const struct prop[]){
						{ "@id", T_U64, .flags = P_REQUIRED, .min = 1, .doc = "number" },
						{ "@thread_pool_min", T_U64, .doc = "worker threads, at least" },
						{ "@thread_pool_max", T_U64, .doc = "at most" },
						{ "poll/@max", T_U64, .doc = "ns" },
						{ "poll/@grow", T_U64, .doc = "factor" },
						{ "poll/@shrink", T_U64, .doc = "divisor" },
						{ 0 } },
					NULL };
const struct schema hugepage_schema = { "page",
					(const struct prop[]){
						{ "@size", T_U64, .flags = P_REQUIRED, .doc = "page size" },
						{ "@unit", T_STRING, .doc = "its unit, KiB" },
						{ "@nodeset", T_CPUSET, .doc = "guest nodes" },
						{ 0 } },
					NULL };
const struct schema blkio_schema = { "device",
				     (const struct prop[]){ { "path", T_STRING, .doc = "host device" },
							    { "weight", T_U64, .doc = "share" },
							    { "read_bytes_sec", T_U64, .doc = "limit" },
							    { "write_bytes_sec", T_U64, .doc = "limit" },
							    { "read_iops_sec", T_U64, .doc = "limit" },
							    { "write_iops_sec", T_U64, .doc = "limit" },
							    { 0 } },
				     NULL };
const struct schema idmap_schema = { "uid",
				     (const struct prop[]){ { "@start", T_U64, .doc = "first id inside" },
							    { "@target", T_U64, .doc = "first id outside" },
							    { "@count", T_U64, .doc = "how many" },
							    { 0 } },
				     NULL };
const struct schema perf_event_schema = { "event",
					  (const struct prop[]){
						  { "@name", T_STRING, .doc = "counter" },
						  { "@enabled", T_ENUM, .words = words_yes_no, .doc = "counts" },
						  { 0 } },
					  NULL };
const struct schema keywrap_schema = { "cipher",
				       (const struct prop[]){
					       { "@name", T_STRING, .doc = "aes, dea" },
					       { "@state", T_ENUM, .words = words_on_off, .doc = "on or off" },
					       { 0 } },
				       NULL };

const struct schema launch_security_schema = {
	"launchSecurity",
	(const struct prop[]){ { "@type", T_STRING, .flags = P_REQUIRED, .doc = "sev, sev-snp, s390-pv" },
			       { "@kernelHashes", T_ENUM, .words = words_yes_no, .doc = "measured" },
			       { "@authorKey", T_ENUM, .words = words_yes_no, .doc = "SNP" },
			       { "@vcek", T_ENUM, .words = words_yes_no, .doc = "SNP" },
			       { "cbitpos", T_STRING, .doc = "C-bit" },
			       { "reducedPhysBits", T_U64, .doc = "address bits lost" },
			       { "policy", T_STRING, .doc = "policy" },
			       { "dhCert", T_STRING, .doc = "certificate" },
			       { "session", T_STRING, .doc = "session" },
			       { "guestVisibleWorkarounds", T_STRING, .doc = "SNP" },
			       { "idBlock", T_STRING, .doc = "SNP" },
			       { "idAuth", T_STRING, .doc = "SNP" },
			       { "hostData", T_STRING, .doc = "SNP" },
			       { 0 } },
	NULL
};

const struct schema domain_seclabel_schema = {
	"seclabel",
	(const struct prop[]){ { "@type", T_ENUM, .words = label_types, .doc = "who makes the label" },
			       { "@model", T_STRING, .doc = "selinux, apparmor, dac" },
			       { "@relabel", T_ENUM, .words = words_yes_no, .doc = "files are relabelled" },
			       { "label", T_STRING, .doc = "of the process" },
			       { "baselabel", T_STRING, .doc = "to start from" },
			       { "imagelabel", T_STRING, .flags = P_OUTPUT, .doc = "of the images" },
			       { 0 } },
	NULL
};

#define TUNE(name)                                                                                                     \
	{                                                                                                              \
		name, T_U64, .doc = "I/O limit"                                                                        \
	}
const struct schema throttlegroup_schema = { "throttlegroup",
					     (const struct prop[]){ { "group_name", T_STRING, .doc = "its name" },
								    TUNE("total_bytes_sec"),
								    TUNE("read_bytes_sec"),
								    TUNE("write_bytes_sec"),
								    TUNE("total_iops_sec"),
								    TUNE("read_iops_sec"),
								    TUNE("write_iops_sec"),
								    TUNE("total_bytes_sec_max"),
								    TUNE("read_bytes_sec_max"),
								    TUNE("write_bytes_sec_max"),
								    TUNE("total_iops_sec_max"),
								    TUNE("read_iops_sec_max"),
								    TUNE("write_iops_sec_max"),
								    TUNE("size_iops_sec"),
								    TUNE("total_bytes_sec_max_length"),
								    TUNE("read_bytes_sec_max_length"),
								    TUNE("write_bytes_sec_max_length"),
								    TUNE("total_iops_sec_max_length"),
								    TUNE("read_iops_sec_max_length"),
								    TUNE("write_iops_sec_max_length"),
								    { 0 } },
					     NULL };

const struct schema qemu_arg_schema = {
	"arg", (const struct prop[]){ { "@value", T_STRING, .flags = P_REQUIRED, .doc = "a word" }, { 0 } }, NULL
};
const struct schema qemu_env_schema = { "env",
					(const struct prop[]){
						{ "@name", T_STRING, .flags = P_REQUIRED, .doc = "variable" },
						{ "@value", T_STRING, .doc = "its value" },
						{ 0 } },
					NULL };
const struct schema qemu_cap_schema = {
	"add", (const struct prop[]){ { "@capability", T_STRING, .doc = "libvirt's name of it" }, { 0 } }, NULL
};
const struct schema qemu_override_property_schema = { "property",
						      (const struct prop[]){ { "@name", T_STRING, .doc = "property" },
									     { "@type", T_STRING, .doc = "its type" },
									     { "@value", T_STRING, .doc = "its value" },
									     { 0 } },
						      NULL };
const struct schema qemu_override_schema = { "device",
					     (const struct prop[]){ { "@alias", T_STRING, .doc = "which device" },
								    { "qemu:frontend/qemu:property", T_LIST,
								      .sub = &qemu_override_property_schema,
								      .doc = "properties" },
								    { 0 } },
					     NULL };
