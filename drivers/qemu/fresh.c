/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The definition that mkdir makes: a plain modern machine that starts at once and lacks only disks. */
#include <unistd.h>

#include "domain.h"

static const char text[] = "<domain type='%s'>\n"
			   "  <name>%s</name>\n"
			   "  <memory unit='GiB'>1</memory>\n"
			   "  <currentMemory unit='GiB'>1</currentMemory>\n"
			   "  <vcpu current='1'>%ld</vcpu>\n"
			   "  <os>\n"
			   "    <type arch='x86_64' machine='q35'>hvm</type>\n"
			   "  </os>\n"
			   "  <features>\n"
			   "    <acpi/>\n"
			   "    <apic/>\n"
			   "  </features>\n"
			   "  <cpu mode='%s'/>\n"
			   "  <devices>\n"
			   "    <interface type='user'>\n"
			   "      <model type='virtio'/>\n"
			   "    </interface>\n"
			   "    <serial type='pty'/>\n"
			   "    <console type='pty'/>\n"
			   "    <channel type='unix'>\n"
			   "      <target type='virtio' name='org.qemu.guest_agent.0'/>\n"
			   "    </channel>\n"
			   "    <graphics type='vnc'>\n"
			   "      <listen type='socket'/>\n"
			   "    </graphics>\n"
			   "    <video>\n"
			   "      <model type='vga'/>\n"
			   "    </video>\n"
			   "    <rng model='virtio'>\n"
			   "      <backend model='random'>/dev/urandom</backend>\n"
			   "    </rng>\n"
			   "    <memballoon model='virtio'/>\n"
			   /* free slots for what is plugged while it runs */
			   "    <controller type='pci' index='0' model='pcie-root'/>\n"
			   "    <controller type='pci' model='pcie-root-port'/>\n"
			   "    <controller type='pci' model='pcie-root-port'/>\n"
			   "    <controller type='pci' model='pcie-root-port'/>\n"
			   "    <controller type='pci' model='pcie-root-port'/>\n"
			   "    <controller type='pci' model='pcie-root-port'/>\n"
			   "    <controller type='pci' model='pcie-root-port'/>\n"
			   "    <controller type='pci' model='pcie-root-port'/>\n"
			   "    <controller type='pci' model='pcie-root-port'/>\n"
			   "    <controller type='pci' model='pcie-root-port'/>\n"
			   "    <controller type='pci' model='pcie-root-port'/>\n"
			   "  </devices>\n"
			   "</domain>\n";

char *qemu_fresh(const char *name)
{
	autobuf struct buf escaped = { 0 };
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	const char *why;
	bool kvm = qemu_kvm_usable(&why);

	buf_xml(&escaped, name);
	/* room to plug some vCPUs; the guest sees only the current ones */
	return xasprintf(text, kvm ? "kvm" : "qemu", buf_text(&escaped), cpus > 4 ? cpus : 4L,
			 kvm ? "host-passthrough" : "maximum");
}
