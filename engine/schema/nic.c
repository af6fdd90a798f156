/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * <interface>: network cards of a guest and what they are connected to.  Which types of connection a hypervisor has is its
 * driver's to say; here only what belongs together in the document.
 */
#include "nic.h"
#include "../schema.h"
#include "../units.h"
#include "chardev.h"

static const char *const types[] = { "network",	 "bridge", "direct", "user",  "ethernet", "vhostuser",
				     "hostdev",	 "vdpa",   "udp",    "mcast", "server",	  "client",
				     "internal", "null",   "vds",    NULL };
static const char *const mac_types[] = { "generated", "static", NULL };
static const char *const drivers[] = { "kvm", "qemu", "vfio", "vhost", "xen", NULL };
static const char *const txmodes[] = { "iothread", "timer", NULL };
static const char *const link_states[] = { "up", "down", NULL };
static const char *const backends[] = { "default", "passt", NULL };
static const char *const teams[] = { "transient", "persistent", NULL };
static const char *const ports[] = { "802.1Qbg", "802.1Qbh", "openvswitch", "midonet", NULL };
static const char *const tables[] = { "kernel", "libvirt", NULL };
static const char *const protocols[] = { "tcp", "udp", NULL };
static const char *const families[] = { "ipv4", "ipv6", NULL };
static const char *const natives[] = { "tagged", "untagged", NULL };

const struct schema nic_ip_schema = {
	.element = "ip",
	.props = (const struct prop[]){ { "@address", T_STRING, .flags = P_REQUIRED,
					  .doc = "address in the guest (user) or container" },
					{ "@family", T_ENUM, .words = families, .doc = "ipv4 or ipv6" },
					{ "@prefix", T_U64, .max = 128, .doc = "length of the network's prefix" },
					{ "@peer", T_STRING, .doc = "the other end of a point-to-point link" },
					{ 0 } },
};

const struct schema nic_route_schema = {
	.element = "route",
	.props = (const struct prop[]){ { "@family", T_ENUM, .words = families, .doc = "ipv4 or ipv6" },
					{ "@address", T_STRING, .flags = P_REQUIRED,
					  .doc = "network that the route leads to" },
					{ "@netmask", T_STRING, .doc = "its mask" },
					{ "@prefix", T_U64, .max = 128, .doc = "or the length of its prefix" },
					{ "@gateway", T_STRING, .flags = P_REQUIRED, .doc = "router" },
					{ "@metric", T_U64, .min = 1, .doc = "preference among routes" },
					{ 0 } },
};

const struct schema nic_tag_schema = {
	.element = "tag",
	.props = (const struct prop[]){ { "@id", T_U64, .flags = P_REQUIRED, .max = 4095, .doc = "VLAN" },
					{ "@nativeMode", T_ENUM, .words = natives,
					  .doc = "how untagged frames are treated" },
					{ 0 } },
};

const struct schema nic_parameter_schema = {
	.element = "parameter",
	.props = (const struct prop[]){ { "@name", T_STRING, .flags = P_REQUIRED, .doc = "variable of the filter" },
					{ "@value", T_STRING, .flags = P_REQUIRED, .doc = "its value" },
					{ 0 } },
};

const struct schema nic_range_schema = {
	.element = "range",
	.props = (const struct prop[]){ { "@start", T_U64, .flags = P_REQUIRED, .min = 1, .max = 65535,
					  .doc = "first port of the host" },
					{ "@end", T_U64, .min = 1, .max = 65535, .doc = "last port of the host" },
					{ "@to", T_U64, .min = 1, .max = 65535, .doc = "first port in the guest" },
					{ "@exclude", T_ENUM, .words = words_yes_no,
					  .doc = "these ports are not forwarded" },
					{ 0 } },
};

const struct schema nic_forward_schema = {
	.element = "portForward",
	.props =
		(const struct prop[]){
			{ "@proto", T_ENUM, .words = protocols, .flags = P_REQUIRED, .doc = "tcp or udp" },
			{ "@address", T_STRING, .doc = "address of the host that listens" },
			{ "@dev", T_STRING, .doc = "interface of the host that listens" },
			{ "range", T_LIST, .sub = &nic_range_schema, .doc = "ports; all when there is none" },
			{ 0 } },
};

