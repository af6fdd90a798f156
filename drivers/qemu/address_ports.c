/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small buses: ports of virtio-serial controllers, CCID slots of smartcards, slots of plugged memory. */
#include "address.h"

#define SERIAL_PORTS 31 /* of a virtio-serial controller, when it does not say */

/* ---- virtio-serial ---- */

static bool is_virtio_port(const struct node *n)
{
	return node_is(n, "target/@type", "virtio") &&
	       (str_eq(node_name(n), "channel") || str_eq(node_name(n), "console"));
}

/* Whether somebody but BUT sits at PORT of CONTROLLER. */
static const struct node *port_holder(const struct complete *c, unsigned controller, unsigned port,
				      const struct node *but)
{
	for (const struct node *n = node_child(node_first(c->domain, "devices"), NULL); n; n = node_next(n, NULL))
		if (n != but && is_virtio_port(n) && node_is(n, "address/@type", "virtio-serial") &&
		    node_has(n, "address/@port") && node_u64(n, "address/@controller", 0) == controller &&
		    node_u64(n, "address/@port", 0) == port)
			return n;
	return NULL;
}

static unsigned max_ports(const struct complete *c, unsigned controller)
{
	const struct node *ctl = qemu_controller(c->domain, "virtio-serial", controller);

	return ctl ? node_u64(ctl, "@ports", SERIAL_PORTS) : 0;
}

static int check_port(const struct complete *c, const struct node *n, struct error *err)
{
	unsigned controller = node_u64(n, "address/@controller", 0), port = node_u64(n, "address/@port", 0);
	autofree char *words = device_words(n);
	const struct node *holder = port_holder(c, controller, port, n);

	if (node_u64(n, "address/@bus", 0))
		return error_set(err, EINVAL, "%s: virtio-serial controllers have one bus: bus must be 0", words);
	if (port == 0 && str_eq(node_name(n), "channel"))
		return error_set(err, EINVAL, "%s: port 0 of a virtio-serial controller is for consoles: use 1 or more",
				 words);
	if (port >= max_ports(c, controller) && max_ports(c, controller))
		return error_set(err, EINVAL, "%s: the virtio-serial controller %u has ports 0 to %u, not %u", words,
				 controller, max_ports(c, controller) - 1, port);
	if (!holder)
		return 0;
	autofree char *by = device_words(holder);
	return error_set(err, EINVAL, "%s: port %u of virtio-serial controller %u is in use by %s", words, port,
			 controller, by);
}

static void give_port(struct complete *c, struct node *n)
{
	bool console = str_eq(node_name(n), "console"), said = node_has(n, "address/@controller");
	unsigned first = said ? node_u64(n, "address/@controller", 0) : 0;

	for (unsigned controller = first;; controller++) {
		if (!qemu_controller(c->domain, "virtio-serial", controller))
			qemu_add_controller(c, "virtio-serial", controller, NULL);
		for (unsigned port = console ? 0 : 1; port < max_ports(c, controller); port++) {
			if (port_holder(c, controller, port, n))
				continue;
			node_set(n, "address/@type", "virtio-serial");
			node_setf(n, "address/@controller", "%u", controller);
			node_set(n, "address/@bus", "0");
			node_setf(n, "address/@port", "%u", port);
			return;
		}
	}
}

static int assign_virtio_serial(struct complete *c, struct error *err)
{
	static const char *const elements[] = { "console", "channel", NULL };

	for (struct node *n = node_child(node_first(c->domain, "devices"), NULL); n; n = node_next(n, NULL)) {
		if (!is_virtio_port(n) || !node_is(n, "address/@type", "virtio-serial") ||
		    !node_has(n, "address/@port"))
			continue;
		if (check_port(c, n, err) < 0)
			return -EINVAL;
		node_set(n, "address/@bus", "0");
	}
	for (int i = 0; elements[i]; i++) {
		autofree char *path = xasprintf("devices/%s", elements[i]);

		for (struct node *n = node_first(c->domain, path); n; n = node_next(n, elements[i]))
			if (is_virtio_port(n) &&
			    !(node_is(n, "address/@type", "virtio-serial") && node_u64(n, "address/@port", 0)) &&
			    !(str_eq(elements[i], "console") && node_has(n, "address/@port")))
				give_port(c, n);
	}
	return 0;
}

/* ---- smartcards ---- */

static int assign_ccid(struct complete *c, struct error *err)
{
	unsigned next = 0;

	for (struct node *n = node_first(c->domain, "devices/smartcard"); n; n = node_next(n, "smartcard")) {
		if (!node_has(n, "address/@type")) {
			node_set(n, "address/@type", "ccid");
			node_setf(n, "address/@controller", "%u", next);
			node_set(n, "address/@slot", "0");
		}
		for (struct node *o = node_first(c->domain, "devices/smartcard"); o && o != n;
		     o = node_next(o, "smartcard"))
			if (node_u64(o, "address/@controller", 0) == node_u64(n, "address/@controller", 0))
				return error_set(
					err, EINVAL,
					"line %ld: <smartcard>: CCID controller %s is in use by that of line %ld",
					node_line(n), node_get(n, "address/@controller"), node_line(o));
		if (node_u64(n, "address/@controller", 0) >= next)
			next = node_u64(n, "address/@controller", 0) + 1;
	}
	return 0;
}

int qemu_assign_ports(struct complete *c, struct error *err)
{
	int r = assign_virtio_serial(c, err);

	return r < 0 ? r : assign_ccid(c, err);
}

/* ---- memory ---- */

static bool is_dimm(const struct node *n)
{
	return node_is(n, "@model", "dimm") || node_is(n, "@model", "nvdimm");
}

static const struct node *slot_holder(const struct complete *c, uint64_t slot, const struct node *but)
{
	for (const struct node *n = node_first(c->domain, "devices/memory"); n; n = node_next(n, "memory"))
		if (n != but && is_dimm(n) && node_has(n, "address/@slot") && node_u64(n, "address/@slot", 0) == slot)
			return n;
	return NULL;
}

int qemu_assign_memory_slots(struct complete *c, struct error *err)
{
	uint64_t slots = node_u64(c->domain, "maxMemory/@slots", 0);

	for (struct node *n = node_first(c->domain, "devices/memory"); n; n = node_next(n, "memory")) {
		uint64_t slot = node_u64(n, "address/@slot", 0);
		const struct node *holder;

		if (!is_dimm(n))
			continue;
		if (node_has(n, "address/@type") && !node_is(n, "address/@type", "dimm"))
			return error_set(
				err, EINVAL,
				"line %ld: <memory model='%s'>: address type '%s' does not fit: expected type='dimm'",
				node_line(n), node_get(n, "@model"), node_get(n, "address/@type"));
		if (!node_has(n, "address/@slot"))
			for (slot = 0; slot_holder(c, slot, n);)
				slot++;
		holder = slot_holder(c, slot, n);
		if (holder)
			return error_set(err, EINVAL, "line %ld: <memory>: slot %llu is in use by the one of line %ld",
					 node_line(n), (unsigned long long)slot, node_line(holder));
		if (slots && slot >= slots)
			return error_set(
				err, EINVAL,
				"line %ld: <memory>: slot %llu: the guest has only %llu memory slots (maxMemory)",
				node_line(n), (unsigned long long)slot, (unsigned long long)slots);
		node_set(n, "address/@type", "dimm");
		node_setf(n, "address/@slot", "%llu", (unsigned long long)slot);
	}
	return 0;
}
