/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PCI buses of a guest: which slots there are, what fits into them, who holds them.  The rules and the order are libvirt's, so that a
 * guest which moves here keeps the addresses that it had.  Which device asks for what is address_devices.c.
 */
#include "address.h"

static const struct pci_model models[] = {
	{ "pci-root", C_PCI | C_BRIDGE | C_PXB | C_HOTPLUG | C_AUTO, 0, 1, 31, NULL },
	{ "pcie-root", C_PCIE | C_ROOT_PORT | C_DMI | C_PXB_PCIE | C_AUTO, 0, 1, 31, NULL },
	{ "pci-bridge", C_PCI | C_BRIDGE | C_HOTPLUG | C_AUTO, C_BRIDGE, 1, 31, "pci-bridge" },
	{ "dmi-to-pci-bridge", C_PCI | C_BRIDGE | C_AUTO, C_DMI, 0, 31, "i82801b11-bridge" },
	{ "pcie-to-pci-bridge", C_PCI | C_BRIDGE | C_HOTPLUG | C_AUTO, C_PCIE_TO_PCI, 1, 31, "pcie-pci-bridge" },
	{ "pcie-root-port", C_PCIE | C_UPSTREAM | C_PCIE_TO_PCI | C_HOTPLUG | C_AUTO, C_ROOT_PORT | C_SHARE, 0, 0,
	  "pcie-root-port" },
	{ "pcie-switch-upstream-port", C_DOWNSTREAM | C_AUTO, C_UPSTREAM, 0, 31, "x3130-upstream" },
	{ "pcie-switch-downstream-port", C_PCIE | C_UPSTREAM | C_PCIE_TO_PCI | C_HOTPLUG | C_AUTO, C_DOWNSTREAM, 0, 0,
	  "xio3130-downstream" },
	{ "pci-expander-bus", C_PCI | C_BRIDGE, C_PXB, 0, 31, "pxb" },
	{ "pcie-expander-bus", C_ROOT_PORT | C_DMI, C_PXB_PCIE, 0, 31, "pxb-pcie" },
};

const struct pci_model *pci_model_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(models); i++)
		if (str_eq(models[i].name, name))
			return &models[i];
	return NULL;
}

/* ---- addresses in the document ---- */

bool pci_read(const struct node *dev, struct pci_at *at)
{
	if (!node_is(dev, "address/@type", "pci"))
		return false;
	*at = (struct pci_at){ node_u64(dev, "address/@domain", 0), node_u64(dev, "address/@bus", 0),
			       node_u64(dev, "address/@slot", 0), node_u64(dev, "address/@function", 0) };
	return at->domain || at->bus || at->slot || at->function;
}

bool pci_wanted(const struct node *dev)
{
	struct pci_at at;

	return !node_has(dev, "address/@type") || (node_is(dev, "address/@type", "pci") && !pci_read(dev, &at));
}

void pci_write(struct node *dev, const struct pci_at *at, bool multi)
{
	node_set(dev, "address/@type", "pci");
	node_setf(dev, "address/@domain", "0x%04x", at->domain);
	node_setf(dev, "address/@bus", "0x%02x", at->bus);
	node_setf(dev, "address/@slot", "0x%02x", at->slot);
	node_setf(dev, "address/@function", "0x%x", at->function);
	if (multi)
		node_set(dev, "address/@multifunction", "on");
}

char *device_words(const struct node *dev)
{
	const char *name = node_get(dev, "target/@dev");

	if (!name)
		name = node_get(dev, "alias/@name");
	if (!name)
		name = node_get(dev, "@model") ? node_get(dev, "@model") : node_get(dev, "model/@type");
	if (!node_line(dev))
		return name ? xasprintf("<%s> '%s'", node_name(dev), name) : xasprintf("<%s>", node_name(dev));
	return name ? xasprintf("line %ld: <%s> '%s'", node_line(dev), node_name(dev), name)
		    : xasprintf("line %ld: <%s>", node_line(dev), node_name(dev));
}

/* ---- the pool ---- */

static void grow_to(struct address_pool *p, unsigned n)
{
	if (n <= p->nbuses)
		return;
	p->buses = xrealloc(p->buses, n * sizeof(*p->buses));
	memset(p->buses + p->nbuses, 0, (n - p->nbuses) * sizeof(*p->buses));
	p->nbuses = n;
}

