/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * refuse.c for network cards, character devices, displays and the small devices: what waits for the network part, for secrets and
 * certificates, for swtpm, or cannot be given to a QEMU that opens nothing by itself.
 */
#include <unistd.h>

#include "devices.h"

/* <ELEMENT> with PATH (an attribute or element; VALUE NULL: any) cannot start: WHY. */
static const struct {
	const char *element, *path, *value, *why;
} rules[] = {
	{ "interface", "@type", "network", "virtual networks are not built yet: use type='user'" },
	{ "interface", "@type", "bridge", "connections to bridges are not built yet: use type='user'" },
	{ "interface", "@type", "direct", "macvtap is not built yet: use type='user'" },
	{ "interface", "@type", "ethernet", "taps are not built yet: use type='user'" },
	{ "interface", "@type", "vdpa", "vDPA is not built yet: use type='user'" },
	{ "interface", "@type", "hostdev", "host device assignment is not built yet: use type='user'" },
	{ "interface", "filterref", NULL, "network filters are not built yet: the guest would be without its filter" },
	{ "interface", "bandwidth", NULL, "bandwidth limits are not built yet: the guest would be without its limits" },
	{ "interface", "backend/@type", "passt",
	  "passt is not built yet: leave <backend> out for QEMU's own user-mode network" },
	{ "interface", "script", NULL, "scripts are not run: type='user' needs none" },
	{ "interface", "downscript", NULL, "scripts are not run: type='user' needs none" },
	{ "interface", "virtualport", NULL, "switch ports are not built yet" },
	{ "interface", "vlan", NULL, "VLANs of a nic are not built yet" },
	{ "interface", "port", NULL, "isolated bridge ports are not built yet" },
	{ "interface", "coalesce", NULL, "interrupt coalescing of a tap is not built yet" },
	{ "interface", "tune", NULL, "there is no tap whose send buffer could be set" },
	{ "interface", "route", NULL, "routes inside a guest are the guest's own" },
	{ "graphics", "listen/@network", NULL, "virtual networks are not built yet: give an address" },
	{ "graphics", "@tlsPort", NULL, "TLS for spice is not built yet: there are no certificates" },
	{ "graphics", "@defaultMode", "secure", "TLS for spice is not built yet: there are no certificates" },
	{ "graphics", "@display", NULL, "windows on the host's screen are not built yet: use vnc" },
	{ "graphics", "@type", "sdl", "windows on the host's screen are not built yet: use vnc" },
	{ "graphics", "@type", "dbus", "the D-Bus display is not built yet: use vnc" },
	{ "tpm", "backend/@type", "emulator", "running swtpm is not built yet" },
	{ "tpm", "backend/@type", "passthrough",
	  "the host's TPM cannot be given yet: QEMU would look for its cancel file by itself" },
	{ "audio", "@type", "alsa", "sound of the host is not built yet: use type='none' or 'file'" },
	{ "audio", "@type", "oss", "sound of the host is not built yet: use type='none' or 'file'" },
	{ "audio", "@type", "jack", "sound of the host is not built yet: use type='none' or 'file'" },
	{ "audio", "@type", "pulseaudio", "sound of the host is not built yet: use type='none' or 'file'" },
	{ "audio", "@type", "pipewire", "sound of the host is not built yet: use type='none' or 'file'" },
	{ "audio", "@type", "sdl", "sound of the host is not built yet: use type='none' or 'file'" },
	{ "audio", "@path", NULL,
	  "a sound file would be opened by QEMU itself: leave path out, it is written into the guest's own directory" },
	{ "smartcard", "@mode", "host", "the host's smart cards cannot be given: use mode='passthrough'" },
	{ "smartcard", "@mode", "host-certificates",
	  "QEMU would open the certificates by itself: use mode='passthrough'" },
	{ "pstore", "@backend", NULL, "QEMU would have to open its file by itself: not built yet" },
	{ "video", "driver/@name", "vhostuser", "vhost-user display processes are not built yet" },
};

static int refuse(const struct node *n, struct error *err, const char *why)
{
	return error_set(err, ENOTSUP, "line %ld: <%s>: %s", node_line(n), node_name(n), why);
}

static bool says(const struct node *n, const char *path, const char *value)
{
	return value ? node_is(n, path, value) : node_has(n, path);
}

static int check_rules(const struct node *dev, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (str_eq(rules[i].element, node_name(dev)) && says(dev, rules[i].path, rules[i].value))
			return refuse(dev, err, rules[i].why);
	return 0;
}

/* DEV is a character device, or the backend of one. */
static int check_chardev(const struct node *dev, struct error *err)
{
	const struct node *s = node_child(dev, "source");

	if (node_is(dev, "@type", "tcp") && node_yes(s, "@tls"))
		return refuse(dev, err, "TLS is not built yet: there are no certificates");
	if (node_is(dev, "@type", "unix") && node_yes(s, "reconnect/@enabled"))
		return refuse(
			dev, err,
			"<reconnect> of a unix socket: QEMU would have to open it by itself: leave reconnect out or use mode='bind'");
	return 0;
}

static int check_nic(const struct node *dev, struct error *err)
{
	static const char *const one_queue[] = { "user", "udp", "mcast", "server", "client", NULL };
	const char *type = node_get_or(dev, "@type", "");

	if (word_index(one_queue, type) >= 0 && node_u64(dev, "driver/@queues", 1) > 1)
		return error_set(err, ENOTSUP,
				 "line %ld: <interface type='%s'> has one queue: leave <driver queues=> out",
				 node_line(dev), type);
	if (node_yes(dev, "source/reconnect/@enabled"))
		return refuse(dev, err, "<reconnect>: QEMU would have to open the socket by itself: leave it out");
	return 0;
}

static int check_vsock(const struct node *dev, struct error *err)
{
	if (access("/dev/vhost-vsock", F_OK) < 0)
		return refuse(dev, err, "the host has no /dev/vhost-vsock: load the module vhost_vsock");
	if (!node_has(dev, "cid/@address"))
		return refuse(dev, err, "addresses are not given out yet: write <cid auto='no' address='NUMBER'/>");
	return 0;
}

static int check_graphics(const struct node *dev, struct error *err)
{
	if (node_is(dev, "listen/@type", "socket") && *node_get_or(dev, "listen/@socket", ""))
		return refuse(
			dev, err,
			"QEMU would have to make the socket by itself, with its own rights: leave the path out, the socket is then "
			"in the guest's own directory");
	return 0;
}

static int check_one(const struct node *dev, struct error *err)
{
	static const struct {
		const char *element;
		int (*fn)(const struct node *dev, struct error *err);
	} checks[] = {
		{ "serial", check_chardev },  { "parallel", check_chardev }, { "console", check_chardev },
		{ "channel", check_chardev }, { "redirdev", check_chardev }, { "smartcard", check_chardev },
		{ "interface", check_nic },   { "vsock", check_vsock },	     { "graphics", check_graphics },
	};
	int r = check_rules(dev, err);

	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(checks); i++)
		if (str_eq(checks[i].element, node_name(dev)))
			r = checks[i].fn(dev, err);
	if (r == 0 && str_eq(node_name(dev), "rng"))
		r = check_chardev(node_child(dev, "backend"), err);
	return r;
}

int qemu_devices_refusal(const struct node *domain, struct error *err)
{
	const struct node *devices = node_first(domain, "devices");

	for (const struct node *dev = node_child(devices, NULL); dev; dev = node_next(dev, NULL)) {
		int r = check_one(dev, err);

		if (r < 0)
			return r;
	}
	return 0;
}
