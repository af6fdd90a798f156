/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which device gets which PCI address.  Twice over all devices in libvirt's order: a dry run that counts the buses it takes, then, when
 * those controllers are in the definition, the one that counts.  What a definition says is claimed before anything is given out.
 */
#include "address.h"

/* ---- wishes ---- */

const struct address_want *want_of(struct complete *c, const struct node *dev)
{
	const struct qemu_kind *k = qemu_kind_of_element(node_name(dev));

	return k && k->address ? k->address(c, dev) : NULL;
}

unsigned pci_flags_of(const struct address_pool *p, const struct node *dev, const struct address_want *want)
{
	const struct pci_model *m = NULL;

	if (str_eq(node_name(dev), "controller") && node_is(dev, "@type", "pci"))
		m = pci_model_of(node_get_or(dev, "@model", ""));
	if (m)
		return m->is;
	if (want && (want->flags & WANT_ROOT_BUS))
		return (p->express ? C_PCIE : C_PCI) | C_BUILTIN;
	if (p->express && want && (want->flags & WANT_PCIE))
		return C_PCIE | C_HOTPLUG;
	return C_PCI | C_HOTPLUG;
}

static bool is_pci(const struct address_want *want)
{
	return want && (want->bus == BUS_PCI || want->bus == BUS_PCI_INTEGRATED);
}

/* ---- what is written down ---- */

static int claim_written(struct address_pool *p, struct error *err)
{
	for (struct node *n = node_first(p->c->domain, "devices"), *dev = node_child(n, NULL); dev;
	     dev = node_next(dev, NULL)) {
		struct pci_at at;
		int r;

		if (!pci_read(dev, &at))
			continue;
		r = pci_claim(p, dev, &at, pci_flags_of(p, dev, want_of(p->c, dev)), err);
		if (r < 0)
			return r;
		if (!p->dry)
			pci_write(dev, &at, false); /* with the parts that it leaves out */
	}
	return 0;
}

/* ---- what the machine itself has ---- */

/* DEV must be at SLOT.FUNCTION of bus 0: the chip is soldered there. */
static int builtin(struct address_pool *p, struct node *dev, unsigned slot, unsigned function, struct error *err)
{
	struct pci_at want = { 0, 0, slot, function }, at;
	autofree char *words = device_words(dev);

	if (!pci_wanted(dev)) {
		if (pci_read(dev, &at) && at.bus == 0 && at.slot == slot && at.function == function)
			return 0;
		return error_set(
			err, EINVAL,
			"%s: the first %s controller is part of the machine and must have PCI address 0000:00:%02x.%x",
			words, node_get_or(dev, "@type", ""), slot, function);
	}
	if (pci_claim(p, dev, &want, C_BUILTIN, err) < 0)
		return -EINVAL;
	if (!p->dry)
		pci_write(dev, &want, false);
	return 0;
}

/* FUNCTIONS of SLOT are the machine's own; OWN is the definition's name for one of them. */
static int chip(struct address_pool *p, unsigned slot, unsigned functions, const char *what, const struct node *own,
		struct error *err)
{
	struct pci_bus *b = &p->buses[0];

	for (unsigned f = 0; f < 8; f++) {
		const struct node *holder = b->holder[slot][f];

		if (!(functions & (1 << f)))
			continue;
		if (holder && holder != own) {
			autofree char *words = device_words(holder);

			return error_set(err, EINVAL, "%s: PCI address 0000:00:%02x.%x is in use by %s", words, slot, f,
					 what);
		}
		b->used[slot] |= 1 << f;
	}
	b->chip[slot] = what;
	return 0;
}

static struct node *first_of(struct complete *c, const char *type, const char *model)
{
	for (struct node *n = node_first(c->domain, "devices/controller"); n; n = node_next(n, "controller"))
		if (node_is(n, "@type", type) && (model ? node_is(n, "@model", model) : true) &&
		    node_u64(n, "@index", 0) == 0)
			return n;
	return NULL;
}

/* The primary display goes to its usual SLOT when that is free. */
static void primary_video(struct address_pool *p, unsigned slot)
{
	struct node *video = node_first(p->c->domain, "devices/video");
	struct pci_at at = { 0, 0, slot, 0 };
	const struct address_want *want = video ? want_of(p->c, video) : NULL;

	if (!is_pci(want) || !pci_wanted(video) || p->buses[0].used[slot])
		return;
	pci_hold(p, video, &at, 0);
	if (!p->dry)
		pci_write(video, &at, false);
}

