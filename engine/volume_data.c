/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a guest sees of a volume: the image and all that it is built on, opened layer by layer.  An image may name any file as its backing: only a
 * volume of an active pool is opened for it, and only for one who may read that volume; the format is the one that the image records.
 */
#include <fcntl.h>
#include <unistd.h>

#include "pool_impl.h"

#define LAYERS_MAX 200

static void layers_clear(struct data_layer *layers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		base_close_p(&layers[i].fd);
		free(layers[i].format);
	}
	free(layers);
}

/* A descriptor of V's bytes as they lie. */
static int open_layer(struct volume *v, bool write, struct error *err)
{
	struct bulk *b = NULL;
	int r = v->pool->driver->image
			? v->pool->driver->image(v->pool, volume_name(v), write ? O_RDWR : O_RDONLY, NULL, &b, err)
			: -ENOTSUP;

	if (r < 0)
		return r;
	r = b->fd >= 0 ? fcntl(b->fd, F_DUPFD_CLOEXEC, 3) : -ENOTSUP;
	bulk_free(b);
	return r == -ENOTSUP ? error_set(err, ENOTSUP, "what is in images of a pool of type %s cannot be shown",
					 v->pool->type)
	       : r < 0	     ? error_set(err, errno, "%s", strerror(errno))
			     : r;
}

static int find_below(struct volume *v, const struct who *who, struct volume **out, struct error *err)
{
	const struct volume_info *info = v->info;
	struct volume *below;

	if (!info->backing_format)
		return error_set(
			err, EINVAL,
			"'%s' is built on '%s' and does not record which format that has: qemu-img rebase -u -b '%s' -F "
			"FORMAT '%s'",
			info->path, info->backing, info->backing, info->path);
	below = volume_by_path(info->backing);
	if (!below)
		return error_set(
			err, EACCES,
			"'%s' is built on '%s', which is no volume of an active pool: make a pool of its directory and "
			"start it",
			info->path, info->backing);
	if (who && !access_may(&below->obj, "image", 0600, who, 04))
		return error_set(err, EACCES, "'%s' is built on the volume '%s/%s', which you may not read", info->path,
				 below->pool->obj.name, below->obj.name);
	*out = below;
	return 0;
}

int volume_check_chain(struct volume *v, struct error *err)
{
	autovolume struct volume *at = volume_hold(v);

	for (size_t n = 0; at; n++) {
		struct volume *below, *was = at;
		int r = volume_learn(at, err);

		if (r < 0)
			return r;
		below = at->info && at->info->backing ? volume_by_path(at->info->backing) : NULL;
		if (below == v || n > LAYERS_MAX)
			return error_set(err, ELOOP,
					 "'%s' is built on itself, or on more than %d images: qemu-img rebase it",
					 v->obj.name, LAYERS_MAX);
		at = below ? volume_hold(below) : NULL;
		object_unref(&was->obj);
	}
	return 0;
}

static int add_layer(struct data_layer **layers, size_t *n, struct volume *v, const char *format, bool write,
		     struct error *err)
{
	int fd = open_layer(v, write, err);
	struct stat st;

	if (fd < 0)
		return fd;
	*layers = xrealloc(*layers, (*n + 1) * sizeof(**layers));
	(*layers)[(*n)++] = (struct data_layer){
		.fd = fd,
		.format = xstrdup(volume_is_image(format) ? format : "raw"),
		.block = fstat(fd, &st) == 0 && S_ISBLK(st.st_mode),
	};
	return 0;
}

int volume_data_layers(struct volume *top, bool write, const struct who *who, const struct secret *secret,
		       struct bulk **out, struct error *err)
{
	struct data_layer *layers = NULL;
	struct volume *v = volume_hold(top), *below = NULL;
	size_t n = 0;
	int r = add_layer(&layers, &n, v, v->info->format, write, err);

	if (r == -ENOTSUP) { /* no descriptors: the driver opens it by its name */
		error_clear(err);
		r = 0;
	}
	while (r == 0 && n && v->info->backing) {
		autofree char *format = xstrdup(v->info->backing_format);
		r = find_below(v, who, &below, err);
		if (r == 0 && n == LAYERS_MAX)
			r = error_set(err, ELOOP, "'%s' is built on more than %d others, or on itself", top->info->path,
				      LAYERS_MAX);
		if (r < 0)
			break;
		object_ref(&below->obj);
		object_unref(&v->obj);
		v = below;
		r = volume_learn(v, err);
		if (r == 0)
			r = add_layer(&layers, &n, v, format, false, err);
		if (!volume_is_image(format))
			break; /* raw bytes are built on nothing, whatever they say */
	}
	if (r == 0)
		r = top->pool->driver->data(top->pool, volume_name(top), layers, n, write, secret, out, err);
	layers_clear(layers, n);
	object_unref(&v->obj);
	return r;
}
