/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a hypervisor driver is to the engine, and all that a driver may know of a domain.
 *
 * Slots run as a task under the domain's job, one at a time per domain, and may wait unless said otherwise.  They return 0 or a
 * negative errno with *ERR set, and leave the domain as it was when they fail.  Any slot but complete, start, stop and adopt
 * may be NULL: the engine then answers ENOTSUP by name.  Readers take no job: stats and guest_ops may run beside another slot and
 * beside each other.
 */
#ifndef DOMFS_DRIVER_H
#define DOMFS_DRIVER_H

#include "doc.h"
#include "offload.h"
#include "schema.h"

struct domain;

enum stop_how {
	STOP_KILL, /* at once, must work on a hung hypervisor and take well under a second */
};

enum button {		     /* what a guest is asked; done when the guest was told, not when it obeyed */
	      BUTTON_POWER,  /* ACPI shutdown */
	      BUTTON_REBOOT, /* the guest is asked to end, then reset in place of ending */
	      BUTTON_RESET,  /* hard reset, done when it returns */
	      BUTTON_NMI,
};

enum { STATS_CPU = 1, STATS_VCPU = 2, STATS_MEMORY = 4, STATS_BLOCK = 8, STATS_NET = 16 };

/* One counter.  item: "" or the disk's target, the NIC's name, the vCPU's number. */
struct stat_row {
	unsigned group;
	char item[32];
	const char *key; /* static text: "time_ns", "read_bytes" */
	uint64_t value;
};
struct stats {
	struct stat_row *rows;
	size_t n, cap;
};
void stats_put(struct stats *s, unsigned group, const char *item, const char *key, uint64_t value);
void stats_clear(struct stats *s);

struct start_opts {
	bool paused; /* leave the vCPUs stopped */
};

struct guest_ops {
	/* A descriptor of the first serial console, to read and write, non-blocking; the caller's to close. */
	int (*console)(struct domain *d, struct error *err);
	int (*screenshot)(struct domain *d, struct buf *png, struct error *err);
};

/* What a driver found out about this host (host/drivers/NAME/).  Texts are owned. */
struct driver_info {
	char *version; /* "7.2.22", or NULL */
	char *state; /* "usable" or "not usable: why"; with what was found: "usable: kvm no (...), tcg yes" one fact a line after it */
	char *capabilities; /* text lines: what each row becomes; a driver prints its mapping tables */
};

struct driver {
	const char *name;	  /* "qemu": host/drivers/NAME */
	const char *const *types; /* domain/@type values it serves: "qemu", "kvm", NULL */

	/* Looks at the host.  Called once at start in the background (a task), and again on demand.  Remembers what it found. */
	int (*probe)(struct driver_info *out, struct error *err);

	/* Fills in what the definition leaves out (machine, controllers, addresses, aliases, MACs, defaults) and refuses what
	 * this driver cannot do, naming element and line.  The schema check was done.  OLD is the definition it replaces or NULL: what
	 * was filled in there and still fits stays the same (MACs, addresses).  Does not wait and touches no outside. */
	int (*complete)(struct doc *full, const struct doc *old, struct error *err);

	/* The default definition that mkdir makes for NAME, as document text, the caller's; NULL: the driver makes none. */
	char *(*fresh)(const char *name);

	/* The command line that the definition would become, one argument group a line, for `domfs check` and the file `command`
	 * of a domain that is off.  Does not wait. */
	int (*command)(const struct doc *full, const char *name, struct buf *out, struct error *err);

	/* Could it start here and now as defined (accelerator, files that exist)?  May be NULL. */
	int (*check)(struct domain *d, struct error *err);

	/* Starts the guest of domain_live(d).  Returns when it runs.  On failure nothing of it is left. */
	int (*start)(struct domain *d, const struct start_opts *o, struct error *err);
	/* Finds the guest again after a restart of domfs (kept values, the run directory).  0: it lives and domain_news told its state;
	 * -ESRCH: it is gone, *err says how; whatever was half started is gone too when this returns. */
	int (*adopt)(struct domain *d, struct error *err);
	/* Ends the guest; when it returns 0 the process is gone and reaped and NEWS_GONE was told.  Called while another
	 * slot of this domain may be waiting: that slot's wait fails. */
	int (*stop)(struct domain *d, enum stop_how how, struct error *err);
	int (*pause)(struct domain *d, bool on, struct error *err);
	int (*press)(struct domain *d, enum button which, struct error *err);
	/* DEV is complete (alias, address) and lives in a document of the caller's that outlives the call.  The driver may write live
	 * values into it (pty path). */
	int (*attach)(struct domain *d, struct node *dev, struct error *err);
	/* Returns when the guest has let go, -ETIMEDOUT (bounded) when it has not: the request stays, and NEWS_DETACHED may follow. */
	int (*detach)(struct domain *d, struct node *dev, struct error *err);
	/* A row marked P_LIVE of DEV (the <domain> element itself, or a device) is to become TEXT. DEV still has the old value. */
	int (*set)(struct domain *d, struct node *dev, const struct prop *row, struct str text, struct error *err);
	/* GROUPS is a mask.  CPU, VCPU and NET come from the host's kernel and do not wait; MEMORY and BLOCK may. */
	int (*stats)(struct domain *d, unsigned groups, struct stats *out, struct error *err);
	/* Frees domain_priv(d); the guest, if there is one, goes on.  Does not wait. */
	void (*forget)(struct domain *d);

