/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a test wants the in-memory hypervisor to do, in the file that DOMFS_TEST_SCRIPT names.  It is read anew at each slot call,
 * so that a test changes it while the mount runs.  Lines:
 *
 *   fail SLOT[@DOMAIN] ERRNO MESSAGE     the slot fails
 *   delay SLOT[@DOMAIN] MS               it takes so long
 *   hang SLOT[@DOMAIN]                   it never answers (its caller's patience ends it)
 *   crash DOMAIN                         the guest dies at once, if it was started before the file was written
 *   gone DOMAIN                          adopt does not find the guest
 *
 * Slots: probe complete start adopt stop pause press attach detach set stats console screenshot.
 */
#ifndef DOMFS_TEST_SCRIPT_H
#define DOMFS_TEST_SCRIPT_H

#include "../../engine/driver.h"

/* What SLOT of domain NAME (NULL: of none) is to do. */
struct script_step {
	int fail; /* positive errno */
	char *message;
	int64_t delay_ms;
	bool hang;
};
void script_look(const char *slot, const char *name, struct script_step *out);
void script_step_clear(struct script_step *s);
/* Is there a line WORD NAME ("crash web")?  *written: when the file was. */
bool script_says(const char *word, const char *name, int64_t *written_ns);
bool script_exists(void); /* a test asked for us */

#endif
