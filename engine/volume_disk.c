/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A volume as a disk: what <source pool= volume=> means to a hypervisor.  The definition goes on to say the volume; the translation is made when
 * a guest is to get it, from what the pool says at that moment.
 */
#include "domain_impl.h"
#include "pool_impl.h"

/* ---- which volume ---- */

static struct volume *find_settled(struct pool *p, const char *name, struct error *err)
{
	struct volume *v = volume_of_pool_name(p, name);

	if (v)
		return v;
	if (pool_settle(p, POOL_ASK_MS, err) < 0)
		return NULL;
	v = volume_of_pool_name(p, name);
	if (!v)
		error_set(err, ENOENT, "the pool '%s' has no volume '%s'", p->obj.name, name);
	return v;
}

int pool_has_volume(struct pool *p, const char *name, struct error *err)
{
	autopool struct pool *held = pool_hold(p);

	return find_settled(p, name, err) ? 0 : -ENOENT;
}

/* The volume, held, with what is known of it now; NULL and *ERR. */
static struct volume *volume_ready(const char *pool, const char *name, struct error *err)
{
	struct pool *p = pool_find(pool);
	autopool struct pool *held = NULL;
	struct volume *v;

	if (!p) {
		error_set(err, ENOENT, "there is no pool '%s'", pool);
		return NULL;
	}
	held = pool_hold(p);
	v = pool_needs_active(p, err) == 0 ? find_settled(p, name, err) : NULL;
	if (!v || volume_needs(v, VOLUME_READY, err) < 0)
		return NULL;
	volume_hold(v);
	if (volume_learn(v, err) == 0 && v->info)
		return v;
	if (err && !err->code)
		error_set(err, EIO, "nothing is known of the volume '%s'", name);
	object_unref(&v->obj);
	return NULL;
}

/* ---- as a source ---- */

static void set_attribute(void *arg, const char *name, const char *value)
{
	autofree char *path = xasprintf("@%s", name);

	node_set(arg, path, value);
}

/* What the definition itself says of the source (slices, encryption, policy) stays. */
static void put_source(struct node *image, const struct node *from)
{
	struct node *source = node_make(image, "source");
	const struct node *given = node_child(from, "source");

	node_set(source, "@pool", NULL);
	node_set(source, "@volume", NULL);
	node_set(source, "@mode", NULL);
	node_set(image, "@type", node_get(from, "@type"));
	node_attrs(given, set_attribute, source);
	for (const struct node *n = node_child(given, NULL); n; n = node_next(n, NULL))
		node_import(source, n);
}

/* What only the pool may open (a device, an image on a server with the pool's login) is opened for a domain's owner when the tree lets him at
 * the volume's bytes.  A file is opened with his own rights in any case. */
static int grant(struct volume *v, struct node *from, bool writes, const struct who *owner, struct error *err)
{
	struct node *source = node_child(from, "source");
	bool device = node_is(from, "@type", "block") && str_starts(node_get_or(source, "@dev", ""), "/dev/");
	bool login = node_child(source, "auth");

	if (!device && !login)
		return 0;
	if (owner && !access_may(&v->obj, "image", 0600, owner, writes ? 06 : 04)) {
		if (!login)
			return 0; /* then his own rights to the device decide */
		return error_set(err, EACCES,
				 "the volume '%s' may not be %s by its domain's owner (uid %u): chown or chmod it",
				 v->obj.name, writes ? "written" : "read", owner->uid);
	}
	if (login)
		node_set(source, "auth/@pool", "1");
	if (device)
		node_set(source, "@granted", "1");
	return 0;
}

