/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside the test driver: guests that exist in memory only. */
#ifndef DOMFS_TEST_TEST_H
#define DOMFS_TEST_TEST_H

#include <sys/queue.h>

#include "../../engine/loop.h"
#include "../../engine/units.h"
#include "script.h"

struct guest {
	struct domain *d;
	unsigned refs;
	bool paused, dead;
	int64_t started_ns; /* realtime: a script that is older does not kill it */
	struct waitq q;	    /* those who wait inside a slot; woken when it dies */
	struct vec aliases; /* what is plugged; owned texts */
	int console;	    /* the guest's end, -1 when nobody is connected */
	struct loop_fd *watch;
	struct buf unsaid; /* output that the reader has not taken */
	TAILQ_ENTRY(guest) link;
};

struct guest *guest_new(struct domain *d);
struct guest *guest_of(const struct domain *d); /* NULL: it does not run */
void guest_unref(struct guest *g);
void guest_unref_p(struct guest **g);
#define autoguest __attribute__((cleanup(guest_unref_p)))
void guest_learn_devices(struct guest *g); /* from the live document */
/* It is no more; WHY NULL: nobody is told. */
void guest_die(struct guest *g, const char *why, const char *detail);
int guest_console(struct guest *g, struct error *err); /* the host's end */
void guest_say(struct guest *g, const char *text);
/* What the script wants of SLOT now; -ENOTCONN when the guest dies meanwhile.  G NULL: none is there (yet). */
int guest_step(struct guest *g, const char *slot, const char *name, struct error *err);

extern const struct driver test_driver;
int test_complete(struct doc *full, const struct doc *old, struct error *err);

#endif
