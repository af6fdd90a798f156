/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tree as numbers: the tables of fs/tree/ are walked once and every entry gets a number; an inode is the object's serial and that
 * number.  Looking up, listing and the attributes of a place.
 */
#ifndef DOMFS_NODE_H
#define DOMFS_NODE_H

#include "entry.h"

#define PATH_KEY_MAX 1024

void tree_open(const struct entry *root);
void tree_close(void);
unsigned tree_count(void); /* how many slots there are */
const struct slot *tree_slot(unsigned number);
unsigned tree_locals(enum object_kind kind); /* how many slots belong to objects of KIND */
const struct slot *tree_local(enum object_kind kind, unsigned local);
extern bool tree_list_all; /* list hidden files too */

/* The place of an inode: -ESTALE when its object is gone. */
int place_of(uint64_t ino, struct place *at);
uint64_t place_ino(const struct place *at);
/* Whose statfs has the numbers of the file system that AT is in: a pool's, below it.  NULL: nothing is said of the tree itself. */
const struct dir_type *place_counted(const struct place *at);
/* The same inode in a front end that needs another number for each version of its text. */
uint64_t ino_of_version(uint64_t ino, unsigned version);
/* NAME in DIR: 0, -ENOENT, -ENOTDIR. */
int place_lookup(const struct place *dir, const char *name, struct place *out);
/* The entry after *CURSOR (0: the first; "." and ".." are not among them); moves the cursor; false at the end. */
bool place_next(const struct place *dir, uint64_t *cursor, struct place *out, char name[256]);
/* "domains/web/state", from the root of the mount. */
void place_path(const struct place *at, struct buf *out);
/* The object that keeps the rights of AT, and the key there. */
struct object *place_key(const struct place *at, char key[PATH_KEY_MAX]);
mode_t slot_mode(const struct slot *s); /* when nothing else was set */
/* Without st_size, which open.c knows. */
void place_stat(const struct place *at, struct stat *st);
bool slot_is_dir(const struct slot *s);
/* Is it the directory of an object (something that mkdir made or could have made)? */
bool slot_is_object(const struct slot *s);
/* Is what a file of it shows to be asked for, by its directory's settle, before it is shown? */
bool slot_settles(const struct slot *s);
struct place place_parent(const struct place *at); /* the directory that a file of an object lies in */
/* The collection's operations for an object's directory. */
const struct dir_type *slot_collection(const struct slot *s);

#endif
