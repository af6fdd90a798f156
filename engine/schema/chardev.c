/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Character devices: <serial>, <parallel>, <console>, <channel>, with the rows for where they lead to.  Which of a
 * guest's ports go with which kind of target is here; what a hypervisor makes of it is its driver's.
 */
#include "chardev.h"
#include "storage.h"

const char *const chardev_types[] = { "pty", "null", "vc",	 "dev",	      "file",	      "pipe", "stdio", "udp",
				      "tcp", "unix", "spicevmc", "spiceport", "qemu-vdagent", "nmdm", "dbus",  NULL };
const char *const chardev_protocols[] = { "raw", "telnet", "telnets", "tls", NULL };

static const char *const modes[] = { "bind", "connect", NULL };
static const char *const mouse_modes[] = { "server", "client", NULL };
static const char *const states[] = { "connected", "disconnected", NULL };
static const char *const serial_targets[] = { "isa-serial",    "usb-serial",  "pci-serial", "spapr-vio-serial",
					      "system-serial", "sclp-serial", "isa-debug",  NULL };
static const char *const serial_models[] = { "isa-serial",  "usb-serial",    "pci-serial", "spapr-vty",	   "pl011",
					     "sclpconsole", "sclplmconsole", "16550a",	   "isa-debugcon", NULL };
static const char *const console_targets[] = {
	"serial", "xen", "uml", "virtio", "lxc", "openvz", "sclp", "sclplm", NULL
};
static const char *const channel_targets[] = { "guestfwd", "virtio", "xen", NULL };

const struct schema chardev_source_schema = {
	.element = "source",
	.props =
		(const struct prop[]){
			{ "@path", T_STRING, .doc = "file, device, pipe or socket" },
			{ "@mode", T_ENUM, .words = modes,
			  .doc = "wait for the other end (bind), or go to it (connect)" },
			{ "@host", T_STRING, .doc = "address (tcp, udp)" },
			{ "@service", T_STRING, .doc = "port or name of a service (tcp, udp)" },
			{ "@tls", T_ENUM, .words = words_yes_no, .doc = "encrypt the connection (tcp)" },
			{ "@append", T_ENUM, .words = words_on_off, .doc = "keep what the file had (file)" },
			{ "@channel", T_STRING, .doc = "name of the port (spiceport, dbus)" },
			{ "@master", T_STRING, .doc = "our end (nmdm)" },
			{ "@slave", T_STRING, .doc = "the other end (nmdm)" },
			{ "@tlsFromConfig", T_STRING, .flags = P_OUTPUT, .doc = "a note of libvirt's" },
			{ "reconnect/@enabled", T_ENUM, .words = words_yes_no,
			  .doc = "connect again when the connection is lost" },
			{ "reconnect/@timeout", T_U64, .doc = "seconds between tries" },
			{ "clipboard/@copypaste", T_ENUM, .words = words_yes_no,
			  .doc = "share the clipboard (qemu-vdagent)" },
			{ "mouse/@mode", T_ENUM, .words = mouse_modes, .doc = "who moves the pointer (qemu-vdagent)" },
			{ "seclabel", T_LIST, .sub = &seclabel_schema, .doc = "security labels of the file" },
			{ 0 } },
};

int chardev_check_reconnect(const struct node *source, struct error *err)
{
	const struct node *r = node_child(source, "reconnect");

	if (!r)
		return 0;
	if (!node_has(r, "@enabled"))
		return error_set(err, EINVAL, "line %ld: <reconnect> needs enabled='yes' or 'no'", node_line(r));
	if (node_yes(r, "@enabled") && !node_has(r, "@timeout"))
		return error_set(err, EINVAL, "line %ld: <reconnect enabled='yes'> needs timeout='SECONDS'",
				 node_line(r));
	if (node_yes(r, "@enabled") && node_u64(r, "@timeout", 1) == 0)
		return error_set(err, EINVAL,
				 "line %ld: <reconnect>: timeout cannot be 0: give the seconds between tries",
				 node_line(r));
	if (node_yes(r, "@enabled") && !node_is(source, "@mode", "connect") && !node_is(source, "@mode", "client"))
		return error_set(err, EINVAL, "line %ld: <reconnect> is for mode='connect': who listens cannot connect",
				 node_line(r));
	return 0;
}

