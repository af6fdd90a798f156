/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * <domain>: what stands above the devices, and the list of device kinds.  Element and attribute names are those of libvirt's domain format.
 */
#include "domain.h"

static const char *const lifecycle[] = { "destroy",	     "restart",		 "preserve", "rename-restart",
					 "coredump-destroy", "coredump-restart", NULL };
static const char *const lock_failures[] = { "poweroff", "restart", "pause", "ignore", NULL };
static const char *const placements[] = { "static", "auto", NULL };
static const char *const allocations[] = { "immediate", "ondemand", NULL };
static const char *const sources[] = { "file", "anonymous", "memfd", NULL };
static const char *const accesses[] = { "shared", "private", NULL };

/* The names of the special files cpus, cpus_max, memory and memory_max are used by the engine, which ties the pairs together. */
static const struct prop props[] = {
	{ "@type", T_STRING, "type", .flags = P_REQUIRED | P_READONLY,
	  .doc = "which hypervisor runs it: kvm, qemu, test" },
	{ "@id", T_STRING, .flags = P_OUTPUT, .doc = "number of the running guest" },
	{ "name", T_STRING, .flags = P_REQUIRED, .doc = "its name: that of its directory" },
	{ "uuid", T_UUID, .doc = "made when it is missing" },
	{ "hwuuid", T_UUID, .doc = "uuid that the guest sees, when it is another" },
	{ "genid", T_STRING, .doc = "generation id: changes when a snapshot is reverted" },
	{ "title", T_STRING, "title", .doc = "a line for people" },
	{ "description", T_STRING, "description", .doc = "text for people" },
	{ "metadata", T_ANY, .doc = "kept as it is" },
	{ "maxMemory", T_SIZE, .doc = "how far DIMMs can be plugged" },
	{ "maxMemory/@slots", T_U64, .max = 256, .doc = "slots for DIMMs" },
	{ "memory", T_SIZE, "memory_max", .doc = "memory that the guest starts with, which bounds the balloon" },
	{ "memory/@dumpCore", T_ENUM, .words = words_on_off, .doc = "guest memory is part of a core dump" },
	{ "currentMemory", T_SIZE, "memory", .flags = P_LIVE, .doc = "memory that the guest has now (balloon)" },
	{ "memoryBacking/hugepages", T_FLAG, .doc = "memory from huge pages" },
	{ "memoryBacking/hugepages/page", T_LIST, .sub = &hugepage_schema, .doc = "page size by guest NUMA node" },
	{ "memoryBacking/nosharepages", T_FLAG, .doc = "the host does not merge equal pages" },
	{ "memoryBacking/locked", T_FLAG, .doc = "locked in memory" },
	{ "memoryBacking/source/@type", T_ENUM, .words = sources, .doc = "where it comes from" },
	{ "memoryBacking/access/@mode", T_ENUM, .words = accesses, .doc = "shared with other processes or not" },
	{ "memoryBacking/allocation/@mode", T_ENUM, .words = allocations, .doc = "when it is allocated" },
	{ "memoryBacking/allocation/@threads", T_U64, .doc = "threads that allocate it" },
	{ "memoryBacking/discard", T_FLAG, .doc = "content is thrown away at the end" },
	{ "vcpu", T_U64, "cpus_max", .min = 1, .max = 65535, .dflt = "1", .doc = "vCPUs that can be plugged" },
	{ "vcpu/@current", T_U64, "cpus", .flags = P_LIVE, .min = 1, .max = 65535, .doc = "vCPUs that the guest has" },
	{ "vcpu/@placement", T_ENUM, .words = placements, .doc = "static, or auto by numad" },
	{ "vcpu/@cpuset", T_CPUSET, .doc = "host CPUs that its threads may use" },
	{ "vcpus/vcpu", T_LIST, .sub = &vcpu_schema, .doc = "single vCPUs" },
	{ "iothreads", T_U64, .max = 65535, .doc = "number of I/O threads" },
	{ "iothreadids/iothread", T_LIST, .sub = &iothread_schema, .doc = "I/O threads with their ids" },
	{ "defaultiothread/@thread_pool_min", T_U64, .doc = "worker threads of the main loop, at least" },
	{ "defaultiothread/@thread_pool_max", T_U64, .doc = "at most" },
	{ "cputune", T_SUB, .sub = &cputune_schema, .doc = "CPU pinning and shares" },
	{ "numatune", T_SUB, .sub = &numatune_schema, .doc = "host NUMA nodes of its memory" },
	{ "memtune/hard_limit", T_SIZE, .doc = "host memory, at most" },
	{ "memtune/soft_limit", T_SIZE, .doc = "host memory when it is scarce" },
	{ "memtune/swap_hard_limit", T_SIZE, .doc = "memory and swap, at most" },
	{ "memtune/min_guarantee", T_SIZE, .doc = "memory that it always has" },
	{ "blkiotune/weight", T_U64, .doc = "share of disk time" },
	{ "blkiotune/device", T_LIST, .sub = &blkio_schema, .doc = "limits by host device" },
	{ "resource/partition", T_STRING, .doc = "cgroup to be placed in" },
	{ "resource/fibrechannel/@appid", T_STRING, .doc = "application id on the fabric" },
	{ "sysinfo", T_LIST, .sub = &sysinfo_schema, .doc = "SMBIOS strings, fw_cfg entries" },
	{ "bootloader", T_STRING, .doc = "program that picks the kernel (Xen)" },
	{ "bootloader_args", T_STRING, .doc = "its arguments" },
	{ "os", T_SUB, .sub = &os_schema, .doc = "machine, firmware, boot" },
	{ "idmap/uid", T_LIST, .sub = &idmap_schema, .doc = "user namespace (containers)" },
	{ "idmap/gid", T_LIST, .sub = &idmap_schema, .doc = "user namespace (containers)" },
	{ "features", T_SUB, .sub = &features_schema, .doc = "ACPI, APIC, Hyper-V ..." },
	{ "cpu", T_SUB, .sub = &cpu_schema, .doc = "CPU model and topology" },
	{ "clock", T_SUB, .sub = &clock_schema, .doc = "clock and timers" },
	{ "on_poweroff", T_ENUM, .words = lifecycle, .dflt = "destroy", .doc = "when the guest powers off" },
	{ "on_reboot", T_ENUM, .words = lifecycle, .dflt = "restart", .doc = "when the guest resets" },
	{ "on_crash", T_ENUM, .words = lifecycle, .dflt = "destroy", .doc = "when the guest panics" },
	{ "on_lockfailure", T_ENUM, .words = lock_failures, .doc = "when a lock manager takes its disks away" },
	{ "pm/suspend-to-mem/@enabled", T_ENUM, .words = words_yes_no, .doc = "the BIOS offers S3" },
	{ "pm/suspend-to-disk/@enabled", T_ENUM, .words = words_yes_no, .doc = "the BIOS offers S4" },
	{ "perf/event", T_LIST, .sub = &perf_event_schema, .doc = "hardware counters" },
	{ "keywrap/cipher", T_LIST, .sub = &keywrap_schema, .doc = "s390 key wrapping" },
	{ "launchSecurity", T_SUB, .sub = &launch_security_schema, .doc = "memory encryption" },
	{ "seclabel", T_LIST, .sub = &domain_seclabel_schema, .doc = "how it is confined" },
	{ "throttlegroups/throttlegroup", T_LIST, .sub = &throttlegroup_schema, .doc = "I/O limits that disks share" },
	{ "qemu:commandline/qemu:arg", T_LIST, .sub = &qemu_arg_schema, .doc = "further words for QEMU" },
	{ "qemu:commandline/qemu:env", T_LIST, .sub = &qemu_env_schema, .doc = "its environment" },
	{ "qemu:capabilities/qemu:add", T_LIST, .sub = &qemu_cap_schema, .doc = "pretend that QEMU can" },
	{ "qemu:capabilities/qemu:del", T_LIST, .sub = &qemu_cap_schema, .doc = "pretend that QEMU cannot" },
	{ "qemu:override/qemu:device", T_LIST, .sub = &qemu_override_schema, .doc = "properties of a device" },
	{ "qemu:deprecation/@behavior", T_STRING, .doc = "what QEMU does with deprecated things" },
	{ "lxc:namespace", T_ANY, .doc = "namespaces to share (containers)" },
	{ "xen:commandline", T_ANY, .doc = "further words for Xen's device model" },
	{ "bhyve:commandline", T_ANY, .doc = "further words for bhyve" },
	{ "vmware:datacenterpath", T_STRING, .doc = "where it is kept in vCenter" },
	{ "vmware:moref", T_STRING, .doc = "its id in vCenter" },
	{ "test:runstate", T_ANY, .doc = "of libvirt's test driver" },
	{ "devices/emulator", T_STRING, .doc = "the program that runs it" },
	{ "devices/disk", T_LIST, .sub = &disk_schema, .doc = "disks" },
	{ "devices/controller", T_LIST, .sub = &controller_schema, .doc = "buses" },
	{ "devices/lease", T_LIST, .sub = &lease_schema, .doc = "lock manager leases" },
	{ "devices/filesystem", T_LIST, .sub = &filesystem_schema, .doc = "shared directories" },
	{ "devices/interface", T_LIST, .sub = &nic_schema, .doc = "NICs" },
	{ "devices/smartcard", T_LIST, .sub = &smartcard_schema, .doc = "smartcards" },
	{ "devices/serial", T_LIST, .sub = &serial_schema, .doc = "serial ports" },
	{ "devices/parallel", T_LIST, .sub = &parallel_schema, .doc = "parallel ports" },
	{ "devices/console", T_LIST, .sub = &console_schema, .doc = "consoles" },
	{ "devices/channel", T_LIST, .sub = &channel_schema, .doc = "channels to the guest" },
	{ "devices/input", T_LIST, .sub = &input_schema, .doc = "keyboards, mice, tablets" },
	{ "devices/tpm", T_LIST, .sub = &tpm_schema, .doc = "trusted platform modules" },
	{ "devices/graphics", T_LIST, .sub = &graphics_schema, .doc = "ways to see the screen" },
	{ "devices/sound", T_LIST, .sub = &sound_schema, .doc = "sound cards" },
	{ "devices/audio", T_LIST, .sub = &audio_schema, .doc = "where sound goes" },
	{ "devices/video", T_LIST, .sub = &video_schema, .doc = "graphics cards" },
	{ "devices/hostdev", T_LIST, .sub = &hostdev_schema, .doc = "devices of the host" },
	{ "devices/redirdev", T_LIST, .sub = &redirdev_schema, .doc = "USB redirection" },
	{ "devices/redirfilter", T_LIST, .sub = &redirfilter_schema, .doc = "which USB devices may be redirected" },
	{ "devices/hub", T_LIST, .sub = &hub_schema, .doc = "USB hubs" },
	{ "devices/watchdog", T_LIST, .sub = &watchdog_schema, .doc = "watchdogs" },
	{ "devices/memballoon", T_LIST, .sub = &balloon_schema, .doc = "the balloon" },
	{ "devices/rng", T_LIST, .sub = &rng_schema, .doc = "sources of randomness" },
	{ "devices/nvram", T_LIST, .sub = &nvram_schema, .doc = "NVRAM (pseries)" },
	{ "devices/shmem", T_LIST, .sub = &shmem_schema, .doc = "shared memory" },
	{ "devices/memory", T_LIST, .sub = &memdev_schema, .doc = "DIMMs and the like" },
	{ "devices/panic", T_LIST, .sub = &panic_schema, .doc = "how the guest tells that it panicked" },
	{ "devices/iommu", T_LIST, .sub = &iommu_schema, .doc = "IOMMUs" },
	{ "devices/vsock", T_LIST, .sub = &vsock_schema, .doc = "sockets between host and guest" },
	{ "devices/crypto", T_LIST, .sub = &crypto_schema, .doc = "crypto accelerators" },
	{ "devices/pstore", T_LIST, .sub = &pstore_schema, .doc = "storage for crash logs" },
	{ 0 },
};

