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
int file_dir(struct file_job *j);		   /* on the thread: a descriptor, or a negative errno with j->err */
char *file_path(struct pool *p, const char *name); /* the caller's */
int file_name_check(const char *name, struct error *err);
/* On a thread: a new file whose name is no volume's, mode 0600; its descriptor, or -1 and errno.  It is locked: while it is open it is not
 * taken for something that a killed domfs left. */
int file_temp(int dir, char **name);
/* On a thread: TEMP becomes NAME, which is new, also where the file system knows no flags of rename; -1 and errno. */
int file_appear(int dir, const char *temp, const char *name);
#define FILES_TEMP ".domfs-" /* what is not whole yet begins with this */

#endif
