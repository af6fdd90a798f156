/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The stacks of tasks: mapped with a guard page below, kept for the next task. */
#ifndef DOMFS_STACK_H
#define DOMFS_STACK_H

#include "base.h"

#ifdef __SANITIZE_ADDRESS__
#define STACK_SIZE (256 * 1024) /* redzones make frames two to three times as big */
#else
#define STACK_SIZE (128 * 1024)
#endif

/* The lowest usable byte of STACK_SIZE bytes. */
void *stack_get(void);
void stack_put(void *bottom);

#endif
