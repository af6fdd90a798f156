/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Places of devices: what is given, what stays, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "drivers/qemu/qemu.h"

struct guest {
	struct doc *doc;
	struct qemu_caps caps;
	struct complete c;
	struct error err;
};

static void guest_clear(struct guest *g)
{
	doc_free(g->doc);
	hash_free(g->caps.types);
	error_clear(&g->err);
}
#define autoguest __attribute__((cleanup(guest_clear)))

/* A machine with DEVICES; the result of qemu_assign_addresses. */
static int assign(struct guest *g, const char *machine, const char *devices, const struct node *old)
{
	autofree char *text = xasprintf(
		"<domain type='qemu'><name>t</name><memory>65536</memory><os><type arch='x86_64' machine='%s'>hvm</type>"
		"</os><devices>%s</devices></domain>",
		machine, devices);

	*g = (struct guest){ .doc = doc_parse(str_of(text), "domain", &g->err) };
	assert_non_null(g->doc);
	g->caps.types = hash_new();
	hash_put(g->caps.types, "lsi53c895a", g);
	hash_put(g->caps.types, "qemu-xhci", g);
	g->c = (struct complete){ .domain = doc_root(g->doc),
				  .old = old,
				  .caps = &g->caps,
				  .machine = machine,
				  .family = str_eq(machine, "q35") ? MACHINE_Q35 : MACHINE_I440FX };
	return qemu_assign_addresses(&g->c, &g->err);
}

/* "00:02.0" of the disk TARGET. */
static const char *place(const struct guest *g, const char *target)
{
	static char text[32];

	for (const struct node *n = node_first(g->c.domain, "devices/disk"); n; n = node_next(n, "disk"))
		if (node_is(n, "target/@dev", target)) {
			snprintf(text, sizeof(text), "%02llx:%02llx.%llx",
				 (unsigned long long)node_u64(n, "address/@bus", 99),
				 (unsigned long long)node_u64(n, "address/@slot", 99),
				 (unsigned long long)node_u64(n, "address/@function", 9));
			return text;
		}
	return "none";
}

static const char *attr(const struct guest *g, const char *target, const char *path)
{
	for (const struct node *n = node_first(g->c.domain, "devices/disk"); n; n = node_next(n, "disk"))
		if (node_is(n, "target/@dev", target))
			return node_get_or(n, path, "none");
	return "none";
}

static unsigned bridges(const struct guest *g, const char *model)
{
	unsigned count = 0;

	for (const struct node *n = node_first(g->c.domain, "devices/controller"); n; n = node_next(n, "controller"))
		count += node_is(n, "@model", model);
	return count;
}

#define VD(name)	"<disk><target dev='" name "' bus='virtio'/></disk>"
#define VD_AT(name, at) "<disk><target dev='" name "' bus='virtio'/><address type='pci' " at "/></disk>"

static void i440fx_fills_slots_in_order(void **state unused)
{
	autoguest struct guest g;

	assert_int_equal(
		assign(&g, "pc", VD("vda") VD_AT("vdb", "bus='0x00' slot='0x02' function='0x0'") VD("vdc"), NULL), 0);
	assert_string_equal(place(&g, "vda"), "00:03.0");
	assert_string_equal(place(&g, "vdb"), "00:02.0");
	assert_string_equal(place(&g, "vdc"), "00:04.0");
	assert_non_null(qemu_controller(g.c.domain, "usb", 0));
	assert_string_equal(node_get(qemu_controller(g.c.domain, "usb", 0), "address/@function"), "0x2");
}

static void q35_gives_each_device_a_port_and_one_to_spare(void **state unused)
{
	autoguest struct guest g;

	assert_int_equal(assign(&g, "q35", "<controller type='usb' model='none'/>" VD("vda") VD("vdb"), NULL), 0);
	assert_string_equal(place(&g, "vda"), "01:00.0");
	assert_string_equal(place(&g, "vdb"), "02:00.0");
	assert_int_equal(bridges(&g, "pcie-root-port"), 3);
	assert_true(node_is(qemu_controller(g.c.domain, "pci", 1), "address/@multifunction", "on"));
	assert_true(node_is(qemu_controller(g.c.domain, "pci", 2), "target/@port", "0x9"));
}

