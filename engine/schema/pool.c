/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * <pool>: where volumes come from.  What each type of pool consists of is in one table; what a type has no use for is refused, as it would
 * be dropped without a word.  Whether a type is served here, its driver says.
 */
#include "storage.h"

static const char *const types[] = { "dir",	 "fs",		 "netfs", "logical",  "disk",
				     "iscsi",	 "iscsi-direct", "scsi",  "mpath",    "rbd",
				     "sheepdog", "gluster",	 "zfs",	  "vstorage", NULL };
static const char *const adapter_types[] = { "scsi_host", "fc_host", NULL };
static const char *const auth_types[] = { "chap", "ceph", NULL };
static const char *const refresh_words[] = { "default", "capacity", NULL };

/* What a source's format can be, of whichever type; fs_formats and so on say which belong to which. */
static const char *const formats[] = { "auto",	"ext2", "ext3", "ext4",	     "ufs",	"iso9660", "udf",
				       "gfs",	"gfs2", "vfat", "hfs+",	     "xfs",	"ocfs2",   "vmfs",
				       "btrfs", "nfs",	"cifs", "glusterfs", "unknown", "dos",	   "dvh",
				       "gpt",	"mac",	"bsd",	"pc98",	     "sun",	"lvm2",	   NULL };
static const char *const fs_formats[] = { "auto", "ext2", "ext3", "ext4", "ufs",   "iso9660", "udf",   "gfs",
					  "gfs2", "vfat", "hfs+", "xfs",  "ocfs2", "vmfs",    "btrfs", NULL };
static const char *const netfs_formats[] = { "auto", "nfs", "glusterfs", "cifs", NULL };
static const char *const disk_formats[] = { "unknown", "dos", "dvh", "gpt", "mac", "bsd", "pc98", "sun", "lvm2", NULL };
static const char *const logical_formats[] = { "unknown", "lvm2", NULL };

/* What a pool of each type may have below <source>, besides vendor and product; what it must have; of what it has exactly one. */
static const struct kind {
	const char *type;
	const char *const *formats;
	const char *may[8];
	const char *must[4];
} kinds[] = {
	{ "dir", NULL, { NULL }, { NULL } },
	{ "fs", fs_formats, { "device", "format" }, { "device/@path" } },
	{ "netfs", netfs_formats, { "host", "dir", "format", "protocol", "auth" }, { "host/@name", "dir/@path" } },
	{ "logical", logical_formats, { "name", "device", "format" }, { NULL } },
	{ "disk", disk_formats, { "device", "format" }, { "device/@path" } },
	{ "iscsi", NULL, { "host", "device", "initiator", "auth" }, { "host/@name", "device/@path" } },
	{ "iscsi-direct",
	  NULL,
	  { "host", "device", "initiator", "auth" },
	  { "host/@name", "device/@path", "initiator/iqn/@name" } },
	{ "scsi", NULL, { "adapter" }, { "adapter" } },
	{ "mpath", NULL, { NULL }, { NULL } },
	{ "rbd", NULL, { "name", "host", "auth" }, { "host/@name" } },
	{ "sheepdog", NULL, { "name", "host" }, { "host/@name" } },
	{ "gluster", NULL, { "name", "host", "dir" }, { "host/@name" } },
	{ "zfs", NULL, { "name", "device" }, { NULL } },
	{ "vstorage", NULL, { "name" }, { NULL } },
};

static const struct kind *kind_of(const char *type)
{
	for (size_t i = 0; type && i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i].type, type))
			return &kinds[i];
	return NULL;
}

static bool may_have(const struct kind *k, const char *name)
{
	return !strcmp(name, "vendor") || !strcmp(name, "product") || word_index(k->may, name) >= 0;
}

