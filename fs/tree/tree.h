/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tables of a domain share. */
#ifndef DOMFS_TREE_H
#define DOMFS_TREE_H

#include "fs/open.h"

extern const struct dir_type domain_dir, volume_dir;
/* storage.c */
int storage_capabilities_show(const struct place *at, struct buf *out, struct error *err);
int storage_discover_show(const struct place *at, struct buf *out, struct error *err);
int storage_discover_store(const struct place *at, struct str text, struct error *err);
int job_abort_store(struct jobs *jobs, struct str word, struct error *err); /* write abort */

/* Whoever asks: may the secrets in a definition be shown? */
static inline bool sees_secrets(const struct place *at, const struct object *owner)
{
	return at->who && access_owner(owner, at->who);
}

static inline int show_line(struct buf *out, const char *text)
{
	buf_puts(out, text ? text : "");
	buf_putc(out, '\n');
	return 0;
}

#endif
