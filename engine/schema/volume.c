/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <volume>: an image in a pool.  Most of what a document of an existing one says is what it is, and no wish. */
#include "../units.h"
#include "storage.h"

#define CLUSTER_LEAST 512u
#define CLUSTER_MOST  (64u << 20) /* of qed; qcow2 ends at 2 MiB, and says so when it is made */

static const char *const types[] = { "file", "block", "dir", "network", "netdir", NULL };
/* Images; file systems that take a whole device; kinds of partitions. */
static const char *const formats[] = { "unknown",   "raw",   "dir",   "bochs", "cloop",	     "dmg",	  "iso",
				       "vpc",	    "vdi",   "vhdx",  "fat",   "vhd",	     "ploop",	  "luks",
				       "parallels", "cow",   "qcow",  "qcow2", "qed",	     "vmdk",	  "none",
				       "auto",	    "ext2",  "ext3",  "ext4",  "ufs",	     "iso9660",	  "udf",
				       "gfs",	    "gfs2",  "vfat",  "hfs+",  "xfs",	     "ocfs2",	  "vmfs",
				       "btrfs",	    "linux", "fat16", "fat32", "linux-swap", "linux-lvm", "linux-raid",
				       "extended",  NULL };
static const char *const compats[] = { "0.10", "1.1", NULL };
static const char *const encryption_formats[] = { "default", "qcow", "luks", "luks2", NULL };
static const char *const engines[] = { "qemu", "librbd", NULL };

/* ---- encryption: where a volume is made, it says with which cipher ---- */

static int secret_check(const struct node *n, struct error *err)
{
	if (node_has(n, "@uuid") != node_has(n, "@usage"))
		return 0;
	return error_set(err, EINVAL, "line %ld: <secret> needs either uuid='...' or usage='...'", node_line(n));
}

static const struct schema volume_secret_schema = {
	.element = "secret",
	.check = secret_check,
	.props = (const struct prop[]){ { "@type", T_ENUM, .words = (const char *const[]){ "passphrase", NULL },
					  .flags = P_REQUIRED, .doc = "passphrase" },
					{ "@uuid", T_UUID, .doc = "which secret, by uuid" },
					{ "@usage", T_STRING, .doc = "which secret, by what it is for" },
					{ 0 } },
};

static int encryption_check(const struct node *n, struct error *err)
{
	const struct node *cipher = node_child(n, "cipher"), *ivgen = node_child(n, "ivgen");

	if ((cipher || ivgen) && !str_starts(node_get_or(n, "@format", ""), "luks"))
		return error_set(err, EINVAL, "line %ld: <%s> is for encryption format='luks'",
				 node_line(cipher ? cipher : ivgen), cipher ? "cipher" : "ivgen");
	if (cipher && (!node_has(cipher, "@name") || !node_has(cipher, "@size")))
		return error_set(err, EINVAL,
				 "line %ld: <cipher> needs name='...' and size='...': name='aes' size='256'",
				 node_line(cipher));
	if (ivgen && !cipher)
		return error_set(err, EINVAL, "line %ld: <ivgen> needs a <cipher> beside it", node_line(ivgen));
	if (ivgen && !node_has(ivgen, "@name"))
		return error_set(err, EINVAL, "line %ld: <ivgen> needs name='...': plain64", node_line(ivgen));
	if (node_count(n, "secret") > 1 && !node_is(n, "@engine", "librbd"))
		return error_set(err, EINVAL, "line %ld: <secret>: one passphrase opens it",
				 node_line(node_next(node_child(n, "secret"), "secret")));
	return 0;
}

static const struct schema volume_encryption_schema = {
	.element = "encryption",
	.check = encryption_check,
	.props = (const struct prop[]){ { "@format", T_ENUM, .words = encryption_formats, .flags = P_REQUIRED,
					  .doc = "how it is encrypted: luks" },
					{ "@engine", T_ENUM, .words = engines, .doc = "who decrypts" },
					{ "secret", T_LIST, .sub = &volume_secret_schema, .doc = "the passphrase" },
					{ "cipher/@name", T_STRING, .doc = "aes, serpent, twofish ..." },
					{ "cipher/@size", T_U64, .max = 4096, .doc = "bits of the key" },
					{ "cipher/@mode", T_STRING, .doc = "cbc, xts ..." },
					{ "cipher/@hash", T_STRING, .doc = "sha256 ..." },
					{ "ivgen/@name", T_STRING, .doc = "plain, plain64, essiv" },
					{ "ivgen/@hash", T_STRING, .doc = "of essiv" },
					{ 0 } },
};

