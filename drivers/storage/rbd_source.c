/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The <source> of pools of type rbd: monitors, pool and namespace, user and key. */
#include <ctype.h>
#include <unistd.h>

#include "engine/units.h"
#include "rbd_source.h"

void rbd_login_clear(struct rbd_login *l)
{
	free(l->hosts);
	free(l->pool);
	free(l->space);
	free(l->user);
	if (l->key)
		explicit_bzero(l->key, strlen(l->key));
	free(l->key);
	vec_clear(&l->options, free);
	*l = (struct rbd_login){ 0 };
}

/* ---- checking ---- */

/* All of these are parts of "POOL/SPACE/NAME@SNAPSHOT", or of the option mon_host. */
static int check_word(const char *what, struct str text, const char * not, struct error *err)
{
	if (!text.n)
		return error_set(err, EINVAL, "%s is missing", what);
	for (size_t i = 0; i < text.n; i++)
		if (iscntrl((unsigned char)text.p[i]) || strchr(not, text.p[i]))
			return error_set(err, EINVAL, "%s: '%.*s' has a character that cannot be in one: '%c'", what,
					 (int)text.n, text.p, text.p[i]);
	return 0;
}

int rbd_name_check(const char *name, struct error *err)
{
	if (str_starts(name, UPLOAD_PREFIX))
		return error_set(err, EINVAL, "'%s': names that begin with %s are those of uploads that are going on",
				 name, UPLOAD_PREFIX);
	return check_word("an image's name", str_of(name), "/@", err);
}

/* "POOL" or "POOL/NAMESPACE" */
static int split_pool(const char *name, char **pool, char **space, struct error *err)
{
	const char *slash = strchr(name, '/');
	size_t n = slash ? (size_t)(slash - name) : strlen(name);
	int r = check_word("source/name: the Ceph pool", (struct str){ name, n }, "@", err);

	if (r == 0 && slash)
		r = check_word("source/name: the namespace", str_of(slash + 1), "/@", err);
	if (r < 0)
		return r;
	*pool = xstrndup(name, n);
	*space = slash ? xstrdup(slash + 1) : NULL;
	return 0;
}

static int add_hosts(const struct node *source, struct buf *out, struct error *err)
{
	for (const struct node *h = node_first(source, "host"); h; h = node_next(h, "host")) {
		const char *name = node_get_or(h, "@name", ""), *port = node_get(h, "@port");
		bool v6 = strchr(name, ':');
		uint64_t number;
		int r = check_word("source/host: a monitor's name", str_of(name), " ,;/[]", err);

		if (r == 0 && port)
			r = error_in(err, u64_parse(str_of(port), 1, 65535, &number, err), "source/host: port");
		if (r < 0)
			return r;
		buf_printf(out, "%s%s%s%s%s%s", out->n ? "," : "", v6 ? "[" : "", name, v6 ? "]" : "", port ? ":" : "",
			   port ? port : "");
	}
	return out->n ? 0 : error_set(err, EINVAL, "source/host: no monitor is named: <host name='...'/>");
}

/* Whoever owns a pool may tune how Ceph is talked to; files that are written or loaded with our rights are none of it. */
static int check_option(const struct node *o, struct error *err)
{
	static const char *const may[] = {
		"auth_", "client_mount_timeout", "cephx_", "mon_client_", "ms_", "objecter_", "rados_", "rbd_"
	};
	static const char *const not [] = { "dir", "file", "path", "plugin", "socket" };
	const char *name = node_get_or(o, "@name", "");
	bool known = false;

	for (size_t i = 0; i < ARRAY_SIZE(may); i++)
		known |= str_starts(name, may[i]);
	for (size_t i = 0; i < ARRAY_SIZE(not ); i++)
		known &= !strstr(name, not [i]);
	return known ? 0
		     : error_set(
			       err, ENOTSUP,
			       "line %ld: <rbd:option>: '%s' is none of those that a pool may have: client_mount_timeout, "
			       "and what begins with auth_ cephx_ mon_client_ ms_ objecter_ rados_ rbd_ and names no file",
			       node_line(o), name);
}

