/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <filesystem>: a directory of the host shown to the guest (9p, virtiofs), or the file systems of a container. */
#include "storage.h"

static const char *const types[] = { "mount", "template", "file", "block", "ram", "bind", "volume", NULL };
static const char *const access_modes[] = { "passthrough", "mapped", "squash", NULL };
static const char *const multidevs[] = { "default", "remap", "forbid", "warn", NULL };
static const char *const models[] = { "virtio", "virtio-transitional", "virtio-non-transitional", NULL };
static const char *const drivers[] = { "path", "handle", "loop", "nbd", "ploop", "virtiofs", "mtp", NULL };
static const char *const formats[] = { "raw", "qcow2", "qed", "vmdk", "vdi", "vpc", "ploop", "auto", "none", NULL };
static const char *const policies[] = { "immediate", NULL };
static const char *const caches[] = { "none", "always", NULL };
static const char *const sandboxes[] = { "namespace", "chroot", NULL };

static int filesystem_check(const struct node *n, struct error *err)
{
	bool virtiofs = node_is(n, "driver/@type", "virtiofs");
	const char *mode = node_get(n, "@accessmode");

	if (!node_has(n, "target/@dir"))
		return error_set(err, EINVAL, "line %ld: <filesystem> needs <target dir='...'/>", node_line(n));
	if (!node_has(n, "source") && !node_is(n, "@type", "ram"))
		return error_set(err, EINVAL, "line %ld: <filesystem> needs <source .../>", node_line(n));
	if ((node_has(n, "@fmode") || node_has(n, "@dmode")) && mode && !str_eq(mode, "mapped"))
		return error_set(err, EINVAL, "line %ld: <filesystem>: fmode and dmode need accessmode='mapped'",
				 node_line(n));
	if (!virtiofs && node_has(n, "binary"))
		return error_set(err, EINVAL, "line %ld: <binary> is for <driver type='virtiofs'/>", node_line(n));
	if (!virtiofs)
		return 0;
	if (node_has(n, "readonly"))
		return error_set(err, EINVAL, "line %ld: <filesystem>: virtiofs has no <readonly/>: leave it out",
				 node_line(node_child(n, "readonly")));
	if (mode && !str_eq(mode, "passthrough"))
		return error_set(err, EINVAL,
				 "line %ld: <filesystem>: virtiofs needs accessmode='passthrough', not '%s'",
				 node_line(n), mode);
	if (node_has(n, "source/@socket") && node_has(n, "binary"))
		return error_set(err, EINVAL,
				 "line %ld: <filesystem>: <binary> is not for a virtiofsd that others run (socket)",
				 node_line(n));
	return 0;
}

const struct schema fs_idmap_schema = {
	.element = "idmap",
	.props = (const struct prop[]){ { "@start", T_U64, .flags = P_REQUIRED, .doc = "first id in the guest" },
					{ "@target", T_U64, .flags = P_REQUIRED, .doc = "the host's id for it" },
					{ "@count", T_U64, .flags = P_REQUIRED, .min = 1, .doc = "how many" },
					{ 0 } },
};

const struct schema filesystem_schema = {
	.element = "filesystem",
	.check = filesystem_check,
	.props =
		(const struct prop[]){
			{ "@type", T_ENUM, .words = types, .dflt = "mount", .doc = "what is shown" },
			{ "@accessmode", T_ENUM, .words = access_modes, .dflt = "passthrough",
			  .doc = "how owners and modes are kept" },
			{ "@multidevs", T_ENUM, .words = multidevs, .dflt = "default",
			  .doc = "what happens to files of several host devices" },
			{ "@fmode", T_STRING, .doc = "mode of new files, octal" },
			{ "@dmode", T_STRING, .doc = "mode of new directories, octal" },
			{ "@model", T_ENUM, .words = models, .doc = "generation of the virtio device" },
			{ "driver/@type", T_ENUM, .words = drivers,
			  .doc = "who serves it: path (9p), virtiofs, loop, nbd" },
			{ "driver/@format", T_ENUM, .words = formats, .doc = "format of the image (containers)" },
			{ "driver/@name", T_STRING, .doc = "which backend" },
			{ "driver/@wrpolicy", T_ENUM, .words = policies, .doc = "when writes reach the host's disk" },
			{ "driver/@queue", T_U64, .min = 1, .max = 1024, .doc = "entries of the virtqueue (virtiofs)" },
			{ "driver/@iommu", T_ENUM, .words = words_on_off, .doc = "the device uses the guest's IOMMU" },
			{ "driver/@ats", T_ENUM, .words = words_on_off, .doc = "address translation services" },
			{ "driver/@packed", T_ENUM, .words = words_on_off, .doc = "packed virtqueues" },
			{ "driver/@page_per_vq", T_ENUM, .words = words_on_off,
			  .doc = "a page for each queue's notification" },
			{ "binary/@path", T_STRING, .doc = "the virtiofsd program" },
			{ "binary/@xattr", T_ENUM, .words = words_on_off, .doc = "extended attributes" },
			{ "binary/cache/@mode", T_ENUM, .words = caches, .doc = "how the guest caches" },
			{ "binary/sandbox/@mode", T_ENUM, .words = sandboxes, .doc = "how virtiofsd is confined" },
			{ "binary/lock/@posix", T_ENUM, .words = words_on_off, .doc = "POSIX locks" },
			{ "binary/lock/@flock", T_ENUM, .words = words_on_off, .doc = "flock locks" },
			{ "binary/thread_pool/@size", T_U64, .doc = "threads of virtiofsd" },
			{ "binary/openfiles/@max", T_U64, .min = 1, .doc = "files that virtiofsd may have open" },
			{ "idmap/uid", T_LIST, .sub = &fs_idmap_schema, .doc = "user ids" },
			{ "idmap/gid", T_LIST, .sub = &fs_idmap_schema, .doc = "group ids" },
			{ "source/@dir", T_STRING, .doc = "the host's directory" },
			{ "source/@socket", T_STRING, .doc = "socket of a virtiofsd that others run" },
			{ "source/@file", T_STRING, .doc = "image file (type='file')" },
			{ "source/@dev", T_STRING, .doc = "block device (type='block')" },
			{ "source/@name", T_STRING, .doc = "template (type='template')" },
			{ "source/@usage", T_U64, .doc = "size of a RAM file system" },
			{ "source/@units", T_STRING, .doc = "unit of usage" },
			{ "source/@pool", T_STRING, .doc = "pool (type='volume')" },
			{ "source/@volume", T_STRING, .doc = "volume (type='volume')" },
			{ "target/@dir", T_STRING, .flags = P_REQUIRED,
			  .doc = "the tag by which the guest mounts it, or the directory" },
			{ "readonly", T_FLAG, .dflt = "0", .doc = "the guest cannot write" },
			{ "space_hard_limit", T_SIZE, .doc = "most space (containers)" },
			{ "space_soft_limit", T_SIZE, .doc = "space before warnings (containers)" },
			{ "boot/@order", T_U64, .min = 1, .max = 65535, .doc = "place in the boot order" },
			{ "boot/@loadparm", T_STRING, .doc = "boot parameter of s390 guests" },
			{ "alias", T_SUB, .sub = &alias_schema, .doc = "the device's id" },
			{ "acpi/@index", T_U64, .min = 1, .doc = "ACPI index" },
			{ "address", T_SUB, .sub = &address_schema, .doc = "where it is plugged" },
			{ 0 } },
};
