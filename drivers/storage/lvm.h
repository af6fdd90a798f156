/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the files of the `logical` type share: LVM2's programs, their arguments and what they report. */
#ifndef DOMFS_LVM_H
#define DOMFS_LVM_H

#include "storage.h"

/* ---- logical_argv.c: command lines; nothing waits and nothing is run ---- */

enum lv_kind {
	LV_LINEAR,   /* all its room at once */
	LV_SPARSE,   /* ROOM bytes for what is written, of a SIZE that is more: a snapshot of nothing */
	LV_SNAPSHOT, /* of ORIGIN, with ROOM bytes for what becomes different; as large as that is */
	LV_THIN,     /* out of THIN_POOL */
	LV_THIN_SNAPSHOT
};
struct lv_new {
	const char *name;
	enum lv_kind kind;
	uint64_t size, room;
	const char *origin, *thin_pool; /* names in the same volume group */
	bool copy; /* a thin snapshot that is to be a volume of its own, not one above its origin */
};
#define LVM_COPY_TAG "domfs_copy"

/* All end ARGV with NULL; it is the caller's to vec_clear(argv, free). */
void lvm_create_argv(struct vec *argv, const char *vg, const struct lv_new *lv);
void lvm_list_argv(struct vec *argv, const char *vg, const char *lv);			    /* LV NULL: all */
void lvm_argv(struct vec *argv, const char *const *words);				    /* copies of WORDS */
void lvm_on_lv(struct vec *argv, const char *const *words, const char *vg, const char *lv); /* WORDS... VG/LV */

/* -EINVAL with LVM's own reason when NAME cannot be that of a LV in VG, or of a VG.  What passes is never an option. */
int lvm_name_check(const char *vg, const char *name, struct error *err);
int lvm_vg_check(const char *vg, struct error *err);

/* ---- logical_report.c: what lvs, vgs and pvs report in JSON ---- */

struct lv {
	char *name, *origin, *uuid, *path, *pool, *segtype;
	uint64_t size, origin_size; /* bytes; of a snapshot SIZE is its room, ORIGIN_SIZE what a guest sees */
	double data_percent;	    /* below 0: not known */
	unsigned major, minor;	    /* 0, 0: not known */
	bool shown;		    /* a volume: not a part of others, a thin pool ... */
	bool active, open, snapshot, thin, copy;
	struct extent *extents;
	size_t nextents;
};
struct lvs {
	struct lv *at;
	size_t n;
};
void lvs_clear(struct lvs *l);
#define autolvs __attribute__((cleanup(lvs_clear)))
int lvm_parse_lvs(struct str json, struct lvs *out, struct error *err);
/* A LV as the engine knows volumes; VG names its directory. */
void lv_info(const struct lv *lv, const char *vg, struct volume_info *info);
const struct lv *lvs_find(const struct lvs *l, const char *name);
/* The names of a row KIND ("vg", "pv") and a column each: FN(ARG, a, b). */
int lvm_parse_rows(struct str json, const char *kind, const char *a, const char *b,
		   void (*fn)(void *arg, const char *a, const char *b), void *arg, struct error *err);

/* ---- logical_run.c: tasks ---- */

/* Runs it, with LVM's own reason on failure: ENOENT, EEXIST, ENOSPC, EBUSY, EINVAL where it says so, else EIO. */
int lvm_run(const struct vec *argv, struct buf *out, int64_t timeout_ms, struct error *err);
int lvm_run_words(const char *const *words, struct buf *out, int64_t timeout_ms, struct error *err);
/* What LVM said, without its warnings: as an errno, and *MEANT is the line that says why (borrowed from WORDS). */
int lvm_reason(struct str words, struct str *meant);
int lvm_ask_lvs(const char *vg, const char *lv, struct lvs *out, struct error *err);
int lvm_ask_vg(const char *vg, struct pool_usage *out, struct error *err);

/* ---- logical.c, logical_volume.c, logical_build.c, logical_watch.c ---- */

struct logical { /* of an active pool: pool_priv */
	struct pool *pool;
	struct lvs known; /* as last listed */
	bool busy;	  /* somebody has his turn */
	struct waitq readers, writers;
};

char *logical_vg(struct pool *p); /* the volume group's name, the caller's */
/* LVM does one thing at a time in a group, and so do we: nobody waits for its locks with a program, and a listing (READING: it goes first) is
 * of a moment at which the engine knows all that we did. */
int logical_begin(struct pool *p, bool reading, struct error *err);
void logical_end(struct pool *p);
/* -EBUSY naming the LV of *L (NAME: only this one) that is open.  *L is asked for anew: what udev has open it closes soon. */
int logical_closed(const char *vg, const char *name, struct lvs *l, struct error *err);
int logical_build(struct pool *p, bool overwrite, struct error *err);
int logical_erase(struct pool *p, struct error *err);
int logical_create(struct pool *p, const struct volume_spec *spec, struct error *err);
int logical_remove(struct pool *p, const char *name, struct error *err);
int logical_rename(struct pool *p, const char *name, const char *to, struct error *err);
int logical_resize(struct pool *p, const char *name, const struct volume_info *now, uint64_t capacity,
		   struct error *err);
int logical_clone(struct pool *p, const char *name, const struct volume_info *now, const struct volume_spec *to,
		  struct error *err);
/* Sees to it that changes of the devices make the pool's listing stale, until logical_unwatch.  Not tasks. */
void logical_watch(struct logical *g);
void logical_unwatch(struct logical *g);

#endif
