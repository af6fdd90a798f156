/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Parts of a domain that are objects of their own: disks/TARGET, nics/NAME, devices/ALIAS, vcpus/N.  A part is made when it is first
 * looked up and lives while its element is in a document, or while it is staged: made by mkdir, not yet plugged.
 */
#ifndef DOMFS_DEVICE_H
#define DOMFS_DEVICE_H

#include "domain.h"

enum part_kind { PART_DISK, PART_NIC, PART_DEVICE, PART_VCPU, PART_KINDS };

struct part {
	struct object
		obj; /* name: the target "vda", the NIC's alias ("net0", or "n0" for "ua-n0"), the alias, the number */
	enum part_kind kind;
	struct domain *domain; /* borrowed; obj.parent is &domain->obj */
	struct doc *staged;    /* its element while it is only staged, else NULL */
	bool staged_config;    /* staged in config/: for the next start only */
	char *error_text;
	bool detaching;
};
static inline struct part *part_of(struct object *o)
{
	return container_of(o, struct part, obj);
}

/* By name, in VIEW (a staged one is in VIEW_NOW or VIEW_CONFIG as it was made). NULL. */
struct part *part_find(struct domain *d, enum part_kind kind, enum view view, const char *name);
/* For listing: calls FN with each part of KIND in VIEW, in the document's order; parts are made as needed. */
void parts_each(struct domain *d, enum part_kind kind, enum view view, void (*fn)(void *arg, struct part *p),
		void *arg);
/* The element in VIEW (or the staged one); NULL when it is not in that view.  Dead at the next wait. */
struct node *part_node(struct part *p, enum view view);
/* Its schema: disk_schema, nic_schema, that of its element's name. */
const struct schema *part_schema(const struct part *p);

/* mkdir disks/vdb: a staged part with the defaults that its name suggests (vd virtio, sd scsi/sata, hd ide).  Does not wait. */
int part_make(struct domain *d, enum part_kind kind, enum view view, const char *name, struct part **out,
	      struct error *err);
/* rmdir: a staged one vanishes; one that is plugged: detach is begun (running) or done.  In VIEW_CONFIG: from the definition only. Task, bounded 250 ms. */
int part_drop(struct part *p, enum view view, struct error *err);
/* echo detach > state: returns when the guest has let go.  Task. */
int part_detach(struct part *p, enum view view, struct error *err);
/* "attached", "staged", "detaching", "config" (only in the next start's), "live" (only in the running one's). */
const char *part_state(struct part *p);

/* A row as a file.  Storing to a staged part changes only the staged element, except for the row that completes it (a disk's source, a
 * NIC's connection), which plugs it: into the running guest and the definition.  Storing to a plugged one changes it live where the row is
 * P_LIVE and the driver can, and in the definition; `source` of a CD-ROM or floppy changes the medium.  Task. */
int part_prop_show(struct part *p, enum view view, const struct prop *row, struct buf *out, struct error *err);
int part_prop_store(struct part *p, enum view view, const struct prop *row, struct str text, const struct who *who,
		    struct error *err);
/* The composite file `source` of a disk: the path, device, volume or URL, whatever @type makes of it.  "" when there is none. */
int disk_source_show(struct part *p, enum view view, struct buf *out, struct error *err);
int disk_source_store(struct part *p, enum view view, struct str text, const struct who *who, struct error *err);
/* Is the disk a volume of a pool, by its definition or because its path lies in an active pool?  *NAMES (may be NULL) gets "POOL/VOLUME" in
 * the tree's names, the caller's.  Does not wait. */
bool disk_volume(struct part *p, enum view view, char **names);
/* `xml` of a part: show one element; store plugs a staged one or replaces what differs. */
void part_xml(struct part *p, enum view view, bool secrets, struct buf *out);
int part_define(struct part *p, enum view view, struct str text, const struct who *who, struct error *err);
void part_set_error(struct part *p, const char *text);

#endif
