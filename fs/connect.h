/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* domfs connect. */
#ifndef DOMFS_CONNECT_H
#define DOMFS_CONNECT_H

#include "engine/error.h"

/*
 * Joins stdin and stdout to an engine's socket until either side ends: the caller's own engine, else the host's, else a new one of the
 * caller's own, which goes on when this process ends.
 */
int connect_run(struct error *err);

#endif
