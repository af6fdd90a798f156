/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A request as a task.  An interrupt cancels the task's waits; its callback runs under a lock of libfuse's, so it only
 * notes the wish and the loop carries it out.
 */
#include "fuse.h"

#include "engine/loop.h"
#include "hosts.h"

static TAILQ_HEAD(, call) calls = TAILQ_HEAD_INITIALIZER(calls);

struct call *call_new(fuse_req_t req, const struct place *at, int (*run)(struct call *, struct error *),
		      void (*reply)(struct call *))
{
	struct call *c = xcalloc(1, sizeof(*c));

	c->req = req;
	c->who = who_of(req);
	c->at = *at;
	c->at.who = c->to.who = &c->who;
	if (c->at.obj)
		object_ref(c->at.obj);
	c->run = run;
	c->reply = reply;
	return c;
}

static void call_free(struct call *c)
{
	object_unref(c->at.obj);
	object_unref(c->to.obj);
	object_unref(c->made);
	rnode_unref(c->remote);
	rnode_unref(c->remote_to);
	buf_wipe(&c->data); /* it may be a secret's value */
	free(c->name);
	free(c);
}

static void cancel(void *arg)
{
	struct call *c = arg;

	c->cancelling = false;
	c->timer = NULL;
	if (c->done)
		call_free(c);
	else
		task_cancel(c->task);
}

static void on_interrupt(fuse_req_t req unused, void *arg)
{
	struct call *c = arg;

	c->interrupted = true;
	if (!c->cancelling && c->grace_ms)
		c->timer = loop_timer(c->grace_ms, cancel, c);
	else if (!c->cancelling)
		loop_soon(cancel, c);
	c->cancelling = true;
}

void answer_failure(fuse_req_t req, const struct place *at, const struct who *who, int r, struct error *err)
{
	record_failure(at, who, r, err);
	fuse_reply_err(req, -r);
}

static void call_answer(struct call *c, int r, struct error *err)
{
	fuse_req_interrupt_func(c->req, NULL, NULL);
	if (r < 0 && c->remote)
		host_failed(c->remote, &c->who, err);
	if (r == -ECANCELED && c->interrupted)
		fuse_reply_err(c->req, EINTR);
	else if (r < 0)
		answer_failure(c->req, &c->at, &c->who, r, err);
	else if (c->reply)
		c->reply(c);
	else
		fuse_reply_err(c->req, 0);
}

static void call_run(void *arg)
{
	struct call *c = arg;
	autoerror struct error err = { 0 };
	int r;

	c->task = task_self();
	r = c->run(c, &err);
	c->done = true;
	if (c->told_done)
		*c->told_done = true;
	TAILQ_REMOVE(&calls, c, list);
	if (c->req)
		call_answer(c, r, &err);
	else if (r < 0 && c->remote)
		host_failed(c->remote, &c->who, &err);
	else if (r < 0)
		record_failure(&c->at, &c->who, r, &err);
	if (c->timer) { /* not left to the loop: it may end before */
		loop_untimer(c->timer);
		c->cancelling = false;
	}
	if (!c->cancelling)
		call_free(c);
}

void call_start(struct call *c)
{
	TAILQ_INSERT_TAIL(&calls, c, list);
	fuse_req_interrupt_func(c->req, on_interrupt, c);
	task_start(call_run, c);
}

void call_start_nowait(struct call *c)
{
	bool done = false;

	c->told_done = &done;
	call_start(c);
	if (done)
		return;
	c->told_done = NULL;
	c->h = NULL;
	call_answer(c, 0, NULL);
	c->req = NULL;
}

static void cancel_calls(bool all)
{
	struct call *c;

	TAILQ_FOREACH(c, &calls, list)
		if (c->task && (all || c->remote))
			task_cancel(c->task);
}

void calls_cancel(void)
{
	cancel_calls(true);
}

void calls_cancel_remote(void)
{
	cancel_calls(false);
}

bool calls_going(void)
{
	return !TAILQ_EMPTY(&calls);
}
