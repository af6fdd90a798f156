/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who did what, from where, and how it went: a line per action in STATE_DIR/audit.log, which only we and root read.
 *
 *	TIME UID USER PID FROM ACTION PATH RESULT WHAT
 *
 * TIME is ISO 8601 UTC; PID 0 when it is not known; RESULT "ok" or an errno's name; WHAT goes to the end of the line and may be empty.  Blanks and
 * control characters are %XX but in WHAT, where they are blanks.
 *
 * Lines are handed to a worker, which writes what came meanwhile at once; nobody waits for it.  What cannot be written is kept (at most
 * AUDIT_PENDING_MAX bytes) and tried again with the next line and every few seconds; `errors` tells it once, and the log itself how many lines it lost.
 */
#ifndef DOMFS_AUDIT_H
#define DOMFS_AUDIT_H

#include "event.h"

#define AUDIT_FILE_MAX	  (10u << 20) /* then it is audit.log.1, .1 is .2 ... */
#define AUDIT_FILES	  4	      /* audit.log and .1 to .3 */
#define AUDIT_PENDING_MAX (1u << 20)
#define AUDIT_WHAT_MAX	  160 /* bytes of WHAT */

extern struct ring audit_ring; /* the last lines, for the file of the tree */

/* Opens the log behind what it holds, of which the last part fills the ring.  A log that cannot be opened is told in `errors`, and tried again with
 * each line.  Start only; before it, and after audit_close, nothing is noted. */
void audit_open(void);
void audit_close(void); /* writes what is pending */

/* One action.  FROM: "fuse", "unix/7" ...; RESULT 0 or a negative errno.  WHAT is shortened.  Does not wait. */
void audit_add(const struct who *who, const char *from, const char *action, const char *path, int result,
	       struct str what);
/* The name of UID, or its number; borrowed until the next call.  Kept for some minutes: the user database may be far away. */
const char *user_name(uid_t uid);

#endif
