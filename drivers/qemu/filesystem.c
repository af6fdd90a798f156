/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * <filesystem> for QEMU: a directory of the host by 9p, which QEMU serves itself, or by virtiofs, which a virtiofsd serves.  What they become
 * is here.  Both open paths by themselves, which needs confinement of its own: refuse.c says so at a start.
 */
#include <stdio.h>

#include "devices.h"
#include "storage.h"

static bool is_virtiofs(const struct node *n)
{
	return node_is(n, "driver/@type", "virtiofs");
}

static int refuse(const struct node *n, struct error *err, const char *why)
{
	return error_set(err, ENOTSUP, "line %ld: <filesystem>: %s", node_line(n), why);
}

static bool has_shared_memory(const struct node *root)
{
	if (node_is(root, "memoryBacking/access/@mode", "shared") ||
	    node_is(root, "memoryBacking/source/@type", "memfd"))
		return true;
	for (const struct node *n = node_first(root, "cpu/numa/cell"); n; n = node_next(n, "cell"))
		if (!node_is(n, "@memAccess", "shared"))
			return false;
	return node_first(root, "cpu/numa/cell") != NULL;
}

static int complete(struct complete *c, struct node *n, struct error *err)
{
	const char *type = node_get_or(n, "@type", "mount");

	if (!node_has(n, "@type"))
		node_set(n, "@type", "mount");
	if (!str_eq(type, "mount"))
		return refuse(n, err, "QEMU guests have type='mount' only");
	if (!node_has(n, "@accessmode"))
		node_set(n, "@accessmode", "passthrough");
	if (is_virtiofs(n) && !has_shared_memory(c->domain))
		return refuse(n, err, "virtiofs needs shared memory: <memoryBacking> with <access mode='shared'/>");
	if (is_virtiofs(n) && node_is(n, "@model", "virtio-transitional"))
		return refuse(n, err, "virtiofs has no transitional model");
	if (!is_virtiofs(n) && node_has(n, "driver/@queue"))
		return refuse(n, err, "queue is for virtiofs");
	if (!is_virtiofs(n) && node_has(n, "boot"))
		return refuse(n, err, "a guest boots from virtiofs only");
	return 0;
}

static const struct address_want *address(struct complete *c, const struct node *n)
{
	return qemu_want_virtio(c, node_get(n, "@model"));
}

static void emit_virtio(const struct node *n, json_t *props)
{
	props_onoff(props, "iommu_platform", node_get(n, "driver/@iommu"));
	props_onoff(props, "ats", node_get(n, "driver/@ats"));
	props_onoff(props, "packed", node_get(n, "driver/@packed"));
	props_onoff(props, "page-per-vq", node_get(n, "driver/@page_per_vq"));
}

static const char *octal(const char *mode, char out[8])
{
	return snprintf(out, 8, "%04lo", strtoul(mode, NULL, 8) & 07777) > 0 ? out : "";
}

/* -fsdev has no JSON form in QEMU 7.2. */
static void plan_fsdev(struct plan *p, const struct node *n)
{
	const char *mode = node_get_or(n, "@accessmode", "passthrough"), *multidevs = node_get(n, "@multidevs");
	autobuf struct buf b = { 0 };
	char text[8];

	buf_printf(&b, "local,security_model=%s", str_eq(mode, "squash") ? "none" : mode);
	if (multidevs && !str_eq(multidevs, "default"))
		buf_printf(&b, ",multidevs=%s", multidevs);
	if (node_is(n, "driver/@wrpolicy", "immediate"))
		buf_puts(&b, ",writeout=immediate");
	if (node_has(n, "@fmode"))
		buf_printf(&b, ",fmode=%s", octal(node_get(n, "@fmode"), text));
	if (node_has(n, "@dmode"))
		buf_printf(&b, ",dmode=%s", octal(node_get(n, "@dmode"), text));
	buf_printf(&b, ",id=fsdev-%s,path=", qemu_alias(n));
	for (const char *s = node_get_or(n, "source/@dir", ""); *s; s++) {
		buf_putc(&b, *s);
		if (*s == ',')
			buf_putc(&b, ',');
	}
	if (node_has(n, "readonly"))
		buf_puts(&b, ",readonly=on");
	plan_option(p, "-fsdev", "%s", buf_text(&b));
}

