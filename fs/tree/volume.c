/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* pools/NAME/volumes/VOLUME/ */
#include "engine/pool.h"

#include "tree.h"

static struct volume *volume(const struct place *at)
{
	return volume_of(at->obj);
}

static int state_show(const struct place *at, struct buf *out, struct error *err unused)
{
	return show_line(out, volume_state_names[volume(at)->state]);
}

static int xml_show(const struct place *at, struct buf *out, struct error *err unused)
{
	volume_xml(volume(at), out);
	return 0;
}

static int xml_store(const struct place *at, struct str text, struct error *err)
{
	return volume_define(volume(at), text, at->who, err);
}

static int row_show(const struct place *at, struct buf *out, struct error *err unused)
{
	volume_prop_show(volume(at), at->slot->prop, out);
	buf_putc(out, '\n');
	return 0;
}

static int row_store(const struct place *at, struct str text, struct error *err)
{
	if (!strcmp(at->slot->prop->file, "format"))
		return volume_format_store(volume(at), text, err);
	return volume_prop_store(volume(at), at->slot->prop, text, err);
}

/* Of a draft: what was written; of a volume: what is known. */
static int number_show(const struct place *at, const char *path, size_t offset, struct buf *out)
{
	const struct volume *v = volume(at);
	const struct node *n = v->draft ? node_first(doc_root(v->draft), path) : NULL;
	uint64_t bytes = v->info ? *(uint64_t *)((char *)v->info + offset) : 0;

	if (n)
		(void)!size_parse_unit(str_of(node_get(n, "")), node_get(n, "@unit"), "bytes", &bytes, NULL);
	buf_u64(out, bytes);
	buf_putc(out, '\n');
	return 0;
}

static int capacity_show(const struct place *at, struct buf *out, struct error *err unused)
{
	return number_show(at, "capacity", offsetof(struct volume_info, capacity), out);
}

static int capacity_store(const struct place *at, struct str text, struct error *err)
{
	return volume_capacity_store(volume(at), text, at->who, err);
}

static int allocation_show(const struct place *at, struct buf *out, struct error *err unused)
{
	return number_show(at, "allocation", offsetof(struct volume_info, allocation), out);
}

static int allocation_store(const struct place *at, struct str text, struct error *err)
{
	return volume_allocation_store(volume(at), text, err);
}

static int path_show(const struct place *at, struct buf *out, struct error *err unused)
{
	return show_line(out, volume(at)->info ? volume(at)->info->path : NULL);
}

static int key_show(const struct place *at, struct buf *out, struct error *err unused)
{
	return show_line(out, volume(at)->info ? volume(at)->info->key : NULL);
}

static int type_show(const struct place *at, struct buf *out, struct error *err unused)
{
	return show_line(out, volume_type_names[volume(at)->info ? volume(at)->info->type : VOLUME_FILE]);
}

static int preallocation_show(const struct place *at, struct buf *out, struct error *err unused)
{
	return show_line(out, volume(at)->preallocation);
}

static int preallocation_store(const struct place *at, struct str text, struct error *err)
{
	return volume_preallocation_store(volume(at), text, err);
}

static bool is_new(const struct place *at)
{
	return volume(at)->state == VOLUME_NEW;
}

static bool is_there(const struct place *at)
{
	return volume(at)->state != VOLUME_NEW;
}

/* The file that it is built on: a volume of a pool as a link to that, anything else by its path. */
static const char *backing_of(const struct place *at)
{
	const struct volume *v = volume(at);

	if (v->draft)
		return node_get(doc_root(v->draft), "backingStore/path");
	return v->info ? v->info->backing : NULL;
}

static bool has_backing(const struct place *at)
{
	const char *path = backing_of(at);

	return path && *path;
}

static int backing_show(const struct place *at, struct buf *out, struct error *err unused)
{
	const char *path = backing_of(at);
	struct volume *other = path ? volume_by_path(path) : NULL;

	if (other && other->pool == volume(at)->pool)
		buf_printf(out, "../%s", other->obj.name);
	else if (other)
		buf_printf(out, "../../../%s/volumes/%s", other->pool->obj.name, other->obj.name);
	else
		buf_puts(out, path ? path : "");
	return 0;
}

static int backing_store(const struct place *at, struct str target, struct error *err)
{
	return volume_backing_store(volume(at), target, err);
}

static int clone_show(const struct place *at unused, struct buf *out unused, struct error *err unused)
{
	return 0;
}

static int clone_store(const struct place *at, struct str spec, struct error *err)
{
	return volume_clone(volume(at), spec, at->who, err);
}

static int wipe_show(const struct place *at unused, struct buf *out, struct error *err unused)
{
	for (int i = 0; wipe_algorithms[i]; i++)
		show_line(out, wipe_algorithms[i]);
	return 0;
}

