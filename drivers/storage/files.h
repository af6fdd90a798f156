/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the files of pools of files (drivers/storage/files*.c). */
#ifndef DOMFS_STORAGE_FILES_H
#define DOMFS_STORAGE_FILES_H

#include <sys/stat.h>

#include "storage.h"

/* What a call on the pool's thread gets: the directory is opened anew each time, so that nothing keeps it mounted, and NAME is looked for in it and
 * nowhere else. */
struct file_job {
	char *dir, *name, *to;
	struct error err;
};
int file_job_init(struct pool *p, struct file_job *j, const char *name, const char *to, struct error *err);
void file_job_clear(struct file_job *j);
int file_dir(struct file_job *j); /* on the thread: a descriptor, or a negative errno with j->err */
/* On the thread: NAME in DIR for reading; a descriptor, or a negative errno with j->err.  A symbolic link is followed if it is ours or belongs to the owner of
 * what it leads to: who may write the directory reads nothing by it that is not his. */
int file_open_read(struct file_job *j, int dir);
char *file_path(struct pool *p, const char *name); /* the caller's */
int file_name_check(const char *name, struct error *err);
/* On a thread: a new file whose name is no volume's, mode 0600; its descriptor, or -1 and errno.  It is locked: while it is open it is not
 * taken for something that a killed domfs left. */
int file_temp(int dir, char **name);
/* On a thread: TEMP becomes NAME, which is new, also where the file system knows no flags of rename; -1 and errno. */
int file_appear(int dir, const char *temp, const char *name);
#define FILES_TEMP ".domfs-" /* what is not whole yet begins with this */

/* ---- files_btrfs.c; all but files_snapshot on a thread ---- */

/* A new directory, a subvolume where there are such, for nobody else yet (0700); -1 and errno. */
int file_make_dir(int dir, const char *name);
/* Whose it is to be (root only), and MODE, with which its owner can enter it; -1 and errno. */
int file_give_dir(int dir, const char *name, uid_t uid, gid_t gid, mode_t mode);
/* One that was just made goes again. */
void file_drop_dir(int dir, const char *name);
/* Is what ST says, of a name in DIR, a subvolume?  What is mounted on that name may be one as well. */
bool file_is_subvolume(int dir, const struct stat *st);
/* With all that is in it; a negative errno with J->err. */
int file_remove_subvolume(struct file_job *j, int dir);
/* In a task: the subvolume NAME copied by a snapshot.  It waits, and is not interrupted. */
int files_snapshot(struct pool *p, const char *name, const struct volume_spec *to, struct error *err);

#endif
