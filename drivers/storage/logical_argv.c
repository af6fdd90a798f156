/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command lines of LVM2's programs, and which names they take. */
#include <ctype.h>
#include <stdio.h>

#include "lvm.h"

#define SECTOR	     512
#define NAME_MAX_LVM 127 /* of a name, and of the device's, in which both stand with each '-' doubled */

static void add(struct vec *argv, const char *word)
{
	vec_add(argv, xstrdup(word));
}

static void add_bytes(struct vec *argv, const char *option, uint64_t bytes)
{
	/* a size that is no number of sectors is refused; LVM itself rounds up to extents */
	uint64_t sectors = bytes / SECTOR + (bytes % SECTOR != 0);

	add(argv, option);
	vec_add(argv, xasprintf("%llub", (unsigned long long)(sectors ? sectors : 1) * SECTOR));
}

void lvm_argv(struct vec *argv, const char *const *words)
{
	for (; *words; words++)
		add(argv, *words);
	vec_add(argv, NULL);
}

void lvm_on_lv(struct vec *argv, const char *const *words, const char *vg, const char *lv)
{
	for (; *words; words++)
		add(argv, *words);
	vec_add(argv, xasprintf("%s/%s", vg, lv));
	vec_add(argv, NULL);
}

void lvm_create_argv(struct vec *argv, const char *vg, const struct lv_new *lv)
{
	add(argv, "lvcreate");
	add(argv, "--yes");
	add(argv, "--name");
	add(argv, lv->name);
	switch (lv->kind) {
	case LV_LINEAR:
		/* what an older LV left at its beginning is no file system of the new one */
		add(argv, "--wipesignatures");
		add(argv, "y");
		add_bytes(argv, "-L", lv->size);
		break;
	case LV_SPARSE:
		add_bytes(argv, "-L", lv->room);
		add(argv, "--type");
		add(argv, "snapshot");
		add_bytes(argv, "--virtualsize", lv->size);
		break;
	case LV_SNAPSHOT:
		add_bytes(argv, "-L", lv->room);
		add(argv, "-s");
		break;
	case LV_THIN:
		add_bytes(argv, "--virtualsize", lv->size);
		add(argv, "--thinpool");
		add(argv, lv->thin_pool);
		break;
	case LV_THIN_SNAPSHOT: /* by itself LVM would not activate it */
		add(argv, "--setactivationskip");
		add(argv, "n");
		if (lv->copy) {
			add(argv, "--addtag");
			add(argv, LVM_COPY_TAG);
		}
		add(argv, "-s");
		break;
	}
	vec_add(argv, lv->origin ? xasprintf("%s/%s", vg, lv->origin) : xstrdup(vg));
	vec_add(argv, NULL);
}

void lvm_list_argv(struct vec *argv, const char *vg, const char *lv)
{
	static const char *const words[] = {
		"lvs",
		"--reportformat",
		"json",
		"--units",
		"b",
		"--nosuffix",
		"-o",
		"lv_name,origin,lv_uuid,devices,segtype,stripes,seg_size,vg_extent_size,lv_size,origin_size,"
		"lv_attr,lv_role,lv_tags,pool_lv,data_percent,lv_path,lv_kernel_major,lv_kernel_minor",
		NULL,
	};

	for (size_t i = 0; words[i]; i++)
		add(argv, words[i]);
	vec_add(argv, lv ? xasprintf("%s/%s", vg, lv) : xstrdup(vg));
	vec_add(argv, NULL);
}

/* ---- names ---- */

static int check_characters(const char *what, const char *name, struct error *err)
{
	if (!*name || !strcmp(name, ".") || !strcmp(name, "..") || strlen(name) > NAME_MAX_LVM)
		return error_set(err, EINVAL,
				 "'%s' cannot be the name of a %s: LVM takes 1 to %d characters, not . or ..", name,
				 what, NAME_MAX_LVM);
	if (*name == '-')
		return error_set(err, EINVAL, "'%s' cannot be the name of a %s: LVM takes none that begins with '-'",
				 name, what);
	for (const char *p = name; *p; p++)
		if (!isascii((unsigned char)*p) || (!isalnum((unsigned char)*p) && !strchr("+_.-", *p)))
			return error_set(err, EINVAL,
					 "'%s' cannot be the name of a %s: LVM takes letters, digits and + _ . - only",
					 name, what);
	return 0;
}

int lvm_vg_check(const char *vg, struct error *err)
{
	return check_characters("volume group", vg, err);
}

static size_t mapped_length(const char *name)
{
	size_t n = strlen(name);

	for (; *name; name++)
		n += *name == '-';
	return n;
}

int lvm_name_check(const char *vg, const char *name, struct error *err)
{
	static const char *const starts[] = { "pvmove", "snapshot", NULL };
	static const char *const parts[] = { "_cdata", "_cmeta",  "_corig", "_cpool",	"_cvol",   "_imeta",
					     "_iorig", "_mimage", "_mlog",  "_pmspare", "_rimage", "_rmeta",
					     "_tdata", "_tmeta",  "_vdata", "_vorigin", "_wcorig", NULL };
	int r = check_characters("LV", name, err);

	if (r < 0)
		return r;
	for (size_t i = 0; starts[i]; i++)
		if (str_starts(name, starts[i]))
			return error_set(err, EINVAL,
					 "'%s' cannot be the name of a LV: names starting \"%s\" are LVM's own", name,
					 starts[i]);
	for (size_t i = 0; parts[i]; i++)
		if (strstr(name, parts[i]))
			return error_set(err, EINVAL,
					 "'%s' cannot be the name of a LV: names including \"%s\" are LVM's own", name,
					 parts[i]);
	if (mapped_length(vg) + 1 + mapped_length(name) > NAME_MAX_LVM)
		return error_set(err, ENAMETOOLONG,
				 "'%s' is too long for a LV in '%s': with the group's name it is over %d", name, vg,
				 NAME_MAX_LVM);
	return 0;
}
