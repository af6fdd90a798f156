/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The backing chain of an image whose definition does not spell it out, or not to its end.
 *
 * An image that the definition calls qcow2 is opened by QEMU as qcow2, so its guest cannot write the header: what stands there was put by
 * whoever may write the file.  The header is read here, on the owner's descriptor, and each layer is opened with the owner's rights, so it leads
 * to nothing that the owner could not read.  A backing file whose format the header does not record is refused: guessing it is how a
 * guest with a raw disk gets to name files of the host (CVE-2008-2004).
 *
 * qcow2: QEMU docs/interop/qcow2.txt, all fields big-endian; QED: docs/interop/qed_spec.txt, little-endian; VMDK: a header with a
 * text in it that names the parent.
 */
#include "backing.h"

#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../engine/claim.h"

#define MAX_LAYERS	   200 /* libvirt's limit too */
#define OPEN_TIMEOUT_MS	   10000
#define HEAD		   65536
#define EXT_BACKING_FORMAT 0xe2792acau
#define INCOMPAT_DATA_FILE 4u /* bit 2 */
#define QED_BACKING_FILE   1u
#define QED_BACKING_RAW	   4u

struct layer {
	int fd;
	const struct reader *reader;
	char *key;     /* what file it is */
	char *backing; /* NULL: none */
	char *format;  /* NULL: not recorded */
	char *problem;
};

static uint32_t be32(const char *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return be32toh(v);
}

static uint32_t le32(const char *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return le32toh(v);
}

static uint64_t le64(const char *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return le64toh(v);
}

static uint64_t be64(const char *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return be64toh(v);
}

/* The extension TYPE's text between FROM and N of the header's first cluster. */
static char *find_extension(const char *head, size_t from, size_t n, uint32_t type)
{
	while (from + 8 <= n) {
		uint32_t t = be32(head + from), len = be32(head + from + 4);
		if (t == 0 || len > n - from - 8)
			return NULL;
		if (t == type)
			return xstrndup(head + from + 8, len);
		from += 8 + ((len + 7) & ~7u);
	}
	return NULL;
}

/* ---- one reader for each format that can have a backing file; HEAD has N bytes and ends in zeros ---- */

static void not_a(struct layer *l, const char *format)
{
	l->problem = xasprintf("it is no %s image, although it is said to be one: say the format that it has (raw?)",
			       format);
}

static void take_name(struct layer *l, const char *head, size_t n, uint64_t at, uint32_t len)
{
	if (len == 0 || len > 1023 || at > n || at + len > n)
		l->problem = xstrdup("its header is damaged: the name of the backing file lies outside of it");
	else
		l->backing = xstrndup(head + at, len);
}

static void read_qcow2(struct layer *l, const char *head, size_t n)
{
	uint64_t at = be64(head + 8);
	uint32_t version = be32(head + 4), size = version >= 3 ? be32(head + 100) : 72;

	if (n < 72 || memcmp(head, "QFI\xfb", 4) || version < 2) {
		not_a(l, "qcow2");
		return;
	}
	if (version >= 3 && (be64(head + 72) & INCOMPAT_DATA_FILE))
		l->problem = xstrdup("it keeps its data in another file (data_file), which is not supported");
	if (!at || l->problem)
		return;
	take_name(l, head, n, at, be32(head + 16));
	if (!l->problem)
		l->format = find_extension(head, size, at, EXT_BACKING_FORMAT);
}

/* The first version: it has no place for the format. */
static void read_qcow(struct layer *l, const char *head, size_t n)
{
	uint64_t at = be64(head + 8);

	if (n < 48 || memcmp(head, "QFI\xfb\0\0\0\1", 8))
		not_a(l, "qcow");
	else if (at)
		take_name(l, head, n, at, be32(head + 16));
}

static void read_qed(struct layer *l, const char *head, size_t n)
{
	uint64_t features = le64(head + 16);

	if (n < 64 || memcmp(head, "QED", 4)) {
		not_a(l, "qed");
		return;
	}
	if (!(features & QED_BACKING_FILE))
		return;
	take_name(l, head, n, le32(head + 56), le32(head + 60));
	if (features & QED_BACKING_RAW)
		l->format = xstrdup("raw");
}

/* "parentCID=ffffffff": none. */
static void read_vmdk(struct layer *l, const char *head, size_t n)
{
	uint64_t at = le64(head + 28) * 512;
	const char *parent;

	if (n > 21 && !memcmp(head, "# Disk DescriptorFile", 21)) {
		l->problem = xstrdup("it is the description of an image of several files: convert it into one "
				     "(qemu-img convert -O vmdk -o subformat=monolithicSparse, or -O qcow2)");
		return;
	}
	if (n < 512 || (memcmp(head, "KDMV", 4) && memcmp(head, "COWD", 4))) {
		not_a(l, "vmdk");
		return;
	}
	parent = at && at < n ? strstr(head + at, "parentCID=") : NULL;
	if (parent && strncasecmp(parent + strlen("parentCID="), "ffffffff", 8))
		l->problem = xstrdup("it has a parent image: convert it into one without (qemu-img convert)");
}

static const struct reader {
	const char *format;
	void (*read)(struct layer *l, const char *head, size_t n);
} readers[] = {
	{ "qcow2", read_qcow2 },
	{ "qcow", read_qcow },
	{ "qed", read_qed },
	{ "vmdk", read_vmdk },
};

/* Images of FORMAT end the chain when there is none. */
static const struct reader *reader_of(const char *format)
{
	for (size_t i = 0; i < ARRAY_SIZE(readers); i++)
		if (str_eq(readers[i].format, format))
			return &readers[i];
	return NULL;
}

/* On the worker: the descriptor may hang. */
static int read_layer(void *arg)
{
	struct layer *l = arg;
	autofree char *head = xcalloc(1, HEAD + 1);
	ssize_t n = pread(l->fd, head, HEAD, 0);
	struct stat st;

	if (n < 0 || fstat(l->fd, &st) < 0) {
		l->problem = xasprintf("it cannot be read: %s", strerror(errno));
		return 0;
	}
	l->key = claim_key(&st);
	l->reader->read(l, head, n);
	return 0;
}

/* ---- the layers ---- */

static void layer_free(void *arg)
{
	struct layer *l = arg;

	if (l->fd >= 0)
		close(l->fd);
	free(l->key);
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

	l->reader = reader_of(format);
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
		if (!reader_of(format)) { /* raw and the like: nothing below */
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
