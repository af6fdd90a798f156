/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Inside the QEMU driver.  A definition goes through three steps, none of which waits or touches the outside:
 *
 *   map       every property that the definition sets must have a row in this driver's tables (qemu_kind.rows); one that has
 *             none is refused by name;
 *   complete  what is left out is filled in: machine, controllers, addresses, aliases, MACs, defaults;
 *   plan      each element becomes items: objects, block nodes, character devices, netdevs, devices, options.
 *
 * One plan serves two ends: printed it is the command line (argv.c), sent over QMP it is a hot-plug (hotplug.c); a device's
 * items in reverse are its unplug.  So a device is described once.
 */
#ifndef DOMFS_QEMU_H
#define DOMFS_QEMU_H

#include <jansson.h>

#include "../../engine/driver.h"
#include "../../engine/secret.h"
#include "../../engine/units.h"

/* ---- what is known of a QEMU binary (caps.c) ---- */

struct qemu_machine {
	char *name, *alias; /* "pc-q35-7.2", "q35" */
	unsigned max_cpus;
	bool hotpluggable_cpus, is_default;
	char *default_cpu;
};
struct qemu_caps {
	char *binary;  /* as it is executed */
	char *version; /* "7.2.22" */
	unsigned v;    /* 7002022: major * 1000000 + minor * 1000 + micro */
	struct qemu_machine *machines;
	size_t nmachines;
	struct hash *types; /* QOM types that it has: "virtio-blk-pci" */
	struct hash *cpu_models;
	bool kvm_usable;
	char *kvm_why; /* one line: why or why not */
};
/* For ARCH ("x86_64"); EMULATOR as the definition names it or NULL.  Probed once (QMP on a -machine none process), remembered by the binary's
 * path, size and mtime in memory and in a cache file of the state directory; when it cannot be probed: NULL and *err.
 * Blocks at most config.hypervisor_timeout_ms and only when nothing is remembered (complete and command may call it). */
const struct qemu_caps *qemu_caps_get(const char *arch, const char *emulator, struct error *err);
bool qemu_has(const struct qemu_caps *caps, const char *qom_type);
const struct qemu_machine *qemu_machine_find(const struct qemu_caps *caps, const char *name_or_alias);
/* May KVM be used: hardware module behind /dev/kvm, or forced?  *WHY borrowed. */
bool qemu_kvm_usable(const char **why);

/* ---- the plan (plan.c) ---- */

enum item_kind {
	ITEM_OPTION,   /* an option and its text: -m size=..., -boot strict=on; command line only */
	ITEM_OBJECT,   /* -object JSON / object-add */
	ITEM_BLOCKDEV, /* -blockdev JSON / blockdev-add */
	ITEM_CHARDEV, /* {"id":..,"backend":{..}} as QMP has it; -chardev needs the key=value form, which argv.c makes */
	ITEM_NETDEV,  /* -netdev JSON / netdev_add */
	ITEM_DEVICE,  /* -device JSON / device_add */
	ITEM_AUDIODEV, /* -audiodev; command line only */
	ITEM_TPMDEV,   /* -tpmdev; command line only */
};
struct plan_item {
	enum item_kind kind;
	char *option; /* ITEM_OPTION: "-m" */
	char *text;   /* ITEM_OPTION: its argument, or NULL */
	json_t *props;
};
enum file_how {
	FILE_FDSET, /* QEMU opens it through qemu_open: "/dev/fdset/N" */
	FILE_BY_NAME, /* QEMU opens it with fopen (kernel, initrd, ACPI tables): "/proc/self/fd/N" (life.c sees that it can) */
	FILE_LISTEN,  /* a listening unix socket at PATH: the text is the descriptor's number or name for "fd" */
	FILE_CONNECT, /* a connected unix socket to PATH: likewise */
	FILE_RUN_DIR, /* not opened by us: a path in the guest's own directory */
};
struct plan_file {
	unsigned number; /* N: the fdset, or the descriptor's number in QEMU */
	enum file_how how;
	char *path;
	int flags;  /* O_RDONLY, O_RDWR, O_WRONLY|O_CREAT|O_APPEND ... */
	char *what; /* for messages: "disk 'vda'" */
	char *text; /* what stands in the command for it */
	int fd;	    /* -1 until life.c or hotplug.c opened it */
	bool ours;  /* a file of domfs itself (log, replay): opened with our rights, not the owner's */
};
/* An image that the guest is to have (engine/claim.h). */
struct plan_claim {
	char *device; /* alias of the disk */
	char *key;    /* NULL: that of FILE, once it is open */
	struct plan_file *file;
	bool writes;
};
struct plan {
	const struct node *domain; /* <domain>, complete */
	const struct qemu_caps *caps;
	struct vec items;   /* struct plan_item */
	struct vec files;   /* struct plan_file */
	struct vec claims;  /* struct plan_claim */
	unsigned next_file; /* number of the next file; hot-plug starts above all that were used */
	bool dry;	    /* domfs check: the user's own paths stand where descriptors would */
	bool hotplug;
	bool undo;	     /* of what is to go: no secret is looked up */
	struct who owner;    /* of the domain: what he may not read, his guest does not get */
	const char *run_dir; /* where sockets and logs lie; in a dry run a made-up one */
	const char *name;
};
struct plan *plan_new(const struct node *domain, const struct qemu_caps *caps, const char *run_dir, bool dry);
void plan_free(struct plan *p);
void plan_free_p(struct plan **p);
#define autoplan __attribute__((cleanup(plan_free_p)))
void plan_option(struct plan *p, const char *option, const char *fmt, ...) printf_like(3, 4); /* fmt may be NULL */
/* Take over PROPS. */
void plan_item(struct plan *p, enum item_kind kind, json_t *props);
/* The text that stands in the command for PATH; borrowed until the plan is freed. */
const char *plan_file(struct plan *p, enum file_how how, const char *path, int flags, const char *what_fmt, ...)
	printf_like(5, 6);
