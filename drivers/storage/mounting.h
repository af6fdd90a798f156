/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What fs and netfs pools share: one mount on target/path. */
#ifndef DOMFS_MOUNTING_H
#define DOMFS_MOUNTING_H

#include "storage.h"

/* ---- mountinfo.c ---- */

/* One line of /proc/self/mountinfo; texts are owned. */
struct mounted {
	char *source, *type, *root;
	unsigned major, minor;
};
void mounted_clear(struct mounted *m);
/* What TEXT (mountinfo) says is mounted on PATH, the topmost; false when nothing is. */
bool mountinfo_find(struct str text, const char *path, struct mounted *out);
/* Are "host:/dir" and what mountinfo calls it the same?  "host:dir", slashes at the end and CIFS's subdirectories (ROOT) are the same thing. */
bool mount_source_same(const char *wanted, const char *source, const char *root);
/* Where in TEXT something is mounted on PATH (absolute, without links) or below it, or what lies there is mounted elsewhere as well; NULL:
 * nowhere.  The caller frees. */
char *mountinfo_holds(struct str text, const char *path);
int read_mountinfo(struct buf *out); /* asks the kernel only, no file system */
/* "qemu-system-x86 (4711)" and more of those processes that have something below PATH open, at most four; false when none is
 * found.  OURSELVES: domfs is among them.  Reads links of /proc only.  On a worker. */
bool mount_users(const char *path, struct buf *out, bool *ourselves);

/* ---- mount_argv.c: nothing here waits ---- */

/* What is mounted: "/dev/sdb1", "host:/dir", "//host/dir"; NULL: the definition names none.  The caller frees. */
char *mount_source(const struct node *pool);
/* The command that starts the pool, NULL-ended and the caller's (strv_free).  CREDENTIALS: name and password come by descriptor 0. */
char **mount_argv(const struct node *pool, bool credentials, struct error *err);

/* ---- mounting.c: slots ---- */

int mounting_find(struct pool *p, struct error *err);
int mounting_start(struct pool *p, struct error *err);
int mounting_stop(struct pool *p, struct error *err);
int mounting_erase(struct pool *p, struct error *err); /* the empty directory of the mount */
int mounting_make_target(struct pool *p, struct error *err);
int mounting_build(struct pool *p, bool overwrite, struct error *err); /* only that directory: netfs */
/* Fills in target/path below DIR where there is none, and says what is wrong with one that is there. */
int mounting_target(struct node *pool, const char *dir, struct error *err);

/* Can this kernel mount file systems of TYPE, now or after loading a module?  Task. */
bool kernel_mounts(const char *type);
/* Is PROGRAM there (PATH, /sbin)?  WHY gets "mount.nfs is not there: install nfs-common" when not. */
bool tool_there(const char *program, const char *package, struct buf *why);

#endif
