/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parts of <domain> above its devices. */
#ifndef DOMFS_SCHEMA_DOMAIN_H
#define DOMFS_SCHEMA_DOMAIN_H

#include "../schema.h"

/* os.c */
extern const struct schema os_schema, os_boot_schema, os_nvram_schema, os_loader_schema, os_firmware_schema,
	os_firmware_feature_schema, os_acpi_table_schema, os_initarg_schema, os_initenv_schema, sysinfo_schema,
	sysinfo_entry_schema, sysinfo_block_schema;
/* features.c */
extern const struct schema features_schema, hyperv_schema;
/* cpu.c */
extern const struct schema cpu_schema, cpu_feature_schema, cpu_cell_schema, cpu_sibling_schema, cpu_cache_schema,
	cell_cache_schema, cpu_latency_schema, cpu_bandwidth_schema;
/* clock.c */
extern const struct schema clock_schema, timer_schema;
/* tune.c */
extern const struct schema cputune_schema, vcpupin_schema, iothreadpin_schema, vcpusched_schema, iothreadsched_schema,
	cachetune_schema, memorytune_schema, cachetune_cache_schema, cachetune_monitor_schema, memorytune_node_schema,
	numatune_schema, memnode_schema, vcpu_schema, iothread_schema, hugepage_schema, blkio_schema, idmap_schema,
	perf_event_schema, keywrap_schema, launch_security_schema, domain_seclabel_schema, throttlegroup_schema,
	qemu_arg_schema, qemu_env_schema, qemu_cap_schema, qemu_override_schema, qemu_override_property_schema;

#endif
