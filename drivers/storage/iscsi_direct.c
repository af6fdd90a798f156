/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pools of type iscsi-direct: the LUNs of a target as the guests' hypervisor itself opens them, without a session of the kernel.  Each
 * question logs in and out again, so that nothing outside says whether such a pool is active.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/random.h>

#include "engine/units.h"
#include "far_job.h"
#include "iscsi.h"

#define LUN_NAME "unit:0:0:" /* as libvirt calls them: bus and target say nothing here */

/* ---- definition ---- */

static int direct_complete(struct node *pool, const char *dir unused, struct error *err)
{
	struct iscsi_portal portal;
	int r = iscsi_portal_of(pool, &portal, err);

	if (r == 0 && !portal.initiator)
		r = error_set(
			err, EINVAL,
			"source/initiator: <iqn name='...'/> is missing: as whom a pool of type iscsi-direct logs in");
	iscsi_portal_clear(&portal);
	if (r == 0 && node_has(pool, "target/path"))
		r = error_set(err, EINVAL, "target: a pool of type iscsi-direct has none: its volumes are no files");
	return r;
}

static int number_of(const char *name, unsigned *number, struct error *err)
{
	uint64_t v = 0;

	if (!str_starts(name, LUN_NAME) || u64_parse(str_of(name + strlen(LUN_NAME)), 0, 16383, &v, NULL) < 0)
		return error_set(err, ENOENT, "'%s' is no LUN: their names are " LUN_NAME "N", name);
	*number = (unsigned)v;
	return 0;
}

static int direct_disk(struct pool *p, const char *name, const struct volume_info *now unused, struct node *disk,
		       struct error *err)
{
	unsigned number = 0;
	int r = number_of(name, &number, err);

	if (r == 0 && node_is(disk, "source/@mode", "host"))
		r = error_set(err, EINVAL,
			      "source: mode 'host' needs a pool of type iscsi: this one has no devices here");
	return r == 0 ? iscsi_disk(pool_node(p), number, disk, err) : r;
}

#ifndef HAVE_LIBISCSI

static int direct_probe(struct buf *state, struct error *err unused)
{
	buf_puts(state, "not usable: this domfs was built without libiscsi: install libiscsi-dev and build it anew\n");
	return 0;
}

static int direct_start(struct pool *p unused, struct error *err)
{
	return error_set(err, ENOTSUP, "this domfs was built without libiscsi: install libiscsi-dev and build it anew");
}

#else

static int direct_probe(struct buf *state, struct error *err unused)
{
	buf_puts(state, "usable\n");
	return 0;
}

/* ---- what goes to a thread ---- */

struct direct {
	struct far_job far;
	struct iscsi_login login;
	unsigned number;
	struct lun_bytes *bytes;
	struct listing list;
	struct vec names;
	char algorithm; /* of a wipe */
};

static void direct_free(void *arg)
{
	struct direct *d = arg;

	iscsi_login_clear(&d->login);
	lun_bytes_close(d->bytes); /* after a time-out the session is dead: nothing is waited for */
	listing_clear(&d->list);
	vec_clear(&d->names, free);
	error_clear(&d->far.why);
	free(d);
}

static const struct far_kind direct_kind = { .free = direct_free };

static struct direct *direct_new(struct pool *p, struct error *err)
{
	struct direct *d = xcalloc(1, sizeof(*d));

	d->far.kind = &direct_kind;
	if (iscsi_login_of(p, &d->login, err) == 0)
		return d;
	direct_free(d);
	return NULL;
}

/* ---- volumes ---- */

static char *path_of(const struct iscsi_portal *p, unsigned number)
{
	autofree char *portal = iscsi_portal_text(p);

	return xasprintf("ip-%s-iscsi-%s-lun-%u", portal, p->iqn, number);
}

static void add_lun(struct direct *d, struct lun *l)
{
	autofree char *name = xasprintf(LUN_NAME "%u", l->number);
	struct volume_info *info = xcalloc(1, sizeof(*info));

	info->type = VOLUME_NETWORK;
	info->path = path_of(&d->login.portal, l->number);
	info->key = l->id ? take(&l->id) : xstrdup(info->path);
	info->format = xstrdup("raw");
	info->capacity = info->allocation = info->physical = l->blocks * l->block;
	info->claim = xasprintf("iscsi:%s/%u", d->login.portal.iqn, l->number);
	listing_add(&d->list, name)->info = info;
}

