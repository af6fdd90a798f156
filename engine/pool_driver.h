/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a type of storage pool is to the engine, and all that its driver (drivers/storage/TYPE.c) may know of a pool.
 *
 * Slots run as a task and may wait, unless said otherwise; start, stop, build, erase run under the pool's job, those on one volume under
 * the volume's.  Readers (list, info, usage) take no job and may run beside all others.  They return 0 or a negative errno with *ERR set and leave
 * things as they were when they fail.  A NULL slot is refused by the engine by name (ENOTSUP).
 *
 * What may block in the kernel goes through pool_offload (the pool's own thread, bounded), what is a program through spawn_run (bounded,
 * killed with all it started).  A slot never touches what somebody else set up: what is found mounted, active or logged in is adopted
 * (find gives 1) and the engine then leaves it there at stop.
 */
#ifndef DOMFS_POOL_DRIVER_H
#define DOMFS_POOL_DRIVER_H

#include "bulk.h"
#include "doc.h"
#include "schema.h"
#include "secret.h"

struct pool;

#define POOL_ASK_MS  5000		/* how long a question (list, info, usage) may take */
#define POOL_WORK_MS 60000		/* a mount, an activation, a login */
#define POOL_LONG_MS (24 * 3600 * 1000) /* mkfs, a copy, a wipe: bounded by the one who cancels it */

enum volume_type {
	VOLUME_FILE,
	VOLUME_BLOCK,
	VOLUME_DIR,
	VOLUME_NETWORK,
	VOLUME_NETDIR
}; /* volume/@type: file block dir network netdir */

extern const char *const volume_type_names[];

/* What is known of one volume.  Texts are owned; NULL or 0: not known or not so. */
struct volume_info {
	enum volume_type type;
	char *path; /* "/srv/images/root", "/dev/vg/lv", "pool/image" (rbd), "gluster://host/vol/name", "ip-...-lun-1" by-path */
	char *key;    /* libvirt's: the path of a file, an LV's or a LUN's own id */
	char *format; /* "qcow2", "raw"; partitions: "linux"; NULL: nobody knows yet */
	bool first;   /* for info(): nothing was known of it until now, so it will have to be looked into */
	uint64_t capacity, allocation;	/* bytes: what a guest sees; what it takes */
	uint64_t physical;		/* bytes of the image as it lies: what reading `image` gives */
	char *backing, *backing_format; /* as the image records them; backing_format NULL: it records none */
	char *encryption;		/* "luks" */
	char *compat;			/* qcow2: "0.10" "1.1" */
	uint64_t cluster_size;
	bool lazy_refcounts, extended_l2;
	bool has_owner; /* the three below are known */
	uid_t uid;
	gid_t gid;
	mode_t mode;
	int64_t atime_ns, mtime_ns, ctime_ns, btime_ns; /* btime: 0 where it is not kept */
	char *claim;					/* its claim_key (engine/claim.h), when cheap to know */
	struct extent {					/* volume/source/device: where it lies on which device */
		char *device;
		uint64_t start, end;
	} * extents;
	size_t nextents;
};
void volume_info_clear(struct volume_info *info);
bool volume_is_image(const char *format); /* is there more to it than its bytes? */

/* One line of a listing.  A driver that learns all when it lists fills INFO and has no info slot; one that lists names
 * only (files) leaves it NULL. */
struct listing {
	struct listed {
		char *name; /* as the pool knows it: any bytes but / and NUL */
		struct volume_info *info;
	} * rows;
	size_t n, cap;
};
struct listed *listing_add(struct listing *l, const char *name); /* copied; INFO NULL */
void listing_clear(struct listing *l);

struct pool_usage {
	uint64_t capacity, allocation, available;
};

/* A volume that is to be made.  All borrowed. */
struct volume_spec {
	const char *name;
	const struct node *
		xml; /* complete <volume>: capacity, target/format/@type, backingStore, target/encryption, features, ... */
	const char *format;			      /* target/format/@type; the pool's default where none was given */
	uint64_t capacity, allocation;		      /* bytes; allocation: how much of it at once (raw) */
	const char *preallocation;		      /* off metadata falloc full; NULL: by allocation */
	const char *backing, *backing_format;	      /* both or none: a path or a URL that qemu-img takes */
	const struct secret *secret, *backing_secret; /* LUKS */
	uid_t uid; /* whose it is to be, and the mode, unless xml's permissions say more */
	gid_t gid;
	mode_t mode;
	/* To be a copy of: NULL: empty. */
	const char *from_path, *from_format;
	const struct secret *from_secret;
	void (*progress)(void *arg, uint64_t done, uint64_t total); /* bytes; may be NULL */
	void *arg;
};

enum {
	POOL_NEEDS_ROOT = 1,
	POOL_FILES =
		2, /* volumes are the files of a directory (target/path): watched by inotify where the file system is local */
	POOL_READONLY = 4, /* volumes can be neither made nor removed */
	POOL_REMOTE = 8, /* changes of others are not seen by inotify: the listing is asked for when it is looked at */
	POOL_UNFOUND = 16
}; /* nothing outside tells that it is active, starting it sets nothing up: one that was active is so again after a crash */

struct data_layer {
	int fd;
	char *format;
	bool block; /* a device */
};

struct pool_driver {
	const char *type; /* pool/@type */
	unsigned flags;
	const char *const *source_formats; /* source/format/@type; NULL: has none.  The first is the default */
	const char *const *volume_formats; /* target/format/@type of a volume; the first is the default */

