/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who sees what of the texts that tell of all objects.  Each reader of `events` and `errors` has a ring of his own, to which only lines of
 * objects that he may read are added; root, and the user whose engine this is, have the whole.
 *
 * One may read an object when he may read its directory, and `state` in it when it has one, and search the directories above.
 */
#ifndef DOMFS_VIEWS_H
#define DOMFS_VIEWS_H

#include "engine/event.h"
#include "entry.h"

void views_open(void);
void views_close(void);

/* WHO NULL: yes; O that is nobody's, as the host's CPUs: yes; a part: as its domain. */
bool sees_object(const struct who *who, const struct object *o);
bool sees_all(const struct who *who); /* likewise */

/* WHO's part of ALL (events_ring or errors_ring), or that itself.  Borrowed: it stays as long as it is held. */
struct ring *view_of(struct ring *all, const struct who *who);
void view_hold(struct ring *all, const struct who *who);
void view_release(struct ring *all, const struct who *who);

#endif
