/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Devices that a definition has without naming them, as libvirt adds them: a PC's PS/2 mouse and keyboard, a video card when there are
 * graphics, a balloon, an <audio>; and the <console> that is another name of the first <serial>.
 */
#include "devices.h"

static struct node *add(struct complete *c, const char *element)
{
	return node_add(node_make(c->domain, "devices"), element);
}

static bool has_pc_keyboard(const struct complete *c)
{
	return (c->family == MACHINE_I440FX || c->family == MACHINE_Q35 || c->family == MACHINE_ISAPC) &&
	       !node_is(c->domain, "features/ps2/@state", "off");
}

static void add_input(struct complete *c, const char *type)
{
	struct node *last = NULL, *n;

	for (n = node_first(c->domain, "devices/input"); n; n = node_next(n, "input")) {
		if (node_is(n, "@type", type) && (node_is(n, "@bus", "ps2") || !node_has(n, "@bus")))
			return;
		last = n;
	}
	n = last ? node_add_after(last, "input") : add(c, "input");
	node_set(n, "@type", type);
	node_set(n, "@bus", "ps2");
}

static void add_audio(struct complete *c)
{
	struct node *n = node_first(c->domain, "devices/graphics");
	const char *type = n && !node_first(c->domain, "devices/sound") ? NULL : "none";

	for (; n; n = node_next(n, "graphics")) {
		if (node_is(n, "@type", "spice"))
			type = "spice";
		else if (node_is(n, "@type", "vnc") && !type)
			type = "none"; /* VNC can play it */
	}
	if (!type || node_first(c->domain, "devices/audio"))
		return;
	n = add(c, "audio");
	node_set(n, "@id", "1");
	node_set(n, "@type", type);
}

static void add_video(struct complete *c)
{
	if (!node_first(c->domain, "devices/video") && node_first(c->domain, "devices/graphics"))
		add(c, "video"); /* video.c gives it a model */
}

/* Moves those of N's kind that stand before it behind it. */
static void put_first(struct node *n)
{
	struct node *tail = n, *before;

	while ((before = node_child(node_parent(n), node_name(n))) != n) {
		tail = node_import_after(tail, before);
		node_remove(before);
	}
}

/* The card that the firmware uses stands first. */
static void order_video(struct complete *c)
{
	struct node *primary = node_first(c->domain, "devices/video");

	for (struct node *n = primary; n; n = node_next(n, "video"))
		if (node_yes(n, "model/@primary"))
			primary = n;
	for (struct node *n = node_first(c->domain, "devices/video"); n; n = node_next(n, "video"))
		if (n != primary)
			node_set(n, "model/@primary", NULL);
	if (!primary)
		return;
	put_first(primary);
	if (node_is(primary, "model/@type", "none"))
		node_set(primary, "model/@primary", NULL);
	else if (!node_is(primary, "model/@primary", "yes"))
		node_set(primary, "model/@primary", "yes");
}

static void add_balloon(struct complete *c)
{
	if (!node_first(c->domain, "devices/memballoon")) /* ISA has no virtio */
		node_set(add(c, "memballoon"), "@model", c->family == MACHINE_ISAPC ? "none" : "virtio");
}

/* ---- serial and console ---- */

static void copy_source(struct node *to, const struct node *from)
{
	static const char *const parts[] = { "source", "protocol", "log", NULL };
	struct node *n;

	for (int i = 0; parts[i]; i++)
		while ((n = node_child(to, parts[i])))
			node_remove(n);
	node_set(to, "@type", node_get_or(from, "@type", "pty"));
	for (int i = 0; parts[i]; i++)
		for (const struct node *s = node_child(from, parts[i]); s; s = node_next(s, parts[i]))
			node_import(to, s);
}

/* A <console> alone means a serial port. */
static struct node *serial_of_console(struct complete *c, struct node *console)
{
	struct node *serial = add(c, "serial");

	copy_source(serial, console);
	if (node_has(console, "target/@port"))
		node_set(serial, "target/@port", node_get(console, "target/@port"));
	if (node_is(console, "address/@type", "isa"))
		node_import(serial, node_child(console, "address"));
	if (node_has(console, "alias/@name"))
		node_set(serial, "alias/@name", node_get(console, "alias/@name"));
	return serial;
}

static bool shows_as_console(const struct node *serial)
{
	const char *target = node_get_or(serial, "target/@type", "isa-serial"),
		   *address = node_get_or(serial, "address/@type", "isa");

	return str_eq(target, "isa-serial") && str_eq(address, "isa");
}

static bool is_serial_console(const struct node *console)
{
	return !node_has(console, "target/@type") || node_is(console, "target/@type", "serial");
}

static int add_console(struct complete *c, struct error *err)
{
	struct node *console = node_first(c->domain, "devices/console"),
		    *serial = node_first(c->domain, "devices/serial"), *n;
	bool said = console && is_serial_console(console);

	for (n = console ? node_next(console, "console") : NULL; n; n = node_next(n, "console"))
		if (node_is(n, "target/@type", "serial") || (said && !node_has(n, "target/@type")))
			return error_set(
				err, EINVAL,
				"line %ld: <console>: only the first console can be a serial port: use <target type='virtio'/>",
				node_line(n));
	if (said && !serial)
		serial = serial_of_console(c, console);
	if (!serial || (!said && !shows_as_console(serial)))
		return 0;
	if (!said) {
		console = node_add_after(serial, "console");
		put_first(console);
	}
	node_set(console, "target/@type", "serial"); /* before the copy: done twice, it looks the same */
	copy_source(console, serial);
	node_set(console, "@tty", NULL);
	node_set(console, "alias/@name", NULL);
	for (struct node *a; (a = node_child(console, "address"));)
		node_remove(a);
	return 0;
}

int qemu_add_implicit_devices(struct complete *c, struct error *err)
{
	if (has_pc_keyboard(c)) {
		add_input(c, "mouse");
		add_input(c, "keyboard");
	}
	add_audio(c);
	add_video(c);
	order_video(c);
	add_balloon(c);
	return add_console(c, err);
}
