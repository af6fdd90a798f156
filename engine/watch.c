/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * inotify tells of a name before the system call that made it has returned to its caller, so whoever drains the queue before he lists knows
 * everything that was done before he asked.
 */
#include "watch.h"

#include <linux/magic.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "loop.h"

#define EVENTS (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

struct watch {
	int wd;
	watch_fn *fn;
	void *arg;
};

static int inotify_fd = -1;
static struct loop_fd *watcher;
static struct hash *by_wd;

static struct watch *find(int wd)
{
	return by_wd ? hash_get_u64(by_wd, wd) : NULL;
}

static void tell_all(void)
{
	/* after an overflow nobody knows what he missed: the numbers are small and given out in turn */
	for (int wd = 1, left = by_wd ? hash_count(by_wd) : 0; left > 0; wd++) {
		struct watch *w = find(wd);
		if (!w)
			continue;
		left--;
		w->fn(w->arg, NULL, true);
	}
}

static void tell(const struct inotify_event *e)
{
	struct watch *w = find(e->wd);

	if (e->mask & IN_Q_OVERFLOW)
		tell_all();
	else if (w && e->len)
		w->fn(w->arg, e->name, e->mask & (IN_CREATE | IN_MOVED_TO));
	else if (w)
		w->fn(w->arg, NULL, false);
}

void watch_drain(void)
{
	static char room[64 << 10] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	while (inotify_fd >= 0 && (n = read(inotify_fd, room, sizeof(room))) > 0)
		for (char *p = room; p < room + n; p += sizeof(struct inotify_event) + ((struct inotify_event *)p)->len)
			tell((const struct inotify_event *)p);
}

static void on_events(void *arg unused, int events unused)
{
	watch_drain();
}

static bool open_once(void)
{
	if (inotify_fd >= 0)
		return true;
	inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (inotify_fd < 0)
		return false;
	by_wd = hash_new();
	watcher = loop_watch(inotify_fd, LOOP_READ, on_events, NULL);
	return true;
}

struct adding {
	int fd, wd;
	char path[];
};

/* Others' changes are seen only where all of them pass through this kernel. */
static bool is_local(const char *path)
{
	static const unsigned elsewhere[] = { NFS_SUPER_MAGIC,	SMB_SUPER_MAGIC,   CIFS_SUPER_MAGIC,
					      SMB2_SUPER_MAGIC, FUSE_SUPER_MAGIC,  V9FS_MAGIC,
					      CEPH_SUPER_MAGIC, OCFS2_SUPER_MAGIC, AFS_SUPER_MAGIC,
					      AFS_FS_MAGIC,	CODA_SUPER_MAGIC,  0x01161970 /* GFS2 */,
					      0x0BD00BD0 /* Lustre */ };
	struct statfs st;

	if (statfs(path, &st) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++)
		if ((unsigned)st.f_type == elsewhere[i])
			return false;
	return true;
}

static int add(void *arg)
{
	struct adding *a = arg;

	a->wd = is_local(a->path) ? inotify_add_watch(a->fd, a->path, EVENTS) : -1;
	return 0;
}

struct watch *watch_dir(struct worker *worker, const char *path, watch_fn *fn, void *arg, int64_t timeout_ms)
{
	struct adding *a;
	struct watch *w;
	int wd;

	if (!open_once())
		return NULL;
	a = xcalloc(1, sizeof(*a) + strlen(path) + 1);
	a->fd = inotify_fd;
	strcpy(a->path, path);
	if (offload(worker, add, a, free, timeout_ms) < 0)
		return NULL;
	wd = a->wd;
	free(a);
	if (wd < 0 || find(wd)) /* two of one directory: the second asks */
		return NULL;
	w = xcalloc(1, sizeof(*w));
	*w = (struct watch){ wd, fn, arg };
	hash_put_u64(by_wd, wd, w);
	return w;
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	hash_put_u64(by_wd, w->wd, NULL);
	inotify_rm_watch(inotify_fd, w->wd);
	free(w);
}

void watch_close(void)
{
	loop_unwatch(take(&watcher));
	base_close_p(&inotify_fd);
	inotify_fd = -1;
	hash_free(take(&by_wd));
}
