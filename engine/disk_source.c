/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The file `source` of a disk: one path, or POOL/VOLUME, whatever <source> makes of it.  Writing it plugs a staged disk and changes the medium
 * of a drive.  The format of a volume is the pool's to know; that of a path goes by its ending.  The format is never probed: what a guest can write must not decide how the host reads it.
 */
#include "device_impl.h"
#include "pool.h"

static bool is_drive(const struct node *n)
{
	return node_is(n, "@device", "cdrom") || node_is(n, "@device", "floppy");
}

static void show(const struct node *n, struct buf *out)
{
	static const char *const paths[] = { "source/@file", "source/@dev", "source/@dir" };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		if (!node_has(n, paths[i]))
			continue;
		buf_puts(out, node_get(n, paths[i]));
		return;
	}
	if (node_has(n, "source/@volume")) {
		buf_printf(out, "%s/%s", node_get_or(n, "source/@pool", ""), node_get(n, "source/@volume"));
	} else if (node_has(n, "source/@protocol")) {
		buf_printf(out, "%s://%s", node_get(n, "source/@protocol"), node_get_or(n, "source/host/@name", ""));
		if (node_has(n, "source/host/@port"))
			buf_printf(out, ":%s", node_get(n, "source/host/@port"));
		buf_printf(out, "/%s", node_get_or(n, "source/@name", ""));
	}
}

int disk_source_show(struct part *p, enum view view, struct buf *out, struct error *err)
{
	struct node *n = part_node(p, view);

	if (!n)
		return error_set(err, ENODEV, "%s: '%s' is not in this definition", p->domain->obj.name, p->obj.name);
	show(n, out);
	return 0;
}

bool disk_volume(struct part *p, enum view view, char **names)
{
	struct node *n = part_node(p, view);
	const char *path = node_get(n, "source/@file") ? node_get(n, "source/@file") : node_get(n, "source/@dev");
	const char *pool = node_get_or(n, "source/@pool", "");
	autofree char *volume = NULL;
	struct volume *v;

	if (!n)
		return false;
	if (node_is(n, "@type", "volume")) {
		volume = volume_tree_name(node_get_or(n, "source/@volume", ""));
	} else {
		v = path ? volume_by_path(path) : NULL;
		if (!v)
			return false;
		pool = v->pool->obj.name;
		volume = xstrdup(v->obj.name);
	}
	if (names)
		*names = xasprintf("%s/%s", pool, volume);
	return true;
}

static const char *format_of(const char *path)
{
	static const char *const formats[] = { "qcow2", "vmdk", "vdi", "vhdx", "qed" };
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; dot && i < ARRAY_SIZE(formats); i++)
		if (!strcmp(dot + 1, formats[i]))
			return formats[i];
	return "raw";
}

/* POOL/VOLUME: the pool must be there, its volume when the pool is active.  Task. */
static int check_volume(const char *text, struct error *err)
{
	const char *slash = strchr(text, '/');
	autofree char *name = xstrndup(text, slash - text);
	struct pool *p = pool_find(name);

	if (!p)
		return error_set(err, EINVAL,
				 "'%s' is relative, and there is no pool '%s': write the whole path, from '/', or "
				 "POOL/VOLUME",
				 text, name);
	return p->state == POOL_ACTIVE ? pool_has_volume(p, slash + 1, err) : 0;
}

static int check(const struct node *n, const char *path, struct error *err)
{
	const char *slash = strchr(path, '/');

	if (!*path && !is_drive(n))
		return error_set(
			err, EINVAL,
			"a disk without an image: write its path, or detach the disk (only drives can be empty)");
	if (strchr(path, ':') && path[0] != '/' && (!slash || strchr(path, ':') < slash))
		return error_set(err, ENOTSUP, "'%s' is no path: write a source on the network as <source> in xml",
				 path);
	for (const char *s = path; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return error_set(err, EINVAL, "the path has a control character at byte %td", s - path + 1);
	if (!*path || path[0] == '/')
		return 0;
	if (!slash || path[0] == '.' || !slash[1])
		return error_set(err, EINVAL, "'%s' is relative: write the whole path, from '/', or POOL/VOLUME", path);
	return check_volume(path, err);
}

static void edit(struct node *n, const char *path)
{
	disk_set_source(n, path);
	if (*path == '/' && !node_has(n, "driver/@type"))
		node_set(n, "driver/@type", is_drive(n) ? "raw" : format_of(path));
}

static int plug(struct part *p, enum view view, const char *path, const struct who *who, struct error *err)
{
	autodoc struct doc *copy = doc_copy(p->staged);
	int r = check(doc_root(copy), path, err);

	if (r < 0)
		return r;
	edit(doc_root(copy), path);
	return part_plug(p, view, doc_root(copy), who, err);
}

/* The schema has the attribute in a schema of its own; to the driver it is this one row of the disk. */
static const struct prop medium = { "source/@file", T_STRING, "source", .flags = P_LIVE };

static int change_medium(struct part *p, const char *alias, const char *path, struct error *err)
{
	struct domain *d = p->domain;
	struct node *n;
	int r = live_set(d, alias, &medium, str_of(path), err);

	if (r < 0 || !domain_active(d))
		return r;
	n = device_by_alias(domain_root(d, VIEW_NOW), alias);
	if (n)
		edit(n, path);
	object_changed(&d->obj, 1u << FACET_DOC);
	(void)!domain_save_run(d, NULL);
	return 0;
}

static int change(struct part *p, enum view view, const char *path, const struct who *who, struct error *err)
{
	struct domain *d = p->domain;
	autofree char *alias = view == VIEW_NOW ? part_live_alias(p) : NULL;
	autodraft struct draft dr = { 0 };
	struct node *now = part_node(p, view), *n;
	bool drive = now && is_drive(now);
	int r = now ? check(now, path, err) : error_set(err, ENODEV, "it is not in this definition");

	if (r == 0 && alias && !drive)
		return error_set(err, EBUSY,
				 "the running guest uses the disk: detach it and plug another, or write "
				 "config/disks/%s/source for the next start",
				 p->obj.name);
	if (r == 0)
		r = part_edit(p, &dr, &n, err);
	if (r < 0)
		return r;
	if (n) {
		edit(n, path);
		r = draft_complete(d, &dr, NULL, err);
	}
	if (r == 0)
		r = n ? draft_may(d, &dr, who, err) : owner_only(d, who, err);
	if (r == 0 && alias)
		r = change_medium(p, alias, path, err);
	if (r == 0 && n)
		r = draft_commit(d, &dr, false, err);
	if (r == 0)
		event_emit("domain", d->obj.name, "changed", "%s source", p->obj.name);
	return r;
}

int disk_source_store(struct part *p, enum view view, struct str text, const struct who *who, struct error *err)
{
	struct domain *d = p->domain;
	autojob struct job job = { .uid = who ? who->uid : 0 };
	struct str trimmed = str_trim(text);
	autofree char *path = xstrndup(trimmed.n ? trimmed.p : "", trimmed.n);
	int r;

	may_wait();
	object_ref(&p->obj);
	r = job_begin(&job, &d->jobs, p->staged ? "attach" : "change", err);
	if (r == 0)
		r = part_there(p, err);
	if (r == 0 && p->staged)
		r = plug(p, view, path, who, err);
	else if (r == 0)
		r = change(p, view, path, who, err);
	r = error_in(err, r, "%s: %s source", d->obj.name, p->obj.name);
	job_end(&job);
	object_unref(&p->obj);
	return r;
}
