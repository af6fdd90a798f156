/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* domfs mount and domfs umount. */
#ifndef DOMFS_MOUNT_H
#define DOMFS_MOUNT_H

#include "engine/error.h"

struct mount_options {
	char *source, *mountpoint; /* owned */
	char *fuse;		   /* for libfuse, owned */
	bool foreground;
	struct vec listen; /* owned texts: where else clients come in */
};

/* Reads "-o" texts into *O and config.  -EINVAL names what is not known. */
int mount_option_text(struct mount_options *o, const char *text, struct error *err);
void mount_options_defaults(struct mount_options *o);
void mount_options_free(struct mount_options *o);

/* Mounts and, unless in the foreground, returns when the mount answers; the child serves it.  The process's exit status. */
int mount_run(struct mount_options *o);
int umount_run(const char *mountpoint, struct error *err);
/* Lazily unmounts what a dead domfs left. */
int mount_clear_stale(const char *mountpoint, struct error *err);
int check_run(const char *file);

#endif
