/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Images come to be: the file is made new by us, filled by qemu-img (a raw one by ourselves), and given to its owner at the end.  The calls that
 * touch the file run on a thread and are not interrupted, so that what was made is always known and can be removed; between two of them a cancel counts.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "engine/offload.h"
#include "engine/spawn.h"
#include "storage.h"

#define FALLOC_PIECE  (256ull << 20)
#define WRITE_PIECE   (16ull << 20)
#define BUFFER	      (1u << 20)
#define STUCK_MS      120000 /* a piece that takes longer: the storage does not answer */
#define FIRST_FD      3	     /* of the secrets in the child */
#define MEASURE_TRIES 20

/* The file, as the thread sees it. */
struct making {
	char *path;
	int fd;
	bool made, keep;	  /* made by us; it stays */
	bool nocow, theirs_first; /* it is given to its owner before it is filled */
	uint64_t capacity;
	uint64_t needs;	 /* bytes that must be free */
	uint64_t off, n; /* a piece */
	uint64_t first;	 /* so many bytes of it get their place at the end */
	uid_t uid;
	gid_t gid;
	mode_t mode;
	struct error err;
};

/* ---- on the thread ---- */

/* Only what we have made: something else may have its name by now. */
static void drop(struct making *m)
{
	struct stat ours, there;

	if (m->made && !m->keep && fstat(m->fd, &ours) == 0 && lstat(m->path, &there) == 0 &&
	    ours.st_dev == there.st_dev && ours.st_ino == there.st_ino)
		unlink(m->path);
	m->made = false;
}

static int close_work(void *arg)
{
	struct making *m = arg;

	drop(m);
	base_close_p(&m->fd);
	m->fd = -1;
	return 0;
}

static void making_free(void *arg)
{
	struct making *m = arg;

	close_work(m); /* already done, unless the storage hung and came back */
	error_clear(&m->err);
	free(m->path);
	free(m);
}

static int check_room(struct making *m)
{
	struct statvfs fs;
	uint64_t room;

	if (!m->needs || fstatvfs(m->fd, &fs) < 0)
		return 0;
	room = (uint64_t)(geteuid() ? fs.f_bavail : fs.f_bfree) * fs.f_frsize;
	if (m->needs <= room)
		return 0;
	return error_set(&m->err, ENOSPC,
			 "%s: %llu bytes are to be taken at once, %llu are free: less allocation, or preallocation off",
			 m->path, (unsigned long long)m->needs, (unsigned long long)room);
}