/* What a type must say of its source. */
static const struct {
	const char *type, *path, *why;
} wants[] = {
	{ "network", "source/@network", "<source network='...'/>" },
	{ "bridge", "source/@bridge", "<source bridge='...'/>" },
	{ "direct", "source/@dev", "<source dev='...'/>: an interface of the host" },
	{ "vdpa", "source/@dev", "<source dev='/dev/vhost-vdpa-N'/>" },
	{ "internal", "source/@name", "<source name='...'/>" },
	{ "vhostuser", "source/@path", "<source type='unix' path='...' mode='server|client'/>" },
	{ "vhostuser", "source/@mode", "<source type='unix' path='...' mode='server|client'/>" },
	{ "hostdev", "source/address", "<source><address type='pci' domain= bus= slot= function=/></source>" },
	{ "mcast", "source/@address", "<source address='...' port='...'/>" },
	{ "client", "source/@address", "<source address='...' port='...'/>" },
	{ "udp", "source/@address", "<source address='...' port='...'><local address='...' port='...'/></source>" },
	{ "udp", "source/local/@port", "<source address='...' port='...'><local address='...' port='...'/></source>" },
	{ "mcast", "source/@port", "<source address='...' port='...'/>" },
	{ "server", "source/@port", "<source port='...'/>" },
	{ "client", "source/@port", "<source address='...' port='...'/>" },
	{ "udp", "source/@port", "<source address='...' port='...'><local address='...' port='...'/></source>" },
};

static int source_check(const struct node *n, const char *type, struct error *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(wants); i++)
		if (str_eq(type, wants[i].type) && !node_has(n, wants[i].path))
			return error_set(err, EINVAL, "line %ld: <interface type='%s'> needs %s", node_line(n), type,
					 wants[i].why);
	if (str_eq(type, "vhostuser") && !node_is(n, "source/@mode", "server") && !node_is(n, "source/@mode", "client"))
		return error_set(
			err, EINVAL,
			"line %ld: <interface type='vhostuser'>: source mode is '%s': expected server or client",
			node_line(n), node_get(n, "source/@mode"));
	return 0;
}

static int mac_check(const struct node *n, struct error *err)
{
	const char *text = node_get(n, "mac/@address");
	uint8_t mac[6];

	if (!text || !mac_parse(text, mac))
		return 0;
	if (mac[0] & 1)
		return error_set(
			err, EINVAL,
			"line %ld: <interface>: MAC address '%s' is a group address: the second digit must be even",
			node_line(node_child(n, "mac")), text);
	return 0;
}

static int queue_check(const struct node *n, struct error *err)
{
	static const char *const sizes[] = { "driver/@rx_queue_size", "driver/@tx_queue_size", NULL };

	for (int i = 0; sizes[i]; i++) {
		uint64_t v = node_u64(n, sizes[i], 256);

		if (v & (v - 1))
			return error_set(err, EINVAL, "line %ld: <interface>: %s is %s: it has to be a power of two",
					 node_line(n), sizes[i] + strlen("driver/@"), node_get(n, sizes[i]));
	}
	return 0;
}

static int teaming_check(const struct node *n, const char *type, struct error *err)
{
	bool transient = node_is(n, "teaming/@type", "transient");

	if (!node_first(n, "teaming"))
		return 0;
	if (!node_has(n, "teaming/@type"))
		return error_set(err, EINVAL, "line %ld: <teaming> needs type='persistent' or 'transient'",
				 node_line(node_child(n, "teaming")));
	if (transient && !node_has(n, "teaming/@persistent"))
		return error_set(err, EINVAL,
				 "line %ld: <teaming type='transient'> needs persistent='ALIAS': its partner's alias",
				 node_line(node_child(n, "teaming")));
	if (!transient && node_has(n, "teaming/@persistent"))
		return error_set(
			err, EINVAL,
			"line %ld: <teaming type='persistent'> has no partner to name: the transient one names it",
			node_line(node_child(n, "teaming")));
	if (transient && !str_eq(type, "hostdev") && !str_eq(type, "network"))
		return error_set(
			err, EINVAL,
			"line %ld: <teaming type='transient'> is for type='hostdev', or a network of host devices",
			node_line(node_child(n, "teaming")));
	return 0;
}

static bool is_one_of(const char *const *all, const char *word)
{
	return word_index(all, word) >= 0;
}

