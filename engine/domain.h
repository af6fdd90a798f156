/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Domains as the front ends see them.  (Drivers see engine/driver.h.)  Everything here runs on the loop; what may wait says so.
 * A single value (domain_prop_show, disk_source_show, a condition's line) is given without a newline; whatever has lines, with.
 * What changes `list` or by-id is told as FACET_STATE of the root object, what changes the names or by-uuid as its FACET_NAMES.
 */
#ifndef DOMFS_DOMAIN_H
#define DOMFS_DOMAIN_H

#include "access.h"
#include "driver.h"
#include "event.h"
#include "job.h"
#include "object.h"
#include "units.h"

enum domain_state { /* virsh domstate's words without blanks */
		    DOMAIN_SHUTOFF,
		    DOMAIN_STARTING,
		    DOMAIN_RUNNING,
		    DOMAIN_PAUSED,
		    DOMAIN_STOPPING, /* destroy or shutdown is going on in the hypervisor */
		    DOMAIN_CRASHED,
		    DOMAIN_SAVED,
};
extern const char *const domain_state_names[]; /* "shutoff" ... */

struct domain {
	struct object obj; /* first; obj.name is the domain's name */
	char uuid[UUID_TEXT];
	int id; /* > 0 while it runs */
	pid_t pid;
	enum domain_state state;
	char *reason; /* why it is in that state: booted, user, crashed, failed, shutdown, destroyed, unknown */
	bool persistent, autostart;
	bool fresh; /* made by mkdir and not yet defined: takes name and uuid of the first definition as its own */
	char *type; /* domain/@type */
	uint64_t cpus, cpus_max, memory, memory_max; /* in force now, bytes: kept so that `list` parses nothing */
	uint64_t next_cpus, next_cpus_max, next_memory, next_memory_max; /* the same of the next start */
	char *images_now,
		*images_next; /* of the running guest and of the next start: see volume_users.c; NULL: not known yet */
	const struct driver *driver;

	struct str config; /* owned text: what the user wrote, edited in place by attribute writes: config/xml */
	struct str full;   /* owned text: CONFIG with what was derived: the definition of the next start, complete */
	struct str live;   /* owned text of the running guest, n 0 when off: regenerated when live_doc changes */
	struct doc *full_doc, *live_doc; /* parsed on touch, see domain_doc */

	struct jobs jobs;
	char *error_text; /* the last failure in words; "" never: NULL */
	struct vec parts; /* struct part that somebody looked up or staged */
	struct waitq state_waiters;
	struct console *console;
	struct worker *worker;
	void *priv;	    /* the driver's */
	struct record *run; /* what the run file holds */
	char *run_dir;
	char *was;	     /* its name before a rename that is not finished on disk, else NULL */
	bool storing, dirty; /* a write of the definition is on its way; something else is to be written after it */
};

enum view {
	VIEW_NOW,
	VIEW_CONFIG
}; /* the running definition where there is one, else as the next start; the next start only */

/* Loads all definitions, finds running guests again (adopt, as tasks), starts what has autostart.  store_open was before. */
int domains_open(struct error *err);
/* Forgets all domains (guests go on) and frees everything; no other task may be inside a domain.  store_close comes after. */
void domains_close(void);
/* How many guests of an earlier domfs are not found again yet (0: all that can be said about them is said). */
unsigned domains_adopting(void);

struct domain *domain_find(const char *name);
struct domain *domain_find_uuid(const char *uuid);
struct domain *domain_find_id(int id);
struct domain *domain_after(uint64_t serial); /* the one with the next higher serial: readdir; 0 gives the first */
size_t domain_count(void);
static inline struct domain *domain_of(struct object *o)
{
	return container_of(o, struct domain, obj);
}

/* mkdir: a complete, shut-off domain with sane defaults, owned by WHO.  Durable when it returns.  Bounded (250 ms); task. */
int domain_make(const char *name, const struct who *who, mode_t mode, struct domain **out, struct error *err);
/* rmdir: removes a shut-off domain.  -EBUSY while it runs or has a job. Task. */
int domain_drop(struct domain *d, struct error *err);
/* -EEXIST, -EBUSY where the driver cannot rename a running guest.  Task. */
int domain_rename(struct domain *d, const char *name, struct error *err);
/* write to `state`: a command (start shutdown destroy ...) or a state that is wanted.  Waits until done. Task. */
int domain_command(struct domain *d, struct str word, const struct who *who, struct error *err);

/* write to xml / config/xml.  VIEW_NOW on a running domain: what can change live is changed, the rest is for the next start, or
 * refused if the driver cannot tell apart; the definition is replaced.  The text may have another <name>: -EINVAL (rename with mv) unless
 * it is that of no other domain... the directory's name holds: a document with another name is taken with this one's
 * name put in place when the domain is still fresh from mkdir, refused otherwise.  Another uuid than this domain's: refused likewise.  Task. */
int domain_define(struct domain *d, enum view view, struct str text, const struct who *who, struct error *err);
/* write to `check`: the verdict goes to OUT; the return value says if it would be accepted.  Changes nothing; does not wait. */
int domain_verdict(struct domain *d, struct str text, struct buf *out, struct error *err);
/* The document's text; secrets masked unless SECRETS.  Does not wait. */
void domain_xml(struct domain *d, enum view view, bool secrets, struct buf *out);
void domain_config_text(struct domain *d, bool secrets, struct buf *out); /* config/xml: byte for byte */
/* What differs between running and next start, "path: running -> next" a line; empty when nothing. */
void domain_pending(struct domain *d, struct buf *out);
/* The parsed document of a view; its owner is the domain; dead at the next wait. */
struct doc *domain_doc(struct domain *d, enum view view);

/* A row of domain_schema as a file (memory, cpus, title ...). */
int domain_prop_show(struct domain *d, enum view view, const struct prop *row, struct buf *out, struct error *err);
int domain_prop_store(struct domain *d, enum view view, const struct prop *row, struct str text, const struct who *who,
		      struct error *err);
int domain_set_autostart(struct domain *d, bool on, struct error *err); /* task */

/* The counters.  May wait for the hypervisor (MEMORY, BLOCK), bounded by config.hypervisor_timeout_ms. Task. */
int domain_stats(struct domain *d, unsigned groups, struct stats *out, struct error *err);
int domain_screenshot(struct domain *d, struct buf *png, struct error *err); /* task */
/* "operation start\nelapsed_ms 12\nholder_uid 0\n..." or empty. */
void domain_job(struct domain *d, struct buf *out);
/* The command line: of the running guest as it was run, else as it would be. */
int domain_command_line(struct domain *d, struct buf *out, struct error *err);
/* The hypervisor's own output so far, at most the last 1 MiB. */
int domain_log(struct domain *d, struct buf *out, struct error *err);
/* What `list` shows, all domains. */
struct viewer { /* for whom: those of which SEES is true are told of */
	const struct who *who;
	bool (*sees)(const struct who *who, const struct object *o);
};
void domains_list(const struct viewer *v, struct buf *out);
/* OpenMetrics of all domains; one that does not answer soon is left out of what only it knows.  Task. */
void domains_metrics(const struct viewer *v, struct buf *out);

/* Records what the answering place answers: error file of the domain and /errors. */
void domain_set_error(struct domain *d, const char *text);

/* Is CONDITION (running, paused, shutoff) so?  *LINE gets the line that says it ("shutoff destroyed").  -ENOENT: no such condition. */
int domain_condition(struct domain *d, const char *condition, struct buf *line);

#endif
