/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the files domain*.c and device*.c share.  Nobody else includes this.
 */
#ifndef DOMFS_DOMAIN_IMPL_H
#define DOMFS_DOMAIN_IMPL_H

#include "console.h"
#include "device.h"
#include "domain.h"
#include "record.h"

/* ---- domain.c: which there are ---- */

struct domain *domain_new(const char *name, const char *uuid); /* in all indexes; the caller has no reference */
void domain_remove(struct domain *d);			       /* leaves the tree and the indexes */
void domain_set_name(struct domain *d, const char *name);
void domain_set_uuid(struct domain *d, const char *uuid);
void domain_set_id(struct domain *d, int id); /* 0: not running; keeps by-id */
int domain_next_id(void);
struct domain *domain_hold(struct domain *d); /* a reference across waits */
void domain_unhold_p(struct domain **d);
#define autodomain __attribute__((cleanup(domain_unhold_p)))
static inline bool domain_active(const struct domain *d)
{
	return d->id > 0;
}
/* A name or uuid that somebody is about to take: -EEXIST while another one does. */
int domain_reserve(const char *key, struct error *err);
void domain_unreserve(const char *key);
/* -ESTALE after domain_remove. */
int domain_there(const struct domain *d, struct error *err);

/* ---- domain_doc.c: texts and documents ---- */

void text_set(struct str *s, char *owned, size_t n); /* frees the old one */
void text_clear(struct str *s);
struct node *domain_root(struct domain *d, enum view view);
void domain_live_printed(struct domain *d); /* live_doc changed: the text follows */
void domain_live_free(struct domain *d);
void domain_full_forget(struct domain *d); /* `full` changed: the parsed one goes */
struct numbers {
	uint64_t cpus, cpus_max, memory, memory_max;
	char *images; /* domain_images(); NULL: as they are.  numbers_read does not look at them */
};
void numbers_read(const struct node *root, struct numbers *out);
void domain_numbers_next(struct domain *d, const struct numbers *n); /* and those in force when it is off */
void domain_numbers_now(struct domain *d);			     /* from the document in force */

/* ---- domain_store.c: state files and run files ---- */

/* The definition's record, with these (config's TEXT, FULL, ...) in place of those in force. */
int domain_store(struct domain *d, struct str text, struct str full, const struct numbers *n, const char *uuid,
		 bool durable, struct error *err);
void domain_save_soon(struct domain *d); /* what is in force, without waiting */
int run_dir_make(struct domain *d, struct error *err);
void run_dir_remove(struct domain *d); /* keeps the log for the file `log` */
char *domain_log_kept(const struct domain *d);

/* ---- domain_life.c ---- */

void domain_enter(struct domain *d, enum domain_state state, const char *reason);
int domain_start_held(struct domain *d, const struct start_opts *o, struct error *err); /* the job is the caller's */
void domain_connect_console(struct domain *d);
/* The guest is gone: run dir, id, live documents, console. */
void domain_ended(struct domain *d, enum domain_state state, const char *reason, const char *detail);
void domain_autostart_all(void);
void domain_adopt_found(struct domain *d); /* as a task */

/* ---- domain_define.c: a definition on its way ---- */

struct draft {
	struct doc *config; /* as the user has it */
	struct doc *full;   /* with what was derived */
	char *text;	    /* config's bytes; NULL: as config prints */
	size_t n;
	char uuid[UUID_TEXT];
	const struct driver *driver;
	bool edit; /* the one in force was changed: what was derived for it stays */
};
void draft_clear(struct draft *dr);
#define autodraft __attribute__((cleanup(draft_clear)))
int draft_parse(struct domain *d, struct str text, struct draft *dr, struct error *err);
int draft_edit(struct domain *d, struct draft *dr, struct error *err); /* the one in force, to be changed in place */
/* Checks CONFIG and derives FULL; OLD as driver->complete has it, NULL: the definition in force. */
int draft_complete(struct domain *d, struct draft *dr, const struct doc *old, struct error *err);
/* Stores it durably (unless D is transient and KEEP is not asked for) and puts it in force.  Task. */
int draft_commit(struct domain *d, struct draft *dr, bool keep, struct error *err);
/* Those of FULL's paths that are not in the definition in force must be open to WHO, unless he is the owner or root.  Task. */
int draft_may(struct domain *d, const struct draft *dr, const struct who *who, struct error *err);

/* ---- domain_props.c ---- */

/* A row of the running guest: asks the driver and puts it into the live document.  ALIAS NULL: the domain itself.  Task. */
int live_set(struct domain *d, const char *alias, const struct prop *row, struct str text, struct error *err);

/* ---- volume_users.c ---- */

char *domain_images(const struct node *root); /* a line per image that its disks name; the caller frees */

/* ---- device.c ---- */

struct node *device_by_alias(const struct node *root, const char *alias);
struct node *device_find(const struct node *root, enum part_kind kind, const char *name);
enum part_kind device_kind(const struct node *n);
char *device_name(const struct node *n); /* the part's name; NULL: it is no part; the caller frees */
const struct schema *device_schema(const struct node *n);
/* The element of CONFIG (as the user wrote it) that became N of the complete document; NULL: it was derived. */
struct node *device_in_config(const struct node *config, const struct node *n);
void parts_sweep(struct domain *d); /* those whose element is nowhere any more go */
void parts_drop(struct domain *d);  /* all */

/* ---- device_plug.c ---- */

/* Into the running guest (when VIEW is VIEW_NOW and it runs) and the definition. The job is the caller's. */
int device_plug(struct domain *d, enum part_kind kind, const char *name, const struct node *element, enum view view,
		const struct who *who, struct error *err);
int device_unplug(struct domain *d, enum part_kind kind, const char *name, enum view view, struct error *err);
int owner_only(struct domain *d, const struct who *who, struct error *err);
void device_detached(struct domain *d, const char *alias, bool refused); /* news */

#endif