static void conventional_devices_on_q35_get_a_bridge(void **state unused)
{
	autoguest struct guest g;

	assert_int_equal(assign(&g, "q35",
				"<controller type='usb' model='none'/>"
				"<disk model='virtio-transitional'><target dev='vda' bus='virtio'/></disk>",
				NULL),
			 0);
	assert_string_equal(place(&g, "vda"), "02:01.0");
	assert_true(node_is(qemu_controller(g.c.domain, "pci", 2), "@model", "pcie-to-pci-bridge"));
}

static void many_disks_add_bridges(void **state unused)
{
	autobuf struct buf b = { 0 };
	autoguest struct guest g;

	for (int i = 0; i < 40; i++)
		buf_printf(&b, "<disk><target dev='vd%c%c' bus='virtio'/></disk>", 'a' + i / 26, 'a' + i % 26);
	assert_int_equal(assign(&g, "pc", buf_text(&b), NULL), 0);
	assert_int_equal(bridges(&g, "pci-bridge"), 1);
	assert_string_equal(place(&g, "vdbn"), "01:0b.0");
}

static void names_say_where_drives_are(void **state unused)
{
	autoguest struct guest g;

	assert_int_equal(assign(&g, "pc",
				"<disk><target dev='hdc' bus='ide'/></disk><disk><target dev='sdi' bus='scsi'/></disk>"
				"<disk><target dev='sdh' bus='sata'/></disk><disk><target dev='fdb' bus='fdc'/></disk>",
				NULL),
			 0);
	assert_string_equal(attr(&g, "hdc", "address/@bus"), "1");
	assert_string_equal(attr(&g, "sdi", "address/@controller"), "1");
	assert_string_equal(attr(&g, "sdi", "address/@unit"), "1");
	assert_string_equal(attr(&g, "sdh", "address/@controller"), "1");
	assert_string_equal(attr(&g, "fdb", "address/@unit"), "1");
	assert_true(node_is(qemu_controller(g.c.domain, "scsi", 1), "@model", "lsilogic"));
}

static void usb_adds_a_hub_when_ports_run_out(void **state unused)
{
	autoguest struct guest g;

	assert_int_equal(assign(&g, "pc",
				"<disk><target dev='sda' bus='usb'/></disk><disk><target dev='sdb' bus='usb'/></disk>"
				"<disk><target dev='sdc' bus='usb'/></disk>",
				NULL),
			 0);
	assert_int_equal(node_count(g.c.domain, "devices/hub"), 1);
	assert_string_equal(attr(&g, "sda", "address/@port"), "2");
	assert_string_equal(attr(&g, "sdb", "address/@port"), "1.1");
	assert_string_equal(attr(&g, "sdc", "address/@port"), "1.2");
}

static void channels_get_ports(void **state unused)
{
	autoguest struct guest g;
	const struct node *n;

	assert_int_equal(assign(&g, "pc",
				"<channel type='pty'><target type='virtio' name='a'/></channel>"
				"<channel type='pty'><target type='virtio' name='b'/>"
				"<address type='virtio-serial' controller='0' bus='0' port='1'/></channel>",
				NULL),
			 0);
	n = node_first(g.c.domain, "devices/channel");
	assert_string_equal(node_get(n, "address/@port"), "2");
	assert_non_null(qemu_controller(g.c.domain, "virtio-serial", 0));
}

static void what_was_given_stays(void **state unused)
{
	autoguest struct guest old, g, q;

	assert_int_equal(assign(&old, "pc", VD("vda") VD("vdb") VD("vdc"), NULL), 0);
	assert_int_equal(assign(&g, "pc", VD("vdd") VD("vdc") VD("vda"), old.c.domain), 0);
	assert_string_equal(place(&g, "vda"), "00:02.0");
	assert_string_equal(place(&g, "vdc"), "00:04.0");
	assert_string_equal(place(&g, "vdd"), "00:03.0");
	/* the new definition's own word goes before */
	assert_int_equal(
		assign(&q, "pc", VD("vda") VD_AT("vdd", "bus='0x00' slot='0x02' function='0x0'"), old.c.domain), 0);
	assert_string_equal(place(&q, "vda"), "00:03.0");
}

