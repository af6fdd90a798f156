/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * offload_as and open_as: run a call, open a path with a user's rights, on a worker thread.  The kernel keeps credentials per
 * thread; the C library's calls change all threads, so the system calls are made directly.
 * (Changing ids makes the process undumpable until it execs: right for one that holds others' secrets.)
 */
#include "openas.h"

#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/securebits.h>

#include "offload.h"

/* the ones with ids of 32 bits, where a machine has both */
#ifdef SYS_setgroups32
#define SET_GROUPS SYS_setgroups32
#define SET_FSUID  SYS_setfsuid32
#define SET_FSGID  SYS_setfsgid32
#else
#define SET_GROUPS SYS_setgroups
#define SET_FSUID  SYS_setfsuid
#define SET_FSGID  SYS_setfsgid
#endif

#define GROUPS_MOST 65536 /* NGROUPS_MAX of Linux */

struct rights {
	gid_t *groups;
	int n;
};

static void rights_clear(struct rights *r)
{
	free(r->groups);
}

/* All groups of UID; one without a passwd entry has GID only. */
static void groups_of(uid_t uid, gid_t gid, struct rights *r)
{
	char text[4096];
	struct passwd pw, *found = NULL;

	r->n = 1;
	if (getpwuid_r(uid, &pw, text, sizeof(text), &found) || !found) {
		r->groups = xmemdup(&gid, sizeof(gid));
		return;
	}
	for (int room = 32;; room = r->n) {
		r->groups = xrealloc(r->groups, (size_t)room * sizeof(gid_t));
		r->n = room;
		if (getgrouplist(pw.pw_name, gid, r->groups, &r->n) >= 0)
			return;
		/* cannot be: never more rights than GID's */
		if (r->n <= room || r->n > GROUPS_MOST) {
			r->groups[0] = gid;
			r->n = 1;
			return;
		}
	}
}

/* Our own rights again.  A thread that kept another's would act for the wrong one ever after. */
static void give_back(const struct rights *ours)
{
	syscall(SET_FSUID, geteuid());
	syscall(SET_FSGID, getegid());
	if (syscall(SET_GROUPS, ours->n, ours->groups) < 0 || (uid_t)syscall(SET_FSUID, -1) != geteuid() ||
	    (gid_t)syscall(SET_FSGID, -1) != getegid())
		abort();
}

/* A call that runs with another's rights. */
struct as_job {
	int (*fn)(void *arg);
	void *arg;
	void (*free_arg)(void *arg);
	uid_t uid;
	gid_t gid;
	bool change;
};

static void as_job_free(void *arg)
{
	struct as_job *j = arg;

	if (j->arg)
		j->free_arg(j->arg);
	free(j);
}

/* setfsuid from 0 to another also takes the capabilities that override modes, and back returns
 * them, unless a securebit says otherwise: then nothing is done. */
static int take_on(const struct as_job *j, const struct rights *theirs, const struct rights *ours)
{
	int bits = prctl(PR_GET_SECUREBITS);

	if (bits < 0 || (bits & SECBIT_NO_SETUID_FIXUP))
		return -EPERM;
	if (syscall(SET_GROUPS, theirs->n, theirs->groups) < 0)
		return -errno;
	syscall(SET_FSGID, j->gid);
	syscall(SET_FSUID, j->uid); /* these two cannot say that they failed: ask */
	if ((uid_t)syscall(SET_FSUID, -1) == j->uid && (gid_t)syscall(SET_FSGID, -1) == j->gid)
		return 0;
	give_back(ours);
	return -EPERM;
}

static int as_job_run(void *arg)
{
	__attribute__((cleanup(rights_clear))) struct rights ours = { 0 }, theirs = { 0 };
	struct as_job *j = arg;
	int r;

	if (!j->change)
		return j->fn(j->arg);
	groups_of(j->uid, j->gid, &theirs);
	ours.n = getgroups(0, NULL);
	ours.groups = xcalloc((size_t)(ours.n > 0 ? ours.n : 0), sizeof(gid_t));
	ours.n = ours.n > 0 ? getgroups(ours.n, ours.groups) : ours.n;
	if (ours.n < 0)
		return -errno;
	r = take_on(j, &theirs, &ours);
	if (r < 0) /* nothing was taken: a root that may not set groups has none to give back */
		return r;
	r = j->fn(j->arg);
	give_back(&ours);
	return r;
}

int offload_as(struct worker *w, uid_t uid, gid_t gid, int (*fn)(void *arg), void *arg, void (*free_arg)(void *),
	       int64_t timeout_ms, struct error *err)
{
	struct as_job *j;
	int r;

	may_wait();
	if (geteuid() && uid && uid != geteuid()) {
		free_arg(arg);
		return error_set(err, EPERM, "cannot act as user %u: domfs runs as user %u", uid, geteuid());
	}
	j = xmalloc(sizeof(*j));
	*j = (struct as_job){ fn, arg, free_arg, uid, gid, uid && !geteuid() };
	r = offload(w, as_job_run, j, as_job_free, timeout_ms);
	if (r == -ETIMEDOUT)
		return error_set(err, ETIMEDOUT, "its file system did not answer within %" PRId64 " ms", timeout_ms);
	if (r == -ECANCELED)
		return error_set(err, ECANCELED, "cancelled");
	j->arg = NULL;
	as_job_free(j);
	if (r < 0) {
		free_arg(arg);
		return error_set(err, -r, "cannot take on the rights of user %u: %s", uid, strerror(-r));
	}
	return 0;
}

/* ---- open ---- */

struct open_job {
	char *path;
	int flags, fd;
	uid_t uid;
	struct error err;
};

static void open_job_free(void *arg)
{
	struct open_job *j = arg;

	base_close_p(&j->fd);
	error_clear(&j->err);
	free(j->path);
	free(j);
}

static int open_job_run(void *arg)
{
	struct open_job *j = arg;

	j->fd = open(j->path, j->flags | O_CLOEXEC | O_NOCTTY, 0600);
	if (j->fd < 0)
		open_explain(j->path, j->flags, errno, j->uid ? j->uid : geteuid(), &j->err);
	return 0;
}

int open_as(struct worker *w, uid_t uid, gid_t gid, const char *path, int flags, int64_t timeout_ms, struct error *err)
{
	autofree char *name = xstrdup(path);
	struct open_job *j = xcalloc(1, sizeof(*j));
	int r;

	*j = (struct open_job){ .path = xstrdup(path), .flags = flags, .fd = -1, .uid = uid };
	r = offload_as(w, uid, gid, open_job_run, j, open_job_free, timeout_ms, err);
	if (r < 0)
		return error_in(err, r, "'%s'", name);
	r = j->fd;
	j->fd = -1;
	if (r < 0) {
		r = -j->err.code;
		error_move(err, &j->err);
	}
	open_job_free(j);
	return r;
}
