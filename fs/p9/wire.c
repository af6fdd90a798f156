/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* 9P messages: a row of fields for each type, and one coder and decoder for all. */
#include "wire.h"

#include <endian.h>

enum kind { END, U8, U16, U32, U64, TEXT, NAME, NAMES, QID, QIDS, ATTR, DATA };

struct field {
	enum kind kind;
	size_t at;
};

#define F(kind_, member)                                                                                               \
	{                                                                                                              \
		kind_, offsetof(struct p9_msg, member)                                                                 \
	}
#define MAX_FIELDS 14

static const struct layout {
	const char *name;
	struct field fields[MAX_FIELDS];
} layouts[256] = {
	[P9_RLERROR] = { "Rlerror", { F(U32, ecode) } },
	[P9_TSTATFS] = { "Tstatfs", { F(U32, fid) } },
	[P9_TSTATFS + 1] = { "Rstatfs",
			     { F(U32, fs_type), F(U32, bsize), F(U64, blocks), F(U64, bfree), F(U64, bavail),
			       F(U64, files), F(U64, ffree), F(U64, fsid), F(U32, namelen) } },
	[P9_TLOPEN] = { "Tlopen", { F(U32, fid), F(U32, flags) } },
	[P9_TLOPEN + 1] = { "Rlopen", { F(QID, qid), F(U32, iounit) } },
	[P9_TLCREATE] = { "Tlcreate", { F(U32, fid), F(NAME, name), F(U32, flags), F(U32, mode), F(U32, gid) } },
	[P9_TLCREATE + 1] = { "Rlcreate", { F(QID, qid), F(U32, iounit) } },
	[P9_TSYMLINK] = { "Tsymlink", { F(U32, fid), F(NAME, name), F(TEXT, target), F(U32, gid) } },
	[P9_TSYMLINK + 1] = { "Rsymlink", { F(QID, qid) } },
	[P9_TMKNOD] = { "Tmknod",
			{ F(U32, dfid), F(NAME, name), F(U32, mode), F(U32, major), F(U32, minor), F(U32, gid) } },
	[P9_TMKNOD + 1] = { "Rmknod", { F(QID, qid) } },
	[P9_TRENAME] = { "Trename", { F(U32, fid), F(U32, dfid), F(NAME, name) } },
	[P9_TRENAME + 1] = { "Rrename", { { 0 } } },
	[P9_TREADLINK] = { "Treadlink", { F(U32, fid) } },
	[P9_TREADLINK + 1] = { "Rreadlink", { F(TEXT, target) } },
	[P9_TGETATTR] = { "Tgetattr", { F(U32, fid), F(U64, valid) } },
	[P9_TGETATTR + 1] = { "Rgetattr", { F(U64, valid), F(QID, qid), F(ATTR, attr) } },
	[P9_TSETATTR] = { "Tsetattr",
			  { F(U32, fid), F(U32, flags), F(U32, mode), F(U32, uid), F(U32, gid), F(U64, size),
			    F(U64, atime_sec), F(U64, atime_nsec), F(U64, mtime_sec), F(U64, mtime_nsec) } },
	[P9_TSETATTR + 1] = { "Rsetattr", { { 0 } } },
	[P9_TXATTRWALK] = { "Txattrwalk", { F(U32, fid), F(U32, newfid), F(TEXT, name) } },
	[P9_TXATTRWALK + 1] = { "Rxattrwalk", { F(U64, size) } },
	[P9_TXATTRCREATE] = { "Txattrcreate", { F(U32, fid), F(TEXT, name), F(U64, size), F(U32, flags) } },
	[P9_TXATTRCREATE + 1] = { "Rxattrcreate", { { 0 } } },
	[P9_TREADDIR] = { "Treaddir", { F(U32, fid), F(U64, offset), F(U32, count) } },
	[P9_TREADDIR + 1] = { "Rreaddir", { F(DATA, data) } },
	[P9_TFSYNC] = { "Tfsync", { F(U32, fid), F(U32, flags) } },
	[P9_TFSYNC + 1] = { "Rfsync", { { 0 } } },
	[P9_TLOCK] = { "Tlock",
		       { F(U32, fid), F(U8, lock_type), F(U32, flags), F(U64, start), F(U64, length),
			 F(U32, client_pid), F(TEXT, client) } },
	[P9_TLOCK + 1] = { "Rlock", { F(U8, status) } },
	[P9_TGETLOCK] = { "Tgetlock",
			  { F(U32, fid), F(U8, lock_type), F(U64, start), F(U64, length), F(U32, client_pid),
			    F(TEXT, client) } },
	[P9_TGETLOCK +
		1] = { "Rgetlock",
		       { F(U8, lock_type), F(U64, start), F(U64, length), F(U32, client_pid), F(TEXT, client) } },
	[P9_TLINK] = { "Tlink", { F(U32, dfid), F(U32, fid), F(NAME, name) } },
	[P9_TLINK + 1] = { "Rlink", { { 0 } } },
	[P9_TMKDIR] = { "Tmkdir", { F(U32, dfid), F(NAME, name), F(U32, mode), F(U32, gid) } },
	[P9_TMKDIR + 1] = { "Rmkdir", { F(QID, qid) } },
	[P9_TRENAMEAT] = { "Trenameat", { F(U32, fid), F(NAME, name), F(U32, newfid), F(NAME, newname) } },
	[P9_TRENAMEAT + 1] = { "Rrenameat", { { 0 } } },
	[P9_TUNLINKAT] = { "Tunlinkat", { F(U32, dfid), F(NAME, name), F(U32, flags) } },
	[P9_TUNLINKAT + 1] = { "Runlinkat", { { 0 } } },
	[P9_TVERSION] = { "Tversion", { F(U32, msize), F(TEXT, version) } },
	[P9_TVERSION + 1] = { "Rversion", { F(U32, msize), F(TEXT, version) } },
	[P9_TAUTH] = { "Tauth", { F(U32, afid), F(TEXT, uname), F(TEXT, aname), F(U32, uid) } },
	[P9_TAUTH + 1] = { "Rauth", { F(QID, qid) } },
	[P9_TATTACH] = { "Tattach", { F(U32, fid), F(U32, afid), F(TEXT, uname), F(TEXT, aname), F(U32, uid) } },
	[P9_TATTACH + 1] = { "Rattach", { F(QID, qid) } },
	[P9_TFLUSH] = { "Tflush", { F(U16, oldtag) } },
	[P9_TFLUSH + 1] = { "Rflush", { { 0 } } },
	[P9_TWALK] = { "Twalk", { F(U32, fid), F(U32, newfid), F(NAMES, names) } },
	[P9_TWALK + 1] = { "Rwalk", { F(QIDS, qids) } },
	[P9_TREAD] = { "Tread", { F(U32, fid), F(U64, offset), F(U32, count) } },
	[P9_TREAD + 1] = { "Rread", { F(DATA, data) } },
	[P9_TWRITE] = { "Twrite", { F(U32, fid), F(U64, offset), F(DATA, data) } },
	[P9_TWRITE + 1] = { "Rwrite", { F(U32, count) } },
	[P9_TCLUNK] = { "Tclunk", { F(U32, fid) } },
	[P9_TCLUNK + 1] = { "Rclunk", { { 0 } } },
	[P9_TREMOVE] = { "Tremove", { F(U32, fid) } },
	[P9_TREMOVE + 1] = { "Rremove", { { 0 } } },
	[P9_TGET] = { "Tget", { F(U32, fid), F(NAMES, names), F(U32, flags), F(U32, count) } },
	[P9_TGET + 1] = { "Rget", { F(QID, qid), F(ATTR, attr), F(U32, flags), F(U32, mode), F(DATA, data) } },
	[P9_TLIST] = { "Tlist", { F(U32, fid), F(NAMES, names), F(U64, offset), F(U32, count), F(U32, flags) } },
	[P9_TLIST + 1] = { "Rlist", { F(QID, qid), F(ATTR, attr), F(U64, offset), F(DATA, data) } },
	[P9_TPUT] = { "Tput", { F(U32, fid), F(NAMES, names), F(U32, flags), F(DATA, data) } },
	[P9_TPUT + 1] = { "Rput", { F(ATTR, attr) } },
	[P9_TWATCH] = { "Twatch", { F(U64, offset), F(U32, count) } },
	[P9_TWATCH + 1] = { "Rwatch", { F(U64, offset), F(DATA, data) } },
	[P9_TPOLL] = { "Tpoll", { F(U32, fid) } },
	[P9_TPOLL + 1] = { "Rpoll", { { 0 } } },
	[P9_TNEXT] = { "Tnext", { F(U32, fid), F(U64, start), F(U64, length), F(U32, count) } },
	[P9_TNEXT + 1] = { "Rnext", { F(U64, start), F(U64, length), F(DATA, data) } },
	[P9_RFAIL] = { "Rfail", { F(U32, ecode), F(TEXT, name) } },
};