void pci_pool_init(struct address_pool *p, struct complete *c)
{
	bool dry = p->dry;

	*p = (struct address_pool){ .c = c, .dry = dry };
	grow_to(p, 1);
	for (struct node *n = node_first(c->domain, "devices/controller"); n; n = node_next(n, "controller")) {
		unsigned index = node_u64(n, "@index", 0);

		if (!node_is(n, "@type", "pci") || index > 255)
			continue;
		grow_to(p, index + 1);
		p->buses[index].model = pci_model_of(node_get_or(n, "@model", ""));
	}
	if (!p->buses[0].model)
		p->buses[0].model = pci_model_of(c->family == MACHINE_Q35 ? "pcie-root" : "pci-root");
	p->express = str_eq(p->buses[0].model->name, "pcie-root");
	for (unsigned i = 1; i < p->nbuses; i++) {
		if (p->buses[i].model)
			continue;
		p->buses[i].model = pci_model_of(p->express ? "pcie-root-port" : "pci-bridge");
		p->buses[i].added = true;
	}
}

void pci_pool_clear(struct address_pool *p)
{
	free(p->buses);
	p->buses = NULL;
	p->nbuses = 0;
}

bool pci_is_free(const struct address_pool *p, const struct pci_at *at)
{
	const struct pci_bus *b = at->bus < p->nbuses ? &p->buses[at->bus] : NULL;

	return b && b->model && at->domain == 0 && at->slot >= b->model->min && at->slot <= b->model->max &&
	       at->function < 8 && !(b->used[at->slot] & (1 << at->function));
}

void pci_hold(struct address_pool *p, const struct node *dev, const struct pci_at *at, unsigned flags)
{
	struct pci_bus *b = &p->buses[at->bus];

	if (!b->used[at->slot])
		b->shared[at->slot] = flags & C_SHARE;
	b->used[at->slot] |= 1 << at->function;
	b->holder[at->slot][at->function] = dev;
}

/* ---- growing ---- */

static unsigned add_bus(struct address_pool *p, const char *model)
{
	grow_to(p, p->nbuses + 1);
	p->buses[p->nbuses - 1].model = pci_model_of(model);
	p->buses[p->nbuses - 1].added = true;
	return p->nbuses - 1;
}

static bool any_bus_takes(const struct address_pool *p, unsigned kind)
{
	for (unsigned i = 0; i < p->nbuses; i++)
		if (p->buses[i].model && (p->buses[i].model->takes & kind))
			return true;
	return false;
}

static int no_room(const struct node *dev, const struct pci_model *m, struct error *err)
{
	autofree char *words = device_words(dev);

	return error_set(
		err, ENOSPC,
		"%s: no PCI slot is free for a %s and no controller that has one can be added by itself: add one",
		words, m ? m->name : "device");
}

static bool slot_for(const struct address_pool *p, unsigned flags, unsigned function, struct pci_at *at);

/* Adds the bus that a device with FLAGS needs.  -1: none can be. */
static int add_bus_for(struct address_pool *p, unsigned flags)
{
	struct pci_at at;

	if (!p->express)
		return flags & (C_PCI | C_PCIE | C_BRIDGE) ? (int)add_bus(p, "pci-bridge") : -1;
	if (flags & (C_PCIE | C_UPSTREAM | C_PCIE_TO_PCI))
		return add_bus(p, "pcie-root-port");
	if (!(flags & (C_PCI | C_BRIDGE)))
		return -1;
	if (any_bus_takes(p, C_BRIDGE))
		return add_bus(p, "pci-bridge");
	if (!slot_for(p, C_PCIE_TO_PCI, 0, &at))
		at = (struct pci_at){ .bus = add_bus(p, "pcie-root-port") };
	pci_hold(p, NULL, &at, 0);
	return add_bus(p, "pcie-to-pci-bridge");
}

/* ---- finding ---- */

static bool bus_fits(const struct pci_bus *b, unsigned flags)
{
	if (!b->model || !(b->model->takes & C_AUTO) || !(b->model->takes & flags & C_KINDS))
		return false;
	return !(flags & C_HOTPLUG) || (b->model->takes & C_HOTPLUG);
}

/* The first free place: a slot of its own, or the next function of a slot whose devices share. */
static bool slot_for(const struct address_pool *p, unsigned flags, unsigned function, struct pci_at *at)
{
	unsigned last = flags & C_BUILTIN ? 1 : p->nbuses;

	for (unsigned bus = 0; bus < last; bus++) {
		const struct pci_bus *b = &p->buses[bus];

		if (!(flags & C_BUILTIN) && !bus_fits(b, flags))
			continue;
		for (unsigned slot = b->model->min; slot <= b->model->max; slot++) {
			*at = (struct pci_at){ 0, bus, slot, function };
			if (!b->used[slot])
				return true;
			if (!(flags & C_SHARE) || !b->shared[slot])
				continue;
			for (at->function = 0; at->function < 8; at->function++)
				if (!(b->used[slot] & (1 << at->function)))
					return true;
		}
	}
	return false;
}

