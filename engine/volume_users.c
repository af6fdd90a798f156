/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which domains use a volume: by what their definitions say, and by what running guests have open.  What a definition says of its disks is
 * kept as a line per image ("v POOL/VOLUME", "p PATH") with the domain, so that no document is parsed to answer.
 */
#include "claim.h"
#include "domain_impl.h"
#include "pool_impl.h"

/* ---- the lines ---- */

static void add_line(struct buf *out, char kind, const char *text)
{
	if (!text || !*text)
		return;
	buf_printf(out, "%c ", kind);
	buf_percent(out, text);
	buf_putc(out, '\n');
}

/* As the path of a volume of a pool of type gluster is. */
static void add_gluster(struct buf *out, const struct node *source)
{
	const char *host = node_get_or(source, "host/@name", ""), *port = node_get(source, "host/@port");
	bool v6 = strchr(host, ':');
	autofree char *url = xasprintf("gluster://%s%s%s%s%s/%s", v6 ? "[" : "", host, v6 ? "]" : "", port ? ":" : "",
				       port ? port : "", node_get_or(source, "@name", ""));

	add_line(out, 'p', url);
}

static void add_image(struct buf *out, const struct node *image)
{
	const struct node *source = node_child(image, "source");

	if (node_is(image, "@type", "volume")) {
		autofree char *text =
			xasprintf("%s/%s", node_get_or(source, "@pool", ""), node_get_or(source, "@volume", ""));

		add_line(out, 'v', text);
		return;
	}
	add_line(out, 'p', node_get(source, "@file"));
	add_line(out, 'p', node_get(source, "@dev"));
	if (node_is(source, "@protocol", "rbd"))
		add_line(out, 'p', node_get(source, "@name"));
	if (node_is(source, "@protocol", "gluster"))
		add_gluster(out, source);
}

char *domain_images(const struct node *root)
{
	struct buf out = { 0 };

	buf_putc(&out, '\n');
	for (const struct node *d = node_first(root, "devices/disk"); d; d = node_next(d, "disk"))
		for (const struct node *image = d; image; image = node_child(image, "backingStore"))
			add_image(&out, image);
	add_line(&out, 'p', node_get(root, "os/nvram"));
	return buf_take(&out);
}

/* Those of a guest are in the document in force; a domain of an older state directory is read once. */
static const char *images_of(struct domain *d, bool running)
{
	char **at = running ? &d->images_now : &d->images_next;

	if (!*at)
		*at = domain_images(domain_root(d, running ? VIEW_NOW : VIEW_CONFIG));
	return *at;
}

/* ---- looking a volume up in them ---- */

struct sought {
	struct buf by_name, by_path; /* "\nv images/root\n"; empty: unknown */
	const char *claim;
};

static void sought_clear(struct sought *s)
{
	buf_clear(&s->by_name);
	buf_clear(&s->by_path);
}
#define autosought __attribute__((cleanup(sought_clear)))

/* Known without asking. */
static char *path_of(struct volume *v)
{
	const char *dir;

	if (v->info && v->info->path)
		return xstrdup(v->info->path);
	dir = v->pool->driver && (v->pool->driver->flags & POOL_FILES) ? node_get(pool_node(v->pool), "target/path")
								       : NULL;
	return dir ? xasprintf("%s%s%s", dir, str_ends(dir, "/") ? "" : "/", volume_name(v)) : NULL;
}

static void sought_init(struct sought *s, struct volume *v)
{
	autofree char *path = path_of(v), *name = xasprintf("%s/%s", v->pool->obj.name, volume_name(v));

	buf_putc(&s->by_name, '\n');
	add_line(&s->by_name, 'v', name);
	if (path) {
		buf_putc(&s->by_path, '\n');
		add_line(&s->by_path, 'p', path);
	}
	s->claim = v->info ? v->info->claim : NULL;
}

static bool is_in(const struct sought *s, const char *images)
{
	return strstr(images, s->by_name.p) || (s->by_path.n && strstr(images, s->by_path.p));
}

