/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Protection against recursive deletion: a process that was refused the removal of a file may not go on to remove the
 * directories above it (Python's rmtree(ignore_errors) and find -delete do).
 */
#ifndef DOMFS_GUARD_H
#define DOMFS_GUARD_H

#include "node.h"

void guard_refused(const struct place *dir, const struct who *who); /* an unlink in DIR was refused */
bool guard_holds(const struct place *dir, const struct who *who);   /* may it not remove DIR? */
pid_t guard_process(pid_t tid); /* the process of a thread: requests carry thread ids */

#endif
