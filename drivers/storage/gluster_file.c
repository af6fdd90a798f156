/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files of a GlusterFS volume: looked at, made, renamed, removed.  On threads. */
#include <stdio.h>
#include <sys/random.h>

#include "gluster.h"

char *gluster_path(const struct gluster_fs *f, const char *name)
{
	return xasprintf("%s/%s", f->at.dir, name);
}

/* ---- connected ---- */

static int no_connection(struct gluster_job *j, int code)
{
	const struct gluster_source *s = &j->fs->at;

	if (code == ENOENT || code == EINVAL)
		return error_set(&j->far.why, ENOENT, "the server '%s' has no volume '%s' that is started", s->host,
				 s->volume);
	return error_set(&j->far.why, code == ETIMEDOUT ? EHOSTUNREACH : code,
			 "the GlusterFS server '%s' (port %d): %s", s->host, s->port ? s->port : GLUSTER_PORT,
			 code == ENOTCONN ? "it does not answer, or has no such volume" : strerror(code));
}

int gluster_connect(void *arg)
{
	struct gluster_job *j = arg;
	struct gluster_fs *f = j->fs;
	int r = gluster_load(&j->far.why);

	if (r < 0)
		return r;
	f->fs = gluster.glfs_new(f->at.volume);
	if (!f->fs)
		return error_set(&j->far.why, ENOMEM, "GlusterFS's library cannot be used");
	gluster.glfs_set_logging(f->fs, "/dev/null", 0);
	errno = 0;
	if (gluster.glfs_set_volfile_server(f->fs, "tcp", f->at.host, f->at.port ? f->at.port : GLUSTER_PORT) < 0 ||
	    gluster.glfs_init(f->fs) < 0)
		return no_connection(j, errno ? errno : ENOTCONN);
	if (gluster.glfs_stat(f->fs, f->at.dir[0] ? f->at.dir : "/", &j->st) < 0)
		return gluster_failed(j, NULL);
	if (S_ISDIR(j->st.st_mode))
		return 0;
	errno = ENOTDIR;
	return gluster_failed(j, NULL);
}

/* ---- the directory ---- */

static int each_name(struct gluster_job *j, void (*fn)(struct gluster_job *j, const struct dirent *e))
{
	const struct gluster_fs *f = j->fs;
	glfs_fd_t *dir = gluster.glfs_opendir(f->fs, f->at.dir[0] ? f->at.dir : "/");
	const struct dirent *e;
	int r;

	if (!dir)
		return gluster_failed(j, NULL);
	for (errno = 0; (e = gluster.glfs_readdir(dir)); errno = 0)
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			fn(j, e);
	r = errno ? gluster_failed(j, NULL) : 0;
	gluster.glfs_closedir(dir);
	return r;
}

static void add_name(struct gluster_job *j, const struct dirent *e)
{
	if (str_starts(e->d_name, GLUSTER_TEMP) || gluster_name_check(e->d_name, NULL) < 0)
		return;
	if (e->d_type == DT_REG || e->d_type == DT_DIR || e->d_type == DT_UNKNOWN)
		listing_add(&j->list, e->d_name);
}

int gluster_list_work(void *arg)
{
	return each_name(arg, add_name);
}

int gluster_usage_work(void *arg)
{
	struct gluster_job *j = arg;

	if (gluster.glfs_statvfs(j->fs->fs, j->fs->at.dir[0] ? j->fs->at.dir : "/", &j->usage) < 0)
		return gluster_failed(j, NULL);
	return 0;
}

/* Whoever makes one has it locked, and the servers drop the locks of who is gone. */
static bool lock(glfs_fd_t *fd)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return gluster.glfs_posix_lock(fd, F_SETLK, &all) == 0;
}

static void add_left(struct gluster_job *j, const struct dirent *e)
{
	if (str_starts(e->d_name, GLUSTER_TEMP))
		listing_add(&j->list, e->d_name);
}

