/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the rows above the devices become in QEMU: nearly all are handled by the file that makes their option. */
#include "domain_rows.h"
#include "../../engine/schema/domain.h"

#define CODE(p)                                                                                                        \
	{                                                                                                              \
		.path = p, .elsewhere = true                                                                           \
	}

static const char *const domain_lifecycle[] = { "destroy",	    "restart",		"preserve",
						"coredump-destroy", "coredump-restart", NULL };
static const char *const poweroff_actions[] = { "destroy", "restart", "preserve", NULL };

static const struct qemu_row domain_rows[] = {
	CODE("@type"),
	CODE("@id"),
	CODE("name"),
	CODE("uuid"),
	CODE("hwuuid"),
	CODE("genid"),
	CODE("title"),
	CODE("description"),
	CODE("metadata"),
	CODE("maxMemory"),
	CODE("maxMemory/@slots"),
	CODE("memory"),
	CODE("memory/@dumpCore"),
	CODE("currentMemory"),
	CODE("memoryBacking/hugepages"),
	CODE("memoryBacking/hugepages/page"),
	CODE("memoryBacking/nosharepages"),
	CODE("memoryBacking/locked"),
	CODE("memoryBacking/source/@type"),
	CODE("memoryBacking/access/@mode"),
	CODE("memoryBacking/allocation/@mode"),
	CODE("memoryBacking/allocation/@threads"),
	CODE("memoryBacking/discard"),
	CODE("vcpu"),
	CODE("vcpu/@current"),
	CODE("vcpu/@placement"),
	CODE("vcpu/@cpuset"),
	CODE("vcpus/vcpu"),
	CODE("iothreads"),
	CODE("iothreadids/iothread"),
	CODE("defaultiothread/@thread_pool_min"),
	CODE("defaultiothread/@thread_pool_max"),
	CODE("cputune"),
	CODE("numatune"),
	CODE("memtune/hard_limit"),
	CODE("memtune/soft_limit"),
	CODE("memtune/swap_hard_limit"),
	CODE("blkiotune/weight"),
	CODE("blkiotune/device"),
	CODE("resource/partition"),
	CODE("resource/fibrechannel/@appid"),
	CODE("sysinfo"),
	CODE("os"),
	CODE("features"),
	CODE("cpu"),
	CODE("clock"),
	{ .path = "on_poweroff", .elsewhere = true, .only = poweroff_actions },
	{ .path = "on_reboot", .elsewhere = true, .only = poweroff_actions },
	{ .path = "on_crash", .elsewhere = true, .only = domain_lifecycle },
	CODE("on_lockfailure"),
	CODE("idmap/uid"),
	CODE("idmap/gid"),
	CODE("pm/suspend-to-mem/@enabled"),
	CODE("pm/suspend-to-disk/@enabled"),
	CODE("perf/event"),
	CODE("launchSecurity"),
	CODE("seclabel"),
	CODE("throttlegroups/throttlegroup"),
	CODE("qemu:commandline/qemu:arg"),
	CODE("qemu:commandline/qemu:env"),
	CODE("qemu:override/qemu:device"),
	CODE("qemu:deprecation/@behavior"),
	CODE("test:runstate"),
	CODE("devices/emulator"),
	CODE("devices/disk"),
	CODE("devices/controller"),
	CODE("devices/filesystem"),
	CODE("devices/interface"),
	CODE("devices/smartcard"),
	CODE("devices/serial"),
	CODE("devices/parallel"),
	CODE("devices/console"),
	CODE("devices/channel"),
	CODE("devices/input"),
	CODE("devices/tpm"),
	CODE("devices/graphics"),
	CODE("devices/sound"),
	CODE("devices/audio"),
	CODE("devices/video"),
	CODE("devices/hostdev"),
	CODE("devices/redirdev"),
	CODE("devices/redirfilter"),
	CODE("devices/hub"),
	CODE("devices/watchdog"),
	CODE("devices/memballoon"),
	CODE("devices/rng"),
	CODE("devices/shmem"),
	CODE("devices/memory"),
	CODE("devices/panic"),
	CODE("devices/iommu"),
	CODE("devices/vsock"),
	CODE("devices/crypto"),
	CODE("devices/lease"),
	CODE("devices/nvram"),
	CODE("devices/pstore"),
	{ 0 },
};