/* All but the first of these are what Rgetattr has after its qid; VALID goes before that. */
static const struct {
	bool wide;
	size_t at;
} attr_fields[] = {
#define A32(m)                                                                                                         \
	{                                                                                                              \
		false, offsetof(struct p9_attr, m)                                                                     \
	}
#define A64(m)                                                                                                         \
	{                                                                                                              \
		true, offsetof(struct p9_attr, m)                                                                      \
	}
	A32(mode),	A32(uid),	 A32(gid),	 A64(nlink),	  A64(rdev),	  A64(size),
	A64(blksize),	A64(blocks),	 A64(atime_sec), A64(atime_nsec), A64(mtime_sec), A64(mtime_nsec),
	A64(ctime_sec), A64(ctime_nsec), A64(btime_sec), A64(btime_nsec), A64(gen),	  A64(data_version),
};

const char *p9_name(uint8_t type)
{
	return layouts[type].name;
}

/* ---- out ---- */

static void put(struct buf *out, uint64_t v, size_t n)
{
	uint64_t le = htole64(v);

	buf_add(out, &le, n);
}

static void put_text(struct buf *out, struct str s)
{
	put(out, s.n, 2);
	buf_add(out, s.p, s.n);
}

static void put_qid(struct buf *out, const struct p9_qid *q)
{
	put(out, q->type, 1);
	put(out, q->version, 4);
	put(out, q->path, 8);
}

