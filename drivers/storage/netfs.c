/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Pools of type netfs: the files of an NFS, GlusterFS or CIFS server's directory, which is mounted while the pool is active.
 *
 * NFS is mounted hard, as mount.nfs does by default: a write of a guest to a server that is away waits and is never lost.  What hangs then is the
 * pool's own thread.  <fs:mount_opts> can say "soft" or "softerr".
 */
#include <stdio.h>

#include "discover.h"
#include "mounting.h"

static const char *const formats[] = { "auto", "nfs", "glusterfs", "cifs", NULL };

/* ---- definition ---- */

static int netfs_complete(struct node *pool, const char *dir, struct error *err)
{
	const char *host = node_get(pool, "source/host/@name"), *path = node_get(pool, "source/dir/@path");

	if (!host || !*host)
		return error_set(err, EINVAL, "source/host: a pool of type netfs needs the name of its server");
	if (node_count(pool, "source/host") > 1)
		return error_set(err, EINVAL, "source/host: a pool of type netfs has one server, here are %u",
				 node_count(pool, "source/host"));
	if (host[0] == '-' || strpbrk(host, "/ ,"))
		return error_set(err, EINVAL, "source/host: '%s' is not the name or address of a server", host);
	if (node_has(pool, "source/host/@port"))
		return error_set(err, ENOTSUP,
				 "source/host: a port is not used for mounts: give it by <fs:option name='port=%s'/>",
				 node_get(pool, "source/host/@port"));
	if (!path || !*path)
		return error_set(err, EINVAL,
				 "source/dir: a pool of type netfs needs the directory that its server exports");
	if (!node_has(pool, "source/format/@type"))
		node_set(pool, "source/format/@type", formats[0]);
	if (node_has(pool, "source/auth") && !node_is(pool, "source/format/@type", "cifs"))
		return error_set(err, ENOTSUP,
				 "source/auth: only CIFS servers are given a name and a password, the format is %s",
				 node_get(pool, "source/format/@type"));
	return mounting_target(pool, dir, err);
}

static void netfs_source_show(const struct node *pool, struct buf *out)
{
	autofree char *source = mount_source(pool);

	buf_puts(out, source ? source : "");
}

static void set_source(struct node *pool, struct str host, const char *dir)
{
	autofree char *name = xstrndup(host.p, host.n);

	node_set(pool, "source/host/@name", *name ? name : NULL);
	node_set(pool, "source/dir/@path", *dir ? dir : NULL);
}

static int netfs_source_store(struct node *pool, struct str text, struct error *err)
{
	autofree char *source = xstrndup(text.p, text.n), *dir = NULL;
	const char *host = source, *end;
	bool cifs = str_starts(source, "//");

	if (!text.n) {
		set_source(pool, str_of(NULL), "");
		return 0;
	}
	if (cifs)
		host += 2;
	if (host[0] == '[' && !cifs) {
		host++;
		end = strchr(host, ']');
		dir = end && end[1] == ':' ? xstrdup(end + 2) : NULL;
	} else {
		end = strchr(host, cifs ? '/' : ':');
		dir = end ? xstrdup(cifs ? end : end + 1) : NULL;
	}
	if (!dir || !*dir || end == host)
		return error_set(err, EINVAL, "'%s': expected SERVER:/DIRECTORY, or //SERVER/SHARE for CIFS", source);
	set_source(pool, (struct str){ host, (size_t)(end - host) }, dir);
	if (cifs)
		node_set(pool, "source/format/@type", "cifs");
	else if (node_is(pool, "source/format/@type", "cifs"))
		node_set(pool, "source/format/@type", "auto");
	return 0;
}

/* ---- what works here ---- */

static bool probe_one(const char *name, const char *kernel, const char *program, const char *package, struct buf *facts)
{
	autobuf struct buf why = { 0 };
	bool works = tool_there(program, package, &why);

	if (works && !kernel_mounts(kernel)) {
		works = false;
		buf_puts(&why, "this kernel has no such file system");
	}
	buf_printf(facts, "%s: %s\n", name, works ? "usable" : buf_text(&why));
	return works;
}

static int netfs_probe(struct buf *state, struct error *err unused)
{
	static const char *const needed[] = { "mount", "mount", "umount", "mount", NULL };
	autobuf struct buf facts = { 0 }, why = { 0 };
	bool works;

	if (tools_missing(needed, state) != 0)
		return 0;
	works = probe_one("nfs", "nfs", "mount.nfs", "nfs-common", &facts);
	works |= probe_one("cifs", "cifs", "mount.cifs", "cifs-utils", &facts);
	works |= probe_one("glusterfs", "fuse", "mount.glusterfs", "glusterfs-client", &facts);
	buf_printf(&facts, "discover: %s\n", tool_there("showmount", "nfs-common", &why) ? "usable" : buf_text(&why));
	buf_printf(state, "%s\n%s",
		   works ? "usable" : "not usable: none of nfs, cifs and glusterfs can be mounted here",
		   buf_text(&facts));
	return 0;
}

const struct pool_driver netfs_pool = {
	.type = "netfs",
	.flags = POOL_NEEDS_ROOT | POOL_FILES | POOL_REMOTE,
	.source_formats = formats,
	.probe = netfs_probe,
	.complete = netfs_complete,
	.source_show = netfs_source_show,
	.source_store = netfs_source_store,
	.find = mounting_find,
	.build = mounting_build,
	.start = mounting_start,
	.stop = mounting_stop,
	.erase = mounting_erase,
	FILES_SLOTS,
	.discover = netfs_discover,
};
