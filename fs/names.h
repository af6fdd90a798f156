/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What may be done to names, for every front end: 0 or a negative errno.  Nothing here waits. */
#ifndef DOMFS_NAMES_H
#define DOMFS_NAMES_H

#include "node.h"

int names_may_make(const struct place *dir, const char *name, struct error *err); /* mkdir */
/* rmdir, and rename from here: the object itself must be writable for who asks. */
int names_may_drop(const struct place *at, const struct who *who);
int names_may_rename(const struct place *at, const struct place *to, const char *name, const struct who *who);
int names_may_create(const struct place *dir, const char *name, int flags); /* a scratch file */

#endif
