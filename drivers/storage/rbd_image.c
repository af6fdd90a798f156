/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images of a Ceph pool: what is known of one, made, removed.  On threads. */
#include <stdio.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "rbd.h"

/* That an image is encrypted is noted beside it, where its guest cannot write: "luks 4194304", the header's bytes. */
#define LUKS_KEY "domfs_encryption"

int ceph_image_open(struct cluster *c, const char *name, bool writes, rbd_image_t *out, struct error *err)
{
	int r = writes ? ceph.rbd_open(c->io, name, out, NULL) : ceph.rbd_open_read_only(c->io, name, out, NULL);

	if (r < 0)
		*out = NULL;
	return r < 0 ? ceph_failed(err, r, "the image", name) : 0;
}

/* ---- what is known ---- */

uint64_t ceph_image_luks(rbd_image_t image, bool *two)
{
	char text[64];
	size_t n = sizeof(text) - 1;
	unsigned long long bytes = 0;
	int version = 1;

	*two = false;
	if (ceph.rbd_metadata_get(image, LUKS_KEY, text, &n) < 0)
		return 0;
	text[sizeof(text) - 1] = '\0';
	if (sscanf(text, "luks%d %llu", &version, &bytes) != 2 && sscanf(text, "luks %llu", &bytes) != 1)
		return 0;
	*two = version == 2;
	return bytes;
}

int ceph_image_copy_luks(rbd_image_t from, rbd_image_t to)
{
	char text[64] = "";
	size_t n = sizeof(text) - 1;

	return ceph.rbd_metadata_get(from, LUKS_KEY, text, &n) < 0 ? 0 : ceph.rbd_metadata_set(to, LUKS_KEY, text);
}

void ceph_image_forget_luks(rbd_image_t image)
{
	(void)!ceph.rbd_metadata_remove(image, LUKS_KEY);
}

struct extents {
	int (*fn)(void *arg, uint64_t off, uint64_t n);
	void *arg;
	uint64_t end;
	int r;
};

static int extent(uint64_t off, size_t n, int exists, void *arg)
{
	struct extents *e = arg;

	if (!exists || off >= e->end)
		return 0;
	if (n > e->end - off)
		n = e->end - off;
	e->r = e->fn(e->arg, off, n);
	return e->r ? -ECANCELED : 0;
}

int ceph_image_extents(rbd_image_t image, uint64_t off, uint64_t n, bool fine,
		       int (*fn)(void *arg, uint64_t off, uint64_t n), void *arg)
{
	struct extents e = { fn, arg, off + n, 0 };
	int r = ceph.rbd_diff_iterate2(image, NULL, off, n, 1, !fine, extent, &e);

	return e.r ? 0 : r;
}

static int add_up(uint64_t off unused, size_t n, int exists, void *arg)
{
	*(uint64_t *)arg += exists ? n : 0;
	return 0;
}

/* Only where the image keeps a map of its objects: else each of them would have to be asked for. */
static uint64_t allocation_of(const struct cluster *c, rbd_image_t image, uint64_t size)
{
	uint64_t features = 0, flags = 0, sum = 0;

	if (c->by_capacity || ceph.rbd_get_features(image, &features) < 0 || !(features & RBD_FEATURE_FAST_DIFF) ||
	    ceph.rbd_get_flags(image, &flags) < 0 || (flags & RBD_FLAG_FAST_DIFF_INVALID))
		return size;
	if (ceph.rbd_diff_iterate2(image, NULL, 0, size, 0, 1, add_up, &sum) < 0)
		return size;
	return sum < size ? sum : size;
}

static char *parent_of(rbd_image_t image)
{
	rbd_linked_image_spec_t parent = { 0 };
	rbd_snap_spec_t snap = { 0 };
	char *path;

	if (ceph.rbd_get_parent(image, &parent, &snap) < 0)
		return NULL;
	path = xasprintf("%s/%s%s%s@%s", parent.pool_name, parent.pool_namespace, *parent.pool_namespace ? "/" : "",
			 parent.image_name, snap.name);
	ceph.rbd_linked_image_spec_cleanup(&parent);
	ceph.rbd_snap_spec_cleanup(&snap);
	return path;
}

