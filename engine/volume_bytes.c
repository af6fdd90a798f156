/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A volume's bytes, opened.  An upload into a new volume makes it when it is whole: until then there is a draft in the tree and nothing in the
 * pool.
 */
#include <fcntl.h>

#include "pool_impl.h"

struct upload { /* behind bulk->owner */
	struct volume *v;
	int (*commit)(struct bulk *b, struct error *err); /* the driver's */
	char *format;					  /* as the draft says; NULL: what its first bytes will say */
	bool was_new;
};

static void appeared(struct upload *u)
{
	struct volume *v = u->v;

	doc_free(take(&v->draft));
	v->state = VOLUME_READY;
	if (!u->format)
		format_rename(v->pool, volume_name(v), NULL);
	object_changed(&v->obj, 1u << FACET_STATE | 1u << FACET_DOC);
}

static int upload_commit(struct bulk *b, struct error *err)
{
	struct upload *u = b->owner;
	struct volume *v = u->v;
	int r = volume_there(v, err);

	if (r == 0)
		r = fault_point("volume-upload:begin", err);
	if (r == 0)
		r = format_ahead(v->pool, volume_name(v), u->format, err);
	if (r == 0)
		r = u->commit(b, err);
	if (r < 0)
		return error_in(err, r, "%s: upload", v->obj.name);
	(void)!fault_point("volume-upload:made", NULL);
	if (u->was_new && v->state != VOLUME_READY)
		appeared(u);
	/* another file may lie there now: what was recorded of the old one is not believed of it */
	(void)!volume_learn_as(v, u->format, NULL);
	volume_event(v, "uploaded", NULL);
	pool_usage_soon(v->pool);
	return 0;
}

static void upload_closed(struct bulk *b)
{
	struct upload *u = b->owner;
	struct volume *v = u->v;

	if (v->upload == b)
		v->upload = NULL;
	v->learned_ms = 0; /* what was known of it is of before */
	if (v->state == VOLUME_CREATING && u->was_new)
		v->state = VOLUME_NEW;
	object_changed(&v->obj, 1u << FACET_STATE | 1u << FACET_DOC | 1u << FACET_JOB);
	object_unref(&v->obj);
	free(u->format);
	free(u);
}

static bool writes(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY;
}

static int open_new(struct volume *v, int flags, const struct who *who, struct bulk **out, struct error *err)
{
	autoplan struct volume_plan plan = { 0 };
	int r = pool_needs_active(v->pool, err);

	if (r == 0 && !writes(flags)) { /* nothing was written yet */
		*out = bulk_of_fd(open("/dev/null", O_RDONLY | O_CLOEXEC), false);
		return 0;
	}
	if (r == 0)
		r = volume_plan_make(v, v->draft, who, &plan, err);
	return r == 0 ? v->pool->driver->image(v->pool, volume_name(v), O_RDWR | O_CREAT, &plan.spec, out, err) : r;
}

static int open_ready(struct volume *v, int flags, struct bulk **out, struct error *err)
{
	autoplan struct volume_plan plan = { 0 };
	autodoc struct doc *doc = NULL;
	int r = volume_needs(v, VOLUME_READY, err);

	if (r < 0 || !writes(flags))
		return r < 0 ? r : v->pool->driver->image(v->pool, volume_name(v), O_RDONLY, NULL, out, err);
	r = flags & O_TRUNC ? volume_learn_outside(v, err) : volume_learn(v, err);
	if (r == 0)
		r = volume_check_users(v, false, err);
	doc = volume_doc(v);
	if (r == 0)
		r = volume_plan_make(v, doc, NULL, &plan, err);
	if (r < 0)
		return r;
	if (v->info && v->info->has_owner) { /* what takes its place is whose it was */
		plan.spec.uid = v->info->uid;
		plan.spec.gid = v->info->gid;
		plan.spec.mode = v->info->mode & 07777;
	}
	return v->pool->driver->image(v->pool, volume_name(v), O_RDWR | (flags & O_TRUNC), &plan.spec, out, err);
}

static void note_upload(struct volume *v, struct bulk *b, bool new)
{
	struct upload *u = xcalloc(1, sizeof(*u));

	u->v = volume_hold(v);
	u->commit = b->commit;
	u->was_new = new;
	u->format = new ? xstrdup(node_get(doc_root(v->draft), "target/format/@type")) : NULL;
	b->owner = u;
	b->commit = b->commit ? upload_commit : NULL;
	b->closed = upload_closed;
	v->upload = b;
	if (new)
		v->state = VOLUME_CREATING;
	object_changed(&v->obj, 1u << FACET_STATE | 1u << FACET_JOB);
}

int volume_image(struct volume *v, int flags, const struct who *who, struct bulk **out, struct error *err)
{
	autovolume struct volume *held = volume_hold(v);
	bool new = v->state == VOLUME_NEW;
	int r = volume_there(v, err);

	if (r == 0 && !pool_has(v->pool, v->pool->driver->image, "be read or written as images", err))
		r = -ENOTSUP;
	if (r == 0 && writes(flags) && v->upload)
		r = error_set(err, EBUSY, "somebody else is writing it");
	if (r == 0 && writes(flags) && v->jobs.holder)
		r = error_set(err, EBUSY, "'%s' is going on", v->jobs.holder->operation);
	if (r == 0)
		r = new ? open_new(v, flags, who, out, err) : open_ready(v, flags, out, err);
	if (r == 0 && writes(flags))
		note_upload(v, *out, new);
	return error_in(err, r, "%s: image", v->obj.name);
}

static int open_data(struct volume *v, int flags, const struct who *who, struct bulk **out, struct error *err)
{
	struct pool *p = v->pool;
	const struct node *n;
	autodoc struct doc *doc = NULL;
	struct secret *s = NULL;
	int r;

	if (writes(flags) && volume_check_users(v, false, err) < 0)
		return -EBUSY;
	if (!v->info->encryption && !volume_is_image(v->info->format))
		return p->driver->image(p, volume_name(v), flags & ~(O_TRUNC | O_CREAT), NULL, out, err);
	if (!pool_has(p, p->driver->data, "show what is in images that are not raw", err))
		return -ENOTSUP;
	doc = volume_doc(v);
	n = node_first(doc_root(doc), "target/encryption/secret");
	if (n)
		s = secret_of_node(n, "volume", who, err);
	else if (v->info->encryption) /* libvirt's way: by what the secret says that it is for */
		s = secret_find_usage("volume", v->info->path);
	if (n && !s)
		return err && err->code ? -err->code : -ENOENT;
	r = s ? secret_usable(s, "volume", who, err) : 0;
	if (r < 0)
		return r;
	if (v->info->encryption && !s)
		return error_set(
			err, EACCES,
			"it is encrypted, and no secret of usage volume '%s' is there to open it: mkdir secrets/UUID, write "
			"its xml and value",
			v->info->path);
	return volume_data_layers(v, writes(flags), who, s, out, err);
}

int volume_data(struct volume *v, int flags, const struct who *who, struct bulk **out, struct error *err)
{
	autovolume struct volume *held = volume_hold(v);
	int r = volume_needs(v, VOLUME_READY, err);

	if (r == 0)
		r = volume_learn(v, err);
	if (r == 0 && writes(flags) && v->upload)
		r = error_set(err, EBUSY, "somebody else is writing it");
	if (r == 0)
		r = open_data(v, flags, who, out, err);
	if (r == 0 && writes(flags))
		note_upload(v, *out, false);
	return error_in(err, r, "%s: data", v->obj.name);
}
