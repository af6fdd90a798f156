/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the bytes of an image lie: <source> in all its types (a file, a block device, a directory, a network server, a
 * pool's volume, an NVMe function, a vhost backend), and what hangs below it: hosts, secrets, cookies, backing images.  Used by disks,
 * backing images, mirrors, data stores and the firmware's NVRAM.
 */
#include "storage.h"

#include "../schema.h"

const char *const image_formats[] = { "raw",  "bochs", "cloop", "dmg",	"iso",	     "vpc",  "vdi",  "vhdx", "vmdk",
				      "qcow", "qcow2", "qed",	"luks", "parallels", "cow",  "fat",  "vhd",  "ploop",
				      "dir",  "aio",   "auto",	"none", "ext2",	     "ext3", "ext4", "lvm2", NULL };
const char *const source_types[] = {
	"file", "block", "dir", "network", "volume", "nvme", "vhostuser", "vhostvdpa", NULL
};
static const char *const protocols[] = { "nbd",	 "rbd", "iscsi",   "http", "https",    "ftp",  "ftps",
					 "tftp", "ssh", "gluster", "nfs",  "sheepdog", "vxhs", NULL };
static const char *const startup_policies[] = { "mandatory", "requisite", "optional", NULL };
static const char *const pool_modes[] = { "host", "direct", NULL };
static const char *const inner_types[] = { "unix", "pci", NULL };
static const char *const transports[] = { "tcp", "unix", "rdma", NULL };
static const char *const secret_types[] = { "ceph", "iscsi", "passphrase", "volume", "tls", "vtpm", NULL };
static const char *const encryption_formats[] = { "default", "qcow", "luks", "luks2", "luks-any", NULL };
static const char *const encryption_engines[] = { "qemu", "librbd", NULL };
static const char *const slice_types[] = { "storage", NULL };
static const char *const seclabel_models[] = { "selinux", "apparmor", "dac", NULL };
static const char *const server_modes[] = { "client", "server", NULL };
static const char *const mirror_jobs[] = { "copy", "active-commit", NULL };
static const char *const mirror_ready[] = { "yes", "abort", "pivot", NULL };

const struct schema source_host_schema = {
	.element = "host",
	.props =
		(const struct prop[]){
			{ "@name", T_STRING, .doc = "the server's name or address" },
			{ "@port", T_U64, .min = 1, .max = 65535, .doc = "its port; the protocol's own when absent" },
			{ "@transport", T_ENUM, .words = transports, .dflt = "tcp", .doc = "how it is reached" },
			{ "@socket", T_STRING, .doc = "the unix socket of transport='unix'" },
			{ 0 } },
};

const struct schema source_cookie_schema = {
	.element = "cookie",
	.props = (const struct prop[]){ { "@name", T_STRING, .flags = P_REQUIRED, .doc = "the cookie's name" },
					{ "", T_STRING, .flags = P_SECRET, .doc = "its value" },
					{ 0 } },
};

const struct schema source_slice_schema = {
	.element = "slice",
	.props = (const struct prop[]){ { "@type", T_ENUM, .words = slice_types, .flags = P_REQUIRED,
					  .doc = "what is cut: the storage itself" },
					{ "@offset", T_U64, .flags = P_REQUIRED, .doc = "first byte" },
					{ "@size", T_U64, .min = 1, .flags = P_REQUIRED, .doc = "bytes" },
					{ 0 } },
};

const struct schema seclabel_schema = {
	.element = "seclabel",
	.props =
		(const struct prop[]){
			{ "@model", T_ENUM, .words = seclabel_models, .doc = "security driver of this label" },
			{ "@relabel", T_ENUM, .words = words_yes_no, .doc = "may the image be labelled" },
			{ "@labelskip", T_ENUM, .words = words_yes_no, .doc = "labelling was skipped (output)" },
			{ "label", T_STRING, .doc = "the label to use" },
			{ 0 } },
};

static int auth_check(const struct node *n, struct error *err)
{
	if (!node_has(n, "secret/@type"))
		return error_set(err, EINVAL, "line %ld: <auth> needs <secret type='ceph'> or <secret type='iscsi'>",
				 node_line(n));
	if (!node_has(n, "secret/@usage") && !node_has(n, "secret/@uuid"))
		return error_set(err, EINVAL,
				 "line %ld: <secret> of <auth> needs usage='...' or uuid='...' to say which",
				 node_line(n));
	return 0;
}

const struct schema auth_schema = {
	.element = "auth",
	.check = auth_check,
	.props = (const struct prop[]){ { "@username", T_STRING, .flags = P_REQUIRED, .doc = "user at the server" },
					{ "@type", T_ENUM, .words = (const char *const[]){ "chap", "ceph", NULL },
					  .doc = "kind of login (pools)" },
					{ "secret/@type", T_ENUM, .words = secret_types, .doc = "kind of secret" },
					{ "secret/@uuid", T_UUID, .doc = "which secret, by uuid" },
					{ "secret/@usage", T_STRING, .doc = "which secret, by what it is for" },
					{ 0 } },
};

const struct schema encryption_secret_schema = {
	.element = "secret",
	.props = (const struct prop[]){ { "@type", T_ENUM, .words = secret_types, .flags = P_REQUIRED,
					  .doc = "passphrase" },
					{ "@uuid", T_UUID, .doc = "which secret, by uuid" },
					{ "@usage", T_STRING, .doc = "which secret, by what it is for" },
					{ 0 } },
};

/* A cipher says how a new volume is made; an image that exists says it itself. */
static int encryption_check(const struct node *n, struct error *err)
{
	const char *format = node_get_or(n, "@format", "default");

	if (node_has(n, "cipher") || node_has(n, "ivgen"))
		return error_set(err, EINVAL,
				 "line %ld: <%s> is said when a volume is made, not where it is used: leave it out",
				 node_line(n), node_has(n, "cipher") ? "cipher" : "ivgen");
	if (!strncmp(format, "luks", 4) && !node_has(n, "secret"))
		return error_set(err, EINVAL, "line %ld: <encryption format='%s'> needs a <secret type='passphrase'>",
				 node_line(n), format);
	return 0;
}

const struct schema encryption_schema = {
	.element = "encryption",
	.check = encryption_check,
	.props =
		(const struct prop[]){
			{ "@format", T_ENUM, .words = encryption_formats, .flags = P_REQUIRED,
			  .doc = "how it is encrypted" },
			{ "@engine", T_ENUM, .words = encryption_engines, .dflt = "qemu", .doc = "who decrypts" },
			{ "secret", T_LIST, .sub = &encryption_secret_schema, .doc = "the passphrases" },
			{ "cipher/@name", T_STRING, .doc = "only where a volume is made" },
			{ "cipher/@size", T_U64, .doc = "only where a volume is made" },
			{ "cipher/@mode", T_STRING, .doc = "only where a volume is made" },
			{ "cipher/@hash", T_STRING, .doc = "only where a volume is made" },
			{ "ivgen/@name", T_STRING, .doc = "only where a volume is made" },
			{ "ivgen/@hash", T_STRING, .doc = "only where a volume is made" },
			{ 0 } },
};

static int network_check(const struct node *n, const char *protocol, struct error *err)
{
	static const char *const one_host[] = { "nbd",	"iscsi", "http", "https",    "ftp",  "ftps",
						"tftp", "ssh",	 "nfs",	 "sheepdog", "vxhs", NULL };
	static const char *const named[] = { "rbd", "iscsi", "gluster", "nfs", "ssh", "vxhs", NULL };
	unsigned hosts = node_count(n, "host");

	if (word_index(named, protocol) >= 0 && !node_has(n, "@name"))
		return error_set(err, EINVAL, "line %ld: <source protocol='%s'> needs name='...'", node_line(n),
				 protocol);
	if (word_index(one_host, protocol) >= 0 && hosts != 1)
		return error_set(err, EINVAL, "line %ld: <source protocol='%s'> needs exactly one <host>, not %u",
				 node_line(n), protocol, hosts);
	if (str_eq(protocol, "gluster") && !hosts)
		return error_set(err, EINVAL, "line %ld: <source protocol='gluster'> needs a <host>", node_line(n));
	for (struct node *h = node_child(n, "host"); h; h = node_next(h, "host")) {
		bool sock = node_is(h, "@transport", "unix");

		if (sock && !node_has(h, "@socket"))
			return error_set(err, EINVAL, "line %ld: <host transport='unix'> needs socket='/path'",
					 node_line(h));
		if (!sock && node_has(h, "@socket"))
			return error_set(err, EINVAL, "line %ld: <host> has a socket: say transport='unix'",
					 node_line(h));
		if (!sock && !node_has(h, "@name"))
			return error_set(err, EINVAL, "line %ld: <host> needs name='...'", node_line(h));
	}
	return 0;
}

/* One label for each security model. */
static int labels_check(const struct node *n, struct error *err)
{
	for (const struct node *l = node_child(n, "seclabel"); l; l = node_next(l, "seclabel")) {
		if (node_count(n, "seclabel") > 1 && !node_has(l, "@model"))
			return error_set(err, EINVAL, "line %ld: <seclabel> needs model='...' when there are several",
					 node_line(l));
		if (node_is(l, "@relabel", "yes") && !node_has(l, "label"))
			return error_set(err, EINVAL, "line %ld: <seclabel relabel='yes'> needs a <label>",
					 node_line(l));
		for (const struct node *o = node_child(n, "seclabel"); o != l; o = node_next(o, "seclabel"))
			if (str_eq(node_get(o, "@model"), node_get(l, "@model")))
				return error_set(err, EINVAL,
						 "line %ld: <seclabel>: model '%s' has its label at line %ld already",
						 node_line(l), node_get(l, "@model"), node_line(o));
	}
	return 0;
}

static int source_check(const struct node *n, struct error *err)
{
	static const char *const web[] = { "http", "https", NULL };
	const char *protocol = node_get(n, "@protocol");

	if (protocol && network_check(n, protocol, err) < 0)
		return -EINVAL;
	if (node_has(n, "@query") && word_index(web, protocol ? protocol : "") < 0)
		return error_set(err, EINVAL, "line %ld: query='...' is for protocol='http' and 'https'", node_line(n));
	if (node_has(n, "cookies") && word_index(web, protocol ? protocol : "") < 0)
		return error_set(err, EINVAL, "line %ld: <cookies> are for protocol='http' and 'https'", node_line(n));
	if (node_has(n, "identity") && !str_eq(protocol, "nfs") && !str_eq(protocol, "ssh"))
		return error_set(err, EINVAL, "line %ld: <identity> is for protocol='nfs' and 'ssh'", node_line(n));
	return labels_check(n, err);
}

const struct schema source_schema = {
	.element = "source",
	.check = source_check,
	.props =
		(const struct prop[]){
			{ "@file", T_STRING, .flags = P_LIVE, .doc = "the image file (type='file')" },
			{ "@dev", T_STRING, .flags = P_LIVE,
			  .doc = "the block device (type='block'), the vDPA device (type='vhostvdpa')" },
			{ "@dir", T_STRING, .doc = "the directory shown as a FAT disk (type='dir')" },
			{ "@pool", T_STRING, .doc = "the pool of the volume (type='volume')" },
			{ "@volume", T_STRING, .doc = "the volume's name in it" },
			{ "@mode", T_ENUM, .words = pool_modes,
			  .doc = "an iSCSI volume through the host's device or directly" },
			{ "@protocol", T_ENUM, .words = protocols,
			  .doc = "how the server is spoken to (type='network')" },
			{ "@name", T_STRING, .doc = "the image's name at the server" },
			{ "@query", T_STRING, .doc = "the part of a URL after '?'" },
			{ "@tls", T_ENUM, .words = words_yes_no, .doc = "encrypt the connection (nbd, vxhs)" },
			{ "@tlsHostname", T_STRING, .doc = "the name that the server's certificate must have" },
			{ "@type", T_ENUM, .words = inner_types,
			  .doc = "unix (type='vhostuser') or pci (type='nvme')" },
			{ "@path", T_STRING, .doc = "the socket of type='vhostuser'" },
			{ "@managed", T_ENUM, .words = words_yes_no,
			  .doc = "take the NVMe function from its driver (type='nvme')" },
			{ "@namespace", T_U64, .min = 1, .max = UINT32_MAX, .doc = "NVMe namespace" },
			{ "@startupPolicy", T_ENUM, .words = startup_policies, .dflt = "mandatory",
			  .doc = "may the guest start without it" },
			{ "@fdgroup", T_STRING, .doc = "descriptors that were handed over under this name" },
			{ "@index", T_U64, .flags = P_OUTPUT,
			  .doc = "number of the image in the chain of a running guest" },
			{ "host", T_LIST, .sub = &source_host_schema, .doc = "the servers" },
			{ "snapshot/@name", T_STRING, .doc = "snapshot of the image (rbd)" },
			{ "config/@file", T_STRING, .doc = "configuration file of the client (rbd)" },
			{ "auth", T_SUB, .sub = &auth_schema, .doc = "login at the server" },
			{ "encryption", T_SUB, .sub = &encryption_schema, .doc = "how the image is encrypted" },
			{ "initiator/iqn/@name", T_STRING, .doc = "our own iSCSI name" },
			{ "ssl/@verify", T_ENUM, .words = words_yes_no, .dflt = "yes",
			  .doc = "check the server's certificate" },
			{ "cookies/cookie", T_LIST, .sub = &source_cookie_schema,
			  .doc = "cookies sent with each request" },
			{ "readahead/@size", T_U64, .min = 1, .doc = "bytes read ahead (http, ftp)" },
			{ "timeout/@seconds", T_U64, .min = 1, .doc = "seconds until the server counts as lost" },
			{ "reconnect/@enabled", T_ENUM, .words = words_yes_no,
			  .doc = "connect again when the backend comes back" },
			{ "reconnect/@timeout", T_U64, .doc = "seconds between tries" },
			{ "reconnect/@delay", T_U64,
			  .doc = "seconds for which requests are kept while nbd reconnects" },
			{ "identity/@user", T_STRING, .doc = "user at the NFS server" },
			{ "identity/@group", T_STRING, .doc = "group at the NFS server" },
			{ "identity/@username", T_STRING, .doc = "user at the ssh server" },
			{ "identity/@keyfile", T_STRING, .doc = "ssh private key" },
			{ "identity/@agentsock", T_STRING, .doc = "socket of the ssh agent" },
			{ "knownHosts/@path", T_STRING, .doc = "file of known ssh hosts" },
			{ "reservations/@managed", T_ENUM, .words = words_yes_no,
			  .doc = "persistent reservations through a helper of ours" },
			{ "reservations/@enabled", T_ENUM, .words = words_yes_no, .doc = "older spelling" },
			{ "reservations/@migration", T_ENUM, .words = words_yes_no,
			  .doc = "reservations move with the guest" },
			{ "reservations/source/@type", T_ENUM, .words = (const char *const[]){ "unix", NULL },
			  .doc = "unix" },
			{ "reservations/source/@path", T_STRING, .doc = "socket of the reservation helper" },
			{ "reservations/source/@mode", T_ENUM, .words = server_modes, .doc = "client" },
			{ "slices/slice", T_LIST, .sub = &source_slice_schema, .doc = "only this part of the storage" },
			{ "seclabel", T_LIST, .sub = &seclabel_schema, .doc = "security labels of the image" },
			{ "address", T_SUB, .sub = &address_schema,
			  .doc = "the host's PCI address of the NVMe function" },
			{ "dataStore", T_SUB, .sub = &data_store_schema, .doc = "the raw data file of a qcow2 image" },
			{ "privateData", T_ANY, .flags = P_OUTPUT, .doc = "libvirt's own notes" },
			{ 0 } },
};

int source_check_type(const struct node *n, const char *type, struct error *err)
{
	static const struct {
		const char *type, *path;
	} wants[] = {
		{ "file", "source/@file" },	   { "block", "source/@dev" },	   { "dir", "source/@dir" },
		{ "network", "source/@protocol" }, { "volume", "source/@pool" },   { "volume", "source/@volume" },
		{ "vhostuser", "source/@path" },   { "vhostvdpa", "source/@dev" }, { "nvme", "source/@namespace" },
		{ "nvme", "source/address" },
	};

	if (!node_has(n, "source"))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(wants); i++) {
		bool is = str_eq(wants[i].type, type);
		bool any = str_eq(type, "file") || str_eq(type, "block"); /* an empty drive */

		if (is && !any && !node_has(n, wants[i].path))
			return error_set(err, EINVAL, "line %ld: <%s type='%s'> needs %s", node_line(n), node_name(n),
					 type, wants[i].path);
	}
	return 0;
}

