/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A LUN as bytes: parts of blocks, large requests, sessions that break.  The LUN is an array here, in place of iscsi_lun.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include "drivers/storage/iscsi.h"

#include <cmocka.h>

#define BLOCK  512u
#define BLOCKS 64u

static struct {
	char bytes[BLOCK * BLOCKS];
	unsigned opened, closed, calls, largest;
	int break_at; /* the call that finds the session broken; -1: none */
	bool no_same;
	const char *id;
	uint32_t blocks;
} lun;

struct lun_session {
	bool broken;
};

static void reset(void)
{
	memset(&lun, 0, sizeof(lun));
	for (size_t i = 0; i < sizeof(lun.bytes); i++)
		lun.bytes[i] = (char)('a' + i % 23);
	lun.break_at = -1;
	lun.id = "3abc";
	lun.blocks = BLOCKS;
}

/* What is touched is inside, and a session that broke is not used again. */
static int touch(struct lun_session *s, uint64_t block, size_t blocks, struct error *err)
{
	assert_false(s->broken);
	assert_true(blocks && block < BLOCKS && blocks <= BLOCKS - block);
	if (blocks > lun.largest)
		lun.largest = (unsigned)blocks;
	if ((int)lun.calls++ != lun.break_at)
		return 0;
	s->broken = true;
	return error_set(err, ENOTCONN, "broke");
}

int lun_open(const struct iscsi_login *l unused, bool discovery unused, int64_t timeout_ms unused,
	     struct lun_session **out, struct error *err unused)
{
	*out = xcalloc(1, sizeof(**out));
	lun.opened++;
	return 0;
}

void lun_close(struct lun_session *s)
{
	lun.closed += !!s;
	free(s);
}

int lun_targets(struct lun_session *s unused, struct vec *names unused, struct error *err)
{
	return error_set(err, ENOTSUP, "no");
}

int lun_numbers(struct lun_session *s unused, unsigned **numbers unused, size_t *n unused, struct error *err)
{
	return error_set(err, ENOTSUP, "no");
}

int lun_look(struct lun_session *s unused, unsigned number, struct lun *out, struct error *err unused)
{
	*out = (struct lun){
		.number = number, .block = BLOCK, .blocks = lun.blocks, .most = 8, .most_same = 10, .most_unmap = 4
	};
	out->id = xstrdup(lun.id);
	return 0;
}

int lun_read(struct lun_session *s, const struct lun *l unused, uint64_t block, void *p, size_t n, struct error *err)
{
	int r = touch(s, block, n / BLOCK, err);

	assert_int_equal(n % BLOCK, 0);
	assert_true(n / BLOCK <= 8);
	if (r == 0)
		memcpy(p, lun.bytes + block * BLOCK, n);
	return r;
}

int lun_write(struct lun_session *s, const struct lun *l unused, uint64_t block, const void *p, size_t n,
	      struct error *err)
{
	int r = touch(s, block, n / BLOCK, err);

	assert_int_equal(n % BLOCK, 0);
	assert_true(n / BLOCK <= 8);
	if (r == 0)
		memcpy(lun.bytes + block * BLOCK, p, n);
	return r;
}

int lun_sync(struct lun_session *s unused, const struct lun *l unused, struct error *err unused)
{
	return 0;
}

int lun_unmap(struct lun_session *s, const struct lun *l unused, uint64_t block, uint32_t n, struct error *err)
{
	int r = touch(s, block, n, err);

	assert_true(n <= 4);
	if (r == 0)
		memset(lun.bytes + block * BLOCK, 'U', n * BLOCK);
	return r;
}

int lun_zero(struct lun_session *s, const struct lun *l unused, uint64_t block, uint32_t n, struct error *err)
{
	int r = touch(s, block, n, err);

	assert_true(n <= 10);
	if (r == 0 && lun.no_same)
		return error_set(err, ENOTSUP, "illegal request");
	if (r == 0)
		memset(lun.bytes + block * BLOCK, 0, n * BLOCK);
	return r;
}

static struct lun_bytes *open_it(void)
{
	struct iscsi_login l = { 0 };
	struct lun_bytes *b = NULL;

	assert_int_equal(lun_bytes_open(&l, 1, &b, NULL), 0);
	return b;
}

static const struct {
	uint64_t off;
	size_t n;
} ranges[] = {
	{ 0, BLOCK *BLOCKS },
	{ 0, 1 },
	{ 511, 2 },
	{ 1, BLOCK },
	{ BLOCK, BLOCK },
	{ BLOCK - 1, BLOCK * 9 + 2 },
	{ 700, 20000 },
	{ BLOCK * 63 + 7, 505 },
	{ BLOCK * 64, 0 },
	{ 5, 0 },
	{ BLOCK * 8, BLOCK * 8 },
	{ 3 * BLOCK, 100 },
};

