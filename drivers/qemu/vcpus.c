/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * -smp, and single vCPUs: <vcpus> may say which of them the guest starts with.  Those that can be unplugged are devices of their own, the
 * others come from -smp.
 */
#include "domain.h"

static int check_first(const struct node *first, struct error *err)
{
	if (!node_yes(first, "@enabled") || node_yes(first, "@hotpluggable"))
		return error_set(err, EINVAL,
				 "line %ld: <vcpu id='0'>: the first vCPU must be enabled and is never hotpluggable",
				 node_line(first));
	if (node_u64(first, "@order", 1) != 1)
		return error_set(err, EINVAL, "line %ld: <vcpu id='0'>: the first vCPU is the first in order",
				 node_line(first));
	return 0;
}

int qemu_complete_vcpus(struct complete *c, struct error *err)
{
	struct node *root = c->domain;
	uint64_t max = node_u64(root, "vcpu", 1), enabled = 0, listed = 0;

	for (const struct node *n = node_first(root, "vcpus/vcpu"); n; n = node_next(n, "vcpu"), listed++) {
		uint64_t id = node_u64(n, "@id", 0);
		if (id >= max)
			return error_set(err, EINVAL, "line %ld: <vcpu id='%llu'>: <vcpu> says %llu", node_line(n),
					 (unsigned long long)id, (unsigned long long)max);
		for (const struct node *o = node_next(n, "vcpu"); o; o = node_next(o, "vcpu"))
			if (node_u64(o, "@id", 0) == id)
				return error_set(err, EINVAL, "line %ld: <vcpu id='%llu'> is given twice", node_line(o),
						 (unsigned long long)id);
		if (id == 0 && check_first(n, err) < 0)
			return -EINVAL;
		if (!node_has(n, "@enabled"))
			return error_set(err, EINVAL, "line %ld: <vcpu id='%llu'> needs enabled='yes' or 'no'",
					 node_line(n), (unsigned long long)id);
		enabled += node_yes(n, "@enabled");
	}
	if (listed && listed != max)
		return error_set(err, EINVAL, "line %ld: <vcpus> says of %llu vCPUs what they are, <vcpu> of %llu",
				 node_line(node_first(root, "vcpus")), (unsigned long long)listed,
				 (unsigned long long)max);
	if (listed && enabled != max)
		node_setf(root, "vcpu/@current", "%llu", (unsigned long long)enabled);
	return 0;
}

/* How many QEMU makes by itself: all that cannot be unplugged. */
static uint64_t fixed_vcpus(const struct node *root)
{
	uint64_t n = 0;

	if (!node_has(root, "vcpus/vcpu"))
		return node_u64(root, "vcpu/@current", node_u64(root, "vcpu", 1));
	for (const struct node *v = node_first(root, "vcpus/vcpu"); v; v = node_next(v, "vcpu"))
		n += node_yes(v, "@enabled") && !node_yes(v, "@hotpluggable");
	return n;
}

int qemu_plan_smp(struct plan *p)
{
	const struct node *root = p->domain, *t = node_first(root, "cpu/topology");
	uint64_t max = node_u64(root, "vcpu", 1), now = fixed_vcpus(root);
	autobuf struct buf words = { 0 };

	buf_u64(&words, now);
	if (now != max)
		buf_printf(&words, ",maxcpus=%llu", (unsigned long long)max);
	buf_printf(&words, ",sockets=%llu", (unsigned long long)(t ? node_u64(t, "@sockets", 1) : max));
	if (node_u64(t, "@dies", 1) > 1)
		buf_printf(&words, ",dies=%s", node_get(t, "@dies"));
	buf_printf(&words, ",cores=%llu,threads=%llu", (unsigned long long)node_u64(t, "@cores", 1),
		   (unsigned long long)node_u64(t, "@threads", 1));
	plan_option(p, "-smp", "%s", buf_text(&words));
	return 0;
}

/* vCPU number ID as a device, in its place of the topology. */
static void plan_vcpu(struct plan *p, uint64_t id)
{
	const struct node *t = node_first(p->domain, "cpu/topology");
	uint64_t threads = node_u64(t, "@threads", 1), cores = node_u64(t, "@cores", 1), dies = node_u64(t, "@dies", 1);
	bool i386 = str_ends(p->caps->binary, "-i386");
	json_t *o = json_object();

	props_strf(o, "driver", "%s-%s-cpu", qemu_cpu_type(p->domain), i386 ? "i386" : "x86_64");
	props_strf(o, "id", "vcpu%llu", (unsigned long long)id);
	props_int(o, "socket-id", id / threads / cores / dies);
	if (dies > 1)
		props_int(o, "die-id", id / threads / cores % dies);
	props_int(o, "core-id", id / threads % cores);
	props_int(o, "thread-id", id % threads);
	plan_item(p, ITEM_DEVICE, o);
}

/* In their @order, those without one last. */
void qemu_plan_vcpus(struct plan *p)
{
	const struct node *root = p->domain;
	uint64_t max = node_u64(root, "vcpu", 1);

	for (uint64_t order = 1; order <= max + 1; order++)
		for (const struct node *v = node_first(root, "vcpus/vcpu"); v; v = node_next(v, "vcpu"))
			if (node_yes(v, "@enabled") && node_yes(v, "@hotpluggable") &&
			    node_u64(v, "@order", max + 1) == order)
				plan_vcpu(p, node_u64(v, "@id", 0));
}
