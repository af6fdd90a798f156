/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Opens what a plan names.  Everything of the user's is opened on the domain's worker thread with the rights of the domain's
 * owner; QEMU gets descriptors.  Only what QEMU opens by name with fopen (kernel, initrd, ACPI tables) needs more: it is
 * reached through /proc/self/fd, and a file that the guest's own uid may not read is copied into sealed memory first.
 */
#include "files.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../engine/claim.h"
#include "launch.h"
#include "live.h"

#define OPEN_TIMEOUT_MS 15000

/* ---- unix sockets at paths of the user's ---- */

struct socket_job {
	char *path;
	bool listen;
	int fd;
	struct error err;
};

static int socket_work(void *arg)
{
	struct socket_job *j = arg;

	j->fd = j->listen ? unix_listen(j->path, &j->err) : unix_connect(j->path, &j->err);
	return 0;
}

static void socket_job_free(void *arg)
{
	struct socket_job *j = arg;

	if (j->fd >= 0)
		close(j->fd);
	error_clear(&j->err);
	free(j->path);
	free(j);
}

static int open_socket(struct domain *d, const struct plan_file *f, struct error *err)
{
	struct socket_job *j = xcalloc(1, sizeof(*j));
	uid_t uid;
	gid_t gid;
	int r;

	domain_owner(d, &uid, &gid);
	*j = (struct socket_job){ .path = xstrdup(f->path), .listen = f->how == FILE_LISTEN, .fd = -1 };
	r = offload_as(domain_worker(d), f->ours ? 0 : uid, f->ours ? 0 : gid, socket_work, j, socket_job_free,
		       OPEN_TIMEOUT_MS, err);
	if (r < 0)
		return error_in(err, r, "unix socket '%s'", f->path);
	r = j->fd;
	j->fd = -1;
	if (r < 0)
		error_move(err, &j->err);
	socket_job_free(j);
	return r;
}

/* ---- files that QEMU opens by name ---- */

struct copy_job {
	int from, to;
};

static int copy_work(void *arg)
{
	struct copy_job *j = arg;
	off_t at = 0;
	ssize_t n;

	while ((n = sendfile(j->to, j->from, &at, 1 << 24)) > 0)
		continue;
	return n < 0 ? -errno : 0;
}

static void copy_job_free(void *arg)
{
	struct copy_job *j = arg;

	close(j->from);
	close(j->to);
	free(j);
}

/* Replaces *FD by a sealed copy in memory, which anybody who holds it may open again (memfd: mode 0777). */
static int copy_to_memory(struct domain *d, int *fd, const char *path, struct error *err)
{
	struct copy_job *j = xmalloc(sizeof(*j));
	int r;

	*j = (struct copy_job){ *fd, memfd_create("boot", MFD_CLOEXEC | MFD_ALLOW_SEALING) };
	*fd = -1;
	if (j->to < 0) {
		r = -errno;
		copy_job_free(j);
		return error_set(err, -r, "no memory for '%s': %s", path, strerror(-r));
	}
	r = offload(domain_worker(d), copy_work, j, copy_job_free, OPEN_TIMEOUT_MS);
	if (r == -ETIMEDOUT || r == -ECANCELED)
		return error_set(err, -r, "'%s' could not be read in time", path);
	if (r == 0) {
		fcntl(j->to, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
		*fd = j->to;
		j->to = -1;
	} else {
		error_set(err, -r, "'%s' cannot be read: %s", path, strerror(-r));
	}
	copy_job_free(j);
	return r;
}

/* Can the process open /proc/self/fd/N again as the uid that it will have? */
static bool readable_by_all(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (st.st_mode & S_IROTH);
}

/* ---- one file ---- */

/* Guest memory in a file without a name, which QEMU opens again as the uid that it will have. */
static int open_nameless(struct vm *vm, struct plan_file *f, struct error *err)
{
	if (mkdir(f->path, 0700) < 0 && errno != EEXIST)
		return error_set(err, errno, "'%s' cannot be made: %s", f->path, strerror(errno));
	f->fd = open_as(domain_worker(vm->d), 0, 0, f->path, f->flags, OPEN_TIMEOUT_MS, err);
	if (f->fd < 0)
		return f->fd;
	if (vm->uid && fchown(f->fd, vm->uid, vm->gid) < 0)
		return error_set(err, errno, "a file in '%s' cannot be given to the guest's user: %s", f->path,
				 strerror(errno));
	return 0;
}

static int open_regular(struct vm *vm, struct plan_file *f, struct error *err)
{
	uid_t uid = 0;
	gid_t gid = 0;
	int r;

	if (!f->ours)
		domain_owner(vm->d, &uid, &gid);
	f->fd = open_as(domain_worker(vm->d), uid, gid, f->path, f->flags, OPEN_TIMEOUT_MS, err);
	if (f->fd < 0)
		return f->fd;
	if (f->how != FILE_BY_NAME || !vm->uid || readable_by_all(f->fd))
		return 0;
	r = copy_to_memory(vm->d, &f->fd, f->path, err);
	return r;
}

static int open_one(struct vm *vm, struct plan_file *f, struct error *err)
{
	if (f->how == FILE_RUN_DIR)
		return 0;
	if (f->how == FILE_LISTEN || f->how == FILE_CONNECT) {
		f->fd = open_socket(vm->d, f, err);
		return f->fd < 0 ? f->fd : 0;
	}
	if ((f->flags & O_TMPFILE) == O_TMPFILE)
		return open_nameless(vm, f, err);
	return open_regular(vm, f, err);
}

void files_close(struct plan *p)
{
	for (size_t i = 0; i < p->files.n; i++) {
		struct plan_file *f = p->files.at[i];
		if (f->fd >= 0)
			close(f->fd);
		f->fd = -1;
	}
}

int files_open(struct vm *vm, struct plan *p, struct error *err)
{
	for (size_t i = 0; i < p->files.n; i++) {
		struct plan_file *f = p->files.at[i];
		int r;

		if (f->fd >= 0)
			continue;
		r = open_one(vm, f, err);
		if (r < 0) {
			files_close(p);
			return f->what && f->what[0] ? error_in(err, r, "%s", f->what) : r;
		}
	}
	return 0;
}

/* ---- hot-plug ---- */

static int send_one(struct vm *vm, const struct plan_file *f, struct error *err)
{
	json_t *args;

	if (!vm->qmp)
		return error_set(err, ENOTCONN, "QEMU's monitor is not there");
	if (f->how == FILE_LISTEN || f->how == FILE_CONNECT) {
		args = json_object();
		props_str(args, "fdname", f->text);
		return qmp_command(vm->qmp, "getfd", args, f->fd, config.hypervisor_timeout_ms, NULL, err);
	}
	args = json_pack("{s:i}", "fdset-id", f->number);
	props_str(args, "opaque", f->path);
	return qmp_command(vm->qmp, "add-fd", args, f->fd, config.hypervisor_timeout_ms, NULL, err);
}

int files_send(struct vm *vm, struct plan *p, struct error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->files.n; i++) {
		struct plan_file *f = p->files.at[i];
		if (f->fd >= 0)
			r = send_one(vm, f, err);
	}
	return r;
}