int ceph_image_info(struct cluster *c, const char *name, struct volume_info *out, struct error *err)
{
	rbd_image_t image;
	uint64_t size, header;
	bool two;
	int r = ceph_image_open(c, name, false, &image, err);

	if (r < 0)
		return r;
	r = ceph.rbd_get_size(image, &size);
	if (r < 0) {
		ceph.rbd_close(image);
		return ceph_failed(err, r, "the image", name);
	}
	header = ceph_image_luks(image, &two);
	out->type = VOLUME_NETWORK;
	out->path = cluster_path(c, name);
	out->key = xstrdup(out->path);
	out->claim = xasprintf("rbd:%s", out->path);
	free(out->format);
	out->format = xstrdup("raw");
	out->physical = size;
	out->capacity = size > header ? size - header : 0;
	out->allocation = allocation_of(c, image, size);
	out->encryption = header ? xstrdup(two ? "luks2" : "luks") : NULL;
	out->backing = parent_of(image);
	out->backing_format = out->backing ? xstrdup("raw") : NULL;
	ceph.rbd_close(image);
	return 0;
}

int ceph_image_snapshots(rbd_image_t image, const char *name, const char *why, struct error *err)
{
	int max = 16, n;
	autofree rbd_snap_info_t *snaps = NULL;
	autobuf struct buf names = { 0 };

	do {
		snaps = xrealloc(snaps, max * sizeof(*snaps));
		n = ceph.rbd_snap_list(image, snaps, &max);
	} while (n == -ERANGE);
	if (n < 0)
		return ceph_failed(err, n, "the snapshots of", name);
	for (int i = 0; i < n; i++)
		buf_printf(&names, " %s", snaps[i].name);
	ceph.rbd_snap_list_end(snaps);
	return n ? error_set(err, EBUSY, "the image '%s' has the snapshots%s: %s", name, buf_text(&names), why) : 0;
}

/* ---- removed ---- */

/* *OURS: one of them is a handle of our own. */
static int say_watchers(struct cluster *c, rbd_image_t image, const char *name, bool *ours, struct error *err)
{
	rbd_image_watcher_t watchers[8];
	size_t n = ARRAY_SIZE(watchers);
	autobuf struct buf who = { 0 };
	uint64_t id = ceph.rados_get_instance_id(c->rados);

	if (ceph.rbd_watchers_list(image, watchers, &n) == 0) {
		for (size_t i = 0; i < n; i++) {
			*ours |= (uint64_t)watchers[i].id == id;
			buf_printf(&who, " %s", watchers[i].addr);
		}
		ceph.rbd_watchers_list_cleanup(watchers, n);
	}
	return error_set(err, EBUSY, "the image '%s' is open, or was less than %d s ago, by the client%s", name,
			 CEPH_OP_S, who.n ? who.p : " of another host");
}

static int try_remove(struct cluster *c, const char *name, bool *ours, struct error *err)
{
	int r = ceph.rbd_remove(c->io, name);
	rbd_image_t image;

	if (r == 0)
		return 0;
	if ((r != -ENOTEMPTY && r != -EBUSY) || ceph_image_open(c, name, false, &image, NULL) < 0)
		return ceph_failed(err, r, "the image", name);
	if (ceph_image_snapshots(image, name, "remove them first, they may be what others are built on", err) == 0)
		say_watchers(c, image, name, ours, err);
	ceph.rbd_close(image);
	return -EBUSY;
}

/* Whoever has closed `image` a moment ago need not know that its handle is still being let go. */
int ceph_image_remove(struct cluster *c, const char *name, struct error *err)
{
	static const struct timespec pause = { 0, 50000000 };
	int r;

	for (int tries = 0; tries < 100; tries++) {
		bool ours = false;

		error_clear(err);
		r = try_remove(c, name, &ours, err);
		if (r == 0 || !ours)
			break;
		nanosleep(&pause, NULL);
	}
	return r;
}

/* ---- made ---- */