/* What each type must say, by any of its <source> elements. */
static const struct {
	const char *type, *attr, *example;
} wants[] = {
	{ "dev", "@path", "<source path='/dev/...'/>" },
	{ "file", "@path", "<source path='/...'/>" },
	{ "pipe", "@path", "<source path='/...'/>" },
	{ "unix", "@path", "<source mode='bind' path='/...'/>" },
	{ "tcp", "@service", "<source mode='connect' host='...' service='PORT'/>" },
	{ "udp", "@service", "<source mode='connect' host='...' service='PORT'/>" },
	{ "spiceport", "@channel", "<source channel='org.example.name'/>" },
	{ "nmdm", "@master", "<source master='/dev/nmdm0A' slave='/dev/nmdm0B'/>" },
	{ "nmdm", "@slave", "<source master='/dev/nmdm0A' slave='/dev/nmdm0B'/>" },
};

static bool any_source(const struct node *n, const char *attr)
{
	for (const struct node *s = node_child(n, "source"); s; s = node_next(s, "source"))
		if (node_has(s, attr) && *node_get(s, attr))
			return true;
	return false;
}

int chardev_check(const struct node *n, bool path_optional, struct error *err)
{
	const char *type = node_get_or(n, "@type", "pty");
	const char *element = node_name(n);

	for (size_t i = 0; i < ARRAY_SIZE(wants); i++) {
		bool optional = path_optional && str_eq(type, "unix");

		if (str_eq(type, wants[i].type) && !optional && !any_source(n, wants[i].attr))
			return error_set(err, EINVAL, "line %ld: <%s type='%s'> needs %s", node_line(n), element, type,
					 wants[i].example);
	}
	if (str_eq(type, "tcp") && !node_is(n, "source/@mode", "bind") && !any_source(n, "@host"))
		return error_set(
			err, EINVAL,
			"line %ld: <%s type='tcp'> needs a host: <source mode='connect' host='...' service='PORT'/>",
			node_line(n), element);
	if (!str_eq(type, "udp") && node_count(n, "source") > 1)
		return error_set(err, EINVAL, "line %ld: <%s type='%s'> has several <source>: only type='udp' has two",
				 node_line(n), element, type);
	if (node_has(n, "protocol/@type") && !str_eq(type, "tcp") && !node_is(n, "protocol/@type", "raw"))
		return error_set(err, EINVAL, "line %ld: <%s type='%s'> speaks no '%s': that is for tcp", node_line(n),
				 element, type, node_get(n, "protocol/@type"));
	if (node_first(n, "log") && !node_has(n, "log/@file"))
		return error_set(err, EINVAL, "line %ld: <log> needs file='/...'", node_line(node_child(n, "log")));
	for (const struct node *s = node_child(n, "source"); s; s = node_next(s, "source"))
		if (chardev_check_reconnect(s, err) < 0)
			return -EINVAL;
	return 0;
}

/* The models of each target type of a serial port, the first one being the default. */
static const struct {
	const char *target, *models[3], *address;
} serial_fits[] = {
	{ "isa-serial", { "isa-serial" }, "isa" },
	{ "pci-serial", { "pci-serial" }, "pci" },
	{ "usb-serial", { "usb-serial" }, "usb" },
	{ "isa-debug", { "isa-debugcon" }, "isa" },
	{ "spapr-vio-serial", { "spapr-vty" }, "spapr-vio" },
	{ "system-serial", { "pl011", "16550a" }, NULL },
	{ "sclp-serial", { "sclpconsole", "sclplmconsole" }, NULL },
};

static int serial_check(const struct node *n, struct error *err)
{
	const char *target = node_get(n, "target/@type"), *model = node_get(n, "target/model/@name");
	const char *address = node_get(n, "address/@type");

	for (size_t i = 0; target && i < ARRAY_SIZE(serial_fits); i++) {
		if (!str_eq(target, serial_fits[i].target))
			continue;
		if (model && word_index(serial_fits[i].models, model) < 0)
			return error_set(err, EINVAL,
					 "line %ld: <serial>: target type '%s' has no model '%s': expected '%s'",
					 node_line(n), target, model, serial_fits[i].models[0]);
		if (address && serial_fits[i].address && !str_eq(address, serial_fits[i].address))
			return error_set(
				err, EINVAL,
				"line %ld: <serial>: target type '%s' has no address of type '%s': expected '%s'",
				node_line(n), target, address, serial_fits[i].address);
	}
	return chardev_check(n, false, err);
}

static int parallel_check(const struct node *n, struct error *err)
{
	return chardev_check(n, false, err);
}