void p9_attr_add(struct buf *out, const struct p9_attr *a)
{
	for (size_t i = 0; i < ARRAY_SIZE(attr_fields); i++) {
		const char *p = (const char *)a + attr_fields[i].at;
		if (attr_fields[i].wide)
			put(out, *(const uint64_t *)p, 8);
		else
			put(out, *(const uint32_t *)p, 4);
	}
}

static void put_field(struct buf *out, const struct p9_msg *m, const struct field *f)
{
	const char *p = (const char *)m + f->at;

	switch (f->kind) {
	case U8:
		put(out, *(const uint8_t *)p, 1);
		break;
	case U16:
		put(out, *(const uint16_t *)p, 2);
		break;
	case U32:
		put(out, *(const uint32_t *)p, 4);
		break;
	case U64:
		put(out, *(const uint64_t *)p, 8);
		break;
	case TEXT:
	case NAME:
		put_text(out, *(const struct str *)p);
		break;
	case NAMES:
		put(out, m->nnames, 2);
		for (unsigned i = 0; i < m->nnames; i++)
			put_text(out, m->names[i]);
		break;
	case QID:
		put_qid(out, (const struct p9_qid *)p);
		break;
	case QIDS:
		put(out, m->nqids, 2);
		for (unsigned i = 0; i < m->nqids; i++)
			put_qid(out, &m->qids[i]);
		break;
	case ATTR:
		p9_attr_add(out, &m->attr);
		break;
	case DATA:
		p9_text_add(out, m->data);
		break;
	case END:
		break;
	}
}

