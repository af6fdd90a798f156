/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <interface>: the card that the guest sees; what it is connected to is netdev.c. */
#include "../../engine/schema/nic.h"
#include "devices.h"
#include "domain.h"
#include "live.h"

static bool is_virtio(const struct node *dev)
{
	const char *model = node_get_or(dev, "model/@type", "");

	return str_eq(model, "virtio") || str_eq(model, "virtio-transitional") ||
	       str_eq(model, "virtio-non-transitional");
}

static bool is_hostdev(const struct node *dev)
{
	return node_is(dev, "@type", "hostdev");
}

/* ---- completion ---- */

static bool mac_taken(const struct complete *c, const struct node *dev, const char *mac)
{
	for (const struct node *n = node_first(c->domain, "devices/interface"); n; n = node_next(n, "interface"))
		if (n != dev && node_is(n, "mac/@address", mac))
			return true;
	return false;
}

/* The card's MAC in the definition that is replaced: the same alias, else the same place among the cards. */
static const char *old_mac(const struct complete *c, const struct node *dev)
{
	const char *alias = node_get(dev, "alias/@name");
	const struct node *o = node_first(c->old, "devices/interface");
	unsigned place = qemu_position(dev);

	for (; alias && o; o = node_next(o, "interface"))
		if (node_is(o, "alias/@name", alias))
			return node_get(o, "mac/@address");
	for (o = alias ? NULL : node_first(c->old, "devices/interface"); o && place; place--)
		o = node_next(o, "interface");
	return node_get(o, "mac/@address");
}

static void complete_mac(const struct complete *c, struct node *dev)
{
	const char *old = node_has(dev, "mac/@address") ? NULL : old_mac(c, dev);
	char mac[18];

	if (node_has(dev, "mac/@address"))
		return;
	if (old && !mac_taken(c, dev, old)) {
		node_set(dev, "mac/@address", old);
		return;
	}
	do
		mac_random(mac);
	while (mac_taken(c, dev, mac));
	node_set(dev, "mac/@address", mac);
}

/* Names that people use for what QEMU calls otherwise. */
static const char *qom_name(const char *model)
{
	static const struct {
		const char *model, *name;
	} all[] = { { "virtio", "virtio-net-pci" },
		    { "virtio-transitional", "virtio-net-pci-transitional" },
		    { "virtio-non-transitional", "virtio-net-pci-non-transitional" },
		    { "netfront", NULL },
		    { "Am79C970A", "pcnet" },
		    { "am79c970a", "pcnet" } };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (str_eq(all[i].model, model))
			return all[i].name;
	return model;
}

static int complete_model(const struct complete *c, struct node *dev, struct error *err)
{
	static const char *const usual[] = { "rtl8139", "e1000", "virtio", NULL };
	const char *model = node_get(dev, "model/@type"), *name;

	if (is_hostdev(dev))
		return 0;
	for (int i = c->family == MACHINE_MICROVM ? 2 : 0; !model && usual[i]; i++)
		if (!c->caps || qemu_has(c->caps, qom_name(usual[i])))
			model = usual[i];
	name = qom_name(model);
	if (!name || (c->caps && !qemu_has(c->caps, name)))
		return error_set(
			err, ENOTSUP,
			"line %ld: <interface>: %s has no model '%s': virtio, e1000e, e1000 and rtl8139 are usual",
			node_line(dev), c->caps->binary, model);
	if (!node_has(dev, "model/@type"))
		node_set(dev, "model/@type", model);
	return 0;
}

