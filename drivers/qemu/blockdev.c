/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The block nodes of a disk: one for where the bytes lie, one for the format, for each image of the chain, filters on top.  Formats come
 * from the definition alone.  Files are opened by us: the nodes name /dev/fdset/N.
 */
#include "disk.h"

#include <fcntl.h>

struct chain {
	struct plan *plan;
	const struct node *disk;
	char *base;	  /* "disk-vda" */
	const char *what; /* for messages */
	bool ro;	  /* the top image is opened read-only */
};

/* Node names have at most 31 characters: a long target is cut and told apart by a number made of it. */
static char *base_name(const struct node *disk)
{
	const char *target = node_get_or(disk, "target/@dev", "x");
	uint32_t hash = 2166136261u;

	if (strlen(target) <= 14)
		return xasprintf("disk-%s", target);
	for (const char *s = target; *s; s++)
		hash = (hash ^ (unsigned char)*s) * 16777619u;
	return xasprintf("disk-%.5s_%08x", target, hash);
}

bool disk_is_readonly(const struct node *disk)
{
	return node_has(disk, "readonly") || node_is(disk, "@device", "cdrom");
}

bool disk_has_source(const struct node *disk)
{
	static const char *const paths[] = { "source/@file",   "source/@dev",  "source/@dir",	    "source/@protocol",
					     "source/@volume", "source/@path", "source/@namespace", NULL };

	for (int i = 0; paths[i]; i++)
		if (*node_get_or(disk, paths[i], ""))
			return true;
	return false;
}

/* ---- cache, I/O ---- */

static const struct {
	const char *word;
	bool direct, noflush;
} caches[] = { { "none", true, false },
	       { "writeback", false, false },
	       { "writethrough", false, false },
	       { "directsync", true, false },
	       { "unsafe", false, true } };

static const char *cache_of(const struct node *disk)
{
	const char *cache = node_get_or(disk, "driver/@cache", "default");

	if (str_eq(cache, "default") && node_has(disk, "shareable") && !disk_is_readonly(disk))
		return "none";
	return cache;
}

static bool is_direct(const struct node *disk)
{
	for (size_t i = 0; i < ARRAY_SIZE(caches); i++)
		if (str_eq(caches[i].word, cache_of(disk)))
			return caches[i].direct;
	return false;
}

static void emit_cache(const struct node *disk, json_t *props)
{
	for (size_t i = 0; i < ARRAY_SIZE(caches); i++) {
		json_t *cache;

		if (!str_eq(caches[i].word, cache_of(disk)))
			continue;
		cache = json_object();
		props_bool(cache, "direct", caches[i].direct);
		props_bool(cache, "no-flush", caches[i].noflush);
		json_object_set_new(props, "cache", cache);
	}
}

/* ---- one image ---- */

struct image {
	const struct node *node; /* <disk>, <backingStore> or <dataStore>: has <source> */
	const char *type, *format;
	unsigned depth;
	bool ro;
};

static char *node_name_of(const struct chain *c, unsigned depth, const char *kind)
{
	return depth ? xasprintf("%s-%u-%s", c->base, depth, kind) : xasprintf("%s-%s", c->base, kind);
}

/* Of a secret object: "disk-vda-key", "disk-vda-1-key". */
static char *key_name(const struct chain *c, unsigned depth, const char *kind)
{
	return depth ? xasprintf("%s-%u%s", c->base, depth, kind) : xasprintf("%s%s", c->base, kind);
}

static int open_flags(const struct chain *c, const struct image *im)
{
	int flags = im->ro ? O_RDONLY : O_RDWR;

	if (is_direct(c->disk))
		flags |= O_DIRECT;
	if (str_eq(im->type, "block") && node_is(c->disk, "@device", "cdrom"))
		flags |= O_NONBLOCK;
	return flags;
}

static bool is_local(const char *type)
{
	return str_eq(type, "file") || str_eq(type, "block");
}

static void claim(struct chain *c, const struct image *im, const struct node *source)
{
	autofree char *key = str_eq(im->type, "network") ? source_key(source) : NULL;

	if (str_eq(im->type, "block") &&
	    node_has(source, "@granted")) /* a pool's device, opened with the pool's rights */
		((struct plan_file *)c->plan->files.at[c->plan->files.n - 1])->ours = true;
	if (is_local(im->type) || key)
		plan_claim(c->plan, c->disk, key, !im->ro);
}