static int list_work(void *arg)
{
	struct direct *d = arg;
	struct lun_session *s = NULL;
	autofree unsigned *numbers = NULL;
	size_t n = 0;
	int r = lun_open(&d->login, false, POOL_ASK_MS - 500, &s, &d->far.why);

	if (r == 0)
		r = lun_numbers(s, &numbers, &n, &d->far.why);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct lun l;

		r = lun_look(s, numbers[i], &l, &d->far.why);
		if (r == 0)
			add_lun(d, &l);
		free(l.id);
		if (r < 0 && r != -ENOTCONN && r != -ETIMEDOUT) {
			error_clear(&d->far.why); /* a controller, an empty drive: no volume */
			r = 0;
		}
	}
	lun_close(s);
	return r;
}

static int direct_list(struct pool *p, struct listing *out, struct error *err)
{
	struct direct *d = direct_new(p, err);
	int r = d ? far_run(p, &d->far, list_work, POOL_ASK_MS, err) : -ENOENT;

	if (!d)
		return err && err->code ? -err->code : r;
	if (r < 0)
		return r;
	*out = d->list;
	d->list = (struct listing){ 0 };
	direct_free(d);
	return 0;
}

/* Whether one can log in is all that there is to find out: the listing that follows tells the rest. */
static int direct_start(struct pool *p, struct error *err)
{
	struct listing list = { 0 };
	int r = direct_list(p, &list, err);

	listing_clear(&list);
	return r;
}

/* ---- bytes ---- */

static int open_work(void *arg)
{
	struct direct *d = arg;

	return lun_bytes_open(&d->login, d->number, &d->bytes, &d->far.why);
}

static struct direct *direct_of(struct pool *p, const char *name, struct error *err)
{
	struct direct *d = direct_new(p, err);

	if (!d || number_of(name, &d->number, err) == 0)
		return d;
	direct_free(d);
	return NULL;
}

static int direct_image(struct pool *p, const char *name, int flags, const struct volume_spec *spec unused,
			struct bulk **out, struct error *err)
{
	struct direct *d = direct_of(p, name, err);
	int r;

	if (!d)
		return err && err->code ? -err->code : -ENOENT;
	r = far_run(p, &d->far, open_work, POOL_ASK_MS, err);
	if (r < 0)
		return r;
	*out = lun_bytes_bulk(take(&d->bytes), (flags & O_ACCMODE) != O_RDONLY);
	direct_free(d);
	return 0;
}

/* ---- wiping: on a thread of its own, a piece at a time, so that the pool goes on and progress is seen ---- */

#define WIPE_PIECE  (16u << 20)
#define RANDOM_MOST (1u << 20)

static int randomize(struct direct *d, uint64_t off, uint64_t n)
{
	autofree char *bytes = xmalloc(RANDOM_MOST);
	int r = 0;

	while (r == 0 && n) {
		size_t now = n < RANDOM_MOST ? (size_t)n : RANDOM_MOST, have = 0;

		while (have < now) {
			ssize_t got = getrandom(bytes + have, now - have, 0);
			if (got < 0 && errno != EINTR)
				return -errno;
			have += got > 0 ? (size_t)got : 0;
		}
		r = lun_bytes_write(d->bytes, bytes, now, off, &d->far.why);
		off += now;
		n -= now;
	}
	return r;
}

static int wipe_work(void *arg)
{
	struct direct *d = arg;
	int r = d->bytes ? 0 : lun_bytes_open(&d->login, d->number, &d->bytes, &d->far.why);

	if (r < 0)
		return r;
	d->far.size = lun_bytes_size(d->bytes);
	if (!far_piece(&d->far, WIPE_PIECE))
		return lun_bytes_sync(d->bytes, &d->far.why);
	if (d->algorithm == 'z')
		return lun_bytes_zero(d->bytes, d->far.off, d->far.n, &d->far.why);
	if (d->algorithm == 't')
		return lun_bytes_discard(d->bytes, d->far.off, d->far.n, &d->far.why);
	return randomize(d, d->far.off, d->far.n);
}