/* What only a virtio card has. */
static int check_virtio(const struct node *dev, struct error *err)
{
	static const char *const only[] = { "@txmode",	      "@ioeventfd", "@event_idx",	"@rx_queue_size",
					    "@tx_queue_size", "@rss",	    "@rss_hash_report", "@iommu",
					    "@ats",	      "@packed",    "@page_per_vq",	"host",
					    "guest",	      NULL };
	const struct node *driver = node_child(dev, "driver");

	for (int i = 0; driver && !is_virtio(dev) && !is_hostdev(dev) && only[i]; i++)
		if (node_has(driver, only[i]))
			return error_set(
				err, ENOTSUP, "line %ld: <interface>: <driver> %s is for model 'virtio', not '%s'",
				node_line(driver), only[i] + (only[i][0] == '@'), node_get_or(dev, "model/@type", ""));
	return 0;
}

static int complete(struct complete *c, struct node *dev, struct error *err)
{
	int r = complete_model(c, dev, err);

	if (r < 0)
		return r;
	complete_mac(c, dev);
	if (node_is(dev, "rom/@enabled", "no") && (node_has(dev, "rom/@file") || node_has(dev, "rom/@bar")))
		return error_set(err, EINVAL, "line %ld: <rom enabled='no'> has no file and no bar",
				 node_line(node_child(dev, "rom")));
	return check_virtio(dev, err);
}

/* "net0"; one that is a host device is named as those are. */
static char *name_it(struct complete *c, const struct node *dev)
{
	unsigned n = 0;

	if (!is_hostdev(dev))
		return NULL;
	n = node_count(c->domain, "devices/hostdev");
	for (const struct node *o = node_first(c->domain, "devices/interface"); o && o != dev;
	     o = node_next(o, "interface"))
		n += is_hostdev(o);
	return xasprintf("hostdev%u", n);
}

static const struct address_want *address(struct complete *c, const struct node *dev)
{
	static const char *const express[] = { "virtio", "virtio-non-transitional", "e1000e", "igb", NULL };
	static const struct address_want pcie = { .bus = BUS_PCI, .flags = WANT_PCIE | WANT_HOTPLUG };
	const char *model = node_get_or(dev, "model/@type", "");

	if (is_virtio(dev))
		return qemu_want_virtio(c, model);
	if (str_eq(model, "usb-net"))
		return qemu_want_usb();
	if (str_starts(model, "ne2k_isa"))
		return NULL;
	return word_index(express, model) >= 0 || is_hostdev(dev) ? &pcie : qemu_want_pci();
}

/* ---- plan ---- */

static void add_queues(const struct node *dev, json_t *props)
{
	uint64_t n = node_u64(dev, "driver/@queues", 0);

	if (n < 2 || !is_virtio(dev))
		return;
	props_bool(props, "mq", true);
	props_int(props, "vectors", 2 * n + 2); /* one each way, control, configuration */
}

static void add_common(struct plan *p, const struct node *dev, json_t *props)
{
	unsigned boot = qemu_boot_index(p, dev);

	if (node_is(dev, "rom/@enabled", "no"))
		props_str(props, "romfile", "");
	else if (node_has(dev, "rom/@file"))
		props_str(props, "romfile",
			  plan_file(p, FILE_BY_NAME, node_get(dev, "rom/@file"), 0 /* O_RDONLY */, "rom of nic '%s'",
				    qemu_alias(dev)));
	if (boot)
		props_int(props, "bootindex", boot);
	if (node_is(dev, "teaming/@type", "persistent"))
		props_bool(props, "failover", true);
	if (node_is(dev, "teaming/@type", "transient"))
		props_str(props, "failover_pair_id", node_get(dev, "teaming/@persistent"));
}

/* A virtual function of the host that becomes the card. */
static int plan_hostdev(struct plan *p, const struct node *dev, struct error *err)
{
	json_t *props;
	int r = qemu_device_props(p, &qemu_interface_kind, dev, "vfio-pci", &props, err);

	if (r < 0)
		return r;
	props_strf(props, "host", "%04x:%02x:%02x.%x", (unsigned)node_u64(dev, "source/address/@domain", 0),
		   (unsigned)node_u64(dev, "source/address/@bus", 0),
		   (unsigned)node_u64(dev, "source/address/@slot", 0),
		   (unsigned)node_u64(dev, "source/address/@function", 0));
	add_common(p, dev, props);
	plan_item(p, ITEM_DEVICE, props);
	return 0;
}