static int open_work(void *arg)
{
	struct making *m = arg;
	int flags = 0;

	m->fd = open(m->path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
	if (m->fd < 0 && errno == EEXIST)
		return error_set(&m->err, EEXIST, "%s is there already", m->path);
	if (m->fd < 0)
		return error_set(&m->err, errno, "%s: %s", m->path, strerror(errno));
	m->made = true;
	/* as QEMU does it: where the file system knows no such thing there is nothing to turn off */
	if (m->nocow && ioctl(m->fd, FS_IOC_GETFLAGS, &flags) == 0) {
		flags |= FS_NOCOW_FL;
		(void)!ioctl(m->fd, FS_IOC_SETFLAGS, &flags);
	}
	if (m->theirs_first && fchown(m->fd, m->uid, m->gid) < 0)
		return error_set(&m->err, errno, "%s: giving it to user %u: %s", m->path, (unsigned)m->uid,
				 strerror(errno));
	return check_room(m);
}

static int truncate_work(void *arg)
{
	struct making *m = arg;

	if (ftruncate(m->fd, (off_t)m->capacity) < 0)
		return error_set(&m->err, errno, "%s: %llu bytes: %s", m->path, (unsigned long long)m->capacity,
				 errno == EFBIG || errno == EINVAL ? "more than its file system can hold"
								   : strerror(errno));
	return 0;
}

static int falloc_work(void *arg)
{
	struct making *m = arg;
	int r = posix_fallocate(m->fd, (off_t)m->off, (off_t)m->n);

	return r ? error_set(&m->err, r, "%s: allocating at %llu: %s", m->path, (unsigned long long)m->off, strerror(r))
		 : 0;
}

static int write_work(void *arg)
{
	struct making *m = arg;
	autofree char *zeroes = xcalloc(1, BUFFER);
	uint64_t done = 0;

	while (done < m->n) {
		size_t want = m->n - done < BUFFER ? (size_t)(m->n - done) : BUFFER;
		ssize_t n = pwrite(m->fd, zeroes, want, (off_t)(m->off + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_set(&m->err, n < 0 ? errno : ENOSPC, "%s: writing at %llu: %s", m->path,
					 (unsigned long long)(m->off + done), strerror(n < 0 ? errno : ENOSPC));
		done += (uint64_t)n;
	}
	return 0;
}

/* What is left to do when its bytes are there; it stays. */
static int end_work(void *arg)
{
	struct making *m = arg;
	struct stat st;

	if (fstat(m->fd, &st) < 0)
		return error_set(&m->err, errno, "%s: %s", m->path, strerror(errno));
	if ((st.st_uid != m->uid || st.st_gid != m->gid) && fchown(m->fd, m->uid, m->gid) < 0)
		return error_set(&m->err, errno, "%s: giving it to user %u, group %u: %s", m->path, (unsigned)m->uid,
				 (unsigned)m->gid, strerror(errno));
	if (fchmod(m->fd, m->mode & 0777) < 0)
		return error_set(&m->err, errno, "%s: mode %03o: %s", m->path, (unsigned)(m->mode & 0777),
				 strerror(errno));
	m->keep = true;
	return close_work(m);
}

static int size_work(void *arg)
{
	struct making *m = arg;
	struct stat st;

	if (fstat(m->fd, &st) == 0 && (uint64_t)st.st_size < m->first)
		m->first = (uint64_t)st.st_size;
	return 0;
}

/* ---- in the task ---- */

/* One call, to its end.  *M is gone (NULL) when the storage did not answer. */
static int call(struct worker *w, struct making **m, int (*fn)(void *arg), struct error *err)
{
	int r;

	task_shield(1);
	r = offload(w, fn, *m, making_free, STUCK_MS);
	task_shield(-1);
	if (r == -ETIMEDOUT || r == -ECANCELED) {
		r = error_set(err, -r, "%s: the storage does not answer", (*m)->path);
		*m = NULL;
		return r;
	}
	if (r < 0)
		error_move(err, &(*m)->err);
	return r;
}

static int pieces(struct worker *w, struct making **m, int (*fn)(void *arg), uint64_t total, uint64_t piece,
		  const struct volume_spec *spec, struct error *err)
{
	int r = 0;

	for (uint64_t off = 0; off < total && r == 0; off += piece) {
		if (task_cancelled())
			return error_set(err, ECANCELED, "%s: cancelled", (*m)->path);
		(*m)->off = off;
		(*m)->n = total - off < piece ? total - off : piece;
		r = call(w, m, fn, err);
		if (r == 0 && spec->progress)
			spec->progress(spec->arg, off + (*m)->n, total);
	}
	return r;
}

static bool by_hand(const struct volume_spec *spec)
{
	return str_eq(spec->format, "raw") && !spec->secret && !spec->from_path;
}

/* Bytes from its start that are to have their place from the beginning, in a file whose bytes lie as they are; qemu-img does it for others. */
static uint64_t place_first(const struct volume_spec *spec)
{
	if (!str_eq(spec->format, "raw") && !str_eq(spec->format, "luks"))
		return 0;
	if (!spec->preallocation)
		return spec->allocation < spec->capacity ? spec->allocation : spec->capacity;
	return by_hand(spec) && str_eq(spec->preallocation, "falloc") ? spec->capacity : 0;
}

static bool takes_all(const struct volume_spec *spec)
{
	return str_eq(spec->preallocation, "falloc") || str_eq(spec->preallocation, "full");
}

/* "    (12.34/100%)\r", again and again: the last one that is whole. */
static void hear_progress(void *arg, struct buf *said)
{
	const struct volume_spec *spec = arg;
	char *end = memrchr(said->p, '\r', said->n), *at;

	if (!end)
		return;
	*end = 0;
	at = strrchr(said->p, '(');
	if (at && spec->capacity)
		spec->progress(spec->arg, (uint64_t)(strtod(at + 1, NULL) / 100 * (double)spec->capacity),
			       spec->capacity);
	buf_cut(said, 0, (size_t)(end + 1 - said->p));
}

/* ARGV with -p behind "convert". */
static const char **with_progress(char **argv)
{
	size_t n = 0;
	const char **v;

	while (argv[n])
		n++;
	v = xcalloc(n + 2, sizeof(*v));
	memcpy(v, argv, n * sizeof(*v));
	if (strcmp(argv[1], "convert"))
		return v;
	v[2] = "-p";
	memcpy(v + 3, argv + 2, (n - 2) * sizeof(*v));
	return v;
}

/* QEMU before 9.1 measures how long a passphrase takes by CPU time, and gives up where the kernel's clock is too coarse to show any: by chance. */
static int run_again(const char *const *argv, const struct spawn *how, const struct volume_spec *spec,
		     int64_t timeout_ms, struct error *err)
{
	bool tells = !strcmp(argv[1], "convert") && spec->progress;
	int r, tries = 0;

	do
		r = spawn_run_as(argv, how, tells ? hear_progress : NULL, (void *)spec, timeout_ms, err);
	while (r == -EIO && strstr(error_text(err), "accurate CPU usage") && ++tries < MEASURE_TRIES);
	return r;
}

/* ---- whose rights qemu-img has ----
 *
 * An image may name other files, and whoever wrote it may have chosen them: a copy or an overlay is made with the rights of whom it is to be, so
 * that nothing can be read by way of it that he could not read himself. */

struct groups {
	gid_t list[256];
	int n;
};

static bool names_files(const struct volume_spec *spec)
{
	const char *from = spec->from_path ? image_driver(spec->from_format) : NULL;

	return spec->backing || (from && strcmp(from, "raw") && strcmp(from, "luks"));
}

static bool as_owner(const struct volume_spec *spec)
{
	return geteuid() == 0 && spec->uid != 0 && names_files(spec);
}

/* With the owner's rights: those that he has. */
static int groups_work(void *arg)
{
	struct groups *g = arg;

	g->n = getgroups(ARRAY_SIZE(g->list), g->list);
	return 0;
}

static int open_check(struct worker *w, const struct volume_spec *spec, const char *path, int flags, struct error *err)
{
	int fd;

	if (!path || path[0] != '/') /* a URL: its server decides */
		return 0;
	fd = open_as(w, spec->uid, spec->gid, path, flags | O_NONBLOCK, POOL_ASK_MS, err);
	if (fd >= 0)
		close(fd);
	return fd < 0 ? fd : 0;
}

/* What qemu-img would say of it is less than what is known here. */
static int owner_may(struct worker *w, const struct volume_spec *spec, const char *path, struct groups **out,
		     struct error *err)
{
	struct groups *g = xcalloc(1, sizeof(*g));
	int r = offload_as(w, spec->uid, spec->gid, groups_work, g, free, POOL_ASK_MS, err);

	if (r < 0)
		return r;
	r = open_check(w, spec, spec->backing, O_RDONLY, err);
	if (r == 0)
		r = open_check(w, spec, spec->from_path, O_RDONLY, err);
	if (r == 0)
		r = error_in(err, open_check(w, spec, path, O_RDWR, err),
			     "a copy of an image that may name other files is made with the rights of user %u",
			     (unsigned)spec->uid);
	if (r == 0)
		*out = g;
	else
		free(g);
	return r;
}

static int run_with_secrets(const struct volume_spec *spec, char **argv, const struct groups *g, struct error *err)
{
	const struct secret *const secrets[] = { spec->secret, spec->backing_secret, spec->from_secret };
	bool quick = !spec->from_path && !takes_all(spec);
	autofree const char **words = with_progress(argv);
	struct spawn_fd fds[3];
	struct spawn how = { .fds = fds, .no_new_privs = true };
	int n = 0, r = 0;

	for (int i = 0; i < 3 && r == 0; i++) {
		if (!secrets[i])
			continue;
		fds[n] = (struct spawn_fd){ secret_fd(secrets[i], false, err), FIRST_FD + i };
		if (fds[n].ours < 0)
			r = fds[n].ours;
		else
			n++;
	}
	how.nfds = n;
	if (g) {
		how.change_user = true;
		how.uid = spec->uid;
		how.gid = spec->gid;
		how.groups = g->list;
		how.ngroups = g->n > 0 ? g->n : 0;
	}
	if (r == 0)
		r = run_again(words, &how, spec, quick ? POOL_WORK_MS : POOL_LONG_MS, err);
	while (n > 0)
		base_close_p(&fds[--n].ours);
	return r;
}

/* Both lines are made before anything is: what cannot be had is refused with nothing left behind. */
struct lines {
	char **create, **fill;
};

static int plan(const struct volume_spec *spec, const char *path, struct lines *l, struct error *err)
{
	static const int secrets[] = { FIRST_FD, FIRST_FD + 1, FIRST_FD + 2 };

	*l = (struct lines){ 0 };
	l->create = image_create_argv(spec, path, secrets, err);
	if (!l->create)
		return err && err->code ? -err->code : -EINVAL;
	l->fill = image_fill_argv(spec, path, secrets);
	return 0;
}

static void lines_clear(struct lines *l)
{
	strv_free(l->create);
	strv_free(l->fill);
}

static int run_lines(struct worker *w, const struct volume_spec *spec, const char *path, const struct lines *l,
		     struct error *err)
{
	autofree struct groups *g = NULL;
	int r = as_owner(spec) ? owner_may(w, spec, path, &g, err) : 0;

	if (r == 0)
		r = run_with_secrets(spec, l->create, g, err);
	return r == 0 && l->fill ? run_with_secrets(spec, l->fill, g, err) : r;
}

static struct making *making_new(const struct volume_spec *spec, const char *path)
{
	struct making *m = xcalloc(1, sizeof(*m));

	m->path = xstrdup(path);
	m->fd = -1;
	m->nocow = by_hand(spec) && node_has(spec->xml, "target/nocow");
	m->capacity = spec->capacity;
	m->theirs_first = as_owner(spec);
	m->first = place_first(spec);
	m->needs = takes_all(spec) ? spec->capacity : m->first;
	m->uid = spec->uid;
	m->gid = spec->gid;
	m->mode = spec->mode;
	return m;
}

static int fill(struct worker *w, struct making **m, const struct volume_spec *spec, const struct lines *l,
		struct error *err)
{
	int r;

	if (!by_hand(spec))
		r = run_lines(w, spec, (*m)->path, l, err);
	else
		r = call(w, m, truncate_work, err);
	if (r == 0 && by_hand(spec) && str_eq(spec->preallocation, "full"))
		r = pieces(w, m, write_work, spec->capacity, WRITE_PIECE, spec, err);
	if (r == 0 && (*m)->first)
		r = call(w, m, size_work, err);
	if (r == 0 && (*m)->first)
		r = pieces(w, m, falloc_work, (*m)->first, FALLOC_PIECE, spec, err);
	return r;
}

static int create_file(struct worker *w, const struct volume_spec *spec, const char *path, const struct lines *l,
		       struct error *err)
{
	struct making *m = making_new(spec, path);
	int r = call(w, &m, open_work, err);

	if (r == 0)
		r = fill(w, &m, spec, l, err);
	if (r == 0 && task_cancelled())
		r = error_set(err, ECANCELED, "%s: cancelled", path);
	if (r == 0)
		r = call(w, &m, end_work, err);
	if (r < 0 && m)
		(void)!call(w, &m, close_work, NULL);
	if (m)
		making_free(m);
	return r;
}

/* The thread of the last image that was made without trouble: of many in a row each has it. */
static struct worker *idle;

static struct worker *worker_take(void)
{
	return idle ? take(&idle) : worker_new("image");
}

static void worker_give(struct worker *w, int r)
{
	if (r == 0 && !idle)
		idle = w;
	else
		worker_free(w); /* it may hang */
}

int image_create(struct pool *p unused, const struct volume_spec *spec, const char *path, bool block, struct error *err)
{
	struct worker *w = worker_take();
	struct lines l;
	int r = plan(spec, path, &l, err);

	may_wait();
	if (r == 0 && !block)
		r = create_file(w, spec, path, &l, err);
	else if (r == 0 && !by_hand(spec))
		r = run_lines(w, spec, path, &l, err);
	worker_give(w, r);
	lines_clear(&l);
	return r;
}

int image_resize(struct pool *p unused, const char *path, const char *format, uint64_t capacity, struct error *err)
{
	autofree char *size = xasprintf("%llu", (unsigned long long)capacity);
	const char *const argv[] = { "qemu-img", "resize", "-f", image_driver(format), path, size, NULL };
	int r;

	if (capacity > INT64_MAX)
		return error_set(err, EINVAL, "%s: a capacity of %s bytes: there is nothing above 2^63 - 1", path,
				 size);
	if (!format || (path[0] != '/' && !str_starts(path, "gluster://")))
		return error_set(err, EINVAL, "%s: expected an absolute path and a format", path);
	r = spawn_run(argv, (struct str){ 0 }, NULL, POOL_LONG_MS, err);
	if (r < 0 && (strstr(error_text(err), "shrink") || strstr(error_text(err), "Shrinking")))
		return error_set(err, EINVAL, "%s: %s bytes are less than it has: a %s image only grows", path, size,
				 format);
	return r;
}
