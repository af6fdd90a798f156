/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What changes something, whichever front end asks: done, and told to the audit log with who asked, from where, and how it went.  at->who is who
 * asks.  Waiting and errors are those of the tables' functions.
 */
#ifndef DOMFS_ACT_H
#define DOMFS_ACT_H

#include "open.h"

int act_store(const struct place *at, struct str text, struct error *err);
int act_make(const struct place *dir, const char *name, mode_t mode, struct object **out, struct error *err);
int act_drop(const struct place *at, struct error *err);
int act_rename(const struct place *at, const char *name, struct error *err);
void act_rights(const struct place *at, unsigned mask, const struct rights *r); /* chmod, chown; MASK 0: nothing */
int act_acl(const struct place *at, const void *acl, size_t n, struct error *err);

/* ACTION on AT, or on NAME in it (NULL: AT itself), was not even begun: R is the negative errno. */
void act_refused(const struct place *at, const char *action, const char *name, int r);
/* H was opened, or not (R): told when it is for writing to what has no single act, a console or bytes. */
void act_opened(const struct handle *h, int r);

#endif