static int chipset_i440fx(struct address_pool *p, struct error *err)
{
	struct node *ide = first_of(p->c, "ide", NULL), *usb = first_of(p->c, "usb", "piix3-uhci");
	int r = ide ? builtin(p, ide, 1, 1, err) : 0;

	if (r == 0 && usb)
		r = builtin(p, usb, 1, 2, err);
	if (r < 0)
		return r;
	r = chip(p, 1, 1 << 0 | 1 << 1 | 1 << 3, "the machine's PIIX3 chip", ide, err);
	if (r == 0)
		primary_video(p, 2);
	return r;
}

/* Controllers that have a usual place on real hardware and take it when it is free. */
static void usual_place(struct address_pool *p, struct node *dev, unsigned slot, unsigned other)
{
	struct pci_at at = { 0, 0, p->buses[0].used[slot] ? other : slot, 0 };

	if (!pci_wanted(dev) || !at.slot || p->buses[0].used[at.slot])
		return;
	pci_hold(p, dev, &at, 0);
	if (!p->dry)
		pci_write(dev, &at, node_is(dev, "@model", "ich9-uhci1"));
}

static int chipset_q35(struct address_pool *p, struct error *err)
{
	struct node *sata = first_of(p->c, "sata", NULL);

	if (sata && builtin(p, sata, 0x1f, 2, err) < 0)
		return -EINVAL;
	for (struct node *n = node_first(p->c->domain, "devices/controller"); n; n = node_next(n, "controller")) {
		if (node_is(n, "@type", "usb") && node_is(n, "@model", "ich9-uhci1"))
			usual_place(p, n, 0x1d, 0x1a);
		if (node_is(n, "@type", "pci") && node_is(n, "@model", "dmi-to-pci-bridge"))
			usual_place(p, n, 0x1e, 0);
	}
	if (chip(p, 0x1f, 1 << 0 | 1 << 2 | 1 << 3, "the machine's ICH9 chip", sata, err) < 0)
		return -EINVAL;
	primary_video(p, 1);
	for (struct node *n = node_first(p->c->domain, "devices/sound"); n; n = node_next(n, "sound")) {
		if (!node_is(n, "@model", "ich9") || !pci_wanted(n))
			continue;
		usual_place(p, n, 0x1b, 0);
		break;
	}
	return 0;
}

static int chipset(struct address_pool *p, struct error *err)
{
	return p->express ? chipset_q35(p, err) : chipset_i440fx(p, err);
}

/* ---- USB 2: one EHCI and its companions share a slot ---- */

static int ich9_function(const char *model)
{
	static const struct {
		const char *model;
		int function;
	} all[] = { { "ich9-ehci1", 7 }, { "ich9-uhci1", 0 }, { "ich9-uhci2", 1 }, { "ich9-uhci3", 2 } };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (str_eq(all[i].model, model))
			return all[i].function;
	return -1;
}

/* The slot of a companion of DEV, if one has it. */
static bool companion_at(struct address_pool *p, const struct node *dev, struct pci_at *at)
{
	for (struct node *n = node_first(p->c->domain, "devices/controller"); n; n = node_next(n, "controller"))
		if (n != dev && node_is(n, "@type", "usb") && ich9_function(node_get_or(n, "@model", "")) >= 0 &&
		    node_u64(n, "@index", 0) == node_u64(dev, "@index", 0)) {
			if (!p->dry && pci_read(n, at))
				return true;
			for (unsigned b = 0; p->dry && b < p->nbuses; b++)
				for (unsigned s = 0; s < 32; s++)
					for (unsigned f = 0; f < 8; f++)
						if (p->buses[b].holder[s][f] == n) {
							*at = (struct pci_at){ 0, b, s, f };
							return true;
						}
		}
	return false;
}

static int give_ich9(struct address_pool *p, struct node *dev, unsigned flags, struct error *err)
{
	int function = ich9_function(node_get_or(dev, "@model", ""));
	struct pci_at at;
	int r = 0;

	if (companion_at(p, dev, &at))
		at.function = function;
	else
		r = pci_find(p, dev, flags, function, &at, err);
	if (r < 0)
		return r;
	r = pci_claim(p, dev, &at, flags, err);
	if (r == 0 && !p->dry)
		pci_write(dev, &at, function == 0);
	return r;
}

