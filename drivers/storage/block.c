/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Volumes that are block devices: what they are, their bytes, a guest's disk of one, and waiting until udev has made one.  Copies and wipes are in
 * block_copy.c.
 *
 * The format of a device is the recorded one, else raw: what a guest has written to its disk must never decide how it is opened the next time.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "engine/bulk.h"
#include "engine/claim.h"
#include "engine/loop.h"
#include "engine/units.h"
#include "storage.h"

#define HEAD_SIZE    (64u << 10) /* where the formats keep what they say of themselves */
#define SECTOR	     512u	 /* of sysfs, whatever the device's own is */
#define UNWATCHED_MS 100	 /* how often a path is looked at when inotify cannot be had */

/* ---- what it is ---- */

/* From sysfs: the device is not opened, so that nobody who wants to remove it finds it busy. */
static int device_size(dev_t dev, uint64_t *size)
{
	autofree char *path = xasprintf("/sys/dev/block/%u:%u/size", major(dev), minor(dev));
	FILE *f = fopen(path, "re");
	uint64_t sectors;
	int n;

	if (!f)
		return -errno;
	n = fscanf(f, "%" SCNu64, &sectors);
	fclose(f);
	if (n != 1 || sectors > INT64_MAX / SECTOR)
		return -EIO;
	*size = sectors * SECTOR;
	return 0;
}

struct head {
	char *path;
	char *bytes;
	ssize_t n;
};

static void head_free(void *arg)
{
	struct head *h = arg;

	free(h->path);
	free(h->bytes);
	free(h);
}

static int head_work(void *arg)
{
	struct head *h = arg;
	autoclose int fd = open(h->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	h->n = pread(fd, h->bytes, HEAD_SIZE, 0);
	return h->n < 0 ? -errno : 0;
}

/* An image of a format that is not raw on the device says itself how large it is for a guest, and what is below it. */
static int read_header(struct pool *p, const char *path, struct volume_info *info, struct error *err)
{
	struct head *h = xcalloc(1, sizeof(*h));
	autofree char *format = xstrdup(info->format);
	uint64_t size = info->capacity;
	int r;

	*h = (struct head){ .path = xstrdup(path), .bytes = xmalloc(HEAD_SIZE) };
	r = pool_offload(p, head_work, h, head_free, POOL_ASK_MS, err);
	if (r == -ETIMEDOUT || r == -ECANCELED)
		return r;
	if (r < 0)
		error_set(err, -r, "%s: %s", path, strerror(-r));
	else
		r = image_header((struct str){ h->bytes, (size_t)h->n }, size, format, info, err);
	head_free(h);
	return error_in(err, r, "%s", path);
}

int block_info(struct pool *p, const char *path, struct volume_info *info, struct error *err)
{
	struct stat st;
	int r;

	if (stat(path, &st) < 0)
		return error_set(err, errno, "%s: %s", path, strerror(errno));
	if (!S_ISBLK(st.st_mode))
		return error_set(err, ENOTBLK, "%s is not a block device", path);
	r = device_size(st.st_rdev, &info->capacity);
	if (r < 0)
		return error_set(err, -r, "%s: its size cannot be read: %s", path, strerror(-r));
	info->type = VOLUME_BLOCK;
	info->allocation = info->capacity;
	volume_info_stat(info, &st);
	if (!info->path)
		info->path = xstrdup(path);
	if (!info->key)
		info->key = xstrdup(path);
	free(info->claim);
	info->claim = claim_key(&st);
	if (!info->format)
		info->format = xstrdup("raw");
	info->physical = info->capacity;
	return str_eq(info->format, "raw") ? 0 : read_header(p, path, info, err);
}

int block_disk(const char *path, struct node *disk)
{
	node_set(disk, "@type", "block");
	node_set(disk, "source/@dev", path);
	return 0;
}

/* ---- its bytes ---- */

struct opening {
	char *path;
	int flags, fd;
};

static void opening_free(void *arg)
{
	struct opening *o = arg;

	if (o->fd >= 0) /* the last close may wait for the device */
		bulk_free(bulk_of_fd(o->fd, false));
	free(o->path);
	free(o);
}

static int opening_work(void *arg)
{
	struct opening *o = arg;
	struct stat st;

	o->fd = open(o->path, o->flags | O_CLOEXEC | O_NOCTTY);
	if (o->fd < 0)
		return -errno;
	return fstat(o->fd, &st) == 0 && S_ISBLK(st.st_mode) ? 0 : -ENOTBLK;
}

/* Written in place, whatever O_CREAT and O_TRUNC say: a device is as large as it is.  Who writes gets it for itself alone. */
int block_image(struct pool *p, const char *path, int flags, struct bulk **out, struct error *err)
{
	bool writable = (flags & O_ACCMODE) != O_RDONLY;
	struct opening *o = xcalloc(1, sizeof(*o));
	int r;

	*o = (struct opening){ .path = xstrdup(path), .flags = writable ? O_RDWR | O_EXCL : O_RDONLY, .fd = -1 };
	r = pool_offload(p, opening_work, o, opening_free, POOL_ASK_MS, err);
	if (r == -ETIMEDOUT || r == -ECANCELED)
		return error_in(err, r, "%s", path);
	if (r == -EBUSY)
		error_set(err, EBUSY,
			  "%s is in use: it is mounted, or part of another device: unmount or stop that first", path);
	else if (r < 0)
		error_set(err, -r, "%s: %s", path, r == -ENOTBLK ? "not a block device" : strerror(-r));
	else
		*out = bulk_of_fd(o->fd, writable);
	if (r == 0)
		o->fd = -1;
	opening_free(o);
	return r;
}

/* ---- waiting for udev ---- */

struct looker {
	int fd;
	struct loop_fd *watch;
	struct waitq q;
};

/* What changed does not matter: who waits looks anew. */
static void on_change(void *arg, int events unused)
{
	struct looker *l = arg;
	char bytes[4096];

	while (read(l->fd, bytes, sizeof(bytes)) > 0)
		;
	task_wake_all(&l->q);
}

/* Watches the directory of PATH, or the nearest above it that is there. */
static void watch_above(struct looker *l, const char *path)
{
	autofree char *dir = xstrdup(path);
	char *slash;

	while ((slash = strrchr(dir, '/')) && slash > dir) {
		*slash = 0;
		if (inotify_add_watch(l->fd, dir, IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF) >= 0)
			return;
	}
}

static int look_until(struct looker *l, const char *path, int64_t end, struct error *err)
{
	struct stat st;

	for (;;) {
		int64_t left = end - now_monotonic_ms();
		int r;

		if (l->watch)
			watch_above(l, path); /* before the look: what comes after it is told */
		if (stat(path, &st) == 0 && S_ISBLK(st.st_mode))
			return 0;
		if (left <= 0)
			return error_set(err, ETIMEDOUT, "%s did not appear: is udev running?", path);
		if (!l->watch && left > UNWATCHED_MS)
			left = UNWATCHED_MS;
		r = task_wait(&l->q, left);
		if (r < 0 && r != -ETIMEDOUT)
			return error_set(err, -r, "%s: cancelled while waiting for it to appear", path);
	}
}

int block_appears(struct pool *p unused, const char *path, int64_t timeout_ms, struct error *err)
{
	struct looker l = { .fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK) };
	int r;

	may_wait();
	TAILQ_INIT(&l.q);
	if (l.fd >= 0)
		l.watch = loop_watch(l.fd, LOOP_READ, on_change, &l);
	r = look_until(&l, path, now_monotonic_ms() + timeout_ms, err);
	loop_unwatch(l.watch);
	base_close_p(&l.fd);
	return r;
}
