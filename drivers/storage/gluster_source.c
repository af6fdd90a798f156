/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The <source> of pools of type gluster: a server, a volume of it and a directory there. */
#include <ctype.h>
#include <stdio.h>

#include "engine/units.h"
#include "gluster_source.h"

/* Those whose first bytes tell how large they are. */
const char *const gluster_formats[] = { "raw", "qcow2", "qed", "luks", "dir", "iso", NULL };

void gluster_source_clear(struct gluster_source *s)
{
	free(s->host);
	free(s->volume);
	free(s->dir);
	*s = (struct gluster_source){ 0 };
}

static int check_word(const char *what, const char *text, const char * not, struct error *err)
{
	if (!*text)
		return error_set(err, EINVAL, "%s is missing", what);
	for (; *text; text++)
		if (iscntrl((unsigned char)*text) || strchr(not, *text))
			return error_set(err, EINVAL, "%s: '%c' cannot be in one", what, *text);
	return 0;
}

int gluster_name_check(const char *name, struct error *err)
{
	if (!strcmp(name, ".") || !strcmp(name, ".."))
		return error_set(err, EINVAL, "'%s' is no name of a volume", name);
	if (str_starts(name, GLUSTER_TEMP))
		return error_set(err, EINVAL, "'%s': names that begin with %s are those of uploads that are going on",
				 name, GLUSTER_TEMP);
	return check_word("a volume's name", name, "/", err);
}

/* "/a/b" of "a/b/", "" of "/"; nothing may lead out of it. */
static int tidy_dir(const char *dir, char **out, struct error *err)
{
	autofree char *copy = xstrdup(dir);
	autobuf struct buf b = { 0 };
	char *save = NULL;

	for (char *part = strtok_r(copy, "/", &save); part; part = strtok_r(NULL, "/", &save)) {
		if (!strcmp(part, ".") || !strcmp(part, ".."))
			return error_set(err, EINVAL, "source/dir: '%s': expected a path without . and ..", dir);
		if (check_word("source/dir", part, "?%#", err) < 0)
			return -EINVAL;
		buf_printf(&b, "/%s", part);
	}
	*out = xstrdup(buf_text(&b));
	return 0;
}

int gluster_source_of(const struct node *pool, struct gluster_source *out, struct error *err)
{
	const char *host = node_get_or(pool, "source/host/@name", ""), *port = node_get(pool, "source/host/@port");
	const char *volume = node_get_or(pool, "source/name", "");
	uint64_t number = 0;
	int r = check_word("source/host: the server's name", host, " ,;/[]?%#@", err);

	if (r == 0 && port)
		r = error_in(err, u64_parse(str_of(port), 1, 65535, &number, err), "source/host: port");
	if (r == 0)
		r = check_word("source/name: the GlusterFS volume", volume, " /?%#", err);
	if (r == 0)
		r = tidy_dir(node_get_or(pool, "source/dir/@path", "/"), &out->dir, err);
	if (r < 0)
		return r;
	out->host = xstrdup(host);
	out->volume = xstrdup(volume);
	out->port = (int)number;
	return 0;
}

char *gluster_url(const struct gluster_source *s, const char *name)
{
	bool v6 = strchr(s->host, ':');
	char port[16] = "";

	if (s->port)
		snprintf(port, sizeof(port), ":%d", s->port);
	return xasprintf("gluster://%s%s%s%s/%s%s/%s", v6 ? "[" : "", s->host, v6 ? "]" : "", port, s->volume, s->dir,
			 name);
}

char *gluster_url_coded(const struct gluster_source *s, const char *name)
{
	autobuf struct buf b = { 0 };

	for (; *name; name++)
		if (isalnum((unsigned char)*name) || strchr("-._~", *name))
			buf_putc(&b, *name);
		else
			buf_printf(&b, "%%%02X", (unsigned char)*name);
	return gluster_url(s, buf_text(&b));
}

int gluster_complete(struct node *pool, const char *dir unused, struct error *err)
{
	struct gluster_source s = { 0 };
	int r = gluster_source_of(pool, &s, err);

	gluster_source_clear(&s);
	if (r == 0 && node_has(pool, "target/path"))
		r = error_set(err, EINVAL, "target: a pool of type gluster has none: its volumes are no files here");
	return r;
}

/* ---- the file `source`: HOST[:PORT]/VOLUME[/DIR] ---- */

void gluster_source_show(const struct node *pool, struct buf *out)
{
	struct gluster_source s = { 0 };
	autofree char *url = NULL;

	if (gluster_source_of(pool, &s, NULL) == 0)
		url = gluster_url(&s, "");
	gluster_source_clear(&s);
	if (!url)
		return;
	url[strlen(url) - 1] = '\0';
	buf_puts(out, url + strlen("gluster://"));
}

int gluster_source_store(struct node *pool, struct str text, struct error *err)
{
	autofree char *copy = xstrndup(text.p, text.n), *dir = NULL;
	char *slash = strchr(copy, '/'), *name = copy, *port = NULL, *volume, *rest, *end;
	struct node *source = node_make(pool, "source");
	int r;

	if (!slash || slash == copy || !slash[1])
		return error_set(err, EINVAL, "'%s': expected HOST[:PORT]/VOLUME[/DIRECTORY]", copy);
	*slash = '\0';
	volume = slash + 1;
	rest = strchr(volume, '/');
	r = tidy_dir(rest ? rest : "/", &dir, err);
	if (r < 0)
		return r;
	if (rest)
		*rest = '\0';
	end = *name == '[' ? strchr(name, ']') : NULL;
	if (end) {
		port = end[1] == ':' ? end + 2 : NULL;
		*end = '\0';
		name++;
	} else if (strchr(name, ':') == strrchr(name, ':') && strchr(name, ':')) { /* an IPv6 address has more */
		port = strchr(name, ':');
		*port++ = '\0';
	}
	node_set(source, "host/@name", name);
	node_set(source, "host/@port", port);
	node_set(source, "name", volume);
	node_set(source, "dir/@path", *dir ? dir : "/");
	return 0;
}

/* ---- disks of guests ---- */

int gluster_disk(struct pool *p, const char *name, const struct volume_info *now unused, struct node *disk,
		 struct error *err)
{
	struct gluster_source s = { 0 };
	int r = gluster_name_check(name, err);

	if (r == 0)
		r = gluster_source_of(pool_node(p), &s, err);
	if (r == 0) {
		node_set(disk, "@type", "network");
		node_set(disk, "source/@protocol", "gluster");
		node_setf(disk, "source/@name", "%s%s/%s", s.volume, s.dir, name);
		node_import(node_child(disk, "source"), node_first(pool_node(p), "source/host"));
	}
	gluster_source_clear(&s);
	return r;
}
