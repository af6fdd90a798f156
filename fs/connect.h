/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* domfs connect: what ssh runs at the other end. */
#ifndef DOMFS_CONNECT_H
#define DOMFS_CONNECT_H

#include "engine/error.h"

/* Joins standard input and output to the socket of the engine that serves this user's tree, until either side ends.  -ECONNREFUSED, -ENOENT:
 * nobody does. */
int connect_run(struct error *err);

#endif
