/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* disks/TARGET/, nics/NAME/, devices/ALIAS/, vcpus/N/: the parts of a domain. */
#include "engine/device.h"
#include "engine/pool.h"
#include "tree.h"

static struct object *part_object(struct part *p)
{
	return p ? &p->obj : NULL;
}

struct search {
	uint64_t after;
	struct part *best;
};

static void lowest_above(void *arg, struct part *p)
{
	struct search *s = arg;

	if (p->obj.serial > s->after && (!s->best || p->obj.serial < s->best->obj.serial))
		s->best = p;
}

static struct object *next(const struct place *dir, enum part_kind kind, uint64_t after)
{
	struct search s = { .after = after };

	parts_each(domain_of(dir->obj), kind, dir->slot->view, lowest_above, &s);
	return part_object(s.best);
}

static int make(const struct place *dir, enum part_kind kind, const char *name, struct object **out, struct error *err)
{
	struct part *p;
	int r = part_make(domain_of(dir->obj), kind, dir->slot->view, name, &p, err);

	if (r < 0)
		return r;
	*out = &p->obj;
	object_ref(*out);
	return 0;
}

static int drop(const struct place *at, struct error *err)
{
	return part_drop(part_of(at->obj), at->slot->view, err);
}

/* The four collections differ in the kind only. */
#define COLLECTION(noun, kind_)                                                                                        \
	static struct object *find_##noun(const struct place *dir, const char *name)                                   \
	{                                                                                                              \
		return part_object(part_find(domain_of(dir->obj), kind_, dir->slot->view, name));                      \
	}                                                                                                              \
	static struct object *next_##noun(const struct place *dir, uint64_t after)                                     \
	{                                                                                                              \
		return next(dir, kind_, after);                                                                        \
	}
#define MAKER(noun, kind_)                                                                                             \
	static int make_##noun(const struct place *dir, const char *name, mode_t mode unused, struct object **out,     \
			       struct error *err)                                                                      \
	{                                                                                                              \
		return make(dir, kind_, name, out, err);                                                               \
	}
COLLECTION(disk, PART_DISK)
COLLECTION(nic, PART_NIC)
COLLECTION(device, PART_DEVICE)
COLLECTION(vcpu, PART_VCPU)
MAKER(disk, PART_DISK)
MAKER(nic, PART_NIC)
MAKER(device, PART_DEVICE)

static int state_show(const struct place *at, struct buf *out, struct error *err unused)
{
	return show_line(out, part_state(part_of(at->obj)));
}

static int state_store(const struct place *at, struct str word, struct error *err)
{
	if (!str_is(word, "detach"))
		return error_set(err, EINVAL, "'%.*s': expected detach", (int)word.n, word.p);
	return part_detach(part_of(at->obj), at->slot->view, err);
}

static int xml_show(const struct place *at, struct buf *out, struct error *err unused)
{
	struct part *p = part_of(at->obj);

	part_xml(p, at->slot->view, sees_secrets(at, &p->domain->obj), out);
	return 0;
}

static int xml_store(const struct place *at, struct str text, struct error *err)
{
	return part_define(part_of(at->obj), at->slot->view, text, at->who, err);
}

static int error_show(const struct place *at, struct buf *out, struct error *err unused)
{
	const char *text = part_of(at->obj)->error_text;

	return text ? show_line(out, text) : 0;
}

static int row_show(const struct place *at, struct buf *out, struct error *err)
{
	int r = part_prop_show(part_of(at->obj), at->slot->view, at->slot->prop, out, err);

	if (r >= 0 && (!out->n || out->p[out->n - 1] != '\n'))
		buf_putc(out, '\n');
	return r;
}

static int row_store(const struct place *at, struct str text, struct error *err)
{
	return part_prop_store(part_of(at->obj), at->slot->view, at->slot->prop, text, at->who, err);
}

static int source_show(const struct place *at, struct buf *out, struct error *err)
{
	int r = disk_source_show(part_of(at->obj), at->slot->view, out, err);

	if (r >= 0 && (!out->n || out->p[out->n - 1] != '\n'))
		buf_putc(out, '\n');
	return r;
}

