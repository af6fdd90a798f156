/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Open bytes (a volume's image) for every front end: reading, writing, and when what was written counts.  An upload is whole when it is closed by
 * somebody who was not killed, and every write of it succeeded.
 */
#ifndef DOMFS_BYTES_H
#define DOMFS_BYTES_H

#include "open.h"

/* Tasks, all of them.  They wait at most BYTES_MS for the storage. */
int bytes_open(struct handle *h, struct error *err);
int bytes_read(struct handle *h, char *p, size_t n, uint64_t off, size_t *got, struct error *err);
int bytes_write(struct handle *h, struct str data, uint64_t off, struct error *err);
int bytes_truncate(struct handle *h, uint64_t size, struct error *err);
int bytes_fallocate(struct handle *h, int mode, uint64_t off, uint64_t n, struct error *err);
int bytes_seek(struct handle *h, uint64_t off, int whence, uint64_t *at, struct error *err);
int bytes_copy(struct handle *from, uint64_t off, struct handle *to, uint64_t to_off, uint64_t n, uint64_t *done,
	       struct error *err);
/* It is being closed by PID (0: unknown), or synced: what was uploaded takes its place. */
int bytes_flush(struct handle *h, pid_t pid, bool sync, struct error *err);
void bytes_close(struct handle *h); /* waits for nothing */

#endif