static int unique_aliases(const struct node *n, struct error *err)
{
	struct hash *seen = hash_new();
	int r = 0;

	for (const struct node *d = node_child(node_first(n, "devices"), NULL); r == 0 && d; d = node_next(d, NULL)) {
		const char *alias = node_get(d, "alias/@name");
		/* only user-made aliases: others are made anew where they do not fit */
		if (!alias || !str_starts(alias, "ua-"))
			continue;
		if (hash_get(seen, alias))
			r = error_set(err, EINVAL, "line %ld: <%s>: alias '%s' is given twice", node_line(d),
				      node_name(d), alias);
		hash_put(seen, alias, seen);
	}
	hash_free(seen);
	return r;
}

/* What cannot be a line or the name of a file anywhere. */
static int check_names(const struct node *n, struct error *err)
{
	const char *name = node_get_or(n, "name", "");

	if (!*name || strpbrk(name, "/\n"))
		return error_set(err, EINVAL, "line %ld: <name>: a name is not empty, and has no '/' and no line break",
				 node_line(node_child(n, "name")));
	if (strchr(node_get_or(n, "title", ""), '\n'))
		return error_set(err, EINVAL, "line %ld: <title> is one line: longer text is for <description>",
				 node_line(node_child(n, "title")));
	return 0;
}

static int check(const struct node *n, struct error *err)
{
	int r = check_names(n, err);

	if (r == 0)
		r = unique_aliases(n, err);
	if (r == 0 && node_get(n, "vcpu/@current") && node_u64(n, "vcpu/@current", 1) > node_u64(n, "vcpu", 1))
		r = error_set(err, EINVAL, "line %ld: <vcpu current='%s'> is more than its maximum %s",
			      node_line(node_first(n, "vcpu")), node_get(n, "vcpu/@current"), node_get(n, "vcpu"));
	if (r == 0 && !node_has(n, "memory") && !node_has(n, "cpu/numa/cell"))
		r = error_set(err, EINVAL, "line %ld: <memory> is missing: how much may it have?", node_line(n));
	return r;
}

const struct schema domain_schema = { .element = "domain", .props = props, .check = check };
