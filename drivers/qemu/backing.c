/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The backing chain of an image whose definition does not spell it out, or not to its end.
 *
 * An image that the definition calls qcow2 is opened by QEMU as qcow2, so its guest cannot write the header: what stands there was put by
 * whoever may write the file.  The header is read here, on the owner's descriptor, and each layer is opened with the owner's rights, so it leads
 * to nothing that the owner could not read.  A backing file whose format the header does not record is refused: guessing it is how a
 * guest with a raw disk gets to name files of the host (CVE-2008-2004).
 */
#include "backing.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../engine/claim.h"
#include "../../engine/image_header.h"

#define MAX_LAYERS	200 /* libvirt's limit too */
#define OPEN_TIMEOUT_MS 10000

struct layer {
	int fd;
	char *image;   /* its format */
	char *key;     /* what file it is */
	char *backing; /* NULL: none */
	char *format;  /* NULL: not recorded */
	char *problem;
};

/* Formats that can have a backing file; images of others end the chain. */
static bool may_have_backing(const char *format)
{
	static const char *const all[] = { "qcow2", "qcow", "qed", "vmdk", NULL };

	return format && word_index(all, format) >= 0;
}

static void read_header(struct layer *l, struct str head, uint64_t size)
{
	struct volume_info info = { 0 };
	autoerror struct error why = { 0 };

	if (str_starts(head.p, "# Disk DescriptorFile"))
		l->problem = xstrdup("it is the description of an image of several files: convert it into one "
				     "(qemu-img convert -O vmdk -o subformat=monolithicSparse, or -O qcow2)");
	else if (image_header(head, size, l->image, &info, &why) < 0)
		l->problem = xasprintf("%s: say the format that it has (raw?)", error_text(&why));
	else if (info.backing && str_eq(l->image, "vmdk"))
		l->problem = xstrdup("it has a parent image: convert it into one without (qemu-img convert)");
	else if (!info.capacity) /* what is behind the bytes at hand could be anything */
		l->problem = xstrdup("its header is longer than is read here: convert it (qemu-img convert)");
	if (!l->problem) {
		l->backing = take(&info.backing);
		l->format = take(&info.backing_format);
	}
	volume_info_clear(&info);
}

/* On the worker: the descriptor may hang. */
static int read_layer(void *arg)
{
	struct layer *l = arg;
	autofree char *head = xcalloc(1, IMAGE_HEAD + 1);
	ssize_t n = pread(l->fd, head, IMAGE_HEAD, 0);
	struct stat st;
	uint64_t size;

	if (n < 0 || fstat(l->fd, &st) < 0) {
		l->problem = xasprintf("it cannot be read: %s", strerror(errno));
		return 0;
	}
	if (!S_ISBLK(st.st_mode) || ioctl(l->fd, BLKGETSIZE64, &size) < 0)
		size = (uint64_t)st.st_size;
	l->key = claim_key(&st);
	read_header(l, (struct str){ head, (size_t)n }, size);
	return 0;
}

/* ---- the layers ---- */

static void layer_free(void *arg)
{
	struct layer *l = arg;

	if (l->fd >= 0)
		close(l->fd);
	free(l->key);
	free(l->image);
	free(l->backing);
	free(l->format);
	free(l->problem);
	free(l);
}

/* The header of the image at PATH, or NULL; OURS: opened with our rights, not those of the owner. */
static struct layer *look(struct domain *d, const char *path, const char *format, bool ours, struct error *err)
{
	struct layer *l = xcalloc(1, sizeof(*l));
	uid_t uid = 0;
	gid_t gid = 0;
	int r;

	l->image = xstrdup(format);
	if (!ours)
		domain_owner(d, &uid, &gid);
	l->fd = open_as(domain_worker(d), uid, gid, path, O_RDONLY, OPEN_TIMEOUT_MS, err);
	if (l->fd < 0) {
		layer_free(l);
		return NULL;
	}
	r = offload(domain_worker(d), read_layer, l, layer_free, OPEN_TIMEOUT_MS);
	if (r < 0) {
		error_set(err, -r, "'%s' could not be read in time", path);
		return NULL;
	}
	if (!l->problem)
		return l;
	error_set(err, EINVAL, "'%s': %s", path, l->problem);
	layer_free(l);
	return NULL;
}

