/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a definition may ask of the host around QEMU: pinning is done (pin.c); what needs cgroups or labels is refused until it is enforced, so that
 * nobody believes in a limit that is not there.
 */
#include "domain.h"

static const struct {
	const char *path, *why;
} refused[] = {
	{ "cputune/shares", "cgroup limits are not built yet" },
	{ "cputune/period", "cgroup limits are not built yet" },
	{ "cputune/quota", "cgroup limits are not built yet" },
	{ "cputune/global_period", "cgroup limits are not built yet" },
	{ "cputune/global_quota", "cgroup limits are not built yet" },
	{ "cputune/emulator_period", "cgroup limits are not built yet" },
	{ "cputune/emulator_quota", "cgroup limits are not built yet" },
	{ "cputune/iothread_period", "cgroup limits are not built yet" },
	{ "cputune/iothread_quota", "cgroup limits are not built yet" },
	{ "cputune/cachetune", "resctrl is not built yet" },
	{ "cputune/memorytune", "resctrl is not built yet" },
	{ "cputune/vcpusched", "real-time scheduling is not built yet" },
	{ "cputune/iothreadsched", "real-time scheduling is not built yet" },
	{ "cputune/emulatorsched", "real-time scheduling is not built yet" },
	{ "memtune/hard_limit", "cgroup limits are not built yet" },
	{ "memtune/soft_limit", "cgroup limits are not built yet" },
	{ "memtune/swap_hard_limit", "cgroup limits are not built yet" },
	{ "blkiotune", "cgroup limits are not built yet" },
	{ "idmap", "user namespaces are for containers: each guest has a uid of its own anyway" },
	{ "launchSecurity", "memory encryption is not built yet" },
	{ "perf/event", "performance counters are not built yet" },
	{ "resource/partition", "cgroup placement is not built yet" },
};

/* The same for single values. */
static const struct {
	const char *path, *value, *why;
} refused_values[] = {
	{ "vcpu/@placement", "auto", "advice by numad is not built yet" },
	{ "numatune/memory/@placement", "auto", "advice by numad is not built yet" },
	{ "numatune/memory/@mode", "restrictive",
	  "cgroup placement is not built yet: 'strict' is done by QEMU itself" },
};

/* What a definition may hold but a start must refuse. */
int qemu_tuning_refusal(const struct node *root, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		const struct node *n = node_first(root, refused[i].path);
		if (n)
			return error_set(err, ENOTSUP, "line %ld: <%s>: %s: remove it to start the guest without",
					 node_line(n), refused[i].path, refused[i].why);
	}
	for (size_t i = 0; i < ARRAY_SIZE(refused_values); i++)
		if (node_is(root, refused_values[i].path, refused_values[i].value))
			return error_set(err, ENOTSUP, "<%s='%s'>: %s", refused_values[i].path, refused_values[i].value,
					 refused_values[i].why);
	for (const struct node *n = node_first(root, "seclabel"); n; n = node_next(n, "seclabel"))
		if (node_is(n, "@type", "static") && !node_is(n, "@model", "none")) /* tuning.c, qemu_check_tuning */
			return error_set(
				err, ENOTSUP,
				"line %ld: <seclabel type='static'>: labels are not set: type='dynamic' is confined by "
				"domfs's own means",
				node_line(n));
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
			return error_set(err, EINVAL, "line %ld: <%s %s>: there is no %s %lu", node_line(n),
					 node_name(n), path + 1, of, v);
		p = *end ? end + 1 : end;
	}
	return 0;
}

static int check_pins(const struct node *root, struct error *err)
{
	for (const struct node *n = node_first(root, "cputune/vcpupin"); n; n = node_next(n, "vcpupin"))
		for (const struct node *m = node_next(n, "vcpupin"); m; m = node_next(m, "vcpupin"))
			if (str_eq(node_get(m, "@vcpu"), node_get(n, "@vcpu")))
				return error_set(err, EINVAL, "line %ld: <vcpupin vcpu='%s'> is given twice",
						 node_line(m), node_get(m, "@vcpu"));
	return 0;
}

static int check_schedulers(const struct node *root, const char *list, const char *element, const char *set,
			    struct error *err)
{
	for (const struct node *n = node_first(root, list); n; n = node_next(n, element)) {
		bool real_time = node_is(n, "@scheduler", "fifo") || node_is(n, "@scheduler", "rr");
		if (real_time && node_u64(n, "@priority", 0) == 0)
			return error_set(err, EINVAL, "line %ld: <%s scheduler='%s'> needs a priority from 1 to 99",
					 node_line(n), element, node_get(n, "@scheduler"));
		for (const struct node *m = node_next(n, element); m; m = node_next(m, element))
			for (int64_t i = 0; i < 1024; i++)
				if (qemu_in_set(node_get(n, set), i) && qemu_in_set(node_get(m, set), i))
					return error_set(err, EINVAL,
							 "line %ld: <%s>: %lld is in that of line %ld as well",
							 node_line(m), element, (long long)i, node_line(n));
	}
	return 0;
}

