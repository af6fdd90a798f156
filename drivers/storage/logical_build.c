/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Making a volume group of the devices that the definition names, and removing it. */
#include <jansson.h>
#include <sys/stat.h>

#include "engine/spawn.h"
#include "lvm.h"

/* ---- what is on a device ---- */

static void first_word(void *arg, const char *word, const char *unused_word unused)
{
	char **out = arg;

	if (!*out && *word)
		*out = xstrdup(word);
}

/* The group that DEVICE is part of, the caller's; NULL: none. */
static int group_of_device(const char *device, char **vg, struct error *err)
{
	const char *const words[] = { "pvs", "--reportformat", "json", "-o", "pv_name,vg_name", device, NULL };
	autobuf struct buf json = { 0 };
	autoerror struct error why = { 0 };
	int r = lvm_run_words(words, &json, POOL_WORK_MS, &why);

	if (r == -ETIMEDOUT || r == -ECANCELED)
		return error_move(err, &why), r;
	if (r < 0) /* it is no PV */
		return 0;
	return lvm_parse_rows((struct str){ buf_text(&json), json.n }, "pv", "vg_name", "pv_name", first_word, vg, err);
}

/* "ext4", "dos partition table": of wipefs's JSON, which is empty when there is nothing.  The caller frees; NULL: nothing. */
static char *signatures_of(struct str json)
{
	json_t *root = json_loadb(json.p, json.n, 0, NULL), *row;
	struct buf out = { 0 };
	size_t i;

	json_array_foreach(json_object_get(root, "signatures"), i, row)
	{
		const char *type = json_string_value(json_object_get(row, "type"));
		buf_printf(&out, "%s%s", out.n ? " and " : "", type ? type : "something");
	}
	json_decref(root);
	return out.n ? buf_take(&out) : NULL;
}

static int check_free(const char *device, char **found, struct error *err)
{
	const char *const words[] = { "wipefs", "--json", device, NULL };
	autobuf struct buf json = { 0 };
	autofree char *vg = NULL;
	struct stat st;
	int r;

	if (stat(device, &st) < 0)
		return error_set(err, errno, "the device '%s': %s", device, strerror(errno));
	if (!S_ISBLK(st.st_mode))
		return error_set(err, ENOTBLK, "'%s' is not a block device", device);
	r = group_of_device(device, &vg, err);
	if (r < 0)
		return r;
	if (vg)
		return error_set(err, EEXIST, "the device '%s' is part of the volume group '%s': remove it there first",
				 device, vg);
	r = spawn_run(words, (struct str){ 0 }, &json, POOL_WORK_MS, err);
	if (r == 0)
		*found = signatures_of((struct str){ buf_text(&json), json.n });
	return r;
}

static int clear_device(const char *device, bool overwrite, struct error *err)
{
	const char *const words[] = { "wipefs", "--all", device, NULL };
	autofree char *found = NULL;
	int r = check_free(device, &found, err);

	if (r < 0 || !found)
		return r;
	if (!overwrite)
		return error_set(
			err, EEXIST,
			"the device '%s' has something on it already (%s): 'build overwrite' would destroy that",
			device, found);
	r = spawn_run(words, (struct str){ 0 }, NULL, POOL_WORK_MS, err);
	if (r == -EIO && strstr(error_text(err), "busy"))
		return error_set(err, EBUSY, "the device '%s' (%s) is in use: unmount it first", device, found);
	return r;
}

/* ---- the group ---- */

/* The paths of source/device, copies: the document is dead at the next wait. */
static struct vec devices_of(struct pool *p)
{
	struct vec v = { 0 };

	for (struct node *d = node_first(pool_node(p), "source/device"); d; d = node_next(d, "device"))
		if (node_has(d, "@path"))
			vec_add(&v, xstrdup(node_get(d, "@path")));
	return v;
}

/* WORDS..., then all DEVICES. */
static int run_on(const char *const *words, const struct vec *devices, struct error *err)
{
	struct vec argv = { 0 };
	int r;

	for (; *words; words++)
		vec_add(&argv, xstrdup(*words));
	for (size_t i = 0; i < devices->n; i++)
		vec_add(&argv, xstrdup(devices->at[i]));
	vec_add(&argv, NULL);
	r = lvm_run(&argv, NULL, POOL_WORK_MS, err);
	vec_clear(&argv, free);
	return r;
}

/* Best effort: those that are none of ours, or none at all, are refused by LVM itself. */
static void drop_pvs(const struct vec *devices)
{
	static const char *const words[] = { "pvremove", NULL };

	task_shield(1);
	for (size_t i = 0; i < devices->n; i++) {
		struct vec one = { .at = &devices->at[i], .n = 1 };
		(void)!run_on(words, &one, NULL);
	}
	task_shield(-1);
}

static int make_group(const char *vg, const struct vec *devices, struct error *err)
{
	static const char *const pvcreate[] = { "pvcreate", "--yes", NULL };
	const char *const vgcreate[] = { "vgcreate", vg, NULL };
	int r = run_on(pvcreate, devices, err);

	if (r == 0)
		r = run_on(vgcreate, devices, err);
	if (r < 0)
		drop_pvs(devices);
	return r;
}

int logical_build(struct pool *p, bool overwrite, struct error *err)
{
	autofree char *vg = logical_vg(p);
	struct vec devices = devices_of(p);
	struct pool_usage u;
	int r = 0;

	if (!devices.n)
		r = error_set(err, EINVAL, "a volume group is made of devices: name them in source (%s DEVICE...)", vg);
	if (r == 0) {
		r = lvm_ask_vg(vg, &u, err);
		if (r == 0)
			r = error_set(err, EEXIST, "there is a volume group '%s' already: start it, or delete it first",
				      vg);
		else if (r == -ENOENT)
			r = 0;
	}
	for (size_t i = 0; i < devices.n && r == 0; i++)
		r = clear_device(devices.at[i], overwrite, err);
	if (r == 0) {
		error_clear(err);
		r = make_group(vg, &devices, err);
	}
	vec_clear(&devices, free);
	return r;
}

int logical_erase(struct pool *p, struct error *err)
{
	autofree char *vg = logical_vg(p);
	const char *const vgremove[] = { "vgremove", "-f", vg, NULL };
	struct vec devices = devices_of(p);
	autolvs struct lvs l = { 0 };
	int r = logical_closed(vg, NULL, &l, err);

	if (r == 0)
		r = lvm_run_words(vgremove, NULL, POOL_WORK_MS, err);
	if (r == 0)
		drop_pvs(&devices);
	vec_clear(&devices, free);
	return r;
}