char *ceph_temporary_name(void)
{
	uint32_t number = 0;

	if (getrandom(&number, sizeof(number), 0) < 0)
		number = (uint32_t)getpid();
	return xasprintf(UPLOAD_PREFIX "%08x", number);
}

static int set_size(struct cluster *c, const char *name, uint64_t size, const char *note, struct error *err)
{
	rbd_image_t image;
	uint64_t now;
	int r = ceph_image_open(c, name, true, &image, err);

	if (r < 0)
		return r;
	r = ceph.rbd_get_size(image, &now);
	if (r == 0 && (now < size || (note && now > size))) /* room for the header that was not taken */
		r = ceph.rbd_resize(image, size);
	if (r == 0 && note)
		r = ceph.rbd_metadata_set(image, LUKS_KEY, note);
	ceph.rbd_close(image);
	return r < 0 ? ceph_failed(err, r, "the size of the image", name) : 0;
}

/* Formats it; *HEADER: how many bytes that takes of it. */
static int put_luks(struct cluster *c, const struct rbd_new *n, uint64_t *header, struct error *err)
{
	bool two = str_eq(n->luks, "luks2");
	rbd_encryption_luks1_format_options_t one = { RBD_ENCRYPTION_ALGORITHM_AES256, n->passphrase.p,
						      n->passphrase.n };
	rbd_encryption_luks2_format_options_t other = { RBD_ENCRYPTION_ALGORITHM_AES256, n->passphrase.p,
							n->passphrase.n };
	uint64_t before = 0, after = 0;
	rbd_image_t image;
	int r = ceph_image_open(c, n->name, true, &image, err);

	if (r < 0)
		return r;
	r = ceph.rbd_get_size(image, &before);
	if (r == 0)
		r = ceph.rbd_encryption_format(image, two ? RBD_ENCRYPTION_FORMAT_LUKS2 : RBD_ENCRYPTION_FORMAT_LUKS1,
					       two ? (rbd_encryption_options_t)&other : (rbd_encryption_options_t)&one,
					       two ? sizeof(other) : sizeof(one));
	if (r == 0)
		r = ceph.rbd_get_size(image, &after);
	ceph.rbd_close(image);
	*header = before - after;
	return r < 0 ? ceph_failed(err, r, "encryption of the image", n->name) : 0;
}

static int make_empty(struct cluster *c, const struct rbd_new *n, rbd_image_options_t options, struct error *err)
{
	autofree char *parent = xstrdup(n->parent);
	char *snapshot = parent ? strchr(parent, '@') : NULL;
	int r;

	if (!parent) {
		/* LUKS's header must fit in until it is known how large it is */
		r = ceph.rbd_create4(c->io, n->name, n->luks && n->size < (32u << 20) ? 32u << 20 : n->size, options);
		return r < 0 ? ceph_failed(err, r, "the image", n->name) : 0;
	}
	*snapshot++ = '\0';
	r = ceph.rbd_clone3(c->io, parent, snapshot, c->io, n->name, options);
	if (r == -EINVAL)
		return error_set(err, EINVAL, "the snapshot '%s' cannot be cloned: is it protected? rbd snap protect",
				 n->parent);
	return r < 0 ? ceph_failed(err, r, r == -ENOENT ? "the backing" : "the image",
				   r == -ENOENT ? n->parent : n->name)
		     : 0;
}

int ceph_image_make(struct cluster *c, const struct rbd_new *n, struct error *err)
{
	rbd_image_options_t options;
	autofree char *note = NULL;
	uint64_t header = 0;
	int r;

	ceph.rbd_image_options_create(&options);
	if (n->order)
		ceph.rbd_image_options_set_uint64(options, RBD_IMAGE_OPTION_ORDER, n->order);
	r = make_empty(c, n, options, err);
	ceph.rbd_image_options_destroy(options);
	if (r < 0)
		return r;
	if (n->luks) {
		r = put_luks(c, n, &header, err);
		note = xasprintf("%s %llu", n->luks, (unsigned long long)header);
	}
	if (r == 0 && (n->luks || n->parent))
		r = set_size(c, n->name, n->size + header, note, err);
	if (r < 0)
		(void)!ceph.rbd_remove(c->io, n->name);
	return r;
}
