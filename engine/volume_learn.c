/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known of a volume: asked for when somebody reads it, and shown as rows and as libvirt's document. */
#include "pool_impl.h"

/* ---- asking ---- */

static int ask(struct volume *v, char *format, struct volume_info *info, struct error *err)
{
	info->format = format;
	info->first = !v->info;
	return v->pool->driver->info(v->pool, volume_name(v), info, err);
}

/* The image itself is at fault: it is not what it claims to be, or nothing that is served. */
static bool is_broken(int r)
{
	return r == -EBADMSG || r == -ENOTSUP || r == -EIO;
}

/* What is known of a broken one without looking into it: where and whose it is, so that it can be removed and is not taken from a guest. */
static int ask_outside(struct volume *v, struct volume_info *info)
{
	int r = ask(v, xstrdup("raw"), info, NULL);

	free(take(&info->format));
	info->capacity = 0;
	return r;
}

/* With the format that was recorded for this very file; another one of its name, or one that was never seen, by its first bytes.  When it is
 * broken INFO has what is to be seen from outside. */
static int ask_recorded(struct volume *v, struct volume_info *info, struct error *err)
{
	struct pool *p = v->pool;
	autofree char *was = format_recorded(p, volume_name(v), NULL);
	autofree char *still = NULL;
	int r = ask(v, xstrdup(was), info, err);
	bool seen = r == 0;

	if (is_broken(r)) {
		volume_info_clear(info);
		seen = ask_outside(v, info) == 0;
	}
	if (!seen || !was)
		return r;
	still = format_recorded(p, volume_name(v), info);
	if (still)
		return r;
	volume_info_clear(info);
	error_clear(err);
	r = ask(v, NULL, info, err);
	if (is_broken(r)) {
		volume_info_clear(info);
		(void)!ask_outside(v, info);
	}
	return r;
}

static bool same(const struct volume_info *a, const struct volume_info *b)
{
	return a && a->capacity == b->capacity && a->allocation == b->allocation && a->physical == b->physical &&
	       str_eq(a->format, b->format) && str_eq(a->backing, b->backing) && str_eq(a->path, b->path) &&
	       str_eq(a->claim, b->claim) && a->uid == b->uid && a->gid == b->gid && a->mode == b->mode;
}

/* INFO becomes what is known of V. */
static void keep(struct volume *v, struct volume_info *info)
{
	if (!same(v->info, info))
		object_changed(&v->obj, 1u << FACET_DOC);
	if (v->info)
		volume_info_clear(v->info);
	else
		v->info = xcalloc(1, sizeof(*v->info));
	*v->info = *info;
	*info = (struct volume_info){ 0 };
}

int volume_learn(struct volume *v, struct error *err)
{
	autovolume struct volume *held = volume_hold(v);
	struct volume_info info = { 0 };
	int r = v->state == VOLUME_NEW || v->state == VOLUME_CREATING ? 0 : volume_there(v, err);

	may_wait();
	if (r < 0 || v->state == VOLUME_NEW || v->state == VOLUME_CREATING || !v->pool->driver->info)
		return r;
	r = ask_recorded(held, &info, err);
	if (r == 0 && v->obj.gone)
		r = volume_there(v, err);
	if (r < 0) {
		if (is_broken(r) && info.path)
			keep(v, &info);
		volume_info_clear(&info);
		if (r == -ENOENT && !v->obj.gone) /* deleted underneath */
			pool_stale(v->pool);
		return error_in(err, r, "%s", v->obj.name);
	}
	if (info.format)
		format_record(v->pool, volume_name(v), info.format, &info);
	keep(v, &info);
	v->learned_ms = now_monotonic_ms();
	return 0;
}

int volume_learn_outside(struct volume *v, struct error *err)
{
	int r = volume_learn(v, err);

	if (!is_broken(r) || !v->info || v->info->format || !v->info->claim)
		return r;
	error_clear(err);
	return 0;
}

int volume_learn_as(struct volume *v, const char *format, struct error *err)
{
	autovolume struct volume *held = volume_hold(v);
	struct volume_info info = { 0 };

	if (format && v->pool->driver->info && ask_outside(held, &info) == 0 && !v->obj.gone)
		format_record(v->pool, volume_name(v), format, &info);
	volume_info_clear(&info);
	return volume_learn(v, err);
}

/* ---- asking in the background ---- */

struct learning {
	struct volume *v;
	struct waitq done_q;
	struct error err;
	int r;
	unsigned refs; /* who waits, and the task */
	bool done;
};

static void learning_unref(struct learning *l)
{
	if (--l->refs)
		return;
	error_clear(&l->err);
	object_unref(&l->v->obj);
	free(l);
}

static void learn_task(void *arg)
{
	struct learning *l = arg;

	l->r = volume_learn(l->v, &l->err);
	l->done = true;
	l->v->learning = NULL;
	task_wake_all(&l->done_q);
	learning_unref(l);
}

static struct learning *learn_soon(struct volume *v)
{
	struct learning *l = xcalloc(1, sizeof(*l));

