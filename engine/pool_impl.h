/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the files of pools and volumes (engine/pool*.c, engine/volume*.c). */
#ifndef DOMFS_POOL_IMPL_H
#define DOMFS_POOL_IMPL_H

#include "driver.h"
#include "pool.h"
#include "record.h"

/* ---- pool.c ---- */

struct pool *pool_new(const char *name, const char *uuid);
void pool_remove(struct pool *p); /* out of the tree; its storage is left alone */
void pool_set_name(struct pool *p, const char *name);
void pool_set_uuid(struct pool *p, const char *uuid);
struct pool *pool_hold(struct pool *p);
void pool_unhold_p(struct pool **p);
#define autopool __attribute__((cleanup(pool_unhold_p)))
int pool_there(const struct pool *p, struct error *err);
int pool_needs_active(const struct pool *p, struct error *err);
struct doc *pool_doc(struct pool *p);
void pool_text_set(struct str *s, char *owned, size_t n);
bool pool_has(const struct pool *p, const void *slot, const char *what,
	      struct error *err); /* false: ENOTSUP is in *ERR */
void pool_enter(struct pool *p, enum pool_state state, const char *why);

/* ---- pool_define.c ---- */

struct pool_draft {
	struct doc *config, *full;
	char *text; /* config's bytes; NULL: as config prints */
	size_t n;
	char uuid[UUID_TEXT];
	const struct pool_driver *driver;
	const struct who *who; /* who wants it so; NULL: domfs itself */
};
void pool_draft_clear(struct pool_draft *dr);
#define autopooldraft __attribute__((cleanup(pool_draft_clear)))
int pool_whole(struct pool *p, struct error *err); /* could it be started as it is defined? */
int pool_draft_edit(struct pool *p, struct pool_draft *dr, struct error *err);
int pool_draft_complete(struct pool *p, struct pool_draft *dr, struct error *err);
int pool_draft_commit(struct pool *p, struct pool_draft *dr, bool keep, struct error *err); /* task */

/* ---- pool_store.c ---- */

int pool_store(struct pool *p, struct str config, struct str full, const char *uuid, const char *type, bool durable,
	       struct error *err);
int pool_store_remove(struct pool *p, struct error *err); /* durably.  Task */
void pool_store_settle(struct pool *p); /* after either: what changed meanwhile, or what is in force if it failed */
void pool_save_soon(struct pool *p);
int pool_volumes_store(struct pool *p, struct error *err); /* formats and rights, durably.  Task */
void pool_volumes_dirty(struct pool *p); /* formats or rights of volumes changed: written soon, once for all */
void pool_volumes_flush(struct pool *p);
void pool_rights_load(struct volume *v); /* those that were stored for it */
void pool_run_set(struct pool *p, bool active);
bool pool_run_get(const struct pool *p, bool *adopted);

/* ---- pool_life.c ---- */

void pool_find_task(void *arg); /* after loading: is it active? */

/* ---- pool_list.c ---- */

int pool_list_now(struct pool *p, struct error *err); /* asks for the listing and takes it over.  Task */
void pool_forget_listing(struct pool *p);
void pool_watch(struct pool *p);

/* ---- volume.c ---- */

struct volume *volume_new(struct pool *p, const char *pool_name, enum volume_state state);
void volume_gone(struct volume *v);
struct volume *volume_of_pool_name(struct pool *p, const char *pool_name);
void volume_set_name(struct volume *v, const char *pool_name);
struct volume *volume_hold(struct volume *v);
void volume_unhold_p(struct volume **v);
#define autovolume __attribute__((cleanup(volume_unhold_p)))
int volume_there(const struct volume *v, struct error *err);
int volume_needs(const struct volume *v, enum volume_state state, struct error *err);
/* As volume_learn, but a broken image is no error: then what is known of it has no format and no capacity. */
int volume_learn_outside(struct volume *v, struct error *err);
/* As volume_learn, of one that was just made as FORMAT (NULL: as its first bytes say). */
int volume_learn_as(struct volume *v, const char *format, struct error *err);
void volume_progress(void *arg, uint64_t done, uint64_t total); /* ARG: the volume */
void volume_event(const struct volume *v, const char *event, const char *detail);
int volume_name_free(struct pool *p, const char *name, struct error *err);

int volume_create(struct volume *v, struct doc *xml, const struct who *who,
		  struct error *err); /* the job is the caller's */

/* ---- volume_users.c ---- */

int pool_check_users(struct pool *p,
		     struct error *err); /* -EBUSY: a guest that claims nothing has one of its volumes */

/* ---- volume_data.c ---- */

int volume_check_chain(struct volume *v, struct error *err); /* -ELOOP: what V is built on has no end.  Task */

int volume_data_layers(struct volume *v, bool write, const struct who *who, const struct secret *secret,
		       struct bulk **out, struct error *err);

/* ---- volume_format.c: which format was recorded for which volume ---- */

void format_record(struct pool *p, const char *pool_name, const char *format, const struct volume_info *info);
char *format_recorded(const struct pool *p, const char *pool_name, const struct volume_info *info);
void formats_clear(struct pool *p);
void format_rename(struct pool *p, const char *from, const char *to); /* TO NULL: forgotten */
/* Before a file is there under a name: that it will be of FORMAT; that it will be what is known by another name.  Durable; task. */
int format_ahead(struct pool *p, const char *pool_name, const char *format, struct error *err);
int format_copy(struct pool *p, const char *from, const char *to, struct error *err);
void formats_sweep(struct pool *p); /* after a listing: what was to be and is not */
void formats_load(struct pool *p, const char *line);
void formats_print(const struct pool *p, struct record *r);

/* ---- volume_spec.c: a draft as what drivers take ---- */

struct volume_plan {
	struct volume_spec spec;
	struct doc *xml;
	char *backing, *backing_format, *from_path, *from_format;
	struct secret *secret; /* held */
};
void volume_plan_clear(struct volume_plan *plan);
#define autoplan __attribute__((cleanup(volume_plan_clear)))
/* Of XML, which is copied; BACKING is resolved.  Task. */
int volume_plan_make(struct volume *v, const struct doc *xml, const struct who *who, struct volume_plan *plan,
		     struct error *err);
struct doc *volume_doc(struct volume *v); /* what its xml says: the draft, or made of its info; the caller frees */

#endif