static int login_of(const struct node *pool, struct rbd_login *l, struct error *err)
{
	const struct node *source = node_child(pool, "source"), *auth = node_child(source, "auth");
	autobuf struct buf hosts = { 0 };
	int r = add_hosts(source, &hosts, err);

	if (r == 0)
		r = split_pool(node_get_or(source, "name", ""), &l->pool, &l->space, err);
	if (r < 0)
		return r;
	l->hosts = buf_take(&hosts);
	for (const struct node *o = node_first(pool, "rbd:config_opts/rbd:option"); o; o = node_next(o, "rbd:option")) {
		r = check_option(o, err);
		if (r < 0)
			return r;
		vec_add(&l->options, xstrdup(node_get_or(o, "@name", "")));
		vec_add(&l->options, xstrdup(node_get_or(o, "@value", "")));
	}
	if (!auth)
		return 0;
	if (!node_is(auth, "@type", "ceph"))
		return error_set(err, EINVAL, "source/auth: type '%s': Ceph knows only ceph",
				 node_get_or(auth, "@type", ""));
	if (!node_child(auth, "secret"))
		return error_set(err, EINVAL, "source/auth: <secret> is missing, which names what the key is in");
	r = check_word("source/auth: the user", str_of(node_get_or(auth, "@username", "")), " ", err);
	l->user = r == 0 ? xstrdup(node_get(auth, "@username")) : NULL;
	return r;
}

int rbd_complete(struct node *pool, const char *dir unused, struct error *err)
{
	struct rbd_login l = { 0 };
	int r = login_of(pool, &l, err);

	rbd_login_clear(&l);
	if (r == 0 && node_has(pool, "target/path"))
		r = error_set(err, EINVAL, "target: a pool of type rbd has none: its volumes are no files");
	return r;
}

/* What `ceph auth get-key` says is not the key but its spelling. */
static bool looks_spelled(struct str key)
{
	size_t n = 0;

	while (n < key.n && (isalnum((unsigned char)key.p[n]) || strchr("+/", key.p[n])))
		n++;
	while (n < key.n && key.p[n] == '=')
		n++;
	return n == key.n && n >= 40 && n % 4 == 0;
}

/* Its type, when it was made, how long it is: Ceph itself waits half a minute for an answer to one that is none. */
static bool is_key(struct str key)
{
	const unsigned char *p = (const unsigned char *)key.p;

	return key.n > 12 && (p[0] || p[1]) && (size_t)(p[10] | p[11] << 8) == key.n - 12;
}

static int key_of(struct pool *p, struct rbd_login *l, struct error *err)
{
	struct secret *s = pool_secret(p, err);
	autoclose int fd = -1;
	char text[1024];
	ssize_t n;

	if (!s)
		return err && err->code ? -err->code : -ENOENT;
	if (looks_spelled((struct str){ s->value.p, s->value.n }))
		return error_set(
			err, EINVAL,
			"the value of the secret %s is a key's spelling in base64, not the key itself: ceph auth "
			"get-key client.%s | base64 -d > secrets/%s/value",
			s->obj.name, l->user, s->obj.name);
	if (!is_key((struct str){ s->value.p, s->value.n }))
		return error_set(err, EINVAL, "the value of the secret %s is no key of Ceph", s->obj.name);
	fd = secret_fd(s, true, err);
	if (fd < 0)
		return fd;
	n = pread(fd, text, sizeof(text), 0);
	if (n <= 0 || n == sizeof(text))
		return error_set(err, EINVAL, "the value of the secret %s is too long to be a key of Ceph",
				 s->obj.name);
	l->key = xstrndup(text, n);
	explicit_bzero(text, sizeof(text));
	return 0;
}

int rbd_login_of(struct pool *p, struct rbd_login *out, struct error *err)
{
	int r = login_of(pool_node(p), out, err);

	return r == 0 && out->user ? key_of(p, out, err) : r;
}

