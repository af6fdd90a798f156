/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Rows against a document.  A table per kind of element (engine/schema/KIND.c) says for each property: where it stands, of what
 * type it is, its default, which file of the tree shows it, whether it can change while the guest runs.  Getting,
 * setting, checking and comparing are generic.  What no row knows is an error that names element and line,
 * unless it stands in <metadata> or a foreign namespace.
 *
 * A driver has a table of its own with the same paths: what each row becomes there (drivers/NAME/).  A row that the driver lacks refuses the
 * definition by name, so nothing is ever silently dropped.
 */
#ifndef DOMFS_SCHEMA_H
#define DOMFS_SCHEMA_H

#include "doc.h"

enum prop_type {
	T_STRING, /* any text */
	T_ENUM,	  /* one of .words */
	T_U64,	  /* decimal or 0x hex, within .min and .max (max 0: no bound) */
	T_INT,	  /* may be negative */
	T_SIZE,	  /* an element with @unit (KiB when absent); a file shows bytes */
	T_BYTES,  /* the same, bytes when @unit is absent: storage */
	T_MODE,	  /* permission bits, octal */
	T_FLAG,	  /* the element is there or not; a file shows 1 or 0 */
	T_UUID,
	T_MAC,
	T_CPUSET, /* "0-3,^2" */
	T_SUB,	  /* one child element with rows of its own in .sub */
	T_LIST,	  /* the same, any number of times */
	T_ANY,	  /* a subtree that is kept and not looked into (<metadata>) */
};

enum {
	P_REQUIRED = 1, /* must be there */
	P_LIVE = 2,	/* the driver's set slot can change it in the running guest */
	P_OUTPUT =
		4, /* a manager writes it (live state, e.g. backingStore/@index); accepted and dropped from a new definition */
	P_SECRET = 8,	 /* shown to the owner and root only; masked for others */
	P_READONLY = 16, /* its file cannot be written (uuid) */
	P_WO_LINE = 32,	 /* no file although .file: documentation only */
};

struct schema;

struct prop {
	const char *path; /* from the schema's element: "target/@dev" */
	enum prop_type type;
	const char *file; /* its file in the object's directory ("limits/read_iops"), or NULL */
	const char *const *words;
	const char *dflt; /* as text; shown by its file when the document has none */
	unsigned flags;
	uint64_t min, max;
	const struct schema *sub;
	const char *doc; /* one line for docs/layout.md and domfs tree */
};

struct schema {
	const char *element;	  /* "disk", "domain"; used in messages */
	const struct prop *props; /* ended by a row without .path */
	/* Rules between rows (a target that is missing, a source that does not fit @type).  May be NULL. */
	int (*check)(const struct node *n, struct error *err);
};

/* The kinds; each lives in engine/schema/KIND.c.  domain_schema reaches all the others through its rows. */
extern const struct schema domain_schema, pool_schema, volume_schema, secret_schema;
extern const struct schema disk_schema, controller_schema, nic_schema, hostdev_schema, filesystem_schema, serial_schema,
	parallel_schema, console_schema, channel_schema, graphics_schema, video_schema, input_schema, rng_schema,
	balloon_schema, watchdog_schema, sound_schema, audio_schema, tpm_schema, panic_schema, vsock_schema,
	shmem_schema, redirdev_schema, smartcard_schema, hub_schema, memdev_schema, iommu_schema, lease_schema,
	nvram_schema, redirfilter_schema, crypto_schema, pstore_schema;
/* Shared parts of device rows (engine/schema/common.c). */
extern const struct schema address_schema, alias_schema, boot_schema, virtio_schema;
extern const char *const words_yes_no[], *const words_on_off[];

/* What a schema says about a path ("driver/@cache"); NULL when it has no such row. */
const struct prop *schema_prop(const struct schema *s, const char *path);
/* The row whose .file is FILE. */
const struct prop *schema_file(const struct schema *s, const char *file);
/* Also reaches into subs: "devices/disk" of domain_schema gives disk_schema. */
const struct schema *schema_of_device(const char *element); /* "interface" -> &nic_schema; NULL */

/* Is everything in N known, of its type, complete?  -EINVAL with "line 12: <disk>: ..." otherwise. */
int schema_check(const struct schema *s, const struct node *n, struct error *err);

/* Calls FN for every property that N sets, nested ones included.  Stops at the first negative result and returns it. */
struct prop_use {
	const struct schema *schema;
	const struct prop *prop;
	const struct node *base; /* the schema's element */
	const struct node *node; /* the element that the property is, or whose attribute it is */
	const char *value;	 /* text; "" for T_FLAG, NULL for T_SUB, T_LIST, T_ANY */
};
int schema_each(const struct schema *s, const struct node *n,
		int (*fn)(void *arg, const struct prop_use *use, struct error *err), void *arg, struct error *err);

/* Takes out what a manager writes (P_OUTPUT): it is no part of a definition. */
void schema_strip_outputs(const struct schema *s, struct node *n);

/* The properties in which A and B (two elements of one kind, either may be NULL) differ, paths with an index for lists. */
void schema_diff(const struct schema *s, const struct node *a, const struct node *b,
		 void (*fn)(void *arg, const char *path, const char *a_text, const char *b_text), void *arg);

static inline bool prop_is_size(const struct prop *row)
{
	return row->type == T_SIZE || row->type == T_BYTES;
}
/* What @unit means in a size of ROW when it is absent. */
static inline const char *prop_unit(const struct prop *row)
{
	return row->type == T_BYTES ? "bytes" : "KiB";
}
/* The value as its file shows it, without a newline: sizes in bytes, flags 0/1, the default when absent, "" for neither. */
void prop_show(const struct prop *row, const struct node *base, struct buf *out);
/* Checks TEXT against the row and sets it.  An empty TEXT removes it (the default holds again).  */
int prop_store(const struct prop *row, struct node *base, struct str text, struct error *err);
int prop_check(const struct prop *row, struct str text, struct error *err);
/* The text in the document or the row's default or NULL. */
const char *prop_text(const struct schema *s, const struct node *base, const char *path);

/* Replaces every P_SECRET value by asterisks of the same length (for those who may not see it). True if there was one. */
bool schema_mask(const struct schema *s, struct node *n);
/* Where a P_SECRET value of N is only asterisks of the length that OLD has there, puts OLD's back. */
void schema_unmask(const struct schema *s, struct node *n, const struct node *old);

#endif
