/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The machine type, its properties, and the accelerator. */
#include "devices.h"
#include "domain.h"

#include <sys/utsname.h>

static const char *host_arch(void)
{
	static struct utsname u;

	if (!u.machine[0])
		uname(&u);
	return u.machine;
}

/* The machine that an architecture gets when none is named: QEMU's default where it has one, else the usual one. */
static const char *default_machine(const struct qemu_caps *caps, const char *arch)
{
	if (str_eq(arch, "x86_64") || str_eq(arch, "i686"))
		return "pc"; /* what libvirt gives: a definition without a machine means the old one */
	for (size_t i = 0; i < caps->nmachines; i++)
		if (caps->machines[i].is_default)
			return caps->machines[i].name;
	return "virt";
}

static void set_family(struct complete *c)
{
	if (str_starts(c->machine, "pc-q35") || str_eq(c->machine, "q35"))
		c->family = MACHINE_Q35;
	else if (str_starts(c->machine, "pc-i440fx") || str_starts(c->machine, "pc-0.") ||
		 str_starts(c->machine, "pc-1.") || str_eq(c->machine, "pc") || str_starts(c->machine, "rhel") ||
		 str_starts(c->machine, "pc-"))
		c->family = MACHINE_I440FX;
	else if (str_eq(c->machine, "microvm"))
		c->family = MACHINE_MICROVM;
	else if (str_eq(c->machine, "isapc"))
		c->family = MACHINE_ISAPC;
	else
		c->family = MACHINE_OTHER;
}

int qemu_complete_machine(struct complete *c, struct error *err)
{
	struct node *root = c->domain;
	const char *arch = node_get(root, "os/type/@arch");
	const char *wanted = node_get(root, "os/type/@machine");
	const struct qemu_machine *m;

	if (!node_is(root, "os/type", "hvm"))
		return error_set(err, ENOTSUP, "line %ld: <type>%s</type>: QEMU runs 'hvm'",
				 node_line(node_first(root, "os")), node_get_or(root, "os/type", ""));
	if (!arch)
		node_set(root, "os/type/@arch", host_arch());
	else if (str_eq(arch, "i386"))
		node_set(root, "os/type/@arch", "i686");
	arch = node_get(root, "os/type/@arch");
	c->caps = qemu_caps_get(arch, node_get(root, "devices/emulator"), err);
	if (!c->caps)
		return err && err->code ? -err->code : -ENOENT;
	m = qemu_machine_find(c->caps, wanted ? wanted : default_machine(c->caps, arch));
	if (!m)
		return error_set(
			err, EINVAL,
			"line %ld: <type machine='%s'>: %s %s has no such machine: q35, pc and microvm are usual; "
			"qemu -machine help lists all",
			node_line(node_first(root, "os/type")), wanted ? wanted : "", c->caps->binary,
			c->caps->version);
	node_set(root, "os/type/@machine", m->name);
	c->machine = node_get(root, "os/type/@machine");
	set_family(c);
	if (!node_has(root, "devices/emulator")) {
		node_make(root, "devices");
		node_set(root, "devices/emulator", c->caps->binary);
	}
	if (m->max_cpus && node_u64(root, "vcpu", 1) > m->max_cpus)
		return error_set(err, EINVAL, "line %ld: <vcpu>: machine %s takes %u vCPUs at most",
				 node_line(node_first(root, "vcpu")), m->name, m->max_cpus);
	return 0;
}

void qemu_add_onoff(struct buf *out, const struct node *base, const char *path, const char *key)
{
	const char *v = node_get(base, path);

	if (v)
		buf_printf(out, ",%s=%s", key, str_eq(v, "on") || str_eq(v, "yes") ? "on" : "off");
}

static bool is_x86(const struct node *root)
{
	const char *arch = node_get_or(root, "os/type/@arch", "");

	return str_eq(arch, "x86_64") || str_eq(arch, "i686");
}