/* ---- the file `source`: [USER@]HOST[:PORT][,HOST...]/POOL[/NAMESPACE] ---- */

void rbd_source_show(const struct node *pool, struct buf *out)
{
	autobuf struct buf hosts = { 0 };
	const char *user = node_get(pool, "source/auth/@username");

	if (add_hosts(node_child(pool, "source"), &hosts, NULL) < 0 && !node_has(pool, "source/name"))
		return;
	if (user)
		buf_printf(out, "%s@", user);
	buf_printf(out, "%s/%s", buf_text(&hosts), node_get_or(pool, "source/name", ""));
}

static int add_host(struct node *source, char *text, struct error *err)
{
	char *end = *text == '[' ? strchr(text, ']') : NULL, *colon = strrchr(text, ':'), *name = text;
	struct node *h;

	if (*text == '[' && !end)
		return error_set(err, EINVAL, "'%s': ']' is missing", text);
	if (end) {
		name++;
		*end = '\0';
		colon = end[1] == ':' ? end + 1 : NULL;
		if (end[1] && !colon)
			return error_set(err, EINVAL, "'%s': expected [ADDRESS]:PORT", text);
	} else if (colon && strchr(text, ':') != colon) {
		colon = NULL; /* an IPv6 address by itself */
	}
	if (colon)
		*colon = '\0';
	h = node_add(source, "host");
	node_set(h, "@name", name);
	node_set(h, "@port", colon ? colon + 1 : NULL);
	return 0;
}

int rbd_source_store(struct node *pool, struct str text, struct error *err)
{
	autofree char *copy = xstrndup(text.p, text.n), *space = NULL, *name = NULL;
	char *slash = strchr(copy, '/'), *at = strchr(copy, '@'), *hosts = copy, *save = NULL;
	struct node *source = node_make(pool, "source");
	int r;

	if (!slash || slash == copy)
		return error_set(err, EINVAL, "'%s': expected [USER@]HOST[:PORT][,HOST...]/POOL[/NAMESPACE]", copy);
	*slash = '\0';
	r = split_pool(slash + 1, &name, &space, err);
	if (r < 0)
		return r;
	while (node_child(source, "host"))
		node_remove(node_child(source, "host"));
	if (at && at < slash) {
		*at = '\0';
		hosts = at + 1;
		node_set(source, "auth/@type", "ceph");
		if (!node_is(source, "auth/@username", copy)) {
			node_set(source, "auth/@username", copy);
			node_set(source, "auth/secret", NULL);
		}
		if (!node_has(source, "auth/secret"))
			node_setf(source, "auth/secret/@usage", "client.%s", copy);
	} else {
		node_set(source, "auth", NULL);
	}
	for (char *h = strtok_r(hosts, ",", &save); h && r == 0; h = strtok_r(NULL, ",", &save))
		r = add_host(source, h, err);
	node_set(source, "name", slash + 1);
	return r;
}

/* ---- disks of guests ---- */

int rbd_disk(struct pool *p, const char *name, const struct volume_info *now unused, struct node *disk,
	     struct error *err)
{
	const struct node *source = node_child(pool_node(p), "source"), *auth = node_child(source, "auth");
	int r = rbd_name_check(name, err);

	if (r < 0)
		return r;
	node_set(disk, "@type", "network");
	node_set(disk, "source/@protocol", "rbd");
	node_setf(disk, "source/@name", "%s/%s", node_get_or(source, "name", ""), name);
	for (const struct node *h = node_child(source, "host"); h; h = node_next(h, "host"))
		node_import(node_child(disk, "source"), h);
	if (!auth)
		return 0;
	node_set(disk, "source/auth/@username", node_get(auth, "@username"));
	node_set(disk, "source/auth/secret/@type", "ceph");
	node_set(disk, "source/auth/secret/@usage", node_get(auth, "secret/@usage"));
	node_set(disk, "source/auth/secret/@uuid", node_get(auth, "secret/@uuid"));
	return 0;
}
