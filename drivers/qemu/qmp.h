/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A QMP connection: one JSON object a line each way (QEMU docs/interop/qmp-spec.txt).  Many commands may be under way; each
 * caller waits for its own reply alone.  Knows nothing of domains.
 */
#ifndef DOMFS_QMP_H
#define DOMFS_QMP_H

#include <jansson.h>

#include "../../engine/task.h"

struct qmp;

/* EVENT("SHUTDOWN", data (borrowed, may be NULL)) on the loop for every event; CLOSED once when the other end is gone or talks
 * nonsense (WHY borrowed).  After CLOSED only qmp_free may follow. */
struct qmp_hooks {
	void (*event)(void *arg, const char *name, json_t *data);
	void (*closed)(void *arg, const char *why);
	void *arg;
};

/* Takes FD, a connected non-blocking stream socket.  Does not wait. */
struct qmp *qmp_new(int fd, const struct qmp_hooks *hooks);
/* Calls that wait return -ENOTCONN.  NULL is fine. */
void qmp_free(struct qmp *q);

/* Waits for the greeting: 0, -ETIMEDOUT, -ECANCELED, -ENOTCONN.  Task only. */
must_check int qmp_greeting(struct qmp *q, int64_t timeout_ms, struct error *err);

/* Sends COMMAND and waits for its reply.  ARGS may be NULL and is taken over; PASS_FD (or -1) travels along and stays the caller's.
 * *RET (may be NULL) gets the "return" value, the caller's.  -EREMOTEIO with QEMU's own words when it refuses, -ETIMEDOUT when it does not
 * answer (the late reply is dropped), -ECANCELED, -ENOTCONN.  Task only. */
must_check int qmp_command(struct qmp *q, const char *command, json_t *args, int pass_fd, int64_t timeout_ms,
			   json_t **ret, struct error *err);

/* The same in two steps, so that several commands travel at once and their replies come back together: COMMAND (static text) is sent, and each
 * call must be finished once, by a task, which frees it. */
struct call;
struct call *qmp_begin(struct qmp *q, const char *command, json_t *args, int pass_fd);
must_check int qmp_finish(struct call *c, int64_t timeout_ms, json_t **ret, struct error *err);

/* Sends COMMAND without waiting; its reply is dropped.  From loop or task. */
void qmp_send(struct qmp *q, const char *command, json_t *args);

#endif