/* DEVICE (an alias) has an image open from its start on: the file that was planned last, or what KEY names on a server. */
void plan_claim(struct plan *p, const char *device, const char *key, bool writes);
/* A secret object ID with the value that <secret> element N names; TYPE: what its usage means ("iscsi"); OWNER NULL: domfs itself asks.
 * On a command line it is read from a descriptor; over QMP the value travels in the command.  Does not wait. */
must_check int plan_secret(struct plan *p, const char *id, const struct node *n, const char *type,
			   const struct who *owner, struct error *err);
/* The same for a value that stands in the definition (cookies). */
must_check int plan_secret_text(struct plan *p, const char *id, struct str value, const char *what, struct error *err);
/* The whole machine: all options and devices in the order QEMU needs. */
int qemu_plan_domain(struct plan *p, struct error *err);
/* One device element only (hot-plug, unplug). */
int qemu_plan_device(struct plan *p, const struct node *dev, struct error *err);
/* The words after the binary's name, appended to ARGV as owned strings (argv.c). */
void plan_argv(const struct plan *p, struct vec *argv);
/* ITEM_CHARDEV as the command line spells it: "socket,id=charserial0,fd=5,server=on,wait=off".  Caller frees. */
char *chardev_words(const json_t *props);

/* JSON helpers that abort without memory.  VALUE NULL sets nothing. */
void props_str(json_t *props, const char *key, const char *value);
void props_strf(json_t *props, const char *key, const char *fmt, ...) printf_like(3, 4);
void props_int(json_t *props, const char *key, int64_t value);
void props_bool(json_t *props, const char *key, bool value);
/* "on"/"off"/"yes"/"no" text as a boolean; NULL sets nothing. */
void props_onoff(json_t *props, const char *key, const char *text);

/* ---- rows (map.c) ---- */

struct qemu_row {
	const char *path; /* of the schema's row */
	const char *
		arg; /* becomes this property of the device's JSON: numbers as numbers, on/off and yes/no as booleans, sizes as bytes */
	/* Becomes this code: adds to PROPS (the device's JSON) or to the plan. */
	int (*emit)(struct plan *p, const struct node *base, const char *value, json_t *props, struct error *err);
	bool elsewhere;		 /* handled by the kind's own code */
	const char *const *only; /* T_ENUM: the words that QEMU has, when not all of the schema's */
};
#define E(path)                                                                                                        \
	{                                                                                                              \
		path, .elsewhere = true                                                                                \
	}

struct complete; /* complete.c: the definition being filled in; address pools, counters, the old definition */

