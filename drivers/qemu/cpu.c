/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* -cpu. */
#include "domain.h"

/* Does nothing but refuse what -smp would: a topology that is not what <vcpu> says. */
static int check_topology(const struct complete *c, struct error *err)
{
	static const char *const needed[] = { "@sockets", "@cores", "@threads" };
	const struct node *t = node_first(c->domain, "cpu/topology");
	uint64_t n;

	for (size_t i = 0; t && i < ARRAY_SIZE(needed); i++)
		if (!node_has(t, needed[i]))
			return error_set(err, EINVAL, "line %ld: <topology> needs sockets, cores and threads",
					 node_line(t));
	if (!t)
		return 0;
	n = node_u64(t, "@sockets", 1) * node_u64(t, "@dies", 1) * node_u64(t, "@clusters", 1) *
	    node_u64(t, "@cores", 1) * node_u64(t, "@threads", 1);
	if (n != node_u64(c->domain, "vcpu", 1))
		return error_set(
			err, EINVAL,
			"line %ld: <topology> has %llu vCPUs (sockets x dies x cores x threads), <vcpu> says %llu",
			node_line(t), (unsigned long long)n, (unsigned long long)node_u64(c->domain, "vcpu", 1));
	if (node_u64(t, "@clusters", 1) > 1)
		return error_set(err, ENOTSUP, "line %ld: <topology clusters>: x86 machines of QEMU %s have none",
				 node_line(t), c->caps->version);
	return 0;
}

static int check_cache(const struct node *cpu, struct error *err)
{
	const struct node *cache = node_child(cpu, "cache");
	const char *mode = node_get_or(cache, "@mode", "");
	const char *cpu_mode = node_get_or(cpu, "@mode", "custom");

	if (str_eq(mode, "emulate") ? !node_is(cache, "@level", "3") : node_has(cache, "@level"))
		return error_set(
			err, ENOTSUP,
			"line %ld: <cache mode='%s'>: QEMU emulates level 3, and takes a level with mode='emulate' only",
			node_line(cache), mode);
	if (str_eq(mode, "passthrough") && !str_eq(cpu_mode, "host-passthrough") && !str_eq(cpu_mode, "maximum"))
		return error_set(
			err, ENOTSUP,
			"line %ld: <cache mode='passthrough'> needs <cpu mode='host-passthrough'> or 'maximum'",
			node_line(cache));
	return 0;
}

static int check_address_bits(const struct node *cpu, struct error *err)
{
	const struct node *n = node_child(cpu, "maxphysaddr");
	const char *mode = node_get_or(cpu, "@mode", "custom");
	bool emulate = node_is(n, "@mode", "emulate");

	if (!n)
		return 0;
	if (emulate && !node_has(n, "@bits"))
		return error_set(err, EINVAL, "line %ld: <maxphysaddr mode='emulate'> needs bits='...'", node_line(n));
	if (emulate && node_has(n, "@limit"))
		return error_set(err, EINVAL, "line %ld: <maxphysaddr limit> is for mode='passthrough'", node_line(n));
	if (!emulate && !str_eq(mode, "host-passthrough") && !str_eq(mode, "maximum"))
		return error_set(
			err, ENOTSUP,
			"line %ld: <maxphysaddr mode='passthrough'> needs <cpu mode='host-passthrough'> or 'maximum'",
			node_line(n));
	return 0;
}

static int check_model(const struct complete *c, struct error *err)
{
	const struct node *cpu = node_first(c->domain, "cpu");
	const char *mode = node_get_or(cpu, "@mode", "custom");
	const char *model = node_get(cpu, "model"), *vendor = node_get(cpu, "model/@vendor_id");
	bool custom = str_eq(mode, "custom");

	if (str_eq(mode, "host-passthrough") && !node_is(c->domain, "@type", "kvm"))
		return error_set(
			err, ENOTSUP,
			"line %ld: <cpu mode='host-passthrough'> needs type='kvm': emulation has no host CPU to pass; "
			"'maximum' is all that it can do",
			node_line(cpu));
	if (vendor && !custom && !str_eq(mode, "host-model"))
		return error_set(err, EINVAL, "line %ld: <model vendor_id> needs mode='custom' or 'host-model'",
				 node_line(node_child(cpu, "model")));
	if (vendor && (strlen(vendor) != 12 || strchr(vendor, ',')))
		return error_set(err, EINVAL, "line %ld: <model vendor_id='%s'>: exactly 12 characters, and no comma",
				 node_line(node_child(cpu, "model")), vendor);
	if (custom && !model && (node_has(cpu, "feature") || node_has(cpu, "vendor")))
		return error_set(err, EINVAL, "line %ld: <cpu>: a vendor or features need a <model>", node_line(cpu));
	if (custom && model && !hash_get(c->caps->cpu_models, model))
		return error_set(err, EINVAL,
				 "line %ld: <model>%s</model>: %s %s has no such CPU: qemu -cpu help lists them",
				 node_line(node_child(cpu, "model")), model, c->caps->binary, c->caps->version);
	return 0;
}

static void set_default(struct node *n, const char *path, const char *value)
{
	if (!node_has(n, path))
		node_set(n, path, value);
}