static int backing_check(const struct node *n, struct error *err)
{
	const char *type = node_get(n, "@type");

	if (!type && !node_has(n, "source")) /* <backingStore/>: the end of the chain */
		return 0;
	if (!type || !node_has(n, "source"))
		return error_set(
			err, EINVAL,
			"line %ld: <backingStore> needs type='...' and <source>, or neither: then the chain ends",
			node_line(n));
	if (!node_has(n, "format/@type"))
		return error_set(err, EINVAL,
				 "line %ld: <backingStore> needs <format type='...'/>: formats are never guessed",
				 node_line(n));
	return source_check_type(n, type, err);
}

const struct schema backing_schema = {
	.element = "backingStore",
	.check = backing_check,
	.props =
		(const struct prop[]){
			{ "@type", T_ENUM, .words = source_types, .doc = "kind of source" },
			{ "@index", T_U64, .flags = P_OUTPUT, .doc = "number of the image in a running guest's chain" },
			{ "format/@type", T_ENUM, .words = image_formats, .doc = "its format" },
			{ "format/metadata_cache/max_size", T_SIZE, .doc = "memory for its qcow2 tables" },
			{ "source", T_SUB, .sub = &source_schema, .doc = "where it lies" },
			{ "dataStore", T_SUB, .sub = &data_store_schema, .doc = "its raw data file" },
			{ "backingStore", T_SUB, .sub = &backing_schema, .doc = "the image below it" },
			{ 0 } },
};

