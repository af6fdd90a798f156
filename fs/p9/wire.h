/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * 9P2000.L messages as structures and back.  The wire is little-endian: size[4] type[1] tag[2] and the fields of the type
 * (https://github.com/chaos/diod/blob/master/protocol.md has the table of 9P2000.L).  Nothing here knows the tree.
 *
 * 9P2000.L.domfs, which our own two ends agree on at Tversion, adds the messages from P9_TGET on: what a cat, an echo and an ls need, in one round
 * trip each, and news of what changed (docs/wire.md).
 */
#ifndef DOMFS_P9_WIRE_H
#define DOMFS_P9_WIRE_H

#include "engine/buf.h"
#include "engine/error.h"

#define P9_HEADER      7
#define P9_MSIZE_MAX   (1u << 20 | 1u << 12) /* 1 MiB of data and room for what goes before it */
#define P9_MSIZE_MIN   4096
#define P9_NOTAG       0xffffu
#define P9_NOFID       0xffffffffu
#define P9_NAMES_MAX   16 /* in one Twalk */
#define P9_VERSION     "9P2000.L"
#define P9_VERSION_OWN "9P2000.L.domfs"

enum p9_type {
	P9_RLERROR = 7,
	P9_TSTATFS = 8,
	P9_TLOPEN = 12,
	P9_TLCREATE = 14,
	P9_TSYMLINK = 16,
	P9_TMKNOD = 18,
	P9_TRENAME = 20,
	P9_TREADLINK = 22,
	P9_TGETATTR = 24,
	P9_TSETATTR = 26,
	P9_TXATTRWALK = 30,
	P9_TXATTRCREATE = 32,
	P9_TREADDIR = 40,
	P9_TFSYNC = 50,
	P9_TLOCK = 52,
	P9_TGETLOCK = 54,
	P9_TLINK = 70,
	P9_TMKDIR = 72,
	P9_TRENAMEAT = 74,
	P9_TUNLINKAT = 76,
	P9_TVERSION = 100,
	P9_TAUTH = 102,
	P9_TATTACH = 104,
	P9_TFLUSH = 108,
	P9_TWALK = 110,
	P9_TREAD = 116,
	P9_TWRITE = 118,
	P9_TCLUNK = 120,
	P9_TREMOVE = 122,
	/* 9P2000.L.domfs.  In Rget, flags are the facets and mode the kind. */
	P9_TGET = 200,	 /* walk, getattr, open, read, clunk; count may have P9_GET_READY in it */
	P9_TLIST = 202,	 /* walk, readdir with the attributes and small contents of what is listed, clunk */
	P9_TPUT = 204,	 /* walk, open, write, flush, clunk: RPUT, or RFAIL with the reason in words */
	P9_TWATCH = 206, /* answered at once, and again whenever something is not any more what was told of it */
	P9_TPOLL = 208,	 /* answered when a stream that is open has something to read */
	P9_TNEXT = 212,	 /* what a stream has after byte START of ring LENGTH (0: none yet); waits for it */
	/* of files of bytes that are open */
	P9_TSEEK = 214,	    /* lseek's SEEK_DATA and SEEK_HOLE: flags are whence */
	P9_TALLOCATE = 216, /* fallocate: flags are its mode */
	P9_TCOPY = 218,	    /* copy_file_range: from fid at offset to newfid at start */
	P9_RFAIL = 211,	    /* in place of Rlerror: the errno and the words */
};
/* The reply to request T is T + 1. */
#define P9_GET_READY	 (1u << 31) /* the content only if it is there without asking anybody */
#define P9_FSYNC_STORAGE (1u << 31) /* of Tfsync: what was written is to be on its disk, but no upload ends by it */

struct p9_qid {
	uint8_t type; /* P9_QTDIR ... */
	uint32_t version;
	uint64_t path;
};
enum { P9_QTDIR = 0x80, P9_QTSYMLINK = 0x02, P9_QTFILE = 0 };

struct p9_attr { /* what Rgetattr and our listings say of a node */
	uint64_t valid;
	uint32_t mode, uid, gid;
	uint64_t nlink, rdev, size, blksize, blocks;
	uint64_t atime_sec, atime_nsec, mtime_sec, mtime_nsec, ctime_sec, ctime_nsec, btime_sec, btime_nsec, gen,
		data_version;
};
#define P9_GETATTR_BASIC 0x7ffull
/* Tunlinkat's flags: a directory; between our own ends, above the shift, the pid of who asked there (below 2^22: PID_MAX_LIMIT) */
enum { P9_REMOVEDIR = 0x200, P9_PROCESS_SHIFT = 10 };
/* Between our own ends, in gen: no ACL; of a directory: no name but those it lists is there; no news come of what is in it: do not keep its listing. */
enum { P9_ATTR_NO_ACL = 1, P9_ATTR_COMPLETE = 2, P9_ATTR_FLEETING = 4 };
/* Tsetattr's valid bits */
enum { P9_SET_MODE = 1, P9_SET_UID = 2, P9_SET_GID = 4, P9_SET_SIZE = 8 };

/* What our own ends say of a node besides: its kind, and on which facets of its object (engine/object.h) depends what was told; 0: do not keep it. */
#define P9_NO_CONTENT 0x80 /* in Rget beside the kind: no content is told, not that it is empty */
enum p9_kind { P9_DIR, P9_LINK, P9_VALUE, P9_DOC, P9_STREAM, P9_BYTES };

/* One message.  Which members mean something is said by its type's row in wire.c.  Texts and data are borrowed from the bytes that were
 * decoded. */
struct p9_msg {
	uint8_t type;
	uint16_t tag;
	uint32_t fid, newfid, afid, dfid; /* dfid: of a directory: Trename, Tlink */
	uint32_t msize, flags, mode, uid, gid, major, minor, count, ecode, iounit;
	uint16_t oldtag;
	uint64_t offset, size, valid;
	uint64_t mtime_sec, mtime_nsec, atime_sec, atime_nsec;
	uint8_t lock_type, status;
	uint32_t client_pid;
	uint64_t start, length;
	struct str version, uname, aname, name, newname, target, client;
	struct str data;
	struct str names[P9_NAMES_MAX];
	uint16_t nnames;
	struct p9_qid qid, qids[P9_NAMES_MAX];
	uint16_t nqids;
	struct p9_attr attr;
	uint32_t fs_type, bsize, namelen; /* Rstatfs */
	uint64_t blocks, bfree, bavail, files, ffree, fsid;
};

const char *p9_name(uint8_t type); /* "Twalk"; NULL: there is no such message */
/* Appends M to OUT, whole. */
void p9_encode(const struct p9_msg *m, struct buf *out);
/* MESSAGE is one whole message (its first 4 bytes say its length, which must be its length).  -EBADMSG with the reason: a field beyond the end, bytes
 * left over, more names than P9_NAMES_MAX.  Of a message that is well formed, with type and tag set: -EOPNOTSUPP: there is no such type; -EINVAL: a text with a
 * NUL, a name that is empty or has a '/'; -ENAMETOOLONG: a name of more than 255 bytes.  "." and ".." are names here. */
int p9_decode(struct str message, struct p9_msg *m, struct error *err);
/* The length of the message that BYTES begin with; 0 when fewer than 4 are there. */
uint32_t p9_length(struct str bytes);

/* ---- entries of Rreaddir and Rlist, one after another in their data ---- */

/* Rreaddir: qid offset[8] type[1] name[s].  False when it does not fit below MAX bytes in all. */
bool p9_dirent_add(struct buf *out, size_t max, const struct p9_qid *qid, uint64_t next, uint8_t dtype,
		   struct str name);
bool p9_dirent_next(struct str *data, struct p9_qid *qid, uint64_t *next, uint8_t *dtype, struct str *name);
/* Attributes alone, as they are in Rgetattr. */
void p9_attr_add(struct buf *out, const struct p9_attr *a);
bool p9_attr_take(struct str *data, struct p9_attr *a);
/* Numbers and texts for what only our ends say. */
void p9_u8_add(struct buf *out, uint8_t v);
void p9_u32_add(struct buf *out, uint32_t v);
void p9_u64_add(struct buf *out, uint64_t v);
void p9_text_add(struct buf *out, struct str s); /* length[4] bytes */
bool p9_u8_take(struct str *data, uint8_t *v);
bool p9_u32_take(struct str *data, uint32_t *v);
bool p9_u64_take(struct str *data, uint64_t *v);
bool p9_text_take(struct str *data, struct str *s);

#endif
