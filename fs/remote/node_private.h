/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between node.c and ask.c: what the other end says goes into the nodes. */
#ifndef DOMFS_REMOTE_NODE_PRIVATE_H
#define DOMFS_REMOTE_NODE_PRIVATE_H

#include "remote.h"

void rnode_drop(struct rnode *n); /* it is gone, and what is in it */
/* The child NAME of DIR is now QID. */
struct rnode *rnode_take_child(struct rnode *dir, const char *name, const struct p9_qid *qid);
/* C is the reply that says so. */
void rnode_take_attr(struct rnode *n, const struct rcall *c, const struct p9_attr *a, uint32_t facets,
		     enum p9_kind kind);
void rnode_take_text(struct rnode *n, const struct rcall *c, struct str text);
enum p9_kind rnode_kind_in(const struct rcall *c);
/* A listing's part; SEEN gets the numbers of its nodes.  False: it is none. */
bool rnode_take_listing(struct rnode *dir, const struct rcall *c, struct hash *seen);
void rnode_drop_unseen(struct rnode *dir, const struct hash *seen);

#endif