static const struct qemu_row os_rows[] = {
	CODE("@firmware"),
	CODE("type"),
	CODE("type/@arch"),
	CODE("type/@machine"),
	CODE("firmware/@type"),
	CODE("firmware/feature"),
	CODE("loader"),
	CODE("loader/@readonly"),
	CODE("loader/@secure"),
	CODE("loader/@type"),
	CODE("loader/@format"),
	CODE("loader/@stateless"),
	CODE("nvram"),
	CODE("nvram/@template"),
	CODE("nvram/@templateFormat"),
	CODE("nvram/@format"),
	CODE("nvram/@type"),
	CODE("nvram/source"),
	CODE("boot"),
	CODE("bootmenu/@enable"),
	CODE("bootmenu/@timeout"),
	CODE("bios/@useserial"),
	CODE("bios/@rebootTimeout"),
	CODE("smbios/@mode"),
	CODE("kernel"),
	CODE("initrd"),
	CODE("cmdline"),
	CODE("dtb"),
	CODE("acpi/table"),
	{ 0 },
};

static const struct qemu_row features_rows[] = {
	CODE("acpi"),
	CODE("apic"),
	CODE("apic/@eoi"),
	CODE("pae"),
	CODE("hap"),
	CODE("hap/@state"),
	CODE("hyperv"),
	CODE("kvm/hidden/@state"),
	CODE("kvm/hint-dedicated/@state"),
	CODE("kvm/poll-control/@state"),
	CODE("kvm/pv-ipi/@state"),
	CODE("kvm/dirty-ring/@state"),
	CODE("kvm/dirty-ring/@size"),
	CODE("pvspinlock/@state"),
	CODE("pmu/@state"),
	CODE("vmport/@state"),
	CODE("smm/@state"),
	CODE("smm/tseg"),
	CODE("ioapic/@driver"),
	CODE("ps2/@state"),
	CODE("vmcoreinfo"),
	CODE("vmcoreinfo/@state"),
	CODE("tcg/tb-cache"),
	{ 0 },
};

static const struct qemu_row hyperv_rows[] = {
	CODE("@mode"),
	CODE("relaxed/@state"),
	CODE("vapic/@state"),
	CODE("spinlocks/@state"),
	CODE("spinlocks/@retries"),
	CODE("vpindex/@state"),
	CODE("runtime/@state"),
	CODE("synic/@state"),
	CODE("stimer/@state"),
	CODE("stimer/direct/@state"),
	CODE("reset/@state"),
	CODE("vendor_id/@state"),
	CODE("vendor_id/@value"),
	CODE("frequencies/@state"),
	CODE("reenlightenment/@state"),
	CODE("tlbflush/@state"),
	CODE("tlbflush/direct/@state"),
	CODE("tlbflush/extended/@state"),
	CODE("ipi/@state"),
	CODE("evmcs/@state"),
	CODE("avic/@state"),
	CODE("emsr_bitmap/@state"),
	CODE("xmm_input/@state"),
	{ 0 },
};

static const struct qemu_row cpu_rows[] = {
	CODE("@mode"),
	CODE("@match"),
	CODE("@check"),
	CODE("@migratable"),
	CODE("arch"),
	CODE("model"),
	CODE("model/@fallback"),
	CODE("model/@vendor_id"),
	CODE("vendor"),
	CODE("topology/@sockets"),
	CODE("topology/@dies"),
	CODE("topology/@clusters"),
	CODE("topology/@cores"),
	CODE("topology/@threads"),
	CODE("cache/@mode"),
	CODE("cache/@level"),
	CODE("maxphysaddr/@mode"),
	CODE("maxphysaddr/@bits"),
	CODE("maxphysaddr/@limit"),
	CODE("feature"),
	CODE("numa/cell"),
	CODE("numa/interconnects/latency"),
	CODE("numa/interconnects/bandwidth"),
	{ 0 },
};

/* Sub-schemas whose every row is taken by the file that handles the parent. */
static const struct qemu_row whole_feature[] = { CODE("@policy"), CODE("@name"), { 0 } };
static const struct qemu_row whole_cell[] = { CODE("@id"),
					      CODE("@cpus"),
					      CODE("@memory"),
					      CODE("@unit"),
					      CODE("@memAccess"),
					      CODE("@discard"),
					      CODE("distances/sibling"),
					      CODE("cache"),
					      { 0 } };
static const struct qemu_row cell_cache_rows[] = { CODE("@level"),     CODE("@associativity"),
						   CODE("@policy"),    CODE("size/@value"),
						   CODE("size/@unit"), CODE("line/@value"),
						   CODE("line/@unit"), { 0 } };
static const struct qemu_row link_rows[] = { CODE("@initiator"), CODE("@target"), CODE("@cache"), CODE("@type"),
					     CODE("@value"),	 CODE("@unit"),	  { 0 } };
