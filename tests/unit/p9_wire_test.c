/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* 9P messages: there and back, each type; what is not one is refused without a look beyond its end. */
#include <endian.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fs/p9/wire.h"

/* Of each text that some type has, one. */
static void fill_texts(struct p9_msg *m)
{
	m->version = str_of(P9_VERSION_OWN);
	m->uname = str_of("root");
	m->aname = str_of("");
	m->name = str_of("\xff\xfe no UTF-8");
	m->newname = str_of("..");
	m->target = str_of("../../storage/pools/a b");
	m->client = str_of("host");
	m->data = (struct str){ "a\0b/c", 5 };
	m->names[0] = str_of("domains");
	m->names[1] = str_of("..");
	m->names[2] = str_of("x");
	m->nnames = 3;
}

/* As much of everything as the types have: each type takes what is its own. */
static void fill(struct p9_msg *m, uint8_t type)
{
	*m = (struct p9_msg){
		.type = type,
		.tag = 0x1234,
		.fid = 1,
		.newfid = 0xfffffffe,
		.afid = P9_NOFID,
		.dfid = 4,
		.msize = P9_MSIZE_MAX,
		.flags = 0x80000001,
		.mode = 0755,
		.uid = 1000,
		.gid = 0xffffffff,
		.major = 8,
		.minor = 1,
		.count = 65536,
		.ecode = 13,
		.iounit = 4096,
		.oldtag = 0xfffe,
		.offset = 1ull << 63 | 1,
		.size = 77,
		.valid = P9_GETATTR_BASIC,
		.mtime_sec = 1,
		.mtime_nsec = 2,
		.atime_sec = 3,
		.atime_nsec = 4,
		.lock_type = 2,
		.status = 3,
		.client_pid = 99,
		.start = 5,
		.length = UINT64_MAX,
		.qid = { P9_QTDIR, 0xfffffffe, 1ull << 62 },
		.qids = { { P9_QTFILE, 1, 2 }, { P9_QTSYMLINK, 3, 4 } },
		.nqids = 2,
		.attr = { .valid = 0,
			  .mode = 040755,
			  .uid = 1,
			  .gid = 2,
			  .nlink = 3,
			  .size = UINT64_MAX,
			  .gen = 9,
			  .data_version = 10 },
		.fs_type = 0x01021997,
		.bsize = 4096,
		.namelen = 255,
		.blocks = 6,
		.bfree = 5,
		.bavail = 4,
		.files = 3,
		.ffree = 2,
		.fsid = 1,
	};
	fill_texts(m);
}

/* The bytes, exactly as long as they are: a sanitizer sees a look beyond. */
static int decode(const char *p, size_t n, struct p9_msg *m, char **keep)
{
	*keep = malloc(n ? n : 1);
	memcpy(*keep, p, n);
	return p9_decode((struct str){ *keep, n }, m, NULL);
}

static void set_size(struct buf *b, uint32_t n)
{
	uint32_t le = htole32(n);

	memcpy(b->p, &le, 4);
}

static void there_and_back(void **state unused)
{
	unsigned types = 0;

	for (unsigned type = 0; type < 256; type++) {
		autobuf struct buf one = { 0 }, two = { 0 };
		autofree char *keep = NULL;
		struct p9_msg m, got;
		if (!p9_name(type))
			continue;
		types++;
		fill(&m, type);
		p9_encode(&m, &one);
		assert_int_equal(p9_length((struct str){ one.p, one.n }), one.n);
		assert_int_equal(decode(one.p, one.n, &got, &keep), 0);
		assert_int_equal(got.type, type);
		assert_int_equal(got.tag, 0x1234);
		p9_encode(&got, &two);
		assert_int_equal(one.n, two.n);
		assert_memory_equal(one.p, two.p, one.n);
	}
	assert_int_equal(types, 2 * 28 + 12 + 1 + 1); /* pairs of 9P2000.L, ours, Rlerror and Rfail */
}

