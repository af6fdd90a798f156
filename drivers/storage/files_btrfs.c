/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pools of files on btrfs: a volume that is a directory is a subvolume there.  It is copied at once, and removed at once with all that is in it.
 * What others made as one is the same to us; a directory that is none stays a plain one.
 */
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "files.h"
#include "mounting.h"

#define STUCK_MS 120000 /* a snapshot that takes longer: the storage does not answer */

/* ---- on a thread ---- */

static bool on_btrfs(int dir)
{
	struct statfs st;

	return fstatfs(dir, &st) == 0 && st.f_type == BTRFS_SUPER_MAGIC;
}

bool file_is_subvolume(int dir, const struct stat *st)
{
	return S_ISDIR(st->st_mode) && st->st_ino == BTRFS_FIRST_FREE_OBJECTID && on_btrfs(dir);
}

/* NAME into OUT, which has room for SIZE bytes. */
static int put_name(char *out, size_t size, const char *name)
{
	if ((size_t)snprintf(out, size, "%s", name) < size)
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

static int make_subvolume(int dir, const char *name)
{
	struct btrfs_ioctl_vol_args a = { 0 };
	bool own = unshare(CLONE_FS) == 0; /* the umask is this thread's from now on */
	mode_t before = own ? umask(0077) : 0;
	int r = put_name(a.name, sizeof(a.name), name) < 0 ? -1 : ioctl(dir, BTRFS_IOC_SUBVOL_CREATE, &a), code = errno;

	if (own)
		umask(before);
	errno = code;
	return r;
}

int file_make_dir(int dir, const char *name)
{
	return on_btrfs(dir) ? make_subvolume(dir, name) : mkdirat(dir, name, 0700);
}

int file_give_dir(int dir, const char *name, uid_t uid, gid_t gid, mode_t mode)
{
	autoclose int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 || (geteuid() == 0 && fchown(fd, uid, gid) < 0) || fchmod(fd, mode | 0100) < 0 ? -1 : 0;
}

static int destroy(int dir, const char *name)
{
	struct btrfs_ioctl_vol_args a = { 0 };

	return put_name(a.name, sizeof(a.name), name) < 0 ? -1 : ioctl(dir, BTRFS_IOC_SNAP_DESTROY, &a);
}

void file_drop_dir(int dir, const char *name)
{
	if (unlinkat(dir, name, AT_REMOVEDIR) < 0)
		destroy(dir, name);
}

/* The kernel takes a subvolume away that is mounted elsewhere, and what is mounted in it. */
static int check_mounts(struct file_job *j)
{
	autobuf struct buf text = { 0 };
	autofree char *real = realpath(j->dir, NULL), *where = NULL;
	autofree char *path = xasprintf("%s/%s", real && strcmp(real, "/") ? real : "", j->name);
	int r = real ? read_mountinfo(&text) : -errno;

	if (r < 0)
		return error_set(&j->err, -r, "'%s/%s': what is mounted there is not known: %s", j->dir, j->name,
				 strerror(-r));
	where = mountinfo_holds((struct str){ text.p, text.n }, path);
	return where ? error_set(&j->err, EBUSY, "'%s/%s' is mounted, or something in it is: umount '%s' first", j->dir,
				 j->name, where)
		     : 0;
}

int file_remove_subvolume(struct file_job *j, int dir)
{
	int r = check_mounts(j);

	if (r < 0 || destroy(dir, j->name) == 0)
		return r;
	if (errno == ENOTEMPTY)
		return error_set(&j->err, ENOTEMPTY,
				 "'%s/%s' has other btrfs subvolumes in it: remove those first (btrfs subvolume list)",
				 j->dir, j->name);
	/* only root may take away all at once; an empty one is a directory as others are */
	if (errno == EPERM && unlinkat(dir, j->name, AT_REMOVEDIR) == 0)
		return 0;
	if (errno == ENOTEMPTY)
		return error_set(&j->err, ENOTEMPTY,
				 "'%s/%s' is a btrfs subvolume with something in it, which only root may remove: "
				 "empty it first, or mount with user_subvol_rm_allowed",
				 j->dir, j->name);
	return error_set(&j->err, errno, "the btrfs subvolume '%s/%s': %s%s", j->dir, j->name, strerror(errno),
			 errno == EPERM ? ": is it the default one of its file system?" : "");
}

/* ---- a copy ---- */

struct snapshot {
	struct file_job j;
	uid_t uid;
	gid_t gid;
	mode_t mode;
};

static void snapshot_free(void *arg)
{
	file_job_clear(&((struct snapshot *)arg)->j);
	free(arg);
}

static int fail(struct snapshot *s, const char *name)
{
	return error_set(&s->j.err, errno, "'%s/%s': %s", s->j.dir, name,
			 errno == ENOTDIR ? "it is a symbolic link: what it leads to is not the pool's"
					  : strerror(errno));
}

static int check_source(struct snapshot *s, int dir, int from)
{
	struct btrfs_ioctl_get_subvol_rootref_args *inner;
	struct stat st;
	int r = 0;

	if (fstat(from, &st) < 0)
		return fail(s, s->j.name);
	if (!file_is_subvolume(dir, &st))
		return error_set(
			&s->j.err, ENOTSUP,
			"'%s/%s' is a directory and no btrfs subvolume: only those are cloned; cp -a copies it",
			s->j.dir, s->j.name);
	inner = xcalloc(1, sizeof(*inner)); /* 4 KiB */
	if (ioctl(from, BTRFS_IOC_GET_SUBVOL_ROOTREF, inner) == 0 ? inner->num_items : errno == EOVERFLOW)
		r = error_set(&s->j.err, ENOTSUP,
			      "'%s/%s' has other btrfs subvolumes in it, which would be empty in a snapshot: move them "
			      "out, or copy it by cp -a",
			      s->j.dir, s->j.name);
	free(inner);
	return r;
}

static int take_snapshot(void *arg)
{
	struct snapshot *s = arg;
	struct btrfs_ioctl_vol_args_v2 a = { 0 };
	autoclose int dir = file_dir(&s->j), from = -1;
	int r;

	if (dir < 0)
		return dir;
	from = openat(dir, s->j.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	r = from < 0 ? fail(s, s->j.name) : check_source(s, dir, from);
	if (r < 0)
		return r;
	a.fd = from;
	if (put_name(a.name, sizeof(a.name), s->j.to) < 0 || ioctl(dir, BTRFS_IOC_SNAP_CREATE_V2, &a) < 0)
		return fail(s, s->j.to);
	if (file_give_dir(dir, s->j.to, s->uid, s->gid, s->mode) == 0)
		return 0;
	r = fail(s, s->j.to);
	destroy(dir, s->j.to);
	return r;
}

/* ---- in the task ---- */

int files_snapshot(struct pool *p, const char *name, const struct volume_spec *to, struct error *err)
{
	struct worker *thread = worker_new("clone"); /* it waits for all that is to be written */
	struct snapshot *s = xcalloc(1, sizeof(*s));
	int r = file_job_init(p, &s->j, name, to->name, err);

	s->uid = to->uid;
	s->gid = to->gid;
	s->mode = to->mode;
	if (r == 0) { /* it is there or it is not: that must be known */
		task_shield(1);
		r = offload(thread, take_snapshot, s, snapshot_free, STUCK_MS);
		task_shield(-1);
	}
	worker_free(thread);
	if (r == -ETIMEDOUT)
		return error_set(err, ETIMEDOUT, "the storage does not answer");
	if (r == -ECANCELED)
		return error_set(err, ECANCELED, "interrupted");
	if (r < 0 && s->j.err.code)
		error_move(err, &s->j.err);
	snapshot_free(s);
	return r;
}
