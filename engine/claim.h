/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which running domain has which image open: by what the image is (device and inode, or a URL), not by its path, so that
 * a rename or a second name changes nothing.  Drivers claim before they open (at start, plug and adoption) and drop when the guest has let go;
 * whoever wants to write to, rename or remove an image asks first.
 */
#ifndef DOMFS_CLAIM_H
#define DOMFS_CLAIM_H

#include <sys/stat.h>

#include "error.h"

struct domain;

/* "file:DEV:INO", "block:MAJOR:MINOR".  The caller frees. */
char *claim_key(const struct stat *st);
/* D has KEY open from now on; WRITES: may change it.  Never refused: two guests may share an image, which is theirs to say. */
void claim_add(struct domain *d, const char *key, bool writes);
/* One image, after an unplug.  A key that was claimed twice stays claimed once. */
void claim_drop(struct domain *d, const char *key);
void claims_drop_all(struct domain *d); /* the guest is gone (the engine calls it) */

/* Calls FN for each domain that has KEY; returns how many. */
unsigned claims_of(const char *key, void (*fn)(void *arg, struct domain *d, bool writes), void *arg);
/* -EBUSY naming the domain when a running guest has KEY (WRITERS_ONLY: may write it). */
int claim_check(const char *key, bool writers_only, struct error *err);

#endif
