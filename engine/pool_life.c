/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A pool's life: build, start, stop, refresh, delete, and being found again.  Each takes the pool's job, calls the driver's slot, records,
 * announces.
 */
#include <unistd.h>

#include "claim.h"
#include "pool_impl.h"
#include "watch.h"

/* ---- what it holds ---- */

int pool_usage(struct pool *p, struct error *err)
{
	struct pool_usage u = { 0 };
	int r = pool_needs_active(p, err);

	may_wait();
	if (r == 0 && !pool_has(p, p->driver->usage, "tell how full they are", err))
		r = -ENOTSUP;
	if (r == 0)
		r = p->driver->usage(p, &u, err);
	if (r < 0)
		return error_in(err, r, "%s", p->obj.name);
	p->usage = u;
	p->usage_known = true;
	return 0;
}

static void usage_task(void *arg)
{
	struct pool *p = arg;

	(void)!pool_usage(p, NULL); /* the old numbers stand */
	p->asking = false;
	task_wake_all(&p->askers);
	object_changed(&p->obj, 1u << FACET_DOC);
	object_unref(&p->obj);
}

void pool_usage_soon(struct pool *p)
{
	if (p->asking || p->state != POOL_ACTIVE)
		return;
	p->asking = true;
	object_ref(&p->obj);
	task_start(usage_task, p);
}

void pool_usage_settle(struct pool *p, int64_t timeout_ms)
{
	pool_usage_soon(p);
	if (p->asking)
		(void)!task_wait(&p->askers, timeout_ms);
}

/* ---- start and stop ---- */

/* It is there: what is in it is looked at before anybody is told. */
static int open_storage(struct pool *p, struct error *err)
{
	int r;

	pool_watch(p);
	r = pool_list_now(p, err);
	if (r < 0) {
		pool_forget_listing(p);
		return r;
	}
	if (p->driver->usage) {
		autoerror struct error why = { 0 };
		struct pool_usage u = { 0 };
		if (p->driver->usage(p, &u, &why) == 0) {
			p->usage = u;
			p->usage_known = true;
		}
	}
	return 0;
}

static bool below_ours(struct pool *p)
{
	autofree char *ours = xasprintf("%s/images/", config.state_dir);

	return str_starts(node_get_or(pool_node(p), "target/path", ""), ours);
}

/* A directory of our own choice that is new is its owner's: that tells whose it was when another pool of its name is made. */
static int build_it(struct pool *p, bool overwrite, struct error *err)
{
	const char *path = node_get(pool_node(p), "target/path");
	bool new = str_eq(p->type, "dir") && below_ours(p) && access(path, F_OK) < 0;
	struct rights rights;
	int r = p->driver->build(p, overwrite, err);

	access_get(&p->obj, "", 0755, &rights);
	if (r == 0 && new &&rights.uid != geteuid() && !node_has(pool_node(p), "target/permissions") &&
	    lchown(path, rights.uid, rights.gid) < 0)
		return error_set(err, errno, "'%s': %s", path, strerror(errno));
	return r;
}

static int activate(struct pool *p, struct error *err)
{
	int r = pool_whole(p, err);

	if (r == 0 && p->driver->find)
		r = p->driver->find(p, err);
	if (r < 0)
		return r;
	p->adopted = r == 1;
	if (p->adopted)
		return 0;
	/* a directory of our own choice is nobody else's to make */
	if ((p->driver->flags & POOL_FILES) && !(p->driver->flags & POOL_REMOTE) && str_eq(p->type, "dir") &&
	    below_ours(p))
		r = build_it(p, false, err);
	if (r == -EEXIST) {
		error_clear(err);
		r = 0;
	}
	if (r == 0)
		r = fault_point("pool-start:begin", err);
	if (r == 0 && p->driver->start)
		r = p->driver->start(p, err);
	return r;
}

