/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a definition may ask of the host around QEMU: pinning is done (pin.c); what needs cgroups or labels is refused until it is enforced, so that
 * nobody believes in a limit that is not there.
 */
#include "domain.h"

static const struct {
	const char *path, *why;
} refused[] = {
	{"cputune/shares", "cgroup limits are not built yet"},
	{"cputune/period", "cgroup limits are not built yet"},
	{"cputune/quota", "cgroup limits are not built yet"},
	{"cputune/global_period", "cgroup limits are not built yet"},
	{"cputune/global_quota", "cgroup limits are not built yet"},
	{"cputune/emulator_period", "cgroup limits are not built yet"},
	{"cputune/emulator_quota", "cgroup limits are not built yet"},
	{"cputune/iothread_period", "cgroup limits are not built yet"},
	{"cputune/iothread_quota", "cgroup limits are not built yet"},
	{"cputune/cachetune", "resctrl is not built yet"},
	{"cputune/memorytune", "resctrl is not built yet"},
	{"cputune/vcpusched", "real-time scheduling is not built yet"},
	{"cputune/iothreadsched", "real-time scheduling is not built yet"},
	{"cputune/emulatorsched", "real-time scheduling is not built yet"},
	{"memtune/hard_limit", "cgroup limits are not built yet"},
	{"memtune/soft_limit", "cgroup limits are not built yet"},
	{"memtune/swap_hard_limit", "cgroup limits are not built yet"},
	{"blkiotune", "cgroup limits are not built yet"},
	{"idmap", "user namespaces are for containers: each guest has a uid of its own anyway"},
	{"launchSecurity", "memory encryption is not built yet"},
	{"perf/event", "performance counters are not built yet"},
	{"resource/partition", "cgroup placement is not built yet"},
};

/* The same for single values. */
static const struct {
	const char *path, *value, *why;
} refused_values[] = {
	{"vcpu/@placement", "auto", "advice by numad is not built yet"},
	{"numatune/memory/@placement", "auto", "advice by numad is not built yet"},
	{"numatune/memory/@mode", "restrictive", "cgroup placement is not built yet: 'strict' is done by QEMU itself"},
};

/* What a definition may hold but a start must refuse. */
int qemu_tuning_refusal(const struct node *root, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		const struct node *n = node_first(root, refused[i].path);
		if (n)
			return error_set(err, ENOTSUP, "line %ld: <%s>: %s: remove it to start the guest without", node_line(n),
					 refused[i].path, refused[i].why);
	}
	for (size_t i = 0; i < ARRAY_SIZE(refused_values); i++)
		if (node_is(root, refused_values[i].path, refused_values[i].value))
			return error_set(err, ENOTSUP, "<%s='%s'>: %s", refused_values[i].path, refused_values[i].value, refused_values[i].why);
	for (const struct node *n = node_first(root, "seclabel"); n; n = node_next(n, "seclabel"))
		if (node_is(n, "@type", "static") && !node_is(n, "@model", "none")) /* tuning.c, qemu_check_tuning */
			return error_set(err, ENOTSUP, "line %ld: <seclabel type='static'>: labels are not set: type='dynamic' is confined by "
					 "domfs's own means", node_line(n));
	return 0;
}

/* "0-3,5" names no CPU past MAX? */
static int check_set(const struct node *n, const char *path, uint64_t max, const char *of, struct error *err)
{
	const char *p = node_get(n, path);
	char *end;

	while (p && *p) {
		unsigned long v = strtoul(*p == '^' ? p + 1 : p, &end, 10);
		if (v >= max)
			return error_set(err, EINVAL, "line %ld: <%s %s>: there is no %s %lu", node_line(n), node_name(n), path + 1, of, v);
		p = *end ? end + 1 : end;
	}
	return 0;
}

static int check_pins(const struct node *root, struct error *err)
{
	uint64_t vcpus = node_u64(root, "vcpu", 1), threads = node_u64(root, "iothreads", node_count(root, "iothreadids/iothread"));

	for (const struct node *n = node_first(root, "cputune/vcpupin"); n; n = node_next(n, "vcpupin"))
		for (const struct node *m = node_next(n, "vcpupin"); m; m = node_next(m, "vcpupin"))
			if (str_eq(node_get(m, "@vcpu"), node_get(n, "@vcpu")))
				return error_set(err, EINVAL, "line %ld: <vcpupin vcpu='%s'> is given twice", node_line(m), node_get(m, "@vcpu"));
	for (const struct node *n = node_first(root, "cputune/vcpusched"); n; n = node_next(n, "vcpusched")) {
		int r = check_set(n, "@vcpus", vcpus, "vCPU", err);
		if (r < 0)
			return r;
	}
	for (const struct node *n = node_first(root, "cputune/iothreadsched"); n; n = node_next(n, "iothreadsched")) {
		int r = check_set(n, "@iothreads", threads + 1, "I/O thread", err);
		if (r < 0)
			return r;
	}
	return 0;
}

int qemu_check_tuning(struct complete *c, struct error *err)
{
	const struct node *root = c->domain;
	uint64_t cells = node_count(root, "cpu/numa/cell");

	for (const struct node *n = node_first(root, "memoryBacking/hugepages/page"); n; n = node_next(n, "page")) {
		int r = check_set(n, "@nodeset", cells ? cells : 1, "guest NUMA node", err);
		if (r < 0)
			return r;
	}
	return check_pins(root, err);
}
