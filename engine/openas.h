/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why a path could not be opened, for open_as only. */
#ifndef DOMFS_OPENAS_H
#define DOMFS_OPENAS_H

#include "error.h"

/* Says in *ERR which component of PATH stopped the open that gave CODE, and returns -CODE.  Runs on the
 * worker with the rights that the open had; UID is whose they are. */
int open_explain(const char *path, int flags, int code, uid_t uid, struct error *err);

#endif
