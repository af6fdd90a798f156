/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The other hosts of this mount: fs/tree/hosts.c. */
#ifndef DOMFS_HOSTS_H
#define DOMFS_HOSTS_H

#include "engine/object.h"
#include "remote/remote.h"

struct who;

int hosts_open(struct error *err); /* loads them and connects in the background.  store_open was before */
void hosts_stop(void);		   /* nothing is connected any more, and no task of theirs goes on */
void hosts_close(void);
struct remote *host_remote(const struct object *o); /* the tree that O's directory shows besides; NULL: none */
void host_set_error(struct object *o, const char *text);
/* A request on N failed because of the connection: a line in `errors`.  What the other side says is in its own. */
void host_failed(const struct rnode *n, const struct who *who, const struct error *err);
void host_access_changed(struct object *o);

#endif