/* ---- what is told of an existing one ---- */

static const struct schema extent_schema = {
	.element = "extent",
	.props = (const struct prop[]){ { "@start", T_U64, .doc = "first byte" },
					{ "@end", T_U64, .doc = "the byte after the last" },
					{ 0 } },
};

static const struct schema volume_device_schema = {
	.element = "device",
	.props = (const struct prop[]){ { "@path", T_STRING, .flags = P_REQUIRED, .doc = "the device" },
					{ "extent", T_LIST, .sub = &extent_schema, .doc = "which part of it" },
					{ 0 } },
};

/* ---- rules ---- */

static int check_number(const struct node *perm, const char *name, struct error *err)
{
	const char *text = node_get(perm, name);

	if (!text || text[0] != '-' || !strcmp(text, "-1"))
		return 0;
	return error_set(err, EINVAL, "line %ld: <%s> '%s': expected a number, or -1: as it comes",
			 node_line(node_child(perm, name)), name, text);
}

int permissions_check(const struct node *n, struct error *err)
{
	const struct node *perm = node_child(n, "permissions");
	int r = check_number(perm, "owner", err);

	return r == 0 ? check_number(perm, "group", err) : r;
}

static int check_name(const struct node *n, struct error *err)
{
	const char *name = node_get(n, "name");

	if (!name)
		return error_set(err, EINVAL, "line %ld: <volume>: <name> is missing", node_line(n));
	if (!*name || strpbrk(name, "/\n") || !strcmp(name, ".") || !strcmp(name, ".."))
		return error_set(
			err, EINVAL,
			"line %ld: <name> '%.80s': a name is not empty, has no '/' and no line break, and is not . or ..",
			node_line(node_child(n, "name")), name);
	return 0;
}

static int check_cluster(const struct node *target, const char *format, struct error *err)
{
	const struct node *n = node_child(target, "clusterSize");
	uint64_t size = 0;

	if (!n)
		return 0;
	(void)!size_parse_unit(str_of(node_get(n, "")), node_get(n, "@unit"), "bytes", &size, NULL);
	if (size < CLUSTER_LEAST || size > CLUSTER_MOST || (size & (size - 1)))
		return error_set(
			err, EINVAL,
			"line %ld: <clusterSize> is %llu bytes: expected a power of two, 512 bytes at least, as in "
			"<clusterSize unit='KiB'>64</clusterSize>",
			node_line(n), (unsigned long long)size);
	if (!str_eq(format, "qcow2") && !str_eq(format, "qed"))
		return error_set(err, EINVAL, "line %ld: <clusterSize> is for format qcow2 and qed", node_line(n));
	return 0;
}

/* What only qcow2 has. */
static int check_format(const struct node *target, struct error *err)
{
	static const char *const own[] = { "compat", "features/lazy_refcounts", "features/extended_l2" };
	const char *format = node_get(target, "format/@type");

	for (size_t i = 0; i < ARRAY_SIZE(own); i++) {
		const struct node *n = node_first(target, own[i]);
		if (n && !str_eq(format, "qcow2"))
			return error_set(err, EINVAL, "line %ld: <%s> is for <format type='qcow2'/>, not %s",
					 node_line(n), node_name(n), format ? format : "for none");
	}
	return check_cluster(target, format, err);
}

static int check(const struct node *n, struct error *err)
{
	const struct node *target = node_child(n, "target"), *backing = node_child(n, "backingStore");
	int r = check_name(n, err);

	if (r == 0)
		r = check_format(target, err);
	if (r == 0)
		r = permissions_check(target, err);
	if (r == 0 && backing && !*node_get_or(backing, "path", "") && node_child(backing, NULL))
		r = error_set(err, EINVAL, "line %ld: <backingStore> needs a <path>: which image is it built on?",
			      node_line(backing));
	if (r == 0 && !node_has(n, "capacity") && !node_has(n, "backingStore/path"))
		r = error_set(err, EINVAL, "line %ld: <volume>: <capacity> is missing: how large is it to be?",
			      node_line(n));
	return r;
}

