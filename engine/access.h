/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who may do what: owner, group, mode and POSIX ACL of an object's directory and of each file in it, kept with the object
 * (top-level objects persist it; a part's are kept by its domain).  A file is named by an opaque key that the front
 * end chooses ("" is the object's own directory, "state", "disks/vda/source").  What was never set follows the
 * object's directory owner and the mode that the file's row gives.
 */
#ifndef DOMFS_ACCESS_H
#define DOMFS_ACCESS_H

#include "buf.h"
#include "object.h"

struct who { /* the one who asks */
	uid_t uid;
	gid_t gid;
	pid_t pid;	     /* 0 when unknown (remote) */
	uint64_t client;     /* 0, or what stands for a process of another host: PID is that of who speaks for it */
	unsigned connection; /* that he came by, in host/clients; 0: the mount of this engine */
};

struct rights {
	uid_t uid;
	gid_t gid;
	mode_t mode; /* permission bits; the ACL's owner, mask and other entries agree with it */
};

enum { ACCESS_UID = 1, ACCESS_GID = 2, ACCESS_MODE = 4 };

/* The rights on KEY of O, DEFAULT_MODE where no mode was set.  Owner: KEY's own if set, else that of O's directory (""), else root/creator. */
void access_get(const struct object *o, const char *key, mode_t default_mode, struct rights *out);
/* Sets what MASK names.  chmod rewrites the ACL's mask entry (man 5 acl) when there is an ACL. */
void access_set(struct object *o, const char *key, mode_t default_mode, unsigned mask, const struct rights *r);
/* The ACL in the kernel's xattr form (linux/posix_acl_xattr.h), or NULL; *n its length. */
const void *access_acl(const struct object *o, const char *key, size_t *n);
/* Stores an ACL in xattr form and derives the mode from it; a minimal ACL (3 entries) is folded into the mode; n 0 removes.
 * -EINVAL when malformed. */
int access_set_acl(struct object *o, const char *key, mode_t default_mode, const void *acl, size_t n,
		   struct error *err);
/* Whether WHO (with the groups of its passwd entry) may do MAY (04 read, 02 write, 01 search) on KEY.  Root may. For what the kernel
 * cannot check for us. */
bool access_may(const struct object *o, const char *key, mode_t default_mode, const struct who *who, int may);
/* Is WHO in GID, by itself or by its passwd entry's groups? */
bool access_in_group(const struct who *who, gid_t gid);
/* The group of UID's passwd entry, for one of whom only that number is known: what he makes is of it.  Without an entry nogroup: (gid_t)-1 is no
 * group, and a kernel lets nobody write what is of it. */
gid_t access_group_of(uid_t uid);
/* Is WHO root or the owner of O's directory? */
bool access_owner(const struct object *o, const struct who *who);

/* An ACL in xattr form in getfacl's words: "u::rw-,u:1000:r--,g::r--,m::rw-,o::---"; nothing when it is malformed. */
void access_acl_text(const void *acl, size_t n, struct buf *out);

/* Called after every change, to make it last (set by the domains; NULL: nothing is kept). */
extern void (*access_changed_hook)(struct object *o);
/* The same for kinds of objects that are kept elsewhere (hosts). */
extern void (*access_keepers[OBJ_OTHER + 1])(struct object *o);

/* One line per key, "KEY UID GID MODE ACLHEX" with - for what is not set and KEY . for the directory itself; for the store. */
void access_print(const struct object *o, struct buf *out);
int access_parse_line(struct object *o, struct str line, struct error *err);
/* access_store.c: the same as lines "access" of R, each after PREFIX; and one of them as record_each gives it, or a line in the log. */
struct record;
void access_store(const struct object *o, struct record *r, const char *prefix);
void access_load(void *object, const char *line);
/* The keys that KEEP refuses go (their part is gone: another of its name must not inherit). */
void access_sweep(struct object *o, bool (*keep)(void *arg, const char *key), void *arg);
void access_free(struct access *a);

#endif
