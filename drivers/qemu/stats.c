/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Counters.  What the kernel knows of the process comes from /proc and never waits; block and balloon counters are asked of QEMU.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "launch.h"
#include "live.h"
#include "vm.h"

#define BALLOON_POLL_S 2

/* user and system time of a /proc stat file, in ns.  Fields 14 and 15 (proc(5)), after the name in parentheses. */
static bool read_times(const char *path, uint64_t *user, uint64_t *sys)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[1024];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	unsigned long u, s;
	uint64_t tick = 1000000000ull / sysconf(_SC_CLK_TCK);
	char *p;

	if (n <= 0)
		return false;
	text[n] = 0;
	p = strrchr(text, ')');
	if (!p || sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &u, &s) != 2)
		return false;
	*user = u * tick;
	*sys = s * tick;
	return true;
}

static void cpu_stats(struct vm *vm, struct stats *out)
{
	char path[64];
	uint64_t user, sys;

	snprintf(path, sizeof(path), "/proc/%d/stat", vm->pid);
	if (!read_times(path, &user, &sys))
		return;
	stats_put(out, STATS_CPU, "", "time_ns", user + sys);
	stats_put(out, STATS_CPU, "", "user_ns", user);
	stats_put(out, STATS_CPU, "", "system_ns", sys);
}

static void vcpu_stats(struct vm *vm, struct stats *out)
{
	char path[64], item[24];
	uint64_t user, sys;

	for (size_t i = 0; i < vm->nthreads; i++) {
		snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", vm->pid, vm->threads[i]);
		if (!vm->threads[i] || !read_times(path, &user, &sys))
			continue;
		snprintf(item, sizeof(item), "%zu", i);
		stats_put(out, STATS_VCPU, item, "time_ns", user + sys);
	}
}

/* Resident memory of the process (proc(5) statm: pages). */
static void memory_host_stats(struct vm *vm, struct stats *out)
{
	char path[64], text[128];
	unsigned long total, resident;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/statm", vm->pid);
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (n <= 0)
		return;
	text[n] = 0;
	if (sscanf(text, "%lu %lu", &total, &resident) == 2)
		stats_put(out, STATS_MEMORY, "", "rss_bytes", (uint64_t)resident * sysconf(_SC_PAGESIZE));
}

static const char *balloon_path(struct vm *vm, char *path, size_t n)
{
	struct node *balloon = node_first(domain_live(vm->d), "devices/memballoon");

	snprintf(path, n, "/machine/peripheral/%s", qemu_alias(balloon));
	return path;
}

static const struct {
	const char *theirs, *ours;
} guest_keys[] = {
	/* QEMU docs/virtio-balloon-stats.txt */
	{ "stat-total-memory", "guest_total_bytes" },
	{ "stat-free-memory", "guest_free_bytes" },
	{ "stat-available-memory", "guest_available_bytes" },
	{ "stat-disk-caches", "guest_cached_bytes" },
	{ "stat-swap-in", "swap_in_bytes" },
	{ "stat-swap-out", "swap_out_bytes" },
	{ "stat-major-faults", "major_faults" },
	{ "stat-minor-faults", "minor_faults" },
};

/* The guest's own figures; it is asked to send them from the first time that somebody wants them. */
static void guest_memory_stats(struct vm *vm, struct stats *out)
{
	char path[128];
	json_t *ret = NULL, *values;
	bool never;

	balloon_path(vm, path, sizeof(path));
	if (qmp_call(vm->d, "qom-get", json_pack("{s:s, s:s}", "path", path, "property", "guest-stats"), &ret, NULL) <
	    0)
		return;
	never = json_integer_value(json_object_get(ret, "last-update")) == 0;
	values = json_object_get(ret, "stats");
	for (size_t i = 0; !never && i < ARRAY_SIZE(guest_keys); i++) {
		json_t *v = json_object_get(values, guest_keys[i].theirs);
		/* -1, as an unsigned number or not: the guest does not tell */
		if (json_is_integer(v) && json_integer_value(v) >= 0)
			stats_put(out, STATS_MEMORY, "", guest_keys[i].ours, json_integer_value(v));
	}
	json_decref(ret);
	if (never)
		(void)!qmp_call(vm->d, "qom-set",
				json_pack("{s:s, s:s, s:i}", "path", path, "property", "guest-stats-polling-interval",
					  "value", BALLOON_POLL_S),
				NULL, NULL);
}