/* The model that QEMU takes when none is named is written down, as it may change with QEMU. */
static void complete_model(struct complete *c)
{
	const struct qemu_machine *m = qemu_machine_find(c->caps, c->machine);
	const char *end = m && m->default_cpu ? strstr(m->default_cpu, "-x86_64-cpu") : NULL;
	struct node *root = c->domain;

	if (m && m->default_cpu && !end)
		end = strstr(m->default_cpu, "-i386-cpu");
	if (!end || node_has(root, "cpu/model"))
		return;
	autofree char *name = xstrndup(m->default_cpu, end - m->default_cpu);
	set_default(root, "cpu/@mode", "custom");
	set_default(root, "cpu/@match", "exact");
	set_default(root, "cpu/@check", "none");
	node_set(root, "cpu/model", name);
	node_set(root, "cpu/model/@fallback", "forbid");
}

static void complete_cpu(struct complete *c)
{
	struct node *root = c->domain;
	const char *mode = node_get_or(root, "cpu/@mode", "custom");

	if (str_eq(mode, "custom") && node_has(root, "cpu/model")) {
		set_default(root, "cpu/@mode", "custom");
		set_default(root, "cpu/@match", "exact");
		set_default(root, "cpu/@check", node_is(root, "@type", "kvm") ? "partial" : "none");
		set_default(root, "cpu/model/@fallback", "allow");
	} else if (str_eq(mode, "custom")) {
		complete_model(c);
	} else if (str_eq(mode, "host-model")) {
		set_default(root, "cpu/@check", "partial");
	} else {
		set_default(root, "cpu/@check", "none");
		set_default(root, "cpu/@migratable", "on");
	}
}

int qemu_complete_cpu(struct complete *c, struct error *err)
{
	const struct node *cpu = node_first(c->domain, "cpu");
	int r = qemu_complete_vcpus(c, err);

	if (r == 0)
		r = check_topology(c, err);
	if (r == 0 && cpu)
		r = check_model(c, err);
	if (r == 0 && node_has(cpu, "cache"))
		r = check_cache(cpu, err);
	if (r == 0)
		r = check_address_bits(cpu, err);
	if (r == 0)
		complete_cpu(c);
	return r;
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
	{ "features/hyperv/relaxed", "hv-relaxed" },
	{ "features/hyperv/vapic", "hv-vapic" },
	{ "features/hyperv/vpindex", "hv-vpindex" },
	{ "features/hyperv/runtime", "hv-runtime" },
	{ "features/hyperv/synic", "hv-synic" },
	{ "features/hyperv/stimer", "hv-stimer" },
	{ "features/hyperv/stimer/direct", "hv-stimer-direct" },
	{ "features/hyperv/reset", "hv-reset" },
	{ "features/hyperv/frequencies", "hv-frequencies" },
	{ "features/hyperv/reenlightenment", "hv-reenlightenment" },
	{ "features/hyperv/tlbflush", "hv-tlbflush" },
	{ "features/hyperv/tlbflush/direct", "hv-tlbflush-direct" },
	{ "features/hyperv/tlbflush/extended", "hv-tlbflush-ext" },
	{ "features/hyperv/ipi", "hv-ipi" },
	{ "features/hyperv/evmcs", "hv-evmcs" },
	{ "features/hyperv/avic", "hv-avic" },
	{ "features/hyperv/emsr_bitmap", "hv-emsr-bitmap" },
	{ "features/hyperv/xmm_input", "hv-xmm-input" },
	{ "features/kvm/hint-dedicated", "kvm-hint-dedicated" },
	{ "features/kvm/poll-control", "kvm-poll-control" },
	{ "features/kvm/pv-ipi", "kvm-pv-ipi" },
	{ "features/pvspinlock", "kvm-pv-unhalt" },
	{ "features/pmu", "pmu" },
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
		buf_printf(out, ",hv-spinlocks=0x%llx",
			   (unsigned long long)node_u64(root, "features/hyperv/spinlocks/@retries", 4095));
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

const char *qemu_cpu_type(const struct node *root)
{
	const char *mode = node_get_or(root, "cpu/@mode", "custom");
	bool kvm = node_is(root, "@type", "kvm");

	if (str_eq(mode, "host-passthrough"))
		return "host";
	if (str_eq(mode, "host-model"))
		return kvm ? "host" : "max"; /* all that can migrate between equal hosts */
	return str_eq(mode, "maximum") ? "max" : node_get_or(root, "cpu/model", "qemu64");
}

static void cpu_words(struct buf *out, const struct node *root)
{
	buf_puts(out, qemu_cpu_type(root));
	if (node_is(root, "cpu/@mode", "host-passthrough"))
		buf_printf(out, ",migratable=%s", node_is(root, "cpu/@migratable", "off") ? "off" : "on");
	else if (node_is(root, "cpu/@mode", "maximum"))
		qemu_add_onoff(out, root, "cpu/@migratable", "migratable");
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
	autobuf struct buf words = { 0 };

	cpu_words(&words, root);
	plan_option(p, "-cpu", "%s", buf_text(&words));
	return 0;
}
