/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pools of type iscsi: the LUNs of a target that the kernel is logged in to.  Sessions are made by open-iscsi, each through an interface record of
 * the pool's own ("domfs-UUID"), so that no record of anybody else is touched, and all of it is taken away at stop.  A session that
 * was there before is used as it is and left.
 */
#include "iscsi.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/spawn.h"
#include "engine/units.h"

/* Where open-iscsi keeps its nodes: fixed when it was compiled. */
static const char *const databases[] = { "/etc/iscsi", "/var/lib/iscsi" };

#define RECORD_MOST 65536

static char *iface_of(struct pool *p)
{
	return xasprintf("domfs-%s", pool_uuid(p));
}

/* ---- definition ---- */

static int iscsi_probe(struct buf *state, struct error *err unused)
{
	static const char *const needs[] = { "iscsiadm", "open-iscsi", NULL };

	if (tools_missing(needs, state) == 0)
		buf_puts(state, "usable\n");
	return 0;
}

static int iscsi_complete(struct node *pool, const char *dir unused, struct error *err)
{
	struct iscsi_portal portal;
	int r = iscsi_portal_of(pool, &portal, err);

	iscsi_portal_clear(&portal);
	return r == 0 ? scsi_target_complete(pool, err) : r;
}

/* ---- what goes to the pool's thread ---- */

static int session_host(struct scsi_work *w, struct error *err)
{
	w->session = iscsi_session_find(w->sys, w->portal, w->iface, false, &w->number);
	if (w->session >= 0)
		return w->number;
	return error_set(err, ENOTCONN,
			 "there is no session to the target '%s' of %s any more: stop the pool and start it",
			 w->portal->iqn, w->portal->host);
}

static struct scsi_work *work_of(struct pool *p, struct error *err)
{
	struct scsi_work *w = scsi_work_new(p);

	w->host = session_host;
	w->iface = iface_of(p);
	w->portal = xcalloc(1, sizeof(*w->portal));
	w->free_portal = iscsi_portal_free;
	if (iscsi_portal_of(pool_node(p), w->portal, err) == 0)
		return w;
	scsi_work_free(w);
	return NULL;
}

static int find_work(void *arg)
{
	struct scsi_work *w = arg;

	w->session = iscsi_session_find(w->sys, w->portal, w->iface, false, &w->number);
	return w->session >= 0 ? 1 : 0;
}

static int find_ours_work(void *arg)
{
	struct scsi_work *w = arg;

	w->session = iscsi_session_find(w->sys, w->portal, w->iface, true, &w->number);
	return w->session >= 0 ? 1 : 0;
}

static int iscsi_find(struct pool *p, struct error *err)
{
	struct scsi_work *w = work_of(p, err);
	int r = w ? scsi_work_run(p, w, find_work, POOL_ASK_MS, err) : -EINVAL;

	if (r >= 0)
		scsi_work_free(w);
	return r;
}

/* ---- iscsiadm ---- */

static int step(const struct iscsi_login *l, enum iscsi_step what, int sid, struct buf *out, struct error *err)
{
	char **argv = iscsi_argv(what, &l->portal, l->iface, sid);
	autobuf struct buf words = { 0 };
	int r = spawn_run_words((const char *const *)argv, str_of(NULL), out, &words, POOL_WORK_MS, err);
	autofree char *why = r < 0 ? iscsi_reason((struct str){ buf_text(&words), words.n }) : NULL;

	strv_free(argv);
	if (!why || r == -ETIMEDOUT || r == -ECANCELED)
		return r;
	return error_set(err, strstr(why, "authorization") ? EACCES : EIO, "%s%s", why,
			 strstr(why, "authorization") ? ": check source/auth and the value of its secret" : "");
}

/* ---- the record of the node ---- */

struct record_work {
	char *path, *temp, *user, *iface;
	struct buf password;
	struct error why;
};

static void record_work_free(void *arg)
{
	struct record_work *w = arg;

	free(w->path);
	free(w->temp);
	free(w->user);
	free(w->iface);
	if (w->password.n)
		explicit_bzero(w->password.p, w->password.n);
	buf_clear(&w->password);
	error_clear(&w->why);
	free(w);
}

/* It is in a directory of records instead when it was made of what a server told ("HOST,PORT,GROUP/INTERFACE"): ours never is. */
static int record_find(struct record_work *w, const struct iscsi_portal *p, const char *uuid)
{
	for (size_t i = 0; i < ARRAY_SIZE(databases); i++) {
		struct stat st;

		w->path = xasprintf("%s/nodes/%s/%s,%s", databases[i], p->iqn, p->host, p->port);
		w->temp = xasprintf("%s/.domfs-%s", databases[i], uuid);
		if (lstat(w->path, &st) == 0)
			return S_ISREG(st.st_mode) ? 0 : -EEXIST;
		free(take(&w->path));
		free(take(&w->temp));
	}
	return -ENOENT;
}

