/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A guest's life: start, stop, pause, the buttons, and being found again.  Each takes the domain's job, calls the driver's slot, records,
 * announces.  What happens by itself comes through domain_news.c.
 *
 * Order of a start: the run directory, the run file that says "starting", then the driver.  Whatever instant domfs dies in, the next one finds
 * the directory and asks the driver what became of it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "claim.h"
#include "domain_impl.h"

void domain_enter(struct domain *d, enum domain_state state, const char *reason)
{
	if (d->state == state && str_eq(d->reason, reason))
		return;
	d->state = state;
	free(d->reason);
	d->reason = xstrdup(reason ? reason : "unknown");
	object_changed(&d->obj, 1u << FACET_STATE);
	object_changed(&root_object, 1u << FACET_STATE);
	event_emit("domain", d->obj.name, domain_state_names[state], "%s", d->reason);
	task_wake_all(&d->state_waiters);
}

void domain_connect_console(struct domain *d)
{
	autoerror struct error err = { 0 };
	int fd;

	if (!d->driver || !d->driver->guest || !d->driver->guest->console)
		return;
	fd = d->driver->guest->console(d, &err);
	if (fd >= 0 && !domain_active(d)) /* it ended while we asked */
		base_close_p(&fd);
	else if (fd >= 0)
		console_connect(d->console, fd);
}

void domain_ended(struct domain *d, enum domain_state state, const char *reason, const char *detail)
{
	(void)!fault_point("stop:gone", NULL);
	console_connect(d->console, -1);
	claims_drop_all(d);
	domain_live_free(d);
	d->pid = 0;
	domain_set_id(d, 0);
	run_dir_remove(d);
	(void)!fault_point("stop:dir", NULL);
	record_free(take(&d->run));
	parts_sweep(d);
	domain_numbers_now(d);
	object_changed(&d->obj, 1u << FACET_DOC | 1u << FACET_LOG);
	if (detail)
		domain_set_error(d, detail);
	domain_enter(d, state, reason);
	(void)!fault_point("stop:done", NULL);
}

/* ---- start ---- */

static int prepare(struct domain *d, struct error *err)
{
	int r = run_dir_make(d, err);

	if (r == 0)
		r = fault_point("start:dir", err);
	if (r < 0)
		return r;
	domain_live_free(d);
	d->live_doc = doc_copy(domain_doc(d, VIEW_CONFIG));
	domain_set_id(d, domain_next_id());
	node_setf(doc_root(d->live_doc), "@id", "%d", d->id);
	domain_enter(d, DOMAIN_STARTING, "user");
	r = domain_save_run(d, err);
	return r == 0 ? fault_point("start:recorded", err) : r;
}

static void started(struct domain *d, const struct start_opts *o)
{
	autoerror struct error err = { 0 };

	(void)!fault_point("start:running", NULL);
	domain_numbers_now(d);
	object_changed(&d->obj, 1u << FACET_DOC | 1u << FACET_LOG);
	if (d->state == DOMAIN_STARTING) /* else news were faster */
		domain_enter(d, o && o->paused ? DOMAIN_PAUSED : DOMAIN_RUNNING, o && o->paused ? "user" : "booted");
	if (domain_save_run(d, &err) < 0) /* it runs; that it could not be recorded is said, not undone */
		domain_set_error(d, error_text(&err));
	(void)!fault_point("start:saved", NULL);
	domain_connect_console(d);
	(void)!fault_point("start:done", NULL);
}

int domain_start_held(struct domain *d, const struct start_opts *o, struct error *err)
{
	int r = fault_point("start:begin", err);

	if (r < 0)
		return r;
	if (!d->driver)
		return error_set(err, ENOTSUP, "no driver here serves domains of type '%s'", d->type ? d->type : "");
	if (d->driver->check)
		r = d->driver->check(d, err);
	if (r < 0)
		return r;
	r = prepare(d, err);
	if (r == 0)
		r = d->driver->start(d, o, err);
	if (r == 0) {
		started(d, o);
		return 0;
	}
	if (err && err->code == 0)
		error_set(err, -r, "%s", strerror(-r));
	domain_ended(d, DOMAIN_SHUTOFF, "failed", NULL);
	return r;
}

/* Runs D with its vCPUs going or not, from whatever it is. */
static int run(struct domain *d, bool paused, struct error *err)
{
	struct start_opts opts = { .paused = paused };
	bool is = d->state == (paused ? DOMAIN_PAUSED : DOMAIN_RUNNING);
	int r;

	if (is)
		return 0;
	if (!domain_active(d))
		return domain_start_held(d, &opts, err);
	if (!d->driver || !d->driver->pause)
		return error_set(err, ENOTSUP, "the %s driver cannot pause", d->driver ? d->driver->name : "missing");
	r = d->driver->pause(d, paused, err);
	if (r < 0)
		return r;
	if (domain_active(d)) /* mostly told by the driver before */
		domain_enter(d, paused ? DOMAIN_PAUSED : DOMAIN_RUNNING, paused ? "user" : "resumed");
	(void)!domain_save_run(d, NULL);
	return 0;
}

