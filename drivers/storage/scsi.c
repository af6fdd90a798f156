/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pools of type scsi: the disks of a SCSI host adapter, which may be a virtual Fibre Channel port that is made for the pool. */
#include <stdio.h>

#include "engine/units.h"
#include "scsi.h"

static int scsi_host(struct scsi_work *w, struct error *err)
{
	return adapter_host(w->sys, &w->adapter, err);
}

static struct scsi_work *work_of(struct pool *p, struct error *err)
{
	struct scsi_work *w = scsi_work_new(p);

	w->host = scsi_host;
	if (adapter_of(pool_node(p), &w->adapter, err) == 0)
		return w;
	scsi_work_free(w);
	return NULL;
}

/* ---- definition ---- */

static int scsi_probe(struct buf *state, struct error *err unused)
{
	struct vec hosts = { 0 };

	if (sys_names(SCSI_SYS "/class/scsi_host", "host", &hosts) < 0 || !hosts.n)
		buf_puts(state, "not usable: this machine has no SCSI host\n");
	else
		buf_puts(state, "usable\n");
	for (size_t i = 0; i < hosts.n; i++) {
		autofree char *dir = xasprintf(SCSI_SYS "/class/scsi_host/%s", (char *)hosts.at[i]);
		autofree char *driver = sys_text(dir, "proc_name");

		buf_printf(state, "%s %s\n", (char *)hosts.at[i], driver ? driver : "unknown");
	}
	vec_clear(&hosts, free);
	return 0;
}

static int scsi_complete(struct node *pool, const char *dir unused, struct error *err)
{
	struct adapter a;
	int r = adapter_of(pool, &a, err);

	adapter_clear(&a);
	return r == 0 ? scsi_target_complete(pool, err) : r;
}

static void scsi_source_show(const struct node *pool, struct buf *out)
{
	struct adapter a;

	if (adapter_of(pool, &a, NULL) == 0)
		adapter_show(&a, out);
	adapter_clear(&a);
}

static int scsi_source_store(struct node *pool, struct str text, struct error *err)
{
	autofree char *name = xstrndup(text.p, text.n);
	struct node *source = node_make(pool, "source"), *old;
	struct adapter a;
	int r;

	while ((old = node_child(source, "adapter")))
		node_remove(old);
	if (!text.n)
		return 0;
	node_set(pool, "source/adapter/@type", "scsi_host");
	node_set(pool, "source/adapter/@name", name);
	r = adapter_of(pool, &a, err);
	adapter_clear(&a);
	return r;
}

/* ---- life ---- */

static int find_work(void *arg)
{
	struct scsi_work *w = arg;
	int host = adapter_host(w->sys, &w->adapter, &w->why);

	return host == -ENODEV ? 0 : host < 0 ? host : 1;
}

static int start_work(void *arg)
{
	struct scsi_work *w = arg;

	return vport_make(w->sys, &w->adapter, &w->why);
}

static int stop_work(void *arg)
{
	struct scsi_work *w = arg;

	return vport_remove(w->sys, &w->adapter, &w->why);
}

/* Of what there is to find only a virtual port comes and goes; a card is not taken for a pool that runs. */
static int scsi_find(struct pool *p, struct error *err)
{
	struct scsi_work *w = work_of(p, err);
	int r = 0;

	if (!w)
		return -EINVAL;
	if (w->adapter.wwnn)
		r = scsi_work_run(p, w, find_work, POOL_ASK_MS, err);
	if (r >= 0)
		scsi_work_free(w);
	return r;
}

static int scsi_refresh(struct pool *p, struct error *err)
{
	struct scsi_work *w = work_of(p, err);

	return w ? scsi_work_rescan(p, w, err) : -EINVAL;
}

static int scsi_stop(struct pool *p, struct error *err)
{
	struct scsi_work *w = work_of(p, err);
	int r = 0;

	if (!w)
		return -EINVAL;
	if (w->adapter.wwnn && !w->adapter.keep)
		r = scsi_work_run(p, w, stop_work, POOL_WORK_MS, err);
	if (r >= 0)
		scsi_work_free(w);
	return r;
}

static int scsi_start(struct pool *p, struct error *err)
{
	struct scsi_work *w = work_of(p, err);
	bool port = w && w->adapter.wwnn;
	int r;

	if (!w)
		return -EINVAL;
	r = port ? scsi_work_run(p, w, start_work, POOL_WORK_MS, err) : 0;
	if (r < 0)
		return r;
	scsi_work_free(w);
	r = scsi_refresh(p, err);
	if (r < 0 && port) {
		task_shield(1);
		(void)!scsi_stop(p, NULL);
		task_shield(-1);
	}
	return r;
}

/* ---- volumes ---- */

static int scsi_pool_list(struct pool *p, struct listing *out, struct error *err)
{
	struct scsi_work *w = work_of(p, err);

	return w ? scsi_work_list(p, w, out, err) : -EINVAL;
}

static int scsi_image(struct pool *p, const char *name, int flags, const struct volume_spec *spec unused,
		      struct bulk **out, struct error *err)
{
	struct scsi_work *w = work_of(p, err);

	return w ? scsi_work_image(p, w, name, flags, out, err) : -EINVAL;
}

static const char *const volume_formats[] = { "raw", NULL };

const struct pool_driver scsi_pool = {
	.type = "scsi",
	.flags = POOL_NEEDS_ROOT | POOL_READONLY | POOL_REMOTE | POOL_UNFOUND,
	.volume_formats = volume_formats,
	.probe = scsi_probe,
	.complete = scsi_complete,
	.source_show = scsi_source_show,
	.source_store = scsi_source_store,
	.find = scsi_find,
	.start = scsi_start,
	.stop = scsi_stop,
	.refresh = scsi_refresh,
	.list = scsi_pool_list,
	.usage = lun_usage,
	.wipe = lun_wipe,
	.image = scsi_image,
	.data = image_data,
	.disk = lun_disk,
};
