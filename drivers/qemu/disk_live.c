/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Disks of a running guest: limits and the medium of a drive.  A medium's old block nodes go before the new ones come, as both have the same
 * names; when the new one is refused the old one is put back.
 */
#include <stdio.h>

#include "disk.h"
#include "live.h"

/* ---- limits ---- */

static const struct {
	const char *path, *key;
	bool always; /* QEMU wants these six every time */
} limits[] = {
	{ "iotune/total_bytes_sec", "bps", true },
	{ "iotune/read_bytes_sec", "bps_rd", true },
	{ "iotune/write_bytes_sec", "bps_wr", true },
	{ "iotune/total_iops_sec", "iops", true },
	{ "iotune/read_iops_sec", "iops_rd", true },
	{ "iotune/write_iops_sec", "iops_wr", true },
	{ "iotune/total_bytes_sec_max", "bps_max", false },
	{ "iotune/read_bytes_sec_max", "bps_rd_max", false },
	{ "iotune/write_bytes_sec_max", "bps_wr_max", false },
	{ "iotune/total_iops_sec_max", "iops_max", false },
	{ "iotune/read_iops_sec_max", "iops_rd_max", false },
	{ "iotune/write_iops_sec_max", "iops_wr_max", false },
	{ "iotune/total_bytes_sec_max_length", "bps_max_length", false },
	{ "iotune/read_bytes_sec_max_length", "bps_rd_max_length", false },
	{ "iotune/write_bytes_sec_max_length", "bps_wr_max_length", false },
	{ "iotune/total_iops_sec_max_length", "iops_max_length", false },
	{ "iotune/read_iops_sec_max_length", "iops_rd_max_length", false },
	{ "iotune/write_iops_sec_max_length", "iops_wr_max_length", false },
	{ "iotune/size_iops_sec", "iops_size", false },
};

/* The limits of DISK, the row at PATH being TEXT. */
static json_t *limits_of(const struct node *disk, const char *path, uint64_t text)
{
	json_t *args = json_object();

	props_str(args, "id", qemu_alias(disk));
	for (size_t i = 0; i < ARRAY_SIZE(limits); i++) {
		bool now = path && str_eq(path, limits[i].path);
		uint64_t v = now ? text : node_u64(disk, limits[i].path, 0);

		if (limits[i].always || v)
			props_int(args, limits[i].key, v);
	}
	return args;
}

int qemu_disk_throttle(struct domain *d, const struct node *disk, struct error *err)
{
	json_t *args;

	if (!node_child(disk, "iotune") || !disk_has_source(disk))
		return 0;
	args = limits_of(disk, NULL, 0);
	props_str(args, "group", node_get(disk, "iotune/group_name"));
	return qmp_call(d, "block_set_io_throttle", args, NULL, err);
}

static int set_limit(struct domain *d, struct node *disk, const struct prop *row, struct str text, struct error *err)
{
	uint64_t v = 0;
	json_t *args;
	int r = text.n ? u64_parse(text, 0, INT64_MAX, &v, err) : 0;

	if (r < 0)
		return r;
	if (!disk_has_source(disk))
		return error_set(err, ENOMEDIUM, "the drive is empty: limits can be set when it has a medium");
	if (str_eq(row->path, "iotune/group_name")) {
		autofree char *group = xstrndup(text.p, text.n);

		args = limits_of(disk, NULL, 0);
		props_str(args, "group", *group ? group : NULL);
	} else {
		args = limits_of(disk, row->path, v);
		props_str(args, "group", node_get(disk, "iotune/group_name"));
	}
	return qmp_call(d, "block_set_io_throttle", args, NULL, err);
}

/* ---- the medium ---- */

static bool is_drive(const struct node *disk)
{
	return node_is(disk, "@device", "cdrom") || node_is(disk, "@device", "floppy");
}

/* The plan of a drive's block nodes alone. */
static struct plan *medium_plan(struct domain *d, const struct node *like, char **top, struct error *err)
{
	const struct qemu_caps *caps = qemu_caps_get(node_get_or(domain_live(d), "os/type/@arch", "x86_64"),
						     node_get(domain_live(d), "devices/emulator"), err);
	struct plan *p;

	if (!caps)
		return NULL;
	p = plan_new(domain_live(d), caps, domain_run_dir(d), false);
	p->hotplug = true;
	if (disk_plan_blockdevs(p, like, top, err) < 0) {
		plan_free(p);
		return NULL;
	}
	return p;
}