int gluster_clean(struct gluster_job *j)
{
	int r = each_name(j, add_left);

	for (size_t i = 0; r == 0 && i < j->list.n; i++) {
		autofree char *path = gluster_path(j->fs, j->list.rows[i].name);
		glfs_fd_t *fd = gluster.glfs_open(j->fs->fs, path, O_RDWR);

		if (fd && lock(fd))
			gluster.glfs_unlink(j->fs->fs, path);
		if (fd)
			gluster.glfs_close(fd);
	}
	return r;
}

/* ---- one file ---- */

glfs_fd_t *gluster_open_file(struct gluster_job *j, int flags)
{
	autofree char *path = gluster_path(j->fs, j->name);
	glfs_fd_t *fd = NULL;

	if (gluster.glfs_lstat(j->fs->fs, path, &j->st) == 0) {
		errno = S_ISDIR(j->st.st_mode) ? EISDIR : S_ISLNK(j->st.st_mode) ? ELOOP : EINVAL;
		if (S_ISREG(j->st.st_mode))
			fd = gluster.glfs_open(j->fs->fs, path, flags | O_NOFOLLOW);
	}
	if (!fd)
		gluster_failed(j, j->name);
	return fd;
}

static int read_head(struct gluster_job *j)
{
	glfs_fd_t *fd = gluster_open_file(j, O_RDONLY);
	ssize_t n;

	if (!fd)
		return -j->far.why.code;
	j->head = xmalloc(IMAGE_HEAD);
	n = gluster.glfs_pread(fd, j->head, IMAGE_HEAD, 0, 0, NULL);
	j->nhead = n > 0 ? (size_t)n : 0;
	if (n < 0)
		gluster_failed(j, j->name);
	gluster.glfs_close(fd);
	return n < 0 ? -j->far.why.code : 0;
}

int gluster_look(void *arg)
{
	struct gluster_job *j = arg;
	autofree char *path = gluster_path(j->fs, j->name);

	if (gluster.glfs_lstat(j->fs->fs, path, &j->st) < 0)
		return gluster_failed(j, j->name);
	if (S_ISREG(j->st.st_mode))
		return j->flags ? read_head(j) : 0;
	if (S_ISDIR(j->st.st_mode))
		return 0;
	return error_set(&j->far.why, ENOENT, "'%s' is neither a file nor a directory: no volume", path);
}

int gluster_mkdir_work(void *arg)
{
	struct gluster_job *j = arg;
	autofree char *path = gluster_path(j->fs, j->name);
	int r = 0;

	if (gluster.glfs_mkdir(j->fs->fs, path, 0700) < 0)
		return gluster_failed(j, j->name);
	if ((geteuid() == 0 && gluster.glfs_lchown(j->fs->fs, path, j->uid, j->gid) < 0) ||
	    gluster.glfs_chmod(j->fs->fs, path, j->mode | 0100) < 0) {
		r = gluster_failed(j, j->name);
		gluster.glfs_rmdir(j->fs->fs, path);
	}
	return r;
}

int gluster_remove_work(void *arg)
{
	struct gluster_job *j = arg;
	autofree char *path = gluster_path(j->fs, j->name);
	int r = gluster.glfs_lstat(j->fs->fs, path, &j->st);

	if (r == 0)
		r = S_ISDIR(j->st.st_mode) ? gluster.glfs_rmdir(j->fs->fs, path) : gluster.glfs_unlink(j->fs->fs, path);
	return r < 0 && errno != ENOENT ? gluster_failed(j, j->name) : 0;
}