int pci_find(struct address_pool *p, const struct node *dev, unsigned flags, unsigned function, struct pci_at *at,
	     struct error *err)
{
	int bus;

	if (slot_for(p, flags, function, at))
		return 0;
	bus = p->dry ? add_bus_for(p, flags) : -1;
	if (bus < 0)
		return no_room(dev, pci_model_of(node_get_or(dev, "@model", "")), err);
	if (bus > 255)
		return error_set(err, ENOSPC,
				 "the guest has too many devices: more than 256 PCI buses would be needed");
	*at = (struct pci_at){ 0, bus, p->buses[bus].model->min, function };
	return 0;
}

int pci_give(struct address_pool *p, struct node *dev, unsigned flags, struct error *err)
{
	struct pci_at at;
	int r = pci_find(p, dev, flags, 0, &at, err);

	if (r < 0)
		return r;
	pci_hold(p, dev, &at, flags);
	if (!p->dry)
		pci_write(dev, &at, false);
	return 0;
}

/* ---- what the definition says ---- */

static char *kinds_words(unsigned takes)
{
	autobuf struct buf b = { 0 };

	if (takes & (C_PCI | C_PCIE))
		buf_puts(&b, "devices ");
	for (size_t i = 0; i < ARRAY_SIZE(models); i++)
		if (models[i].is & takes & C_KINDS)
			buf_printf(&b, "%s ", models[i].name);
	if (b.n)
		buf_cut(&b, b.n - 1, 1);
	return buf_take(&b);
}

static int check_fit(const struct pci_bus *b, const char *words, const struct pci_at *at, unsigned flags,
		     struct error *err)
{
	unsigned takes = b->model->takes;

	if ((flags & C_BUILTIN) && at->bus != 0)
		return error_set(err, EINVAL,
				 "%s: PCI address %04x:%02x:%02x.%x: it needs to be an integrated device: bus 0", words,
				 at->domain, at->bus, at->slot, at->function);
	if (takes & (C_PCI | C_PCIE)) /* what is written down may cross over */
		takes |= C_PCI | C_PCIE;
	if (!(flags & C_BUILTIN) && !(takes & flags & C_KINDS)) {
		autofree char *kinds = kinds_words(takes);

		return error_set(err, EINVAL, "%s: PCI address %04x:%02x:%02x.%x: the %s with index %u takes only: %s",
				 words, at->domain, at->bus, at->slot, at->function, b->model->name, at->bus, kinds);
	}
	if (at->slot < b->model->min || at->slot > b->model->max)
		return error_set(err, EINVAL,
				 "%s: PCI address %04x:%02x:%02x.%x: the %s with index %u has slots %u to %u", words,
				 at->domain, at->bus, at->slot, at->function, b->model->name, at->bus, b->model->min,
				 b->model->max);
	return 0;
}

int pci_claim(struct address_pool *p, const struct node *dev, const struct pci_at *at, unsigned flags,
	      struct error *err)
{
	autofree char *words = device_words(dev);
	const struct pci_bus *b;
	const struct node *holder;
	int r;

	if (at->domain || at->bus > 255 || at->slot > 31 || at->function > 7)
		return error_set(
			err, EINVAL,
			"%s: PCI address %04x:%02x:%02x.%x is out of range: domain 0, bus 0-ff, slot 0-1f, function 0-7",
			words, at->domain, at->bus, at->slot, at->function);
	while (at->bus >= p->nbuses)
		if (!p->dry || add_bus_for(p, flags) < 0)
			return error_set(err, EINVAL, "%s: there is no PCI controller with index %u", words, at->bus);
	b = &p->buses[at->bus];
	r = check_fit(b, words, at, flags, err);
	if (r < 0)
		return r;
	if (!(b->used[at->slot] & (1 << at->function))) {
		pci_hold(p, dev, at, flags);
		return 0;
	}
	holder = b->holder[at->slot][at->function];
	if (holder == dev)
		return 0;
	autofree char *by =
		holder ? device_words(holder) : xstrdup(b->chip[at->slot] ? b->chip[at->slot] : "the machine itself");
	return error_set(err, EINVAL, "%s: PCI address %04x:%02x:%02x.%x is in use by %s", words, at->domain, at->bus,
			 at->slot, at->function, by);
}
