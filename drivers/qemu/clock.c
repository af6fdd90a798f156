/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* -rtc and the timers that are machine or global properties; those of the CPU are in cpu.c. */
#include "domain.h"

#include <time.h>

int qemu_check_clock(struct complete *c, struct error *err)
{
	for (const struct node *t = node_first(c->domain, "clock/timer"); t; t = node_next(t, "timer")) {
		const char *name = node_get_or(t, "@name", ""), *policy = node_get_or(t, "@tickpolicy", "");
		bool rtc = str_eq(name, "rtc"), pit = str_eq(name, "pit");

		if (str_eq(name, "platform") || str_eq(name, "armvtimer"))
			return error_set(err, ENOTSUP, "line %ld: <timer name='%s'>: x86 machines of QEMU have none",
					 node_line(t), name);
		if (*policy && !rtc && !pit && !str_eq(policy, "delay"))
			return error_set(
				err, ENOTSUP,
				"line %ld: <timer name='%s' tickpolicy='%s'>: QEMU has this for rtc and pit only",
				node_line(t), name, policy);
		if ((rtc && (str_eq(policy, "merge") || str_eq(policy, "discard"))) || (pit && str_eq(policy, "merge")))
			return error_set(err, ENOTSUP, "line %ld: <timer name='%s' tickpolicy='%s'>: QEMU has %s",
					 node_line(t), name, policy,
					 rtc ? "delay and catchup" : "delay, catchup and discard");
		if (node_has(t, "@track") && !rtc)
			return error_set(err, ENOTSUP, "line %ld: <timer name='%s' track>: QEMU has this for rtc only",
					 node_line(t), name);
		if (node_child(t, "catchup"))
			return error_set(err, ENOTSUP,
					 "line %ld: <catchup>: QEMU cannot tune how lost ticks are caught up",
					 node_line(t));
		if (rtc && node_is(t, "@present", "no"))
			return error_set(err, ENOTSUP,
					 "line %ld: <timer name='rtc' present='no'>: QEMU's machines always have one",
					 node_line(t));
	}
	if (node_is(c->domain, "clock/@offset", "timezone") && !node_has(c->domain, "clock/@timezone"))
		return error_set(err, EINVAL, "line %ld: <clock offset='timezone'> needs timezone='...'",
				 node_line(node_first(c->domain, "clock")));
	if (node_is(c->domain, "clock/@offset", "absolute") && !node_has(c->domain, "clock/@start"))
		return error_set(err, EINVAL, "line %ld: <clock offset='absolute'> needs start='...'",
				 node_line(node_first(c->domain, "clock")));
	return 0;
}

static void add_date(struct buf *out, time_t t)
{
	struct tm tm;

	gmtime_r(&t, &tm);
	buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
		   tm.tm_min, tm.tm_sec);
}

static time_t local_as_utc(void)
{
	time_t now = time(NULL);
	struct tm tm;

	localtime_r(&now, &tm);
	return now + tm.tm_gmtoff;
}

static void add_base(struct buf *out, const struct node *clock)
{
	const char *offset = node_get_or(clock, "@offset", "utc");
	const char *adjustment = node_get_or(clock, "@adjustment", "0");

	if (str_eq(offset, "variable")) {
		time_t base = node_is(clock, "@basis", "localtime") ? local_as_utc() : time(NULL);
		add_date(out, base + strtoll(adjustment, NULL, 10));
	} else if (str_eq(offset, "absolute")) {
		add_date(out, (time_t)node_u64(clock, "@start", 0));
	} else if (str_eq(offset, "utc") && !node_has(clock, "@adjustment")) {
		buf_puts(out, "utc");
	} else if (str_eq(offset, "utc")) {
		if (str_eq(adjustment, "reset"))
			buf_puts(out, "utc");
		else
			add_date(out, time(NULL) + strtoll(adjustment, NULL, 10));
	} else {
		buf_puts(out, "localtime"); /* a timezone is set in the environment (launch.c) */
	}
}

int qemu_plan_clock(struct plan *p, struct error *err unused)
{
	const struct node *root = p->domain;
	autobuf struct buf words = { 0 };

	buf_puts(&words, "base=");
	add_base(&words, node_first(root, "clock"));
	for (const struct node *t = node_first(root, "clock/timer"); t; t = node_next(t, "timer")) {
		if (!node_is(t, "@name", "rtc"))
			continue;
		if (node_is(t, "@track", "guest"))
			buf_puts(&words, ",clock=vm");
		else if (node_is(t, "@track", "realtime"))
			buf_puts(&words, ",clock=rt");
		if (node_is(t, "@tickpolicy", "catchup"))
			buf_puts(&words, ",driftfix=slew");
	}
	plan_option(p, "-rtc", "%s", buf_text(&words));
	for (const struct node *t = node_first(root, "clock/timer"); t; t = node_next(t, "timer")) {
		const char *policy = node_get_or(t, "@tickpolicy", "");
		if (node_is(t, "@name", "pit") && (str_eq(policy, "delay") || str_eq(policy, "discard")))
			plan_option(p, "-global", "kvm-pit.lost_tick_policy=%s", policy);
	}
	return 0;
}