/* The last component of S, which loses it; slashes at the end do not count. */
static struct str last_component(struct str *s)
{
	const char *slash;
	struct str last;

	while (s->n && s->p[s->n - 1] == '/')
		s->n--;
	slash = s->n ? memrchr(s->p, '/', s->n) : NULL;
	last = slash ? (struct str){ slash + 1, s->p + s->n - slash - 1 } : *s;
	s->n -= last.n;
	return last;
}

/* "POOL/VOLUME" of a link to a volume, ".../pools/POOL/volumes/VOLUME"; NULL: it is no such link.  The caller frees. */
static char *volume_of_link(struct str target)
{
	struct str name = last_component(&target), volumes = last_component(&target), pool = last_component(&target);
	autofree char *pool_name = xstrndup(pool.p ? pool.p : "", pool.n);
	autofree char *volume = percent_decode(name);
	struct pool *p;
	struct volume *v;

	if (!str_is(last_component(&target), "pools") || !str_is(volumes, "volumes") || !pool.n || !name.n || !volume)
		return NULL;
	p = pool_find(pool_name);
	free(volume);
	volume = xstrndup(name.p, name.n);
	v = p ? volume_find(p, volume) : NULL;
	if (!v) { /* not known yet: then its name is as the tree writes it */
		free(volume);
		volume = percent_decode(name);
	}
	return xasprintf("%s/%s", pool_name, v ? volume_name(v) : volume);
}

static int source_store(const struct place *at, struct str text, struct error *err)
{
	struct str trimmed = str_trim(text);
	autofree char *volume = trimmed.n && trimmed.p[0] != '/' ? volume_of_link(trimmed) : NULL;

	return disk_source_store(part_of(at->obj), at->slot->view, volume ? str_of(volume) : text, at->who, err);
}

static bool has_volume(const struct place *at)
{
	return disk_volume(part_of(at->obj), at->slot->view, NULL);
}

static int volume_show(const struct place *at, struct buf *out, struct error *err)
{
	autofree char *pool = NULL;
	const char *volume;

	if (!disk_volume(part_of(at->obj), at->slot->view, &pool))
		return error_set(err, ENOENT, "it is no volume of a pool");
	volume = strchr(pool, '/');
	buf_printf(out, "%s../../../../pools/%.*s/volumes%s", at->slot->view == VIEW_CONFIG ? "../" : "",
		   (int)(volume - pool), pool, volume);
	return 0;
}

static int volume_store(const struct place *at, struct str target, struct error *err)
{
	autofree char *volume = target.n ? volume_of_link(target) : xstrdup("");

	if (!volume)
		return error_set(
			err, EINVAL,
			"'%.*s' leads to no volume: link to ../../../../pools/POOL/volumes/VOLUME, or write a path to "
			"source",
			(int)target.n, target.p);
	return disk_source_store(part_of(at->obj), at->slot->view, str_of(volume), at->who, err);
}

static int disk_stats_show(const struct place *at, struct buf *out, struct error *err)
{
	return show_stats(at, STATS_BLOCK, at->obj->name, out, err);
}

static int nic_stats_show(const struct place *at, struct buf *out, struct error *err)
{
	return show_stats(at, STATS_NET, at->obj->name, out, err);
}

static int vcpu_state_show(const struct place *at, struct buf *out, struct error *err unused)
{
	const struct domain *d = part_of(at->obj)->domain;

	return show_line(out, strtoull(at->obj->name, NULL, 10) < d->cpus ? "online" : "offline");
}

/* The one counter that every driver has of a virtual CPU, without its key. */
static int vcpu_time_show(const struct place *at, struct buf *out, struct error *err)
{
	autobuf struct buf text = { 0 };
	int r = show_stats(at, STATS_VCPU, at->obj->name, &text, err);
	const char *time = strstr(buf_text(&text), "time_ns ");

	if (r < 0)
		return r;
	buf_printf(out, "%llu\n", time ? strtoull(time + strlen("time_ns "), NULL, 10) : 0);
	return 0;
}