static int tray(struct domain *d, const char *id, const char *command, bool force, struct error *err)
{
	json_t *args = json_object();

	props_str(args, "id", id);
	if (force)
		props_bool(args, "force", true);
	return qmp_call(d, command, args, NULL, err);
}

/* Opens the tray and takes out what is in.  A guest that locks its drive is not asked: the user decides. */
static int take_out(struct domain *d, const char *id, struct plan *old, struct error *err)
{
	int r = tray(d, id, "blockdev-open-tray", true, err);

	if (r == 0)
		r = tray(d, id, "blockdev-remove-medium", false, err);
	if (r == 0 && old)
		qemu_plan_undo(d, old);
	return r;
}

static int put_in(struct domain *d, const char *id, struct plan *p, const char *top, struct error *err)
{
	json_t *args;
	int r = qemu_plan_apply(d, p, err);

	if (r < 0 || !top)
		return r;
	args = json_object();
	props_str(args, "id", id);
	props_str(args, "node-name", top);
	r = qmp_call(d, "blockdev-insert-medium", args, NULL, err);
	if (r < 0)
		qemu_plan_undo(d, p);
	return r;
}

int qemu_disk_medium(struct domain *d, const struct node *disk, const struct node *medium, struct error *err)
{
	autofree char *id = xstrdup(qemu_alias(disk)), *old_top = NULL, *top = NULL;
	autoplan struct plan *old = medium_plan(d, disk, &old_top, err);
	autoplan struct plan *p = old ? medium_plan(d, medium, &top, err) : NULL;
	int r;

	if (!p)
		return err && err->code ? -err->code : -EIO;
	r = take_out(d, id, old, err);
	if (r < 0)
		return error_in(err, r, "the medium cannot be taken out");
	r = put_in(d, id, p, top, err);
	if (r < 0) { /* as it was */
		autoplan struct plan *back = plan_new(p->domain, p->caps, p->run_dir, false);
		autofree char *back_top = NULL;

		back->hotplug = true;
		if (disk_plan_blockdevs(back, disk, &back_top, NULL) == 0)
			(void)!put_in(d, id, back, back_top, NULL);
	}
	if (tray(d, id, "blockdev-close-tray", false, NULL) < 0)
		return r;
	return r;
}

/* ---- the set slot ---- */

/* A copy of DISK with another source, as text gives it. */
static struct doc *with_source(const struct node *disk, const char *path, struct error *err)
{
	autobuf struct buf text = { 0 };
	bool block = str_starts(path, "/dev/");
	struct doc *doc;
	struct node *n;

	node_print(disk, &text);
	doc = doc_parse((struct str){ text.p, text.n }, NULL, err);
	if (!doc)
		return NULL;
	n = doc_root(doc);
	if (node_child(n, "source"))
		node_remove(node_child(n, "source"));
	if (node_child(n, "backingStore"))
		node_remove(node_child(n, "backingStore"));
	if (*path) {
		node_set(n, "@type", block ? "block" : "file");
		node_set(n, block ? "source/@dev" : "source/@file", path);
	}
	return doc;
}

static int set_source(struct domain *d, struct node *disk, struct str text, struct error *err)
{
	autofree char *path = xstrndup(text.p, text.n);
	autodoc struct doc *old = with_source(disk, "", err), *doc = NULL;
	struct node *was;

	if (!is_drive(disk))
		return error_set(err, ENOTSUP, "only the medium of a CD-ROM or floppy drive changes while the guest runs: "
				 "detach this disk and attach another");
	if (!old)
		return -EINVAL;
	doc = with_source(disk, path, err);
	if (!doc)
		return -EINVAL;
	was = doc_root(old); /* DISK's document may be gone after the first wait */
	if (node_child(disk, "source"))
		node_import(was, node_child(disk, "source"));
	return qemu_disk_medium(d, was, doc_root(doc), err);
}

int qemu_disk_set(struct domain *d, struct node *disk, const struct prop *row, struct str text, struct error *err)
{
	if (str_starts(row->path, "iotune/"))
		return set_limit(d, disk, row, text, err);
	if (str_eq(row->path, "@file") || str_eq(row->path, "@dev") || str_starts(row->path, "source"))
		return set_source(d, disk, text, err);
	return error_set(err, ENOTSUP, "%s of a disk cannot change while the guest runs", row->path);
}