	l->v = volume_hold(v);
	l->refs = 2;
	TAILQ_INIT(&l->done_q);
	v->learning = l;
	task_start(learn_task, l);
	return l;
}

/* One that goes on already may have begun before what the caller wants to see: the next one is his. */
int volume_settle(struct volume *v, int64_t timeout_ms, struct error *err)
{
	autovolume struct volume *held = volume_hold(v);
	int64_t until = now_monotonic_ms() + timeout_ms, left;
	struct learning *l;
	int r = 0;

	may_wait();
	while ((l = held->learning) && r == 0 && (left = until - now_monotonic_ms()) > 0)
		r = task_wait(&l->done_q, left);
	if (r == 0 && held->learning)
		r = -ETIMEDOUT;
	if (r == 0) {
		l = learn_soon(held);
		left = until - now_monotonic_ms();
		if (!l->done)
			r = task_wait(&l->done_q, left > 0 ? left : 0);
		if (l->done) {
			r = l->r;
			error_move(err, &l->err);
		}
		learning_unref(l);
	}
	if (r == -ETIMEDOUT && held->info) {
		error_clear(err);
		return 0;
	}
	if (r == -ETIMEDOUT && err && !err->code)
		error_set(err, ETIMEDOUT, "%s: the storage of the pool '%s' does not answer", v->obj.name,
			  v->pool->obj.name);
	return r;
}

#define SETTLED_MS 50

bool volume_settled(const struct volume *v)
{
	if (v->state != VOLUME_READY || !v->pool->driver || !v->pool->driver->info)
		return true;
	return v->info && now_monotonic_ms() - v->learned_ms < SETTLED_MS;
}

/* ---- as a document ---- */

static void set_size(struct node *root, const char *path, uint64_t bytes)
{
	node_setf(root, path, "%llu", (unsigned long long)bytes);
	node_set(node_first(root, path), "@unit", "bytes");
}

static void set_time(struct node *root, const char *path, int64_t ns)
{
	if (ns)
		node_setf(root, path, "%lld.%09lld", (long long)ns / 1000000000, (long long)ns % 1000000000);
}

static void put_source(struct node *root, const struct volume_info *info)
{
	struct node *source = node_make(root, "source");

	for (size_t i = 0; i < info->nextents; i++) {
		struct node *device = node_add(source, "device");
		node_set(device, "@path", info->extents[i].device);
		node_setf(device, "extent/@start", "%llu", (unsigned long long)info->extents[i].start);
		node_setf(device, "extent/@end", "%llu", (unsigned long long)info->extents[i].end);
	}
}

static void put_target(struct node *root, const struct volume_info *info)
{
	node_set(root, "target/path", info->path);
	node_set(root, "target/format/@type", info->format);
	if (info->has_owner) {
		node_setf(root, "target/permissions/mode", "0%o", info->mode & 07777);
		node_setf(root, "target/permissions/owner", "%u", info->uid);
		node_setf(root, "target/permissions/group", "%u", info->gid);
		set_time(root, "target/timestamps/atime", info->atime_ns);
		set_time(root, "target/timestamps/mtime", info->mtime_ns);
		set_time(root, "target/timestamps/ctime", info->ctime_ns);
	}
	node_set(root, "target/encryption/@format", info->encryption);
	node_set(root, "target/compat", info->compat);
	if (info->cluster_size) {
		node_setf(root, "target/clusterSize", "%llu", (unsigned long long)info->cluster_size);
		node_set(root, "target/clusterSize/@unit", "B");
	}
	if (info->lazy_refcounts)
		node_make(root, "target/features/lazy_refcounts");
	if (info->extended_l2)
		node_make(root, "target/features/extended_l2");
}

struct doc *volume_doc(struct volume *v)
{
	static const struct volume_info nothing;
	const struct volume_info *info = v->info ? v->info : &nothing;
	struct doc *doc;
	struct node *root;

	if (v->draft)
		return doc_copy(v->draft);
	doc = doc_parse(str_of("<volume>\n</volume>\n"), "volume", NULL);
	root = doc_root(doc);
	node_set(root, "@type", volume_type_names[info->type]);
	node_set(root, "name", v->obj.name);
	node_set(root, "key", info->key ? info->key : info->path);
	put_source(root, info);
	set_size(root, "capacity", info->capacity);
	set_size(root, "allocation", info->allocation);
	if (info->physical)
		set_size(root, "physical", info->physical);
	put_target(root, info);
	if (info->backing) {
		node_set(root, "backingStore/path", info->backing);
		node_set(root, "backingStore/format/@type", info->backing_format);
	}
	return doc;
}

void volume_xml(struct volume *v, struct buf *out)
{
	autodoc struct doc *doc = volume_doc(v);

	doc_print(doc, out);
}

void volume_prop_show(struct volume *v, const struct prop *row, struct buf *out)
{
	autodoc struct doc *doc = volume_doc(v);

	prop_show(row, doc_root(doc), out);
}