static const struct qemu_row idmap_rows[] = { CODE("@start"), CODE("@target"), CODE("@count"), { 0 } };
static const struct qemu_row override_rows[] = { CODE("@alias"), CODE("qemu:frontend/qemu:property"), { 0 } };
static const struct qemu_row override_property_rows[] = { CODE("@name"), CODE("@type"), CODE("@value"), { 0 } };
static const struct qemu_row whole_sibling[] = { CODE("@id"), CODE("@value"), { 0 } };
static const struct qemu_row clock_rows[] = { CODE("@offset"), CODE("@adjustment"), CODE("@basis"), CODE("@timezone"),
					      CODE("@start"),  CODE("timer"),	    { 0 } };
static const struct qemu_row timer_rows[] = {
	CODE("@name"), CODE("@present"),	   CODE("@tickpolicy"),	  CODE("@track"),	  CODE("@frequency"),
	CODE("@mode"), CODE("catchup/@threshold"), CODE("catchup/@slew"), CODE("catchup/@limit"), { 0 }
};
static const struct qemu_row boot_rows[] = { CODE("@dev"), { 0 } };
static const struct qemu_row fw_feature_rows[] = { CODE("@enabled"), CODE("@name"), { 0 } };
static const struct qemu_row table_rows[] = { CODE(""), CODE("@type"), { 0 } };
static const struct qemu_row sysinfo_rows[] = { CODE("@type"),	       CODE("bios/entry"),
						CODE("system/entry"),  CODE("baseBoard"),
						CODE("chassis/entry"), CODE("oemStrings/entry"),
						CODE("entry"),	       { 0 } };
static const struct qemu_row entry_rows[] = { CODE(""), CODE("@name"), CODE("@file"), { 0 } };
static const struct qemu_row block_rows[] = { CODE("entry"), { 0 } };
static const struct qemu_row cputune_rows[] = { CODE("shares"),
						CODE("period"),
						CODE("quota"),
						CODE("global_period"),
						CODE("global_quota"),
						CODE("emulator_period"),
						CODE("emulator_quota"),
						CODE("iothread_period"),
						CODE("iothread_quota"),
						CODE("vcpupin"),
						CODE("emulatorpin/@cpuset"),
						CODE("iothreadpin"),
						CODE("vcpusched"),
						CODE("iothreadsched"),
						CODE("emulatorsched/@scheduler"),
						CODE("emulatorsched/@priority"),
						CODE("cachetune"),
						CODE("memorytune"),
						{ 0 } };
static const struct qemu_row vcpupin_rows[] = { CODE("@vcpu"), CODE("@cpuset"), { 0 } };
static const struct qemu_row iothreadpin_rows[] = { CODE("@iothread"), CODE("@cpuset"), { 0 } };
static const struct qemu_row vcpusched_rows[] = { CODE("@vcpus"), CODE("@scheduler"), CODE("@priority"), { 0 } };
static const struct qemu_row iothreadsched_rows[] = {
	CODE("@iothreads"), CODE("@scheduler"), CODE("@priority"), { 0 }
};
static const struct qemu_row cachetune_rows[] = { CODE("@vcpus"), CODE("cache"), CODE("monitor"), { 0 } };
static const struct qemu_row cachetune_cache_rows[] = { CODE("@id"),   CODE("@level"), CODE("@type"),
							CODE("@size"), CODE("@unit"),  { 0 } };
static const struct qemu_row monitor_rows[] = { CODE("@level"), CODE("@vcpus"), { 0 } };
static const struct qemu_row memorytune_rows[] = { CODE("@vcpus"), CODE("node"), CODE("monitor"), { 0 } };
static const struct qemu_row memorytune_node_rows[] = { CODE("@id"), CODE("@bandwidth"), { 0 } };
static const struct qemu_row numatune_rows[] = {
	CODE("memory/@mode"), CODE("memory/@nodeset"), CODE("memory/@placement"), CODE("memnode"), { 0 }
};
static const struct qemu_row memnode_rows[] = { CODE("@cellid"), CODE("@mode"), CODE("@nodeset"), { 0 } };
static const struct qemu_row vcpu_rows[] = {
	CODE("@id"), CODE("@enabled"), CODE("@hotpluggable"), CODE("@order"), { 0 }
};
static const struct qemu_row iothread_rows[] = { CODE("@id"),
						 CODE("@thread_pool_min"),
						 CODE("@thread_pool_max"),
						 CODE("poll/@max"),
						 CODE("poll/@grow"),
						 CODE("poll/@shrink"),
						 { 0 } };
