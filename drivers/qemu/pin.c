/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * CPU affinity of a started guest's threads: vcpu/@cpuset for all, cputune/emulatorpin for the process, cputune/vcpupin for single vCPUs.
 */
#include <sched.h>
#include <stdlib.h>

#include "vm.h"

/* "0-3,^2,7" as libvirt writes it (formatdomain, cpuset). */
static int parse_cpuset(const char *text, cpu_set_t *set, struct error *err)
{
	CPU_ZERO(set);
	for (const char *p = text; *p;) {
		bool not = *p == '^';
		char *end;
		unsigned long from = strtoul(p + not, &end, 10), to = from;
		if (end == p + not )
			return error_set(err, EINVAL, "'%s' is not a CPU set: write numbers and ranges, as in 0-3,^2,7",
					 text);
		if (*end == '-')
			to = strtoul(end + 1, &end, 10);
		for (unsigned long c = from; c <= to && c < CPU_SETSIZE; c++) {
			if (not )
				CPU_CLR(c, set);
			else
				CPU_SET(c, set);
		}
		p = *end == ',' ? end + 1 : end;
		if (*end && *end != ',')
			return error_set(err, EINVAL, "'%s' is not a CPU set: write numbers and ranges, as in 0-3,^2,7",
					 text);
	}
	return 0;
}

static int pin(pid_t thread, const char *text, const char *what, struct error *err)
{
	cpu_set_t set;
	int r;

	if (!text || !thread)
		return 0;
	r = parse_cpuset(text, &set, err);
	if (r == 0 && sched_setaffinity(thread, sizeof(set), &set) < 0)
		r = error_set(err, errno, "%s cannot be pinned to CPUs %s: %s", what, text,
			      errno == EINVAL ? "this host has none of them" : strerror(errno));
	return r;
}

int qemu_pin(struct vm *vm, struct error *err)
{
	struct node *root = domain_live(vm->d);
	const char *all = node_get(root, "vcpu/@cpuset");
	const char *emulator = node_get(root, "cputune/emulatorpin/@cpuset");
	int r = pin(vm->pid, emulator ? emulator : all, "QEMU", err);

	for (size_t i = 0; r == 0 && i < vm->nthreads; i++)
		r = pin(vm->threads[i], all, "a vCPU", err);
	for (struct node *n = node_first(root, "cputune/vcpupin"); r == 0 && n; n = node_next(n, "vcpupin")) {
		uint64_t i = node_u64(n, "@vcpu", 0);
		if (i < vm->nthreads)
			r = pin(vm->threads[i], node_get(n, "@cpuset"), "a vCPU", err);
	}
	return r;
}
