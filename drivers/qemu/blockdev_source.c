/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A <source> as QEMU's protocol node: files, devices, directories, and the network protocols. */
#include "disk.h"

#include <fcntl.h>

static json_t *refuse(struct error *err, int code, const char *what, const char *why)
{
	error_set(err, code, "%s: %s", what, why);
	return NULL;
}

/* ---- local ---- */

static bool is_cdrom_device(const char *path)
{
	static const char *const names[] = { "/dev/sr", "/dev/scd", "/dev/cdrom", "/dev/dvd" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_starts(path, names[i]))
			return true;
	return false;
}

static json_t *local_node(struct plan *p, const char *path, const char *driver, int flags, const char *what)
{
	json_t *props = json_object();

	if (str_eq(driver, "host_device") && is_cdrom_device(path))
		driver = "host_cdrom";
	props_str(props, "driver", driver);
	props_str(props, "filename", plan_file(p, FILE_FDSET, path, flags, "%s", what));
	return props;
}

static json_t *dir_node(const struct node *source, bool floppy)
{
	json_t *props = json_object();

	props_str(props, "driver", "vvfat");
	props_str(props, "dir", node_get(source, "@dir"));
	props_bool(props, "floppy", floppy);
	props_bool(props, "rw", false);
	return props;
}

/* ---- network ---- */

static uint64_t default_port(const char *protocol)
{
	static const struct {
		const char *protocol;
		unsigned port;
	} all[] = { { "nbd", 10809 }, { "iscsi", 3260 }, { "ssh", 22 },	 { "http", 80 },       { "https", 443 },
		    { "ftp", 21 },    { "ftps", 990 },	 { "tftp", 69 }, { "gluster", 24007 }, { "nfs", 2049 } };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (str_eq(all[i].protocol, protocol))
			return all[i].port;
	return 0;
}

/* SocketAddress of a <host>; TYPED: with its "type". */
static json_t *server_of(struct plan *p, const struct node *host, const char *protocol, bool typed, const char *what)
{
	json_t *props = json_object();
	uint64_t port = node_u64(host, "@port", default_port(protocol));

	if (node_is(host, "@transport", "unix")) {
		const char *path = node_get_or(host, "@socket", "");

		if (p->dry || !str_eq(protocol, "nbd")) {
			props_str(props, "type", "unix");
			props_str(props, "path", path);
		} else {
			props_str(props, "type", "fd");
			props_str(props, "str", plan_file(p, FILE_CONNECT, path, O_RDWR, "%s", what));
		}
		return props;
	}
	if (typed)
		props_str(props, "type", "inet");
	props_str(props, "host", node_get_or(host, "@name", "localhost"));
	if (port)
		props_strf(props, "port", "%llu", (unsigned long long)port);
	return props;
}

static json_t *servers_of(struct plan *p, const struct node *source, const char *protocol, bool typed, const char *what)
{
	json_t *list = json_array();

	for (const struct node *h = node_child(source, "host"); h; h = node_next(h, "host"))
		json_array_append_new(list, server_of(p, h, protocol, typed, what));
	return list;
}

struct remote {
	struct plan *plan;
	const struct node *source;
	const char *protocol, *id, *what;
};

/* <auth> stands in the <source>, or beside it in the <disk>. */
static const struct node *auth_of(const struct node *source)
{
	const struct node *auth = node_child(source, "auth");

	return auth ? auth : node_child(node_parent(source), "auth");
}

/* The user as USER and a secret object with the password as SECRET. */
static json_t *login(const struct remote *r, json_t *props, const char *user, const char *secret, struct error *err)
{
	const struct node *auth = auth_of(r->source);
	autofree char *id = xasprintf("%s-auth", r->id);
	int ret;

	if (!auth)
		return props;
	props_str(props, user, node_get(auth, "@username"));
	/* a pool's own login is the pool's, whoever owns the domain */
	ret = plan_secret(r->plan, id, node_child(auth, "secret"), node_is(auth, "@type", "ceph") ? "ceph" : "iscsi",
			  node_has(auth, "@pool") ? NULL : &r->plan->owner, err);
	if (ret < 0) {
		error_in(err, ret, "%s: login", r->what);
		json_decref(props);
		return NULL;
	}
	props_str(props, secret, id);
	return props;
}

static json_t *nbd_node(const struct remote *r, json_t *props, struct error *err unused)
{
	json_object_set_new(props, "server", server_of(r->plan, node_child(r->source, "host"), "nbd", true, r->what));
	props_str(props, "export", node_get(r->source, "@name"));
	if (node_yes(r->source, "@tls"))
		props_str(props, "tls-creds", "tls-nbd");
	props_str(props, "tls-hostname", node_get(r->source, "@tlsHostname"));
	if (node_has(r->source, "reconnect/@delay"))
		props_int(props, "reconnect-delay", node_u64(r->source, "reconnect/@delay", 0));
	return props;
}