/* A backing name is relative to the directory of the image that names it. */
static char *resolve(const char *image, const char *backing)
{
	const char *slash = strrchr(image, '/');

	if (str_starts(backing, "file:"))
		backing += strlen("file:");
	if (backing[0] == '/' || !slash)
		return xstrdup(backing);
	return xasprintf("%.*s/%s", (int)(slash - image), image, backing);
}

/* NODE gets what its header L says as its <backingStore>. */
static int add_layer(struct node *node, const char *path, const struct layer *l, struct error *err)
{
	autofree char *next = NULL;
	struct node *b;

	if (!l->backing) {
		node_add(node, "backingStore");
		return 0;
	}
	if (!l->format)
		return error_set(
			err, EINVAL,
			"'%s' has the backing file '%s' but does not record its format: "
			"run qemu-img rebase -u -F FORMAT -b '%s' '%s', or write <backingStore> into the definition",
			path, l->backing, l->backing, path);
	if (strstr(l->backing, "://") || str_starts(l->backing, "json:"))
		return error_set(
			err, ENOTSUP,
			"'%s' has the backing file '%s': only local files can be followed; write <backingStore> into "
			"the definition",
			path, l->backing);
	next = resolve(path, l->backing);
	b = node_add(node, "backingStore");
	node_set(b, "@type", str_starts(next, "/dev/") ? "block" : "file");
	node_set(b, "format/@type", l->format);
	node_set(b, str_starts(next, "/dev/") ? "source/@dev" : "source/@file", next);
	return 0;
}

static const char *path_of(const struct node *image)
{
	const char *file = node_get(image, "source/@file");

	return file ? file : node_get(image, "source/@dev");
}

/* Reads the header of IMAGE and writes down what is below it.  SEEN: the keys of the images above. */
static int follow(struct domain *d, struct node *image, const char *format, struct vec *seen, struct error *err)
{
	autofree char *path = xstrdup(path_of(image));
	struct layer *l = look(d, path, format, node_has(image, "source/@granted"), err);
	int r = l ? 0 : -err->code;

	for (size_t i = 0; r == 0 && i < seen->n; i++)
		if (str_eq(seen->at[i], l->key))
			r = error_set(err, ELOOP, "'%s' is below itself: its backing files form a loop", path);
	if (r == 0) {
		vec_add(seen, xstrdup(l->key));
		r = add_layer(image, path, l, err);
	}
	if (l)
		layer_free(l);
	return r;
}

/* Down to an image that says that there is nothing below it, or that nothing can be. */
static int fill(struct domain *d, struct node *disk, struct error *err)
{
	struct vec seen = { 0 };
	struct node *image = disk;
	unsigned depth = 0;
	int r = 0;

	for (; r == 0 && image; image = node_child(image, "backingStore"), depth++) {
		const char *format = node_get(image, image == disk ? "driver/@type" : "format/@type");

		if (depth >= MAX_LAYERS)
			r = error_set(err, ELOOP, "its backing chain has more than %d layers", MAX_LAYERS);
		if (r < 0 || node_child(image, "backingStore") || !path_of(image))
			continue;
		if (!may_have_backing(format)) { /* raw and the like: nothing below */
			if (image != disk)
				node_add(image, "backingStore");
			break;
		}
		r = follow(d, image, format, &seen, err);
	}
	vec_clear(&seen, free);
	return r;
}

int qemu_fill_backing(struct domain *d, struct node *disk, struct error *err)
{
	autoerror struct error why = { 0 };
	int r = fill(d, disk, &why);

	error_in(&why, r, "disk '%s'", node_get_or(disk, "target/@dev", "?"));
	error_move(err, &why);
	return r;
}
