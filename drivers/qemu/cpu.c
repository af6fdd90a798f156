/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* -cpu and -smp. */
#include "domain.h"

int qemu_complete_cpu(struct complete *c, struct error *err)
{
	struct node *root = c->domain;
	const char *mode = node_get(root, "cpu/@mode");
	const char *model = node_get(root, "cpu/model");
	uint64_t sockets = node_u64(root, "cpu/topology/@sockets", 0), n;
	const struct qemu_machine *m = qemu_machine_find(c->caps, c->machine);

	if (sockets) {
		n = sockets * node_u64(root, "cpu/topology/@dies", 1) * node_u64(root, "cpu/topology/@clusters", 1) *
		    node_u64(root, "cpu/topology/@cores", 1) * node_u64(root, "cpu/topology/@threads", 1);
		if (n != node_u64(root, "vcpu", 1))
			return error_set(err, EINVAL, "line %ld: <topology> has %llu vCPUs (sockets x dies x cores x threads), <vcpu> says %llu",
					 node_line(node_first(root, "cpu/topology")), (unsigned long long)n,
					 (unsigned long long)node_u64(root, "vcpu", 1));
		if (node_u64(root, "cpu/topology/@clusters", 1) > 1)
			return error_set(err, ENOTSUP, "line %ld: <topology clusters>: x86 machines of QEMU %s have none",
					 node_line(node_first(root, "cpu/topology")), c->caps->version);
	}
	if (str_eq(mode, "host-passthrough") && !node_is(root, "@type", "kvm"))
		return error_set(err, ENOTSUP, "line %ld: <cpu mode='host-passthrough'> needs type='kvm': emulation has no host CPU to pass; "
				 "'maximum' is all that it can do", node_line(node_first(root, "cpu")));
	if (mode && !str_eq(mode, "custom") && node_has(root, "cpu/model/@vendor_id"))
		return error_set(err, EINVAL, "line %ld: <model vendor_id> needs mode='custom'", node_line(node_first(root, "cpu/model")));
	if (model && (!mode || str_eq(mode, "custom")) && !hash_get(c->caps->cpu_models, model))
		return error_set(err, EINVAL, "line %ld: <model>%s</model>: %s %s has no such CPU: qemu -cpu help lists them",
				 node_line(node_first(root, "cpu/model")), model, c->caps->binary, c->caps->version);
	if (!mode && !model && m && m->default_cpu) { /* written down, as it may change with QEMU */
		const char *end = strstr(m->default_cpu, "-x86_64-cpu");
		autofree char *name = xstrndup(m->default_cpu, end ? (size_t)(end - m->default_cpu) : strlen(m->default_cpu));
		if (!end)
			return 0;
		node_set(root, "cpu/@mode", "custom");
		node_set(root, "cpu/@match", node_get_or(root, "cpu/@match", "exact"));
		node_set(root, "cpu/@check", node_get_or(root, "cpu/@check", "none"));
		node_set(root, "cpu/model", name);
		node_set(root, "cpu/model/@fallback", "forbid");
	}
	return 0;
}

/* ---- -cpu ---- */

static void add_features(struct buf *out, const struct node *cpu)
{
	for (const struct node *f = node_child(cpu, "feature"); f; f = node_next(f, "feature")) {
		const char *policy = node_get_or(f, "@policy", "require");
		bool off = str_eq(policy, "disable") || str_eq(policy, "forbid");
		autofree char *name = xstrdup(node_get(f, "@name"));
		for (char *p = name; *p; p++) /* libvirt's names of QEMU's flags: lahf_lm, sse4.1 */
			if (*p == '_')
				*p = '-';
		if (str_eq(policy, "optional"))
			continue; /* QEMU has no "if you can": the model's own choice holds */
		buf_printf(out, ",%s=%s", name, off ? "off" : "on");
	}
}

static const struct {
	const char *path, *flag;
} flags[] = {
	{"features/hyperv/relaxed", "hv-relaxed"},
	{"features/hyperv/vapic", "hv-vapic"},
	{"features/hyperv/vpindex", "hv-vpindex"},
	{"features/hyperv/runtime", "hv-runtime"},
	{"features/hyperv/synic", "hv-synic"},
	{"features/hyperv/stimer", "hv-stimer"},
	{"features/hyperv/stimer/direct", "hv-stimer-direct"},
	{"features/hyperv/reset", "hv-reset"},
	{"features/hyperv/frequencies", "hv-frequencies"},
	{"features/hyperv/reenlightenment", "hv-reenlightenment"},
	{"features/hyperv/tlbflush", "hv-tlbflush"},
	{"features/hyperv/tlbflush/direct", "hv-tlbflush-direct"},
	{"features/hyperv/tlbflush/extended", "hv-tlbflush-ext"},
	{"features/hyperv/ipi", "hv-ipi"},
	{"features/hyperv/evmcs", "hv-evmcs"},
	{"features/hyperv/avic", "hv-avic"},
	{"features/hyperv/emsr_bitmap", "hv-emsr-bitmap"},
	{"features/hyperv/xmm_input", "hv-xmm-input"},
	{"features/kvm/hint-dedicated", "kvm-hint-dedicated"},
	{"features/kvm/poll-control", "kvm-poll-control"},
	{"features/kvm/pv-ipi", "kvm-pv-ipi"},
	{"features/pvspinlock", "kvm-pv-unhalt"},
	{"features/pmu", "pmu"},
};

