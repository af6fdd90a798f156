/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pools of type dir: a directory. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "files.h"

static int probe(struct buf *state, struct error *err unused)
{
	buf_puts(state, "usable");
	return 0;
}

/* Places where nobody's images belong, whatever they are reached by. */
static bool forbidden(const char *path)
{
	static const char *const all[] = { "/",	   "/dev",  "/proc", "/sys",  "/etc", "/usr",
					   "/bin", "/sbin", "/lib",  "/boot", NULL };

	return word_index(all, path) >= 0 || str_starts(path, "/proc/") || str_starts(path, "/sys/");
}

/* Without the slashes that mean nothing. */
static char *path_normal(const char *path)
{
	char *out = xstrdup(path), *to = out;

	for (const char *p = path; *p; p++)
		if (!(p[0] == '/' && (p[1] == '/' || (!p[1] && p > path))))
			*to++ = *p;
	if (to == out)
		*to++ = '/';
	*to = 0;
	return out;
}

static int complete(struct node *pool, const char *dir, struct error *err)
{
	const char *path = node_get(pool, "target/path");
	autofree char *plain = NULL;

	if (!path || !*path) {
		node_setf(pool, "target/path", "%s/%s", dir, node_get_or(pool, "name", "default"));
		return 0;
	}
	if (path[0] != '/')
		return error_set(err, EINVAL, "line %ld: <target>: '%s' is no absolute path",
				 node_line(node_first(pool, "target/path")), path);
	plain = path_normal(path);
	if (forbidden(plain))
		return error_set(err, EINVAL,
				 "line %ld: <target>: '%s' belongs to the system: choose a directory for images",
				 node_line(node_first(pool, "target/path")), path);
	node_set(pool, "target/path", plain);
	return 0;
}

static void source_show(const struct node *pool, struct buf *out)
{
	buf_puts(out, node_get_or(pool, "target/path", ""));
}

static int source_store(struct node *pool, struct str text, struct error *err unused)
{
	autofree char *path = xstrndup(text.p, text.n);

	node_set(pool, "target/path", *path ? path : NULL);
	return 0;
}

/* ---- on the pool's thread ---- */

struct dir_job {
	struct file_job j;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	bool owned;
};

static void dir_job_free(void *arg)
{
	file_job_clear(&((struct dir_job *)arg)->j);
	free(arg);
}

static int run(struct pool *p, int (*fn)(void *arg), struct error *err)
{
	struct dir_job *d = xcalloc(1, sizeof(*d));
	const struct node *perm = node_first(pool_node(p), "target/permissions");
	const char *mode = node_get(perm, "mode"), *owner = node_get(perm, "owner"), *group = node_get(perm, "group");
	int r;

	d->mode = mode ? strtoul(mode, NULL, 8) & 07777 : 0711;
	d->uid = owner && *owner != '-' ? strtoul(owner, NULL, 10) : (uid_t)-1;
	d->gid = group && *group != '-' ? strtoul(group, NULL, 10) : (gid_t)-1;
	r = file_job_init(p, &d->j, NULL, NULL, err);
	if (r == 0)
		r = pool_offload(p, fn, d, dir_job_free, POOL_WORK_MS, err);
	if (r == -ETIMEDOUT || r == -ECANCELED)
		return r;
	if (r < 0 && d->j.err.code)
		error_move(err, &d->j.err);
	dir_job_free(d);
	return r;
}

static int look(void *arg)
{
	struct dir_job *d = arg;
	autofree char *real = NULL;
	struct stat st;

	if (stat(d->j.dir, &st) < 0)
		return error_set(&d->j.err, errno, "the target '%s': %s%s", d->j.dir, strerror(errno),
				 errno == ENOENT ? ": make it, or echo build > state" : "");
	if (!S_ISDIR(st.st_mode))
		return error_set(&d->j.err, ENOTDIR, "the target '%s' is not a directory", d->j.dir);
	real = realpath(d->j.dir, NULL);
	if (real && forbidden(real))
		return error_set(&d->j.err, EINVAL, "the target '%s' leads to '%s', which belongs to the system",
				 d->j.dir, real);
	if (access(d->j.dir, R_OK | X_OK) < 0)
		return error_set(&d->j.err, errno, "the target '%s': %s", d->j.dir, strerror(errno));
	return 0;
}

static int make(void *arg)
{
	struct dir_job *d = arg;

	for (char *s = d->j.dir + 1; *s; s++) {
		if (*s != '/')
			continue;
		*s = 0;
		if (mkdir(d->j.dir, 0711) < 0 && errno != EEXIST)
			return error_set(&d->j.err, errno, "cannot make '%s': %s", d->j.dir, strerror(errno));
		*s = '/';
	}
	if (mkdir(d->j.dir, 0700) < 0) {
		if (errno == EEXIST)
			return look(d) < 0 ? -d->j.err.code : -EEXIST;
		return error_set(&d->j.err, errno, "cannot make '%s': %s", d->j.dir, strerror(errno));
	}
	if (chmod(d->j.dir, d->mode) < 0 || (geteuid() == 0 && chown(d->j.dir, d->uid, d->gid) < 0))
		return error_set(&d->j.err, errno, "'%s': %s", d->j.dir, strerror(errno));
	return 0;
}

/* A directory that is there already is as good as one that was made. */
static int build(struct pool *p, bool overwrite unused, struct error *err)
{
	int r = run(p, make, err);

	if (r == -EEXIST)
		error_clear(err);
	return r == -EEXIST ? 0 : r;
}

static int start(struct pool *p, struct error *err)
{
	return run(p, look, err);
}

static int take_away(void *arg)
{
	struct dir_job *d = arg;

	if (rmdir(d->j.dir) == 0 || errno == ENOENT)
		return 0;
	if (errno == ENOTEMPTY || errno == EEXIST)
		return error_set(&d->j.err, ENOTEMPTY, "'%s' is not empty: remove its volumes first", d->j.dir);
	return error_set(&d->j.err, errno, "cannot remove '%s': %s", d->j.dir, strerror(errno));
}

static int erase(struct pool *p, struct error *err)
{
	return run(p, take_away, err);
}

const struct pool_driver dir_pool = {
	.type = "dir",
	.flags = POOL_FILES,
	.probe = probe,
	.complete = complete,
	.source_show = source_show,
	.source_store = source_store,
	.build = build,
	.start = start,
	.erase = erase,
	FILES_SLOTS,
};
