/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files of a plan: opened here with the rights of the domain's owner and given to QEMU as descriptors, so that a guest can
 * touch what its owner can touch and no more.
 */
#ifndef DOMFS_QEMU_FILES_H
#define DOMFS_QEMU_FILES_H

#include "vm.h"

/* Sends a hot-plug's opened files to QEMU (add-fd, getfd).  Task only. */
int files_send(struct vm *vm, struct plan *p, struct error *err);
/* Tells QEMU to drop the fdsets of the plan's files, by the path they were added with.  Task only. */
void files_forget(struct vm *vm, const struct plan *p);
/* The plan's images, which are open, are the guest's from now on, and recorded so before it gets them.  Task only. */
must_check int files_claim(struct vm *vm, struct plan *p, struct error *err);
void files_unclaim(struct domain *d, const struct plan *p);
/* The next free descriptor number outlives us. */
void files_keep_next(struct vm *vm);

#endif