static const struct node *encryption_of(const struct image *im)
{
	const struct node *n = node_first(im->node, "source/encryption");

	return n || im->depth ? n : node_child(im->node, "encryption");
}

/* One passphrase: the one that ENC has as its Nth. */
static int plan_key(struct chain *c, const struct node *secret, const char *id, struct error *err)
{
	return error_in(err, plan_secret(c->plan, id, secret, "volume", &c->plan->owner, err), "%s: encryption",
			c->what);
}

static bool has_librbd(const struct image *im)
{
	return node_is(encryption_of(im), "@engine", "librbd");
}

/* Decrypted in Ceph's library: the first secret opens the image itself, each further one a layer below it. */
static int librbd_key(struct chain *c, const struct image *im, const char *base, json_t *props, struct error *err)
{
	const struct node *enc = encryption_of(im);
	unsigned i = 0;

	for (const struct node *s = node_child(enc, "secret"); s; s = node_next(s, "secret"), i++) {
		autofree char *id = i ? xasprintf("%s-key%u", base, i) : xasprintf("%s-key", base);
		json_t *layer = json_object();
		int r;

		props_str(layer, "format", node_get(enc, "@format"));
		props_str(layer, "key-secret", id);
		json_object_set_new(props, i ? "parent" : "encrypt", layer);
		props = layer;
		r = plan_key(c, s, id, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int storage_node(struct chain *c, const struct image *im, char **name, struct error *err)
{
	const struct node *source = node_child(im->node, "source");
	autofree char *id = key_name(c, im->depth, "");
	json_t *props = blockdev_of_source(c->plan, source, im->type, open_flags(c, im), id, c->what, err);

	if (!props)
		return -err->code;
	claim(c, im, source);
	if (has_librbd(im) && librbd_key(c, im, id, props, err) < 0) {
		json_decref(props);
		return -err->code;
	}
	*name = node_name_of(c, im->depth, "storage");
	props_str(props, "node-name", *name);
	if (im->ro || !is_local(im->type))
		props_bool(props, "read-only", im->ro);
	props_str(props, "discard", "unmap");
	emit_cache(c->disk, props);
	if (is_local(im->type) && im->depth == 0)
		props_str(props, "aio", node_get(c->disk, "driver/@io"));
	plan_item(c->plan, ITEM_BLOCKDEV, props);
	return 0;
}

/* Only a part of the storage: a raw node in between. */
static void slice_node(struct chain *c, const struct image *im, char **name)
{
	const struct node *slice = node_first(node_child(im->node, "source"), "slices/slice");
	json_t *props;

	if (!slice)
		return;
	props = json_object();
	props_str(props, "driver", "raw");
	props_str(props, "file", *name);
	free(*name);
	*name = node_name_of(c, im->depth, "slice");
	props_str(props, "node-name", *name);
	props_int(props, "offset", node_u64(slice, "@offset", 0));
	props_int(props, "size", node_u64(slice, "@size", 0));
	props_bool(props, "read-only", im->ro);
	plan_item(c->plan, ITEM_BLOCKDEV, props);
}

/* The bytes that T_SIZE without a unit means here are bytes, as libvirt reads them. */
static uint64_t cache_size(const struct node *n, const char *path)
{
	autofree char *unit = xasprintf("%s/@unit", path);
	uint64_t bytes = 0;

	if (node_has(n, path))
		size_parse_unit(str_of(node_get(n, path)), node_get(n, unit), "bytes", &bytes, NULL);
	return bytes;
}

static const char *qemu_format(const char *format)
{
	static const char *const same_as[][2] = {
		{ "aio", "raw" }, { "iso", "raw" }, { "vhd", "vpc" }, { "fat", "raw" }, { "dir", "raw" }
	};

	for (size_t i = 0; i < ARRAY_SIZE(same_as); i++)
		if (str_eq(format, same_as[i][0]))
			return same_as[i][1];
	return format;
}

static void format_options(struct chain *c, const struct image *im, json_t *props)
{
	uint64_t bytes =
		cache_size(im->node, im->depth ? "format/metadata_cache/max_size" : "driver/metadata_cache/max_size");
	const char *zeroes = node_get(c->disk, "driver/@detect_zeroes");

	if (bytes && str_eq(im->format, "qcow2"))
		props_int(props, "cache-size", bytes);
	if (im->depth)
		return;
	props_str(props, "discard", node_get(c->disk, "driver/@discard"));
	if (str_eq(zeroes, "unmap") && !node_is(c->disk, "driver/@discard", "unmap"))
		zeroes = "on";
	if (zeroes && !str_eq(zeroes, "off"))
		props_str(props, "detect-zeroes", zeroes);
	if (node_has(c->disk, "driver/@discard_no_unref") && str_eq(im->format, "qcow2"))
		props_onoff(props, "discard-no-unref", node_get(c->disk, "driver/@discard_no_unref"));
}

/* Decrypted by QEMU: a raw image becomes one of format luks. */
static int format_key(struct chain *c, const struct image *im, const char **format, json_t *props, struct error *err)
{
	const struct node *enc = encryption_of(im);
	autofree char *key = key_name(c, im->depth, "-key");

	if (!enc || has_librbd(im))
		return 0;
	if (str_eq(*format, "raw"))
		*format = "luks";
	if (str_eq(*format, "luks"))
		props_str(props, "key-secret", key);
	else
		json_object_set_new(props, "encrypt", json_pack("{s:s,s:s}", "format", "luks", "key-secret", key));
	return plan_key(c, node_child(enc, "secret"), key, err);
}

/* BELOW: the node of the next image; NULL: unknown, "": the chain ends. */
static int format_node(struct chain *c, const struct image *im, char *storage, const char *below, char **top,
		       struct error *err)
{
	static const char *const with_backing[] = { "qcow2", "qcow", "qed", "vmdk", NULL };
	const char *format = qemu_format(im->format);
	json_t *props = json_object();
	char *name = node_name_of(c, im->depth, "format");
	int r;

	*top = name;
	props_str(props, "node-name", name);
	props_bool(props, "read-only", im->ro);
	format_options(c, im, props);
	emit_cache(c->disk, props);
	r = format_key(c, im, &format, props, err);
	if (r < 0) {
		json_decref(props);
		return r;
	}
	props_str(props, "driver", format);
	props_str(props, "file", storage);
	if (below && *below)
		props_str(props, "backing", below);
	else if (below && word_index(with_backing, format) >= 0) /* the others have no such property */
		json_object_set_new(props, "backing", json_null());
	plan_item(c->plan, ITEM_BLOCKDEV, props);
	return 0;
}

/* ---- the chain ---- */

static int image_nodes(struct chain *c, const struct image *im, char **top, struct error *err)
{
	const struct node *next = node_child(im->node, "backingStore");
	autofree char *below = NULL, *storage = NULL;
	int r = 0;

	if (im->depth > 200)
		return error_set(err, ELOOP, "%s has more than 200 backing images", c->what);
	if (next && (node_has(next, "@type") || node_has(next, "source"))) {
		struct image under = { .node = next,
				       .type = node_get_or(next, "@type", "file"),
				       .format = node_get_or(next, "format/@type", "raw"),
				       .depth = im->depth + 1,
				       .ro = true };

		r = image_nodes(c, &under, &below, err);
	} else if (next) {
		below = xstrdup("");
	}
	if (r == 0)
		r = storage_node(c, im, &storage, err);
	if (r < 0)
		return r;
	slice_node(c, im, &storage);
	return format_node(c, im, storage, below, top, err);
}

static void copy_on_read(struct chain *c, char **top)
{
	json_t *props;

	if (!node_is(c->disk, "driver/@copy_on_read", "on"))
		return;
	props = json_object();
	props_str(props, "driver", "copy-on-read");
	props_str(props, "file", *top);
	props_str(props, "discard", "unmap");
	free(*top);
	*top = xasprintf("%s-cor", c->base);
	props_str(props, "node-name", *top);
	plan_item(c->plan, ITEM_BLOCKDEV, props);
}

int disk_plan_blockdevs(struct plan *p, const struct node *disk, char **top, struct error *err)
{
	autofree char *what = xasprintf("disk '%s'", node_get_or(disk, "target/@dev", ""));
	autofree char *base = base_name(disk);
	struct chain c = { .plan = p, .disk = disk, .base = base, .what = what };
	struct image im = { .node = disk,
			    .type = node_get_or(disk, "@type", "file"),
			    .format = node_get_or(disk, "driver/@type", "raw"),
			    .ro = disk_is_readonly(disk) };
	autoerror struct error why = { 0 };
	int r;

	*top = NULL;
	if (!disk_has_source(disk))
		return 0;
	r = image_nodes(&c, &im, top, &why);
	if (r < 0) {
		error_in(&why, r, "line %ld: <disk>", node_line(disk));
		error_move(err, &why);
		return r;
	}
	copy_on_read(&c, top);
	return 0;
}
