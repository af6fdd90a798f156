/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Secrets: what encrypted volumes, CHAP, Ceph, TLS keys and TPM state are opened with.  The definition is libvirt's XML, stored like any other;
 * the value is stored beside it, mode 0600, or only in memory when the secret is ephemeral.  A value is never put in a command line, an
 * environment, a log or an error text: programs get it through a descriptor (secret_fd) or QEMU's secret object.
 */
#ifndef DOMFS_SECRET_H
#define DOMFS_SECRET_H

#include "access.h"
#include "buf.h"
#include "doc.h"
#include "job.h"
#include "object.h"
#include "units.h"

#define SECRET_VALUE_MAX (64u << 10) /* libvirt's VIR_SECRET_VALUE_BUFLEN */

/* Who may what, when nothing else was set: the directory, and the value's key in access.h. */
#define SECRET_DIR_MODE	  0700
#define SECRET_VALUE_MODE 0600
#define SECRET_VALUE_KEY  "value"

struct secret {
	struct object obj;	  /* first; obj.name is its uuid */
	bool ephemeral, private_; /* @ephemeral: not stored; @private: its value is never shown again */
	char *usage_type;	  /* volume ceph iscsi tls vtpm; NULL: none */
	char *usage;		  /* <usage>'s volume, name or target */
	struct str config;	  /* owned text: the definition as it was written */
	struct buf value;	  /* n 0: none was set */
	bool has_value;
	struct jobs jobs;
	char *error_text;
	bool kept;	     /* its record is on the disk */
	bool storing, dirty; /* a definition is on its way there; something else is to be written after it */
};

extern const char *const secret_types[]; /* "volume" ... "none", NULL */
/* Where the usage of a secret of TYPE stands in its document: "usage/name"; NULL: nowhere.  (engine/schema/secret.c) */
const char *secret_usage_path(const char *type);

int secrets_open(struct error *err); /* loads; store_open was before */
void secrets_close(void);
struct secret *secret_find(const char *uuid);
struct secret *secret_find_usage(const char *type, const char *usage); /* "ceph", "client.admin" */
struct secret *secret_after(uint64_t serial);
static inline struct secret *secret_of(struct object *o)
{
	return container_of(o, struct secret, obj);
}

/* mkdir secrets/UUID: an empty secret of no usage, owned by WHO.  Durable when it returns.  Tasks. */
int secret_make(const char *uuid, const struct who *who, mode_t mode, struct secret **out, struct error *err);
int secret_drop(struct secret *s, struct error *err);
int secret_define(struct secret *s, struct str text,
		  struct error *err); /* -EINVAL: another uuid; -EEXIST: usage taken */
int secret_set_value(struct secret *s, struct str value, struct error *err);
void secret_xml(const struct secret *s, struct buf *out);
void secret_config_text(const struct secret *s, struct buf *out);
int secret_show_value(const struct secret *s, struct buf *out, struct error *err); /* -EACCES: it is private */
/* FILE: type usage description ephemeral private.  Storing is for tasks. */
int secret_file_store(struct secret *s, const char *file, struct str text, struct error *err);
void secret_file_show(const struct secret *s, const char *file, struct buf *out);
void secret_set_error(struct secret *s, const char *text);
void secret_access_changed(struct object *o); /* its rights: to be kept */

/* The secret that an element names: <secret uuid='..'/> or usage='..' with TYPE ("iscsi" ...) giving what usage means.
 * NULL and -ENOENT in *ERR, naming it, when there is none or it has no value.  OWNER is who asks for it, whose right to read the
 * value is checked (-EACCES); NULL: domfs itself. */
struct secret *secret_of_node(const struct node *n, const char *type, const struct who *owner, struct error *err);
/* Of one that was found otherwise: may OWNER use it, is it of TYPE, has it a value? */
int secret_usable(const struct secret *s, const char *type, const struct who *owner, struct error *err);
/* A new memfd with the value (and nothing else), at offset 0, sealed: for a child's descriptor, which opens /dev/fd/N.  The caller
 * closes.  BASE64: the value in base64, as Ceph keys are. */
int secret_fd(const struct secret *s, bool base64, struct error *err);

#endif