static int plan(struct plan *p, const struct node *dev, struct error *err)
{
	const char *driver = qom_name(node_get_or(dev, "model/@type", "rtl8139"));
	json_t *props;
	int r;

	if (is_hostdev(dev))
		return plan_hostdev(p, dev, err);
	r = qemu_plan_netdev(p, dev, err);
	if (r == 0)
		r = qemu_device_props(p, &qemu_interface_kind, dev,
				      is_virtio(dev) ? qemu_virtio_name(p, "virtio-net", dev) : driver, &props, err);
	if (r < 0)
		return r;
	add_queues(dev, props);
	if (is_virtio(dev) && node_has(dev, "mtu/@size"))
		props_int(props, "host_mtu", node_u64(dev, "mtu/@size", 0));
	props_strf(props, "netdev", "host%s", qemu_alias(dev));
	props_str(props, "mac", node_get(dev, "mac/@address"));
	add_common(p, dev, props);
	plan_item(p, ITEM_DEVICE, props);
	return 0;
}

/* ---- while it runs ---- */

static int set(struct domain *d, struct node *dev, const struct prop *row, struct str text, struct error *err)
{
	autofree char *alias = xstrdup(qemu_alias(dev));

	if (!str_eq(row->path, "link/@state"))
		return error_set(err, ENOTSUP, "%s of a nic cannot change while the guest runs", row->path);
	return qmp_call(d, "set_link", json_pack("{s:s, s:b}", "name", alias, "up", !str_is(text, "down")), NULL, err);
}

/* ---- rows ---- */

static int emit_txmode(struct plan *p unused, const struct node *base unused, const char *value, json_t *props,
		       struct error *err unused)
{
	props_str(props, "tx", str_eq(value, "iothread") ? "bh" : "timer");
	return 0;
}

static int emit_rombar(struct plan *p unused, const struct node *base unused, const char *value, json_t *props,
		       struct error *err unused)
{
	props_int(props, "rombar", str_eq(value, "on"));
	return 0;
}

#define A(path, name)                                                                                                  \
	{                                                                                                              \
		path, .arg = name                                                                                      \
	}

static const char *const types[] = { "network", "bridge", "direct", "user",   "ethernet", "vhostuser", "hostdev",
				     "vdpa",	"udp",	  "mcast",  "server", "client",	  NULL };
