/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a driver tells of its guests, and what it means: states, reasons, numbers, devices that went.  Runs on the loop or in a driver's task and
 * does not wait.
 */
#include "domain_impl.h"

#include "loop.h"

static void save(struct domain *d)
{
	autoerror struct error err = { 0 };

	if (domain_save_run(d, &err) < 0)
		domain_set_error(d, error_text(&err));
}

static void remove_transient(void *arg)
{
	struct domain *d = arg;

	if (!d->obj.gone && !domain_active(d)) {
		event_emit("domain", d->obj.name, "removed", NULL);
		domain_remove(d);
	}
	object_unref(&d->obj);
}

static void gone(struct domain *d, const struct news *n)
{
	const char *why = n->why ? n->why : "unknown";

	if (!domain_active(d))
		return;
	if (d->state == DOMAIN_STARTING && d->jobs.holder && !str_eq(d->jobs.holder->operation, "adopt"))
		return; /* its start is about to fail and says more */
	domain_ended(d, str_eq(why, "crashed") ? DOMAIN_CRASHED : DOMAIN_SHUTOFF, why, n->detail);
	if (!d->persistent) { /* the driver may still hold it */
		object_ref(&d->obj);
		loop_soon(remove_transient, d);
	}
}

static void live_number(struct domain *d, const struct news *n)
{
	struct node *root = domain_live(d);

	if (!root || n->value == 0)
		return;
	if (n->kind == NEWS_BALLOON)
		node_set_size(root, "currentMemory", n->value);
	else
		node_setf(root, "vcpu/@current", "%llu", (unsigned long long)n->value);
	domain_numbers_now(d);
	save(d);
	object_changed(&d->obj, 1u << FACET_DOC);
	event_emit("domain", d->obj.name, n->kind == NEWS_BALLOON ? "memory" : "cpus", "%llu",
		   (unsigned long long)n->value);
}

static void plain_event(struct domain *d, const struct news *n)
{
	const char *item = n->item ? n->item : "", *detail = n->detail ? n->detail : "";

	if (*item || *detail)
		event_emit("domain", d->obj.name, n->why ? n->why : "event", "%s%s%s", item,
			   *item && *detail ? " " : "", detail);
	else
		event_emit("domain", d->obj.name, n->why ? n->why : "event", NULL);
}

void domain_news(struct domain *d, const struct news *n)
{
	switch (n->kind) {
	case NEWS_RUNNING:
	case NEWS_PAUSED:
		if (!domain_active(d))
			return;
		domain_enter(d, n->kind == NEWS_RUNNING ? DOMAIN_RUNNING : DOMAIN_PAUSED, n->why);
		save(d);
		return;
	case NEWS_GONE:
		gone(d, n);
		return;
	case NEWS_DETACHED:
	case NEWS_DETACH_FAILED:
		device_detached(d, n->item, n->kind == NEWS_DETACH_FAILED);
		return;
	case NEWS_BALLOON:
	case NEWS_CPUS:
		live_number(d, n);
		return;
	case NEWS_EVENT:
		plain_event(d, n);
		return;
	}
}
