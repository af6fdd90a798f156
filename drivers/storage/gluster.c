/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The driver of pools of type gluster: see gluster.h. */
#include "gluster.h"
#include "engine/spawn.h"

/* ---- start, stop ---- */

static void clean_work(void *arg)
{
	(void)!gluster_clean(arg);
	gluster_job_end(arg);
}

static void clean_apart(struct pool *p)
{
	struct gluster_job *j = gluster_job_new(p, NULL, NULL);
	struct worker *w = worker_new("gluster-clean");

	if (j && worker_post(w, clean_work, j) < 0)
		gluster_job_free(j);
	worker_free(w);
}

static int gluster_start(struct pool *p, struct error *err)
{
	struct gluster_job *j = gluster_job_first();
	int r = gluster_source_of(pool_node(p), &j->fs->at, err);

	if (r < 0) {
		gluster_job_free(j);
		return r;
	}
	r = far_run(p, &j->far, gluster_connect, POOL_WORK_MS, err);
	if (r < 0)
		return r;
	pool_set_priv(p, gluster_fs_hold(j->fs), gluster_fs_put_later);
	gluster_job_free(j);
	clean_apart(p);
	return 0;
}

/* What is still open holds on to the connection, and ends it. */
static int gluster_stop(struct pool *p, struct error *err unused)
{
	pool_set_priv(p, NULL, NULL); /* lets go of it */
	return 0;
}

/* ---- questions ---- */

static int gluster_list(struct pool *p, struct listing *out, struct error *err)
{
	struct gluster_job *j = gluster_job_new(p, NULL, err);
	int r = j ? far_run(p, &j->far, gluster_list_work, POOL_ASK_MS, err) : -EBUSY;

	if (r < 0)
		return r;
	*out = j->list;
	j->list = (struct listing){ 0 };
	gluster_job_free(j);
	return 0;
}

static int gluster_usage(struct pool *p, struct pool_usage *out, struct error *err)
{
	struct gluster_job *j = gluster_job_new(p, NULL, err);
	int r = j ? far_run(p, &j->far, gluster_usage_work, POOL_ASK_MS, err) : -EBUSY;

	if (r < 0)
		return r;
	out->capacity = (uint64_t)j->usage.f_blocks * j->usage.f_frsize;
	out->available = (uint64_t)j->usage.f_bavail * j->usage.f_frsize;
	out->allocation = (uint64_t)(j->usage.f_blocks - j->usage.f_bfree) * j->usage.f_frsize;
	gluster_job_free(j);
	return 0;
}

static void fill(const struct gluster_job *j, struct volume_info *info)
{
	const struct stat *st = &j->st;
	bool dir = S_ISDIR(st->st_mode);

	info->type = dir ? VOLUME_NETDIR : VOLUME_NETWORK;
	info->path = gluster_url(&j->fs->at, j->name);
	info->key = xasprintf("%s%s/%s", j->fs->at.volume, j->fs->at.dir, j->name);
	info->claim = xasprintf("gluster:%s", info->key); /* as a guest's disk has it */
	info->physical = dir ? 0 : (uint64_t)st->st_size;
	info->allocation = (uint64_t)st->st_blocks * 512;
	volume_info_stat(info, st);
	if (dir) {
		free(info->format);
		info->format = xstrdup("dir");
		info->capacity = 0;
	} else if (!info->capacity) {
		info->capacity = info->physical;
	}
}

/* In the same directory, unless it is a path or says where. */
static void absolute_backing(const struct gluster_job *j, struct volume_info *info)
{
	char *name = info->backing;

	if (!name || name[0] == '/' || strchr(name, ':'))
		return;
	info->backing = gluster_url(&j->fs->at, name);
	free(name);
}