/* A kind of element: a device, a sub-schema (address, source/...) or the domain itself. */
struct qemu_kind {
	const struct schema *schema;
	const struct qemu_row *rows; /* ended by one without .path */
	const char *device;	     /* its element below <devices> ("disk"), or NULL for sub-schemas */
	const char *alias;	     /* aliases are this and a number ("net"); NULL: .name_it or none */
	/* Defaults, model, MAC, refusal of what QEMU cannot do; before addresses are given. */
	int (*complete)(struct complete *c, struct node *dev, struct error *err);
	/* The alias when it is not a plain counter ("virtio-disk0", "scsi0-0-1"); after the address is known.  Caller frees. */
	char *(*name_it)(struct complete *c, const struct node *dev);
	/* Which address it wants; address.c gives one that is free.  NULL: none. */
	const struct address_want *(*address)(struct complete *c, const struct node *dev);
	/* Adds the items of one device. */
	int (*plan)(struct plan *p, const struct node *dev, struct error *err);
	/* A P_LIVE row in the running guest (hotplug.c calls it in a task): see live.h.  NULL: only at the next start. */
	int (*set)(struct domain *d, struct node *dev, const struct prop *row, struct str text, struct error *err);
};
extern const struct qemu_kind *const qemu_kinds[]; /* kinds.c, NULL ends it */
const struct qemu_kind *qemu_kind_of(const struct schema *s);
const struct qemu_kind *qemu_kind_of_element(const char *element);
/* Every property that DOC sets has a row, or -ENOTSUP "line 7: <disk>: the qemu driver has no ...". */
int qemu_map_check(const struct node *domain, struct error *err);
/* Sets in PROPS all .arg rows of KIND that NODE sets, and calls their .emit (sub-schemas that have a kind included). */
int qemu_emit_rows(struct plan *p, const struct qemu_kind *kind, const struct node *node, json_t *props,
		   struct error *err);
/* What each row becomes, as text (host/drivers/qemu/capabilities). */
void qemu_map_print(struct buf *out);

/* ---- completion (complete.c) and addresses (address.c) ---- */

struct complete {
	struct node *domain;	/* <domain> */
	const struct node *old; /* the definition it replaces, or NULL */
	const struct qemu_caps *caps;
	const char *machine; /* canonical: "pc-q35-7.2" */
	enum { MACHINE_I440FX, MACHINE_Q35, MACHINE_MICROVM, MACHINE_ISAPC, MACHINE_OTHER } family;
	struct address_pool *pool; /* address.c */
};
int qemu_complete(struct doc *full, const struct doc *old, struct error *err);

enum address_bus {
	BUS_NONE,
	BUS_PCI,
	BUS_PCI_INTEGRATED,
	BUS_DRIVE,
	BUS_USB,
	BUS_VIRTIO_SERIAL,
	BUS_CCID,
	BUS_ISA,
	BUS_MMIO,
	BUS_DIMM
};
enum {
	WANT_PCIE = 1, /* prefers an express slot (a root port of its own on q35) */
	WANT_HOTPLUG = 2,
	WANT_ROOT_BUS = 4, /* must sit on bus 0 */
	WANT_OWN_SLOT = 8, /* not a function of a shared slot */
};
struct address_want {
	enum address_bus bus;
	unsigned flags;
	uint8_t slot,
		function; /* BUS_PCI_INTEGRATED: fixed by the chipset (0x1f.2 for ich9 SATA, 0x01.1 for piix3 IDE, 0x01.2 USB) */
};
/* Gives every device that wants an address and has none a free one, adds the controllers and root ports that this takes, and refuses
 * collisions and addresses that do not fit ("PCI address 0000:00:02.0 is in use by ...").  What OLD gave to the same alias stays. */
int qemu_assign_addresses(struct complete *c, struct error *err);
/* Adds "bus" and "addr" (or scsi-id, port ...) of DEV's <address> to PROPS. */
int qemu_emit_address(struct plan *p, const struct node *dev, json_t *props, struct error *err);
/* The controller of TYPE ("scsi", "pci", "usb", "virtio-serial") with INDEX, or NULL. */
struct node *qemu_controller(const struct node *domain, const char *type, unsigned index);
/* MODEL ("virtio", "virtio-transitional", ...) as a virtio device's QOM name for this machine: "virtio-blk" gives "virtio-blk-pci",
 * "-pci-transitional", "-device" (microvm, mmio).  Static or interned text. */
const char *qemu_virtio_name(const struct plan *p, const char *base, const struct node *dev);
/* The alias of DEV: alias/@name, or "" (never NULL). */
const char *qemu_alias(const struct node *dev);

/* ---- shared by device kinds ---- */

/* Character devices (chardev.c): serves serial, parallel, console, channel, rng egd, smartcard, redirdev.  Adds ITEM_CHARDEV with id "char" + alias. */
int qemu_plan_chardev(struct plan *p, const struct node *dev, const char *alias, struct error *err);

#endif