void p9_encode(const struct p9_msg *m, struct buf *out)
{
	size_t start = out->n;
	uint32_t size;

	put(out, 0, 4);
	put(out, m->type, 1);
	put(out, m->tag, 2);
	for (const struct field *f = layouts[m->type].fields; f->kind; f++)
		put_field(out, m, f);
	size = htole32(out->n - start);
	memcpy(out->p + start, &size, 4);
}

/* ---- in ---- */

static bool get(struct str *in, uint64_t *v, size_t n)
{
	uint64_t le = 0;

	if (in->n < n)
		return false;
	memcpy(&le, in->p, n);
	*v = le64toh(le);
	in->p += n;
	in->n -= n;
	return true;
}

static bool get_bytes(struct str *in, struct str *s, size_t n)
{
	if (in->n < n)
		return false;
	*s = (struct str){ in->p, n };
	in->p += n;
	in->n -= n;
	return true;
}

static bool get_text(struct str *in, struct str *s)
{
	uint64_t n;

	return get(in, &n, 2) && get_bytes(in, s, n);
}

static bool get_qid(struct str *in, struct p9_qid *q)
{
	uint64_t type, version;

	if (!get(in, &type, 1) || !get(in, &version, 4) || !get(in, &q->path, 8))
		return false;
	q->type = type;
	q->version = version;
	return true;
}

bool p9_attr_take(struct str *in, struct p9_attr *a)
{
	for (size_t i = 0; i < ARRAY_SIZE(attr_fields); i++) {
		char *p = (char *)a + attr_fields[i].at;
		uint64_t v;
		if (!get(in, &v, attr_fields[i].wide ? 8 : 4))
			return false;
		if (attr_fields[i].wide)
			*(uint64_t *)p = v;
		else
			*(uint32_t *)p = v;
	}
	return true;
}

static bool get_list(struct str *in, struct p9_msg *m, bool names)
{
	uint64_t n;

	if (!get(in, &n, 2) || n > P9_NAMES_MAX)
		return false;
	for (unsigned i = 0; i < n; i++)
		if (names ? !get_text(in, &m->names[i]) : !get_qid(in, &m->qids[i]))
			return false;
	if (names)
		m->nnames = n;
	else
		m->nqids = n;
	return true;
}

static bool get_number(struct str *in, char *p, enum kind kind)
{
	static const size_t sizes[] = { [U8] = 1, [U16] = 2, [U32] = 4, [U64] = 8 };
	uint64_t v;

	if (!get(in, &v, sizes[kind]))
		return false;
	if (kind == U8)
		*(uint8_t *)p = v;
	else if (kind == U16)
		*(uint16_t *)p = v;
	else if (kind == U32)
		*(uint32_t *)p = v;
	else
		*(uint64_t *)p = v;
	return true;
}

static bool get_field(struct str *in, struct p9_msg *m, const struct field *f)
{
	char *p = (char *)m + f->at;

	switch (f->kind) {
	case U8:
	case U16:
	case U32:
	case U64:
		return get_number(in, p, f->kind);
	case TEXT:
	case NAME:
		return get_text(in, (struct str *)p);
	case NAMES:
	case QIDS:
		return get_list(in, m, f->kind == NAMES);
	case QID:
		return get_qid(in, (struct p9_qid *)p);
	case ATTR:
		return p9_attr_take(in, &m->attr);
	case DATA:
		return p9_text_take(in, &m->data);
	case END:
		break;
	}
	return true;
}

/* ---- texts, once the message is known to be well formed ---- */

static int text_check(const char *what, struct str s, struct error *err)
{
	if (memchr(s.p, 0, s.n))
		return error_set(err, EINVAL, "%s: a text with a NUL in it", what);
	return 0;
}