static void add_io_apic(struct buf *out, const struct node *root)
{
	const char *driver = node_get(root, "features/ioapic/@driver");

	if (driver)
		buf_printf(out, ",kernel_irqchip=%s", str_eq(driver, "qemu") ? "split" : "on");
}

static bool has_memory_device(const struct node *root, const char *model)
{
	for (const struct node *n = node_first(root, "devices/memory"); n; n = node_next(n, "memory"))
		if (node_is(n, "@model", model))
			return true;
	return false;
}

static void machine_words(struct buf *out, const struct plan *p)
{
	const struct node *root = p->domain;
	bool microvm = node_is(root, "os/type/@machine", "microvm");

	buf_puts(out, node_get(root, "os/type/@machine"));
	if (!microvm)
		buf_puts(out, ",usb=off");
	else
		buf_puts(out, ",rtc=on,isa-serial=off");
	qemu_add_onoff(out, root, "features/vmport/@state", "vmport");
	qemu_add_onoff(out, root, "features/smm/@state", "smm");
	qemu_add_onoff(out, root, "features/ps2/@state", "i8042");
	add_io_apic(out, root);
	if (node_yes(root, "os/bios/@useserial") && !qemu_has(p->caps, "sga"))
		buf_puts(out, ",graphics=off");
	qemu_add_onoff(out, root, "features/hpt/@resizing", "resize-hpt");
	if (!microvm || node_has(root, "memory/@dumpCore"))
		buf_printf(out, ",dump-guest-core=%s", node_is(root, "memory/@dumpCore", "on") ? "on" : "off");
	if (node_has(root, "memoryBacking/nosharepages"))
		buf_puts(out, ",mem-merge=off");
	if (has_memory_device(root, "nvdimm"))
		buf_puts(out, ",nvdimm=on");
	for (const struct node *n = node_first(root, "devices/sound"); n; n = node_next(n, "sound")) {
		autofree char *audio = node_is(n, "@model", "pcspk") ? qemu_audiodev(p, n) : NULL;
		if (audio)
			buf_printf(out, ",pcspk-audiodev=%s", audio);
	}
	if (qemu_has_hmat(root))
		buf_puts(out, ",hmat=on");
	if (qemu_main_backend(p))
		buf_puts(out, ",memory-backend=pc.ram");
	if (node_has(root, "os/loader") && node_is(root, "os/loader/@type", "pflash"))
		buf_puts(out, ",pflash0=pflash0-format");
	if (node_has(root, "os/nvram") && node_is(root, "os/loader/@type", "pflash"))
		buf_puts(out, ",pflash1=pflash1-format");
	for (const struct node *t = node_first(root, "clock/timer"); t; t = node_next(t, "timer"))
		if (node_is(t, "@name", "hpet") && node_has(t, "@present"))
			buf_printf(out, ",hpet=%s", node_yes(t, "@present") ? "on" : "off");
	if (is_x86(root))
		buf_printf(out, ",acpi=%s", node_has(root, "features/acpi") ? "on" : "off");
}

int qemu_plan_machine(struct plan *p, struct error *err unused)
{
	autobuf struct buf words = { 0 };
	const struct node *root = p->domain;
	bool kvm = node_is(root, "@type", "kvm");

	machine_words(&words, p);
	plan_option(p, "-machine", "%s", buf_text(&words));
	if (kvm && node_is(root, "features/kvm/dirty-ring/@state", "on"))
		plan_option(p, "-accel", "kvm,dirty-ring-size=%s",
			    node_get_or(root, "features/kvm/dirty-ring/@size", "4096"));
	else if (!kvm && node_has(root, "features/tcg/tb-cache"))
		plan_option(p, "-accel", "tcg,tb-size=%llu",
			    (unsigned long long)(node_size(root, "features/tcg/tb-cache", 0) >> 20));
	else
		plan_option(p, "-accel", "%s", kvm ? "kvm" : "tcg");
	return 0;
}