static void add_flags(struct buf *out, const struct node *root)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		autofree char *path = xasprintf("%s/@state", flags[i].path);
		bool always = str_eq(flags[i].flag, "kvm-pv-unhalt") || str_eq(flags[i].flag, "pmu");
		if (node_yes(root, path) || (always && node_has(root, path)))
			buf_printf(out, ",%s=%s", flags[i].flag, node_yes(root, path) ? "on" : "off");
	}
	if (node_is(root, "features/hyperv/@mode", "passthrough"))
		buf_puts(out, ",hv-passthrough=on");
	if (node_yes(root, "features/hyperv/spinlocks/@state"))
		buf_printf(out, ",hv-spinlocks=0x%llx", (unsigned long long)node_u64(root, "features/hyperv/spinlocks/@retries", 4095));
	if (node_yes(root, "features/hyperv/vendor_id/@state"))
		buf_printf(out, ",hv-vendor-id=%s", node_get_or(root, "features/hyperv/vendor_id/@value", ""));
	if (node_yes(root, "features/kvm/hidden/@state"))
		buf_puts(out, ",kvm=off");
	qemu_add_onoff(out, root, "features/apic/@eoi", "kvm-pv-eoi");
}

static void add_timers(struct buf *out, const struct node *root)
{
	for (const struct node *t = node_first(root, "clock/timer"); t; t = node_next(t, "timer")) {
		const char *name = node_get_or(t, "@name", "");
		if (str_eq(name, "kvmclock") && node_has(t, "@present"))
			qemu_add_onoff(out, t, "@present", "kvmclock");
		else if (str_eq(name, "hypervclock") && node_yes(t, "@present"))
			buf_puts(out, ",hv-time=on");
		else if (str_eq(name, "tsc") && node_has(t, "@frequency"))
			buf_printf(out, ",tsc-frequency=%s", node_get(t, "@frequency"));
	}
}

static void add_cpu_rest(struct buf *out, const struct node *root)
{
	const char *mode = node_get_or(root, "cpu/cache/@mode", "");

	if (str_eq(mode, "emulate") && node_is(root, "cpu/cache/@level", "3"))
		buf_puts(out, ",l3-cache=on");
	else if (str_eq(mode, "passthrough"))
		buf_puts(out, ",host-cache-info=on,l3-cache=off");
	else if (str_eq(mode, "disable"))
		buf_puts(out, ",host-cache-info=off,l3-cache=off");
	if (node_is(root, "cpu/maxphysaddr/@mode", "emulate") && node_has(root, "cpu/maxphysaddr/@bits"))
		buf_printf(out, ",phys-bits=%s", node_get(root, "cpu/maxphysaddr/@bits"));
	else if (node_is(root, "cpu/maxphysaddr/@mode", "passthrough"))
		buf_puts(out, ",host-phys-bits=on");
	if (node_has(root, "cpu/maxphysaddr/@limit"))
		buf_printf(out, ",host-phys-bits-limit=%s", node_get(root, "cpu/maxphysaddr/@limit"));
}

static void cpu_words(struct buf *out, const struct node *root)
{
	const char *mode = node_get_or(root, "cpu/@mode", "custom");
	bool kvm = node_is(root, "@type", "kvm");

	if (str_eq(mode, "host-passthrough")) {
		buf_puts(out, "host");
		buf_printf(out, ",migratable=%s", node_is(root, "cpu/@migratable", "off") ? "off" : "on");
	} else if (str_eq(mode, "host-model")) {
		buf_puts(out, kvm ? "host" : "max"); /* all that can migrate between equal hosts */
	} else if (str_eq(mode, "maximum")) {
		buf_puts(out, "max");
		qemu_add_onoff(out, root, "cpu/@migratable", "migratable");
	} else {
		buf_puts(out, node_get_or(root, "cpu/model", "qemu64"));
	}
	if (node_has(root, "cpu/model/@vendor_id"))
		buf_printf(out, ",vendor=%s", node_get(root, "cpu/model/@vendor_id"));
	add_features(out, node_first(root, "cpu"));
	add_timers(out, root);
	add_flags(out, root);
	add_cpu_rest(out, root);
}

int qemu_plan_cpu(struct plan *p, struct error *err unused)
{
	const struct node *root = p->domain;
	autobuf struct buf words = {0};

	cpu_words(&words, root);
	plan_option(p, "-cpu", "%s", buf_text(&words));
	return 0;
}

int qemu_plan_smp(struct plan *p)
{
	const struct node *root = p->domain;
	uint64_t max = node_u64(root, "vcpu", 1), now = node_u64(root, "vcpu/@current", max);
	bool topology = node_has(root, "cpu/topology");
	autobuf struct buf words = {0};

	buf_printf(&words, "%llu", (unsigned long long)now);
	if (now != max)
		buf_printf(&words, ",maxcpus=%llu", (unsigned long long)max);
	buf_printf(&words, ",sockets=%llu", (unsigned long long)(topology ? node_u64(root, "cpu/topology/@sockets", 1) : max));
	if (node_u64(root, "cpu/topology/@dies", 1) > 1)
		buf_printf(&words, ",dies=%s", node_get(root, "cpu/topology/@dies"));
	buf_printf(&words, ",cores=%llu,threads=%llu", (unsigned long long)node_u64(root, "cpu/topology/@cores", 1),
		   (unsigned long long)node_u64(root, "cpu/topology/@threads", 1));
	plan_option(p, "-smp", "%s", buf_text(&words));
	return 0;
}
