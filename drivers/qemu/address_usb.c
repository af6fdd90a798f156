/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * USB ports.  A bus is a controller, its ports a tree of hubs: "1.2" is port 2 of the hub at port 1.  Devices take a port of the
 * controller as long as there is one, then ports of hubs; hubs are added when there are too few ports.  Order and rules are libvirt's.
 */
#include "address.h"

#define HUB_PORTS 8
#define MAX_DEPTH 4
#define MAX_BUSES 64

struct usb_hub {
	unsigned nports;
	const struct node *holder[32]; /* by port, from 1; NULL: free */
	struct usb_hub *hub[32];
};
struct usb_pool {
	struct complete *c;
	struct usb_hub *bus[MAX_BUSES];
};

static void hub_free(struct usb_hub *h)
{
	for (unsigned i = 0; h && i < ARRAY_SIZE(h->hub); i++)
		hub_free(h->hub[i]);
	free(h);
}

static unsigned ports_of(const struct node *ctl)
{
	static const struct {
		const char *model;
		unsigned ports;
	} all[] = { { "piix3-uhci", 2 }, { "piix4-uhci", 2 }, { "vt82c686b-uhci", 2 }, { "ehci", 6 },
		    { "ich9-ehci1", 6 }, { "pci-ohci", 3 },   { "nec-xhci", 4 },       { "qemu-xhci", 4 },
		    { "ich9-uhci1", 2 }, { "ich9-uhci2", 2 }, { "ich9-uhci3", 2 } };
	const char *model = node_get_or(ctl, "@model", "piix3-uhci");
	unsigned said = node_u64(ctl, "@ports", 0);

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (str_eq(all[i].model, model))
			return str_ends(model, "xhci") && said ? said : all[i].ports;
	return 0;
}

static void pool_init(struct usb_pool *p, struct complete *c)
{
	*p = (struct usb_pool){ .c = c };
	for (const struct node *n = node_first(c->domain, "devices/controller"); n; n = node_next(n, "controller")) {
		unsigned index = node_u64(n, "@index", 0), ports = ports_of(n);

		if (!node_is(n, "@type", "usb") || node_has(n, "master") || !ports || index >= MAX_BUSES ||
		    p->bus[index])
			continue;
		p->bus[index] = xcalloc(1, sizeof(*p->bus[index]));
		p->bus[index]->nports = ports > 31 ? 31 : ports;
	}
}

static void pool_clear(struct usb_pool *p)
{
	for (unsigned i = 0; i < MAX_BUSES; i++)
		hub_free(p->bus[i]);
}

/* ---- which devices ---- */

static bool on_usb(struct complete *c, const struct node *dev)
{
	const struct address_want *want = want_of(c, dev);

	return want && want->bus == BUS_USB;
}

static bool has_port(const struct node *dev)
{
	return node_is(dev, "address/@type", "usb") && node_has(dev, "address/@port");
}

static const char *const order[] = { "hub",	  "hostdev", "disk",  "interface", "controller", "input",
				     "smartcard", "serial",  "sound", "redirdev",  "tpm",	 NULL };

