/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who closes a file, and in what state: a program that says that it is done, or the kernel for one that was killed.  An upload is whole only
 * in the first case.
 */
#ifndef DOMFS_CLOSER_H
#define DOMFS_CLOSER_H

#include "engine/base.h"

struct writer {
	pid_t pid; /* 0: nobody wrote yet; a thread's where threads write */
	int pidfd; /* -1: none could be had */
};

void writer_note(struct writer *w, pid_t pid); /* PID writes */
void writer_clear(struct writer *w);
bool writer_ended(const struct writer *w); /* somebody wrote, and is not there any more */

enum closing {
	CLOSE_DONE,   /* by a program that goes on, or that ended with status 0 */
	CLOSE_BROKEN, /* it was killed, or failed, or nobody knows */
	CLOSE_SHARED, /* another process ended; who wrote still has it open */
};
/* PID closes what W wrote last.  Does not wait. */
enum closing closing_of(pid_t pid, const struct writer *w);

/* For tests: what a line of /proc/PID/stat says of its process. */
enum process_life { LIFE_GOES_ON, LIFE_ENDED_WELL, LIFE_ENDED_BADLY, LIFE_KERNEL, LIFE_UNKNOWN };
enum process_life life_of_stat(const char *text);

#endif
