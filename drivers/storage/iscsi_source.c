/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The <source> of pools of type iscsi and iscsi-direct: portal, target, initiator, CHAP. */
#include <ctype.h>
#include <stdio.h>

#include "engine/units.h"
#include "iscsi.h"

void iscsi_portal_clear(struct iscsi_portal *p)
{
	free(p->host);
	free(p->port);
	free(p->iqn);
	free(p->initiator);
	free(p->user);
	*p = (struct iscsi_portal){ 0 };
}

void iscsi_portal_free(struct iscsi_portal *p)
{
	if (p)
		iscsi_portal_clear(p);
	free(p);
}

char *iscsi_portal_text(const struct iscsi_portal *p)
{
	return strchr(p->host, ':') ? xasprintf("[%s]:%s", p->host, p->port) : xasprintf("%s:%s", p->host, p->port);
}

int iscsi_login_of(struct pool *p, struct iscsi_login *out, struct error *err)
{
	struct secret *s;
	int r;

	*out = (struct iscsi_login){ 0 };
	r = iscsi_portal_of(pool_node(p), &out->portal, err);
	if (r < 0 || !out->portal.user)
		return r;
	s = pool_secret(p, err);
	if (!s)
		return err && err->code ? -err->code : -ENOENT;
	buf_add(&out->password, s->value.p, s->value.n);
	return 0;
}

void iscsi_login_clear(struct iscsi_login *l)
{
	iscsi_portal_clear(&l->portal);
	free(l->iface);
	if (l->password.n)
		explicit_bzero(l->password.p, l->password.n);
	buf_clear(&l->password);
	*l = (struct iscsi_login){ 0 };
}

/* They become arguments, and names of files in open-iscsi's database. */
static int check_word(const char *what, const char *text, const char *also, struct error *err)
{
	if (!text || !*text)
		return error_set(err, EINVAL, "%s is missing", what);
	for (const char *c = text; *c; c++)
		if (!isgraph((unsigned char)*c) || *c == '/' || *c == ',' || strchr(also, *c))
			return error_set(err, EINVAL, "%s: '%s' has a character that cannot be in one: '%c'", what,
					 text, *c);
	if (text[0] == '-' || text[0] == '.')
		return error_set(err, EINVAL, "%s: '%s' must not begin with '%c'", what, text, text[0]);
	return strlen(text) > 223 ? error_set(err, EINVAL, "%s: '%s' is longer than 223 bytes", what, text) : 0;
}

static int check_port(const char *port, struct error *err)
{
	uint64_t n;

	return error_in(err, u64_parse(str_of(port), 1, 65535, &n, err), "source/host: port");
}

static int auth_of(const struct node *source, struct iscsi_portal *out, struct error *err)
{
	const struct node *auth = node_child(source, "auth");
	const char *type = node_get_or(auth, "@type", "");

	if (!auth)
		return 0;
	if (strcmp(type, "chap") != 0)
		return error_set(err, ENOTSUP, "source/auth: type '%s': iSCSI targets know only chap", type);
	if (!*node_get_or(auth, "@username", ""))
		return error_set(err, EINVAL, "source/auth: username is missing");
	if (!node_child(auth, "secret"))
		return error_set(err, EINVAL, "source/auth: <secret> is missing, which names what the password is in");
	out->user = xstrdup(node_get(auth, "@username"));
	return 0;
}

static int host_of(const struct node *source, struct iscsi_portal *out, struct error *err)
{
	const char *port = node_get_or(source, "host/@port", ISCSI_PORT);
	int r = check_word("source/host: the server's name", node_get(source, "host/@name"), "[]", err);

	if (r == 0 && node_count(source, "host") > 1)
		r = error_set(err, EINVAL, "source/host: a pool of iSCSI has one server, here are %u",
			      node_count(source, "host"));
	if (r == 0)
		r = check_port(port, err);
	if (r < 0)
		return r;
	out->host = xstrdup(node_get(source, "host/@name"));
	out->port = xstrdup(port);
	out->initiator = xstrdup(node_get(source, "initiator/iqn/@name"));
	if (out->initiator)
		r = check_word("source/initiator", out->initiator, "", err);
	return r == 0 ? auth_of(source, out, err) : r;
}

int iscsi_portal_of(const struct node *pool, struct iscsi_portal *out, struct error *err)
{
	const struct node *source = node_child(pool, "source");
	int r;

	*out = (struct iscsi_portal){ 0 };
	if (!source)
		return error_set(err, EINVAL, "source is missing: which server, and which target there");
	r = host_of(source, out, err);
	if (r == 0)
		r = check_word("source/device: the target's name", node_get(source, "device/@path"), "", err);
	if (r == 0 && node_count(source, "device") > 1)
		r = error_set(err, EINVAL, "source/device: a pool of iSCSI has one target, here are %u",
			      node_count(source, "device"));
	if (r == 0)
		out->iqn = xstrdup(node_get(source, "device/@path"));
	return r;
}

/* ---- the file `source` ---- */