static int wipe_pieces(struct direct *d, struct worker *w, uint64_t total,
		       void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg, struct error *err)
{
	for (;;) {
		int r = offload(w, wipe_work, d, direct_free, POOL_LONG_MS);

		if (r == -ECANCELED || r == -ETIMEDOUT)
			return error_set(err, -r, "wiping was interrupted after %s",
					 r == -ECANCELED ? "a part of it" : "a day");
		r = far_ended(&d->far, r, err);
		if (r < 0)
			return r;
		if (!d->far.n)
			break;
		d->far.off += d->far.n;
		if (progress)
			progress(arg, d->far.off, total);
	}
	direct_free(d);
	return 0;
}

static int direct_wipe(struct pool *p, const char *name, const struct volume_info *now, const char *algorithm,
		       void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg, struct error *err)
{
	static const char *const known[] = { "zero", "random", "trim", NULL };
	struct direct *d;
	struct worker *w;
	int r;

	if (word_index(known, algorithm) < 0)
		return error_set(err, ENOTSUP,
				 "'%s' needs a device of this machine, which a LUN that is reached directly is not: "
				 "expected zero random trim",
				 algorithm);
	d = direct_of(p, name, err);
	if (!d)
		return err && err->code ? -err->code : -ENOENT;
	d->algorithm = algorithm[0];
	w = worker_new("wipe");
	r = wipe_pieces(d, w, now->capacity, progress, arg, err);
	worker_free(w);
	return r;
}

/* ---- which targets there are ---- */

static int discover_work(void *arg)
{
	struct direct *d = arg;
	struct lun_session *s = NULL;
	int r;

	if (!d->login.portal.initiator) {
		/* "InitiatorName=iqn...", where open-iscsi has one for this machine */
		FILE *f = fopen("/etc/iscsi/initiatorname.iscsi", "re");
		char line[256], name[224];

		while (f && !d->login.portal.initiator && fgets(line, sizeof(line), f))
			if (sscanf(line, "InitiatorName=%223s", name) == 1)
				d->login.portal.initiator = xstrdup(name);
		if (f)
			fclose(f);
	}
	if (!d->login.portal.initiator)
		return error_set(&d->far.why, EINVAL,
				 "as whom is to be asked? write <source><host name='%s'/><initiator><iqn "
				 "name='iqn...'/></initiator></source>",
				 d->login.portal.host);
	r = lun_open(&d->login, true, POOL_ASK_MS, &s, &d->far.why);
	if (r == 0)
		r = lun_targets(s, &d->names, &d->far.why);
	lun_close(s);
	return r;
}

static int direct_discover(struct str spec, struct buf *xml, struct error *err)
{
	autodoc struct doc *doc = doc_parse(str_of("<sources/>"), "sources", NULL);
	struct direct *d = xcalloc(1, sizeof(*d));
	struct worker *w;
	int r = iscsi_spec_of(spec, &d->login.portal, err);

	d->far.kind = &direct_kind;
	if (r == 0 && d->login.portal.user)
		r = error_set(err, ENOTSUP, "source/auth: targets are asked for without CHAP: leave it out");
	if (r < 0) {
		direct_free(d);
		return r;
	}
	w = worker_new("discover");
	r = offload(w, discover_work, d, direct_free, 2 * POOL_ASK_MS);
	worker_free(w);
	if (r == -ETIMEDOUT || r == -ECANCELED)
		return error_set(err, -r, "the server did not answer");
	r = far_ended(&d->far, r, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < d->names.n; i++)
		iscsi_source_add(doc_root(doc), &d->login.portal, d->names.at[i]);
	doc_print(doc, xml);
	direct_free(d);
	return 0;
}

#endif

static const char *const volume_formats[] = { "raw", NULL };

const struct pool_driver iscsi_direct_pool = {
	.type = "iscsi-direct",
	.flags = POOL_READONLY | POOL_REMOTE | POOL_UNFOUND,
	.volume_formats = volume_formats,
	.probe = direct_probe,
	.complete = direct_complete,
	.source_show = iscsi_source_show,
	.source_store = iscsi_source_store,
	.start = direct_start,
	.disk = direct_disk,
#ifdef HAVE_LIBISCSI
	.list = direct_list,
	.usage = lun_usage,
	.wipe = direct_wipe,
	.image = direct_image,
	.discover = direct_discover,
#endif
};
