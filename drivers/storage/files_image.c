/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pools of files: the bytes of a volume as they lie.  What is uploaded into a new volume, or in place of all that an existing one has, is written
 * beside it under a name that is no volume's, and takes its place when it is whole.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "files.h"

struct image_job {
	struct file_job j;
	int flags, fd;
	bool apart; /* it is to appear at commit */
	uid_t uid;
	gid_t gid;
	mode_t mode;
	char *temp;	     /* where it is until then; NULL: it is in its place */
	struct bulk_ops ops; /* those of the descriptor, with our close */
	void (*close_fd)(struct bulk *b);
};

static void image_free(void *arg)
{
	struct image_job *i = arg;

	free(i->temp);
	file_job_clear(&i->j);
	free(i);
}

/* ---- on a thread ---- */

static void drop_temp(struct image_job *i)
{
	int dir = i->temp ? file_dir(&i->j) : -1;

	if (dir >= 0) {
		unlinkat(dir, i->temp, 0);
		close(dir);
	}
}

static void forget(void *arg)
{
	struct image_job *i = arg;

	drop_temp(i);
	base_close_p(&i->fd);
	image_free(i);
}

/* Whoever opened it does not wait any more. */
static void forget_soon(void *arg)
{
	struct worker *thread = worker_new("clean");

	if (worker_post(thread, forget, arg) < 0)
		forget(arg);
	worker_free(thread);
}

static int fail(struct image_job *i, int code)
{
	return error_set(&i->j.err, code, "'%s/%s': %s", i->j.dir, i->j.name,
			 code == ELOOP ? "it is a symbolic link: what it leads to is written there, not in the pool"
				       : strerror(code));
}

static int open_temp(struct image_job *i, int dir)
{
	i->fd = file_temp(dir, &i->temp);
	if (i->fd < 0)
		return fail(i, errno);
	return 0;
}

static int open_place(struct image_job *i, int dir)
{
	bool writes = (i->flags & O_ACCMODE) != O_RDONLY;
	struct stat st;

	i->fd = writes ? openat(dir, i->j.name, (i->flags & O_ACCMODE) | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
		       : file_open_read(&i->j, dir);
	if (i->fd < 0 && i->j.err.code)
		return i->fd;
	if (i->fd < 0 || fstat(i->fd, &st) < 0)
		return fail(i, errno);
	if (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))
		return 0;
	return fail(i, S_ISDIR(st.st_mode) ? EISDIR : EINVAL);
}

static int open_image(void *arg)
{
	struct image_job *i = arg;
	int dir = file_dir(&i->j), r;

	if (dir < 0)
		return dir;
	r = i->apart ? open_temp(i, dir) : open_place(i, dir);
	close(dir);
	return r;
}

/*
 * What was uploaded is new, or takes the place of what is there: that goes only when the new one is on the disk.  Of a new one that is the
 * user's to ask for (fsync), as after any cp.
 */
static int commit_image(void *arg)
{
	struct image_job *i = arg;
	bool replaces = !(i->flags & O_CREAT);
	int dir = file_dir(&i->j), r = 0;

	if (dir < 0)
		return dir;
	if ((replaces && fsync(i->fd) < 0) || (geteuid() == 0 && fchown(i->fd, i->uid, i->gid) < 0) ||
	    fchmod(i->fd, i->mode) < 0)
		r = fail(i, errno);
	else if (replaces ? renameat(dir, i->temp, dir, i->j.name) < 0 : file_appear(dir, i->temp, i->j.name) < 0)
		r = fail(i, errno);
	else
		free(take(&i->temp));
	if (r == 0 && replaces && fsync(dir) < 0)
		r = fail(i, errno);
	close(dir);
	return r;
}

/* As the last. */
static void close_image(struct bulk *b)
{
	struct image_job *i = b->priv;

	drop_temp(i);
	i->close_fd(b);
	image_free(i);
}

/* ---- in the task ---- */

static int commit(struct bulk *b, struct error *err)
{
	struct image_job *i = b->priv;
	int r;

	if (!i->temp) /* it is in its place already */
		return 0;
	task_shield(1); /* what is half in its place must be known to be there or not */
	r = offload(b->worker, commit_image, i, NULL, NO_TIMEOUT);
	task_shield(-1);
	if (r < 0)
		error_move(err, &i->j.err);
	return r;
}

static struct bulk *bulk_of(struct image_job *i)
{
	struct bulk *b = bulk_of_fd(i->fd, (i->flags & O_ACCMODE) != O_RDONLY);

	if (!i->apart) {
		image_free(i);
		return b;
	}
	i->ops = *b->ops;
	i->close_fd = b->ops->close;
	i->ops.close = close_image;
	b->ops = &i->ops;
	b->priv = i;
	b->commit = commit;
	return b;
}

int files_image(struct pool *p, const char *name, int flags, const struct volume_spec *spec, struct bulk **out,
		struct error *err)
{
	struct image_job *i = xcalloc(1, sizeof(*i));
	int r = file_job_init(p, &i->j, name, NULL, err);

	i->fd = -1;
	i->flags = flags;
	i->apart = flags & (O_CREAT | O_TRUNC);
	if (spec) {
		i->uid = spec->uid;
		i->gid = spec->gid;
		i->mode = spec->mode & 0777;
	}
	if (r == 0)
		r = pool_offload(p, open_image, i, forget_soon, POOL_ASK_MS, err);
	if (r == -ETIMEDOUT || r == -ECANCELED)
		return r;
	if (r == 0) {
		*out = bulk_of(i);
		return 0;
	}
	if (i->j.err.code)
		error_move(err, &i->j.err);
	forget_soon(i);
	return r;
}