/* ---- all devices, in libvirt's order ---- */

/* Elements in the order in which they get addresses.  SEL picks some of an element's devices. */
enum pick { PICK_ALL, PICK_PCI_CONTROLLER, PICK_OTHER_CONTROLLER, PICK_HOSTDEV_NIC, PICK_OTHER_NIC };
static const struct {
	const char *element;
	enum pick pick;
} order[] = {
	{ "controller", PICK_PCI_CONTROLLER },
	{ "filesystem", PICK_ALL },
	{ "interface", PICK_OTHER_NIC },
	{ "sound", PICK_ALL },
	{ "controller", PICK_OTHER_CONTROLLER },
	{ "disk", PICK_ALL },
	{ "interface", PICK_HOSTDEV_NIC },
	{ "hostdev", PICK_ALL },
	{ "memballoon", PICK_ALL },
	{ "rng", PICK_ALL },
	{ "watchdog", PICK_ALL },
	{ "video", PICK_ALL },
	{ "shmem", PICK_ALL },
	{ "input", PICK_ALL },
	{ "parallel", PICK_ALL },
	{ "serial", PICK_ALL },
	{ "channel", PICK_ALL },
	{ "console", PICK_ALL },
	{ "hub", PICK_ALL },
	{ "redirdev", PICK_ALL },
	{ "smartcard", PICK_ALL },
	{ "panic", PICK_ALL },
	{ "tpm", PICK_ALL },
	{ "memory", PICK_ALL },
	{ "iommu", PICK_ALL },
	{ "vsock", PICK_ALL },
	{ "crypto", PICK_ALL },
};

static bool picked(const struct node *dev, enum pick pick)
{
	bool pci = node_is(dev, "@type", "pci"), hostdev = node_is(dev, "@type", "hostdev");

	switch (pick) {
	case PICK_PCI_CONTROLLER:
		return pci;
	case PICK_OTHER_CONTROLLER:
		return !pci;
	case PICK_HOSTDEV_NIC:
		return hostdev;
	case PICK_OTHER_NIC:
		return !hostdev;
	default:
		return true;
	}
}

static bool already_held(const struct address_pool *p, const struct node *dev)
{
	for (unsigned b = 0; b < p->nbuses; b++)
		for (unsigned s = 0; s < 32; s++)
			for (unsigned f = 0; p->buses[b].used[s] && f < 8; f++)
				if (p->buses[b].holder[s][f] == dev)
					return true;
	return false;
}

static int give_one(struct address_pool *p, struct node *dev, struct error *err)
{
	const struct address_want *want = want_of(p->c, dev);
	unsigned flags;

	if (!is_pci(want) || !pci_wanted(dev) || (p->dry && already_held(p, dev)))
		return 0;
	flags = pci_flags_of(p, dev, want);
	if (str_eq(node_name(dev), "controller") && node_is(dev, "@type", "usb") &&
	    ich9_function(node_get_or(dev, "@model", "")) >= 0)
		return give_ich9(p, dev, flags, err);
	return pci_give(p, dev, flags, err);
}

/* Disks by bus and name, as libvirt keeps them; all others as they stand in the document. */
static int give_disks(struct address_pool *p, struct error *err)
{
	struct vec disks = { 0 };
	int r = 0;

	qemu_sort_disks(p->c->domain, &disks);
	for (size_t i = 0; i < disks.n && r == 0; i++)
		r = give_one(p, disks.at[i], err);
	vec_clear(&disks, NULL);
	return r;
}