static void reads(void **state unused)
{
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		char out[sizeof(lun.bytes) + 1];
		struct lun_bytes *b;

		reset();
		b = open_it();
		out[ranges[i].n] = 'X';
		assert_int_equal(lun_bytes_read(b, out, ranges[i].n, ranges[i].off, NULL), 0);
		assert_memory_equal(out, lun.bytes + ranges[i].off, ranges[i].n);
		assert_int_equal(out[ranges[i].n], 'X');
		lun_bytes_close(b);
		assert_int_equal(lun.opened, lun.closed);
	}
}

/* FN on each range leaves what was, with FILL in the range. */
static void each_change(int (*fn)(struct lun_bytes *b, uint64_t off, uint64_t n, struct error *err), char fill,
			bool no_same)
{
	for (size_t i = 0; i < ARRAY_SIZE(ranges); i++) {
		char want[sizeof(lun.bytes)];
		struct lun_bytes *b;

		reset();
		lun.no_same = no_same;
		memcpy(want, lun.bytes, sizeof(want));
		memset(want + ranges[i].off, fill, ranges[i].n);
		b = open_it();
		assert_int_equal(fn(b, ranges[i].off, ranges[i].n, NULL), 0);
		assert_memory_equal(lun.bytes, want, sizeof(want));
		lun_bytes_close(b);
	}
}

static int write_w(struct lun_bytes *b, uint64_t off, uint64_t n, struct error *err)
{
	autofree char *bytes = xmalloc(n + 1);

	memset(bytes, 'W', n);
	return lun_bytes_write(b, bytes, n, off, err);
}

static void writes(void **state unused)
{
	each_change(write_w, 'W', false);
	each_change(lun_bytes_zero, 0, false);
	each_change(lun_bytes_zero, 0, true);
}

/* Only whole blocks are given back. */
static void discards(void **state unused)
{
	struct lun_bytes *b;

	reset();
	b = open_it();
	assert_int_equal(lun_bytes_discard(b, 100, BLOCK * 7, NULL), 0);
	assert_int_not_equal(lun.bytes[BLOCK - 1], 'U');
	assert_int_equal(lun.bytes[BLOCK], 'U');
	assert_int_equal(lun.bytes[7 * BLOCK - 1], 'U');
	assert_int_not_equal(lun.bytes[7 * BLOCK], 'U');
	assert_int_equal(lun.largest, 4);
	lun.calls = 0;
	assert_int_equal(lun_bytes_discard(b, 100, 50, NULL), 0);
	assert_int_equal(lun.calls, 0);
	lun_bytes_close(b);
}

static void ends(void **state unused)
{
	struct lun_bytes *b;
	autoerror struct error err = { 0 };
	char c = 0;

	reset();
	b = open_it();
	assert_int_equal(lun_bytes_size(b), BLOCK * BLOCKS);
	assert_int_equal(lun_bytes_write(b, &c, 1, BLOCK * BLOCKS, &err), -ENOSPC);
	assert_int_equal(lun_bytes_read(b, &c, 1, UINT64_MAX, &err), -ENOSPC);
	assert_int_equal(lun_bytes_zero(b, BLOCK, UINT64_MAX, &err), -ENOSPC);
	assert_int_equal(lun.calls, 0);
	lun_bytes_close(b);
}

static void broken(void **state unused)
{
	for (int at = 0; at < 3; at++) {
		struct lun_bytes *b;

		reset();
		b = open_it();
		lun.break_at = at;
		assert_int_equal(write_w(b, 0, BLOCK * 20, NULL), 0);
		assert_int_equal(lun.bytes[BLOCK * 20 - 1], 'W');
		assert_int_equal(lun.opened, 2);
		lun_bytes_close(b);
		assert_int_equal(lun.closed, 2);
	}
}

/* What comes back under the number must be the same disk. */
static void swapped(void **state unused)
{
	struct lun_bytes *b;
	autoerror struct error err = { 0 };

	reset();
	b = open_it();
	lun.break_at = 0;
	lun.id = "3abd";
	assert_int_equal(write_w(b, 0, BLOCK, &err), -ESTALE);
	assert_int_equal(write_w(b, 0, BLOCK, &err), -ESTALE); /* and stays so */
	assert_int_equal(lun.bytes[0], 'a');
	lun_bytes_close(b);
	assert_int_equal(lun.opened, lun.closed);
	reset();
	b = open_it();
	lun.break_at = 0;
	lun.blocks = BLOCKS - 1;
	assert_int_equal(write_w(b, 0, BLOCK, &err), -ESTALE);
	lun_bytes_close(b);
	assert_int_equal(lun.opened, lun.closed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads), cmocka_unit_test(writes), cmocka_unit_test(discards),
		cmocka_unit_test(ends),	 cmocka_unit_test(broken), cmocka_unit_test(swapped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