/* What the volume was recorded as; what is no format of images (a partition's, a CD's file system) lies there as it is. */
static int put_format(struct node *image, const char *path, const struct volume *v, struct error *err)
{
	static const char *const formats[] = { "bochs", "cloop", "dmg", "luks", "parallels", "qcow", "qcow2",
					       "qed",	"vdi",	 "vhd", "vhdx", "vmdk",	     "vpc",  NULL };
	const char *format = v->info->format;

	if (node_has(image, path))
		return 0;
	if (str_eq(format, "luks") && !node_has(image, "source/encryption") && !node_has(image, "encryption"))
		return error_set(
			err, EINVAL,
			"the volume '%s' is encrypted: name its secret in <encryption>, or say format 'raw' for a "
			"guest that decrypts it itself",
			v->obj.name);
	node_set(image, path, format && word_index(formats, format) >= 0 ? format : "raw");
	return 0;
}

static int resolve(struct node *image, bool top, bool writes, const struct who *owner, struct error *err)
{
	autofree char *pool = xstrdup(node_get_or(image, "source/@pool", ""));
	autofree char *name = xstrdup(node_get_or(image, "source/@volume", ""));
	autovolume struct volume *v = NULL;
	autodoc struct doc *from = doc_parse(str_of("<disk/>"), NULL, NULL);
	const struct pool_driver *driver;
	int r;

	v = volume_ready(pool, name, err);
	if (!v)
		return err && err->code ? -err->code : -ENOENT;
	driver = v->pool->driver;
	if (!pool_has(v->pool, driver->disk, "be the source of disks", err))
		return -ENOTSUP;
	node_set(doc_root(from), "source/@mode", node_get(image, "source/@mode"));
	r = driver->disk(v->pool, volume_name(v), v->info, doc_root(from), err);
	node_set(doc_root(from), "source/@mode", NULL);
	if (r == 0)
		r = grant(v, doc_root(from), writes, owner, err);
	if (r < 0)
		return r;
	put_source(image, doc_root(from));
	return put_format(image, top ? "driver/@type" : "format/@type", v, err);
}

static bool names_volume(const struct node *disk)
{
	for (const struct node *image = disk; image; image = node_child(image, "backingStore"))
		if (node_is(image, "@type", "volume") && node_has(image, "source/@pool"))
			return true;
	return false;
}

int disk_effective(const struct node *disk, const struct who *owner, struct doc **out, struct error *err)
{
	autobuf struct buf text = { 0 };
	autodoc struct doc *doc = NULL;
	struct node *root;
	bool writes;

	*out = NULL;
	if (!names_volume(disk))
		return 0;
	may_wait();
	node_print(disk, &text);
	doc = doc_parse((struct str){ text.p, text.n }, NULL, err);
	if (!doc)
		return -EBADMSG;
	root = doc_root(doc);
	writes = !node_has(root, "readonly") && !node_is(root, "@device", "cdrom");
	for (struct node *image = root; image; image = node_child(image, "backingStore")) {
		bool top = image == root;
		int r = node_is(image, "@type", "volume") ? resolve(image, top, top && writes, owner, err) : 0;

		if (r < 0)
			return error_in(err, r, "disk '%s'", node_get_or(root, "target/@dev", ""));
	}
	*out = take(&doc);
	return 0;
}

/* ---- as text ---- */

void disk_set_source(struct node *disk, const char *text)
{
	bool block = str_starts(text, "/dev/");
	const char *slash = strchr(text, '/');
	bool had = node_child(disk, "source");

	if (node_child(disk, "source"))
		node_remove(node_child(disk, "source"));
	if (node_child(disk, "backingStore"))
		node_remove(node_child(disk, "backingStore"));
	if (!*text) {
		if (node_is(disk, "@type", "volume"))
			node_set(disk, "@type", "file");
		return;
	}
	if (*text == '/' || !slash) {
		node_set(disk, "@type", block ? "block" : "file");
		node_set(disk, block ? "source/@dev" : "source/@file", text);
		return;
	}
	if (had && !node_is(disk, "@type", "volume")) /* it was the format of another image */
		node_set(disk, "driver/@type", NULL);
	node_set(disk, "@type", "volume");
	node_setf(disk, "source/@pool", "%.*s", (int)(slash - text), text);
	node_set(disk, "source/@volume", slash + 1);
}