static const struct qemu_row page_rows[] = { CODE("@size"), CODE("@unit"), CODE("@nodeset"), { 0 } };
static const struct qemu_row blkio_rows[] = {
	CODE("path"),		CODE("weight"), CODE("read_bytes_sec"), CODE("write_bytes_sec"), CODE("read_iops_sec"),
	CODE("write_iops_sec"), { 0 }
};
static const struct qemu_row event_rows[] = { CODE("@name"), CODE("@enabled"), { 0 } };
static const struct qemu_row security_rows[] = { CODE("@type"),	  CODE("@kernelHashes"),
						 CODE("cbitpos"), CODE("reducedPhysBits"),
						 CODE("policy"),  CODE("dhCert"),
						 CODE("session"), { 0 } };
static const struct qemu_row label_rows[] = { CODE("@type"), CODE("@model"),	CODE("@relabel"),
					      CODE("label"), CODE("baselabel"), { 0 } };
static const struct qemu_row arg_rows[] = { CODE("@value"), { 0 } };
static const struct qemu_row env_rows[] = { CODE("@name"), CODE("@value"), { 0 } };

#define KIND(name, s, r) const struct qemu_kind name = { .schema = &s, .rows = r }
KIND(qemu_domain_kind, domain_schema, domain_rows);
KIND(qemu_os_kind, os_schema, os_rows);
KIND(qemu_features_kind, features_schema, features_rows);
KIND(qemu_hyperv_kind, hyperv_schema, hyperv_rows);
KIND(qemu_cpu_kind, cpu_schema, cpu_rows);
KIND(qemu_cpu_feature_kind, cpu_feature_schema, whole_feature);
KIND(qemu_cell_kind, cpu_cell_schema, whole_cell);
KIND(qemu_cell_cache_kind, cell_cache_schema, cell_cache_rows);
KIND(qemu_latency_kind, cpu_latency_schema, link_rows);
KIND(qemu_bandwidth_kind, cpu_bandwidth_schema, link_rows);
KIND(qemu_idmap_kind, idmap_schema, idmap_rows);
KIND(qemu_override_kind, qemu_override_schema, override_rows);
KIND(qemu_override_property_kind, qemu_override_property_schema, override_property_rows);
KIND(qemu_sibling_kind, cpu_sibling_schema, whole_sibling);
KIND(qemu_clock_kind, clock_schema, clock_rows);
KIND(qemu_timer_kind, timer_schema, timer_rows);
KIND(qemu_os_boot_kind, os_boot_schema, boot_rows);
KIND(qemu_fw_feature_kind, os_firmware_feature_schema, fw_feature_rows);
KIND(qemu_table_kind, os_acpi_table_schema, table_rows);
KIND(qemu_sysinfo_kind, sysinfo_schema, sysinfo_rows);
KIND(qemu_sysinfo_entry_kind, sysinfo_entry_schema, entry_rows);
KIND(qemu_sysinfo_block_kind, sysinfo_block_schema, block_rows);
KIND(qemu_cputune_kind, cputune_schema, cputune_rows);
KIND(qemu_vcpupin_kind, vcpupin_schema, vcpupin_rows);
KIND(qemu_iothreadpin_kind, iothreadpin_schema, iothreadpin_rows);
KIND(qemu_vcpusched_kind, vcpusched_schema, vcpusched_rows);
KIND(qemu_iothreadsched_kind, iothreadsched_schema, iothreadsched_rows);
KIND(qemu_cachetune_kind, cachetune_schema, cachetune_rows);
KIND(qemu_cachetune_cache_kind, cachetune_cache_schema, cachetune_cache_rows);
KIND(qemu_monitor_kind, cachetune_monitor_schema, monitor_rows);
KIND(qemu_memorytune_kind, memorytune_schema, memorytune_rows);
KIND(qemu_memorytune_node_kind, memorytune_node_schema, memorytune_node_rows);
KIND(qemu_numatune_kind, numatune_schema, numatune_rows);
KIND(qemu_memnode_kind, memnode_schema, memnode_rows);
KIND(qemu_vcpu_kind, vcpu_schema, vcpu_rows);
KIND(qemu_iothread_kind, iothread_schema, iothread_rows);
KIND(qemu_page_kind, hugepage_schema, page_rows);
KIND(qemu_blkio_kind, blkio_schema, blkio_rows);
KIND(qemu_event_kind, perf_event_schema, event_rows);
KIND(qemu_security_kind, launch_security_schema, security_rows);
KIND(qemu_label_kind, domain_seclabel_schema, label_rows);
KIND(qemu_arg_kind, qemu_arg_schema, arg_rows);
KIND(qemu_env_kind, qemu_env_schema, env_rows);
