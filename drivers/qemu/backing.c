/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The backing chain of a qcow2 image whose definition does not spell it out.
 *
 * An image that the definition calls qcow2 is opened by QEMU as qcow2, so its guest cannot write the header: what stands there was put by
 * whoever may write the file.  The header is read here, on the owner's descriptor, and each layer is opened with the owner's rights, so it leads
 * to nothing that the owner could not read.  A backing file whose format the header does not record is refused: guessing it is how a
 * guest with a raw disk gets to name files of the host (CVE-2008-2004).
 *
 * qcow2: QEMU docs/interop/qcow2.txt, all fields big-endian.
 */
#include "backing.h"

#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define MAX_LAYERS	   200 /* libvirt's limit too */
#define OPEN_TIMEOUT_MS	   10000
#define EXT_BACKING_FORMAT 0xe2792acau
#define INCOMPAT_DATA_FILE 4u /* bit 2 */

struct layer {
	int fd;
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

/* On the worker: reads one header.  The descriptor may hang. */
static int read_layer(void *arg)
{
	struct layer *l = arg;
	autofree char *head = xcalloc(1, 65537);
	ssize_t n = pread(l->fd, head, 65536, 0);
	uint64_t at;
	uint32_t len, header;

	if (n < 72 || memcmp(head, "QFI\xfb", 4)) {
		l->problem =
			xstrdup("it is not a qcow2 image, as its definition says: set the format that it has (raw?)");
		return 0;
	}
	at = be64(head + 8);
	len = be32(head + 16);
	header = be32(head + 4) >= 3 ? be32(head + 100) : 72;
	if (be32(head + 4) >= 3 && (be64(head + 72) & INCOMPAT_DATA_FILE))
		l->problem = xstrdup("it keeps its data in another file (data_file), which is not supported");
	if (!at || l->problem)
		return 0;
	if (len == 0 || len > 1023 || at + len > (uint64_t)n) {
		l->problem = xstrdup("its header is damaged: the name of the backing file lies outside of it");
		return 0;
	}
	l->backing = xstrndup(head + at, len);
	l->format = find_extension(head, header, at, EXT_BACKING_FORMAT);
	return 0;
}

static void layer_free(void *arg)
{
	struct layer *l = arg;

	if (l->fd >= 0)
		close(l->fd);
	free(l->backing);
	free(l->format);
	free(l->problem);
	free(l);
}

/* The header of the image at PATH, or NULL. */
static struct layer *look(struct domain *d, const char *path, struct error *err)
{
	struct layer *l = xcalloc(1, sizeof(*l));
	uid_t uid;
	gid_t gid;
	int r;

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

/* One layer below NODE (the disk or a backingStore): fills in its <backingStore>.  The path of the new layer if its own must be
 * looked at next, NULL at the chain's end or on an error. */
static char *add_layer(struct domain *d, struct node *node, const char *path, struct error *err)
{
	struct layer *l = look(d, path, err);
	char *next = NULL;

	if (!l)
		return NULL;
	if (!l->backing) {
		node_add(node, "backingStore");
	} else if (!l->format) {
		error_set(err, EINVAL,
			  "'%s' has the backing file '%s' but does not record its format: "
			  "run qemu-img rebase -u -F FORMAT -b '%s' '%s', or write <backingStore> into the definition",
			  path, l->backing, l->backing, path);
	} else if (strstr(l->backing, "://") || str_starts(l->backing, "json:")) {
		error_set(err, ENOTSUP,
			  "'%s' has the backing file '%s': only local files can be followed; write <backingStore> into "
			  "the definition",
			  path, l->backing);
	} else {
		struct node *b = node_add(node, "backingStore");
		next = resolve(path, l->backing);
		node_set(b, "@type", str_starts(next, "/dev/") ? "block" : "file");
		node_set(b, "format/@type", l->format);
		node_set(b, str_starts(next, "/dev/") ? "source/@dev" : "source/@file", next);
	}
	layer_free(l);
	return next;
}

int qemu_fill_backing(struct domain *d, struct node *disk, struct error *err)
{
	autoerror struct error why = { 0 };
	struct node *at = disk;
	const char *source =
		node_get(disk, "source/@file") ? node_get(disk, "source/@file") : node_get(disk, "source/@dev");
	autofree char *path = source ? xstrdup(source) : NULL;
	int layers = 0;

	if (!path || !node_is(disk, "driver/@type", "qcow2") || node_child(disk, "backingStore"))
		return 0;
	while (path && layers++ < MAX_LAYERS) {
		char *next = add_layer(d, at, path, &why);
		if (why.code)
			break;
		free(path);
		path = next;
		at = node_child(at, "backingStore");
		if (path && !node_is(at, "format/@type", "qcow2")) {
			node_add(at, "backingStore"); /* raw and the like: nothing below */
			break;
		}
	}
	if (layers >= MAX_LAYERS)
		error_set(&why, ELOOP, "its backing chain has more than %d layers: it is a loop", MAX_LAYERS);
	if (!why.code)
		return 0;
	error_in(&why, -1, "disk '%s'", node_get_or(disk, "target/@dev", "?"));
	int code = why.code;
	error_move(err, &why);
	return -code;
}
