/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Disks of a running guest: limits and the medium of a drive.  A medium's old block nodes go before the new ones come, as both have the same
 * names; when the new one is refused the old one is put back.
 */
#include "disk.h"
#include "files.h"
#include "launch.h"
#include "live.h"
#include "storage.h"
#include "volume.h"

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

/* The device that has the block backend: some are shells around it.  Caller frees. */
static char *backend_of(const struct node *disk)
{
	const char *alias = qemu_alias(disk);

	if (node_is(disk, "target/@bus", "virtio"))
		return xasprintf("/machine/peripheral/%s/virtio-backend", alias);
	if (node_is(disk, "target/@bus", "usb"))
		return xasprintf("/machine/peripheral/%s/%s.0/legacy[0]", alias, alias);
	return xstrdup(alias);
}

/* The limits of DISK, the row at PATH being TEXT. */
static json_t *limits_of(const struct node *disk, const char *path, uint64_t text)
{
	autofree char *id = backend_of(disk);
	json_t *args = json_object();

	props_str(args, "id", id);
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

int qemu_disks_after_start(struct domain *d, struct error *err)
{
	autodoc struct doc *copy = NULL;
	autobuf struct buf text = { 0 };
	int r = 0;

	node_print(domain_live(d), &text); /* the live document may change at each wait */
	copy = doc_parse((struct str){ text.p, text.n }, NULL, err);
	if (!copy)
		return -EINVAL;
	for (const struct node *n = node_first(doc_root(copy), "devices/disk"); n && r == 0; n = node_next(n, "disk"))
		r = error_in(err, qemu_disk_throttle(d, n, err), "limits of disk '%s'",
			     node_get_or(n, "target/@dev", ""));
	return r;
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

/* The plan of a drive's block nodes alone; UNDO: of those that it has. */
static struct plan *medium_plan(struct vm *vm, const struct node *like, bool undo, char **top, struct error *err)
{
	autoplan struct plan *p = qemu_plan_live(vm, undo, err);

	return p && disk_plan_blockdevs(p, like, top, err) == 0 ? take(&p) : NULL;
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

/* Puts in what MEDIUM says; OPENED: as it is opened, when that is something else. */
static int load(struct vm *vm, const char *id, const struct node *medium, const struct doc *opened, struct error *err)
{
	autofree char *top = NULL;
	autoplan struct plan *p = medium_plan(vm, opened ? doc_root(opened) : medium, false, &top, err);
	int r;

	if (!p)
		return err && err->code ? -err->code : -EINVAL;
	vm->next_file = p->next_file;
	qemu_disk_keep(vm->d, medium, opened);
	r = put_in(vm->d, id, p, top, err);
	if (r == 0)
		files_keep_next(vm);
	return r;
}

int qemu_disk_medium(struct domain *d, const struct node *disk, struct node *medium, struct error *err)
{
	autovm struct vm *vm = vm_of(d) ? vm_ref(vm_of(d)) : NULL;
	autofree char *id = backend_of(disk), *old_top = NULL;
	autodoc struct doc *opened = NULL, *had = qemu_disk_opened(d, disk);
	autoplan struct plan *old = NULL;
	autoerror struct error why = { 0 };
	int r;

	if (!vm)
		return error_set(err, ENOTCONN, "the guest does not run");
	r = qemu_disk_refusal(medium, err);
	if (r == 0)
		r = qemu_disk_prepare(d, medium, &opened, err);
	old = r < 0 ? NULL : medium_plan(vm, had ? doc_root(had) : disk, true, &old_top, err);
	if (!old)
		return err && err->code ? -err->code : -EINVAL;
	r = take_out(d, id, old, err);
	if (r < 0)
		return error_in(err, r, "the medium cannot be taken out");
	task_shield(1);
	r = load(vm, id, medium, opened, &why);
	if (r < 0)
		(void)!load(vm, id, disk, had, NULL); /* as it was */
	(void)!tray(d, id, "blockdev-close-tray", false, NULL);
	task_shield(-1);
	error_move(err, &why);
	return r;
}

/* ---- the set slot ---- */

/* A copy of DISK with another source, as text gives it. */
static struct doc *with_source(const struct node *disk, const char *path, struct error *err)
{
	autobuf struct buf text = { 0 };
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
	disk_set_source(n, path);
	return doc;
}

static int set_source(struct domain *d, struct node *disk, struct str text, struct error *err)
{
	autofree char *path = xstrndup(text.p, text.n);
	autodoc struct doc *old = with_source(disk, "", err), *doc = NULL;
	struct node *was;

	if (!is_drive(disk))
		return error_set(err, ENOTSUP,
				 "only the medium of a CD-ROM or floppy drive changes while the guest runs: "
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
