/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <clock>: the guest's clock and timers. */
#include "domain.h"

static const char *const offsets[] = { "utc", "localtime", "timezone", "variable", "absolute", NULL };
static const char *const bases[] = { "utc", "localtime", NULL };
static const char *const timers[] = { "platform", "pit",	 "rtc",	      "hpet", "tsc",
				      "kvmclock", "hypervclock", "armvtimer", NULL };
static const char *const tick_policies[] = { "delay", "catchup", "merge", "discard", NULL };
static const char *const tracks[] = { "boot", "guest", "wall", "realtime", NULL };
static const char *const modes[] = { "auto", "native", "emulate", "paravirt", "smpsafe", NULL };

const struct schema timer_schema = {
	.element = "timer",
	.props =
		(const struct prop[]){
			{ "@name", T_ENUM, .words = timers, .flags = P_REQUIRED, .doc = "which timer" },
			{ "@present", T_ENUM, .words = words_yes_no, .doc = "is it there" },
			{ "@tickpolicy", T_ENUM, .words = tick_policies, .doc = "what becomes of lost ticks" },
			{ "@track", T_ENUM, .words = tracks, .doc = "what it follows" },
			{ "@mode", T_ENUM, .words = modes, .doc = "of the TSC" },
			{ "@frequency", T_U64, .doc = "Hz" },
			{ "catchup/@threshold", T_U64, .doc = "when it begins" },
			{ "catchup/@slew", T_U64, .doc = "how fast" },
			{ "catchup/@limit", T_U64, .doc = "at most" },
			{ 0 },
		},
};

const struct schema clock_schema = {
	.element = "clock",
	.props =
		(const struct prop[]){
			{ "@offset", T_ENUM, .words = offsets, .dflt = "utc", .doc = "what its clock shows at start" },
			{ "@adjustment", T_STRING, .doc = "seconds from the base, or reset" },
			{ "@basis", T_ENUM, .words = bases, .doc = "base of a variable offset" },
			{ "@timezone", T_STRING, .doc = "of offset timezone" },
			{ "@start", T_U64, .doc = "seconds since 1970, of offset absolute" },
			{ "timer", T_LIST, .sub = &timer_schema, .doc = "timers" },
			{ 0 },
		},
};
