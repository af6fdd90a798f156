/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a file of the tree is.  A directory type is a table of entries; an entry is one file.  A collection is a
 * directory whose children are objects.  An operation gets a place: the numbered entry and the object that it belongs to.
 * There is no structure per file.
 */
#ifndef DOMFS_ENTRY_H
#define DOMFS_ENTRY_H

#include <sys/statvfs.h>

#include "engine/access.h"
#include "engine/domain.h"
#include "engine/schema.h"

enum entry_kind {
	ENTRY_END,
	ENTRY_VALUE,  /* shown whole, stored whole by one write */
	ENTRY_DOC,    /* stored when what was written is one complete document */
	ENTRY_STREAM, /* open, read, poll */
	ENTRY_LINK,
	ENTRY_DIR,
	ENTRY_PROPS, /* one file per row of a schema */
	ENTRY_BYTES, /* read and written by offset: a volume's image */
};

/* How fresh a rendering must be.  show() of KEEP and LIVE runs on the loop and never waits. */
enum fresh {
	KEEP,  /* the kernel may keep the attributes until a facet of the object changes */
	LIVE,  /* rendered at each open */
	WAITS, /* rendered at each open by a task, as the hypervisor may have to be asked */
};

enum {
	F_NAMES = 1 << FACET_NAMES,
	F_STATE = 1 << FACET_STATE,
	F_DOC = 1 << FACET_DOC,
	F_CONFIG = 1 << FACET_CONFIG,
	F_JOB = 1 << FACET_JOB,
	F_ERROR = 1 << FACET_ERROR,
	F_LOG = 1 << FACET_LOG,
	F_ACCESS = 1 << FACET_ACCESS,
};

struct entry;
struct bulk;
struct dir_type;
struct handle;

/* One numbered entry: the same table reached by two paths has two of each. */
struct slot {
	const struct entry *entry;
	const struct prop *prop; /* its row, when it comes from PROPS */
	const char *name;	 /* NULL: its name is that of its object */
	enum view view;
	enum object_kind kind; /* of the object that it belongs to */
	unsigned facets;       /* what changes it */
	uint16_t number, parent;
	uint16_t local;	       /* its index among the slots of its kind */
	uint16_t first, count; /* a directory's fixed children */
	uint16_t child;	       /* a collection: the slot of each child; 0: none */
};

struct place {
	const struct slot *slot;
	struct object *obj;
	const struct who *who; /* who asks */
};

/* A growing file, or one whose read waits.  READ copies at most N bytes for the open file H at offset OFF: their number, 0 at the end,
 * -EAGAIN when there is nothing yet and a blocking reader should wait. */
struct ring;
struct stream_ops {
	int (*open)(const struct place *at, struct handle *h, struct error *err);
	ssize_t (*read)(struct handle *h, uint64_t off, char *out, size_t n);
	bool (*ready)(struct handle *h); /* would a read give something? */
	ssize_t (*write)(struct handle *h, const char *p, size_t n, struct error *err); /* -EAGAIN: later */
	const struct ring *(*ring)(struct handle *h); /* what it shows; NULL now and then */
	uint64_t (*size)(const struct place *at);
	void (*release)(struct handle *h);
};

struct entry {
	const char *name;
	enum entry_kind kind;
	mode_t mode;
	enum fresh fresh;
	unsigned facets; /* 0: what the view says (F_DOC or F_CONFIG) */
	enum view view;	 /* VIEW_CONFIG: of everything below */
	bool cached;	 /* a KEEP value whose text the kernel may keep too: the same for everybody who may read it */
	bool hidden;	 /* answers to its name but is not listed */
	bool fleeting;	 /* its name may stand for something else at any time */
	bool grows;	 /* a reader at the end of a LIVE text sees what came since */
	bool lines;	 /* a value of several lines: O_APPEND adds to it */
	bool personal;	 /* a LIVE text, or a listing, that differs from reader to reader */
	bool secret;	 /* any bytes, taken as they are; what held them in memory is overwritten */
	bool fresh_doc;	 /* a document that is never edited in place (check) */
	const char *doc; /* one line for `domfs tree` and docs/layout.md */
	bool (*exists)(const struct place *at); /* NULL: always */
	int (*show)(const struct place *at, struct buf *out, struct error *err);
	int (*store)(const struct place *at, struct str text, struct error *err);
	/* BYTES: opens them (a task), with open(2)'s FLAGS; how many there are, as last known. */
	int (*bytes)(const struct place *at, int flags, struct bulk **out, struct error *err);
	uint64_t (*size)(const struct place *at);
	uint64_t (*allocated)(const struct place *at); /* how many of them take space; NULL: all */
	const struct dir_type *dir;
	const struct stream_ops *stream;
	const struct schema *schema;
};