/* name='POOL/[NAMESPACE/]IMAGE' */
static json_t *rbd_node(const struct remote *r, json_t *props, struct error *err)
{
	const char *name = node_get_or(r->source, "@name", ""), *slash = strchr(name, '/');
	const char *second = slash ? strchr(slash + 1, '/') : NULL;

	if (!slash) {
		json_decref(props);
		return refuse(err, EINVAL, r->what, "an rbd source needs name='POOL/IMAGE'");
	}
	props_strf(props, "pool", "%.*s", (int)(slash - name), name);
	if (second)
		props_strf(props, "namespace", "%.*s", (int)(second - slash - 1), slash + 1);
	props_str(props, "image", second ? second + 1 : slash + 1);
	props_str(props, "snapshot", node_get(r->source, "snapshot/@name"));
	props_str(props, "conf", node_get(r->source, "config/@file"));
	if (node_child(r->source, "host"))
		json_object_set_new(props, "server", servers_of(r->plan, r->source, "rbd", false, r->what));
	if (auth_of(r->source))
		json_object_set_new(props, "auth-client-required", json_pack("[s,s]", "cephx", "none"));
	return login(r, props, "user", "key-secret", err);
}

/* name='IQN/LUN' */
static json_t *iscsi_node(const struct remote *r, json_t *props, struct error *err)
{
	const char *name = node_get_or(r->source, "@name", ""), *slash = strchr(name, '/');
	const struct node *host = node_child(r->source, "host");
	const char *server = node_get_or(host, "@name", "localhost");

	props_strf(props, "portal", strchr(server, ':') ? "[%s]:%llu" : "%s:%llu", server,
		   (unsigned long long)node_u64(host, "@port", default_port("iscsi")));
	props_strf(props, "target", "%.*s", slash ? (int)(slash - name) : (int)strlen(name), name);
	props_int(props, "lun", slash ? strtoll(slash + 1, NULL, 10) : 0);
	props_str(props, "transport", node_is(host, "@transport", "rdma") ? "iser" : "tcp");
	props_str(props, "initiator-name", node_get(r->source, "initiator/iqn/@name"));
	return login(r, props, "user", "password-secret", err);
}

/* All cookies in one secret: "a=b; c=d". */
static json_t *cookies(const struct remote *r, json_t *props, struct error *err)
{
	autofree char *id = xasprintf("%s-cookie", r->id), *what = xasprintf("%s: cookies", r->what);
	autobuf struct buf text = { 0 };
	int ret;

	for (const struct node *c = node_first(r->source, "cookies/cookie"); c; c = node_next(c, "cookie"))
		buf_printf(&text, "%s%s=%s", text.n ? "; " : "", node_get_or(c, "@name", ""), node_get_or(c, "", ""));
	ret = plan_secret_text(r->plan, id, (struct str){ text.p, text.n }, what, err);
	if (text.n)
		explicit_bzero(text.p, text.n);
	if (ret < 0) {
		json_decref(props);
		return NULL;
	}
	props_str(props, "cookie-secret", id);
	return props;
}

static json_t *web_node(const struct remote *r, json_t *props, struct error *err)
{
	const struct node *host = node_child(r->source, "host");
	const char *server = node_get_or(host, "@name", "localhost"), *name = node_get_or(r->source, "@name", "");
	const char *query = node_get(r->source, "@query");

	props_strf(props, "url", strchr(server, ':') ? "%s://[%s]:%llu%s%s%s%s" : "%s://%s:%llu%s%s%s%s", r->protocol,
		   server, (unsigned long long)node_u64(host, "@port", default_port(r->protocol)),
		   *name == '/' ? "" : "/", name, query ? "?" : "", query ? query : "");
	props_onoff(props, "sslverify", node_get(r->source, "ssl/@verify"));
	if (node_has(r->source, "readahead/@size"))
		props_int(props, "readahead", node_u64(r->source, "readahead/@size", 0));
	if (node_has(r->source, "timeout/@seconds"))
		props_int(props, "timeout", node_u64(r->source, "timeout/@seconds", 0));
	props = node_child(r->source, "cookies") ? cookies(r, props, err) : props;
	return props ? login(r, props, "username", "password-secret", err) : NULL;
}

static json_t *ssh_node(const struct remote *r, json_t *props, struct error *err unused)
{
	json_object_set_new(props, "server", server_of(r->plan, node_child(r->source, "host"), "ssh", false, r->what));
	props_str(props, "path", node_get(r->source, "@name"));
	props_str(props, "user", node_get(r->source, "identity/@username"));
	return props;
}

