/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest's serial console: the engine holds the one descriptor that the driver gives, keeps the last 64 KiB in a ring (and in the run
 * directory, so that a restart of domfs keeps it), lets any number of readers follow and one writer write.
 */
#ifndef DOMFS_CONSOLE_H
#define DOMFS_CONSOLE_H

#include "event.h"

struct console {
	struct ring out;    /* what the guest said; .grew tells the front end */
	const void *writer; /* the open file that may write; NULL: none */
	bool connected;
	/* private below */
	int fd;
	char *log_path;
	size_t log_size;
	struct loop_fd *watch;
	struct buf pending; /* bytes to the guest that it has not taken yet, bounded */
	int log_fd;
	void *domain;
};

struct console *console_new(void *domain, const char *log_path); /* log_path: the replay file, read if it is there */
void console_set_log(struct console *c, const char *log_path);	 /* another place for it, from the next connection on */
void console_free(struct console *c);
void console_connect(struct console *c, int fd); /* takes FD; -1: disconnected */
/* Becomes the writer or -EBUSY.  WHO is any pointer that tells writers apart. */
int console_claim(struct console *c, const void *who, struct error *err);
void console_release(struct console *c, const void *who);
/* How many bytes were taken (0: none now, the guest is not reading: try later), -ENOTCONN when it is off. */
ssize_t console_write(struct console *c, const char *p, size_t n);
extern void (*console_writable_hook)(struct console *c); /* set by the front end */

#endif