	/* Is the type usable here?  STATE gets "usable", or "not usable: what is missing, and which package has it"; facts, a line each, after it.
	 * Task; asked for at start in the background and when host/storage/TYPE is read. */
	int (*probe)(struct buf *state, struct error *err);
	/* Is the definition whole for this type, and what it leaves out filled in (target path below DIR, default formats)?  The schema check was done.
	 * Does not wait. */
	int (*complete)(struct node *pool, const char *dir, struct error *err);
	/* The file `source` in one line: "/dev/sdb1", "server:/export", a volume group.  Does not wait. */
	void (*source_show)(const struct node *pool, struct buf *out);
	int (*source_store)(struct node *pool, struct str text, struct error *err);

	int (*find)(struct pool *p,
		    struct error *err); /* 1: it is there already (mounted, active, logged in); 0: not */
	int (*build)(struct pool *p, bool overwrite,
		     struct error *err); /* mkfs, vgcreate, mklabel, mkdir; -EEXIST: there is something already */
	int (*start)(struct pool *p, struct error *err);
	int (*stop)(struct pool *p, struct error *err);
	int (*erase)(struct pool *p,
		     struct error *err); /* write delete: what build made goes; of a pool that is not active */

	/* Looks on the outside for what came and went (a scan of a bus), before list is asked.  NULL: list sees it by itself */
	int (*refresh)(struct pool *p, struct error *err);
	int (*list)(struct pool *p, struct listing *out, struct error *err);
	int (*usage)(struct pool *p, struct pool_usage *out, struct error *err);
	/* Fresh, apart from FORMAT: *INFO->format is what is recorded for it, or NULL: then it may be read from the image's first
	 * bytes.  Remembers what it has read of an image by device, inode, birth, size, mtime and ctime. */
	int (*info)(struct pool *p, const char *name, struct volume_info *info, struct error *err);

	/* NAME is new.  On failure nothing of it is left. */
	int (*create)(struct pool *p, const struct volume_spec *spec, struct error *err);
	int (*remove)(struct pool *p, const char *name, struct error *err);
	int (*rename)(struct pool *p, const char *name, const char *to, struct error *err);
	int (*resize)(struct pool *p, const char *name, const struct volume_info *now, uint64_t capacity,
		      struct error *err);
	int (*clone)(
		struct pool *p, const char *name, const struct volume_info *now, const struct volume_spec *to,
		struct
		error *err); /* as it lies: reflink, copy_file_range, LVM or RBD copy.  NULL: by create with .from_path */
	/* ALGORITHM is one of wipe_algorithms[] (volume.h). */
	int (*wipe)(struct pool *p, const char *name, const struct volume_info *now, const char *algorithm,
		    void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg, struct error *err);

	/* The bytes as they lie.  FLAGS: O_RDONLY, O_RDWR, with O_CREAT a volume that is to appear when it was uploaded, with O_TRUNC
	 * the same in place of an existing one (where a pool cannot, it is written in place). */
	int (*image)(struct pool *p, const char *name, int flags, const struct volume_spec *spec, struct bulk **out,
		     struct error *err);

	/* What a guest sees of an image that is not raw; NULL: it cannot be shown.  LAYERS: the image and what it is built on, the top one first; the
	 * descriptors stay the caller's.  Of a type whose images are no descriptors there are none, and NAME is opened. */
	int (*data)(struct pool *p, const char *name, const struct data_layer *layers, size_t n, bool write,
		    const struct secret *secret, struct bulk **out, struct error *err);

	/* Sets the <source> of DISK (an empty <disk>) so that a guest opens the volume NAME: its @type and source attributes, hosts, auth.  What
	 * the image itself says (format, backing) is the caller's.  Does not wait. */
	int (*disk)(struct pool *p, const char *name, const struct volume_info *now, struct node *disk,
		    struct error *err);
	/* The directory whose changes are the pool's (POOL_FILES); the caller frees. */
	char *(*directory)(struct pool *p);

	/* What could be pools of this type: a <sources> document, as libvirt's find-storage-pool-sources gives.  SPEC: host[:port] or a
	 * <source> element, may be empty.  Task. */
	int (*discover)(struct str spec, struct buf *xml, struct error *err);
};
extern const struct pool_driver *const pool_drivers[]; /* drivers/registry.c; NULL ends it */
const struct pool_driver *pool_driver_of(const char *type);

/* ---- what a driver may know of a pool (engine/pool.c) ---- */

const char *pool_name(const struct pool *p);
const char *pool_uuid(const struct pool *p);
struct node *pool_node(struct pool *p); /* the complete <pool>; dead at the next wait */
/* A copy of the text at PATH ("source/host/@name", "target/path"), the caller's; NULL when absent: for use across waits. */
char *pool_text(struct pool *p, const char *path);
void *pool_priv(const struct pool *p);
void pool_set_priv(struct pool *p, void *priv, void (*free_priv)(void *));
/* offload() on the pool's own thread, with a message when it timed out ("the pool's storage does not answer").  As offload: on -ETIMEDOUT
 * or -ECANCELED ARG is not the caller's any more. */
must_check int pool_offload(struct pool *p, int (*fn)(void *arg), void *arg, void (*free_arg)(void *),
			    int64_t timeout_ms, struct error *err);
struct worker *pool_worker(struct pool *p);
/* The secret that source/auth names, for start; NULL and *err (0 code: the pool has no auth). */
struct secret *pool_secret(struct pool *p, struct error *err);
/* A volume appeared or went by other means and the driver knows (udev, inotify): the listing is asked for again at the next look. */
void pool_stale(struct pool *p);

#endif
