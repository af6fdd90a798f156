/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Character devices of the QEMU driver: what -chardev becomes, and how <serial> and <console> go together. */
#include "../../drivers/qemu/devices.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct doc *parse(const char *devices)
{
	autofree char *text = xasprintf("<domain type='qemu'><name>t</name><devices>%s</devices></domain>", devices);
	struct doc *d = doc_parse(str_of(text), "domain", NULL);

	assert_non_null(d);
	return d;
}

static struct node *first_device(const struct doc *d)
{
	return node_child(node_child(doc_root(d), "devices"), NULL);
}

/* ---- -chardev ---- */

static const struct {
	const char *xml, *words;
} cases[] = {
	{ "<serial type='pty'/>", "pty,id=charserial0" },
	{ "<serial type='null'/>", "null,id=charserial0" },
	{ "<serial type='dev'><source path='/dev/ttyS2,x'/></serial>", "serial,id=charserial0,path=/dev/ttyS2,,x" },
	{ "<parallel type='dev'><source path='/dev/parport0'/></parallel>",
	  "parallel,id=charserial0,path=/dev/parport0" },
	{ "<serial type='file'><source path='/a/b' append='on'/></serial>", "file,id=charserial0,path=/a/b,append=on" },
	{ "<serial type='pty'><log file='/l' append='off'/></serial>", "pty,id=charserial0,logfile=/l,logappend=off" },
	{ "<serial type='pipe'><source path='/a/fifo'/></serial>", "pipe,id=charserial0,path=/a/fifo" },
	{ "<serial type='tcp'><source mode='connect' host='h' service='1'/></serial>",
	  "socket,id=charserial0,host=h,port=1" },
	{ "<serial type='tcp'><source mode='bind' host='h' service='1'/><protocol type='telnet'/></serial>",
	  "socket,id=charserial0,host=h,port=1,telnet=on,server=on,wait=off" },
	{ "<serial type='tcp'><source mode='connect' host='h' service='1'><reconnect enabled='yes' timeout='7'/></source></serial>",
	  "socket,id=charserial0,host=h,port=1,reconnect=7" },
	{ "<serial type='unix'><source mode='bind' path='/s'/></serial>",
	  "socket,id=charserial0,path=/s,server=on,wait=off" },
	{ "<serial type='unix'><source mode='connect' path='/s'/></serial>", "socket,id=charserial0,path=/s" },
	{ "<serial type='udp'><source mode='bind' host='a' service='1'/><source mode='connect' host='b' service='2'/></serial>",
	  "udp,id=charserial0,host=b,port=2,localaddr=a,localport=1" },
	{ "<channel type='spicevmc'/>", "spicevmc,id=charserial0,name=vdagent" },
	{ "<redirdev type='spicevmc'/>", "spicevmc,id=charserial0,name=usbredir" },
	{ "<serial type='spiceport'><source channel='org.x'/></serial>", "spiceport,id=charserial0,name=org.x" },
	{ "<channel type='unix'><target type='virtio' name='org.x/0'/></channel>",
	  "socket,id=charserial0,path=/run/t/channel-org.x_0,server=on,wait=off" },
};

static void words_of_each_type(void **state unused)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		autodoc struct doc *d = parse(cases[i].xml);
		autoplan struct plan *p = plan_new(doc_root(d), NULL, "/run/t", true);
		autofree char *words = NULL;

		assert_int_equal(qemu_plan_chardev(p, first_device(d), "serial0", NULL), 0);
		assert_int_equal(p->items.n, 1);
		words = chardev_words(((struct plan_item *)p->items.at[0])->props);
		assert_string_equal(words, cases[i].words);
	}
}

/* What the guest says goes to descriptors that domfs opened: no path of the user's is left in the command. */
static void real_plans_have_no_paths(void **state unused)
{
	autodoc struct doc *d = parse("<serial type='file'><source path='/a'/><log file='/l' append='on'/></serial>"
				      "<serial type='unix'><source mode='bind' path='/s'/></serial>");
	autoplan struct plan *p = plan_new(doc_root(d), NULL, "/run/t", false);
	struct node *serial = first_device(d);
	autofree char *file = NULL, *socket = NULL;

	assert_int_equal(qemu_plan_chardev(p, serial, "serial0", NULL), 0);
	assert_int_equal(qemu_plan_chardev(p, node_next(serial, "serial"), "serial1", NULL), 0);
	file = chardev_words(((struct plan_item *)p->items.at[0])->props);
	socket = chardev_words(((struct plan_item *)p->items.at[1])->props);
	assert_string_equal(file, "file,id=charserial0,path=/dev/fdset/0,logfile=/dev/fdset/1,logappend=on");
	assert_string_equal(socket, "socket,id=charserial1,fd=2,server=on,wait=off");
	assert_int_equal(((struct plan_file *)p->files.at[0])->flags, O_WRONLY | O_CREAT | O_TRUNC);
	assert_int_equal(((struct plan_file *)p->files.at[1])->flags, O_WRONLY | O_CREAT | O_APPEND);
}

