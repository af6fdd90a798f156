/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which <features> and actions fit together; what they become is in machine.c, cpu.c and domain_plan.c. */
#include "domain.h"

/* The element at PATH below <features>, for messages. */
static long line_of(const struct node *root, const char *path)
{
	const struct node *features = node_first(root, "features");
	const struct node *n = node_first(features, path);

	return node_line(n ? n : features);
}

static int check_hyperv(const struct node *root, struct error *err)
{
	const char *vendor = node_get_or(root, "features/hyperv/vendor_id/@value", "");

	if (node_yes(root, "features/hyperv/spinlocks/@state") &&
	    node_u64(root, "features/hyperv/spinlocks/@retries", 4095) < 4095)
		return error_set(err, EINVAL, "line %ld: <spinlocks retries>: at least 4095",
				 line_of(root, "hyperv/spinlocks"));
	if (node_yes(root, "features/hyperv/vendor_id/@state") && !*vendor)
		return error_set(err, EINVAL, "line %ld: <vendor_id> needs value='...', up to 12 characters",
				 line_of(root, "hyperv/vendor_id"));
	if (strlen(vendor) > 12 || strchr(vendor, ','))
		return error_set(err, EINVAL, "line %ld: <vendor_id value='%s'>: at most 12 characters, and no comma",
				 line_of(root, "hyperv/vendor_id"), vendor);
	return 0;
}

static int check_kvm(const struct node *root, struct error *err)
{
	uint64_t size = node_u64(root, "features/kvm/dirty-ring/@size", 0);
	bool kvm = node_is(root, "@type", "kvm");

	if (node_yes(root, "features/kvm/dirty-ring/@state")) {
		if (!kvm)
			return error_set(err, ENOTSUP, "line %ld: <dirty-ring> needs type='kvm'",
					 line_of(root, "kvm/dirty-ring"));
		if (size < 1024 || size > 65536 || (size & (size - 1)))
			return error_set(err, EINVAL, "line %ld: <dirty-ring size>: a power of two from 1024 to 65536",
					 line_of(root, "kvm/dirty-ring"));
	}
	if (kvm && node_has(root, "features/tcg"))
		return error_set(err, EINVAL, "line %ld: <tcg> is for type='qemu': KVM translates nothing",
				 line_of(root, "tcg"));
	return 0;
}

static int check_chipset(const struct complete *c, struct error *err)
{
	const struct node *root = c->domain;

	if (node_has(root, "features/smm/tseg")) {
		if (c->family != MACHINE_Q35)
			return error_set(err, ENOTSUP, "line %ld: <tseg>: only q35 machines have one",
					 line_of(root, "smm"));
		if (!node_yes(root, "features/smm/@state"))
			return error_set(err, EINVAL, "line %ld: <tseg> needs <smm state='on'>", line_of(root, "smm"));
	}
	if (node_yes(root, "features/vmport/@state") && node_is(root, "features/ps2/@state", "off"))
		return error_set(
			err, EINVAL,
			"line %ld: <vmport state='on'> needs the PS/2 controller, which <ps2 state='off'> removes",
			line_of(root, "vmport"));
	return 0;
}

/* A feature that is merely there is on. */
static void complete_states(struct node *root)
{
	static const char *const features[] = {
		"pvspinlock", "pmu", "vmport", "smm", "vmcoreinfo", "hap", "ps2", NULL
	};
	struct node *all = node_first(root, "features");

	for (int i = 0; features[i]; i++) {
		struct node *n = node_child(all, features[i]);
		if (n && !node_has(n, "@state"))
			node_set(n, "@state", "on");
	}
	if (node_has(all, "hyperv") && !node_has(all, "hyperv/@mode"))
		node_set(all, "hyperv/@mode", "custom");
}

/* <tseg>48</tseg> is MiB; a size without a unit would be taken for KiB. */
static void complete_tseg(struct node *root)
{
	struct node *tseg = node_first(root, "features/smm/tseg");

	if (tseg && !node_has(tseg, "@unit"))
		node_set(tseg, "@unit", "MiB");
}

static int check_actions(const struct node *root, struct error *err)
{
	if (node_is(root, "on_poweroff", "restart") && node_is(root, "on_reboot", "destroy"))
		return error_set(
			err, ENOTSUP,
			"line %ld: on_poweroff 'restart' with on_reboot 'destroy': QEMU cannot tell the two apart",
			node_line(node_first(root, "on_poweroff")));
	return 0;
}

int qemu_complete_features(struct complete *c, struct error *err)
{
	int r = check_hyperv(c->domain, err);

	complete_states(c->domain);
	complete_tseg(c->domain);
	if (r == 0)
		r = check_kvm(c->domain, err);
	if (r == 0)
		r = check_chipset(c, err);
	return r == 0 ? check_actions(c->domain, err) : r;
}