/* name='VOLUME/PATH' */
static json_t *gluster_node(const struct remote *r, json_t *props, struct error *err)
{
	const char *name = node_get_or(r->source, "@name", ""), *slash = strchr(name, '/');

	if (!slash) {
		json_decref(props);
		return refuse(err, EINVAL, r->what, "a gluster source needs name='VOLUME/PATH'");
	}
	props_strf(props, "volume", "%.*s", (int)(slash - name), name);
	props_str(props, "path", slash + 1);
	json_object_set_new(props, "server", servers_of(r->plan, r->source, "gluster", true, r->what));
	props_int(props, "debug", 4);
	return props;
}

static json_t *nfs_node(const struct remote *r, json_t *props, struct error *err unused)
{
	const char *user = node_get(r->source, "identity/@user"), *group = node_get(r->source, "identity/@group");

	json_object_set_new(
		props, "server",
		json_pack("{s:s,s:s}", "host", node_get_or(r->source, "host/@name", "localhost"), "type", "inet"));
	props_str(props, "path", node_get(r->source, "@name"));
	if (user)
		props_int(props, "user", strtoll(*user == '+' ? user + 1 : user, NULL, 10));
	if (group)
		props_int(props, "group", strtoll(*group == '+' ? group + 1 : group, NULL, 10));
	return props;
}

static const struct {
	const char *protocol;
	json_t *(*make)(const struct remote *r, json_t *props, struct error *err);
} protocols[] = {
	{ "nbd", nbd_node },   { "rbd", rbd_node },	    { "iscsi", iscsi_node }, { "http", web_node },
	{ "https", web_node }, { "ftp", web_node },	    { "ftps", web_node },    { "tftp", web_node },
	{ "ssh", ssh_node },   { "gluster", gluster_node }, { "nfs", nfs_node },
};

static json_t *network_node(struct plan *p, const struct node *source, const char *id, const char *what,
			    struct error *err)
{
	struct remote r = { p, source, node_get_or(source, "@protocol", ""), id, what };
	json_t *props;

	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		if (!str_eq(protocols[i].protocol, r.protocol))
			continue;
		props = json_object();
		props_str(props, "driver", r.protocol);
		return protocols[i].make(&r, props, err);
	}
	error_set(err, ENOTSUP, "%s: QEMU has no protocol '%s' any more", what, r.protocol);
	return NULL;
}

/* ---- all ---- */

static json_t *nvme_node(const struct node *source)
{
	json_t *props = json_object();

	props_str(props, "driver", "nvme");
	props_strf(props, "device", "%04llx:%02llx:%02llx.%llx",
		   (unsigned long long)node_u64(source, "address/@domain", 0),
		   (unsigned long long)node_u64(source, "address/@bus", 0),
		   (unsigned long long)node_u64(source, "address/@slot", 0),
		   (unsigned long long)node_u64(source, "address/@function", 0));
	props_int(props, "namespace", node_u64(source, "@namespace", 1));
	return props;
}

static json_t *volume_node(const struct node *source)
{
	json_t *props = json_object();

	props_str(props, "driver", "file");
	props_strf(props, "filename", "%s/%s", node_get_or(source, "@pool", ""), node_get_or(source, "@volume", ""));
	return props;
}

char *source_key(const struct node *source)
{
	const char *protocol = node_get_or(source, "@protocol", ""), *name = node_get_or(source, "@name", "");
	const struct node *host = node_child(source, "host");

	/* one cluster, many ways in: the image is what it is called there */
	if (str_eq(protocol, "rbd") || str_eq(protocol, "iscsi") || str_eq(protocol, "gluster"))
		return xasprintf("%s:%s", protocol, name);
	return xasprintf("%s:%s:%llu/%s", protocol, node_get_or(host, "@name", node_get_or(host, "@socket", "")),
			 (unsigned long long)node_u64(host, "@port", default_port(protocol)), name);
}

json_t *blockdev_of_source(struct plan *p, const struct node *source, const char *type, int flags, const char *id,
			   const char *what, struct error *err)
{
	if (str_eq(type, "file"))
		return local_node(p, node_get_or(source, "@file", ""), "file", flags, what);
	if (str_eq(type, "block"))
		return local_node(p, node_get_or(source, "@dev", ""), "host_device", flags, what);
	if (str_eq(type, "dir"))
		return dir_node(source, node_is(node_parent(source), "@device", "floppy"));
	if (str_eq(type, "network"))
		return network_node(p, source, id, what, err);
	if (str_eq(type, "nvme"))
		return nvme_node(source);
	if (str_eq(type, "volume") && p->dry) /* nobody asked the pool */
		return volume_node(source);
	if (str_eq(type, "volume"))
		return refuse(err, ENOTSUP, what, "only disks can be volumes of a pool: give its path");
	error_set(err, ENOTSUP, "%s: type='%s' cannot be opened by this driver", what, type);
	return NULL;
}