/* An element that would be missed is named as it is written. */
static int needs(const struct node *pool, const struct kind *k, const char *path, struct error *err)
{
	static const struct {
		const char *path, *words;
	} examples[] = {
		{ "device/@path", "<device path='...'/>" },
		{ "host/@name", "<host name='...'/>" },
		{ "dir/@path", "<dir path='...'/>" },
		{ "initiator/iqn/@name", "<initiator><iqn name='iqn...'/></initiator>" },
		{ "adapter", "<adapter type='scsi_host' name='host0'/>" },
	};
	const struct node *source = node_child(pool, "source");
	const char *words = path;

	if (node_first(source, path) && *node_get(source, path))
		return 0;
	if (!strchr(path, '@') && node_first(source, path))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(examples); i++)
		if (!strcmp(examples[i].path, path))
			words = examples[i].words;
	return error_set(err, EINVAL, "line %ld: <source>: a pool of type %s needs %s in its <source>",
			 node_line(source ? source : pool), k->type, words);
}

static int check_format(const struct node *source, const struct kind *k, struct error *err)
{
	const char *format = node_get(source, "format/@type");
	autofree char *all = NULL;

	if (!format || !k->formats || word_index(k->formats, format) >= 0)
		return 0;
	all = words_joined(k->formats);
	return error_set(err, EINVAL, "line %ld: <format type='%s'>: a pool of type %s has one of %s",
			 node_line(node_child(source, "format")), format, k->type, all);
}

/* Where more than one of a kind stands, all but the first would be dropped. */
static int check_single(const struct node *source, const struct kind *k, struct error *err)
{
	static const char *const many[] = { "rbd host", "logical device", "zfs device", NULL };

	for (size_t i = 0; i < 2; i++) {
		const char *name = i ? "device" : "host";
		autofree char *key = xasprintf("%s %s", k->type, name);
		struct node *first = node_child(source, name), *second = node_next(first, name);

		if (second && word_index(many, key) < 0)
			return error_set(err, EINVAL,
					 "line %ld: <%s>: a pool of type %s has one, and it is at line %ld",
					 node_line(second), name, k->type, node_line(first));
	}
	return 0;
}

static int check_protocol(const struct node *source, struct error *err)
{
	const char *ver = node_get(source, "protocol/@ver");

	if (!ver || (*ver && !ver[strspn(ver, "0123456789.")]))
		return 0;
	return error_set(err, EINVAL, "line %ld: <protocol ver='%s'>: a version is digits and dots, as in 4.1",
			 node_line(node_child(source, "protocol")), ver);
}

/* The kind of login follows from the type of pool. */
static int check_auth(const struct node *source, const struct kind *k, struct error *err)
{
	const struct node *auth = node_child(source, "auth");
	const char *want = str_starts(k->type, "iscsi") ? "chap" : !strcmp(k->type, "rbd") ? "ceph" : NULL;

	if (!auth || !want || node_is(auth, "@type", want))
		return 0;
	return error_set(err, EINVAL, "line %ld: <auth>: a pool of type %s needs type='%s'", node_line(auth), k->type,
			 want);
}

static int check_source(const struct node *pool, const struct kind *k, struct error *err)
{
	const struct node *source = node_child(pool, "source");
	int r = 0;

	for (const struct node *c = node_child(source, NULL); c; c = node_next(c, NULL)) {
		autofree char *all = may_have(k, node_name(c)) || node_foreign(c) ? NULL : words_joined(k->may);
		if (all)
			return error_set(err, EINVAL,
					 "line %ld: <%s>: a pool of type %s has none in its <source>%s%s%s",
					 node_line(c), node_name(c), k->type, *all ? ": it has " : "", all,
					 strcmp(k->type, "dir") ? "" : ": its directory is <target><path>");
	}
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(k->must) && k->must[i]; i++)
		r = needs(pool, k, k->must[i], err);
	if (r == 0)
		r = check_format(source, k, err);
	if (r == 0)
		r = check_single(source, k, err);
	if (r == 0)
		r = check_protocol(source, err);
	return r == 0 ? check_auth(source, k, err) : r;
}

/* What cannot be a line or the name of a file; a pool whose source has a name needs none of its own. */
static int check_name(const struct node *pool, struct error *err)
{
	const char *name = node_get(pool, "name"), *source = node_get(pool, "source/name");

	if (!name && !(source && *source))
		return error_set(err, EINVAL, "line %ld: <pool>: <name> is missing", node_line(pool));
	if (name && (!*name || strpbrk(name, "/\n")))
		return error_set(err, EINVAL, "line %ld: <name>: a name is not empty, and has no '/' and no line break",
				 node_line(node_child(pool, "name")));
	return 0;
}