static void members(void **state unused)
{
	autobuf struct buf b = { 0 };
	autofree char *keep = NULL;
	struct p9_msg m, got;

	fill(&m, P9_TWALK);
	p9_encode(&m, &b);
	assert_int_equal(decode(b.p, b.n, &got, &keep), 0);
	assert_int_equal(got.fid, 1);
	assert_int_equal(got.newfid, 0xfffffffe);
	assert_int_equal(got.nnames, 3);
	assert_true(str_is(got.names[0], "domains"));
	assert_true(str_is(got.names[1], "..")); /* a step; who makes or renames refuses it */
	free(take(&keep));
	buf_reset(&b);
	fill(&m, P9_TGETATTR + 1);
	p9_encode(&m, &b);
	assert_int_equal(b.n, 160); /* what every other implementation says */
	assert_int_equal(decode(b.p, b.n, &got, &keep), 0);
	assert_int_equal(got.attr.mode, 040755);
	assert_true(got.attr.size == UINT64_MAX && got.attr.data_version == 10);
	assert_true(got.qid.path == 1ull << 62);
}

/* Byte by byte, as the table of 9P2000.L has it. */
static void on_the_wire(void **state unused)
{
	static const char version[] = "\x15\0\0\0\x64\xff\xff\0\x20\0\0\x08\0"
				      "9P2000.L";
	static const char lcreate[] = "\x1b\0\0\0\x0e\x01\0\x02\0\0\0\x02\0ab\x41\0\0\0\xa4\x01\0\0\x05\0\0\0";
	autofree char *keep = NULL, *other = NULL;
	struct p9_msg m;

	assert_int_equal(decode(version, sizeof(version) - 1, &m, &keep), 0);
	assert_int_equal(m.type, P9_TVERSION);
	assert_int_equal(m.tag, P9_NOTAG);
	assert_int_equal(m.msize, 8192);
	assert_true(str_is(m.version, P9_VERSION));
	assert_int_equal(decode(lcreate, sizeof(lcreate) - 1, &m, &other), 0);
	assert_true(m.fid == 2 && str_is(m.name, "ab") && m.flags == 0x41 && m.mode == 0644 && m.gid == 5);
}

static void cut(void **state unused)
{
	for (unsigned type = 0; type < 256; type++) {
		autobuf struct buf b = { 0 };
		struct p9_msg m, got;
		if (!p9_name(type))
			continue;
		fill(&m, type);
		p9_encode(&m, &b);
		for (size_t n = 0; n < b.n; n++) { /* its size says so, or it does not */
			autofree char *a = NULL, *c = NULL;
			autobuf struct buf shorter = { 0 };
			assert_int_equal(decode(b.p, n, &got, &a), -EBADMSG);
			if (n < 4)
				continue;
			buf_add(&shorter, b.p, n);
			set_size(&shorter, n);
			assert_int_equal(decode(shorter.p, n, &got, &c), -EBADMSG);
		}
	}
}

static void too_long(void **state unused)
{
	for (unsigned type = 0; type < 256; type++) {
		autobuf struct buf b = { 0 };
		autofree char *keep = NULL;
		struct p9_msg m, got;
		if (!p9_name(type))
			continue;
		fill(&m, type);
		p9_encode(&m, &b);
		buf_putc(&b, 0);
		set_size(&b, b.n);
		assert_int_equal(decode(b.p, b.n, &got, &keep), -EBADMSG);
	}
}

static void sizes(void **state unused)
{
	static const uint32_t odd[] = { 0, 1, 4, 6, 8, 0x7fffffff, 0x80000000, 0xffffffff };
	autobuf struct buf b = { 0 };
	struct p9_msg m, got;

	fill(&m, P9_TCLUNK);
	p9_encode(&m, &b);
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		autofree char *keep = NULL;
		set_size(&b, odd[i]);
		assert_int_equal(decode(b.p, b.n, &got, &keep), -EBADMSG);
		assert_int_equal(p9_length((struct str){ b.p, b.n }), odd[i]);
	}
	assert_int_equal(p9_length((struct str){ "\xff\xff\xff", 3 }), 0);
}

