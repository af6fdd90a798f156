/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kinds above the devices (domain_rows.c), and what all devices have in common (common_kinds.c). */
#ifndef DOMFS_QEMU_DOMAIN_ROWS_H
#define DOMFS_QEMU_DOMAIN_ROWS_H

#include "qemu.h"

extern const struct qemu_kind qemu_domain_kind;
extern const struct qemu_kind qemu_os_kind;
extern const struct qemu_kind qemu_features_kind;
extern const struct qemu_kind qemu_hyperv_kind;
extern const struct qemu_kind qemu_cpu_kind;
extern const struct qemu_kind qemu_cpu_feature_kind;
extern const struct qemu_kind qemu_cell_kind;
extern const struct qemu_kind qemu_cell_cache_kind;
extern const struct qemu_kind qemu_latency_kind;
extern const struct qemu_kind qemu_bandwidth_kind;
extern const struct qemu_kind qemu_idmap_kind;
extern const struct qemu_kind qemu_override_kind;
extern const struct qemu_kind qemu_override_property_kind;
extern const struct qemu_kind qemu_sibling_kind;
extern const struct qemu_kind qemu_clock_kind;
extern const struct qemu_kind qemu_timer_kind;
extern const struct qemu_kind qemu_os_boot_kind;
extern const struct qemu_kind qemu_fw_feature_kind;
extern const struct qemu_kind qemu_table_kind;
extern const struct qemu_kind qemu_sysinfo_kind;
extern const struct qemu_kind qemu_sysinfo_entry_kind;
extern const struct qemu_kind qemu_sysinfo_block_kind;
extern const struct qemu_kind qemu_cputune_kind;
extern const struct qemu_kind qemu_vcpupin_kind;
extern const struct qemu_kind qemu_iothreadpin_kind;
extern const struct qemu_kind qemu_vcpusched_kind;
extern const struct qemu_kind qemu_iothreadsched_kind;
extern const struct qemu_kind qemu_cachetune_kind;
extern const struct qemu_kind qemu_cachetune_cache_kind;
extern const struct qemu_kind qemu_monitor_kind;
extern const struct qemu_kind qemu_memorytune_kind;
extern const struct qemu_kind qemu_memorytune_node_kind;
extern const struct qemu_kind qemu_numatune_kind;
extern const struct qemu_kind qemu_memnode_kind;
extern const struct qemu_kind qemu_vcpu_kind;
extern const struct qemu_kind qemu_iothread_kind;
extern const struct qemu_kind qemu_page_kind;
extern const struct qemu_kind qemu_blkio_kind;
extern const struct qemu_kind qemu_event_kind;
extern const struct qemu_kind qemu_security_kind;
extern const struct qemu_kind qemu_label_kind;
extern const struct qemu_kind qemu_arg_kind;
extern const struct qemu_kind qemu_env_kind;
extern const struct qemu_kind qemu_address_kind, qemu_alias_kind, qemu_boot_kind, qemu_virtio_kind;

#endif