static int give_all(struct address_pool *p, struct error *err)
{
	struct node *devices = node_first(p->c->domain, "devices");

	for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
		bool disks = str_eq(order[i].element, "disk");

		if (disks && give_disks(p, err) < 0)
			return -ENOSPC;
		for (struct node *dev = disks ? NULL : node_child(devices, order[i].element); dev;
		     dev = node_next(dev, order[i].element)) {
			int r = picked(dev, order[i].pick) ? give_one(p, dev, err) : 0;

			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* ---- the two runs ---- */

static bool root_is_full(const struct address_pool *p)
{
	for (unsigned s = p->buses[0].model->min; s <= p->buses[0].model->max; s++)
		if (!p->buses[0].used[s])
			return false;
	return true;
}

static int dry_run(struct complete *c, struct error *err)
{
	struct address_pool p = { .dry = true };
	struct pci_at at;
	unsigned had;
	int r;

	pci_pool_init(&p, c);
	had = p.nbuses;
	r = claim_written(&p, err);
	if (r == 0)
		r = chipset(&p, err);
	if (r == 0 && !p.express && !root_is_full(&p)) { /* a slot for the bridge that may be needed */
		r = pci_find(&p, c->domain, C_BRIDGE, 0, &at, err);
		if (r == 0)
			pci_hold(&p, NULL, &at, 0);
	}
	if (r == 0)
		r = give_all(&p, err);
	if (r == 0 && p.express && had == 1 && p.nbuses > 1) /* a fresh topology: one port to plug something in later */
		r = pci_find(&p, c->domain, C_PCIE | C_HOTPLUG, 0, &at, err);
	for (unsigned i = 1; r == 0 && i < p.nbuses; i++)
		if (p.buses[i].added)
			qemu_add_controller(c, "pci", i, p.buses[i].model->name);
	pci_pool_clear(&p);
	return r;
}

/* Function 0 of a slot with several must say so. */
static void mark_multifunction(struct address_pool *p)
{
	for (unsigned b = 0; b < p->nbuses; b++)
		for (unsigned s = 0; s < 32; s++) {
			struct node *dev = (struct node *)p->buses[b].holder[s][0];

			if (dev && (p->buses[b].used[s] & ~1) && !p->buses[b].chip[s] &&
			    !node_has(dev, "address/@multifunction"))
				node_set(dev, "address/@multifunction", "on");
		}
}

static void number_port(struct node *n, const char *model, const struct pci_at *at)
{
	unsigned index = node_u64(n, "@index", 0);

	if (str_eq(model, "pci-bridge") && !node_has(n, "target/@chassisNr"))
		node_setf(n, "target/@chassisNr", "%u", index);
	if (!str_eq(model, "pcie-root-port") && !str_eq(model, "pcie-switch-downstream-port"))
		return;
	if (!node_has(n, "target/@chassis"))
		node_setf(n, "target/@chassis", "%u", index);
	if (!node_has(n, "target/@port"))
		node_setf(n, "target/@port", "0x%x",
			  str_eq(model, "pcie-root-port") ? ((at->slot << 3) + at->function) & 0xff : at->slot);
}

/* The first bus number of an expander: from the top down, below those that are taken. */
static void number_expander(struct complete *c, struct node *n)
{
	unsigned lowest = 256;

	if (node_has(n, "target/@busNr"))
		return;
	for (struct node *o = node_first(c->domain, "devices/controller"); o; o = node_next(o, "controller")) {
		if (node_u64(o, "target/@busNr", 256) < lowest)
			lowest = node_u64(o, "target/@busNr", 256);
	}
	node_setf(n, "target/@busNr", "%u", lowest > 2 ? lowest - 2 : 1); /* room for its own child buses */
}

static void controller_defaults(struct complete *c)
{
	for (struct node *n = node_first(c->domain, "devices/controller"); n; n = node_next(n, "controller")) {
		const struct pci_model *m =
			node_is(n, "@type", "pci") ? pci_model_of(node_get_or(n, "@model", "")) : NULL;
		struct pci_at at = { 0 };

		if (!m || !m->qemu)
			continue;
		pci_read(n, &at);
		if (!node_has(n, "model/@name"))
			node_set(n, "model/@name", m->qemu);
		number_port(n, m->name, &at);
		if (str_eq(m->name, "pci-expander-bus") || str_eq(m->name, "pcie-expander-bus"))
			number_expander(c, n);
	}
}

int qemu_assign_pci(struct complete *c, struct error *err)
{
	struct address_pool p = { 0 };
	int r = dry_run(c, err);

	if (r < 0)
		return r;
	pci_pool_init(&p, c);
	r = claim_written(&p, err);
	if (r == 0)
		r = chipset(&p, err);
	if (r == 0)
		r = give_all(&p, err);
	if (r == 0) {
		mark_multifunction(&p);
		controller_defaults(c);
	}
	pci_pool_clear(&p);
	return r;
}
