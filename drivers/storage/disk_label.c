/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading and writing a disk's partition table by sfdisk, and telling the kernel. */
#include "disk_label.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "engine/spawn.h"
#include "engine/units.h"
#include "signature.h"

#define AGAIN_MS 100
#define NODE_MS	 15000 /* for udev to make or remove a node */

void disk_clear(struct disk *d)
{
	free(d->device);
	*d = (struct disk){ 0 };
}

/* ---- which disk ---- */

struct resolving {
	char *path, *name; /* name: the kernel's */
	uint64_t sectors;  /* of 512 bytes, as /sys counts */
};

static void resolving_free(void *arg)
{
	struct resolving *r = arg;

	free(r->path);
	free(r->name);
	free(r);
}

static uint64_t sys_number(const char *dir, const char *file)
{
	autofree char *path = xasprintf("%s/%s", dir, file);
	FILE *f = fopen(path, "re");
	uint64_t n = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%" SCNu64, &n) != 1)
		n = 0;
	fclose(f);
	return n;
}

static int resolve_fn(void *arg)
{
	struct resolving *r = arg;
	autofree char *sys = NULL, *dir = NULL;
	struct stat st;
	char *slash;

	if (stat(r->path, &st) < 0)
		return -errno;
	if (!S_ISBLK(st.st_mode))
		return -ENOTBLK;
	sys = xasprintf("/sys/dev/block/%u:%u", major(st.st_rdev), minor(st.st_rdev));
	dir = realpath(sys, NULL);
	slash = dir ? strrchr(dir, '/') : NULL;
	if (!slash)
		return -ENODEV;
	r->name = xstrdup(slash + 1);
	r->sectors = sys_number(dir, "size");
	return sys_number(dir, "partition") ? -EISNAM : 0;
}

static int refuse_disk(int r, const char *path, struct error *err)
{
	if (r == -ENOTBLK)
		return error_set(err, ENOTBLK, "'%s' is no block device", path);
	if (r == -EISNAM)
		return error_set(err, EINVAL, "'%s' is a partition: a pool of type disk is a whole disk", path);
	return error_set(err, -r, "'%s': %s", path, strerror(-r));
}

int disk_open(struct pool *p, const char *path, struct disk *out, struct error *err)
{
	struct resolving *res = xcalloc(1, sizeof(*res));
	int r;

	res->path = xstrdup(path);
	r = pool_offload(p, resolve_fn, res, resolving_free, POOL_ASK_MS, err);
	if (r == -ETIMEDOUT || r == -ECANCELED)
		return r;
	if (r < 0) {
		refuse_disk(r, path, err);
	} else if (str_starts(res->name, "dm-")) {
		r = error_set(err, ENOTSUP, "'%s' is made by the device mapper: the kernel has no partitions on such",
			      path);
	} else {
		out->device = xasprintf("/dev/%s", res->name);
		out->bytes = res->sectors * 512;
	}
	resolving_free(res);
	return r;
}

/* ---- reading ---- */

static int no_table(const struct disk *d, struct error *err)
{
	autobuf struct buf there = { 0 };
	int r = device_signatures(d->device, &there, err);

	if (r < 0)
		return r;
	return error_set(err, ENODATA, "'%s' has no partition table%s%s%s", d->device, there.n ? ", it holds " : "",
			 buf_text(&there), there.n ? "" : ": echo build > state makes one");
}

int disk_read(struct pool *p unused, const struct disk *d, struct table *out, struct error *err)
{
	const char *const argv[] = { "sfdisk", "--json", d->device, NULL };
	autobuf struct buf json = { 0 };
	int r = spawn_run(argv, str_of(NULL), &json, POOL_ASK_MS, err);

	if (r == -EIO && err && err->text && strstr(err->text, "recognized partition table"))
		return no_table(d, err);
	if (r < 0)
		return r;
	return table_parse((struct str){ buf_text(&json), json.n }, d->bytes, out, err);
}

/* ---- writing ---- */

int disk_make_label(const struct disk *d, const char *label, struct error *err)
{
	const char *const argv[] = { "sfdisk", "--quiet", "--lock=yes", "--wipe", "always", d->device, NULL };
	autofree char *script = xasprintf("label: %s\n", label);

	return spawn_run(argv, str_of(script), NULL, POOL_WORK_MS, err);
}

struct node_ask {
	char *node;
};

static void node_ask_free(void *arg)
{
	free(((struct node_ask *)arg)->node);
	free(arg);
}

