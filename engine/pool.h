/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Storage pools and their volumes as the front ends see them.  (Their drivers see engine/pool_driver.h.)  Everything runs on the loop; what
 * may wait says so, and waits for this pool only.
 */
#ifndef DOMFS_POOL_H
#define DOMFS_POOL_H

#include "access.h"
#include "event.h"
#include "job.h"
#include "object.h"
#include "pool_driver.h"
#include "units.h"

struct watch;
struct loop_timer;

enum pool_state { POOL_INACTIVE, POOL_BUILDING, POOL_STARTING, POOL_ACTIVE, POOL_STOPPING, POOL_DELETING };
extern const char *const pool_state_names[]; /* "inactive" ... */

struct progress { /* of a job: what `job` says */
	const char *operation;
	uint64_t done, total;
	int64_t began_ms;
};

struct pool {
	struct object obj; /* first; obj.name is its name */
	char uuid[UUID_TEXT];
	enum pool_state state;
	bool persistent, autostart;
	bool storing, dirty;		  /* its file is being written or removed; is to be written after that */
	bool fresh;			  /* made by mkdir: takes name and uuid of the first definition as its own */
	bool adopted;			  /* it was there before us: stop leaves it there */
	const struct pool_driver *driver; /* NULL: of a type that is not known here */
	char *type;
	struct str config, full;  /* owned texts: what was written; with what was derived */
	struct doc *doc;	  /* of FULL, parsed on touch */
	struct pool_usage usage;  /* as last asked for */
	bool usage_known, asking; /* asked at least once; being asked now */
	struct waitq askers;

	struct hash *volumes; /* by name */
	struct vec by_serial; /* the same, ascending: readdir */
	bool listed, stale;   /* it was listed since it became active; something may have changed */
	bool listing;	      /* it is being listed now: others wait for that */
	struct waitq listers;
	struct hash *formats; /* name -> owned "FORMAT INODE": what was made or first seen as which format */
	struct watch *watch;  /* of its directory, where inotify sees all; NULL */
	struct vec rights;    /* owned lines: stored rights of volumes that were not listed yet */
	struct loop_timer *saving;

	struct jobs jobs;
	struct progress progress;
	char *error_text;
	struct worker *worker;
	struct waitq state_waiters;
	void *priv;
	void (*free_priv)(void *);
	char *was; /* its name before a rename that is not finished on disk */
};

enum volume_state {
	VOLUME_NEW,
	VOLUME_CREATING,
	VOLUME_READY,
	VOLUME_REMOVING
}; /* NEW: mkdir was, capacity was not yet written */
extern const char *const volume_state_names[];
extern const char *const wipe_algorithms[]; /* zero nnsa dod bsi gutmann schneier pfitzner7 pfitzner33 random trim */

struct volume {
	struct object
		obj; /* first; obj.name: percent-encoded where the pool's own name is no name of the tree; obj.parent the pool's */
	struct pool *pool;
	char *name; /* as the pool knows it; NULL: the same */
	enum volume_state state;
	struct doc *draft;	   /* NEW: what was set so far */
	struct volume_info *info;  /* as last asked for or listed; NULL: never */
	unsigned seen;		   /* the listing that had it last */
	char *preallocation;	   /* NEW: off metadata falloc full; NULL: by allocation */
	struct learning *learning; /* it is being asked about in the background */
	int64_t learned_ms;	   /* monotonic: when INFO came */
	struct bulk *upload;	   /* what is being written into its image; NULL */
	struct jobs jobs;
	struct progress progress;
	char *error_text;
};

void pools_flush(void); /* what is to be written soon is handed over now: before the end */
int pools_open(
	struct error *err); /* loads, adopts what is active, starts what has autostart (tasks).  After secrets_open */
void pools_close(void);
struct pool *pool_find(const char *name);
struct pool *pool_find_uuid(const char *uuid);
struct pool *pool_after(uint64_t serial);
static inline struct pool *pool_of(struct object *o)
{
	return container_of(o, struct pool, obj);
}
static inline struct volume *volume_of(struct object *o)
{
	return container_of(o, struct volume, obj);
}

