/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <watchdog>: what happens to a guest that stops feeding it. */
#include "device_rows.h"

static const char *const models[] = { "i6300esb", "ib700", "diag288", "itco", NULL };
static const char *const actions[] = { "reset", "shutdown", "poweroff", "pause", "none", "dump", "inject-nmi", NULL };

static int watchdog_check(const struct node *n, struct error *err)
{
	const char *action = node_get_or(n, "@action", "reset");

	/* the hypervisor has one action for all of them */
	for (const struct node *o = node_child(node_parent(n), "watchdog"); o && o != n; o = node_next(o, "watchdog"))
		if (!node_is(o, "@action", action) && !(str_eq(action, "reset") && !node_has(o, "@action")))
			return error_set(
				err, EINVAL,
				"line %ld: <watchdog>: action '%s' differs from line %ld: all watchdogs need the same",
				node_line(n), action, node_line(o));
	return 0;
}

const struct schema watchdog_schema = {
	.element = "watchdog",
	.check = watchdog_check,
	.props = (const struct prop[]){ { "@model", T_ENUM, "model", models, .flags = P_REQUIRED,
					  .doc = "what the guest sees" },
					{ "@action", T_ENUM, "action", actions, "reset", P_LIVE,
					  .doc = "what happens when it is not fed" },
					DEVICE_ROWS,
					{ 0 } },
};