struct dir_type {
	const struct entry *entries;
	/* The rest is for collections. */
	const struct entry *child;
	enum object_kind kind; /* of the children */
	struct object *(*find)(const struct place *dir, const char *name);
	/* The child with the lowest serial above AFTER; NULL: no more. */
	struct object *(*next)(const struct place *dir, uint64_t after);
	/* The child's name here when it is not the object's own; false: it has none now. */
	bool (*name)(struct object *o, char name[256]);
	int (*make)(const struct place *dir, const char *name, mode_t mode, struct object **out, struct error *err);
	int (*drop)(const struct place *at, struct error *err);
	int (*rename)(const struct place *at, const char *name, struct error *err);
	/* A directory whose names, or whose files' sizes, may have changed by other hands: opening it, and looking up a name that is not known, first
	 * sees to it that it is as it is now.  SETTLED: that would not wait.  SETTLE: a task, at most TIMEOUT_MS; when it fails, what is known is
	 * shown.  May be NULL, of any directory. */
	void (*statfs)(const struct place *at, int64_t timeout_ms, struct statvfs *st); /* for df; a task */
	bool (*settled)(const struct place *dir);
	int (*settle)(const struct place *dir, int64_t timeout_ms, struct error *err);
};

#define VALUE(name_, mode_, show_, store_, ...)                                                                        \
	{                                                                                                              \
		.name = name_, .kind = ENTRY_VALUE, .mode = mode_, .show = show_, .store = store_, __VA_ARGS__         \
	}
#define DOC(name_, mode_, show_, store_, ...)                                                                          \
	{                                                                                                              \
		.name = name_, .kind = ENTRY_DOC, .mode = mode_, .show = show_, .store = store_, __VA_ARGS__           \
	}
#define BYTES(name_, mode_, bytes_, size_, ...)                                                                        \
	{                                                                                                              \
		.name = name_, .kind = ENTRY_BYTES, .mode = mode_, .bytes = bytes_, .size = size_, __VA_ARGS__         \
	}
#define STREAM(name_, mode_, ops_, ...)                                                                                \
	{                                                                                                              \
		.name = name_, .kind = ENTRY_STREAM, .mode = mode_, .stream = ops_, __VA_ARGS__                        \
	}
#define DIR(name_, mode_, dir_, ...)                                                                                   \
	{                                                                                                              \
		.name = name_, .kind = ENTRY_DIR, .mode = mode_, .dir = dir_, __VA_ARGS__                              \
	}
#define PROPS(schema_, show_, store_, ...)                                                                             \
	{                                                                                                              \
		.kind = ENTRY_PROPS, .schema = schema_, .show = show_, .store = store_, __VA_ARGS__                    \
	}

/* fs/tree/: the tables that others point to. */
extern const struct entry root_entry;
extern const struct dir_type domains_dir, by_uuid_dir, by_id_dir, host_dir, drivers_dir, hosts_dir, pools_dir,
	storage_dir, secrets_dir, clients_dir, access_dir;
extern const struct dir_type disks_dir, nics_dir, devices_dir, vcpus_dir, config_dir, stats_dir, users_dir, wait_dir;
extern const struct stream_ops wait_stream, console_stream, console_log_stream, events_stream, errors_stream,
	audit_stream;

/* fs/tree/host.c: an object per driver. */
void driver_objects_open(void);
/* fs/tree/storage.c: one per type of pool. */
void pool_type_objects_open(void);
void pool_type_objects_close(void);
void driver_objects_close(void);

#endif
