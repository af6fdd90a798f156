/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What drivers tell of volumes: plain values, made and freed. */
#include <sys/stat.h>

#include "pool_driver.h"

const char *const volume_type_names[] = { "file", "block", "dir", "network", "netdir", NULL };

/* The others are raw bytes, whatever they are called: a partition's type, "none". */
bool volume_is_image(const char *format)
{
	static const char *const images[] = { "qcow2", "qcow",	"qed",	 "vmdk",      "vdi", "vhdx",  "vpc", "vhd",
					      "luks",  "bochs", "cloop", "parallels", "dmg", "ploop", NULL };

	return format && word_index(images, format) >= 0;
}

static int64_t ns(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void volume_info_stat(struct volume_info *info, const struct stat *st)
{
	info->has_owner = true;
	info->uid = st->st_uid;
	info->gid = st->st_gid;
	info->mode = st->st_mode & 07777;
	info->atime_ns = ns(st->st_atim);
	info->mtime_ns = ns(st->st_mtim);
	info->ctime_ns = ns(st->st_ctim);
}

void volume_info_clear(struct volume_info *info)
{
	free(info->path);
	free(info->key);
	free(info->format);
	free(info->backing);
	free(info->backing_format);
	free(info->encryption);
	free(info->compat);
	free(info->claim);
	for (size_t i = 0; i < info->nextents; i++)
		free(info->extents[i].device);
	free(info->extents);
	*info = (struct volume_info){ 0 };
}

struct listed *listing_add(struct listing *l, const char *name)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? l->cap * 2 : 64;
		l->rows = xrealloc(l->rows, l->cap * sizeof(*l->rows));
	}
	l->rows[l->n] = (struct listed){ .name = xstrdup(name) };
	return &l->rows[l->n++];
}

void listing_clear(struct listing *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->rows[i].name);
		if (l->rows[i].info)
			volume_info_clear(l->rows[i].info);
		free(l->rows[i].info);
	}
	free(l->rows);
	*l = (struct listing){ 0 };
}
