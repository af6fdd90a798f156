/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* domfs mount, domfs serve and domfs umount. */
#ifndef DOMFS_MOUNT_H
#define DOMFS_MOUNT_H

#include "engine/error.h"

struct mount_options {
	char *source;	  /* owned; NULL: this host, else a URI */
	char *mountpoint; /* owned; NULL: none (domfs serve) */
	char *fuse;	  /* for libfuse, owned */
	bool foreground;
	bool allow_other, read_only;
	struct vec listen; /* owned texts: where else clients come in */
	char *tls_dir;	   /* owned; where the certificates for those over TLS are; NULL: where libvirt has them */
	const char *engine_option; /* the first one given that only a process with an engine of its own can take */
	const char *mount_option;  /* the same of those that are about a mount */
};

/* Reads "-o" texts into *O and config.  -EINVAL names what is not known. */
int mount_option_text(struct mount_options *o, const char *text, struct error *err);
void mount_options_defaults(struct mount_options *o);
/* It becomes a mount of the tree at URI: that side decides who may do what. */
void mount_options_client(struct mount_options *o, const char *uri);
/* Options that are not for what is to be mounted are refused by name. */
int mount_options_check(const struct mount_options *o, struct error *err);
void mount_options_free(struct mount_options *o);

/* Mounts, or serves only, and, unless in the foreground, returns when it answers; the child serves it.  The process's exit status. */
int mount_run(struct mount_options *o);
int umount_run(const char *mountpoint, struct error *err);
/* Lazily unmounts what a dead domfs left. */
int mount_clear_stale(const char *mountpoint, struct error *err);
int check_run(const char *file);

#endif