static int gluster_info(struct pool *p, const char *name, struct volume_info *info, struct error *err)
{
	bool opaque = str_eq(info->format, "raw") || str_eq(info->format, "iso") || str_eq(info->format, "dir");
	struct gluster_job *j = gluster_job_new(p, name, err);
	autofree char *format = xstrdup(info->format);
	struct volume_info seen = { 0 };
	int r;

	if (!j)
		return -EBUSY;
	j->flags = !opaque;
	r = far_run(p, &j->far, gluster_look, POOL_ASK_MS, err);
	if (r < 0)
		return r;
	if (j->head)
		r = error_in(
			err,
			image_header((struct str){ j->head, j->nhead }, (uint64_t)j->st.st_size, format, &seen, err),
			"'%s'", name);
	if (r == 0) {
		absolute_backing(j, &seen);
		if (!seen.format)
			seen.format = xstrdup(format ? format : "raw");
		volume_info_clear(info);
		*info = seen;
		seen = (struct volume_info){ 0 };
		fill(j, info);
	}
	volume_info_clear(&seen);
	gluster_job_free(j);
	return r;
}

/* ---- changes ---- */

static int change(struct pool *p, struct gluster_job *j, int (*fn)(void *job), struct error *err)
{
	int r = j ? far_run(p, &j->far, fn, POOL_WORK_MS, err) : err && err->code ? -err->code : -EBUSY;

	if (r == 0)
		gluster_job_free(j);
	return r;
}

static int gluster_remove(struct pool *p, const char *name, struct error *err)
{
	return change(p, gluster_job_new(p, name, err), gluster_remove_work, err);
}

static int gluster_rename(struct pool *p, const char *name, const char *to, struct error *err)
{
	struct gluster_job *j = gluster_name_check(to, err) == 0 ? gluster_job_new(p, name, err) : NULL;

	if (j)
		j->to = xstrdup(to);
	return change(p, j, gluster_rename_work, err);
}

static int gluster_resize(struct pool *p, const char *name, const struct volume_info *now, uint64_t capacity,
			  struct error *err)
{
	bool plain = !now->format || !strcmp(now->format, "raw") || !strcmp(now->format, "luks");
	struct gluster_source at = { 0 };
	struct gluster_job *j;
	int r;

	if (now->type != VOLUME_NETWORK)
		return error_set(err, EISDIR, "'%s' is a directory", now->path);
	if (capacity < now->capacity)
		return error_set(err, EINVAL, "'%s': %llu bytes are less than it has: that would cut off data",
				 now->path, (unsigned long long)capacity);
	if (now->encryption && !plain)
		return error_set(err, ENOTSUP, "'%s': an encrypted %s cannot grow while nobody has it open", now->path,
				 now->format);
	if (plain) {
		j = gluster_job_new(p, name, err);
		if (j)
			j->far.size = capacity - now->capacity;
		return change(p, j, gluster_grow_work, err);
	}
	r = gluster_source_of(pool_node(p), &at, err);
	if (r == 0) {
		autofree char *url = gluster_url_coded(&at, name);
		r = image_resize(p, url, now->format, capacity, err);
	}
	gluster_source_clear(&at);
	return r;
}

/* ---- is it usable ---- */

/* Without loading it: that costs every process that has none. */
static int gluster_probe(struct buf *state, struct error *err unused)
{
	static const char *const argv[] = { "ldconfig", "-p", NULL };
	autoerror struct error no = { 0 };
	autobuf struct buf text = { 0 };

	if (!gluster_loaded() && spawn_run(argv, (struct str){ 0 }, &text, POOL_ASK_MS, &no) == 0 &&
	    !strstr(buf_text(&text), "libgfapi.so.0"))
		buf_puts(state, "not usable: libgfapi.so.0 is not there: install libgfapi0\n");
	else
		buf_puts(state, "usable\nformats other than raw, and guests, need QEMU's gluster driver: "
				"qemu-block-extra\n");
	return 0;
}

const struct pool_driver gluster_pool = {
	.type = "gluster",
	.flags = POOL_REMOTE | POOL_UNFOUND,
	.volume_formats = gluster_formats,
	.probe = gluster_probe,
	.complete = gluster_complete,
	.source_show = gluster_source_show,
	.source_store = gluster_source_store,
	.start = gluster_start,
	.stop = gluster_stop,
	.list = gluster_list,
	.usage = gluster_usage,
	.info = gluster_info,
	.create = gluster_create,
	.remove = gluster_remove,
	.rename = gluster_rename,
	.resize = gluster_resize,
	.clone = gluster_clone,
	.wipe = gluster_wipe,
	.image = gluster_image,
	.disk = gluster_disk,
};