static void unknown_type_is_refused(void **state unused)
{
	autodoc struct doc *d = parse("<serial type='nmdm'><source master='/a' slave='/b'/></serial>");
	autoplan struct plan *p = plan_new(doc_root(d), NULL, "/run/t", true);
	autoerror struct error err = { 0 };

	assert_int_equal(qemu_plan_chardev(p, first_device(d), "serial0", &err), -ENOTSUP);
	assert_non_null(strstr(error_text(&err), "nmdm"));
}

/* ---- serial and console ---- */

static struct node *implied(struct doc *d, const char *path)
{
	struct complete c = { .domain = doc_root(d), .family = MACHINE_Q35 };

	assert_int_equal(qemu_add_implicit_devices(&c, NULL), 0);
	return node_first(doc_root(d), path);
}

static void console_alone_means_serial(void **state unused)
{
	autodoc struct doc *d = parse("<console type='file'><source path='/a'/></console>");
	struct node *serial = implied(d, "devices/serial");

	assert_true(node_is(serial, "@type", "file"));
	assert_true(node_is(serial, "source/@path", "/a"));
	assert_true(node_is(doc_root(d), "devices/console/target/@type", "serial"));
}

static void serial_shows_as_first_console(void **state unused)
{
	autodoc struct doc *d = parse("<console type='pty'><target type='virtio'/></console>"
				      "<serial type='null'><target type='isa-serial' port='0'/></serial>");
	struct node *console = implied(d, "devices/console");

	assert_int_equal(node_count(doc_root(d), "devices/console"), 2);
	assert_true(node_is(console, "@type", "null"));
	assert_true(node_is(console, "target/@type", "serial"));
	assert_true(node_is(node_next(console, "console"), "target/@type", "virtio"));
}

static void usb_serial_is_no_console(void **state unused)
{
	autodoc struct doc *d = parse("<serial type='pty'><target type='usb-serial'/></serial>");

	assert_null(implied(d, "devices/console"));
}

static void only_the_first_console_is_serial(void **state unused)
{
	autodoc struct doc *d = parse("<console type='pty'/><console type='pty'><target type='serial'/></console>");
	struct complete c = { .domain = doc_root(d), .family = MACHINE_Q35 };
	autoerror struct error err = { 0 };

	assert_int_equal(qemu_add_implicit_devices(&c, &err), -EINVAL);
}

/* Twice is the same as once: a definition that was completed before gets nothing more. */
static void implied_once(void **state unused)
{
	autodoc struct doc *d = parse("<serial type='pty'/><graphics type='vnc'/>");
	autodoc struct doc *copy = NULL;

	implied(d, "devices");
	copy = doc_copy(d);
	implied(d, "devices");
	assert_true(node_equal(doc_root(d), doc_root(copy)));
}

static void pty_paths_are_forgotten(void **state unused)
{
	autodoc struct doc *d = parse("<serial type='pty' tty='/dev/pts/3'><source path='/dev/pts/3'/></serial>");

	qemu_complete_chardev(first_device(d));
	assert_false(node_has(first_device(d), "source/@path"));
	assert_false(node_has(first_device(d), "@tty"));
}

static void libvirt_channel_paths_are_forgotten(void **state unused)
{
	autodoc struct doc *d = parse(
		"<channel type='unix'><source mode='bind' path='/var/lib/libvirt/qemu/channel/target/f16x.org.x.0'/>"
		"<target type='virtio' name='org.x.0'/></channel>"
		"<channel type='unix'><source mode='bind' path='/srv/org.x.1'/>"
		"<target type='virtio' name='org.x.1'/></channel>");
	struct node *channel = first_device(d), *other = node_next(channel, "channel");

	qemu_complete_chardev(channel);
	qemu_complete_chardev(other);
	assert_false(node_has(channel, "source/@path"));
	assert_true(node_is(other, "source/@path", "/srv/org.x.1"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_of_each_type),
		cmocka_unit_test(real_plans_have_no_paths),
		cmocka_unit_test(unknown_type_is_refused),
		cmocka_unit_test(console_alone_means_serial),
		cmocka_unit_test(serial_shows_as_first_console),
		cmocka_unit_test(usb_serial_is_no_console),
		cmocka_unit_test(only_the_first_console_is_serial),
		cmocka_unit_test(implied_once),
		cmocka_unit_test(pty_paths_are_forgotten),
		cmocka_unit_test(libvirt_channel_paths_are_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
