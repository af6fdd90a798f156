/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Inside address*.c: how devices get their places.  Nothing here waits or touches the outside. */
#ifndef DOMFS_QEMU_ADDRESS_H
#define DOMFS_QEMU_ADDRESS_H

#include "qemu.h"

struct pci_at {
	unsigned domain, bus, slot, function;
};

/* What plugs into what.  A device has the bits that it is, a bus those that it takes. */
enum {
	C_PCI = 1 << 0,	   /* a conventional PCI device */
	C_PCIE = 1 << 1,   /* an express device */
	C_BRIDGE = 1 << 2, /* pci-bridge */
	C_ROOT_PORT = 1 << 3,
	C_UPSTREAM = 1 << 4,   /* pcie-switch-upstream-port */
	C_DOWNSTREAM = 1 << 5, /* pcie-switch-downstream-port */
	C_DMI = 1 << 6,	       /* dmi-to-pci-bridge */
	C_PCIE_TO_PCI = 1 << 7,
	C_PXB = 1 << 8, /* pci-expander-bus */
	C_PXB_PCIE = 1 << 9,
	C_KINDS = (1 << 10) - 1,
	C_HOTPLUG = 1 << 10, /* must be (a device), can be (a bus) plugged while the guest runs */
	C_SHARE = 1 << 11,   /* shares a slot with others of its kind, function by function */
	C_AUTO = 1 << 12,    /* a bus that we give out by ourselves */
	C_BUILTIN = 1 << 13, /* a device of the root bus */
};

struct pci_model {
	const char *name;
	unsigned takes, is; /* flags as a bus, as a device */
	unsigned min, max;  /* slots */
	const char *qemu;   /* model/@name when the definition has none */
};
const struct pci_model *pci_model_of(const char *name); /* NULL: no such controller model */

struct pci_bus {
	const struct pci_model *model; /* NULL: there is none with this index */
	bool added;		       /* by us: not yet in the document */
	uint8_t used[32];	       /* functions of each slot */
	bool shared[32];
	const struct node *holder[32][8];
	const char *chip[32]; /* what the machine itself has in this slot */
};

struct address_pool {
	struct complete *c;
	struct pci_bus *buses;
	unsigned nbuses;
	bool dry;     /* only counting: nothing is written to the document */
	bool express; /* bus 0 is pcie-root */
};

/* address_pci.c: the buses */
void pci_pool_init(struct address_pool *p, struct complete *c);
void pci_pool_clear(struct address_pool *p);
bool pci_read(const struct node *dev, struct pci_at *at); /* a whole PCI address? */
bool pci_wanted(const struct node *dev);		  /* has none, or only type='pci' */
void pci_write(struct node *dev, const struct pci_at *at, bool multi);
bool pci_is_free(const struct address_pool *p, const struct pci_at *at);
void pci_hold(struct address_pool *p, const struct node *dev, const struct pci_at *at, unsigned flags);
/* AT as the definition says it: must exist, fit and be free. */
int pci_claim(struct address_pool *p, const struct node *dev, const struct pci_at *at, unsigned flags,
	      struct error *err);
/* A free place for DEV; in a dry run the pool grows when there is none. */
int pci_find(struct address_pool *p, const struct node *dev, unsigned flags, unsigned function, struct pci_at *at,
	     struct error *err);
int pci_give(struct address_pool *p, struct node *dev, unsigned flags, struct error *err);

/* address_devices.c: which device gets which */
int qemu_assign_pci(struct complete *c, struct error *err);
unsigned pci_flags_of(const struct address_pool *p, const struct node *dev, const struct address_want *want);

/* address_old.c: what OLD gave */
void qemu_reuse_addresses(struct complete *c);

/* address_drive.c, address_usb.c, address_ports.c */
int qemu_assign_drives(struct complete *c, struct error *err);
int qemu_check_drives(struct complete *c, struct error *err); /* when their controllers are there */
int qemu_assign_usb(struct complete *c, struct error *err);
int qemu_assign_ports(struct complete *c, struct error *err); /* virtio-serial, ccid */
int qemu_assign_memory_slots(struct complete *c, struct error *err);

/* controller_add.c */
int qemu_index_controllers(struct complete *c, struct error *err); /* numbers and models that are left out */
int qemu_add_controllers(struct complete *c, struct error *err);   /* those that machine and devices imply */
struct node *qemu_add_controller(struct complete *c, const char *type, unsigned index, const char *model);
/* May a disk or host device sit at scsi-id only (a controller of the 53c8xx kind)? */
bool scsi_is_narrow(const char *model);
/* The index of a disk's name: vda 0, sdb 1, hdaa 26; -1 when it is none. */
int disk_index(const char *target);

/* The disks of DOMAIN in libvirt's order: by bus, in order of the buses' first disks, and by name.  vec_clear is the caller's. */
void qemu_sort_disks(const struct node *domain, struct vec *out);

/* For messages: "line 7: <disk> 'vda'".  Caller frees. */
char *device_words(const struct node *dev);
/* What DEV's kind wants, or NULL. */
const struct address_want *want_of(struct complete *c, const struct node *dev);

#endif
