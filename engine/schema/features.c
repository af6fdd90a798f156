/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <features>: what the virtual hardware has beside its devices. */
#include "domain.h"

static const char *const hyperv_modes[] = { "custom", "passthrough", NULL };
static const char *const apic_drivers[] = { "qemu", "kvm", NULL };
static const char *const gic_versions[] = { "2", "3", "host", NULL };
static const char *const policies[] = { "default", "allow", "deny", NULL };
static const char *const xen_modes[] = { "sync_pt", "share_pt", NULL };
static const char *const unknown_msrs[] = { "ignore", "fault", NULL };
static const char *const capability[] = { "disabled",  "workaround", "broken",	"fixed", "fixed-ibs",
					  "fixed-ccd", "fixed-na",   "enabled", NULL };

#define ON_OFF(path, text)                                                                                             \
	{                                                                                                              \
		path "/@state", T_ENUM, .words = words_on_off, .doc = text                                             \
	}

const struct schema hyperv_schema = {
	.element = "hyperv",
	.props =
		(const struct prop[]){
			{ "@mode", T_ENUM, .words = hyperv_modes, .doc = "as listed, or all that the host can" },
			ON_OFF("relaxed", "no watchdog time-outs"),
			ON_OFF("vapic", "virtual APIC"),
			ON_OFF("spinlocks", "spinlock notification"),
			{ "spinlocks/@retries", T_U64, .doc = "tries before it is told" },
			ON_OFF("vpindex", "virtual processor index"),
			ON_OFF("runtime", "processor run time"),
			ON_OFF("synic", "synthetic interrupts"),
			ON_OFF("stimer", "synthetic timers"),
			ON_OFF("stimer/direct", "direct timers"),
			ON_OFF("reset", "reset by hypervisor"),
			ON_OFF("vendor_id", "vendor string"),
			{ "vendor_id/@value", T_STRING, .doc = "up to 12 characters" },
			ON_OFF("frequencies", "frequency MSRs"),
			ON_OFF("reenlightenment", "notification on migration"),
			ON_OFF("tlbflush", "paravirtual TLB flush"),
			ON_OFF("tlbflush/direct", "without exit"),
			ON_OFF("tlbflush/extended", "extended ranges"),
			ON_OFF("ipi", "paravirtual IPI"),
			ON_OFF("evmcs", "enlightened VMCS"),
			ON_OFF("avic", "APIC virtualization"),
			ON_OFF("emsr_bitmap", "enlightened MSR bitmap"),
			ON_OFF("xmm_input", "XMM parameters"),
			{ 0 },
		},
};

const struct schema features_schema = {
	.element = "features",
	.props =
		(const struct prop[]){
			{ "acpi", T_FLAG, .doc = "ACPI tables, the power button among them" },
			{ "apic", T_FLAG, .doc = "APIC" },
			{ "apic/@eoi", T_ENUM, .words = words_on_off, .doc = "paravirtual end of interrupt" },
			{ "pae", T_FLAG, .doc = "physical address extension" },
			{ "nonpae", T_FLAG, .doc = "guests without PAE" },
			{ "hap", T_FLAG, .doc = "hardware-assisted paging" },
			{ "hap/@state", T_ENUM, .words = words_on_off, .doc = "hardware-assisted paging" },
			{ "viridian", T_FLAG, .doc = "Viridian extensions" },
			{ "privnet", T_FLAG, .doc = "a network namespace of its own (containers)" },
			{ "hyperv", T_SUB, .sub = &hyperv_schema, .doc = "Hyper-V enlightenments" },
			ON_OFF("kvm/hidden", "the guest does not see KVM"),
			ON_OFF("kvm/hint-dedicated", "vCPUs have CPUs of their own"),
			ON_OFF("kvm/poll-control", "guest-side polling"),
			ON_OFF("kvm/pv-ipi", "paravirtual IPI"),
			ON_OFF("kvm/dirty-ring", "dirty ring"),
			{ "kvm/dirty-ring/@size", T_U64, .doc = "its size" },
			ON_OFF("xen/e820_host", "host's memory map"),
			ON_OFF("xen/passthrough", "device passthrough"),
			{ "xen/passthrough/@mode", T_ENUM, .words = xen_modes, .doc = "page tables" },
			ON_OFF("pvspinlock", "paravirtual spinlocks"),
			ON_OFF("pmu", "performance counters"),
			ON_OFF("vmport", "VMware's port"),
			ON_OFF("smm", "system management mode"),
			{ "smm/tseg", T_SIZE, .doc = "memory of SMM" },
			{ "gic", T_FLAG, .doc = "interrupt controller (ARM)" },
			{ "gic/@version", T_ENUM, .words = gic_versions, .doc = "its version" },
			{ "ioapic/@driver", T_ENUM, .words = apic_drivers, .doc = "who emulates the I/O APIC" },
			{ "hpt/@resizing", T_STRING, .doc = "hash page table (ppc64)" },
			{ "hpt/maxpagesize", T_SIZE, .doc = "largest page (ppc64)" },
			ON_OFF("htm", "transactional memory (ppc64)"),
			ON_OFF("nested-hv", "nested (ppc64)"),
			ON_OFF("ccf-assist", "ppc64"),
			ON_OFF("ras", "error reports (ARM)"),
			ON_OFF("ps2", "PS/2 controller"),
			ON_OFF("vmcoreinfo", "crash dump notes"),
			{ "vmcoreinfo", T_FLAG, .doc = "crash dump notes" },
			{ "async-teardown", T_FLAG, .doc = "memory is freed in the background" },
			{ "async-teardown/@enabled", T_ENUM, .words = words_yes_no,
			  .doc = "memory is freed in the background" },
			{ "capabilities/@policy", T_ENUM, .words = policies, .doc = "capabilities(7) of containers" },
			{ "capabilities", T_ANY, .doc = "capabilities(7) of containers" },
			{ "msrs/@unknown", T_ENUM, .words = unknown_msrs, .doc = "unknown MSRs" },
			{ "cfpc/@value", T_ENUM, .words = capability, .doc = "ppc64" },
			{ "sbbc/@value", T_ENUM, .words = capability, .doc = "ppc64" },
			{ "ibs/@value", T_ENUM, .words = capability, .doc = "ppc64" },
			{ "tcg/tb-cache", T_SIZE, .doc = "translation cache" },
			{ "aia/@value", T_STRING, .doc = "RISC-V interrupts" },
			{ 0 },
		},
};