/* Properties that only some types have. */
static int type_check(const struct node *n, const char *type, struct error *err)
{
	static const char *const tap[] = { "network", "bridge", "ethernet", "direct", NULL };
	static const char *const user[] = { "user", "vhostuser", NULL };
	static const char *const macvtap[] = { "network", "bridge", "ethernet", "direct",
					       "hostdev", "vdpa",   "user",	NULL };
	static const struct {
		const char *path;
		const char *const *types;
	} rules[] = {
		{ "coalesce/rx", tap },
		{ "portForward", user },
		{ "vlan", macvtap },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (node_first(n, rules[i].path) && !is_one_of(rules[i].types, type)) {
			autofree char *words = words_joined(rules[i].types);

			return error_set(err, EINVAL, "line %ld: <interface type='%s'> has no <%.*s>: it is for: %s",
					 node_line(n), type, (int)strcspn(rules[i].path, "/"), rules[i].path, words);
		}
	}
	if (node_first(n, "portForward") && !node_is(n, "backend/@type", "passt"))
		return error_set(err, EINVAL, "line %ld: <portForward> is possible with <backend type='passt'/> only",
				 node_line(node_child(n, "portForward")));
	return 0;
}

static int nic_check(const struct node *n, struct error *err)
{
	const char *type = node_get_or(n, "@type", "");
	int r = source_check(n, type, err);

	if (r == 0)
		r = mac_check(n, err);
	if (r == 0)
		r = queue_check(n, err);
	if (r == 0)
		r = teaming_check(n, type, err);
	if (r == 0 && node_first(n, "source/reconnect"))
		r = chardev_check_reconnect(node_child(n, "source"), err);
	return r < 0 ? r : type_check(n, type, err);
}