struct holder {
	const struct domain *d;
	bool has;
};

static void is_holder(void *arg, struct domain *d, bool writes unused)
{
	struct holder *h = arg;

	h->has |= d == h->d;
}

static bool has_claim(const struct sought *s, struct domain *d)
{
	struct holder h = { .d = d };

	if (s->claim)
		claims_of(s->claim, is_holder, &h);
	return h.has;
}

static bool uses(const struct sought *s, struct domain *d, bool *running)
{
	*running = domain_active(d) && (has_claim(s, d) || is_in(s, images_of(d, true)));
	return *running || is_in(s, images_of(d, false));
}

void volume_users(struct volume *v, void (*fn)(void *arg, struct domain *d, bool running), void *arg)
{
	autosought struct sought s = { 0 };
	bool running;

	sought_init(&s, v);
	for (struct domain *d = domain_after(0); d; d = domain_after(d->obj.serial))
		if (uses(&s, d, &running))
			fn(arg, d, running);
}

bool volume_used_by(struct volume *v, struct domain *d)
{
	autosought struct sought s = { 0 };
	bool running;

	sought_init(&s, v);
	return uses(&s, d, &running);
}

struct domain *volume_user_after(struct volume *v, uint64_t serial)
{
	autosought struct sought s = { 0 };
	struct domain *d = domain_after(serial);
	bool running;

	sought_init(&s, v);
	while (d && !uses(&s, d, &running))
		d = domain_after(d->obj.serial);
	return d;
}

/* ---- is it free? ---- */

struct first {
	struct domain *d;
};

static void first_running(void *arg, struct domain *d, bool running)
{
	struct first *f = arg;

	if (running && !f->d)
		f->d = d;
}

static void count_line(void *arg, const char *text unused)
{
	++*(unsigned *)arg;
}

/* Of a driver that opens nothing itself only the definition tells what its guests have. */
static bool claims_nothing(struct domain *d)
{
	unsigned n = 0;

	claims_print(d, count_line, &n);
	return !n;
}

static void first_unclaimed(void *arg, struct domain *d, bool running)
{
	struct first *f = arg;

	if (running && !f->d && claims_nothing(d))
		f->d = d;
}

static int busy(const struct domain *d, struct error *err)
{
	return error_set(err, EBUSY, "the running guest '%s' has it: end the guest or unplug it first", d->obj.name);
}

/* What is claimed is looked up by who asks; here only guests with images and without claims are gone through, which are few. */
int pool_check_users(struct pool *p, struct error *err)
{
	for (struct domain *d = domain_after(0); d; d = domain_after(d->obj.serial)) {
		if (!domain_active(d) || !claims_nothing(d) || !strchr(images_of(d, true), ' '))
			continue;
		for (size_t i = 0; i < p->by_serial.n; i++) {
			struct volume *v = p->by_serial.at[i];
			autosought struct sought s = { 0 };
			sought_init(&s, v);
			if (is_in(&s, images_of(d, true)))
				return error_in(err, busy(d, err), "the volume '%s'", v->obj.name);
		}
	}
	return 0;
}

int volume_check_users(struct volume *v, bool writers_only, struct error *err)
{
	autovolume struct volume *held = volume_hold(v);
	struct first f = { 0 };
	struct error why = { 0 };

	if (v->state == VOLUME_NEW)
		return 0;
	/* another file may have its name by now; storage that does not answer leaves what was last known */
	if (volume_learn(held, &why) < 0 && (!v->info || !v->info->claim) && why.code != ENOENT) {
		error_move(err, &why);
		return -err->code;
	}
	error_clear(&why);
	if (held->info && held->info->claim) {
		int r = claim_check(held->info->claim, writers_only, err);
		if (r < 0)
			return r;
	}
	volume_users(held, held->info && held->info->claim ? first_unclaimed : first_running, &f);
	return f.d ? busy(f.d, err) : 0;
}
