/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * fs and netfs pools: one mount on target/path, made and undone by mount(8) and umount(8), which can be killed.  What is mounted is
 * asked of the kernel, never of the mount, and on a thread of its own: the pool's may be stuck in a dead server.
 */
#include "mounting.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "engine/offload.h"
#include "engine/spawn.h"

#define UMOUNT_MS 15000 /* then it is taken out of the tree, and the kernel writes back what it still can */

/* ---- looking ---- */

enum found { NOTHING, OURS, OTHER };

struct look {
	char *target, *source;
	bool device;	 /* SOURCE is a block device */
	bool want_users; /* who uses the mount? */
	/* out */
	enum found found;
	char *real; /* TARGET without symlinks above its last component, or at it when nothing is mounted there */
	struct mounted m;
	struct buf users;
	bool by_us;	  /* domfs is one of them */
	int source_error; /* of a device: 0, or why it is none */
};

static void look_clear(struct look *l)
{
	free(l->target);
	free(l->source);
	free(l->real);
	mounted_clear(&l->m);
	buf_clear(&l->users);
	*l = (struct look){ 0 };
}

static void look_free(void *arg)
{
	look_clear(arg);
	free(arg);
}

static bool device_is_mounted(const struct look *l)
{
	struct stat wanted, st;

	if (stat(l->source, &wanted) < 0 || !S_ISBLK(wanted.st_mode))
		return false;
	if (strcmp(l->m.root, "/") && strcmp(l->m.type, "btrfs"))
		return false; /* a directory of it, bound there */
	if (makedev(l->m.major, l->m.minor) == wanted.st_rdev)
		return true;
	/* btrfs has a device number of its own */
	return l->m.major == 0 && l->m.source[0] == '/' && stat(l->m.source, &st) == 0 && S_ISBLK(st.st_mode) &&
	       st.st_rdev == wanted.st_rdev;
}

/* Symlinks above the last component are followed; the last one is not touched unless nothing is mounted there. */
static char *real_target(const char *target, struct str mounts)
{
	const char *slash = strrchr(target, '/');
	autofree char *above = slash > target ? xstrndup(target, (size_t)(slash - target)) : xstrdup("/");
	char real[PATH_MAX], last[PATH_MAX];
	autofree char *full = NULL;
	struct mounted m;

	if (!realpath(above, real))
		return xstrdup(target);
	full = xasprintf("%s%s", strcmp(real, "/") ? real : "", slash);
	if (mountinfo_find(mounts, full, &m)) {
		mounted_clear(&m);
		return take(&full);
	}
	return xstrdup(realpath(full, last) ? last : full);
}

static int device_error(const char *device)
{
	struct stat st;

	if (stat(device, &st) < 0)
		return errno;
	return S_ISBLK(st.st_mode) ? 0 : ENOTBLK;
}

static int look_fn(void *arg)
{
	struct look *l = arg;
	autobuf struct buf text = { 0 };
	struct str mounts;
	int r = read_mountinfo(&text);

	if (r < 0)
		return r;
	mounts = (struct str){ buf_text(&text), text.n };
	l->real = real_target(l->target, mounts);
	if (mountinfo_find(mounts, l->real, &l->m)) {
		bool ours = l->device ? device_is_mounted(l) : mount_source_same(l->source, l->m.source, l->m.root);
		l->found = ours ? OURS : OTHER;
	}
	if (l->device)
		l->source_error = device_error(l->source);
	if (l->want_users && l->found != NOTHING)
		mount_users(l->real, &l->users, &l->by_us);
	return 0;
}

/* Fills *OUT, which the caller clears. */
static int look(struct pool *p, bool want_users, struct look *out, struct error *err)
{
	struct look *l = xcalloc(1, sizeof(*l));
	struct worker *w = worker_new("mounts");
	int r;

	l->target = pool_text(p, "target/path");
	l->source = mount_source(pool_node(p));
	l->device = node_is(pool_node(p), "@type", "fs");
	l->want_users = want_users;
	if (!l->target || !l->source) {
		r = error_set(err, EINVAL, "the definition has no %s", l->source ? "target" : "source");
		look_free(l);
	} else {
		r = offload(w, look_fn, l, look_free, POOL_ASK_MS);
		if (r == -ETIMEDOUT || r == -ECANCELED) {
			error_set(err, -r, "what is mounted on the target cannot be told");
		} else {
			*out = *l;
			free(l);
			if (r < 0)
				error_set(err, -r, "/proc/self/mountinfo: %s", strerror(-r));
		}
	}
	worker_free(w);
	return r;
}

int mounting_find(struct pool *p, struct error *err)
{
	struct look l = { 0 };
	int r = look(p, false, &l, err);

	if (r == 0)
		r = l.found == OURS;
	look_clear(&l);
	return r;
}

/* ---- the target ---- */

