/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which running domain has which image open: by what the image is (device and inode, or a URL), not by its path, so that
 * a rename or a second name changes nothing.  Drivers claim what they have opened before the hypervisor gets it (at start and plug) and drop
 * when the guest has let go; whoever wants to write to, rename or remove an image asks first.
 *
 * Claims are kept in the guest's run file (domain_save_run), and are in force again before the mount of the next domfs answers.
 */
#ifndef DOMFS_CLAIM_H
#define DOMFS_CLAIM_H

#include <sys/stat.h>

#include "error.h"

struct domain;

/* "file:DEV:INO", "block:MAJOR:MINOR".  The caller frees. */
char *claim_key(const struct stat *st);
/* D's device DEVICE (its alias) has KEY open from now on; WRITES: may change it.  Never refused: two guests may share an image, which is
 * theirs to say.  One device may claim many keys: a chain. */
void claim_add(struct domain *d, const char *device, const char *key, bool writes);
/* All that DEVICE had, after an unplug or when its medium went.  What another device has as well stays claimed. */
void claim_drop(struct domain *d, const char *device);
void claims_drop_all(struct domain *d); /* the guest is gone (the engine calls it) */

/* Calls FN for each claim that a domain has on KEY, a domain with two twice; returns how many. */
unsigned claims_of(const char *key, void (*fn)(void *arg, struct domain *d, bool writes), void *arg);
/* -EBUSY naming the domain when a running guest has KEY (WRITERS_ONLY: may write it). */
int claim_check(const char *key, bool writers_only, struct error *err);

/* For the run file: a line per claim, and back.  A line that is none is left out. */
void claims_print(struct domain *d, void (*line)(void *arg, const char *text), void *arg);
void claim_parse(struct domain *d, const char *line);

#endif