const struct schema data_store_schema = {
	.element = "dataStore",
	.props =
		(const struct prop[]){
			{ "@type", T_ENUM, .words = source_types, .flags = P_REQUIRED, .doc = "kind of source" },
			{ "@index", T_U64, .flags = P_OUTPUT, .doc = "number of the image in a running guest's chain" },
			{ "format/@type", T_ENUM, .words = image_formats, .doc = "raw" },
			{ "source", T_SUB, .sub = &source_schema, .doc = "where it lies" },
			{ 0 } },
};

const struct schema mirror_schema = {
	.element = "mirror",
	.props =
		(const struct prop[]){
			{ "@type", T_ENUM, .words = source_types, .doc = "kind of source" },
			{ "@file", T_STRING, .doc = "older spelling of source/@file" },
			{ "@format", T_ENUM, .words = image_formats, .doc = "older spelling of format/@type" },
			{ "@job", T_ENUM, .words = mirror_jobs, .doc = "the job that writes it" },
			{ "@ready", T_ENUM, .words = mirror_ready, .doc = "how far the job is" },
			{ "format/@type", T_ENUM, .words = image_formats, .doc = "format of the copy" },
			{ "format/metadata_cache/max_size", T_SIZE, .doc = "memory for its qcow2 tables" },
			{ "source", T_SUB, .sub = &source_schema, .doc = "where the copy lies" },
			{ "backingStore", T_SUB, .sub = &backing_schema, .doc = "the image below the copy" },
			{ 0 } },
};