/* One component of a path: never a way out of a directory. */
static int name_check(const char *what, struct str s, struct error *err)
{
	if (s.n > 255)
		return error_set(err, ENAMETOOLONG, "%s: a name has at most 255 bytes, not %zu", what, s.n);
	if (!s.n || memchr(s.p, '/', s.n))
		return error_set(err, EINVAL, "%s: a name is neither empty nor has it a '/'", what);
	return text_check(what, s, err);
}

static int field_check(const struct p9_msg *m, const struct field *f, struct error *err)
{
	const struct str *s = (const struct str *)((const char *)m + f->at);
	const char *what = layouts[m->type].name;
	int r = 0;

	if (f->kind == TEXT)
		return text_check(what, *s, err);
	if (f->kind == NAME)
		return name_check(what, *s, err);
	for (unsigned i = 0; f->kind == NAMES && i < m->nnames && r == 0; i++)
		r = name_check(what, m->names[i], err);
	return r;
}

uint32_t p9_length(struct str bytes)
{
	uint64_t n = 0;

	return get(&bytes, &n, 4) ? n : 0;
}

int p9_decode(struct str in, struct p9_msg *m, struct error *err)
{
	uint64_t size = 0, type = 0, tag = 0;
	int r = 0;

	memset(m, 0, sizeof(*m));
	m->tag = P9_NOTAG;
	if (in.n < P9_HEADER || p9_length(in) != in.n)
		return error_set(err, EBADMSG, "a message of %zu bytes says that it has %u", in.n, p9_length(in));
	(void)!get(&in, &size, 4);
	(void)!get(&in, &type, 1);
	(void)!get(&in, &tag, 2);
	m->type = type;
	m->tag = tag;
	if (!layouts[type].name)
		return error_set(err, EOPNOTSUPP, "there is no message of type %u", m->type);
	for (const struct field *f = layouts[type].fields; f->kind; f++)
		if (!get_field(&in, m, f))
			return error_set(err, EBADMSG, "%s: field %d is not what it must be", layouts[type].name,
					 (int)(f - layouts[type].fields) + 1);
	if (in.n)
		return error_set(err, EBADMSG, "%s: %zu bytes too many", layouts[type].name, in.n);
	for (const struct field *f = layouts[type].fields; f->kind && r == 0; f++)
		r = field_check(m, f, err);
	return r;
}

/* ---- what is in data ---- */

bool p9_dirent_add(struct buf *out, size_t max, const struct p9_qid *qid, uint64_t next, uint8_t dtype, struct str name)
{
	if (out->n + 13 + 8 + 1 + 2 + name.n > max)
		return false;
	put_qid(out, qid);
	put(out, next, 8);
	put(out, dtype, 1);
	put_text(out, name);
	return true;
}

bool p9_dirent_next(struct str *data, struct p9_qid *qid, uint64_t *next, uint8_t *dtype, struct str *name)
{
	return get_qid(data, qid) && get(data, next, 8) && p9_u8_take(data, dtype) && get_text(data, name) &&
	       name_check("Rreaddir", *name, NULL) == 0;
}

void p9_u8_add(struct buf *out, uint8_t v)
{
	put(out, v, 1);
}

void p9_u32_add(struct buf *out, uint32_t v)
{
	put(out, v, 4);
}

void p9_u64_add(struct buf *out, uint64_t v)
{
	put(out, v, 8);
}

void p9_text_add(struct buf *out, struct str s)
{
	put(out, s.n, 4);
	buf_add(out, s.p, s.n);
}

bool p9_u8_take(struct str *data, uint8_t *v)
{
	uint64_t wide;

	if (!get(data, &wide, 1))
		return false;
	*v = wide;
	return true;
}

bool p9_u32_take(struct str *data, uint32_t *v)
{
	uint64_t wide;

	if (!get(data, &wide, 4))
		return false;
	*v = wide;
	return true;
}

bool p9_u64_take(struct str *data, uint64_t *v)
{
	return get(data, v, 8);
}

bool p9_text_take(struct str *data, struct str *s)
{
	uint64_t n;

	return get(data, &n, 4) && get_bytes(data, s, n);
}