static int wipe_store(const struct place *at, struct str algorithm, struct error *err)
{
	return volume_wipe(volume(at), algorithm, err);
}

static int job_show(const struct place *at, struct buf *out, struct error *err unused)
{
	volume_job(volume(at), out);
	return 0;
}

static int job_store(const struct place *at, struct str word, struct error *err)
{
	return job_abort_store(&volume(at)->jobs, word, err);
}

static int error_show(const struct place *at, struct buf *out, struct error *err unused)
{
	const char *text = volume(at)->error_text;

	return text ? show_line(out, text) : 0;
}

static int image_open(const struct place *at, int flags, struct bulk **out, struct error *err)
{
	return volume_image(volume(at), flags, at->who, out, err);
}

static uint64_t image_size(const struct place *at)
{
	const struct volume *v = volume(at);

	return v->info ? v->info->physical : 0;
}

static uint64_t image_allocated(const struct place *at)
{
	const struct volume *v = volume(at);

	return v->info ? v->info->allocation : 0;
}

static int data_open(const struct place *at, int flags, struct bulk **out, struct error *err)
{
	return volume_data(volume(at), flags, at->who, out, err);
}

static uint64_t data_size(const struct place *at)
{
	const struct volume *v = volume(at);

	return v->info ? v->info->capacity : 0;
}

/* What is left out of an image that is sparse reads as zeros. */
static uint64_t data_allocated(const struct place *at)
{
	const struct volume_info *i = volume(at)->info;

	return !i ? 0 : i->allocation < i->capacity ? i->allocation : i->capacity;
}

/* What its files say is asked for when they are looked at. */
static bool settled(const struct place *dir)
{
	return volume_settled(volume(dir));
}

static int settle(const struct place *dir, int64_t timeout_ms, struct error *err)
{
	return volume_settle(volume(dir), timeout_ms, err);
}

static const struct entry volume_entries[] = {
	VALUE("state", 0444, state_show, NULL, .facets = F_STATE, .doc = "new, creating, ready or removing"),
	DOC("xml", 0644, xml_show, xml_store, .fresh = LIVE,
	    .doc = "libvirt's volume XML; writing it to a new one creates it"),
	VALUE("capacity", 0644, capacity_show, capacity_store, .fresh = LIVE,
	      .doc = "bytes that a guest sees; writing creates a new volume, or grows one"),
	VALUE("allocation", 0644, allocation_show, allocation_store, .fresh = LIVE,
	      .doc = "bytes that it takes; of a new one: to be taken at once"),
	VALUE("path", 0444, path_show, NULL, .fresh = LIVE, .doc = "where it lies"),
	VALUE("key", 0444, key_show, NULL, .fresh = LIVE, .doc = "what it is known by, whatever its name"),
	VALUE("type", 0444, type_show, NULL, .fresh = LIVE, .doc = "file block dir network netdir"),
	VALUE("preallocation", 0644, preallocation_show, preallocation_store, .facets = F_DOC | F_STATE,
	      .exists = is_new, .doc = "of a new one: off metadata falloc full"),
	{
		.name = "backing",
		.kind = ENTRY_LINK,
		.facets = F_DOC | F_STATE,
		.exists = has_backing,
		.show = backing_show,
		.store = backing_store,
		.fleeting = true,
		.doc = "-> the volume that it is built on; ln -s before it is created",
	},
	BYTES("image", 0600, image_open, image_size, .allocated = image_allocated,
	      .doc = "its bytes as they lie in the pool: cp in and out"),
	BYTES("data", 0600, data_open, data_size, .allocated = data_allocated, .exists = is_there,
	      .doc = "what a guest sees in it, whatever the format"),
	DIR("users", 0555, &users_dir, .facets = F_DOC | F_STATE, .doc = "links to the domains that have it"),
	VALUE("clone", 0600, clone_show, clone_store, .facets = F_STATE, .exists = is_there,
	      .doc = "write the name of a copy to be made, and its format if it is another"),
	VALUE("wipe", 0600, wipe_show, wipe_store, .facets = F_STATE, .exists = is_there,
	      .doc = "the algorithms; write one: what is stored is overwritten by it"),
	VALUE("job", 0644, job_show, job_store, .fresh = LIVE, .doc = "what is going on; write abort to end it"),
	VALUE("error", 0444, error_show, NULL, .facets = F_ERROR, .doc = "the last failure in words"),
	PROPS(&volume_schema, row_show, row_store, .fresh = LIVE),
	{ 0 },
};

const struct dir_type volume_dir = {
	.entries = volume_entries,
	.settled = settled,
	.settle = settle,
};