int mounting_target(struct node *pool, const char *dir, struct error *err)
{
	const char *target = node_get(pool, "target/path");
	autobuf struct buf plain = { 0 };

	if (!target || !*target) {
		node_setf(pool, "target/path", "%s/%s", dir, node_get_or(pool, "name", ""));
		return 0;
	}
	if (target[0] != '/')
		return error_set(err, EINVAL, "target/path '%s' is not absolute", target);
	if (strstr(target, "/../") || str_ends(target, "/..") || str_ends(target, "/.") || strstr(target, "/./"))
		return error_set(err, EINVAL, "target/path '%s' has . or .. in it: say where it leads", target);
	for (const char *c = target; *c; c++)
		if (*c != '/' || (c[1] != '/' && c[1]))
			buf_putc(&plain, *c);
	if (!plain.n)
		return error_set(err, EINVAL, "target/path is '/': a pool is not mounted over everything else");
	if (strcmp(plain.p, target))
		node_set(pool, "target/path", plain.p);
	return 0;
}

struct making {
	char *path;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	bool owned;
};

static void making_free(void *arg)
{
	struct making *m = arg;

	free(m->path);
	free(m);
}

static int make_fn(void *arg)
{
	struct making *m = arg;
	struct stat st;

	for (char *slash = strchr(m->path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int r;
		*slash = 0;
		r = mkdir(m->path, 0755);
		*slash = '/';
		if (r < 0 && errno != EEXIST)
			return -errno;
	}
	if (mkdir(m->path, m->mode) < 0) {
		if (errno != EEXIST)
			return -errno;
		return stat(m->path, &st) < 0 ? -errno : S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
	}
	if (chmod(m->path, m->mode) < 0 || (m->owned && chown(m->path, m->uid, m->gid) < 0))
		return -errno;
	return 0;
}

int mounting_make_target(struct pool *p, struct error *err)
{
	struct making *m = xcalloc(1, sizeof(*m));
	autofree char *path = pool_text(p, "target/path"), *mode = pool_text(p, "target/permissions/mode");
	struct node *root = pool_node(p);
	int r;

	m->path = xstrdup(path);
	m->mode = mode ? (mode_t)strtoul(mode, NULL, 8) & 07777 : 0755;
	m->owned = node_has(root, "target/permissions/owner") || node_has(root, "target/permissions/group");
	/* -1 leaves it as it is, here as in chown(2) */
	m->uid = (uid_t)strtoll(node_get_or(root, "target/permissions/owner", "-1"), NULL, 10);
	m->gid = (gid_t)strtoll(node_get_or(root, "target/permissions/group", "-1"), NULL, 10);
	r = pool_offload(p, make_fn, m, making_free, POOL_ASK_MS, err);
	if (r != -ETIMEDOUT && r != -ECANCELED) {
		making_free(m);
		if (r < 0)
			error_set(err, -r, "the directory '%s' of the mount: %s", path, strerror(-r));
	}
	return r;
}

int mounting_build(struct pool *p, bool overwrite unused, struct error *err)
{
	return mounting_make_target(p, err);
}

/* ---- start ---- */

/* "username=U\npassword=P\n" for mount.cifs; 0 and nothing when the pool has no auth. */
static int credentials(struct pool *p, struct buf *out, struct error *err)
{
	autoerror struct error why = { 0 };
	const struct secret *secret;
	autofree char *user = NULL;

	if (!node_has(pool_node(p), "source/auth"))
		return 0;
	user = pool_text(p, "source/auth/@username");
	secret = pool_secret(p, &why);
	if (!secret) {
		int code = why.code ? why.code : ENOENT;
		return error_set(err, code, "source/auth: %s", why.code ? why.text : "it names no secret");
	}
	if (!user || strchr(user, '\n') || memchr(buf_text(&secret->value), '\n', secret->value.n))
		return error_set(err, EINVAL, "source/auth: a username and a password without line ends are needed");
	buf_printf(out, "username=%s\npassword=", user);
	buf_add(out, buf_text(&secret->value), secret->value.n);
	buf_putc(out, '\n');
	return 0;
}

static int run_mount(struct pool *p, struct error *err)
{
	autobuf struct buf words = { 0 };
	int r = credentials(p, &words, err);
	char **argv = r == 0 ? mount_argv(pool_node(p), words.n > 0, err) : NULL;

	if (!argv)
		return r < 0 ? r : -EINVAL;
	r = spawn_run((const char *const *)argv, (struct str){ words.p, words.n }, NULL, POOL_WORK_MS, err);
	if (words.n)
		explicit_bzero(words.p, words.n);
	strv_free(argv);
	return r;
}

/* A mount that was killed may have come about all the same. */
static void undo_mount(struct pool *p)
{
	autoerror struct error why = { 0 };
	struct look l = { 0 };

	task_shield(1);
	if (look(p, false, &l, &why) == 0 && l.found == OURS) {
		const char *const argv[] = { "umount", "-i", "-c", "-l", l.real, NULL };
		(void)!spawn_run(argv, str_of(NULL), NULL, UMOUNT_MS, &why);
	}
	look_clear(&l);
	task_shield(-1);
}

static int look_before(struct pool *p, struct error *err)
{
	struct look l = { 0 };
	int r = look(p, false, &l, err);

	if (r == 0 && l.found == OTHER)
		r = error_set(err, EBUSY,
			      "'%s' has something else mounted on it: '%s' (%s): unmount that, or use another target",
			      l.target, l.m.source, l.m.type);
	else if (r == 0 && l.source_error)
		r = error_set(err, l.source_error, "the device '%s': %s", l.source, strerror(l.source_error));
	else if (r == 0)
		r = l.found == OURS;
	look_clear(&l);
	return r;
}

int mounting_start(struct pool *p, struct error *err)
{
	autofree char *source = NULL;
	int r = look_before(p, err);

	if (r != 0)
		return r < 0 ? r : 0;
	r = mounting_make_target(p, err);
	if (r < 0)
		return r;
	source = mount_source(pool_node(p));
	r = run_mount(p, err);
	if (r == -ETIMEDOUT)
		error_set(err, ETIMEDOUT, "'%s' does not answer: mount was ended after %d s", source,
			  POOL_WORK_MS / 1000);
	if (r == -ETIMEDOUT || r == -ECANCELED)
		undo_mount(p);
	return r;
}

/* ---- stop ---- */

static int umount_once(const char *target, const char *how, struct error *err)
{
	/* -c: the path is as the kernel has it; without, umount would ask the mount itself */
	const char *const argv[] = { "umount", "-c", target, how, how ? "-i" : NULL, NULL };

	return spawn_run(argv, str_of(NULL), NULL, UMOUNT_MS, err);
}

static int answer_fn(void *arg)
{
	struct making *m = arg;
	struct statfs st;

	return statfs(m->path, &st) < 0 ? -errno : 0;
}

/* Does what is mounted on TARGET answer? */
static bool is_alive(struct pool *p, const char *target)
{
	struct making *m = xcalloc(1, sizeof(*m));
	int r;

	m->path = xstrdup(target);
	r = pool_offload(p, answer_fn, m, making_free, POOL_ASK_MS, NULL);
	if (r == -ETIMEDOUT || r == -ECANCELED)
		return false;
	making_free(m);
	return true;
}

/*
 * It did not go.  Others use it: that is theirs to end.  Its server is dead, and a thread of ours may hang in it: it is taken out of the
 * tree, and the kernel writes back what it holds when the server is there again.
 */
static int umount_hard(struct pool *p, struct error *err)
{
	struct look l = { 0 };
	int r = look(p, true, &l, err);

	if (r < 0 || l.found != OURS)
		goto out;
	if (l.users.n && (!l.by_us || strchr(buf_text(&l.users), ',')))
		r = error_set(err, EBUSY, "'%s' is in use by %s", l.target, buf_text(&l.users));
	else if (!is_alive(p, l.real))
		r = umount_once(l.real, "-l", err);
	else if (l.by_us)
		r = error_set(err, EBUSY, "'%s' is in use: an image in it is open", l.target);
	else
		r = error_set(err, EBUSY,
			      "'%s' is in use: something is mounted below it, or a loop device or an export lies on it",
			      l.target);
out:
	look_clear(&l);
	return r;
}

int mounting_stop(struct pool *p, struct error *err)
{
	struct look l = { 0 };
	int r = look(p, false, &l, err);

	if (r == 0 && l.found == OURS)
		r = umount_once(l.real, NULL, err);
	look_clear(&l);
	if (r == 0 || r == -ECANCELED)
		return r;
	return umount_hard(p, err);
}

/* ---- erase ---- */

static int rmdir_fn(void *arg)
{
	return rmdir(((struct making *)arg)->path) < 0 ? -errno : 0;
}

int mounting_erase(struct pool *p, struct error *err)
{
	struct look l = { 0 };
	struct making *m;
	autofree char *path = NULL;
	int r = look(p, false, &l, err);

	if (r == 0 && l.found != NOTHING)
		r = error_set(err, EBUSY, "'%s' is mounted on '%s'", l.m.source, l.target);
	look_clear(&l);
	if (r < 0)
		return r;
	m = xcalloc(1, sizeof(*m));
	m->path = pool_text(p, "target/path");
	path = xstrdup(m->path);
	r = pool_offload(p, rmdir_fn, m, making_free, POOL_ASK_MS, err);
	if (r == -ETIMEDOUT || r == -ECANCELED)
		return r;
	making_free(m);
	if (r == -ENOENT)
		return 0;
	return r < 0 ? error_set(err, -r, "the directory '%s' of the mount: %s", path, strerror(-r)) : 0;
}
