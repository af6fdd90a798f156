/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What sysfs tells of a SCSI host: its disks and CD-ROMs as volumes.  Runs on a pool's thread. */
#include "scsi.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/claim.h"
#include "engine/units.h"

#define TYPE_DISK 0 /* SCSI's peripheral device types */
#define TYPE_ROM  5
#define SECTOR	  512u /* of sysfs, whatever the device's own is */

/* ---- files ---- */

static ssize_t read_bytes(const char *dir, const char *name, char *out, size_t n)
{
	autofree char *path = xasprintf("%s/%s", dir, name);
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, out, n);

	return got < 0 ? -errno : got;
}

char *sys_text(const char *dir, const char *name)
{
	char bytes[4096];
	ssize_t n = read_bytes(dir, name, bytes, sizeof(bytes));
	const char *nl = n > 0 ? memchr(bytes, '\n', (size_t)n) : NULL;
	struct str s;

	if (n < 0)
		return NULL;
	s = str_trim((struct str){ bytes, nl ? (size_t)(nl - bytes) : (size_t)n });
	return xstrndup(s.p, s.n);
}

int sys_write(const char *dir, const char *name, const char *text, struct error *err)
{
	autofree char *path = xasprintf("%s/%s", dir, name);
	autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		errno = 0;
	if (fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text))
		return 0;
	return error_set(err, errno ? errno : EIO, "'%s' cannot be written to %s: %s", text, path, strerror(errno));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int sys_names(const char *dir, const char *prefix, struct vec *out)
{
	DIR *d = opendir(dir);
	struct dirent *e;

	if (!d)
		return -errno;
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && str_starts(e->d_name, prefix))
			vec_add(out, xstrdup(e->d_name));
	closedir(d);
	if (out->n)
		qsort(out->at, out->n, sizeof(out->at[0]), by_name);
	return 0;
}

/* ---- links ---- */

/* The links of a directory by the node they lead to: read once for all disks of a host. */
struct links {
	struct vec names, nodes;
};

static void links_clear(struct links *l)
{
	vec_clear(&l->names, free);
	vec_clear(&l->nodes, free);
}

static void links_read(struct links *l, const char *dir)
{
	struct vec names = { 0 };

	if (sys_names(dir, "", &names) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		autofree char *path = xasprintf("%s/%s", dir, (char *)names.at[i]);
		char to[512];
		ssize_t n = readlink(path, to, sizeof(to) - 1);
		const char *slash;

		if (n <= 0)
			continue;
		to[n] = 0;
		slash = strrchr(to, '/');
		vec_add(&l->names, take(&path));
		vec_add(&l->nodes, xstrdup(slash ? slash + 1 : to));
	}
	vec_clear(&names, free);
}

/* The first by name: the same one each time. */
static char *link_to(const struct links *l, const char *target, const char *node)
{
	if (str_eq(target, "/dev") || str_eq(target, "/dev/"))
		return xasprintf("/dev/%s", node);
	for (size_t i = 0; i < l->nodes.n; i++)
		if (str_eq(l->nodes.at[i], node))
			return xstrdup(l->names.at[i]);
	return NULL;
}

/* ---- disks ---- */

static uint64_t number_of(const char *dir, const char *name, uint64_t dflt)
{
	autofree char *text = sys_text(dir, name);
	uint64_t v = dflt;

	return text && u64_parse(str_of(text), 0, UINT64_MAX, &v, NULL) == 0 ? v : dflt;
}

static char *key_of(const char *device, const char *path)
{
	char page[4096];
	ssize_t n = read_bytes(device, "vpd_pg83", page, sizeof(page));
	char *id = n > 0 ? scsi_id((unsigned char *)page, (size_t)n) : NULL;

	return id ? id : xstrdup(path);
}

static void add_lun(struct listing *out, const char *device, const char *address, const char *node, char *path)
{
	autofree char *block = xasprintf("%s/block/%s", device, node);
	autofree char *dev = sys_text(block, "dev");
	const char *bus = strchr(address, ':');
	autofree char *name = xasprintf("unit%s", bus);
	struct volume_info *info = xcalloc(1, sizeof(*info));
	uint64_t sectors = number_of(block, "size", 0);
	struct stat st;

	info->type = VOLUME_BLOCK;
	info->path = path;
	info->key = key_of(device, path);
	info->format = xstrdup("raw");
	info->capacity = sectors > INT64_MAX / SECTOR ? INT64_MAX : sectors * SECTOR;
	info->allocation = info->physical = info->capacity;
	info->claim = dev ? xasprintf("block:%s", dev) : NULL;
	if (stat(path, &st) == 0) {
		info->has_owner = true;
		info->uid = st.st_uid;
		info->gid = st.st_gid;
		info->mode = st.st_mode & 07777;
	}
	listing_add(out, name)->info = info;
}

/* The block device of a disk or CD-ROM, NULL when it is none (or not yet). */
static char *node_of(const char *device)
{
	autofree char *dir = xasprintf("%s/block", device);
	uint64_t type = number_of(device, "type", UINT64_MAX);
	struct vec names = { 0 };
	char *node = NULL;

	if ((type == TYPE_DISK || type == TYPE_ROM) && sys_names(dir, "", &names) == 0 && names.n)
		node = xstrdup(names.at[0]);
	vec_clear(&names, free);
	return node;
}

int scsi_list(const char *sys, int host, const char *target, struct listing *out, unsigned *without, struct error *err)
{
	autofree char *dir = xasprintf("%s/bus/scsi/devices", sys), *prefix = xasprintf("%d:", host);
	struct vec names = { 0 };
	struct links links = { 0 };
	int r = sys_names(dir, prefix, &names);

	*without = 0;
	if (r < 0)
		return error_set(err, -r, "the devices of SCSI host %d cannot be listed: %s: %s", host, dir,
				 strerror(-r));
	links_read(&links, target);
	for (size_t i = 0; i < names.n; i++) {
		autofree char *device = xasprintf("%s/%s", dir, (char *)names.at[i]);
		autofree char *node = node_of(device);
		char *path = node ? link_to(&links, target, node) : NULL;

		if (path)
			add_lun(out, device, names.at[i], node, path);
		else if (node)
			(*without)++;
	}
	if (*without && !out->n)
		r = error_set(
			err, ENOENT,
			"%s has a link to none of the %u disks of SCSI host %d: set target to another directory of "
			"/dev/disk, or to /dev",
			target, *without, host);
	vec_clear(&names, free);
	links_clear(&links);
	return r;
}

/* ---- the host ---- */

bool scsi_host_there(const char *sys, int host)
{
	autofree char *dir = xasprintf("%s/class/scsi_host/host%d", sys, host);

	return access(dir, F_OK) == 0;
}

int scsi_rescan(const char *sys, int host, struct error *err)
{
	autofree char *dir = xasprintf("%s/class/scsi_host/host%d", sys, host);
	autofree char *devices = xasprintf("%s/bus/scsi/devices", sys), *prefix = xasprintf("%d:", host);
	struct vec names = { 0 };
	int r = sys_write(dir, "scan", "- - -", err);

	if (r == 0 && sys_names(devices, prefix, &names) == 0)
		for (size_t i = 0; i < names.n; i++) {
			autofree char *device = xasprintf("%s/%s", devices, (char *)names.at[i]);
			autofree char *node = node_of(device);

			if (node) /* its size; one that is just going away is no fault */
				(void)sys_write(device, "rescan", "1", NULL);
		}
	vec_clear(&names, free);
	return r;
}