static void plan_socket(struct plan *p, const struct node *n, const char *id)
{
	autofree char *made = xasprintf("%s/%s-fs.sock", p->run_dir, qemu_alias(n));
	const char *path = node_get_or(n, "source/@socket", made);
	const char *text = plan_file(p, FILE_CONNECT, path, 0, "filesystem '%s'", node_get_or(n, "target/@dir", ""));
	json_t *addr = p->dry ? json_pack("{s:s,s:{s:s}}", "type", "unix", "data", "path", text)
			      : json_pack("{s:s,s:{s:s}}", "type", "fd", "data", "str", text);

	plan_item(p, ITEM_CHARDEV,
		  json_pack("{s:s,s:{s:s,s:{s:o,s:b}}}", "id", id, "backend", "type", "socket", "data", "addr", addr,
			    "server", 0));
}

static int plan(struct plan *p, const struct node *n, struct error *err)
{
	autofree char *id = xasprintf("chr-vu-%s", qemu_alias(n));
	json_t *props = json_object();

	if (is_virtiofs(n)) {
		plan_socket(p, n, id);
		props_str(props, "driver", qemu_virtio_name(p, "vhost-user-fs", n));
		props_str(props, "chardev", id);
		if (node_has(n, "driver/@queue"))
			props_int(props, "queue-size", node_u64(n, "driver/@queue", 0));
		props_str(props, "tag", node_get(n, "target/@dir"));
		if (node_has(n, "boot/@order"))
			props_int(props, "bootindex", node_u64(n, "boot/@order", 0));
	} else {
		plan_fsdev(p, n);
		props_str(props, "driver", qemu_virtio_name(p, "virtio-9p", n));
		props_strf(props, "fsdev", "fsdev-%s", qemu_alias(n));
		props_str(props, "mount_tag", node_get(n, "target/@dir"));
	}
	emit_virtio(n, props);
	props_str(props, "id", qemu_alias(n));
	return qemu_plan_props(p, n, props, 0, err);
}

static const char *const qemu_types[] = { "mount", NULL };
static const char *const qemu_drivers[] = { "path", "handle", "virtiofs", NULL };

const struct qemu_kind qemu_filesystem_kind = {
	.schema = &filesystem_schema,
	.rows = (const struct qemu_row[]){ { "@type", .elsewhere = true, .only = qemu_types },
					   E("@accessmode"),
					   E("@multidevs"),
					   E("@fmode"),
					   E("@dmode"),
					   E("@model"),
					   { "driver/@type", .elsewhere = true, .only = qemu_drivers },
					   E("driver/@wrpolicy"),
					   E("driver/@queue"),
					   E("driver/@iommu"),
					   E("driver/@ats"),
					   E("driver/@packed"),
					   E("driver/@page_per_vq"),
					   E("binary/@path"),
					   E("binary/@xattr"),
					   E("binary/cache/@mode"),
					   E("binary/sandbox/@mode"),
					   E("binary/lock/@posix"),
					   E("binary/lock/@flock"),
					   E("binary/thread_pool/@size"),
					   E("binary/openfiles/@max"),
					   E("idmap/uid"),
					   E("idmap/gid"),
					   E("source/@dir"),
					   E("source/@socket"),
					   E("target/@dir"),
					   E("readonly"),
					   E("boot/@order"),
					   E("acpi/@index"),
					   { 0 } },
	.device = "filesystem",
	.alias = "fs",
	.complete = complete,
	.address = address,
	.plan = plan,
};
