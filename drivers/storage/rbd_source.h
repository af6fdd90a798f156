/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the definition of a pool of type rbd says: also where there is no Ceph.  Does not wait. */
#ifndef DOMFS_RBD_SOURCE_H
#define DOMFS_RBD_SOURCE_H

#include "storage.h"

#define UPLOAD_PREFIX ".domfs-upload-" /* an image that is not whole yet: none of the pool's volumes */

struct rbd_login {
	char *hosts;	    /* "10.0.0.1:6789,10.0.0.2" */
	char *pool, *space; /* space: the namespace in it, or NULL */
	char *user;	    /* NULL: the cluster asks nobody */
	char *key;	    /* as Ceph writes it; overwritten when it is freed */
	struct vec options; /* "name", "value", ...: of rbd:config_opts */
};
void rbd_login_clear(struct rbd_login *l);
/* KEY: with the secret. */
int rbd_login_of(struct pool *p, struct rbd_login *out, struct error *err);
int rbd_complete(struct node *pool, const char *dir, struct error *err);
void rbd_source_show(const struct node *pool, struct buf *out);
int rbd_source_store(struct node *pool, struct str text, struct error *err);
int rbd_disk(struct pool *p, const char *name, const struct volume_info *now, struct node *disk, struct error *err);
int rbd_name_check(const char *name, struct error *err);

#endif
