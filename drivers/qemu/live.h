/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a device kind may do to the running guest (its set slot, after-start steps). */
#ifndef DOMFS_QEMU_LIVE_H
#define DOMFS_QEMU_LIVE_H

#include "vm.h"

/* Sends COMMAND to D's QEMU and waits, at most config.hypervisor_timeout_ms.  ARGS (may be NULL) is taken over; *RET (may be NULL) gets the
 * "return" value, the caller's.  -EREMOTEIO with QEMU's own words, -ETIMEDOUT, -ECANCELED, -ENOTCONN.  Task only. */
must_check int qmp_call(struct domain *d, const char *command, json_t *args, json_t **ret, struct error *err);

/* Opens the plan's files with the owner's rights, hands them over, and adds the items in order; undoes all of it when one
 * fails.  Task only. */
must_check int qemu_plan_apply(struct domain *d, struct plan *p, struct error *err);

/* An empty plan for something of the running guest; UNDO: of what is to go.  NULL and *ERR. */
struct plan *qemu_plan_live(struct vm *vm, bool undo, struct error *err);

/* The reverse for items whose device is gone or never was: removes what is there, ignores what is not.  Task only. */
void qemu_plan_undo(struct domain *d, struct plan *p);

#endif