/* Does the set hold a descriptor that was added for PATH? */
static bool holds(json_t *set, const char *path)
{
	json_t *fd;
	size_t i;

	json_array_foreach(json_object_get(set, "fds"), i,
			   fd) if (str_eq(json_string_value(json_object_get(fd, "opaque")), path)) return true;
	return false;
}

void files_forget(struct vm *vm, const struct plan *p)
{
	json_t *sets = NULL, *set;

	if (p->files.n == 0 || qmp_call(vm->d, "query-fdsets", NULL, &sets, NULL) < 0)
		return;
	for (size_t i = 0; i < p->files.n; i++) {
		const struct plan_file *f = p->files.at[i];
		size_t k;
		json_array_foreach(sets, k, set)
		{
			if (f->how != FILE_FDSET || !holds(set, f->path) || !vm->qmp)
				continue;
			/* a set that another device still has open stays until that lets go */
			qmp_send(vm->qmp, "remove-fd",
				 json_pack("{s:O}", "fdset-id", json_object_get(set, "fdset-id")));
		}
	}
	json_decref(sets);
}

/* ---- claims ---- */

struct stat_job {
	size_t n;
	struct {
		int fd; /* its own: the plan's may be closed meanwhile */
		struct stat st;
	} of[];
};

static int stat_work(void *arg)
{
	struct stat_job *j = arg;

	for (size_t i = 0; i < j->n; i++)
		if (fstat(j->of[i].fd, &j->of[i].st) < 0)
			return -errno;
	return 0;
}

static void stat_job_free(void *arg)
{
	struct stat_job *j = arg;

	for (size_t i = 0; i < j->n; i++)
		close(j->of[i].fd);
	free(j);
}

/* The keys of what was opened. */
static int learn_keys(struct domain *d, struct vec *claims, struct error *err)
{
	struct stat_job *j = xcalloc(1, sizeof(*j) + claims->n * sizeof(j->of[0]));
	int r;

	for (size_t i = 0; i < claims->n; i++) {
		struct plan_claim *c = claims->at[i];

		if (c->key || c->file->fd < 0)
			continue;
		j->of[j->n].fd = fcntl(c->file->fd, F_DUPFD_CLOEXEC, 0);
		j->n++;
	}
	r = j->n ? offload(domain_worker(d), stat_work, j, stat_job_free, OPEN_TIMEOUT_MS) : 0;
	if (r == -ETIMEDOUT || r == -ECANCELED)
		return error_set(err, -r, "an image does not answer: its storage hangs");
	for (size_t i = 0, k = 0; r == 0 && i < claims->n; i++) {
		struct plan_claim *c = claims->at[i];

		if (!c->key && c->file->fd >= 0)
			c->key = claim_key(&j->of[k++].st);
	}
	stat_job_free(j);
	return r < 0 ? error_set(err, -r, "an image that was opened cannot be looked at: %s", strerror(-r)) : 0;
}

int files_claim(struct vm *vm, struct plan *p, struct error *err)
{
	int r = p->claims.n ? learn_keys(vm->d, &p->claims, err) : 0;

	for (size_t i = 0; r == 0 && i < p->claims.n; i++) {
		struct plan_claim *c = p->claims.at[i];

		if (c->key)
			claim_add(vm->d, c->device, c->key, c->writes);
	}
	return r == 0 && p->claims.n ? domain_save_run(vm->d, err) : r;
}

void files_unclaim(struct domain *d, const struct plan *p)
{
	for (size_t i = 0; i < p->claims.n; i++)
		claim_drop(d, ((struct plan_claim *)p->claims.at[i])->device);
}

void files_keep_next(struct vm *vm)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", vm->next_file);
	domain_keep(vm->d, "next_file", text);
}
