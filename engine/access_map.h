/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whom a certificate stands for: one text of lines "USER SUBJECT", which root writes (host/access/map) and which is kept.
 *
 *	# who comes in over TLS
 *	alice CN=alice,O=Example
 *	61001 CN=backup.example,O=Example
 *	nobody *
 *
 * USER is a name or a number.  SUBJECT is the certificate's, as RFC 4514 writes it and `certtool -i` prints it; blanks around commas and '=',
 * and the case of the words before '=', do not matter.  "*" is every certificate that is let in and not named otherwise.  Nothing else is a
 * pattern: a name that somebody else may choose a part of must not become another's.
 */
#ifndef DOMFS_ACCESS_MAP_H
#define DOMFS_ACCESS_MAP_H

#include "access.h"

/* Loads what was kept.  After store_open; does not wait for tasks. */
int access_map_open(struct error *err);
void access_map_close(void);

/* The user of SUBJECT: *OUT has his uid and gid ((gid_t)-1: a number without a passwd entry) and pid 0.  -EACCES: SUBJECT is nobody here, or its user
 * does not exist (any more); the message says which.  Asks the user database, as access_in_group does. */
int access_map_lookup(const char *subject, struct who *out, struct error *err);

/* TEXT is the map from now on: checked as a whole, on the disk when this returns.  -EINVAL names the line.  Task only. */
int access_map_set(struct str text, struct error *err);
const struct buf *access_map_text(void); /* as it was written; borrowed */
/* Called when another map is in force (connections of certificates that are not in it any more should end).  NULL: nobody. */
extern void (*access_map_changed)(void);

#endif
