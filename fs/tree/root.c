/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The root of the mount. */
#include "fs/stream.h"
#include "fs/views.h"

static const char readme[] =
	"domfs: virtual machines as files.  Everything here is text: read it with cat, change it with echo.\n"
	"\n"
	"    cat list                                     every domain: name state id cpus memory\n"
	"    mkdir domains/web                            makes a domain: complete, shut off, with defaults\n"
	"    echo 2 > domains/web/cpus\n"
	"    echo 512M > domains/web/memory\n"
	"    cp vm.xml domains/web/xml                    or a whole definition: libvirt's domain XML\n"
	"    echo start > domains/web/state               returns when it runs, or fails\n"
	"    cat domains/web/error                        why it failed; all failures: errors\n"
	"    cat domains/web/wait/shutoff                 blocks until it is so\n"
	"    mkdir domains/web/disks/vdb                  a disk, plugged when its source is written:\n"
	"    echo /images/data.qcow2 > domains/web/disks/vdb/source\n"
	"    echo detach > domains/web/disks/vdb/state    returns when the guest has let go\n"
	"    socat - domains/web/console                  the serial console\n"
	"    tail -f events;  cat <> events               what happens\n"
	"    echo destroy > domains/web/state;  rmdir domains/web\n"
	"\n"
	"    mkdir pools/images;  echo /srv/images > pools/images/target;  echo start > pools/images/state\n"
	"    mkdir pools/images/volumes/root;  cd pools/images/volumes/root;  echo qcow2 > format;  echo 20G > capacity\n"
	"    cp disk.qcow2 image                          upload; cp image /tmp downloads\n"
	"\n"
	"A write does what it says before it returns, or fails; the reason is then in the file `error` beside it.\n"
	"chown, chgrp, chmod and setfacl on a domain decide who may see it and who may act on it.\n"
	"`domfs tree` prints every file with a line about it; `man domfs` has the rest.\n";

static int readme_show(const struct place *at unused, struct buf *out, struct error *err unused)
{
	buf_puts(out, readme);
	return 0;
}

static int version_show(const struct place *at unused, struct buf *out, struct error *err unused)
{
	buf_puts(out, DOMFS_VERSION "\n");
	return 0;
}

static int list_show(const struct place *at, struct buf *out, struct error *err unused)
{
	const struct viewer viewer = { at->who, sees_object };

	domains_list(&viewer, out);
	return 0;
}

static int metrics_show(const struct place *at, struct buf *out, struct error *err unused)
{
	const struct viewer viewer = { at->who, sees_object };

	domains_metrics(&viewer, out);
	return 0;
}

static const struct entry root_entries[] = {
	VALUE("README", 0444, readme_show, NULL, .facets = F_ACCESS,
	      .doc = "a page of help for the person who just mounted it"),
	VALUE("version", 0444, version_show, NULL, .facets = F_ACCESS, .doc = "the version of domfs"),
	VALUE("list", 0444, list_show, NULL, .fresh = LIVE, .personal = true,
	      .doc = "every domain in one read: NAME STATE ID CPUS MEMORY"),
	STREAM("events", 0644, &events_stream, .doc = "what happens, as it happens: SEQ TIME KIND OBJECT EVENT DETAIL"),
	STREAM("errors", 0644, &errors_stream, .doc = "the last failures in words: TIME UID PATH ERRNO MESSAGE"),
	VALUE("metrics", 0444, metrics_show, NULL, .fresh = WAITS, .doc = "every counter in OpenMetrics text"),
	DIR("domains", 0755, &domains_dir, .doc = "virtual machines, of every driver on this host"),
	DIR("by-uuid", 0755, &by_uuid_dir, .doc = "a link to each domain by its uuid"),
	DIR("by-id", 0755, &by_id_dir, .facets = F_NAMES | F_STATE, .doc = "a link to each running domain by its id"),
	DIR("pools", 0755, &pools_dir, .doc = "storage pools and their volumes"),
	DIR("secrets", 0755, &secrets_dir, .doc = "secrets for encrypted volumes, CHAP, Ceph, TLS and TPMs"),
	DIR("hosts", 0755, &hosts_dir, .doc = "other hosts, each with its own tree"),
	DIR("host", 0755, &host_dir, .doc = "the machine that this runs on"),
	{ 0 },
};

static const struct dir_type root_dir = { .entries = root_entries };
const struct entry root_entry = DIR("", 0755, &root_dir, .doc = "the root of the mount");
