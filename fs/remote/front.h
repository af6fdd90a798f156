/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Remote trees through FUSE: each of fuse.h's requests, for inodes with REMOTE_INO. */
#ifndef DOMFS_REMOTE_FRONT_H
#define DOMFS_REMOTE_FRONT_H

#include "fs/fuse.h"
#include "remote.h"

void remote_front_open(void);
/* NAME in DIR, a node's directory. */
void remote_lookup(fuse_req_t req, struct rnode *dir, const char *name);
void remote_getattr(fuse_req_t req, fuse_ino_t ino);
void remote_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int set, struct fuse_file_info *fi);
void remote_statfs(fuse_req_t req, fuse_ino_t ino);
void remote_readlink(fuse_req_t req, fuse_ino_t ino);
void remote_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void remote_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, bool plus);
void remote_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void remote_read(fuse_req_t req, size_t size, off_t off, struct fuse_file_info *fi);
void remote_write(fuse_req_t req, const char *p, size_t size, off_t off, struct fuse_file_info *fi);
void remote_flush(fuse_req_t req, struct fuse_file_info *fi, bool sync);
void remote_release(fuse_req_t req, struct fuse_file_info *fi);
void remote_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi);
void remote_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void remote_unlink(fuse_req_t req, fuse_ino_t parent, const char *name, bool dir);
void remote_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
void remote_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent, const char *newname,
		   unsigned flags);
void remote_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void remote_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size);
void remote_poll(fuse_req_t req, struct fuse_file_info *fi, struct fuse_pollhandle *ph);
size_t remote_list_into(fuse_req_t req, struct rnode *dir, char *p, size_t size, uint64_t after, off_t base, bool plus,
			bool (*skip)(void *arg, const char *name), void *arg);
/* For hosts/NAME, which shows the root of another tree beside files of its own: one entry of N into a listing. */
void remote_entry(const struct rnode *n, struct fuse_entry_param *e);
/* Is this inode remote?  The whole mount may be (domfs mount ssh://...): then 1 is its root. */
extern struct remote *remote_root;
bool remote_is(fuse_ino_t ino);

#endif