/* The first console repeats the first serial port, whose source may stand there alone. */
static int console_check(const struct node *n, struct error *err)
{
	return node_has(n, "@type") && node_first(n, "source") ? chardev_check(n, false, err) : 0;
}

static int channel_check(const struct node *n, struct error *err)
{
	const char *target = node_get(n, "target/@type");

	if (!target)
		return error_set(err, EINVAL, "line %ld: <channel> needs <target type='virtio' name='...'/>",
				 node_line(n));
	if (str_eq(target, "guestfwd") && (!node_has(n, "target/@address") || !node_has(n, "target/@port")))
		return error_set(err, EINVAL, "line %ld: <channel>: a guestfwd target needs address='IPV4' port='PORT'",
				 node_line(node_child(n, "target")));
	if (!str_eq(target, "guestfwd") && (node_has(n, "target/@address") || node_has(n, "target/@port")))
		return error_set(err, EINVAL,
				 "line %ld: <channel>: address and port are for a target of type='guestfwd'",
				 node_line(node_child(n, "target")));
	return chardev_check(n, str_eq(target, "virtio") || str_eq(target, "xen"), err);
}

const struct schema serial_schema = {
	.element = "serial",
	.check = serial_check,
	.props =
		(const struct prop[]){
			CHARDEV_ROWS(P_REQUIRED),
			{ "@tty", T_STRING, .flags = P_OUTPUT, .doc = "older place of the pty of a running guest" },
			{ "target/@type", T_ENUM, .words = serial_targets, .doc = "bus of the port" },
			{ "target/@port", T_U64, .doc = "its number" },
			{ "target/model/@name", T_ENUM, .words = serial_models, .doc = "what the guest sees" },
			{ "alias", T_SUB, .sub = &alias_schema, .doc = "the device's id" },
			{ "acpi/@index", T_U64, .min = 1, .doc = "ACPI index" },
			{ "address", T_SUB, .sub = &address_schema, .doc = "where it is plugged" },
			{ 0 } },
};

const struct schema parallel_schema = {
	.element = "parallel",
	.check = parallel_check,
	.props = (const struct prop[]){ CHARDEV_ROWS(P_REQUIRED),
					{ "@tty", T_STRING, .flags = P_OUTPUT,
					  .doc = "older place of the pty of a running guest" },
					{ "target/@type", T_STRING, .doc = "nothing but 'parallel' makes sense" },
					{ "target/@port", T_U64, .doc = "its number" },
					{ "alias", T_SUB, .sub = &alias_schema, .doc = "the device's id" },
					{ "acpi/@index", T_U64, .min = 1, .doc = "ACPI index" },
					{ "address", T_SUB, .sub = &address_schema, .doc = "where it is plugged" },
					{ 0 } },
};

const struct schema console_schema = {
	.element = "console",
	.check = console_check,
	.props =
		(const struct prop[]){
			CHARDEV_ROWS(0),
			{ "@tty", T_STRING, .flags = P_OUTPUT, .doc = "older place of the pty of a running guest" },
			{ "target/@type", T_ENUM, .words = console_targets, .doc = "what the guest sees" },
			{ "target/@port", T_U64, .doc = "its number" },
			{ "alias", T_SUB, .sub = &alias_schema, .doc = "the device's id" },
			{ "acpi/@index", T_U64, .min = 1, .doc = "ACPI index" },
			{ "address", T_SUB, .sub = &address_schema, .doc = "where it is plugged" },
			{ 0 } },
};

const struct schema channel_schema = {
	.element = "channel",
	.check = channel_check,
	.props =
		(const struct prop[]){
			CHARDEV_ROWS(P_REQUIRED),
			{ "target/@type", T_ENUM, .words = channel_targets, .doc = "virtio, guestfwd or xen" },
			{ "target/@name", T_STRING, .doc = "name of the port in the guest" },
			{ "target/@address", T_STRING, .doc = "IPv4 address in the guest's network (guestfwd)" },
			{ "target/@port", T_U64, .min = 1, .max = 65535,
			  .doc = "TCP port in the guest's network (guestfwd)" },
			{ "target/@state", T_ENUM, .words = states, .flags = P_OUTPUT,
			  .doc = "has somebody in the guest opened it" },
			{ "alias", T_SUB, .sub = &alias_schema, .doc = "the device's id" },
			{ "acpi/@index", T_U64, .min = 1, .doc = "ACPI index" },
			{ "address", T_SUB, .sub = &address_schema, .doc = "where it is plugged" },
			{ 0 } },
};