/* Tasks: */
int pool_make(const char *name, const struct who *who, mode_t mode, struct pool **out, struct error *err);
int pool_drop(struct pool *p, struct error *err); /* -EBUSY while it is active; the data stays */
int pool_rename(struct pool *p, const char *name, struct error *err);
int pool_define(struct pool *p, struct str text, const struct who *who, struct error *err);
int pool_verdict(struct pool *p, struct str text, struct buf *out, struct error *err); /* does not wait */
/* build start stop refresh delete; "build overwrite"; active, inactive */
int pool_command(struct pool *p, struct str word, const struct who *who, struct error *err);
int pool_set_autostart(struct pool *p, bool on, struct error *err);
int pool_prop_show(struct pool *p, const struct prop *row, struct buf *out, struct error *err);
int pool_prop_store(struct pool *p, const struct prop *row, struct str text, const struct who *who, struct error *err);
int pool_source_show(struct pool *p, struct buf *out, struct error *err);
int pool_source_store(struct pool *p, struct str text, const struct who *who, struct error *err);
/* Fresh numbers, or -ETIMEDOUT; pool->usage keeps the last ones. */
int pool_usage(struct pool *p, struct error *err);
void pool_usage_settle(struct pool *p, int64_t timeout_ms); /* the same, for at most so long */
void pool_usage_soon(struct pool *p);			    /* asks for them in the background; not a task */
/* Not tasks: */
void pool_xml(struct pool *p, bool secrets, struct buf *out); /* with capacity, allocation, available as last known */
void pool_config_text(struct pool *p, bool secrets, struct buf *out);
void pool_job(const struct progress *g, const struct jobs *j, struct buf *out);

/* Sees to it that the listing is as the storage is now, waiting at most TIMEOUT_MS; what is known is there even if it fails.  Where inotify
 * watches, nothing is asked and nothing waits.  Task, unless pool_settled. */
int pool_settle(struct pool *p, int64_t timeout_ms, struct error *err);
bool pool_settled(struct pool *p); /* reads what inotify has; true: pool_settle would not wait */

/* Has P, which is active, a volume that it calls NAME?  -ENOENT.  Task. */
int pool_has_volume(struct pool *p, const char *name, struct error *err);
struct volume *volume_find(struct pool *p, const char *name); /* of what is known; does not wait */
struct volume *volume_after(struct pool *p, uint64_t serial);
/* The volume whose path this is, of the active pools; NULL.  Does not wait. */
struct volume *volume_by_path(const char *path);
const char *volume_name(const struct volume *v); /* as the pool knows it */
/* What the tree calls what a pool calls NAME: the same, or percent-encoded where that is no name of the tree.  The caller frees. */
char *volume_tree_name(const char *name);

/* Tasks: */
int volume_make(struct pool *p, const char *name, const struct who *who, mode_t mode, struct volume **out,
		struct error *err);
int volume_drop(struct volume *v, struct error *err); /* removes the data; -EBUSY in use */
int volume_rename(struct volume *v, const char *name, struct error *err);
int volume_define(struct volume *v, struct str text, const struct who *who,
		  struct error *err); /* xml: creates a NEW one */
int volume_capacity_store(struct volume *v, struct str text, const struct who *who,
			  struct error *err); /* creates, or grows */
int volume_prop_store(struct volume *v, const struct prop *row, struct str text, struct error *err); /* of a NEW one */
int volume_backing_store(struct volume *v, struct str target, struct error *err); /* a link's target or a path */
int volume_clone(struct volume *v, struct str spec, const struct who *who,
		 struct error *err); /* "NAME [FORMAT]", "POOL/NAME [FORMAT]" */
int volume_wipe(struct volume *v, struct str algorithm, struct error *err);
int volume_image(struct volume *v, int flags, const struct who *who, struct bulk **out, struct error *err);
int volume_data(struct volume *v, int flags, const struct who *who, struct bulk **out, struct error *err);
/* Fills v->info: asked for anew; -ETIMEDOUT leaves what was known. */
int volume_learn(struct volume *v, struct error *err);
/* The same, waiting at most TIMEOUT_MS: the asking goes on without the caller.  0 too when it does not answer but is known from before. */
int volume_settle(struct volume *v, int64_t timeout_ms, struct error *err);
bool volume_settled(
	const struct volume *v); /* was asked a moment ago (a stat and the next agree), or there is nothing to ask */

int volume_format_store(struct volume *v, struct str text, struct error *err);
int volume_allocation_store(struct volume *v, struct str text, struct error *err);
int volume_preallocation_store(struct volume *v, struct str text, struct error *err);
/* Domains that use it: by their definitions, now or at the next start, or because their guests have it open (RUNNING).  Does not wait. */
struct domain;
void volume_users(struct volume *v, void (*fn)(void *arg, struct domain *d, bool running), void *arg);
bool volume_used_by(struct volume *v, struct domain *d);
struct domain *volume_user_after(struct volume *v, uint64_t serial); /* the next by serial: readdir */
/* -EBUSY naming the running guest that has it open (WRITERS_ONLY: that may write it); knows v->info->claim.  Task. */
int volume_check_users(struct volume *v, bool writers_only, struct error *err);

/* Not tasks: what is known now. */
void volume_xml(struct volume *v, struct buf *out);
void volume_prop_show(struct volume *v, const struct prop *row, struct buf *out);
void volume_job(struct volume *v, struct buf *out);
void pool_access_changed(struct object *o); /* the rights on a pool or a volume: kept */
void pool_set_error(struct pool *p, const char *text);
void volume_set_error(struct volume *v, const char *text);

#endif
