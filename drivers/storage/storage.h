/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the types of storage pools share: directories of files, block devices, qemu-img.  All of it runs in tasks unless said otherwise. */
#ifndef DOMFS_STORAGE_H
#define DOMFS_STORAGE_H

#include "engine/image_header.h"
#include "engine/pool_driver.h"

/* ---- files.c, files_*.c: the volumes are the files of target/path; slots for struct pool_driver ---- */

extern const char *const file_formats[]; /* raw first: what target/format/@type may be in a pool of files */
char *files_directory(struct pool *p);
int files_list(struct pool *p, struct listing *out, struct error *err); /* names only: one getdents, no stat, no open */
int files_usage(struct pool *p, struct pool_usage *out, struct error *err);
int files_info(struct pool *p, const char *name, struct volume_info *info, struct error *err);
int files_create(struct pool *p, const struct volume_spec *spec, struct error *err);
int files_remove(struct pool *p, const char *name, struct error *err);
int files_rename(struct pool *p, const char *name, const char *to, struct error *err);
int files_resize(struct pool *p, const char *name, const struct volume_info *now, uint64_t capacity, struct error *err);
int files_clone(struct pool *p, const char *name, const struct volume_info *now, const struct volume_spec *to,
		struct error *err);
int files_wipe(struct pool *p, const char *name, const struct volume_info *now, const char *algorithm,
	       void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg, struct error *err);
int files_image(struct pool *p, const char *name, int flags, const struct volume_spec *spec, struct bulk **out,
		struct error *err);
int files_disk(struct pool *p, const char *name, const struct volume_info *now, struct node *disk, struct error *err);
#define FILES_SLOTS                                                                                                    \
	.volume_formats = file_formats, .list = files_list, .usage = files_usage, .info = files_info,                  \
	.create = files_create, .remove = files_remove, .rename = files_rename, .resize = files_resize,                \
	.clone = files_clone, .wipe = files_wipe, .image = files_image, .data = image_data, .disk = files_disk,        \
	.directory = files_directory

/* ---- mounting.c: fs and netfs pools are a mount on target/path ---- */

/* What is mounted on PATH: the caller's text of /proc/self/mountinfo's source field, NULL when nothing is.  Never touches the mount. */
char *mounted_source(const char *path);

/* ---- image.c, image_*.c: qemu-img (what an image's first bytes say: engine/image_header.h) ---- */

/* argv of the command that makes the image SPEC at PATH (a file, or a block device that is there already), NULL-ended and the caller's
 * (strv_free): what is in the tests of the command lines.  SECRETS: descriptor numbers in the child for spec->secret, ->backing_secret,
 * ->from_secret. */
char **image_create_argv(const struct volume_spec *spec, const char *path, const int secrets[3], struct error *err);
/* The command after it that fills the image from spec->from_path, where one side is encrypted; NULL: the first does it all. */
char **image_fill_argv(const struct volume_spec *spec, const char *path, const int secrets[3]);
void strv_free(char **argv);
/* Makes it: the file is new (fails if it exists), formatted, owned by spec->uid and ->gid.  On failure it is gone.  Cancelled: the program is
 * killed.  BLOCK: PATH is a device that stays. */
int image_create(struct pool *p, const struct volume_spec *spec, const char *path, bool block, struct error *err);
int image_resize(struct pool *p, const char *path, const char *format, uint64_t capacity, struct error *err);

/* The same as image_header by `qemu-img info --output=json`, for what the first bytes do not tell (vhdx, vmdk with extents ...): bounded by POOL_ASK_MS. */
int image_ask(const char *path, const char *format, struct volume_info *info, struct error *err);
int image_info_parse(struct str json, struct volume_info *info,
		     struct error *err); /* of qemu-img's answer; does not wait */

/* ---- nbd.c ---- */

/* For the slot data: of anything whose layers are descriptors. */
int image_data(struct pool *p, const char *name, const struct data_layer *layers, size_t n, bool write,
	       const struct secret *secret, struct bulk **out, struct error *err);

/* ---- block.c: volumes that are block devices ---- */

/* Size of the device in bytes and its claim key, owner and times into INFO (type, path, key, capacity, allocation). */
int block_info(struct pool *p, const char *path, struct volume_info *info, struct error *err);
int block_image(struct pool *p, const char *path, int flags, struct bulk **out, struct error *err);
int block_wipe(struct pool *p, const char *path, const char *algorithm,
	       void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg, struct error *err);
/* Copies FROM (a file or device) to the device TO, keeping holes as discarded or zeroed ranges. */
int block_copy(struct pool *p, const char *from, const char *to,
	       void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg, struct error *err);
int block_disk(const char *path, struct node *disk); /* <disk type='block'><source dev=PATH/> */
/* Waits until udev has made PATH (bounded): a symlink or node below /dev. */
int block_appears(struct pool *p, const char *path, int64_t timeout_ms, struct error *err);

/* ---- tools.c ---- */

/* "not usable: vgs is not there: install lvm2" when one of the pairs {program, package, ...} (NULL-ended) is missing in PATH or /sbin; else 0. */
int tools_missing(const char *const *pairs, struct buf *state);
/* spawn_run with POOL_WORK_MS and the pool's name before the message; OUT may be NULL. */
int tool_run(struct pool *p, const char *const *argv, struct buf *out, struct error *err);

#endif
