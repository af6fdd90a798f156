/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a server exports, as a <sources> document: NFS by showmount, GlusterFS by its own command. */
#include "discover.h"

#include <stdio.h>

#include "engine/doc.h"
#include "engine/spawn.h"

void nfs_exports_parse(struct str text, const char *host, struct node *sources)
{
	while (text.n) {
		const char *nl = memchr(text.p, '\n', text.n);
		struct str line = { text.p, nl ? (size_t)(nl - text.p) : text.n };
		size_t used = line.n + !!nl, n = line.n;
		autofree char *dir = NULL;
		struct node *source;

		text.p += used;
		text.n -= used;
		/* "/srv/a b   10.0.0.0/8,*": who may mount it is the last word, and the directory may have blanks */
		while (n && line.p[n - 1] != ' ' && line.p[n - 1] != '\t')
			n--;
		dir = xstrndup(str_trim((struct str){ line.p, n ? n : line.n }).p,
			       str_trim((struct str){ line.p, n ? n : line.n }).n);
		if (dir[0] != '/')
			continue;
		source = node_add(sources, "source");
		node_set(source, "host/@name", host);
		node_set(source, "dir/@path", dir);
		node_set(source, "format/@type", "nfs");
	}
}

int gluster_volumes_parse(struct str text, const char *host, struct node *sources, struct error *err)
{
	autodoc struct doc *doc = doc_parse(text, "cliOutput", err);

	if (!doc)
		return -EBADMSG;
	for (struct node *v = node_first(doc_root(doc), "volInfo/volumes/volume"); v; v = node_next(v, "volume")) {
		struct node *source = node_add(sources, "source");

		node_set(source, "host/@name", host);
		node_setf(source, "dir/@path", "%s", node_get_or(v, "name", ""));
		node_set(source, "format/@type", "glusterfs");
	}
	return 0;
}

static int ask_nfs(const char *host, struct node *sources, struct error *err)
{
	const char *const argv[] = { "showmount", "--no-headers", "--exports", host, NULL };
	autobuf struct buf said = { 0 };
	int r = spawn_run(argv, str_of(NULL), &said, POOL_WORK_MS / 2, err);

	if (r == 0)
		nfs_exports_parse((struct str){ buf_text(&said), said.n }, host, sources);
	return error_in(err, r, "what NFS server '%s' exports cannot be asked for", host);
}

static int ask_gluster(const char *host, struct node *sources, struct error *err)
{
	autofree char *remote = xasprintf("--remote-host=%s", host);
	const char *const argv[] = { "gluster", "--mode=script", "--xml", remote, "volume", "info", "all", NULL };
	autobuf struct buf said = { 0 };
	int r = spawn_run(argv, str_of(NULL), &said, POOL_WORK_MS / 2, err);

	if (r == 0)
		r = gluster_volumes_parse((struct str){ buf_text(&said), said.n }, host, sources, err);
	return error_in(err, r, "what GlusterFS server '%s' has cannot be asked for", host);
}

/* The server and, in a <source> element, the format that SPEC names; *HOST and *FORMAT are the caller's. */
static int parse_spec(struct str spec, char **host, char **format, struct error *err)
{
	autodoc struct doc *doc = NULL;

	spec = str_trim(spec);
	if (spec.n && spec.p[0] == '<') {
		doc = doc_parse(spec, "source", err);
		if (!doc)
			return err && err->code ? -err->code : -EBADMSG;
		*host = xstrdup(node_get(doc_root(doc), "host/@name"));
		*format = xstrdup(node_get(doc_root(doc), "format/@type"));
	} else {
		*host = xstrndup(spec.p, spec.n);
	}
	if (!*host || !**host || (*host)[0] == '-')
		return error_set(
			err, EINVAL,
			"name the server that is to be asked: SERVER, or <source><host name='SERVER'/></source>");
	return 0;
}

int netfs_discover(struct str spec, struct buf *xml, struct error *err)
{
	autofree char *host = NULL, *format = NULL;
	autodoc struct doc *doc = doc_parse(str_of("<sources/>"), "sources", NULL);
	autobuf struct buf why = { 0 };
	int r = parse_spec(spec, &host, &format, err), r2 = 0;
	bool any = r == 0 && (!format || !strcmp(format, "auto"));

	if (r < 0)
		return r;
	if (!any && strcmp(format, "nfs") && strcmp(format, "glusterfs"))
		return error_set(err, ENOTSUP, "format '%s': only nfs and glusterfs servers can be asked", format);
	if (any || !strcmp(format, "nfs"))
		r = ask_nfs(host, doc_root(doc), err);
	/* unless it was asked for by name, a host without GlusterFS is no fault */
	if (any && (r == 0 || r != -ECANCELED) && tool_there("gluster", "glusterfs-cli", &why))
		r2 = ask_gluster(host, doc_root(doc), NULL);
	else if (!any && !strcmp(format, "glusterfs"))
		r = ask_gluster(host, doc_root(doc), err);
	if (r < 0 && !(any && r2 == 0 && node_count(doc_root(doc), "source")))
		return r;
	error_clear(err);
	doc_print(doc, xml);
	return 0;
}