static void unknown_types(void **state unused)
{
	for (unsigned type = 0; type < 256; type++) {
		char bytes[7] = { 7, 0, 0, 0, (char)type, 5, 0 };
		autofree char *keep = NULL;
		struct p9_msg m;
		if (p9_name(type))
			continue;
		assert_int_equal(decode(bytes, 7, &m, &keep), -EOPNOTSUPP);
		assert_int_equal(m.type, type);
		assert_int_equal(m.tag, 5);
	}
}

static int walk_of(struct str name)
{
	struct p9_msg m = { .type = P9_TWALK, .nnames = 2, .names = { str_of("a"), name } }, got;
	autobuf struct buf b = { 0 };
	autofree char *keep = NULL;
	int r;

	p9_encode(&m, &b);
	r = decode(b.p, b.n, &got, &keep);
	assert_int_equal(got.type, P9_TWALK); /* it can be answered */
	return r;
}

static void names(void **state unused)
{
	autofree char *long_name = xcalloc(1, 300);

	memset(long_name, 'n', 299);
	assert_int_equal(walk_of(str_of("")), -EINVAL);
	assert_int_equal(walk_of(str_of("/")), -EINVAL);
	assert_int_equal(walk_of(str_of("a/b")), -EINVAL);
	assert_int_equal(walk_of(str_of("../x")), -EINVAL);
	assert_int_equal(walk_of((struct str){ "a\0b", 3 }), -EINVAL);
	assert_int_equal(walk_of((struct str){ "\0", 1 }), -EINVAL);
	assert_int_equal(walk_of((struct str){ long_name, 299 }), -ENAMETOOLONG);
	assert_int_equal(walk_of((struct str){ long_name, 256 }), -ENAMETOOLONG);
	assert_int_equal(walk_of((struct str){ long_name, 255 }), 0);
	assert_int_equal(walk_of(str_of("\xc3\x28\xff")), 0); /* what is no UTF-8 is no name that there is: no more */
	assert_int_equal(walk_of(str_of("..")), 0);
}

/* Every type that has a name or a text refuses a NUL in it, and every name a '/'. */
static void bad_texts(void **state unused)
{
	unsigned texts = 0, slashes = 0;

	for (unsigned type = 0; type < 256; type++) {
		struct str nul = { "a\0b", 3 };
		struct p9_msg m;
		for (unsigned turn = 0; turn < 2 && p9_name(type); turn++) {
			struct str bad = turn ? str_of("a/b") : nul;
			autobuf struct buf b = { 0 };
			autofree char *keep = NULL;
			int r;
			fill(&m, type);
			m.version = m.uname = m.aname = m.name = m.newname = m.target = m.client = m.names[2] = bad;
			p9_encode(&m, &b);
			r = decode(b.p, b.n, &m, &keep);
			assert_true(r == 0 || r == -EINVAL);
			*(turn ? &slashes : &texts) += r < 0;
		}
	}
	assert_int_equal(texts, 23);
	assert_int_equal(slashes, 12);
}

/* A count that says more than there is, or more than anybody may say. */
static void counts(void **state unused)
{
	static const struct {
		uint8_t type;
		size_t at;
	} where[] = { { P9_TWALK, 15 }, { P9_TWALK + 1, 7 }, { P9_TGET, 11 }, { P9_TLIST, 11 }, { P9_TPUT, 11 } };

	for (size_t i = 0; i < ARRAY_SIZE(where); i++)
		for (unsigned n = 0; n <= 0xffff; n += n < 20 ? 1 : 0x1fed) {
			autobuf struct buf b = { 0 };
			autofree char *keep = NULL;
			struct p9_msg m, got;
			uint16_t le = htole16(n);
			fill(&m, where[i].type);
			p9_encode(&m, &b);
			memcpy(b.p + where[i].at, &le, 2);
			if (n == (where[i].type == P9_TWALK + 1 ? m.nqids : m.nnames))
				assert_int_equal(decode(b.p, b.n, &got, &keep), 0);
			else
				assert_int_not_equal(decode(b.p, b.n, &got, &keep), 0);
		}
}