static int start_held(struct pool *p, struct error *err)
{
	int r;

	if (p->state == POOL_ACTIVE)
		return 0;
	if (!p->driver)
		return error_set(err, ENOTSUP, "pools of type '%s' are not served here", p->type ? p->type : "");
	pool_enter(p, POOL_STARTING, NULL);
	r = activate(p, err);
	if (r == 0) {
		pool_run_set(p, true);
		(void)!fault_point("pool-start:recorded", NULL);
		r = open_storage(p, err);
		if (r < 0 && !p->adopted && p->driver->stop) {
			autoerror struct error why = { 0 };
			task_shield(1);
			(void)!p->driver->stop(p, &why);
			task_shield(-1);
		}
	}
	if (r < 0) {
		pool_run_set(p, false);
		pool_set_priv(p, NULL, NULL);
		pool_enter(p, POOL_INACTIVE, "failed");
		return r;
	}
	pool_set_error(p, NULL);
	pool_enter(p, POOL_ACTIVE, p->adopted ? "found" : NULL);
	return 0;
}

/* The first volume whose image a guest or a front end has open. */
static int check_unused(struct pool *p, struct error *err)
{
	for (size_t i = 0; i < p->by_serial.n; i++) {
		struct volume *v = p->by_serial.at[i];
		if (v->jobs.holder)
			return error_set(err, EBUSY, "the volume '%s' is in use: '%s' is going on", v->obj.name,
					 v->jobs.holder->operation);
		if (v->upload)
			return error_set(err, EBUSY, "the volume '%s' is in use: its image is being written",
					 v->obj.name);
		if (v->info && v->info->claim && claim_check(v->info->claim, false, err) < 0)
			return error_in(err, -EBUSY, "the volume '%s'", v->obj.name);
	}
	return pool_check_users(p, err);
}

static struct volume *volume_in_removal(struct pool *p)
{
	for (size_t i = 0; i < p->by_serial.n; i++) {
		struct volume *v = p->by_serial.at[i];
		if (v->state == VOLUME_REMOVING && v->jobs.holder)
			return v;
	}
	return NULL;
}

/* The rmdir of a large image returns before its file is gone, and a script goes on to stop the pool. */
static int wait_for_removals(struct pool *p, struct error *err)
{
	struct volume *v;
	int r = 0;

	while (r == 0 && (v = volume_in_removal(p))) {
		autovolume struct volume *held = volume_hold(v);
		struct job job = { 0 };

		r = error_in(err, job_begin(&job, &held->jobs, "stop", err), "the volume '%s'", held->obj.name);
		job_end(&job);
	}
	return r;
}

static int stop_held(struct pool *p, struct error *err)
{
	int r = 0;

	if (p->state == POOL_INACTIVE)
		return 0;
	r = wait_for_removals(p, err);
	if (r == 0)
		r = check_unused(p, err);
	if (r < 0)
		return r;
	pool_enter(p, POOL_STOPPING, NULL);
	watch_free(take(&p->watch)); /* an unmount would find it busy */
	if (!p->adopted && p->driver->stop)
		r = p->driver->stop(p, err);
	if (r < 0) {
		pool_watch(p);
		p->stale = true;
		pool_enter(p, POOL_ACTIVE, "failed");
		return r;
	}
	(void)!fault_point("pool-stop:stopped", NULL);
	pool_forget_listing(p);
	pool_run_set(p, false);
	pool_set_priv(p, NULL, NULL);
	p->adopted = false;
	p->usage = (struct pool_usage){ 0 };
	p->usage_known = false;
	object_changed(&p->obj, 1u << FACET_NAMES);
	pool_enter(p, POOL_INACTIVE, NULL);
	return 0;
}

static int refresh_held(struct pool *p, struct error *err)
{
	int r = pool_needs_active(p, err);

	if (r == 0 && p->driver->refresh)
		r = p->driver->refresh(p, err);
	if (r == 0)
		r = pool_list_now(p, err);
	if (r == 0)
		r = pool_usage(p, err);
	if (r == 0)
		object_changed(&p->obj, 1u << FACET_DOC);
	return r;
}

/* ---- build and delete: of a pool that is not active ---- */

static int needs_inactive(struct pool *p, struct error *err)
{
	if (!p->driver)
		return error_set(err, ENOTSUP, "pools of type '%s' are not served here", p->type ? p->type : "");
	if (p->state != POOL_INACTIVE)
		return error_set(err, EBUSY, "it is %s: echo stop > state first", pool_state_names[p->state]);
	return pool_whole(p, err);
}

static int build(struct pool *p, bool overwrite, struct error *err)
{
	int r = needs_inactive(p, err);

	if (r == 0 && !pool_has(p, p->driver->build, "be built: what they are of must be there", err))
		r = -ENOTSUP;
	if (r < 0)
		return r;
	pool_enter(p, POOL_BUILDING, NULL);
	r = build_it(p, overwrite, err);
	pool_enter(p, POOL_INACTIVE, r < 0 ? "failed" : "built");
	return r;
}