/* A link never takes the place of what is there, which rename does. */
int gluster_rename_work(void *arg)
{
	struct gluster_job *j = arg;
	autofree char *path = gluster_path(j->fs, j->name), *to = gluster_path(j->fs, j->to);
	struct stat there;

	if (gluster.glfs_lstat(j->fs->fs, path, &j->st) < 0)
		return gluster_failed(j, j->name);
	if (S_ISREG(j->st.st_mode)) {
		if (gluster.glfs_link(j->fs->fs, path, to) < 0)
			return gluster_failed(j, j->to);
		return gluster.glfs_unlink(j->fs->fs, path) < 0 ? gluster_failed(j, j->name) : 0;
	}
	if (gluster.glfs_lstat(j->fs->fs, to, &there) == 0) {
		errno = EEXIST;
		return gluster_failed(j, j->to);
	}
	return gluster.glfs_rename(j->fs->fs, path, to) < 0 ? gluster_failed(j, j->name) : 0;
}

static int grow_fd(struct gluster_job *j, glfs_fd_t *fd)
{
	uint64_t now = (uint64_t)j->st.st_size, end = now + j->far.size;
	bool whole = now && (uint64_t)j->st.st_blocks * 512 >= now;

	if (end > INT64_MAX) {
		errno = EFBIG;
		return -1;
	}
	/* what had all its room before has it after, where there is such a thing */
	if (whole && gluster.glfs_fallocate(fd, 0, (off_t)now, end - now) == 0)
		return 0;
	if (whole && errno != EOPNOTSUPP)
		return -1;
	return gluster.glfs_ftruncate(fd, (off_t)end, NULL, NULL);
}

int gluster_grow_work(void *arg)
{
	struct gluster_job *j = arg;
	glfs_fd_t *fd = gluster_open_file(j, O_RDWR);
	int r;

	if (!fd)
		return -j->far.why.code;
	r = grow_fd(j, fd) < 0 ? gluster_failed(j, j->name) : 0;
	if (r < 0) /* half of it is worth nothing */
		gluster.glfs_ftruncate(fd, j->st.st_size, NULL, NULL);
	gluster.glfs_close(fd);
	return r;
}

/* ---- whole or not there ---- */

int gluster_make_temp(struct gluster_job *j)
{
	for (int tries = 0;; tries++) {
		autofree char *path = NULL;
		uint32_t number = 0;
		struct stat st;

		if (getrandom(&number, sizeof(number), 0) < 0)
			number = (uint32_t)getpid() + (uint32_t)tries;
		j->temp = xasprintf(GLUSTER_TEMP "%08x", number);
		path = gluster_path(j->fs, j->temp);
		j->target = gluster.glfs_creat(j->fs->fs, path, O_RDWR | O_EXCL, 0600);
		/* who cleaned up before it was locked may have taken it away */
		if (j->target && lock(j->target) && gluster.glfs_lstat(j->fs->fs, path, &st) == 0)
			return 0;
		if (!j->target && (errno != EEXIST || tries == 9)) {
			free(take(&j->temp));
			return gluster_failed(j, NULL);
		}
		if (j->target)
			gluster.glfs_close(take(&j->target));
		free(take(&j->temp));
		if (tries == 9) {
			errno = EAGAIN;
			return gluster_failed(j, NULL);
		}
	}
}

/* A new one is not synced, as after any cp; what is replaced goes only when the new one is on the disk. */
int gluster_appear(struct gluster_job *j)
{
	autofree char *path = gluster_path(j->fs, j->temp), *to = gluster_path(j->fs, j->to);
	glfs_t *fs = j->fs->fs;

	if ((j->replaces && gluster.glfs_fsync(j->target, NULL, NULL) < 0) ||
	    (geteuid() == 0 && gluster.glfs_fchown(j->target, j->uid, j->gid) < 0) ||
	    gluster.glfs_fchmod(j->target, j->mode) < 0)
		return gluster_failed(j, j->to);
	if (j->replaces ? gluster.glfs_rename(fs, path, to) < 0 : gluster.glfs_link(fs, path, to) < 0)
		return gluster_failed(j, j->to);
	if (!j->replaces)
		gluster.glfs_unlink(fs, path);
	free(take(&j->temp));
	return 0;
}