/* What only some types have besides their sources. */
static int check_rest(const struct node *pool, const struct kind *k, struct error *err)
{
	const struct node *opts = node_child(pool, "fs:mount_opts"), *conf = node_child(pool, "rbd:config_opts");
	const struct node *target = node_first(pool, "target/path");
	bool fs = !strcmp(k->type, "fs"), dir = !strcmp(k->type, "dir"), rbd = !strcmp(k->type, "rbd");

	if (opts && !fs && strcmp(k->type, "netfs"))
		return error_set(err, EINVAL, "line %ld: <mount_opts> is for pools of type fs and netfs",
				 node_line(opts));
	if (conf && !rbd)
		return error_set(err, EINVAL, "line %ld: <config_opts> is for pools of type rbd", node_line(conf));
	if (node_child(pool, "features") && !fs && !dir)
		return error_set(err, EINVAL, "line %ld: <features>: copy on write is for pools of type dir and fs",
				 node_line(node_child(pool, "features")));
	if (node_is(pool, "refresh/volume/@allocation", "capacity") && !rbd)
		return error_set(err, EINVAL,
				 "line %ld: <refresh>: allocation='capacity' is for pools of type rbd: others know it",
				 node_line(node_child(pool, "refresh")));
	if (node_has(pool, "source/device/@part_separator") && strcmp(k->type, "disk"))
		return error_set(err, EINVAL, "line %ld: <device>: part_separator is for pools of type disk",
				 node_line(node_first(pool, "source/device")));
	if (target && node_get(target, "")[0] != '/')
		return error_set(err, EINVAL,
				 "line %ld: <path> '%s' of <target>: write the whole path, beginning with '/'",
				 node_line(target), node_get(target, ""));
	return 0;
}

static int check(const struct node *n, struct error *err)
{
	const struct kind *k = kind_of(node_get(n, "@type"));
	int r = check_name(n, err);

	if (r == 0 && k)
		r = check_source(n, k, err);
	if (r == 0 && k)
		r = check_rest(n, k, err);
	return r == 0 ? permissions_check(node_child(n, "target"), err) : r;
}

/* ---- parts ---- */

static const struct schema free_extent_schema = {
	.element = "freeExtent",
	.props = (const struct prop[]){ { "@start", T_U64, .doc = "first byte" },
					{ "@end", T_U64, .doc = "the byte after the last" },
					{ 0 } },
};

static const struct schema pool_device_schema = {
	.element = "device",
	.props = (const struct prop[]){ { "@path", T_STRING, .flags = P_REQUIRED,
					  .doc = "the device, or the target's IQN (iscsi)" },
					{ "@part_separator", T_ENUM, .words = words_yes_no,
					  .doc = "partitions are called ...p1 (disk)" },
					{ "freeExtent", T_LIST, .sub = &free_extent_schema, .flags = P_OUTPUT,
					  .doc = "where it is free" },
					{ 0 } },
};

static const struct schema pool_host_schema = {
	.element = "host",
	.props = (const struct prop[]){ { "@name", T_STRING, .flags = P_REQUIRED, .doc = "the server" },
					{ "@port", T_U64, .min = 1, .max = 65535, .doc = "its port" },
					{ 0 } },
};

static int auth_check(const struct node *n, struct error *err)
{
	bool uuid = node_has(n, "secret/@uuid"), usage = node_has(n, "secret/@usage");

	if (uuid != usage)
		return 0;
	return error_set(err, EINVAL, "line %ld: <auth> needs a <secret> with either uuid='...' or usage='...'",
			 node_line(n));
}

static const struct schema pool_auth_schema = {
	.element = "auth",
	.check = auth_check,
	.props =
		(const struct prop[]){
			{ "@type", T_ENUM, .words = auth_types, .doc = "kind of login: chap (iscsi), ceph (rbd)" },
			{ "@username", T_STRING, .flags = P_REQUIRED, .doc = "user at the server" },
			{ "secret/@type", T_ENUM, .words = (const char *const[]){ "iscsi", "ceph", NULL },
			  .doc = "kind of secret; follows from the login" },
			{ "secret/@uuid", T_UUID, .doc = "which secret, by uuid" },
			{ "secret/@usage", T_STRING, .doc = "which secret, by what it is for" },
			{ 0 } },
};

