#include "claim.h"
#include "pool.h"
struct secret *secret_of_node(const struct node *n unused, const char *t unused, const struct who *w unused,
			      struct error *err)
{
	error_set(err, ENOENT, "no");
	return NULL;
}
int secret_fd(const struct secret *s unused, bool b unused, struct error *err)
{
	return error_set(err, ENOENT, "no");
}
struct secret *secret_find_usage(const char *t unused, const char *u unused)
{
	return NULL;
}
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
static char *dirof(struct pool *p)
{
	return pool_text(p, "target/path");
}
static char *pathof(struct pool *p, const char *n)
{
	autofree char *d = dirof(p);
	return xasprintf("%s/%s", d, n);
}
static int z_complete(struct node *n, const char *dir, struct error *err unused)
{
	if (!node_has(n, "target/path"))
		node_setf(n, "target/path", "%s/%s", dir, node_get_or(n, "name", "x"));
	return 0;
}
static int z_build(struct pool *p, bool o unused, struct error *err)
{
	autofree char *d = dirof(p);
	autofree char *c = xasprintf("mkdir -p %s", d);
	return system(c) ? error_set(err, EIO, "mkdir") : 0;
}
static int z_start(struct pool *p, struct error *err)
{
	autofree char *d = dirof(p);
	return access(d, F_OK) ? error_set(err, ENOENT, "'%s' is not there: echo build > state", d) : 0;
}
static int z_list(struct pool *p, struct listing *l, struct error *err)
{
	autofree char *d = dirof(p);
	DIR *h = opendir(d);
	struct dirent *e;
	if (!h)
		return error_set(err, errno, "%s: %s", d, strerror(errno));
	while ((e = readdir(h)))
		if (e->d_name[0] != '.')
			listing_add(l, e->d_name);
	closedir(h);
	return 0;
}
static int z_usage(struct pool *p unused, struct pool_usage *u, struct error *err unused)
{
	u->capacity = 100;
	u->allocation = 40;
	u->available = 60;
	return 0;
}
static int z_info(struct pool *p, const char *name, struct volume_info *i, struct error *err)
{
	struct stat st;
	i->path = pathof(p, name);
	i->key = xstrdup(i->path);
	if (stat(i->path, &st) < 0)
		return error_set(err, errno, "'%s': %s", i->path, strerror(errno));
	i->capacity = i->physical = st.st_size;
	i->allocation = st.st_blocks * 512;
	i->claim = claim_key(&st);
	if (!i->format)
		i->format = xstrdup("raw");
	i->has_owner = true;
	i->uid = st.st_uid;
	i->mode = st.st_mode;
	return 0;
}
static int z_create(struct pool *p, const struct volume_spec *s, struct error *err)
{
	autofree char *f = pathof(p, s->name);
	int fd = open(f, O_CREAT | O_EXCL | O_RDWR, 0600);
	if (fd < 0)
		return error_set(err, errno, "%s", strerror(errno));
	if (ftruncate(fd, s->capacity)) {
	};
	close(fd);
	return 0;
}
static int z_remove(struct pool *p, const char *n, struct error *err)
{
	autofree char *f = pathof(p, n);
	return unlink(f) < 0 ? error_set(err, errno, "%s", strerror(errno)) : 0;
}
static int z_rename(struct pool *p, const char *n, const char *t, struct error *err)
{
	autofree char *f = pathof(p, n);
	autofree char *g = pathof(p, t);
	return rename(f, g) < 0 ? error_set(err, errno, "%s", strerror(errno)) : 0;
}
static int z_resize(struct pool *p, const char *n, const struct volume_info *i unused, uint64_t c, struct error *err)
{
	autofree char *f = pathof(p, n);
	return truncate(f, c) < 0 ? error_set(err, errno, "%s", strerror(errno)) : 0;
}
static int z_disk(struct pool *p unused, const char *name unused, const struct volume_info *i, struct node *disk,
		  struct error *err unused)
{
	node_set(disk, "@type", "file");
	node_set(disk, "source/@file", i->path);
	return 0;
}
static const char *const z_formats[] = { "raw", "qcow2", NULL };
const struct pool_driver zdir = { .type = "dir",
				  .flags = POOL_FILES,
				  .volume_formats = z_formats,
				  .complete = z_complete,
				  .build = z_build,
				  .start = z_start,
				  .list = z_list,
				  .usage = z_usage,
				  .info = z_info,
				  .create = z_create,
				  .remove = z_remove,
				  .rename = z_rename,
				  .disk = z_disk,
				  .resize = z_resize,
				  .directory = dirof };
