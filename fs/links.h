/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Links that say what an object belongs to, and that users set: `ln -s TARGET volume`.  `ln -sf` makes a link of another name and renames it
 * onto the real one; the other name is a scratch link meanwhile.
 */
#ifndef DOMFS_LINKS_H
#define DOMFS_LINKS_H

#include "node.h"

/* The entry called NAME (NULL: any) of DIR that takes links, be it there now or not. */
const struct slot *link_slot(const struct place *dir, const char *name);
/* Who is removing the whole directory does not get this link either. */
bool link_removable(const struct place *dir, const struct place *at, const struct who *who);
/* Tasks.  TEXT becomes the target of the link AT; empty: it is none any more. */
int link_store(const struct place *at, struct str text, struct error *err);
/* ln -s: *AT is the link, or *SCRATCH the inode of a scratch link.  -EEXIST, -EPERM: no link of that name is one of ours. */
int link_make(const struct place *dir, const char *name, struct str target, const struct who *who, struct place *at,
	      uint64_t *scratch, struct error *err);
/* The scratch link of inode SCRATCH is renamed to NAME. */
int link_commit(const struct place *dir, const char *name, uint64_t scratch, struct error *err);
/* The same of a scratch file, which becomes the document NAME. */
int scratch_commit(const struct place *dir, const char *name, uint64_t scratch, const struct who *who,
		   struct error *err);

#endif