static bool is_wwn(const char *s)
{
	return s && strlen(s) == 16 && s[strspn(s, "0123456789abcdefABCDEF")] == 0;
}

static int check_wwns(const struct node *n, struct error *err)
{
	static const char *const wwns[] = { "wwnn", "wwpn", "parent_wwnn", "parent_wwpn", "parent_fabric_wwn" };

	for (size_t i = 0; i < ARRAY_SIZE(wwns); i++) {
		autofree char *at = xasprintf("@%s", wwns[i]);
		if (i < 2 ? is_wwn(node_get(n, at)) : !node_has(n, at) || is_wwn(node_get(n, at)))
			continue;
		return error_set(err, EINVAL,
				 "line %ld: <adapter type='fc_host'> needs %s='' with 16 hexadecimal digits",
				 node_line(n), wwns[i]);
	}
	return 0;
}

static void find_fc(void *arg, const char *name, const char *value unused)
{
	if (strcmp(name, "type") && strcmp(name, "name"))
		*(const char **)arg = name;
}

/* Without a type it is a SCSI host by its name, as it was before there were others. */
static int adapter_check(const struct node *n, struct error *err)
{
	bool name = node_has(n, "@name"), address = node_child(n, "parentaddr");
	const char *fc = NULL;

	if (node_is(n, "@type", "fc_host")) {
		if (name || address)
			return error_set(err, EINVAL,
					 "line %ld: <adapter type='fc_host'> has no %s: it is found by wwnn and wwpn",
					 node_line(n), name ? "name" : "<parentaddr>");
		return check_wwns(n, err);
	}
	node_attrs(n, find_fc, &fc);
	if (fc)
		return error_set(err, EINVAL, "line %ld: <adapter>: %s='...' is for type='fc_host'", node_line(n), fc);
	if (name == address)
		return error_set(err, EINVAL,
				 "line %ld: <adapter type='scsi_host'> needs either name='host0' or a <parentaddr>",
				 node_line(n));
	if (address && (!node_has(n, "parentaddr/@unique_id") || !node_first(n, "parentaddr/address")))
		return error_set(err, EINVAL, "line %ld: <parentaddr> needs unique_id='...' and an <address>",
				 node_line(node_child(n, "parentaddr")));
	return 0;
}

static const struct schema adapter_schema = {
	.element = "adapter",
	.check = adapter_check,
	.props =
		(const struct prop[]){
			{ "@type", T_ENUM, .words = adapter_types, .doc = "scsi_host or fc_host" },
			{ "@name", T_STRING, .doc = "the SCSI host: host0 (scsi_host)" },
			{ "@parent", T_STRING, .doc = "the host bus adapter that a virtual port is made on (fc_host)" },
			{ "@managed", T_ENUM, .words = words_yes_no, .doc = "the virtual port goes with the pool" },
			{ "@parent_wwnn", T_STRING, .doc = "that adapter, by its node's name" },
			{ "@parent_wwpn", T_STRING, .doc = "that adapter, by its port's name" },
			{ "@parent_fabric_wwn", T_STRING, .doc = "that adapter, by its fabric's name" },
			{ "@wwnn", T_STRING, .doc = "node name of the virtual port (fc_host)" },
			{ "@wwpn", T_STRING, .doc = "port name of the virtual port (fc_host)" },
			{ "parentaddr/@unique_id", T_U64, .doc = "which of the hosts at this address" },
			{ "parentaddr/address/@domain", T_U64, .max = 0xffffffff, .doc = "PCI domain" },
			{ "parentaddr/address/@bus", T_U64, .max = 0xff, .doc = "PCI bus" },
			{ "parentaddr/address/@slot", T_U64, .max = 0x1f, .doc = "PCI slot" },
			{ "parentaddr/address/@function", T_U64, .max = 7, .doc = "PCI function" },
			{ 0 } },
};

static const struct schema mount_option_schema = {
	.element = "option",
	.props = (const struct prop[]){ { "@name", T_STRING, .flags = P_REQUIRED, .doc = "as for mount -o" }, { 0 } },
};

