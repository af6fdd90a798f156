/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Parts of disks that have a schema of their own.  Their code is blockdev*.c; here stands only which of their properties QEMU has. */
#include "storage.h"

#include "../../engine/schema/storage.h"

static const char *const protocols[] = { "nbd",	 "rbd",	 "iscsi", "http",    "https", "ftp",
					 "ftps", "tftp", "ssh",	  "gluster", "nfs",   NULL };

const struct qemu_kind qemu_source_kind = {
	.schema = &source_schema,
	.rows = (const struct qemu_row[]){ E("@file"),
					   E("@dev"),
					   E("@dir"),
					   E("@pool"),
					   E("@volume"),
					   E("@mode"),
					   { "@protocol", .elsewhere = true, .only = protocols },
					   E("@name"),
					   E("@query"),
					   E("@tls"),
					   E("@tlsHostname"),
					   E("@type"),
					   E("@path"),
					   E("@managed"),
					   E("@namespace"),
					   E("@startupPolicy"),
					   E("@fdgroup"),
					   E("snapshot/@name"),
					   E("config/@file"),
					   E("initiator/iqn/@name"),
					   E("ssl/@verify"),
					   E("cookies/cookie"),
					   E("readahead/@size"),
					   E("timeout/@seconds"),
					   E("reconnect/@enabled"),
					   E("reconnect/@timeout"),
					   E("reconnect/@delay"),
					   E("identity/@user"),
					   E("identity/@group"),
					   E("identity/@username"),
					   E("identity/@keyfile"),
					   E("knownHosts/@path"),
					   E("reservations/@managed"),
					   E("reservations/source/@type"),
					   E("reservations/source/@path"),
					   E("reservations/source/@mode"),
					   { 0 } },
};

const struct qemu_kind qemu_source_host_kind = {
	.schema = &source_host_schema,
	.rows = (const struct qemu_row[]){ E("@name"), E("@port"), E("@transport"), E("@socket"), { 0 } },
};

const struct qemu_kind qemu_source_cookie_kind = {
	.schema = &source_cookie_schema,
	.rows = (const struct qemu_row[]){ E("@name"), E(""), { 0 } },
};

const struct qemu_kind qemu_source_slice_kind = {
	.schema = &source_slice_schema,
	.rows = (const struct qemu_row[]){ E("@type"), E("@offset"), E("@size"), { 0 } },
};

/* No labels are set: every guest has a uid of its own and gets descriptors, so there is nothing to label. */
const struct qemu_kind qemu_seclabel_kind = {
	.schema = &seclabel_schema,
	.rows = (const struct qemu_row[]){ E("@model"), E("@relabel"), E("@labelskip"), E("label"), { 0 } },
};

const struct qemu_kind qemu_auth_kind = {
	.schema = &auth_schema,
	.rows =
		(const struct qemu_row[]){
			E("@username"), E("@type"), E("secret/@type"), E("secret/@uuid"), E("secret/@usage"), { 0 } },
};

const struct qemu_kind qemu_encryption_kind = {
	.schema = &encryption_schema,
	.rows = (const struct qemu_row[]){ E("@format"), E("@engine"), { 0 } },
};

const struct qemu_kind qemu_encryption_secret_kind = {
	.schema = &encryption_secret_schema,
	.rows = (const struct qemu_row[]){ E("@type"), E("@uuid"), E("@usage"), { 0 } },
};

const struct qemu_kind qemu_backing_kind = {
	.schema = &backing_schema,
	.rows = (const struct qemu_row[]){ E("@type"), E("format/@type"), E("format/metadata_cache/max_size"), { 0 } },
};

/* A copy job of a running guest: libvirt shows it and drops it from a definition. */
const struct qemu_kind qemu_mirror_kind = {
	.schema = &mirror_schema,
	.rows = (const struct qemu_row[]){ E("@type"),
					   E("@file"),
					   E("@format"),
					   E("@job"),
					   E("@ready"),
					   E("format/@type"),
					   E("format/metadata_cache/max_size"),
					   { 0 } },
};

const struct qemu_kind qemu_disk_iothread_kind = {
	.schema = &disk_iothread_schema,
	.rows = (const struct qemu_row[]){ E("@id"), { 0 } },
};

const struct qemu_kind qemu_disk_iothread_queue_kind = {
	.schema = &disk_iothread_queue_schema,
	.rows = (const struct qemu_row[]){ E("@id"), { 0 } },
};

const struct qemu_kind qemu_fs_idmap_kind = {
	.schema = &fs_idmap_schema,
	.rows = (const struct qemu_row[]){ E("@start"), E("@target"), E("@count"), { 0 } },
};

const struct qemu_kind qemu_hostdev_host_kind = {
	.schema = &hostdev_host_schema,
	.rows = (const struct qemu_row[]){ E("@name"), E("@port"), { 0 } },
};