static void ports_of_the_old_machine_stay(void **state unused)
{
	autoguest struct guest old, g;

	assert_int_equal(assign(&old, "q35", VD("vda") VD("vdb"), NULL), 0);
	assert_int_equal(assign(&g, "q35", VD("vdb"), old.c.domain), 0);
	assert_string_equal(place(&g, "vdb"), "03:00.0");
	assert_int_equal(bridges(&g, "pcie-root-port"), bridges(&old, "pcie-root-port"));
}

static void refused(const char *machine, const char *devices, const char *because)
{
	autoguest struct guest g;

	assert_true(assign(&g, machine, devices, NULL) < 0);
	if (!strstr(error_text(&g.err), because))
		fail_msg("'%s' does not say '%s'", error_text(&g.err), because);
}

static void what_cannot_be_is_refused_by_name(void **state unused)
{
	refused("pc", VD_AT("vda", "bus='0' slot='5'") VD_AT("vdb", "bus='0' slot='5'"),
		"0000:00:05.0 is in use by line 1: <disk> 'vda'");
	refused("pc", VD_AT("vda", "bus='0' slot='1'"), "PIIX3");
	refused("q35", VD_AT("vda", "bus='0' slot='0x1f'"), "ICH9");
	refused("pc", VD_AT("vda", "bus='0' slot='32'"), "out of range");
	refused("pc", VD_AT("vda", "domain='1' bus='0' slot='3'"), "out of range");
	refused("pc", "<disk><target dev='vda' bus='virtio'/><address type='drive'/></disk>", "expected type='pci'");
	refused("pc", "<disk><target dev='sda' bus='usb'/><address type='usb' bus='3' port='1'/></disk>",
		"no USB controller with index 3");
	refused("pc", "<disk><target dev='sda' bus='usb'/><address type='usb' bus='0' port='9'/></disk>",
		"ports 1 to 2");
	refused("pc",
		"<disk><target dev='sda' bus='usb'/><address type='usb' bus='0' port='1'/></disk>"
		"<disk><target dev='sdb' bus='usb'/><address type='usb' bus='0' port='1'/></disk>",
		"port '1' is in use");
	refused("pc", "<controller type='usb' model='none'/><disk><target dev='sda' bus='usb'/></disk>",
		"no USB controller");
	refused("pc",
		"<disk><target dev='hda' bus='ide'/></disk>"
		"<disk><target dev='hdb' bus='ide'/><address type='drive' controller='0' bus='0' unit='0'/></disk>",
		"<disk> 'hdb'");
	refused("pc", "<disk><target dev='sda' bus='scsi'/><address type='drive' controller='0' unit='9'/></disk>",
		"units 0 to 7");
	refused("q35", "<controller type='pci' index='0' model='pci-root'/>", "pcie-root");
	refused("q35",
		"<controller type='pci' index='1' model='pcie-root-port'/><controller type='pci' index='2' model='pcie-root-port'>"
		"<address type='pci' bus='1' slot='0' function='0'/></controller>" VD_AT("vda", "bus='1' slot='0'"),
		"takes only");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(i440fx_fills_slots_in_order),
		cmocka_unit_test(q35_gives_each_device_a_port_and_one_to_spare),
		cmocka_unit_test(conventional_devices_on_q35_get_a_bridge),
		cmocka_unit_test(many_disks_add_bridges),
		cmocka_unit_test(names_say_where_drives_are),
		cmocka_unit_test(usb_adds_a_hub_when_ports_run_out),
		cmocka_unit_test(channels_get_ports),
		cmocka_unit_test(what_was_given_stays),
		cmocka_unit_test(ports_of_the_old_machine_stay),
		cmocka_unit_test(what_cannot_be_is_refused_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