static int build_held(struct pool *p, struct error *err)
{
	return build(p, false, err);
}

static int overwrite_held(struct pool *p, struct error *err)
{
	return build(p, true, err);
}

static int delete_held(struct pool *p, struct error *err)
{
	int r = needs_inactive(p, err);

	if (r == 0 && !pool_has(p, p->driver->erase, "be deleted", err))
		r = -ENOTSUP;
	if (r < 0)
		return r;
	pool_enter(p, POOL_DELETING, NULL);
	r = p->driver->erase(p, err);
	pool_enter(p, POOL_INACTIVE, r < 0 ? "failed" : "deleted");
	return r;
}

/* ---- the words ---- */

static const struct verb {
	const char *word;
	int (*fn)(struct pool *p, struct error *err);
} verbs[] = {
	{ "start", start_held },  { "stop", stop_held },     { "refresh", refresh_held },
	{ "build", build_held },  { "delete", delete_held }, { "build overwrite", overwrite_held },
	{ "active", start_held }, { "inactive", stop_held }, { "destroy", stop_held },
};

int pool_command(struct pool *p, struct str word, const struct who *who, struct error *err)
{
	autopool struct pool *held = pool_hold(p);
	autojob struct job job = { .uid = who ? who->uid : 0 };
	const struct verb *v = NULL;
	int r;

	for (size_t i = 0; i < ARRAY_SIZE(verbs) && !v; i++)
		if (str_is(word, verbs[i].word))
			v = &verbs[i];
	if (!v)
		return error_set(
			err, EINVAL,
			"%s: '%.*s': expected start stop refresh build delete, or 'build overwrite', or active "
			"inactive",
			p->obj.name, (int)word.n, word.p);
	r = job_begin(&job, &held->jobs, v->word, err);
	if (r == 0)
		r = pool_there(p, err);
	if (r == 0)
		r = v->fn(p, err);
	return error_in(err, r, "%s: %s", p->obj.name, v->word);
}

int pool_set_autostart(struct pool *p, bool on, struct error *err)
{
	autopool struct pool *held = pool_hold(p);
	autojob struct job job = { 0 };
	bool was = p->autostart;
	int r = job_begin(&job, &held->jobs, "define", err);

	if (r == 0)
		r = pool_there(p, err);
	if (r < 0 || was == on)
		return r;
	p->autostart = on;
	r = pool_store(p, p->config, p->full, p->uuid, p->type, true, err);
	if (r < 0)
		p->autostart = was;
	pool_store_settle(p);
	object_changed(&p->obj, 1u << FACET_DOC | 1u << FACET_STATE);
	return error_in(err, r, "%s: autostart", p->obj.name);
}

/* ---- after loading ---- */

/* It was active when the last domfs ended, or is so by other hands: it is again.  What an unmount or a reboot ended stays so, unless it is
 * to be started at each mount. */
static int find_held(struct pool *p, struct error *err)
{
	bool adopted = true, ours = pool_run_get(p, &adopted);
	int found = pool_whole(p, NULL) == 0 && p->driver->find ? p->driver->find(p, err) : 0;
	int r;

	/* of a type that nobody can look for (a directory, a disk) only we knew that it was active */
	if (found <= 0 && !p->autostart && !(ours && (!p->driver->find || (p->driver->flags & POOL_UNFOUND)))) {
		if (ours && found == 0)
			pool_run_set(p, false);
		return found;
	}
	error_clear(err);
	r = start_held(p, err);
	if (r == 0 && ours && !adopted) { /* it was we who made it so, before */
		p->adopted = false;
		pool_run_set(p, true);
	}
	return r;
}

void pool_find_task(void *arg)
{
	struct pool *p = arg;
	struct job job = { 0 };
	autoerror struct error err = { 0 };

	if (p->driver && !p->obj.gone && job_begin(&job, &p->jobs, "find", &err) == 0) {
		if (find_held(p, &err) < 0) {
			error_in(&err, -1, "%s: start at mount", p->obj.name);
			pool_set_error(p, error_text(&err));
			errors_add(NULL, p->obj.name, &err);
		}
		job_end(&job);
	}
	object_unref(&p->obj);
}
