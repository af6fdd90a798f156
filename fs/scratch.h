/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The files that editors and sed make beside a document: in memory, bounded, gone some time after they were closed.  A typing error in
 * a file's name must not make one: only names that editors use do.
 */
#ifndef DOMFS_SCRATCH_H
#define DOMFS_SCRATCH_H

#include <sys/stat.h>

#include "open.h"

#define SCRATCH_INO (1ull << 63) /* set in the inodes of scratch files */

/* Would NAME, made with FLAGS, be a scratch file? */
bool scratch_name(const char *name, int flags);
struct scratch *scratch_find(uint64_t dir, const char *name);
struct scratch *scratch_of(uint64_t ino); /* NULL: gone */
/* -ENOSPC when there are too many. */
int scratch_make(uint64_t dir, const char *name, mode_t mode, const struct who *who, struct scratch **out,
		 struct error *err);
void scratch_unlink(struct scratch *s);
void scratch_rename(struct scratch *s, const char *name); /* replaces another of that name */
struct handle *scratch_open(struct scratch *s, int flags, const struct who *who);
void scratch_closed(struct scratch *s);
void scratch_link(struct scratch *s, const char *target); /* it is a symbolic link */
const struct buf *scratch_text(const struct scratch *s);
int scratch_write(struct scratch *s, int flags, uint64_t off, struct str data, struct error *err);
int scratch_truncate(struct scratch *s, uint64_t size, struct error *err);
void scratch_stat(const struct scratch *s, struct stat *st);
void scratch_set(struct scratch *s, unsigned mask, const struct rights *r); /* ACCESS_ bits */
void scratches_close(void);

#endif
