/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * SCSI hosts and what is attached to them, as sysfs tells it: shared by the pools of type scsi and iscsi.
 *
 * SYS is where sysfs is ("/sys"; tests have a tree of their own).  All that has a SYS may block in the kernel and runs on the pool's thread,
 * where it touches its arguments only.
 */
#ifndef DOMFS_SCSI_H
#define DOMFS_SCSI_H

#include "storage.h"

#define SCSI_SYS "/sys"

/* ---- scsi_sysfs.c ---- */

/* The first line of SYS/PATH, trimmed, the caller's; NULL when it cannot be read. */
char *sys_text(const char *dir, const char *name);
int sys_write(const char *dir, const char *name, const char *text, struct error *err);
/* The names in DIR that begin with PREFIX, sorted; -errno. */
int sys_names(const char *dir, const char *prefix, struct vec *out);

/* The disks and CD-ROMs of host HOST as volumes "unit:BUS:TARGET:LUN", whose path is that of a link in TARGET (the pool's target/path), or
 * a node when TARGET is /dev.  *WITHOUT: how many have no link there; -ENOENT when none has one. */
int scsi_list(const char *sys, int host, const char *target, struct listing *out, unsigned *without, struct error *err);
/* Asks the bus for what is new, and each disk for its size. */
int scsi_rescan(const char *sys, int host, struct error *err);
bool scsi_host_there(const char *sys, int host);

/* ---- mpath.c ---- */

int mpath_maps(const char *sys, struct listing *out, struct error *err); /* all multipath devices */

/* ---- scsi_id.c ---- */

/* A LUN's own name in the world, from its page 0x83 of vital product data: as udev's scsi_id gives it ("3600140..."), the caller's; NULL
 * when it says none that is unique. */
char *scsi_id(const unsigned char *page, size_t n);

/* ---- scsi_adapter.c: which host source/adapter means ---- */

struct adapter {	   /* texts are owned; NULL: not given */
	char *name;	   /* "host3", also of old definitions without type */
	char *address;	   /* "0000:00:1f.2" with UNIQUE */
	unsigned unique;   /* of several hosts of one PCI device */
	char *wwnn, *wwpn; /* of a virtual port */
	char *parent, *parent_wwnn, *parent_wwpn, *parent_fabric_wwn;
	bool keep; /* managed='no': the port stays when the pool is stopped */
};
int adapter_of(const struct node *pool, struct adapter *a, struct error *err); /* does not wait */
void adapter_clear(struct adapter *a);
void adapter_show(const struct adapter *a, struct buf *out);
/* The host's number; -ENODEV when there is none now. */
int adapter_host(const char *sys, const struct adapter *a, struct error *err);
/* Makes the virtual port of A (N_Port ID virtualization), on its parent or the first that can. */
int vport_make(const char *sys, const struct adapter *a, struct error *err);
int vport_remove(const char *sys, const struct adapter *a, struct error *err);

/* ---- scsi_pool.c: the same for a whole pool ---- */

/* What goes to the pool's thread. */
struct scsi_work {
	char *sys, *target;
	struct adapter adapter;	     /* of a scsi pool */
	struct iscsi_portal *portal; /* of an iscsi pool, and the interface its session is made through */
	char *iface;
	void (*free_portal)(struct iscsi_portal *portal);
	int (*host)(struct scsi_work *w, struct error *err); /* the host's number */
	unsigned without;				     /* disks that have no link (yet) */
	int number, session; /* of the host, of the session (iscsi), as far as it was found */
	struct listing list;
	struct error why;
};
struct scsi_work *scsi_work_new(struct pool *p);
void scsi_work_free(void *w);
/* FN(W) on the pool's thread: FN's result.  When it is negative W is freed (or will be) and its error is in *ERR; else W is the caller's again. */
int scsi_work_run(struct pool *p, struct scsi_work *w, int (*fn)(void *w), int64_t timeout_ms, struct error *err);
/* These three free W. */
int scsi_work_list(struct pool *p, struct scsi_work *w, struct listing *out, struct error *err);
int scsi_work_rescan(struct pool *p, struct scsi_work *w, struct error *err); /* and waits for udev */
int scsi_work_image(struct pool *p, struct scsi_work *w, const char *name, int flags, struct bulk **out,
		    struct error *err);

/* Slots of pools whose volumes are listed whole, with a path that is a block device. */
int scsi_target_complete(struct node *pool,
			 struct error *err); /* target/path: /dev/disk/by-path; permissions are refused */
int lun_usage(struct pool *p, struct pool_usage *out, struct error *err);
int lun_wipe(struct pool *p, const char *name, const struct volume_info *now, const char *algorithm,
	     void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg, struct error *err);
int lun_disk(struct pool *p, const char *name, const struct volume_info *now, struct node *disk, struct error *err);

#endif