static int record_read(const char *path, struct buf *out)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char bytes[4096];
	ssize_t n;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, bytes, sizeof(bytes))) > 0 && out->n < RECORD_MOST)
		buf_add(out, bytes, (size_t)n);
	return n < 0 ? -errno : 0;
}

/* In one step, and never readable by others. */
static int record_replace(const struct record_work *w, const struct buf *text)
{
	autoclose int fd = -1;
	int r = 0;

	(void)!unlink(w->temp);
	fd = open(w->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (write(fd, text->p, text->n) != (ssize_t)text->n || fsync(fd) < 0 || rename(w->temp, w->path) < 0)
		r = errno ? -errno : -EIO;
	if (r < 0)
		(void)!unlink(w->temp);
	return r;
}

static int record_work(void *arg)
{
	struct record_work *w = arg;
	autobuf struct buf was = { 0 }, now = { 0 };
	int r = record_read(w->path, &was);

	if (r == 0 && !iscsi_record_is_of((struct str){ buf_text(&was), was.n }, w->iface))
		return error_set(&w->why, EEXIST, "%s is a record of open-iscsi that somebody else made", w->path);
	if (r == 0)
		r = iscsi_record((struct str){ buf_text(&was), was.n }, w->user,
				 (struct str){ buf_text(&w->password), w->password.n }, &now, &w->why);
	if (r == 0)
		r = record_replace(w, &now);
	if (now.p)
		explicit_bzero(now.p, now.n);
	return r < 0 && !w->why.code ? error_set(&w->why, -r, "%s: %s", w->path, strerror(-r)) : r;
}

/* Looks only whether there is one of somebody else. */
static int foreign_work(void *arg)
{
	struct record_work *w = arg;
	autobuf struct buf was = { 0 };

	if (record_read(w->path, &was) == 0 && iscsi_record_is_of((struct str){ buf_text(&was), was.n }, w->iface))
		return 0;
	return error_set(
		&w->why, EEXIST,
		"open-iscsi has a record of that target already (%s), which somebody else made: log in by it, then the "
		"session is taken over as it is, or delete it: iscsiadm -m node -o delete",
		w->path);
}

/* FN on the record, if there is one. */
static int on_record(struct pool *p, const struct iscsi_login *l, int (*fn)(void *arg), struct error *err)
{
	struct record_work *w = xcalloc(1, sizeof(*w));
	int r = record_find(w, &l->portal, pool_uuid(p));

	w->user = xstrdup(l->portal.user);
	w->iface = xstrdup(l->iface);
	buf_add(&w->password, l->password.p, l->password.n);
	if (r == -ENOENT) {
		record_work_free(w);
		return r;
	}
	r = pool_offload(p, fn, w, record_work_free, POOL_ASK_MS, err);
	if (r == -ETIMEDOUT || r == -ECANCELED)
		return r;
	error_move(r < 0 ? err : NULL, &w->why);
	record_work_free(w);
	return r;
}

/* ---- start and stop ---- */

static void forget(const struct iscsi_login *l)
{
	(void)!step(l, ISCSI_NODE_DELETE, 0, NULL, NULL);
	(void)!step(l, ISCSI_IFACE_DELETE, 0, NULL, NULL);
}

/* What a start that was cut off has left is of the same names: it is made anew. */
static int make_records(struct pool *p, const struct iscsi_login *l, struct error *err)
{
	int r = on_record(p, l, foreign_work, err);

	if (r < 0 && r != -ENOENT)
		return r;
	forget(l);
	r = step(l, ISCSI_IFACE_NEW, 0, NULL, err);
	if (r == 0 && l->portal.initiator)
		r = step(l, ISCSI_IFACE_NAME, 0, NULL, err);
	if (r == 0)
		r = step(l, ISCSI_NODE_NEW, 0, NULL, err);
	if (r == 0)
		r = on_record(p, l, record_work, err);
	if (r == -ENOENT)
		return error_set(err, ENOENT, "open-iscsi's database is in none of the places known here: %s, %s",
				 databases[0], databases[1]);
	return r;
}

static int iscsi_refresh(struct pool *p, struct error *err)
{
	struct scsi_work *w = work_of(p, err);

	return w ? scsi_work_rescan(p, w, err) : -EINVAL;
}

/* The session that was made through the pool's interface. */
static int iscsi_stop(struct pool *p, struct error *err)
{
	struct scsi_work *w = work_of(p, err);
	struct iscsi_login l = { 0 };
	int r = w ? scsi_work_run(p, w, find_ours_work, POOL_ASK_MS, err) : -EINVAL;

	if (r < 0)
		return r;
	l.iface = iface_of(p);
	iscsi_portal_clear(&l.portal);
	l.portal = *w->portal;
	*w->portal = (struct iscsi_portal){ 0 };
	if (r == 1)
		r = step(&l, ISCSI_LOGOUT, w->session, NULL, err);
	if (r == 0)
		forget(&l);
	scsi_work_free(w);
	iscsi_login_clear(&l);
	return error_in(err, r, "log out");
}

static int iscsi_start(struct pool *p, struct error *err)
{
	struct iscsi_login l = { 0 };
	int r = iscsi_login_of(p, &l, err);

	l.iface = iface_of(p);
	if (r == 0)
		r = make_records(p, &l, err);
	if (r == 0)
		r = error_in(err, step(&l, ISCSI_LOGIN, 0, NULL, err), "log in to '%s' of %s", l.portal.iqn,
			     l.portal.host);
	if (r < 0 && r != -EEXIST) {
		task_shield(1);
		(void)!iscsi_stop(p, NULL);
		task_shield(-1);
	}
	iscsi_login_clear(&l);
	if (r < 0)
		return r;
	r = iscsi_refresh(p, err);
	if (r < 0) {
		task_shield(1);
		(void)!iscsi_stop(p, NULL);
		task_shield(-1);
	}
	return r;
}

/* ---- volumes ---- */

static int iscsi_list(struct pool *p, struct listing *out, struct error *err)
{
	struct scsi_work *w = work_of(p, err);

	return w ? scsi_work_list(p, w, out, err) : -EINVAL;
}

static int iscsi_image(struct pool *p, const char *name, int flags, const struct volume_spec *spec unused,
		       struct bulk **out, struct error *err)
{
	struct scsi_work *w = work_of(p, err);

	return w ? scsi_work_image(p, w, name, flags, out, err) : -EINVAL;
}

/* mode='direct': past the kernel's session, as libvirt has it. */
static int disk_of(struct pool *p, const char *name, const struct volume_info *now, struct node *disk,
		   struct error *err)
{
	const char *lun = strrchr(name, ':');
	uint64_t number;

	if (!node_is(disk, "source/@mode", "direct"))
		return lun_disk(p, name, now, disk, err);
	if (!lun || u64_parse(str_of(lun + 1), 0, 16383, &number, NULL) < 0)
		return error_set(err, ENOTSUP, "source: mode 'direct' cannot reach a LUN of such a number: '%s'", name);
	return iscsi_disk(pool_node(p), (unsigned)number, disk, err);
}

/* ---- which targets there are ---- */

static int iscsi_discover(struct str spec, struct buf *xml, struct error *err)
{
	autodoc struct doc *doc = doc_parse(str_of("<sources/>"), "sources", NULL);
	autobuf struct buf said = { 0 };
	struct iscsi_login l = { 0 };
	int r = iscsi_spec_of(spec, &l.portal, err);

	if (r == 0 && (l.portal.initiator || l.portal.user))
		r = error_set(
			err, ENOTSUP,
			"source/%s: open-iscsi asks as this machine, as /etc/iscsi says: leave it out, or ask for "
			"type iscsi-direct",
			l.portal.user ? "auth" : "initiator");
	if (r == 0)
		r = step(&l, ISCSI_DISCOVER, 0, &said, err);
	if (r == 0) {
		iscsi_targets_parse((struct str){ buf_text(&said), said.n }, &l.portal, doc_root(doc));
		doc_print(doc, xml);
	}
	iscsi_login_clear(&l);
	return r;
}

static const char *const volume_formats[] = { "raw", NULL };

const struct pool_driver iscsi_pool = {
	.type = "iscsi",
	.flags = POOL_NEEDS_ROOT | POOL_READONLY | POOL_REMOTE,
	.volume_formats = volume_formats,
	.probe = iscsi_probe,
	.complete = iscsi_complete,
	.source_show = iscsi_source_show,
	.source_store = iscsi_source_store,
	.find = iscsi_find,
	.start = iscsi_start,
	.stop = iscsi_stop,
	.refresh = iscsi_refresh,
	.list = iscsi_list,
	.usage = lun_usage,
	.wipe = lun_wipe,
	.image = iscsi_image,
	.data = image_data,
	.disk = disk_of,
	.discover = iscsi_discover,
};
