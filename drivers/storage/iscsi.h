/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * iSCSI targets, for the pools of type iscsi (sessions of the kernel, by open-iscsi) and iscsi-direct (sessions of our own, by libiscsi).
 */
#ifndef DOMFS_ISCSI_H
#define DOMFS_ISCSI_H

#include "scsi.h"

#define ISCSI_PORT "3260"

/* ---- iscsi_source.c: which target a definition means; nothing here waits ---- */

struct iscsi_portal {	   /* texts are owned */
	char *host, *port; /* of the portal; port never NULL */
	char *iqn;	   /* the target's name */
	char *initiator;   /* who we are; NULL: as this machine is called */
	char *user;	   /* CHAP; NULL: none */
};
int iscsi_portal_of(const struct node *pool, struct iscsi_portal *out, struct error *err);
void iscsi_portal_clear(struct iscsi_portal *p);
void iscsi_portal_free(struct iscsi_portal *p);
char *iscsi_portal_text(const struct iscsi_portal *p); /* "host:3260", "[2001:db8::1]:3260" */
/* The file `source`: HOST[:PORT]/TARGET [INITIATOR] */
void iscsi_source_show(const struct node *pool, struct buf *out);
int iscsi_source_store(struct node *pool, struct str text, struct error *err);
/* Who is to be asked which targets there are: HOST[:PORT] or a <source>; iqn is not set. */
int iscsi_spec_of(struct str spec, struct iscsi_portal *out, struct error *err);
/* Adds what `TARGET` at P would be as a pool's <source>, once. */
void iscsi_source_add(struct node *sources, const struct iscsi_portal *p, const char *iqn);

/* ---- iscsi_argv.c: iscsiadm's command lines and files; nothing here waits ---- */

enum iscsi_step {
	ISCSI_DISCOVER,
	ISCSI_IFACE_NEW,
	ISCSI_IFACE_NAME, /* as which initiator */
	ISCSI_IFACE_DELETE,
	ISCSI_NODE_NEW,
	ISCSI_LOGIN,
	ISCSI_NODE_DELETE,
	ISCSI_LOGOUT, /* of session SID */
	ISCSI_STEPS
};
/* NULL-ended, the caller's (strv_free).  IFACE: open-iscsi's record of how the session is made, one for each pool. */
char **iscsi_argv(enum iscsi_step step, const struct iscsi_portal *p, const char *iface, int sid);
/* The targets in the answer to ISCSI_DISCOVER: "192.0.2.1:3260,1 iqn.2024-01.org:disks" a line. */
void iscsi_targets_parse(struct str text, const struct iscsi_portal *p, struct node *sources);
/* RECORD (a node of open-iscsi's database) with what the pool needs set: it is not logged in to by itself at boot, gives up in bounded time,
 * and with USER (may be NULL) and PASSWORD proves who it is by CHAP. */
int iscsi_record(struct str record, const char *user, struct str password, struct buf *out, struct error *err);
/* Is RECORD one that was made for IFACE? */
bool iscsi_record_is_of(struct str record, const char *iface);
/* The reason in what iscsiadm said when a login failed; NULL when there is none.  The caller's. */
char *iscsi_reason(struct str words);

/* ---- iscsi_session.c: the kernel's sessions, by sysfs; on the pool's thread ---- */

/* The session to P, preferring one made through IFACE (OURS_ONLY: no other): its number, *HOST its SCSI host; -ENOENT. */
int iscsi_session_find(const char *sys, const struct iscsi_portal *p, const char *iface, bool ours_only, int *host);

#endif
