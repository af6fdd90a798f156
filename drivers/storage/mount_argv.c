/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The command line of mount(8) for fs and netfs pools. */
#include "mounting.h"

/* What guests put into their images is nothing that this host should run or open as a device. */
#define OPTIONS_FIRST "nodev,nosuid,noexec"

static bool is_network(const struct node *pool)
{
	return node_is(pool, "@type", "netfs");
}

static const char *format(const struct node *pool)
{
	return node_get_or(pool, "source/format/@type", "auto");
}

char *mount_source(const struct node *pool)
{
	const char *host = node_get(pool, "source/host/@name"), *dir = node_get(pool, "source/dir/@path");
	bool v6;

	if (!is_network(pool))
		return xstrdup(node_get(pool, "source/device/@path"));
	if (!host || !*host || !dir || !*dir)
		return NULL;
	if (!strcmp(format(pool), "cifs"))
		return xasprintf("//%s/%s", host, dir + strspn(dir, "/"));
	v6 = strchr(host, ':') && host[0] != '[';
	return xasprintf("%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", dir);
}

/* The word after -t; NULL: mount(8) knows by the source. */
static const char *mount_type(const struct node *pool)
{
	const char *type = format(pool);

	if (!strcmp(type, "auto"))
		return is_network(pool) ? NULL : "auto";
	return strcmp(type, "hfs+") ? type : "hfsplus";
}

static int add_options(const struct node *pool, bool credentials, struct buf *o, struct error *err)
{
	const char *type = format(pool), *version = node_get(pool, "source/protocol/@ver");

	buf_puts(o, OPTIONS_FIRST);
	if (!strcmp(type, "glusterfs"))
		buf_puts(o, ",direct-io-mode=1");
	if (!strcmp(type, "cifs"))
		buf_puts(o, credentials ? ",credentials=/dev/fd/0" : ",guest");
	if (version && strcmp(type, "nfs") && strcmp(type, "auto"))
		return error_set(err, EINVAL, "source/protocol: ver='%s' is a version of NFS, but the format is %s",
				 version, type);
	if (version)
		buf_printf(o, ",nfsvers=%s", version);
	for (struct node *n = node_first(pool, "fs:mount_opts/fs:option"); n; n = node_next(n, "fs:option")) {
		const char *name = node_get_or(n, "@name", "");
		if (!*name)
			return error_set(err, EINVAL, "line %ld: <fs:option>: the name is empty", node_line(n));
		buf_printf(o, ",%s", name);
	}
	return 0;
}

char **mount_argv(const struct node *pool, bool credentials, struct error *err)
{
	autofree char *source = mount_source(pool);
	const char *target = node_get(pool, "target/path"), *type = mount_type(pool);
	autobuf struct buf options = { 0 };
	struct vec argv = { 0 };

	if (!source || !target) {
		error_set(err, EINVAL, "the definition has no %s", source ? "target" : "source");
		return NULL;
	}
	if (add_options(pool, credentials, &options, err) < 0)
		return NULL;
	vec_add(&argv, xstrdup("mount"));
	vec_add(&argv, xstrdup("-o"));
	vec_add(&argv, buf_take(&options));
	if (type) {
		vec_add(&argv, xstrdup("-t"));
		vec_add(&argv, xstrdup(type));
	}
	vec_add(&argv, take(&source));
	vec_add(&argv, xstrdup(target));
	vec_add(&argv, NULL);
	return (char **)argv.at;
}
