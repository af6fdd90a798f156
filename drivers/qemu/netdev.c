/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * -netdev: what a card is connected to.  The user-mode network and sockets are QEMU's own; everything with a tap is planned as it will be (a
 * descriptor), and refused at a start by refuse.c until the network part makes taps.
 */
#include <fcntl.h>

#include "devices.h"

static json_t *netdev(const struct node *dev, const char *type)
{
	json_t *o = json_object();

	props_str(o, "type", type);
	props_strf(o, "id", "host%s", qemu_alias(dev));
	return o;
}

/* <ip> of a user-mode network: the guest's network. */
static void add_user_ips(const struct node *dev, json_t *o)
{
	for (const struct node *ip = node_child(dev, "ip"); ip; ip = node_next(ip, "ip")) {
		const char *text = node_get_or(ip, "@address", ""), *prefix = node_get(ip, "@prefix");
		bool v6 = node_is(ip, "@family", "ipv6") || (!node_has(ip, "@family") && strchr(text, ':'));

		if (v6) {
			props_str(o, "ipv6-prefix", text);
			if (prefix)
				props_int(o, "ipv6-prefixlen", node_u64(ip, "@prefix", 0));
		} else if (prefix) {
			props_strf(o, "net", "%s/%s", text, prefix);
		} else {
			props_str(o, "net", text);
		}
	}
}

/* passt runs beside QEMU and is spoken to over a socket of its own. */
static int plan_passt(struct plan *p, const struct node *dev)
{
	autofree char *path = xasprintf("%s/passt-%s.socket", p->run_dir, qemu_alias(dev));
	const char *text = plan_file(p, FILE_RUN_DIR, path, O_RDWR, "passt of nic '%s'", qemu_alias(dev));
	json_t *o = netdev(dev, "stream");

	json_object_set_new(o, "addr", json_pack("{s:s, s:s}", "type", "unix", "path", text));
	props_bool(o, "server", false);
	plan_item(p, ITEM_NETDEV, o);
	return 0;
}

static int plan_user(struct plan *p, const struct node *dev)
{
	json_t *o;

	if (node_is(dev, "backend/@type", "passt"))
		return plan_passt(p, dev);
	o = netdev(dev, "user");
	add_user_ips(dev, o);
	plan_item(p, ITEM_NETDEV, o);
	return 0;
}

static int plan_sockets(struct plan *p, const struct node *dev)
{
	static const struct {
		const char *type, *key;
	} keys[] = { { "mcast", "mcast" }, { "server", "listen" }, { "client", "connect" }, { "udp", "udp" } };
	json_t *o = netdev(dev, "socket");

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (node_is(dev, "@type", keys[i].type))
			props_strf(o, keys[i].key, "%s:%s", node_get_or(dev, "source/@address", ""),
				   node_get_or(dev, "source/@port", "0"));
	if (node_is(dev, "@type", "udp"))
		props_strf(o, "localaddr", "%s:%s", node_get_or(dev, "source/local/@address", ""),
			   node_get_or(dev, "source/local/@port", "0"));
	plan_item(p, ITEM_NETDEV, o);
	return 0;
}

/* A number that stands where the network part will put descriptors. */
static void add_descriptors(json_t *o, const char *one, const char *many, unsigned n)
{
	struct buf list = { 0 };

	for (unsigned i = 0; i < n; i++)
		buf_printf(&list, "%s%u", i ? ":" : "", 100 + i);
	props_str(o, n > 1 ? many : one, buf_text(&list));
	buf_clear(&list);
}

static int plan_tap(struct plan *p, const struct node *dev)
{
	bool virtio = str_starts(node_get_or(dev, "model/@type", ""), "virtio");
	bool vhost = virtio && !node_is(dev, "driver/@name", "qemu");
	unsigned queues = virtio ? node_u64(dev, "driver/@queues", 1) : 1;
	json_t *o = netdev(dev, "tap");

	add_descriptors(o, "fd", "fds", queues);
	if (vhost) {
		props_bool(o, "vhost", true);
		add_descriptors(o, "vhostfd", "vhostfds", queues);
	}
	if (node_has(dev, "tune/sndbuf"))
		props_int(o, "sndbuf", node_u64(dev, "tune/sndbuf", 0));
	plan_item(p, ITEM_NETDEV, o);
	return 0;
}

static int plan_vhostuser(struct plan *p, const struct node *dev)
{
	autofree char *what = xasprintf("nic '%s'", qemu_alias(dev));
	json_t *data = json_object(), *o;

	qemu_plan_socket(p, data, node_get_or(dev, "source/@path", ""), node_is(dev, "source/@mode", "server"), false,
			 what);
	if (node_yes(dev, "source/reconnect/@enabled"))
		props_int(data, "reconnect", node_u64(dev, "source/reconnect/@timeout", 0));
	qemu_plan_backend(p, qemu_alias(dev), "socket", data);
	o = netdev(dev, "vhost-user");
	props_strf(o, "chardev", "char%s", qemu_alias(dev));
	if (node_u64(dev, "driver/@queues", 1) > 1)
		props_int(o, "queues", node_u64(dev, "driver/@queues", 1));
	plan_item(p, ITEM_NETDEV, o);
	return 0;
}

static int plan_vdpa(struct plan *p, const struct node *dev)
{
	json_t *o = netdev(dev, "vhost-vdpa");

	props_str(o, "vhostdev",
		  plan_file(p, FILE_FDSET, node_get_or(dev, "source/@dev", ""), O_RDWR, "nic '%s'", qemu_alias(dev)));
	if (node_u64(dev, "driver/@queues", 1) > 1)
		props_int(o, "queues", node_u64(dev, "driver/@queues", 1));
	plan_item(p, ITEM_NETDEV, o);
	return 0;
}

static const struct {
	const char *type;
	int (*plan)(struct plan *p, const struct node *dev);
} backends[] = {
	{ "user", plan_user },		 { "mcast", plan_sockets }, { "server", plan_sockets },
	{ "client", plan_sockets },	 { "udp", plan_sockets },   { "network", plan_tap },
	{ "bridge", plan_tap },		 { "direct", plan_tap },    { "ethernet", plan_tap },
	{ "vhostuser", plan_vhostuser }, { "vdpa", plan_vdpa },
};

int qemu_plan_netdev(struct plan *p, const struct node *dev, struct error *err)
{
	const char *type = node_get_or(dev, "@type", "");

	for (size_t i = 0; i < ARRAY_SIZE(backends); i++)
		if (str_eq(backends[i].type, type))
			return backends[i].plan(p, dev);
	return error_set(err, ENOTSUP, "line %ld: <interface type='%s'>: QEMU has no such connection", node_line(dev),
			 type);
}
