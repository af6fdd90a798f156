/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What pools of type scsi and iscsi share once it is known which SCSI host is theirs. */
#include <fcntl.h>

#include "engine/spawn.h"
#include "engine/units.h"
#include "scsi.h"

#define SETTLE_MS 15000

struct scsi_work *scsi_work_new(struct pool *p)
{
	struct scsi_work *w = xcalloc(1, sizeof(*w));

	w->sys = xstrdup(SCSI_SYS);
	w->target = pool_text(p, "target/path");
	w->number = w->session = -1;
	return w;
}

void scsi_work_free(void *arg)
{
	struct scsi_work *w = arg;

	free(w->sys);
	free(w->target);
	adapter_clear(&w->adapter);
	free(w->iface);
	if (w->portal)
		w->free_portal(w->portal);
	listing_clear(&w->list);
	error_clear(&w->why);
	free(w);
}

int scsi_work_run(struct pool *p, struct scsi_work *w, int (*fn)(void *w), int64_t timeout_ms, struct error *err)
{
	int r = pool_offload(p, fn, w, scsi_work_free, timeout_ms, err);

	if (r >= 0 || r == -ETIMEDOUT || r == -ECANCELED)
		return r;
	if (w->why.code) {
		r = -w->why.code;
		error_move(err, &w->why);
	} else {
		error_set(err, -r, "%s", strerror(-r));
	}
	scsi_work_free(w);
	return r;
}

/* ---- what is there ---- */

static int rescan_work(void *arg)
{
	struct scsi_work *w = arg;
	int host = w->host(w, &w->why);

	return host < 0 ? host : scsi_rescan(w->sys, host, &w->why);
}

/* Links below /dev/disk are udev's, which makes them a moment after the device is there.  Without udev nothing makes them. */
static int wait_udev(struct error *err)
{
	static const char *const argv[] = { "udevadm", "settle", "--timeout=10", NULL };
	autoerror struct error why = { 0 };
	int r = spawn_run(argv, str_of(NULL), NULL, SETTLE_MS, &why);

	if (r != -ECANCELED)
		return 0;
	error_move(err, &why);
	return r;
}

static int list_work(void *arg)
{
	struct scsi_work *w = arg;
	int host, r;

	listing_clear(&w->list);
	error_clear(&w->why);
	w->without = 0;
	host = w->host(w, &w->why);
	if (host < 0)
		return host;
	r = scsi_list(w->sys, host, w->target, &w->list, &w->without, &w->why);
	return r == -ENOENT && w->without ? 0 : r; /* what is to be said stays in w->why */
}

int scsi_work_list(struct pool *p, struct scsi_work *w, struct listing *out, struct error *err)
{
	int r = scsi_work_run(p, w, list_work, POOL_ASK_MS, err);

	if (r < 0)
		return r;
	if (w->without) { /* somebody has just logged in, or plugged it */
		r = wait_udev(err);
		if (r < 0)
			scsi_work_free(w);
		else
			r = scsi_work_run(p, w, list_work, POOL_ASK_MS, err);
	}
	if (r < 0)
		return r;
	r = -w->why.code;
	error_move(r < 0 ? err : NULL, &w->why);
	if (r == 0) {
		*out = w->list;
		w->list = (struct listing){ 0 };
	}
	scsi_work_free(w);
	return r;
}

int scsi_work_rescan(struct pool *p, struct scsi_work *w, struct error *err)
{
	int r = scsi_work_run(p, w, rescan_work, POOL_WORK_MS, err);

	if (r < 0)
		return r;
	scsi_work_free(w);
	return wait_udev(err);
}

/* ---- slots ---- */

int scsi_target_complete(struct node *pool, struct error *err)
{
	const char *path = node_get(pool, "target/path");

	if (!path || !*path)
		node_set(pool, "target/path", "/dev/disk/by-path");
	else if (!str_starts(path, "/dev/") && !str_eq(path, "/dev"))
		return error_set(
			err, EINVAL,
			"target: '%s' is no directory of device links: expected /dev/disk/by-path, /dev/disk/by-id "
			"or another below /dev",
			path);
	return 0;
}

int scsi_work_image(struct pool *p, struct scsi_work *w, const char *name, int flags, struct bulk **out,
		    struct error *err)
{
	struct listing list = { 0 };
	autofree char *path = NULL;
	int r = scsi_work_list(p, w, &list, err);

	for (size_t i = 0; r == 0 && i < list.n; i++)
		if (str_eq(list.rows[i].name, name))
			path = xstrdup(list.rows[i].info->path);
	listing_clear(&list);
	if (r < 0)
		return r;
	if (!path)
		return error_set(err, ENOENT, "the LUN '%s' is not there any more", name);
	return block_image(p, path, flags, out, err);
}

int lun_usage(struct pool *p, struct pool_usage *out, struct error *err)
{
	struct listing list = { 0 };
	int r = pool_driver_of(node_get_or(pool_node(p), "@type", ""))->list(p, &list, err);

	*out = (struct pool_usage){ 0 };
	for (size_t i = 0; r == 0 && i < list.n; i++)
		out->capacity += list.rows[i].info->capacity;
	out->allocation = out->capacity;
	listing_clear(&list);
	return r;
}

int lun_wipe(struct pool *p, const char *name unused, const struct volume_info *now, const char *algorithm,
	     void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg, struct error *err)
{
	return block_wipe(p, now->path, algorithm, progress, arg, err);
}

int lun_disk(struct pool *p, const char *name unused, const struct volume_info *now, struct node *disk,
	     struct error *err)
{
	if (node_is(disk, "source/@mode", "direct") && !str_eq(node_get(pool_node(p), "@type"), "iscsi"))
		return error_set(err, EINVAL, "source: mode 'direct' is for volumes of a pool of type iscsi");
	return block_disk(now->path, disk);
}
