/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One claim is in two lists: that of its image, by key, and that of its domain, by serial. */
#include "claim.h"

#include <stdio.h>
#include <sys/sysmacros.h>

#include "domain.h"

struct claim {
	struct domain *d;
	char *device;
	bool writes;
	struct image *image;
};

struct image {
	char *key;
	struct vec claims;
};

static struct hash *images;  /* by key */
static struct hash *holders; /* by the domain's serial: a vec of its claims */

char *claim_key(const struct stat *st)
{
	if (S_ISBLK(st->st_mode))
		return xasprintf("block:%u:%u", major(st->st_rdev), minor(st->st_rdev));
	return xasprintf("file:%llx:%llu", (unsigned long long)st->st_dev, (unsigned long long)st->st_ino);
}

static struct image *image_get(const char *key)
{
	struct image *im;

	if (!images) {
		images = hash_new();
		holders = hash_new();
	}
	im = hash_get(images, key);
	if (im)
		return im;
	im = xcalloc(1, sizeof(*im));
	im->key = xstrdup(key);
	hash_put(images, key, im);
	return im;
}

static struct vec *holder_of(const struct domain *d)
{
	return holders ? hash_get_u64(holders, d->obj.serial) : NULL;
}

void claim_add(struct domain *d, const char *device, const char *key, bool writes)
{
	struct image *im = image_get(key);
	struct vec *of = holder_of(d);
	struct claim *c = xmalloc(sizeof(*c));

	*c = (struct claim){ d, xstrdup(device), writes, im };
	vec_add(&im->claims, c);
	if (!of) {
		of = xcalloc(1, sizeof(*of));
		hash_put_u64(holders, d->obj.serial, of);
	}
	vec_add(of, c);
}

static void claim_free(struct claim *c)
{
	struct image *im = c->image;

	vec_drop(&im->claims, c);
	if (im->claims.n == 0) {
		vec_clear(&im->claims, NULL);
		hash_put(images, im->key, NULL);
		free(im->key);
		free(im);
	}
	free(c->device);
	free(c);
}

/* DEVICE NULL: all. */
static void drop(struct domain *d, const char *device)
{
	struct vec *of = holder_of(d);
	size_t kept = 0;

	if (!of)
		return;
	for (size_t i = 0; i < of->n; i++) {
		struct claim *c = of->at[i];

		if (device && strcmp(c->device, device))
			of->at[kept++] = c;
		else
			claim_free(c);
	}
	of->n = kept;
	if (kept)
		return;
	hash_put_u64(holders, d->obj.serial, NULL);
	vec_clear(of, NULL);
	free(of);
	if (hash_count(images) == 0) {
		hash_free(take(&images));
		hash_free(take(&holders));
	}
}

void claim_drop(struct domain *d, const char *device)
{
	drop(d, device);
}

void claims_drop_all(struct domain *d)
{
	drop(d, NULL);
}

unsigned claims_of(const char *key, void (*fn)(void *arg, struct domain *d, bool writes), void *arg)
{
	const struct image *im = images ? hash_get(images, key) : NULL;

	for (size_t i = 0; im && fn && i < im->claims.n; i++) {
		const struct claim *c = im->claims.at[i];

		fn(arg, c->d, c->writes);
	}
	return im ? im->claims.n : 0;
}

int claim_check(const char *key, bool writers_only, struct error *err)
{
	const struct image *im = images ? hash_get(images, key) : NULL;

	for (size_t i = 0; im && i < im->claims.n; i++) {
		const struct claim *c = im->claims.at[i];

		if (c->writes || !writers_only)
			return error_set(err, EBUSY,
					 "the running guest '%s' has it open%s (%s): end the guest or unplug it first",
					 c->d->obj.name, c->writes ? "" : " for reading", c->device);
	}
	return 0;
}

/* ---- "w DEVICE KEY", "r DEVICE KEY"; an alias has no blank ---- */

void claims_print(struct domain *d, void (*line)(void *arg, const char *text), void *arg)
{
	const struct vec *of = holder_of(d);

	for (size_t i = 0; of && i < of->n; i++) {
		const struct claim *c = of->at[i];
		autofree char *text = xasprintf("%c %s %s", c->writes ? 'w' : 'r', c->device, c->image->key);

		line(arg, text);
	}
}

void claim_parse(struct domain *d, const char *line)
{
	const char *device = line + 2, *blank = strlen(line) > 2 ? strchr(device, ' ') : NULL;
	autofree char *name = blank ? xstrndup(device, blank - device) : NULL;

	if (name && *name && line[1] == ' ' && (line[0] == 'w' || line[0] == 'r'))
		claim_add(d, name, blank + 1, line[0] == 'w');
}