/* ---- stop ---- */

/* The run file says what was wanted, should we die before it is done. */
static int kill_recorded(struct domain *d, struct error *err)
{
	enum domain_state was = d->state;
	autofree char *why = xstrdup(d->reason);
	int r;

	domain_enter(d, DOMAIN_STOPPING, "user");
	(void)!domain_save_run(d, NULL); /* a full run directory does not keep a guest alive */
	r = fault_point("stop:recorded", err);
	if (r == 0)
		r = d->driver->stop(d, STOP_KILL, err);
	if (!domain_active(d)) /* the driver's news came */
		return r;
	if (r == 0) {
		domain_ended(d, DOMAIN_SHUTOFF, "destroyed", NULL);
		return 0;
	}
	domain_enter(d, was, why);
	(void)!domain_save_run(d, NULL);
	return r;
}

static int kill_it(struct domain *d, struct error *err)
{
	int r = fault_point("stop:begin", err);

	if (r < 0 || !domain_active(d))
		return r;
	if (!d->driver)
		return error_set(err, ENOTSUP, "no driver here serves domains of type '%s'", d->type ? d->type : "");
	if (d->state == DOMAIN_STARTING) /* its start goes on beside us, fails by this, and tidies up */
		return d->driver->stop(d, STOP_KILL, err);
	return kill_recorded(d, err);
}

/* Cancels what goes on.  What does not end by that (it waits for the kernel, say) ends when its guest is gone. */
static int destroy(struct domain *d, const struct who *who, struct error *err)
{
	autojob struct job job = { .uid = who ? who->uid : 0 };
	int r = job_begin_urgent(&job, &d->jobs, "destroy", err);

	if (r == -EBUSY) {
		error_clear(err);
		r = kill_it(d, err);
		if (r == 0)
			r = job_begin(&job, &d->jobs, "destroy", err);
	}
	return r < 0 ? r : kill_it(d, err);
}

/* ---- the words of the file `state` ---- */

static int need_active(struct domain *d, const char *word, struct error *err)
{
	if (domain_active(d))
		return 0;
	return error_set(err, EBUSY, "it is %s, so it cannot %s: write start first", domain_state_names[d->state],
			 word);
}

static int press(struct domain *d, enum button which, const char *word, struct error *err)
{
	int r = need_active(d, word, err);

	if (r < 0)
		return r;
	if (!d->driver || !d->driver->press)
		return error_set(err, ENOTSUP, "the %s driver cannot %s", d->driver ? d->driver->name : "missing",
				 word);
	return d->driver->press(d, which, err);
}

static int do_start(struct domain *d, struct error *err)
{
	return domain_active(d) ? 0 : run(d, false, err);
}

static int do_running(struct domain *d, struct error *err)
{
	return run(d, false, err);
}

static int do_paused(struct domain *d, struct error *err)
{
	return run(d, true, err);
}

static int do_suspend(struct domain *d, struct error *err)
{
	int r = need_active(d, "suspend", err);

	return r < 0 ? r : run(d, true, err);
}

static int do_resume(struct domain *d, struct error *err)
{
	int r = need_active(d, "resume", err);

	return r < 0 ? r : run(d, false, err);
}

static int do_shutdown(struct domain *d, struct error *err)
{
	return domain_active(d) ? press(d, BUTTON_POWER, "shutdown", err) : 0;
}

static int do_reboot(struct domain *d, struct error *err)
{
	return press(d, BUTTON_REBOOT, "reboot", err);
}

static int do_reset(struct domain *d, struct error *err)
{
	return press(d, BUTTON_RESET, "reset", err);
}

static int do_nmi(struct domain *d, struct error *err)
{
	return press(d, BUTTON_NMI, "take an nmi", err);
}

static int do_save(struct domain *d, struct error *err)
{
	return error_set(err, ENOTSUP, "the %s driver cannot save a guest's memory to disk",
			 d->driver ? d->driver->name : "missing");
}

static const struct command {
	const char *word;
	int (*fn)(struct domain *d, struct error *err); /* NULL: destroy */
	bool then_off;					/* wait until it has ended */
} commands[] = {
	{ "start", do_start, false },	  { "shutdown", do_shutdown, false }, { "destroy", NULL, false },
	{ "reboot", do_reboot, false },	  { "reset", do_reset, false },	      { "suspend", do_suspend, false },
	{ "resume", do_resume, false },	  { "nmi", do_nmi, false },	      { "save", do_save, false },
	{ "restore", do_save, false },	  { "running", do_running, false },   { "paused", do_paused, false },
	{ "shutoff", do_shutdown, true },
};