static const struct schema config_option_schema = {
	.element = "option",
	.props = (const struct prop[]){ { "@name", T_STRING, .flags = P_REQUIRED, .doc = "of Ceph's configuration" },
					{ "@value", T_STRING, .flags = P_REQUIRED, .doc = "its value" },
					{ 0 } },
};

const struct schema pool_schema = {
	.element = "pool",
	.check = check,
	.props =
		(const struct prop[]){
			{ "@type", T_ENUM, "type", types, .flags = P_REQUIRED,
			  .doc = "what kind of storage: dir, fs, logical ..." },
			{ "name", T_STRING, .doc = "its name: that of its directory" },
			{ "uuid", T_UUID, .doc = "made when it is missing" },
			{ "capacity", T_BYTES, .flags = P_OUTPUT, .doc = "bytes that it can hold" },
			{ "allocation", T_BYTES, .flags = P_OUTPUT, .doc = "bytes that are taken" },
			{ "available", T_BYTES, .flags = P_OUTPUT, .doc = "bytes that are left" },
			{ "features/cow/@state", T_ENUM, .words = words_yes_no, .doc = "copy on write of its files" },
			{ "source/host", T_LIST, .sub = &pool_host_schema, .doc = "the servers" },
			{ "source/host/@name", T_STRING, "source_host", .doc = "the server (the first)" },
			{ "source/host/@port", T_U64, "source_port", .min = 1, .max = 65535, .doc = "its port" },
			{ "source/device", T_LIST, .sub = &pool_device_schema, .doc = "the devices" },
			{ "source/device/@path", T_STRING, "source_device",
			  .doc = "the device (the first), or the target's IQN (iscsi)" },
			{ "source/dir/@path", T_STRING, "source_dir", .doc = "the directory at the server" },
			{ "source/name", T_STRING, "source_name",
			  .doc = "what it is called where it comes from: volume group, Ceph pool, Gluster volume" },
			{ "source/format/@type", T_ENUM, "source_format", formats,
			  .doc = "format of the source: ext4, nfs, gpt, lvm2" },
			{ "source/protocol/@ver", T_STRING, "protocol_version", .doc = "version of NFS: 4.1" },
			{ "source/adapter", T_SUB, .sub = &adapter_schema, .doc = "the host bus adapter (scsi)" },
			{ "source/adapter/@name", T_STRING, "source_adapter", .doc = "the SCSI host: host0" },
			{ "source/initiator/iqn/@name", T_STRING, "source_initiator", .doc = "our own iSCSI name" },
			{ "source/auth", T_SUB, .sub = &pool_auth_schema, .doc = "login at the server" },
			{ "source/vendor/@name", T_STRING, "source_vendor",
			  .doc = "who made the storage: text for people" },
			{ "source/product/@name", T_STRING, "source_product", .doc = "which product: text for people" },
			{ "target/path", T_STRING, "target", .doc = "where its volumes appear" },
			{ "target/permissions/mode", T_MODE, "mode", .doc = "of the directory that build makes" },
			{ "target/permissions/owner", T_INT, "owner", .doc = "uid of that directory; -1: as it comes" },
			{ "target/permissions/group", T_INT, "group", .doc = "gid of that directory; -1: as it comes" },
			{ "target/permissions/label", T_STRING, .doc = "its security label" },
			{ "target/timestamps/atime", T_STRING, .flags = P_OUTPUT, .doc = "last read" },
			{ "target/timestamps/mtime", T_STRING, .flags = P_OUTPUT, .doc = "last written" },
			{ "target/timestamps/ctime", T_STRING, .flags = P_OUTPUT, .doc = "last changed" },
			{ "target/timestamps/btime", T_STRING, .flags = P_OUTPUT, .doc = "made" },
			{ "refresh/volume/@allocation", T_ENUM, .words = refresh_words,
			  .doc = "take a volume's capacity for what is allocated, which is quicker (rbd)" },
			{ "fs:mount_opts/fs:option", T_LIST, .sub = &mount_option_schema,
			  .doc = "options of the mount" },
			{ "rbd:config_opts/rbd:option", T_LIST, .sub = &config_option_schema,
			  .doc = "options of Ceph" },
			{ 0 } },
};