static int each(struct usb_pool *p, bool hubs, int (*fn)(struct usb_pool *p, struct node *dev, struct error *err),
		struct error *err)
{
	for (int i = hubs ? 0 : 1; order[i]; i++) {
		autofree char *path = xasprintf("devices/%s", order[i]);

		for (struct node *n = node_first(p->c->domain, path); n; n = node_next(n, order[i])) {
			int r = on_usb(p->c, n) ? fn(p, n, err) : 0;

			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* ---- what is written down ---- */

/* Walks "1.2.3" to the last hub; *PORT is the last number. */
static struct usb_hub *walk(struct usb_pool *p, unsigned bus, const char *port, unsigned *last, const char *words,
			    struct error *err)
{
	struct usb_hub *h = bus < MAX_BUSES ? p->bus[bus] : NULL;
	int depth = 0;

	if (!h) {
		error_set(err, EINVAL, "%s: there is no USB controller with index %u", words, bus);
		return NULL;
	}
	for (const char *s = port;; s++) {
		char *end;
		unsigned long n = strtoul(s, &end, 10);

		if (end == s || n < 1 || n > h->nports || ++depth > MAX_DEPTH) {
			error_set(err, EINVAL,
				  "%s: USB port '%s' of bus %u does not exist: port %.*s has ports 1 to %u", words,
				  port, bus, (int)(s - port), port, h->nports);
			return NULL;
		}
		*last = n;
		s = end;
		if (!*s)
			return h;
		if (*s != '.' || !h->hub[n]) {
			error_set(err, EINVAL, "%s: USB port '%s' of bus %u: there is no hub at port '%.*s'", words,
				  port, bus, (int)(s - port), port);
			return NULL;
		}
		h = h->hub[n];
	}
}

static void occupy(struct usb_hub *h, unsigned port, const struct node *dev)
{
	h->holder[port] = dev;
	if (str_eq(node_name(dev), "hub") && !h->hub[port]) {
		h->hub[port] = xcalloc(1, sizeof(*h));
		h->hub[port]->nports = HUB_PORTS;
	}
}

static int claim(struct usb_pool *p, struct node *dev, struct error *err)
{
	autofree char *words = device_words(dev);
	const char *port = node_get(dev, "address/@port");
	unsigned last;
	struct usb_hub *h;

	if (!has_port(dev) || str_eq(port, "0"))
		return 0;
	h = walk(p, node_u64(dev, "address/@bus", 0), port, &last, words, err);
	if (!h)
		return -EINVAL;
	if (h->holder[last] && h->holder[last] != dev) {
		autofree char *by = device_words(h->holder[last]);

		return error_set(err, EINVAL, "%s: USB port '%s' is in use by %s", words, port, by);
	}
	occupy(h, last, dev);
	return 0;
}

static int claim_hub(struct usb_pool *p, struct node *dev, struct error *err)
{
	return str_eq(node_name(dev), "hub") ? claim(p, dev, err) : 0;
}

/* ---- giving ---- */

/* The first free port of H itself, then of the hubs at its ports. */
static struct usb_hub *find(struct usb_hub *h, struct buf *port, unsigned depth, unsigned *last)
{
	for (unsigned i = 1; i <= h->nports; i++) {
		if (h->holder[i])
			continue;
		buf_printf(port, "%u", i);
		*last = i;
		return h;
	}
	for (unsigned i = 1; i <= h->nports && depth < MAX_DEPTH; i++) {
		size_t n = port->n;
		struct usb_hub *found;

		if (!h->hub[i])
			continue;
		buf_printf(port, "%u.", i);
		found = find(h->hub[i], port, depth + 1, last);
		if (found)
			return found;
		buf_cut(port, n, port->n - n);
	}
	return NULL;
}

static int give(struct usb_pool *p, struct node *dev, struct error *err)
{
	bool said = node_has(dev, "address/@bus");
	unsigned only = node_u64(dev, "address/@bus", 0), last;
	autofree char *words = device_words(dev);

	if (has_port(dev) && !node_is(dev, "address/@port", "0"))
		return 0;
	if (said && (only >= MAX_BUSES || !p->bus[only]))
		return error_set(err, EINVAL, "%s: there is no USB controller with index %u", words, only);
	for (unsigned i = 0; i < MAX_BUSES; i++) {
		autobuf struct buf port = { 0 };
		struct usb_hub *h;

		if (!p->bus[i] || (said && i != only))
			continue;
		h = find(p->bus[i], &port, 1, &last);
		if (!h)
			continue;
		occupy(h, last, dev);
		node_set(dev, "address/@type", "usb");
		node_setf(dev, "address/@bus", "%u", i);
		node_set(dev, "address/@port", buf_text(&port));
		return 0;
	}
	return error_set(err, ENOSPC, "%s: no USB port is free: add a <hub type='usb'/> or a controller", words);
}

static int give_hub(struct usb_pool *p, struct node *dev, struct error *err)
{
	return str_eq(node_name(dev), "hub") ? give(p, dev, err) : 0;
}

/* ---- enough ports ---- */

static unsigned counted;

static int count_one(struct usb_pool *p unused, struct node *dev unused, struct error *err unused)
{
	counted++;
	return 0;
}

/* A hub takes a port and has eight. */
static void add_hubs(struct usb_pool *p)
{
	unsigned ports = 0, need = 0;

	for (unsigned i = 0; i < MAX_BUSES; i++)
		ports += p->bus[i] ? p->bus[i]->nports : 0;
	for (struct node *n = node_first(p->c->domain, "devices/hub"); n; n = node_next(n, "hub"))
		ports += HUB_PORTS;
	counted = 0;
	each(p, true, count_one, NULL);
	if (counted > ports)
		need = (counted - ports + HUB_PORTS - 2) / (HUB_PORTS - 1);
	while (need--)
		node_set(node_add(node_make(p->c->domain, "devices"), "hub"), "@type", "usb");
}

static int no_bus(struct usb_pool *p unused, struct node *dev, struct error *err)
{
	autofree char *words = device_words(dev);

	return error_set(err, EINVAL, "%s is a USB device and the guest has no USB controller (model='none')", words);
}

int qemu_assign_usb(struct complete *c, struct error *err)
{
	struct usb_pool p;
	bool any = false;
	int r;

	pool_init(&p, c);
	for (unsigned i = 0; i < MAX_BUSES; i++)
		any = any || p.bus[i];
	if (!any)
		return each(&p, true, no_bus, err);
	add_hubs(&p);
	r = each(&p, true, claim_hub, err);
	if (r == 0)
		r = each(&p, true, claim, err);
	if (r == 0)
		r = each(&p, true, give_hub, err);
	if (r == 0)
		r = each(&p, false, give, err);
	pool_clear(&p);
	return r;
}