const struct schema volume_schema = {
	.element = "volume",
	.check = check,
	.props =
		(const struct prop[]){
			{ "@type", T_ENUM, .words = types, .flags = P_OUTPUT, .doc = "file block dir network netdir" },
			{ "name", T_STRING, .doc = "its name: that of its directory" },
			{ "key", T_STRING, .flags = P_OUTPUT, .doc = "what it is known by, whatever its name" },
			{ "capacity", T_BYTES, .doc = "bytes that a guest sees" },
			{ "allocation", T_BYTES, .doc = "bytes that are to be taken at once" },
			{ "physical", T_BYTES, .flags = P_OUTPUT,
			  .doc = "bytes from its start to its end in the pool" },
			{ "source/device", T_LIST, .sub = &volume_device_schema, .flags = P_OUTPUT,
			  .doc = "where it lies on which device" },
			{ "target/path", T_STRING, .flags = P_OUTPUT, .doc = "where it lies" },
			{ "target/format/@type", T_ENUM, "format", formats,
			  .doc = "format of the image; never guessed" },
			{ "target/permissions/mode", T_MODE, .doc = "of its file" },
			{ "target/permissions/owner", T_INT, .doc = "uid of its file; -1: whoever makes it" },
			{ "target/permissions/group", T_INT, .doc = "gid of its file; -1: of whoever makes it" },
			{ "target/permissions/label", T_STRING, .doc = "its security label" },
			{ "target/timestamps/atime", T_STRING, .flags = P_OUTPUT, .doc = "last read" },
			{ "target/timestamps/mtime", T_STRING, .flags = P_OUTPUT, .doc = "last written" },
			{ "target/timestamps/ctime", T_STRING, .flags = P_OUTPUT, .doc = "last changed" },
			{ "target/timestamps/btime", T_STRING, .flags = P_OUTPUT, .doc = "made" },
			{ "target/compat", T_ENUM, "compat", compats,
			  .doc = "qcow2: the oldest QEMU that reads it: 0.10, 1.1" },
			{ "target/clusterSize", T_BYTES, "cluster_size", .doc = "qcow2: bytes of a cluster" },
			{ "target/features/lazy_refcounts", T_FLAG, "lazy_refcounts",
			  .doc = "qcow2: counts are written late: quicker, and checked after a crash" },
			{ "target/features/extended_l2", T_FLAG, "extended_l2",
			  .doc = "qcow2: a cluster has 32 parts" },
			{ "target/nocow", T_FLAG, "nocow", .doc = "no copy on write below it (btrfs)" },
			{ "target/encryption", T_SUB, .sub = &volume_encryption_schema, .doc = "how it is encrypted" },
			{ "backingStore/path", T_STRING, .doc = "the image that it is built on" },
			{ "backingStore/format/@type", T_ENUM, .words = formats,
			  .doc = "format of that; never guessed" },
			{ "backingStore/permissions/mode", T_MODE, .flags = P_OUTPUT, .doc = "of that image" },
			{ "backingStore/permissions/owner", T_INT, .flags = P_OUTPUT, .doc = "of that image" },
			{ "backingStore/permissions/group", T_INT, .flags = P_OUTPUT, .doc = "of that image" },
			{ "backingStore/permissions/label", T_STRING, .flags = P_OUTPUT, .doc = "of that image" },
			{ "backingStore/timestamps/atime", T_STRING, .flags = P_OUTPUT, .doc = "of that image" },
			{ "backingStore/timestamps/mtime", T_STRING, .flags = P_OUTPUT, .doc = "of that image" },
			{ "backingStore/timestamps/ctime", T_STRING, .flags = P_OUTPUT, .doc = "of that image" },
			{ "backingStore/timestamps/btime", T_STRING, .flags = P_OUTPUT, .doc = "of that image" },
			{ 0 } },
};