static const struct command *command_find(struct str word, struct error *err)
{
	autobuf struct buf words = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (str_is(word, commands[i].word))
			return &commands[i];
		buf_printf(&words, " %s", commands[i].word);
	}
	error_set(err, EINVAL, "'%.*s' is no command: expected one of%s", (int)(word.n > 64 ? 64 : word.n),
		  word.p ? word.p : "", words.p);
	return NULL;
}

static int wait_off(struct domain *d, struct error *err)
{
	int r = 0;

	while (r == 0 && domain_active(d))
		r = task_wait(&d->state_waiters, NO_TIMEOUT);
	return r < 0 ? error_set(err, -r, "interrupted; the guest was asked to shut down and may still do so") : 0;
}

static int command_run(struct domain *d, const struct command *c, const struct who *who, struct error *err)
{
	autojob struct job job = { .uid = who ? who->uid : 0 };
	int r;

	if (!c->fn)
		return destroy(d, who, err);
	r = job_begin(&job, &d->jobs, c->word, err);
	if (r == 0)
		r = domain_there(d, err);
	object_changed(&d->obj, 1u << FACET_JOB);
	if (r == 0)
		r = c->fn(d, err);
	return r;
}

int domain_command(struct domain *d, struct str word, const struct who *who, struct error *err)
{
	autodomain struct domain *held = domain_hold(d);
	const struct command *c;
	int r;

	may_wait();
	c = command_find(str_trim(word), err);
	if (!c)
		return error_in(err, -EINVAL, "%s", d->obj.name);
	r = command_run(held, c, who, err);
	if (r == 0 && c->then_off)
		r = wait_off(d, err);
	object_changed(&d->obj, 1u << FACET_JOB);
	return error_in(err, r, "%s: %s", d->obj.name, c->word);
}

/* ---- after a restart of domfs ---- */

static void lost(struct domain *d, struct error *err)
{
	const char *why = d->state == DOMAIN_STARTING	? "failed"
			  : d->state == DOMAIN_STOPPING ? "destroyed"
							: "ended while domfs was away";

	errors_add(NULL, d->obj.name, err);
	domain_ended(d, DOMAIN_SHUTOFF, why, error_text(err));
	if (!d->persistent) {
		event_emit("domain", d->obj.name, "removed", NULL);
		domain_remove(d);
	}
}

void domain_adopt_found(struct domain *d)
{
	autojob struct job job = { 0 };
	autoerror struct error err = { 0 };
	int r = job_begin(&job, &d->jobs, "adopt", &err);

	if (r < 0 || !domain_active(d))
		return;
	if (!d->driver)
		r = error_set(&err, ENOTSUP,
			      "%s: no driver here serves type '%s': the guest, if it runs, is left alone", d->obj.name,
			      d->type ? d->type : "");
	else
		r = d->driver->adopt(d, &err);
	if (!domain_active(d)) /* it ended while it was looked for, and that was told */
		return;
	if (r == -ESRCH) {
		lost(d, &err);
		return;
	}
	if (r < 0) { /* unknown is not gone: it stays as recorded, and can be destroyed */
		domain_set_error(d, error_text(&err));
		errors_add(NULL, d->obj.name, &err);
		return;
	}
	if (d->state == DOMAIN_STARTING)
		domain_enter(d, DOMAIN_RUNNING, "booted");
	domain_numbers_now(d);
	object_changed(&d->obj, 1u << FACET_DOC | 1u << FACET_LOG);
	domain_connect_console(d);
	(void)!domain_save_run(d, NULL);
}

static void autostart_task(void *arg)
{
	struct domain *d = arg;
	autoerror struct error err = { 0 };

	if (domain_command(d, str_of("start"), NULL, &err) < 0) {
		domain_set_error(d, error_text(&err));
		errors_add(NULL, d->obj.name, &err);
	}
	object_unref(&d->obj);
}

/* Once per boot of the host, as the run directory is: a guest that was shut down stays so when only domfs starts anew. */
void domain_autostart_all(void)
{
	autofree char *mark = xasprintf("%s/autostarted", config.run_dir);
	autoclose int fd = open(mark, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return;
	for (struct domain *d = domain_after(0); d; d = domain_after(d->obj.serial)) {
		if (!d->autostart || domain_active(d))
			continue;
		object_ref(&d->obj);
		task_start(autostart_task, d);
	}
}