static const char *const backends[] = { "qemu", "vhost", "vfio", NULL };
static const struct qemu_row rows[] = {
	{ "@type", .elsewhere = true, .only = types },
	E("@managed"),
	E("@trustGuestRxFilters"),
	E("mac/@address"),
	E("mac/@type"),
	E("mac/@check"),
	E("source/@network"),
	E("source/@portgroup"),
	E("source/@bridge"),
	E("source/@macTableManager"),
	E("source/@dev"),
	E("source/@mode"),
	E("source/@type"),
	E("source/@path"),
	E("source/@address"),
	E("source/@port"),
	E("source/local/@address"),
	E("source/local/@port"),
	E("source/reconnect/@enabled"),
	E("source/reconnect/@timeout"),
	E("target/@dev"),
	E("target/@managed"),
	E("model/@type"),
	E("link/@state"),
	E("mtu/@size"),
	E("boot/@order"),
	{ "driver/@name", .elsewhere = true, .only = backends },
	{ "driver/@txmode", .emit = emit_txmode },
	A("driver/@ioeventfd", "ioeventfd"),
	A("driver/@event_idx", "event_idx"),
	E("driver/@queues"),
	A("driver/@rx_queue_size", "rx_queue_size"),
	A("driver/@tx_queue_size", "tx_queue_size"),
	A("driver/@rss", "rss"),
	A("driver/@rss_hash_report", "hash"),
	QEMU_VIRTIO_ROWS,
	A("driver/host/@csum", "csum"),
	A("driver/host/@gso", "gso"),
	A("driver/host/@tso4", "host_tso4"),
	A("driver/host/@tso6", "host_tso6"),
	A("driver/host/@ecn", "host_ecn"),
	A("driver/host/@ufo", "host_ufo"),
	A("driver/host/@mrg_rxbuf", "mrg_rxbuf"),
	A("driver/guest/@csum", "guest_csum"),
	A("driver/guest/@tso4", "guest_tso4"),
	A("driver/guest/@tso6", "guest_tso6"),
	A("driver/guest/@ecn", "guest_ecn"),
	A("driver/guest/@ufo", "guest_ufo"),
	E("backend/@type"),
	E("backend/@tap"),
	E("backend/@vhost"),
	E("backend/@logFile"),
	E("backend/@hostname"),
	E("backend/@fqdn"),
	E("virtualport/@type"),
	E("virtualport/parameters/@managerid"),
	E("virtualport/parameters/@typeid"),
	E("virtualport/parameters/@typeidversion"),
	E("virtualport/parameters/@instanceid"),
	E("virtualport/parameters/@interfaceid"),
	E("virtualport/parameters/@profileid"),
	E("vlan/@trunk"),
	E("port/@isolated"),
	E("bandwidth/inbound/@average"),
	E("bandwidth/inbound/@peak"),
	E("bandwidth/inbound/@burst"),
	E("bandwidth/inbound/@floor"),
	E("bandwidth/outbound/@average"),
	E("bandwidth/outbound/@peak"),
	E("bandwidth/outbound/@burst"),
	E("filterref/@filter"),
	E("tune/sndbuf"),
	E("coalesce/rx/frames/@max"),
	E("teaming/@type"),
	E("teaming/@persistent"),
	E("script/@path"),
	E("downscript/@path"),
	{ "rom/@bar", .emit = emit_rombar },
	E("rom/@enabled"),
	E("rom/@file"),
	QEMU_DEVICE_ROWS,
	{ 0 },
};
const struct qemu_kind qemu_interface_kind = {
	.schema = &nic_schema,
	.rows = rows,
	.device = "interface",
	.alias = "net",
	.complete = complete,
	.name_it = name_it,
	.address = address,
	.plan = plan,
	.set = set,
};

/* Lists in it: all of the host's end, netdev.c and the network part. */
const struct qemu_kind qemu_nic_ip_kind = {
	.schema = &nic_ip_schema,
	.rows = (const struct qemu_row[]){ E("@address"), E("@family"), E("@prefix"), E("@peer"), { 0 } },
};
const struct qemu_kind qemu_nic_route_kind = {
	.schema = &nic_route_schema,
	.rows =
		(const struct qemu_row[]){
			E("@family"), E("@address"), E("@netmask"), E("@prefix"), E("@gateway"), E("@metric"), { 0 } },
};
const struct qemu_kind qemu_nic_tag_kind = {
	.schema = &nic_tag_schema,
	.rows = (const struct qemu_row[]){ E("@id"), E("@nativeMode"), { 0 } },
};
const struct qemu_kind qemu_nic_parameter_kind = {
	.schema = &nic_parameter_schema,
	.rows = (const struct qemu_row[]){ E("@name"), E("@value"), { 0 } },
};
const struct qemu_kind qemu_nic_range_kind = {
	.schema = &nic_range_schema,
	.rows = (const struct qemu_row[]){ E("@start"), E("@end"), E("@to"), E("@exclude"), { 0 } },
};
const struct qemu_kind qemu_nic_forward_kind = {
	.schema = &nic_forward_schema,
	.rows = (const struct qemu_row[]){ E("@proto"), E("@address"), E("@dev"), { 0 } },
};
