/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files device*.c share among themselves. */
#ifndef DOMFS_DEVICE_IMPL_H
#define DOMFS_DEVICE_IMPL_H

#include "domain_impl.h"

int part_there(struct part *p, struct error *err); /* -ESTALE when it is gone */
/* A staged one goes into the domain as ELEMENT; the job is the caller's. */
int part_plug(struct part *p, enum view view, const struct node *element, const struct who *who, struct error *err);
/* The definition to be changed and *N its element there; *N NULL when it has none. */
int part_edit(struct part *p, struct draft *dr, struct node **n, struct error *err);
char *part_live_alias(struct part *p); /* NULL: not in a running guest; the caller frees */
void nic_follow(struct node *n, const struct prop *row);

#endif