#define PART_STATE                                                                                                     \
	VALUE("state", 0644, state_show, state_store, .facets = F_DOC | F_CONFIG | F_STATE | F_NAMES,                  \
	      .doc = "attached staged detaching config live; write detach: returns when the guest has let go")
#define PART_XML   DOC("xml", 0644, xml_show, xml_store, .doc = "its element; writing it plugs or changes")
#define PART_ERROR VALUE("error", 0444, error_show, NULL, .facets = F_ERROR, .doc = "the last failure in words")

static const struct entry disk_entries[] = {
	VALUE("source", 0644, source_show, source_store,
	      .doc = "path, device, volume or URL; writing it plugs the disk, or changes the medium"),
	PART_STATE,
	PART_XML,
	PART_ERROR,
	VALUE("stats", 0444, disk_stats_show, NULL, .fresh = WAITS, .doc = "its requests and bytes"),
	{
		.name = "volume",
		.kind = ENTRY_LINK,
		.facets = F_DOC | F_CONFIG,
		.exists = has_volume,
		.show = volume_show,
		.store = volume_store,
		.fleeting = true,
		.doc = "-> the pool's volume that it is; ln -s sets it as writing source does",
	},
	PROPS(&disk_schema, row_show, row_store),
	{ 0 },
};

static const struct entry nic_entries[] = {
	PART_STATE,
	PART_XML,
	PART_ERROR,
	VALUE("stats", 0444, nic_stats_show, NULL, .fresh = LIVE, .doc = "its packets and bytes"),
	PROPS(&nic_schema, row_show, row_store),
	{ 0 },
};

static const struct entry device_entries[] = {
	PART_STATE,
	PART_XML,
	PART_ERROR,
	{ 0 },
};

static const struct entry vcpu_entries[] = {
	VALUE("state", 0444, vcpu_state_show, NULL, .facets = F_DOC | F_STATE, .doc = "online or offline"),
	VALUE("time", 0444, vcpu_time_show, NULL, .fresh = LIVE, .doc = "nanoseconds that it has run"),
	{ 0 },
};

static const struct dir_type disk_dir = { .entries = disk_entries };
static const struct dir_type nic_dir = { .entries = nic_entries };
static const struct dir_type device_dir = { .entries = device_entries };
static const struct dir_type vcpu_dir = { .entries = vcpu_entries };

static const struct entry disk_entry = DIR("TARGET", 0755, &disk_dir, .facets = F_NAMES | F_DOC | F_CONFIG | F_STATE,
					   .doc = "a disk; mkdir, then set what differs, then write source");
static const struct entry nic_entry = DIR("NIC", 0755, &nic_dir, .facets = F_NAMES | F_DOC | F_CONFIG | F_STATE,
					  .doc = "a network interface; mkdir, then write where it connects");
static const struct entry device_entry = DIR("ALIAS", 0755, &device_dir, .facets = F_NAMES | F_DOC | F_CONFIG | F_STATE,
					     .doc = "a device; mkdir and write xml plugs it, rmdir unplugs it");
static const struct entry vcpu_entry =
	DIR("N", 0755, &vcpu_dir, .facets = F_NAMES | F_DOC | F_STATE, .doc = "a virtual CPU");

const struct dir_type disks_dir = {
	.child = &disk_entry,
	.kind = OBJ_PART,
	.find = find_disk,
	.next = next_disk,
	.make = make_disk,
	.drop = drop,
};
const struct dir_type nics_dir = {
	.child = &nic_entry,
	.kind = OBJ_PART,
	.find = find_nic,
	.next = next_nic,
	.make = make_nic,
	.drop = drop,
};
const struct dir_type devices_dir = {
	.child = &device_entry,
	.kind = OBJ_PART,
	.find = find_device,
	.next = next_device,
	.make = make_device,
	.drop = drop,
};
const struct dir_type vcpus_dir = {
	.child = &vcpu_entry,
	.kind = OBJ_PART,
	.find = find_vcpu,
	.next = next_vcpu,
};
