/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pools of files: which there are, and what each is. */
#include "files.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "engine/claim.h"

#define KNOWN_MAX 20000

const char *const file_formats[] = { "raw", "qcow2", "qcow", "qed",   "vmdk",	   "vdi",   "vhdx",
				     "vpc", "luks",  "dir",  "iso",   "bochs",	   "cloop", "dmg",
				     "cow", "vhd",   "fat",  "ploop", "parallels", "none",  NULL };

/* ---- on the pool's thread ---- */

int file_name_check(const char *name, struct error *err)
{
	if (!*name || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return error_set(err, EINVAL, "'%s' is no name of a file", name);
	if (*name == '.') /* those are no volumes, and some are ours */
		return error_set(err, EINVAL, "'%s': the name of a volume does not begin with a dot", name);
	return 0;
}

int file_job_init(struct pool *p, struct file_job *j, const char *name, const char *to, struct error *err)
{
	int r = name ? file_name_check(name, err) : 0;

	if (r == 0 && to)
		r = file_name_check(to, err);
	if (r < 0)
		return r;
	j->dir = pool_text(p, "target/path");
	j->name = xstrdup(name);
	j->to = xstrdup(to);
	return j->dir ? 0 : error_set(err, EINVAL, "the pool '%s' has no target", pool_name(p));
}

void file_job_clear(struct file_job *j)
{
	free(j->dir);
	free(j->name);
	free(j->to);
	error_clear(&j->err);
}

int file_dir(struct file_job *j)
{
	int fd = open(j->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? error_set(&j->err, errno, "the pool's directory '%s': %s", j->dir, strerror(errno)) : fd;
}

char *file_path(struct pool *p, const char *name)
{
	autofree char *dir = files_directory(p);

	return xasprintf("%s/%s", dir ? dir : "", name);
}

char *files_directory(struct pool *p)
{
	char *dir = pool_text(p, "target/path");
	size_t n = dir ? strlen(dir) : 0;

	while (n > 1 && dir[n - 1] == '/')
		dir[--n] = 0;
	return dir;
}

/* ---- the listing ---- */

struct list_job {
	struct file_job j;
	struct listing out;
};

static void list_free(void *arg)
{
	struct list_job *l = arg;

	file_job_clear(&l->j);
	listing_clear(&l->out);
	free(l);
}

/* A temporary file that nobody holds was left by a domfs that was killed. */
static void sweep(int dir, const char *name)
{
	int fd;

	if (!str_starts(name, FILES_TEMP))
		return;
	fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		unlinkat(dir, name, 0);
	close(fd);
}

static int list(void *arg)
{
	struct list_job *l = arg;
	int fd = file_dir(&l->j);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;
	int r = 0;

	if (!dir)
		return fd < 0 ? fd : -errno;
	while (errno = 0, (e = readdir(dir))) {
		sweep(fd, e->d_name);
		if (e->d_name[0] == '.' || !strcmp(e->d_name, "lost+found"))
			continue;
		if (e->d_type == DT_REG || e->d_type == DT_DIR || e->d_type == DT_LNK || e->d_type == DT_BLK ||
		    e->d_type == DT_UNKNOWN)
			listing_add(&l->out, e->d_name);
	}
	if (errno) /* half a listing would be taken for the whole */
		r = error_set(&l->j.err, errno, "the pool's directory '%s': %s", l->j.dir, strerror(errno));
	closedir(dir);
	return r;
}

int files_list(struct pool *p, struct listing *out, struct error *err)
{
	struct list_job *l = xcalloc(1, sizeof(*l));
	int r = file_job_init(p, &l->j, NULL, NULL, err);

	if (r == 0)
		r = pool_offload(p, list, l, list_free, POOL_ASK_MS, err);
	if (r == -ETIMEDOUT || r == -ECANCELED)
		return r;
	if (r == 0) {
		*out = l->out;
		l->out = (struct listing){ 0 };
	} else if (l->j.err.code) {
		error_move(err, &l->j.err);
	}
	list_free(l);
	return r;
}

/* ---- how full ---- */

struct usage_job {
	struct file_job j;
	struct statvfs st;
};

static void usage_free(void *arg)
{
	file_job_clear(&((struct usage_job *)arg)->j);
	free(arg);
}

static int usage(void *arg)
{
	struct usage_job *u = arg;

	if (statvfs(u->j.dir, &u->st) == 0)
		return 0;
	return error_set(&u->j.err, errno, "the pool's directory '%s': %s", u->j.dir, strerror(errno));
}

int files_usage(struct pool *p, struct pool_usage *out, struct error *err)
{
	struct usage_job *u = xcalloc(1, sizeof(*u));
	int r = file_job_init(p, &u->j, NULL, NULL, err);

	if (r == 0)
		r = pool_offload(p, usage, u, usage_free, POOL_ASK_MS, err);
	if (r == -ETIMEDOUT || r == -ECANCELED)
		return r;
	if (r == 0) {
		out->capacity = (uint64_t)u->st.f_blocks * u->st.f_frsize;
		out->available = (uint64_t)u->st.f_bavail * u->st.f_frsize;
		out->allocation = (uint64_t)(u->st.f_blocks - u->st.f_bfree) * u->st.f_frsize;
	} else if (u->j.err.code) {
		error_move(err, &u->j.err);
	}
	usage_free(u);
	return r;
}

/* ---- one file ---- */

/* What the first bytes of a file said, as long as it is the same file and nothing has happened to it. */
struct known {
	dev_t dev;
	ino_t ino;
	uint64_t size;
	int64_t mtime_ns, ctime_ns, btime_ns; /* mtime is whoever's who writes; the others are the kernel's */
	char *format;			      /* which was believed; NULL: by magic */
	struct volume_info info;	      /* what image_header made of them */
};

static struct hash *known;

static void known_free(struct known *k)
{
	volume_info_clear(&k->info);
	free(k->format);
	free(k);
}

static char *known_key(const struct stat *st)
{
	return xasprintf("%llx:%llx", (unsigned long long)st->st_dev, (unsigned long long)st->st_ino);
}

/* The descriptor of the link itself stays the same link, whatever its name becomes meanwhile. */
static int follow(struct file_job *j, int dir, int flags)
{
	autoclose int link = openat(dir, j->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat of_link, st;
	char to[PATH_MAX];
	ssize_t n = link < 0 ? -1 : readlinkat(link, "", to, sizeof(to) - 1);
	int fd;

	if (n < 0 || fstat(link, &of_link) < 0)
		return error_set(&j->err, errno, "'%s/%s': %s", j->dir, j->name, strerror(errno));
	to[n] = '\0';
	fd = openat(dir, to, flags);
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(&j->err, errno, "'%s/%s' -> '%s': %s", j->dir, j->name, to, strerror(errno));
	if (of_link.st_uid == geteuid() || of_link.st_uid == st.st_uid)
		return fd;
	close(fd);
	return error_set(&j->err, EACCES,
			 "'%s/%s' is a symbolic link of uid %u to a file of uid %u: it is not followed", j->dir,
			 j->name, of_link.st_uid, st.st_uid);
}

int file_open_read(struct file_job *j, int dir)
{
	const int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	int fd = openat(dir, j->name, flags | O_NOFOLLOW);

	if (fd < 0 && errno == ELOOP)
		return follow(j, dir, flags);
	return fd < 0 ? error_set(&j->err, errno, "'%s/%s': %s", j->dir, j->name, strerror(errno)) : fd;
}

static int64_t ns(struct timespec t)
{
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static struct known *known_find(const struct stat *st, int64_t btime_ns, const char *format)
{
	autofree char *key = known_key(st);
	struct known *k = known ? hash_get(known, key) : NULL;

	if (!k || k->size != (uint64_t)st->st_size || k->mtime_ns != ns(st->st_mtim) ||
	    k->ctime_ns != ns(st->st_ctim) || k->btime_ns != btime_ns || !str_eq(k->format, format))
		return NULL;
	return k;
}

static void known_forget(const struct stat *st)
{
	autofree char *key = known_key(st);
	struct known *k = known ? hash_get(known, key) : NULL;

	if (!k)
		return;
	hash_put(known, key, NULL);
	known_free(k);
}

static void forget_one(void *arg unused, const char *key unused, void *value)
{
	known_free(value);
}

static struct known *known_put(const struct stat *st, int64_t btime_ns, const char *format)
{
	autofree char *key = known_key(st);
	struct known *k = xcalloc(1, sizeof(*k));

	known_forget(st);
	if (!known)
		known = hash_new();
	if (hash_count(known) >= KNOWN_MAX) {
		hash_each(known, forget_one, NULL);
		hash_free(known);
		known = hash_new();
	}
	*k = (struct known){ .dev = st->st_dev,
			     .ino = st->st_ino,
			     .size = st->st_size,
			     .mtime_ns = ns(st->st_mtim),
			     .ctime_ns = ns(st->st_ctim),
			     .btime_ns = btime_ns,
			     .format = xstrdup(format) };
	hash_put(known, key, k);
	return k;
}

struct info_job {
	struct file_job j;
	struct stat st;
	int64_t btime_ns;
	bool link, look; /* look into it */
	uint64_t bytes;	 /* that it has */
	size_t nhead;
	char head[IMAGE_HEAD];
};

static void info_free(void *arg)
{
	file_job_clear(&((struct info_job *)arg)->j);
	free(arg);
}

/* An inode's number is given to another file as soon as it is free; with the time of its birth it is one file's. */
static int64_t birth(int at, const char *name, int flags)
{
	struct statx sx;

	if (statx(at, name, flags, STATX_BTIME, &sx) < 0 || !(sx.stx_mask & STATX_BTIME))
		return 0;
	return sx.stx_btime.tv_sec * 1000000000ll + sx.stx_btime.tv_nsec;
}

static int read_head(struct info_job *i, int dir)
{
	int fd = file_open_read(&i->j, dir);
	ssize_t n;

	if (fd < 0)
		return fd;
	if (fstat(fd, &i->st) < 0 || !(S_ISREG(i->st.st_mode) || S_ISBLK(i->st.st_mode))) {
		close(fd);
		return error_set(&i->j.err, ESTALE, "'%s/%s': it is another file by now", i->j.dir, i->j.name);
	}
	i->bytes = i->st.st_size;
	i->btime_ns = birth(fd, "", AT_EMPTY_PATH);
	n = i->look ? pread(fd, i->head, sizeof(i->head), 0) : 0;
	if (S_ISBLK(i->st.st_mode) && ioctl(fd, BLKGETSIZE64, &i->bytes) < 0)
		n = -1;
	i->nhead = n > 0 ? n : 0;
	close(fd);
	return n < 0 ? error_set(&i->j.err, EIO, "'%s/%s': it cannot be read", i->j.dir, i->j.name) : 0;
}

static int look(void *arg)
{
	struct info_job *i = arg;
	int dir = file_dir(&i->j), r;

	if (dir < 0)
		return dir;
	r = fstatat(dir, i->j.name, &i->st, AT_SYMLINK_NOFOLLOW);
	if (r == 0 && S_ISLNK(i->st.st_mode)) {
		i->link = true;
		r = fstatat(dir, i->j.name, &i->st, 0);
	}
	if (r < 0)
		r = error_set(&i->j.err, errno, "'%s/%s': %s", i->j.dir, i->j.name,
			      errno == ENOENT && !i->link ? "it was deleted" : strerror(errno));
	else if (!S_ISREG(i->st.st_mode) && !S_ISBLK(i->st.st_mode) && !S_ISDIR(i->st.st_mode))
		r = error_set(&i->j.err, ENOENT, "'%s/%s' is no file, block device or directory: no volume", i->j.dir,
			      i->j.name);
	i->bytes = i->st.st_size;
	i->btime_ns = r == 0 ? birth(dir, i->j.name, i->link ? 0 : AT_SYMLINK_NOFOLLOW) : 0;
	if (r == 0 && ((i->look && S_ISREG(i->st.st_mode)) || S_ISBLK(i->st.st_mode)))
		r = read_head(i, dir);
	close(dir);
	return r;
}

/* What is known of the image itself, into INFO. */
static void add_known(const struct known *k, struct volume_info *info)
{
	free(info->format);
	info->format = xstrdup(k->info.format);
	if (k->info.capacity || strcmp(info->format ? info->format : "", "raw"))
		info->capacity = k->info.capacity;
	info->backing = xstrdup(k->info.backing);
	info->backing_format = xstrdup(k->info.backing_format);
	info->encryption = xstrdup(k->info.encryption);
	info->compat = xstrdup(k->info.compat);
	info->cluster_size = k->info.cluster_size;
	info->lazy_refcounts = k->info.lazy_refcounts;
	info->extended_l2 = k->info.extended_l2;
}

static void absolute_backing(const struct info_job *i, struct volume_info *info)
{
	char *path = info->backing;

	if (!path || path[0] == '/' || strchr(path, ':'))
		return;
	info->backing = xasprintf("%s/%s", i->j.dir, path);
	free(path);
}

/* The first bytes, now read; what they do not tell qemu-img is asked for. */
static int study(struct pool *p, const struct info_job *i, const char *format, struct known **out, struct error *err)
{
	struct volume_info head = { 0 };
	autofree char *path = file_path(p, i->j.name);
	int r = image_header((struct str){ i->head, i->nhead }, i->bytes, format, &head, err);

	if (r == 0 && !head.capacity && head.format && strcmp(head.format, "raw")) {
		autofree char *seen = xstrdup(head.format);
		volume_info_clear(&head);
		r = image_ask(path, seen, &head, err);
	}
	if (r < 0) {
		volume_info_clear(&head);
		return error_in(err, r, "'%s'", path);
	}
	absolute_backing(i, &head);
	*out = known_put(&i->st, i->btime_ns, format);
	(*out)->info = head;
	return 0;
}

static void fill(struct pool *p, const struct info_job *i, struct volume_info *info)
{
	info->type = S_ISBLK(i->st.st_mode) ? VOLUME_BLOCK : S_ISDIR(i->st.st_mode) ? VOLUME_DIR : VOLUME_FILE;
	info->path = file_path(p, i->j.name);
	info->key = xstrdup(info->path);
	info->capacity = info->physical = S_ISDIR(i->st.st_mode) ? 0 : i->bytes;
	info->allocation = S_ISBLK(i->st.st_mode) ? i->bytes : (uint64_t)i->st.st_blocks * 512;
	volume_info_stat(info, &i->st);
	info->btime_ns = i->btime_ns;
	info->claim = claim_key(&i->st);
}

/* A listing never opens an image, and one that was looked into is not opened again as long as it is the same. */
int files_info(struct pool *p, const char *name, struct volume_info *info, struct error *err)
{
	struct info_job *i = xcalloc(1, sizeof(*i));
	autofree char *format = xstrdup(info->format);
	bool opaque = str_eq(format, "raw") || str_eq(format, "dir");
	struct known *k = NULL;
	int r = file_job_init(p, &i->j, name, NULL, err);

	i->look = info->first && !opaque;
	if (r == 0)
		r = pool_offload(p, look, i, info_free, POOL_ASK_MS, err);
	if (r == 0 && !opaque && !i->look && !S_ISDIR(i->st.st_mode))
		k = known_find(&i->st, i->btime_ns, format);
	if (r == 0 && !opaque && !i->look && !S_ISDIR(i->st.st_mode) && !k) {
		i->look = true;
		r = pool_offload(p, look, i, info_free, POOL_ASK_MS, err);
	}
	if (r == -ETIMEDOUT || r == -ECANCELED)
		return r;
	if (r == 0 && i->look && !S_ISDIR(i->st.st_mode))
		r = study(p, i, format, &k, err);
	else if (r < 0 && i->j.err.code)
		error_move(err, &i->j.err);
	if (r == 0) {
		fill(p, i, info);
		if (k)
			add_known(k, info);
		if (info->type == VOLUME_DIR && !info->format)
			info->format = xstrdup("dir");
	}
	info_free(i);
	return r;
}