	const struct guest_ops *guest;
};
extern const struct driver *const drivers[];	       /* drivers/registry.c; NULL ends it */
const struct driver *driver_of_type(const char *type); /* by domain/@type */
const struct driver *driver_by_name(const char *name);
char *driver_types(void); /* "qemu kvm test": all types that are served; the caller frees */
/* What was found out about this host so far (all NULL before the first probe); borrowed until the next probe. */
const struct driver_info *driver_info(const struct driver *drv);
int driver_probe(const struct driver *drv, struct error *err); /* looks (again); one at a time.  Task */
void drivers_probe(void);				       /* all, each in a task of its own */
/* Who makes a domain that was only named (mkdir): the first that works here; NULL with *err.  Task. */
const struct driver *driver_best(struct error *err);
void drivers_close(void); /* frees the infos */

/* ---- what a driver may know of a domain (engine/domain.c) ---- */

const char *domain_name(const struct domain *d);
const char *domain_uuid(const struct domain *d);
int domain_id(const struct domain *d);	    /* > 0 while it runs */
struct node *domain_live(struct domain *d); /* <domain> of the running guest's document; dead at the next wait */
void domain_owner(const struct domain *d, uid_t *uid, gid_t *gid); /* with whose rights files are opened */
const char *domain_run_dir(const struct domain *d); /* exists from before start until after stop; mode 0700 */
struct worker *domain_worker(struct domain *d);	    /* the thread that may hang on this domain's files */
void *domain_priv(const struct domain *d);
void domain_set_priv(struct domain *d, void *priv);
void domain_set_pid(struct domain *d, pid_t pid); /* 0: none */

/* Values that adopt needs.  domain_keep changes memory; domain_save_run writes them with the live document to the run directory
 * (temporary name, rename; tmpfs, so it does not wait long).  NULL removes. */
void domain_keep(struct domain *d, const char *key, const char *value);
const char *domain_kept(const struct domain *d, const char *key);
int domain_save_run(struct domain *d, struct error *err);

/* DISK as it is to be opened, where its definition names a volume of a pool (itself, or an image below it): *OUT is a document with a copy
 * of DISK that has the file, device or server in the volume's place, and the format that is recorded for it where DISK gives none.  *OUT is
 * NULL when DISK names no volume.  OWNER is whose guest it is to be.  Asks the pool, which must be active.  Task. */
struct who;
must_check int disk_effective(const struct node *disk, const struct who *owner, struct doc **out, struct error *err);
/* What the file `source` of a disk takes: an absolute path, POOL/VOLUME, or nothing.  Type and <source> only. */
void disk_set_source(struct node *disk, const char *text);

enum news_kind {
	NEWS_RUNNING,  /* vCPUs run; why: booted, resumed */
	NEWS_PAUSED,   /* vCPUs stopped; why: user, ioerror, watchdog, panicked */
	NEWS_GONE,     /* the hypervisor process is gone; why: shutdown, destroyed, crashed, failed; detail in words */
	NEWS_DETACHED, /* the guest has let go of a device; item is its alias */
	NEWS_DETACH_FAILED, /* the guest refused; item is its alias */
	NEWS_BALLOON,	    /* value: bytes that the guest has now */
	NEWS_CPUS,	    /* value: vCPUs that it has now */
	NEWS_EVENT, /* for the event line only: why is its word (reset, watchdog, io-error ...), item and detail say more */
};
struct news {
	enum news_kind kind;
	const char *why;
	const char *item;
	const char *detail;
	uint64_t value;
};
/* Tells the engine what happened.  On the loop or in a task; does not wait; the engine decides what it means. */
void domain_news(struct domain *d, const struct news *n);

/* Mount options and environment that drivers use (engine/config.c); set once before the loop runs. */
struct config {
	char *state_dir, *run_dir;
	bool root;			       /* we are root */
	uid_t guest_uid_first, guest_uid_last; /* a uid per guest out of this range; 0: none */
	bool guest_user_fixed;		       /* guest_user=: one uid for all */
	uid_t guest_user;
	gid_t guest_group;
	int hypervisor_timeout_ms; /* how long one question to a hypervisor may take (5000) */
	bool force_kvm;		   /* kvm=force: trust /dev/kvm although no hardware module is behind it */
	bool foreground;
};
extern struct config config;
void config_defaults(void); /* from the environment: directories, who we are, faults; mount options change it after */
void config_free(void);

/* Fault injection: a named step.  With DOMFS_CRASH=NAME[:N] in the environment the process kills itself by SIGKILL at the Nth
 * passing of step NAME; with DOMFS_FAIL=NAME it returns -EIO with *err set.  Costs one comparison otherwise. */
int fault_point(const char *name, struct error *err);

#endif