const struct schema nic_schema = {
	.element = "interface",
	.check = nic_check,
	.props =
		(const struct prop[]){
			{ "@type", T_ENUM, "type", types, .flags = P_REQUIRED,
			  .doc = "kind of connection; follows network, bridge or interface" },
			{ "@managed", T_ENUM, .words = words_yes_no,
			  .doc = "take the host's device from its driver (hostdev)" },
			{ "@trustGuestRxFilters", T_ENUM, .words = words_yes_no,
			  .doc = "the guest may set MAC and multicast filters" },
			{ "mac/@address", T_MAC, "mac", .doc = "hardware address" },
			{ "mac/@type", T_ENUM, .words = mac_types, .doc = "was it generated (ESX)" },
			{ "mac/@check", T_ENUM, .words = words_yes_no,
			  .doc = "check it against the vendor's range (ESX)" },
			{ "source/@network", T_STRING, "network", .doc = "virtual network that it is connected to" },
			{ "source/@portgroup", T_STRING, "portgroup", .doc = "group of settings of that network" },
			{ "source/@portid", T_STRING, .flags = P_OUTPUT,
			  .doc = "port of the network that a running guest has" },
			{ "source/@bridge", T_STRING, "bridge", .doc = "bridge of the host that it is connected to" },
			{ "source/@macTableManager", T_ENUM, .words = tables,
			  .doc = "who fills the bridge's MAC table" },
			{ "source/@dev", T_STRING, "interface",
			  .doc = "interface of the host that it shares (direct), vDPA device, interface (user)" },
			{ "source/@mode", T_STRING, "mode",
			  .doc = "macvtap mode: vepa bridge private passthrough; vhostuser: server client" },
			{ "source/@name", T_STRING, .doc = "name of the internal network" },
			{ "source/@type", T_ENUM, .words = (const char *const[]){ "unix", NULL },
			  .doc = "unix (vhostuser)" },
			{ "source/@path", T_STRING, .doc = "socket of the vhost-user process" },
			{ "source/@address", T_STRING, .doc = "address of the other end (mcast, server, client, udp)" },
			{ "source/@port", T_U64, .min = 1, .max = 65535, .doc = "its port" },
			{ "source/@switchid", T_STRING, .doc = "switch (vds)" },
			{ "source/@portgroupid", T_STRING, .doc = "port group (vds)" },
			{ "source/@connectionid", T_STRING, .doc = "connection (vds)" },
			{ "source/@missing", T_ENUM, .words = words_yes_no, .flags = P_OUTPUT,
			  .doc = "the network is gone" },
			{ "source/local/@address", T_STRING, .doc = "our own address (udp)" },
			{ "source/local/@port", T_U64, .min = 1, .max = 65535, .doc = "our own port (udp)" },
			{ "source/reconnect/@enabled", T_ENUM, .words = words_yes_no,
			  .doc = "connect again when the socket comes back" },
			{ "source/reconnect/@timeout", T_U64, .doc = "seconds between tries" },
			{ "source/address", T_SUB, .sub = &address_schema, .doc = "the host's device (hostdev)" },
			{ "source/vendor/@id", T_STRING, .doc = "vendor of the host's USB device" },
			{ "source/product/@id", T_STRING, .doc = "product of the host's USB device" },
			{ "source/ip", T_LIST, .sub = &nic_ip_schema, .doc = "addresses of the host's end" },
			{ "source/route", T_LIST, .sub = &nic_route_schema, .doc = "routes of the host's end" },
			{ "target/@dev", T_STRING, "target",
			  .doc = "name of the host's end; vnetN when none is given" },
			{ "target/@managed", T_ENUM, .words = words_yes_no,
			  .doc = "is the host's end made and removed for it" },
			{ "model/@type", T_STRING, "model",
			  .doc = "what the guest sees: virtio, e1000, e1000e, rtl8139, ..." },
			{ "link/@state", T_ENUM, "link", link_states, "up", P_LIVE, .doc = "is the cable plugged in" },
			{ "mtu/@size", T_U64, "mtu", .min = 68, .max = 65535, .doc = "largest packet" },
			{ "boot/@order", T_U64, "boot", .min = 1, .doc = "place in the boot order" },
			{ "boot/@loadparm", T_STRING, .doc = "boot parameter of s390 guests" },
			{ "driver/@name", T_ENUM, .words = drivers, .doc = "who moves the packets: qemu, vhost" },
			{ "driver/@txmode", T_ENUM, .words = txmodes, .doc = "when packets are sent" },
			{ "driver/@ioeventfd", T_ENUM, .words = words_on_off,
			  .doc = "notify the device by an eventfd" },
			{ "driver/@event_idx", T_ENUM, .words = words_on_off,
			  .doc = "fewer notifications by event index" },
			{ "driver/@queues", T_U64, "queues", .min = 1, .max = 256, .doc = "pairs of virtqueues" },
			{ "driver/@rx_queue_size", T_U64, .min = 1, .max = 1024,
			  .doc = "entries of a receive queue, a power of two" },
			{ "driver/@tx_queue_size", T_U64, .min = 1, .max = 1024,
			  .doc = "entries of a send queue, a power of two" },
			{ "driver/@rss", T_ENUM, .words = words_on_off, .doc = "receive side scaling" },
			{ "driver/@rss_hash_report", T_ENUM, .words = words_on_off,
			  .doc = "tell the guest the hash of a packet" },
			{ "driver/@iommu", T_ENUM, .words = words_on_off, .doc = "the device uses the guest's IOMMU" },
			{ "driver/@ats", T_ENUM, .words = words_on_off, .doc = "address translation services" },
			{ "driver/@packed", T_ENUM, .words = words_on_off, .doc = "packed virtqueues" },
			{ "driver/@page_per_vq", T_ENUM, .words = words_on_off,
			  .doc = "a page for each queue's notification" },
			{ "driver/host/@csum", T_ENUM, .words = words_on_off, .doc = "the host computes checksums" },
			{ "driver/host/@gso", T_ENUM, .words = words_on_off,
			  .doc = "generic segmentation by the host" },
			{ "driver/host/@tso4", T_ENUM, .words = words_on_off, .doc = "TCP segmentation by the host" },
			{ "driver/host/@tso6", T_ENUM, .words = words_on_off, .doc = "the same for IPv6" },
			{ "driver/host/@ecn", T_ENUM, .words = words_on_off, .doc = "the same with ECN" },
			{ "driver/host/@ufo", T_ENUM, .words = words_on_off, .doc = "UDP fragmentation by the host" },
			{ "driver/host/@mrg_rxbuf", T_ENUM, .words = words_on_off, .doc = "merged receive buffers" },
			{ "driver/guest/@csum", T_ENUM, .words = words_on_off,
			  .doc = "the guest accepts packets without checksum" },
			{ "driver/guest/@tso4", T_ENUM, .words = words_on_off,
			  .doc = "the guest accepts unsegmented TCP" },
			{ "driver/guest/@tso6", T_ENUM, .words = words_on_off, .doc = "the same for IPv6" },
			{ "driver/guest/@ecn", T_ENUM, .words = words_on_off, .doc = "the same with ECN" },
			{ "driver/guest/@ufo", T_ENUM, .words = words_on_off,
			  .doc = "the guest accepts unfragmented UDP" },
			{ "backend/@type", T_ENUM, .words = backends,
			  .doc = "default (the hypervisor's own) or passt (user)" },
			{ "backend/@tap", T_STRING, .doc = "device that taps are made with" },
			{ "backend/@vhost", T_STRING, .doc = "device that vhost is opened by" },
			{ "backend/@logFile", T_STRING, .doc = "log of the backend (passt)" },
			{ "backend/@hostname", T_STRING, .doc = "host name told to the guest (passt)" },
			{ "backend/@fqdn", T_STRING, .doc = "full name told to the guest (passt)" },
			{ "backenddomain/@name", T_STRING, .doc = "the domain that serves it (Xen)" },
			{ "virtualport/@type", T_ENUM, .words = ports, .doc = "kind of switch port" },
			{ "virtualport/parameters/@managerid", T_STRING, .doc = "VSI manager (802.1Qbg)" },
			{ "virtualport/parameters/@typeid", T_STRING, .doc = "VSI type" },
			{ "virtualport/parameters/@typeidversion", T_STRING, .doc = "version of the VSI type" },
			{ "virtualport/parameters/@instanceid", T_UUID, .doc = "VSI instance" },
			{ "virtualport/parameters/@interfaceid", T_UUID, .doc = "interface (openvswitch, midonet)" },
			{ "virtualport/parameters/@profileid", T_STRING,
			  .doc = "port profile (802.1Qbh, openvswitch)" },
			{ "vlan/@trunk", T_ENUM, .words = words_yes_no, .doc = "several VLANs over one port" },
			{ "vlan/tag", T_LIST, .sub = &nic_tag_schema, .doc = "VLANs of the port" },
			{ "port/@isolated", T_ENUM, .words = words_yes_no,
			  .doc = "guests with this cannot reach each other" },
			{ "bandwidth/@classID", T_U64, .flags = P_OUTPUT,
			  .doc = "traffic class that a running guest has" },
			{ "bandwidth/inbound/@average", T_U64, "limits/inbound_average",
			  .doc = "KiB/s that the guest receives in the long run" },
			{ "bandwidth/inbound/@peak", T_U64, "limits/inbound_peak", .doc = "KiB/s at most" },
			{ "bandwidth/inbound/@burst", T_U64, "limits/inbound_burst",
			  .doc = "KiB that may come at peak speed" },
			{ "bandwidth/inbound/@floor", T_U64, "limits/inbound_floor",
			  .doc = "KiB/s that it is sure to get" },
			{ "bandwidth/outbound/@average", T_U64, "limits/outbound_average",
			  .doc = "KiB/s that the guest sends in the long run" },
			{ "bandwidth/outbound/@peak", T_U64, "limits/outbound_peak", .doc = "KiB/s at most" },
			{ "bandwidth/outbound/@burst", T_U64, "limits/outbound_burst",
			  .doc = "KiB that may be sent at peak speed" },
			{ "bandwidth/outbound/@floor", T_U64, .doc = "not possible; libvirt's schema has it" },
			{ "filterref/@filter", T_STRING, "filter", .doc = "network filter that its packets pass" },
			{ "filterref/parameter", T_LIST, .sub = &nic_parameter_schema,
			  .doc = "variables of the filter" },
			{ "tune/sndbuf", T_U64, .doc = "send buffer of the tap, bytes" },
			{ "coalesce/rx/frames/@max", T_U64, .doc = "packets received before the guest is told" },
			{ "teaming/@type", T_ENUM, .words = teams,
			  .doc = "member of a bond that the guest makes by itself" },
			{ "teaming/@persistent", T_STRING, .doc = "alias of the partner that stays" },
			{ "script/@path", T_STRING, .doc = "program that sets up the host's end" },
			{ "downscript/@path", T_STRING, .doc = "program that takes it down" },
			{ "guest/@dev", T_STRING, .doc = "name inside a container" },
			{ "guest/@actual", T_STRING, .flags = P_OUTPUT, .doc = "name that it got" },
			{ "ip", T_LIST, .sub = &nic_ip_schema, .doc = "addresses in the guest" },
			{ "route", T_LIST, .sub = &nic_route_schema, .doc = "routes in the guest" },
			{ "portForward", T_LIST, .sub = &nic_forward_schema,
			  .doc = "ports of the host that lead into the guest (passt)" },
			{ "rom/@bar", T_ENUM, .words = words_on_off, .doc = "show the option ROM" },
			{ "rom/@enabled", T_ENUM, .words = words_yes_no, .doc = "no ROM at all" },
			{ "rom/@file", T_STRING, .doc = "file with the ROM" },
			{ "alias", T_SUB, .sub = &alias_schema, .doc = "the device's id" },
			{ "acpi/@index", T_U64, .min = 1,
			  .doc = "ACPI index: the interface's number in the guest (onboard)" },
			{ "address", T_SUB, .sub = &address_schema, .doc = "where it is plugged" },
			{ 0 } },
};