void iscsi_source_show(const struct node *pool, struct buf *out)
{
	const char *host = node_get(pool, "source/host/@name"), *port = node_get(pool, "source/host/@port");
	const char *initiator = node_get(pool, "source/initiator/iqn/@name");

	if (!host)
		return;
	buf_printf(out, strchr(host, ':') ? "[%s]" : "%s", host);
	if (port && strcmp(port, ISCSI_PORT) != 0)
		buf_printf(out, ":%s", port);
	buf_printf(out, "/%s", node_get_or(pool, "source/device/@path", ""));
	if (initiator)
		buf_printf(out, " %s", initiator);
}

/* "host", "host:port", "[::1]:port", "::1" */
static void split_portal(struct str text, char **host, char **port)
{
	const char *end = text.p + text.n, *close = memchr(text.p, ']', text.n);
	const char *colon = memrchr(text.p, ':', text.n);

	if (text.n && text.p[0] == '[' && close) {
		*host = xstrndup(text.p + 1, (size_t)(close - text.p - 1));
		*port = close + 1 < end ? xstrndup(close + 2, (size_t)(end - close - 2)) : NULL;
	} else if (colon && memchr(text.p, ':', text.n) == colon) {
		*host = xstrndup(text.p, (size_t)(colon - text.p));
		*port = xstrndup(colon + 1, (size_t)(end - colon - 1));
	} else {
		*host = xstrndup(text.p, text.n);
	}
}

int iscsi_source_store(struct node *pool, struct str text, struct error *err)
{
	autofree char *line = xstrndup(text.p, text.n), *host = NULL, *port = NULL;
	char *blank = strchr(line, ' '), *slash;
	struct iscsi_portal check;
	int r;

	if (!text.n) {
		node_set(pool, "source/host/@name", NULL);
		node_set(pool, "source/host/@port", NULL);
		node_set(pool, "source/device/@path", NULL);
		node_set(pool, "source/initiator/iqn/@name", NULL);
		return 0;
	}
	if (blank)
		*blank++ = 0;
	slash = strchr(line, '/');
	if (!slash)
		return error_set(err, EINVAL, "'%s': expected HOST[:PORT]/TARGET [INITIATOR]", line);
	split_portal((struct str){ line, (size_t)(slash - line) }, &host, &port);
	node_set(pool, "source/host/@name", host);
	node_set(pool, "source/host/@port", port);
	node_set(pool, "source/device/@path", slash + 1);
	if (blank)
		node_set(pool, "source/initiator/iqn/@name", blank);
	r = iscsi_portal_of(pool, &check, err);
	iscsi_portal_clear(&check);
	return r;
}

/* ---- which targets there are ---- */

int iscsi_spec_of(struct str spec, struct iscsi_portal *out, struct error *err)
{
	autodoc struct doc *doc = NULL;
	autofree char *host = NULL, *port = NULL;
	int r;

	*out = (struct iscsi_portal){ 0 };
	spec = str_trim(spec);
	if (spec.n && spec.p[0] == '<') {
		doc = doc_parse(spec, "source", err);
	} else {
		doc = doc_parse(str_of("<source/>"), "source", err);
		split_portal(spec, &host, &port);
		if (*host)
			node_set(doc_root(doc), "host/@name", host);
		node_set(doc_root(doc), "host/@port", port);
	}
	if (!doc)
		return err && err->code ? -err->code : -EBADMSG;
	r = host_of(doc_root(doc), out, err);
	if (r < 0)
		iscsi_portal_clear(out);
	return error_in(err, r, "say which server is to be asked, HOST[:PORT] or a <source>");
}

void iscsi_source_add(struct node *sources, const struct iscsi_portal *p, const char *iqn)
{
	struct node *source;

	for (source = node_child(sources, "source"); source; source = node_next(source, "source"))
		if (node_is(source, "device/@path", iqn))
			return;
	source = node_add(sources, "source");
	node_set(source, "host/@name", p->host);
	if (strcmp(p->port, ISCSI_PORT) != 0)
		node_set(source, "host/@port", p->port);
	node_set(source, "device/@path", iqn);
	if (p->initiator)
		node_set(source, "initiator/iqn/@name", p->initiator);
}

/* ---- a guest's disk that its hypervisor opens itself ---- */

int iscsi_disk(const struct node *pool, unsigned number, struct node *disk, struct error *err)
{
	const struct node *secret = node_first(pool, "source/auth/secret");
	struct iscsi_portal p;
	int r = iscsi_portal_of(pool, &p, err);

	if (r == 0) {
		node_set(disk, "@type", "network");
		node_set(disk, "source/@protocol", "iscsi");
		node_setf(disk, "source/@name", "%s/%u", p.iqn, number);
		node_set(disk, "source/host/@name", p.host);
		node_set(disk, "source/host/@port", p.port);
		if (p.user) {
			node_set(disk, "source/auth/@username", p.user);
			node_set(disk, "source/auth/secret/@type", "iscsi");
			node_set(disk, "source/auth/secret/@usage", node_get(secret, "@usage"));
			node_set(disk, "source/auth/secret/@uuid", node_get(secret, "@uuid"));
		}
		node_set(disk, "source/initiator/iqn/@name", p.initiator);
	}
	iscsi_portal_clear(&p);
	return r;
}
