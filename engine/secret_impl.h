/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What secret*.c share. */
#ifndef DOMFS_SECRET_IMPL_H
#define DOMFS_SECRET_IMPL_H

#include "secret.h"

/* ---- secret.c ---- */

struct secret *secret_new(const char *uuid);
void secret_remove(struct secret *s); /* leaves the tree and the indexes */
struct secret *secret_hold(struct secret *s);
void secret_unhold_p(struct secret **s);
#define autosecret __attribute__((cleanup(secret_unhold_p)))
/* Its usage becomes TYPE and USAGE (copied; NULL: none): -EEXIST when another one has it.  At once, without storing anything. */
int secret_claim(struct secret *s, const char *type, const char *usage, struct error *err);
void secret_unclaim(struct secret *s, const char *type, const char *usage);
void secret_take_value(struct secret *s, struct str value); /* the old one is wiped */

/* ---- secret_define.c ---- */

/* What a document says of a secret. */
struct secret_terms {
	bool ephemeral, private_;
	const char *type, *usage; /* borrowed from the document; NULL: none */
};
void secret_terms(const struct node *root, struct secret_terms *out);
void secret_apply(struct secret *s, const struct secret_terms *t, struct str text);

/* ---- secret_store.c ---- */

/* TEXT in place of the definition in force.  Task when DURABLE. */
int secret_store(struct secret *s, struct str text, bool durable, struct error *err);
int secret_store_value(struct secret *s, struct str value, struct error *err); /* task; empty: removed */
int secret_store_drop(struct secret *s, struct error *err);		       /* both; task */
void secret_save_soon(struct secret *s);
void secret_settle(struct secret *s); /* writes what had to wait */

#endif
