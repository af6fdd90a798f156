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
struct iscsi_login {
	struct iscsi_portal portal;
	char *iface;	     /* of open-iscsi */
	struct buf password; /* of portal.user */
};
/* With the value of the pool's secret. */
int iscsi_login_of(struct pool *p, struct iscsi_login *out, struct error *err);
void iscsi_login_clear(struct iscsi_login *l);
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

/* DISK becomes that of LUN NUMBER, opened by the hypervisor itself. */
int iscsi_disk(const struct node *pool, unsigned number, struct node *disk, struct error *err);

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

/* ---- iscsi_lun.c: sessions of our own, by libiscsi; on the thread of whoever opened it ---- */

struct lun_session;
struct lun {
	unsigned number, type; /* type: SCSI's; 0 is a disk, 5 a CD-ROM */
	uint32_t block;	       /* bytes */
	uint64_t blocks;
	uint32_t most, most_same, most_unmap; /* blocks that one command may move, zero, unmap */
	bool can_unmap, unmapped_is_zero;
	char *id; /* scsi_id; NULL: it has none */
};
/* Logs in, and gives up after TIMEOUT_MS, as does each question below.  DISCOVERY: only to ask for targets.  An error of the transport
 * is -ENOTCONN: then only lun_close may follow. */
int lun_open(const struct iscsi_login *l, bool discovery, int64_t timeout_ms, struct lun_session **out,
	     struct error *err);
void lun_close(struct lun_session *s); /* logs out when the server still answers.  NULL is fine */
int lun_targets(struct lun_session *s, struct vec *names, struct error *err); /* owned texts */
int lun_numbers(struct lun_session *s, unsigned **numbers, size_t *n, struct error *err);
/* -ENODEV: nothing is connected there, or it is no disk. */
int lun_look(struct lun_session *s, unsigned number, struct lun *out, struct error *err);
/* N is a multiple of the block size, and not more than L->most blocks. */
int lun_read(struct lun_session *s, const struct lun *l, uint64_t block, void *p, size_t n, struct error *err);
int lun_write(struct lun_session *s, const struct lun *l, uint64_t block, const void *p, size_t n, struct error *err);
int lun_sync(struct lun_session *s, const struct lun *l, struct error *err);
/* The blocks are given back (UNMAP), or read as zero from now on; -ENOTSUP. */
int lun_unmap(struct lun_session *s, const struct lun *l, uint64_t block, uint32_t n, struct error *err);
int lun_zero(struct lun_session *s, const struct lun *l, uint64_t block, uint32_t n, struct error *err);

/* ---- iscsi_bytes.c: the same by bytes, at any offset, over a session that comes back by itself ---- */

struct lun_bytes;
int lun_bytes_open(struct iscsi_login *l, unsigned number, struct lun_bytes **out,
		   struct error *err); /* takes what is in L */
void lun_bytes_close(struct lun_bytes *b);
uint64_t lun_bytes_size(const struct lun_bytes *b);
int lun_bytes_read(struct lun_bytes *b, char *p, size_t n, uint64_t off, struct error *err);
int lun_bytes_write(struct lun_bytes *b, const char *p, size_t n, uint64_t off, struct error *err);
int lun_bytes_zero(struct lun_bytes *b, uint64_t off, uint64_t n, struct error *err);
int lun_bytes_discard(struct lun_bytes *b, uint64_t off, uint64_t n, struct error *err); /* -ENOTSUP */
int lun_bytes_sync(struct lun_bytes *b, struct error *err);
struct bulk *lun_bytes_bulk(struct lun_bytes *b, bool writable); /* B is its own */

#endif