static int memory_stats(struct vm *vm, struct stats *out, struct error *err)
{
	json_t *ret = NULL;
	int r;

	memory_host_stats(vm, out);
	if (!vm->balloon)
		return 0;
	r = qmp_call(vm->d, "query-balloon", NULL, &ret, err);
	if (r == -EREMOTEIO) /* the guest has no balloon driver (yet) */
		return 0;
	if (r < 0)
		return r;
	stats_put(out, STATS_MEMORY, "", "balloon_bytes", json_integer_value(json_object_get(ret, "actual")));
	json_decref(ret);
	guest_memory_stats(vm, out);
	return 0;
}

/* "/machine/peripheral/virtio-disk0/virtio-backend" is the disk with the alias virtio-disk0. */
static const char *disk_of_qdev(struct vm *vm, const char *qdev)
{
	for (struct node *d = node_first(domain_live(vm->d), "devices/disk"); qdev && d; d = node_next(d, "disk")) {
		const char *alias = qemu_alias(d);
		const char *at = alias[0] ? strstr(qdev, alias) : NULL;
		char end = at ? at[strlen(alias)] : 0;
		if (at && (at == qdev || at[-1] == '/') && (end == 0 || end == '/'))
			return node_get(d, "target/@dev");
	}
	return NULL;
}

static const struct {
	const char *theirs, *ours;
} block_keys[] = {
	{ "rd_bytes", "read_bytes" },
	{ "rd_operations", "read_ops" },
	{ "rd_total_time_ns", "read_time_ns" },
	{ "wr_bytes", "write_bytes" },
	{ "wr_operations", "write_ops" },
	{ "wr_total_time_ns", "write_time_ns" },
	{ "flush_operations", "flush_ops" },
	{ "flush_total_time_ns", "flush_time_ns" },
	{ "failed_rd_operations", "read_errors" },
	{ "failed_wr_operations", "write_errors" },
};

static int block_stats(struct vm *vm, struct stats *out, struct error *err)
{
	json_t *ret = NULL, *b;
	size_t i;
	int r;

	if (!node_has(domain_live(vm->d), "devices/disk"))
		return 0;
	r = qmp_call(vm->d, "query-blockstats", NULL, &ret, err);
	if (r < 0)
		return r;
	json_array_foreach(ret, i, b)
	{
		const char *target = disk_of_qdev(vm, json_string_value(json_object_get(b, "qdev")));
		json_t *stats = json_object_get(b, "stats");
		for (size_t k = 0; target && k < ARRAY_SIZE(block_keys); k++)
			stats_put(out, STATS_BLOCK, target, block_keys[k].ours,
				  json_integer_value(json_object_get(stats, block_keys[k].theirs)));
	}
	json_decref(ret);
	return 0;
}

int qemu_stats(struct domain *d, unsigned groups, struct stats *out, struct error *err)
{
	autovm struct vm *vm = vm_of(d) ? vm_ref(vm_of(d)) : NULL;
	int r = 0;

	if (!vm)
		return 0; /* off: no counters */
	if (groups & STATS_CPU)
		cpu_stats(vm, out);
	if (groups & STATS_VCPU)
		vcpu_stats(vm, out);
	if (groups & STATS_MEMORY)
		r = memory_stats(vm, out, err);
	if (r == 0 && (groups & STATS_BLOCK))
		r = block_stats(vm, out, err);
	return r;
}
