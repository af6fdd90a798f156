/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ZFS's command lines and listings, apart from running them: tests look at these. */
#ifndef DOMFS_ZFS_H
#define DOMFS_ZFS_H

#include "storage.h"

/* All end ARGV with NULL; it is the caller's to vec_clear(argv, free). */
void zfs_argv(struct vec *argv, const char *const *words);
void zfs_create_argv(struct vec *argv, const char *dataset, const struct volume_spec *spec);
void zfs_build_argv(struct vec *argv, const char *dataset, const struct vec *devices, bool overwrite);
void zfs_list_argv(struct vec *argv, const char *dataset, bool children);
void zfs_resize_argv(struct vec *argv, const char *dataset, const char *name, uint64_t bytes);

/* -EINVAL with ZFS's own reason when NAME cannot be that of a volume, or of a pool with datasets.  What passes is never an option. */
int zfs_name_check(const char *name, struct error *err);
int zfs_dataset_check(const char *dataset, struct error *err);
uint64_t zfs_round(uint64_t bytes); /* up to what is a number of blocks */

/* Of `zfs list` as zfs_list_argv asks it: the volumes right below DATASET (with ONE: that one alone, of any depth).  -EBADMSG: a line that is none. */
int zfs_parse_list(struct str text, const char *dataset, struct listing *out, struct error *err);
/* ZFS says why at the end of a line; as an errno. */
int zfs_code(const char *said);

#endif
