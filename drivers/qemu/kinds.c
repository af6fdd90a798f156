/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every kind of element that this driver knows.  One that is missing here refuses definitions that have it. */
#include "devices.h"
#include "domain_rows.h"
#include "storage.h"

const struct qemu_kind *const qemu_kinds[] = {
	/* above the devices */
	&qemu_domain_kind, &qemu_os_kind, &qemu_features_kind, &qemu_hyperv_kind, &qemu_cpu_kind,
	&qemu_cpu_feature_kind, &qemu_cell_kind, &qemu_sibling_kind, &qemu_clock_kind, &qemu_timer_kind,
	&qemu_os_boot_kind, &qemu_fw_feature_kind, &qemu_table_kind, &qemu_sysinfo_kind, &qemu_sysinfo_entry_kind,
	&qemu_sysinfo_block_kind, &qemu_cputune_kind, &qemu_vcpupin_kind, &qemu_iothreadpin_kind,
	&qemu_vcpusched_kind, &qemu_iothreadsched_kind, &qemu_cachetune_kind, &qemu_cachetune_cache_kind,
	&qemu_monitor_kind, &qemu_memorytune_kind, &qemu_memorytune_node_kind, &qemu_numatune_kind,
	&qemu_memnode_kind, &qemu_vcpu_kind, &qemu_iothread_kind, &qemu_page_kind, &qemu_blkio_kind,
	&qemu_event_kind, &qemu_security_kind, &qemu_label_kind, &qemu_arg_kind, &qemu_env_kind, &qemu_cell_cache_kind,
	&qemu_latency_kind, &qemu_bandwidth_kind, &qemu_idmap_kind, &qemu_override_kind, &qemu_override_property_kind,
	/* storage, buses, host devices */
	&qemu_disk_kind, &qemu_controller_kind, &qemu_hostdev_kind, &qemu_filesystem_kind, &qemu_memdev_kind,
	&qemu_shmem_kind, &qemu_iommu_kind, &qemu_crypto_kind, &qemu_source_kind, &qemu_source_host_kind,
	&qemu_source_cookie_kind, &qemu_source_slice_kind, &qemu_seclabel_kind, &qemu_auth_kind,
	&qemu_encryption_kind, &qemu_encryption_secret_kind, &qemu_backing_kind, &qemu_mirror_kind,
	&qemu_disk_iothread_kind, &qemu_disk_iothread_queue_kind, &qemu_fs_idmap_kind, &qemu_hostdev_host_kind,
	/* the others */
	&qemu_interface_kind, &qemu_serial_kind, &qemu_parallel_kind, &qemu_console_kind, &qemu_channel_kind,
	&qemu_graphics_kind, &qemu_video_kind, &qemu_input_kind, &qemu_rng_kind, &qemu_memballoon_kind,
	&qemu_watchdog_kind, &qemu_sound_kind, &qemu_audio_kind, &qemu_tpm_kind, &qemu_panic_kind, &qemu_vsock_kind,
	&qemu_redirdev_kind, &qemu_redirfilter_kind, &qemu_smartcard_kind, &qemu_hub_kind, &qemu_pstore_kind,
	&qemu_nic_ip_kind, &qemu_nic_route_kind, &qemu_nic_tag_kind, &qemu_nic_parameter_kind, &qemu_nic_range_kind,
	&qemu_nic_forward_kind, &qemu_chardev_source_kind, &qemu_graphics_listen_kind, &qemu_graphics_channel_kind,
	&qemu_rng_backend_kind, &qemu_sound_codec_kind, &qemu_audio_stream_kind, &qemu_redirfilter_usbdev_kind,
	&qemu_smartcard_certificate_kind,
	/* common to all */
	&qemu_address_kind, &qemu_alias_kind, &qemu_boot_kind, &qemu_virtio_kind,
	NULL,
};