static int check_scheduled(const struct node *root, struct error *err)
{
	int r = check_schedulers(root, "cputune/vcpusched", "vcpusched", "@vcpus", err);

	for (const struct node *n = node_first(root, "cputune/vcpusched"); r == 0 && n; n = node_next(n, "vcpusched"))
		r = check_set(n, "@vcpus", node_u64(root, "vcpu", 1), "vCPU", err);
	if (r == 0)
		r = check_schedulers(root, "cputune/iothreadsched", "iothreadsched", "@iothreads", err);
	for (const struct node *n = node_first(root, "cputune/iothreadsched"); r == 0 && n;
	     n = node_next(n, "iothreadsched"))
		for (int64_t i = 0; i < 1024; i++)
			if (qemu_in_set(node_get(n, "@iothreads"), i) && !qemu_has_iothread(root, i))
				return error_set(err, EINVAL, "line %ld: <iothreadsched>: there is no I/O thread %lld",
						 node_line(n), (long long)i);
	return r;
}

/* Page sizes by guest node: no node may have two. */
static int check_pages(const struct node *root, struct error *err)
{
	uint64_t cells = node_count(root, "cpu/numa/cell");

	for (const struct node *n = node_first(root, "memoryBacking/hugepages/page"); n; n = node_next(n, "page")) {
		int r = check_set(n, "@nodeset", cells ? cells : 1, "guest NUMA node", err);
		if (r < 0)
			return r;
		for (const struct node *m = node_next(n, "page"); m; m = node_next(m, "page")) {
			bool twice = !node_has(n, "@nodeset") && !node_has(m, "@nodeset");
			for (uint64_t i = 0; i < cells; i++)
				twice = twice || (qemu_in_set(node_get(n, "@nodeset"), i) &&
						  qemu_in_set(node_get(m, "@nodeset"), i));
			if (twice)
				return error_set(err, EINVAL,
						 "line %ld: <page>: a guest node has the page size of line %ld already",
						 node_line(m), node_line(n));
		}
	}
	return 0;
}

/* The kernel's own bounds of what cgroups take (libvirt refuses the same). */
static int check_bounds(const struct node *root, struct error *err)
{
	static const char *const periods[] = { "period", "global_period", "emulator_period", "iothread_period" };
	const struct node *tune = node_first(root, "cputune");
	const char *partition = node_get(root, "resource/partition");

	for (size_t i = 0; i < ARRAY_SIZE(periods); i++) {
		uint64_t us = node_u64(tune, periods[i], 1000);
		if (us && (us < 1000 || us > 1000000))
			return error_set(err, EINVAL, "line %ld: <%s>: from 1000 to 1000000 us",
					 node_line(node_child(tune, periods[i])), periods[i]);
	}
	if (partition && partition[0] != '/')
		return error_set(err, EINVAL, "line %ld: <partition>%s</partition> must begin with '/'",
				 node_line(node_first(root, "resource")), partition);
	return 0;
}

static int check_labels(const struct node *root, struct error *err)
{
	for (const struct node *n = node_first(root, "seclabel"); n; n = node_next(n, "seclabel")) {
		if (!node_has(n, "@model") && node_next(node_first(root, "seclabel"), "seclabel"))
			return error_set(err, EINVAL, "line %ld: <seclabel> needs model='...' where there are several",
					 node_line(n));
		for (const struct node *m = node_next(n, "seclabel"); m; m = node_next(m, "seclabel"))
			if (str_eq(node_get(m, "@model"), node_get(n, "@model")))
				return error_set(err, EINVAL, "line %ld: <seclabel model='%s'> is given twice",
						 node_line(m), node_get_or(m, "@model", ""));
		if (node_is(n, "@type", "static") && !node_has(n, "label"))
			return error_set(err, EINVAL, "line %ld: <seclabel type='static'> needs a <label>",
					 node_line(n));
	}
	return 0;
}

int qemu_check_tuning(struct complete *c, struct error *err)
{
	static int (*const checks[])(const struct node *root, struct error *err) = {
		check_pages, check_pins, qemu_check_iothreads, check_scheduled, check_bounds, check_labels,
	};
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(checks); i++)
		r = checks[i](c->domain, err);
	if (r == 0)
		qemu_complete_iothreads(c->domain);
	return r;
}