static int node_fn(void *arg)
{
	const char *name = strrchr(((struct node_ask *)arg)->node, '/') + 1;
	autofree char *sys = xasprintf("/sys/class/block/%s", name);

	return access(sys, F_OK) == 0;
}

/* Does the kernel know the partition?  1, 0, or an error. */
static int kernel_knows(struct pool *p, const char *node, struct error *err)
{
	struct node_ask *a = xcalloc(1, sizeof(*a));
	int r;

	a->node = xstrdup(node);
	r = pool_offload(p, node_fn, a, node_ask_free, POOL_ASK_MS, err);
	if (r != -ETIMEDOUT && r != -ECANCELED)
		node_ask_free(a);
	return r;
}

/* udev reads the table anew when somebody wrote to the disk, at which partitions go and come: only then they are there to stay. */
static void settle(void)
{
	const char *const argv[] = { "udevadm", "settle", "--timeout=15", NULL };

	(void)!spawn_run(argv, str_of(NULL), NULL, NODE_MS, NULL);
}

/* The table is written.  The kernel is told of this partition only, so that the others may be in use. */
static int tell_one(struct pool *p, const struct disk *d, unsigned number, const char *node, bool there,
		    struct error *err)
{
	autofree char *nr = xasprintf("%u", number);
	const char *const argv[] = { "partx", there ? "--add" : "--delete", "--nr", nr, d->device, NULL };
	int64_t end = now_monotonic_ms() + NODE_MS;

	for (;;) {
		int r = kernel_knows(p, node, err);

		if (r < 0 || r == there) /* udev may have been faster */
			return r < 0 ? r : 0;
		r = spawn_run(argv, str_of(NULL), NULL, POOL_WORK_MS, err);
		if (r == 0 || r == -ECANCELED)
			return r;
		if (now_monotonic_ms() >= end)
			return error_in(err, r, "the kernel does not take over the new table of '%s'", d->device);
		/* udev looks into what is new, and while it has it open it cannot go */
		settle();
		r = task_sleep(AGAIN_MS);
		if (r < 0)
			return error_set(err, -r, "the table is written, but not told to the kernel");
		error_clear(err);
	}
}

static int run_delete(const struct disk *d, unsigned number, struct error *err)
{
	autofree char *nr = xasprintf("%u", number);
	const char *const argv[] = { "sfdisk",	 "--quiet", "--lock=yes", "--no-reread", "--no-tell-kernel",
				     "--delete", d->device, nr,		  NULL };

	return spawn_run(argv, str_of(NULL), NULL, POOL_WORK_MS, err);
}

static void forget(struct pool *p, const struct disk *d, unsigned number, const char *node)
{
	task_shield(1);
	(void)!run_delete(d, number, NULL);
	(void)!tell_one(p, d, number, node, false, NULL);
	task_shield(-1);
}

int disk_add(struct pool *p, const struct disk *d, const struct placing *at, const char *node, struct error *err)
{
	/* what lies there by chance is no file system of the new volume */
	const char *const argv[] = { "sfdisk",	 "--quiet", "--lock=yes", "--no-reread",       "--no-tell-kernel",
				     "--append", "--wipe",  "never",	  "--wipe-partitions", "always",
				     d->device,	 NULL };
	autofree char *line =
		xasprintf("start=%" PRIu64 ", size=%" PRIu64 ", type=%s\n", at->start, at->size, at->type);
	int r = spawn_run(argv, str_of(line), NULL, POOL_WORK_MS, err);

	if (r == -ETIMEDOUT || r == -ECANCELED)
		forget(p, d, at->number, node);
	if (r < 0)
		return r;
	r = tell_one(p, d, at->number, node, true, err);
	if (r == 0) {
		settle();
		r = block_appears(p, node, NODE_MS, err);
	}
	if (r < 0)
		forget(p, d, at->number, node);
	return r;
}

int disk_delete(struct pool *p, const struct disk *d, const struct partition *part, struct error *err)
{
	int r = run_delete(d, part->number, err);

	if (r == 0)
		r = tell_one(p, d, part->number, part->node, false, err);
	if (r == 0)
		settle();
	return r;
}

int disk_tell(struct pool *p, const struct disk *d, const struct table *t, struct error *err)
{
	const char *const argv[] = { "partx", "--update", d->device, NULL };

	for (size_t i = 0; i < t->n; i++) {
		int r = kernel_knows(p, t->parts[i].node, err);

		if (r == 0)
			r = spawn_run(argv, str_of(NULL), NULL, POOL_WORK_MS, err);
		else if (r > 0)
			continue;
		if (r < 0)
			return error_in(err, r, "the kernel does not know all partitions of '%s'", d->device);
	}
	return 0;
}
