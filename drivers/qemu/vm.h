/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One running QEMU as this driver sees it: domain_priv(d).  It exists from the start of `start` or `adopt` until the process is
 * reaped and nobody waits on it any more.
 */
#ifndef DOMFS_QEMU_VM_H
#define DOMFS_QEMU_VM_H

#include "../../engine/spawn.h"
#include "qemu.h"
#include "qmp.h"

struct unplug; /* a detach that waits (hotplug.c) */

struct vm {
	struct domain *d;
	unsigned refs;
	pid_t pid;
	struct process *process;
	struct qmp *qmp;       /* NULL when the monitor is gone */
	bool started;	       /* start or adopt succeeded: news are told */
	bool killed;	       /* by our stop */
	const char *pause_why; /* of the next STOP event: "user", "ioerror", ... */
	bool reboot_wanted;    /* BUTTON_REBOOT: the next guest shutdown becomes a reset */
	char *ended_why; /* from QEMU's own SHUTDOWN event or a panic: "shutdown", "crashed", ...; NULL: unknown */
	bool gone;
	int status; /* wait(2) status, -1 unknown */
	struct waitq gone_waiters;
	TAILQ_HEAD(, unplug) unplugs;
	unsigned next_file; /* see struct plan */
	uid_t uid;	    /* the process runs as; 0: as we do */
	gid_t gid;
	pid_t *threads; /* of the vCPUs by index, 0 where there is none */
	size_t nthreads;
	bool balloon;	      /* there is a balloon whose statistics can be asked */
	uint64_t balloon_now; /* bytes; 0: never told */
};

struct vm *vm_of(const struct domain *d); /* NULL when it does not run */
struct vm *vm_new(struct domain *d);
struct vm *vm_ref(struct vm *vm);
void vm_unref(struct vm *vm);
void vm_unref_p(struct vm **vm);
#define autovm __attribute__((cleanup(vm_unref_p)))

/* Watches PID and takes over; the exit is told by news (life.c). */
int vm_watch(struct vm *vm, pid_t pid, struct error *err);
/* Kills the process and waits until it is reaped (bounded; not cancelled by a cancelled task). */
int vm_kill(struct vm *vm, struct error *err);
char *vm_monitor_path(const struct domain *d); /* caller frees */
char *vm_log_path(const struct domain *d);
char *vm_guest_dir(const struct domain *d); /* the directory that the process itself may write in */
/* The last lines of the log, one line joined by "; ", or "" (caller frees). */
char *vm_log_tail(const struct domain *d);

/* events.c */
void vm_event(void *arg, const char *name, json_t *data);

/* hotplug.c: asks the guest to let go of ALIAS and waits, bounded; DEVICE_DELETED and its failures */
int vm_unplug(struct vm *vm, const char *alias, struct error *err);
void vm_unplugged(struct vm *vm, const char *alias, bool refused);
void vm_unplug_end(struct vm *vm); /* all waiters: the process is gone */

/* guest_uid.c: an unprivileged uid that no other running guest has; -1 when the range is used up.  0 when none is wanted. */
int guest_uid_claim(uid_t *uid, gid_t *gid, struct error *err);
void guest_uid_adopt(uid_t uid);
void guest_uid_release(uid_t uid);

/* files.c (more in files.h): opens the plan's files with the domain owner's rights; on failure all are closed again. */
int files_open(struct vm *vm, struct plan *p, struct error *err);
void files_close(struct plan *p);

/* pin.c: CPU affinity of all threads that vm_learn knows */
int qemu_pin(struct vm *vm, struct error *err);

/* learn.c: pty paths, the vCPUs' threads and the balloon after start and adopt */
int vm_learn(struct vm *vm, struct error *err);
struct call *vm_learn_begin(struct vm *vm); /* the same in two steps; NULL: there is nothing to ask */
int vm_learn_finish(struct vm *vm, struct call *chardevs, int64_t timeout_ms, struct error *err);
void vm_learn_threads(struct vm *vm); /* from /proc: does not wait */

#endif