static void data_lengths(void **state unused)
{
	static const uint32_t odd[] = { 4, 6, 0x7fffffff, 0xfffffffb, 0xffffffff };

	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		autobuf struct buf b = { 0 };
		autofree char *keep = NULL;
		uint32_t le = htole32(odd[i]);
		struct p9_msg m, got;
		fill(&m, P9_TWRITE);
		p9_encode(&m, &b);
		memcpy(b.p + 19, &le, 4);
		assert_int_equal(decode(b.p, b.n, &got, &keep), -EBADMSG);
	}
}

static void dirents(void **state unused)
{
	struct p9_qid qid = { P9_QTDIR, 1, 2 }, got;
	autobuf struct buf b = { 0 };
	struct str data, name;
	uint64_t next;
	uint8_t type;

	assert_false(p9_dirent_add(&b, 26, &qid, 3, 4, str_of("abc"))); /* it would be 27 */
	assert_int_equal(b.n, 0);
	assert_true(p9_dirent_add(&b, 27, &qid, 3, 4, str_of("abc")));
	assert_int_equal(b.n, 27);
	data = (struct str){ b.p, b.n };
	assert_true(p9_dirent_next(&data, &got, &next, &type, &name));
	assert_true(got.path == 2 && next == 3 && type == 4 && str_is(name, "abc") && !data.n);
	assert_false(p9_dirent_next(&data, &got, &next, &type, &name));
	for (size_t n = 0; n < b.n; n++) {
		data = (struct str){ b.p, n };
		assert_false(p9_dirent_next(&data, &got, &next, &type, &name));
	}
	b.p[25] = '/'; /* what a hostile server lists is no path */
	data = (struct str){ b.p, b.n };
	assert_false(p9_dirent_next(&data, &got, &next, &type, &name));
}

static void numbers(void **state unused)
{
	autobuf struct buf b = { 0 };
	struct p9_attr a = { .mode = 1, .ctime_nsec = 2, .data_version = 3 }, c = { 0 };
	struct str data, text;
	uint64_t wide;
	uint32_t v;
	uint8_t small;

	p9_u8_add(&b, 255);
	p9_u32_add(&b, 0xdeadbeef);
	p9_u64_add(&b, UINT64_MAX - 1);
	p9_text_add(&b, (struct str){ "x\0y", 3 });
	p9_attr_add(&b, &a);
	data = (struct str){ b.p, b.n };
	assert_true(p9_u8_take(&data, &small) && small == 255);
	assert_true(p9_u32_take(&data, &v) && v == 0xdeadbeef);
	assert_true(p9_u64_take(&data, &wide) && wide == UINT64_MAX - 1);
	assert_true(p9_text_take(&data, &text) && text.n == 3 && !memcmp(text.p, "x\0y", 3));
	assert_true(p9_attr_take(&data, &c) && c.mode == 1 && c.ctime_nsec == 2 && c.data_version == 3);
	assert_false(p9_u8_take(&data, &small) || p9_u32_take(&data, &v) || p9_u64_take(&data, &wide) ||
		     p9_text_take(&data, &text) || p9_attr_take(&data, &c));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back), cmocka_unit_test(members),
		cmocka_unit_test(on_the_wire),	  cmocka_unit_test(cut),
		cmocka_unit_test(too_long),	  cmocka_unit_test(sizes),
		cmocka_unit_test(unknown_types),  cmocka_unit_test(names),
		cmocka_unit_test(bad_texts),	  cmocka_unit_test(counts),
		cmocka_unit_test(data_lengths),	  cmocka_unit_test(dirents),
		cmocka_unit_test(numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
