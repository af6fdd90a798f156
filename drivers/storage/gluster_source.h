/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the definition of a pool of type gluster says: also where there is no GlusterFS.  Does not wait. */
#ifndef DOMFS_GLUSTER_SOURCE_H
#define DOMFS_GLUSTER_SOURCE_H

#include "storage.h"

#define GLUSTER_PORT 24007
#define GLUSTER_TEMP ".domfs-upload-" /* a file that is not whole yet: none of the pool's volumes */

struct gluster_source {
	char *host, *volume;
	char *dir; /* "" or "/sub/dir": no slash at its end */
	int port;  /* 0: the usual one */
};
void gluster_source_clear(struct gluster_source *s);
int gluster_source_of(const struct node *pool, struct gluster_source *out, struct error *err);
/* "gluster://HOST[:PORT]/VOLUME/DIR/NAME", as QEMU and libvirt write it; the caller frees. */
char *gluster_url(const struct gluster_source *s, const char *name);
/* The same for the command line of qemu-img, which decodes it. */
char *gluster_url_coded(const struct gluster_source *s, const char *name);
int gluster_name_check(const char *name, struct error *err);

int gluster_complete(struct node *pool, const char *dir, struct error *err);
void gluster_source_show(const struct node *pool, struct buf *out);
int gluster_source_store(struct node *pool, struct str text, struct error *err);
int gluster_disk(struct pool *p, const char *name, const struct volume_info *now, struct node *disk, struct error *err);
extern const char *const gluster_formats[];

#endif
