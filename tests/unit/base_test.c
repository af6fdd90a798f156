/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include "engine/base.h"
#include "engine/buf.h"
#include "engine/error.h"

#include <cmocka.h>

static void strings(void **state unused)
{
	static const char *const words[] = { "raw", "qcow2", NULL };
	autofree char *joined = words_joined(words);

	assert_true(str_is(str_trim(str_of(" \t a b\n")), "a b"));
	assert_true(str_is(str_trim(str_of(" \n")), ""));
	assert_int_equal(str_of(NULL).n, 0);
	assert_true(str_eq(NULL, NULL) && !str_eq(NULL, "a") && str_eq("a", "a"));
	assert_true(str_starts("disk0", "disk") && !str_starts("dis", "disk"));
	assert_true(str_ends("a.xml", ".xml") && !str_ends("xml", ".xml"));
	assert_int_equal(word_index(words, "qcow2"), 1);
	assert_int_equal(word_index(words, "qcow"), -1);
	assert_int_equal(word_index(words, NULL), -1);
	assert_string_equal(joined, "raw qcow2");
}

static void moved_pointers_are_not_freed(void **state unused)
{
	char *kept;

	{
		autofree char *text = xstrdup("kept");

		kept = take(&text);
		assert_null(text);
	}
	assert_string_equal(kept, "kept");
	free(kept);
}

static void vectors(void **state unused)
{
	struct vec v = { 0 };
	int x[20];

	for (int i = 0; i < 20; i++)
		vec_add(&v, &x[i]);
	vec_remove(&v, 0);
	assert_true(vec_drop(&v, &x[5]));
	assert_false(vec_drop(&v, &x[5]));
	assert_int_equal(v.n, 18);
	assert_ptr_equal(v.at[0], &x[1]);
	assert_ptr_equal(v.at[4], &x[6]);
	vec_clear(&v, NULL);
	vec_add(&v, xstrdup("owned"));
	vec_clear(&v, free);
	assert_int_equal(v.n, 0);
}

/* Against a plain array, with removals in another order than insertions. */
static void hash_keeps_what_it_is_given(void **state unused)
{
	enum { N = 5000 };
	static char there[N];
	struct hash *h = hash_new();
	uint64_t seed = 1;
	size_t count = 0;
	char name[32];

	for (int step = 0; step < 60000; step++) {
		int i;

		seed = seed * 6364136223846793005u + 1442695040888963407u;
		i = (int)((seed >> 33) % N);
		count += there[i] ? -1 : 1;
		there[i] = !there[i];
		snprintf(name, sizeof(name), "vm-%d", i);
		hash_put(h, name, there[i] ? &there[i] : NULL);
		hash_put_u64(h, (uint64_t)i, there[i] ? &there[i] : NULL);
	}
	assert_int_equal(hash_count(h), 2 * count);
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof(name), "vm-%d", i);
		assert_ptr_equal(hash_get(h, name), there[i] ? &there[i] : NULL);
		assert_ptr_equal(hash_get_u64(h, (uint64_t)i), there[i] ? &there[i] : NULL);
	}
	hash_free(h);
}

static void hash_edges(void **state unused)
{
	struct hash *h = hash_new();
	int a, b;

	assert_null(hash_get(h, ""));
	hash_put(h, "absent", NULL);
	hash_put(h, "", &a);
	hash_put_u64(h, 0, &b);
	assert_ptr_equal(hash_get(h, ""), &a);
	hash_put(h, "", &b);
	assert_ptr_equal(hash_get(h, ""), &b);
	assert_int_equal(hash_count(h), 2);
	hash_free(h);
	hash_free(NULL);
}

static void errors_grow_prefixes(void **state unused)
{
	autoerror struct error err = { 0 }, other = { 0 };

	assert_int_equal(error_in(&err, -EIO, "nothing set"), -EIO);
	assert_null(err.text);
	assert_int_equal(error_set(&err, EBUSY, "disk '%s' is in use", "vda"), -EBUSY);
	assert_int_equal(error_in(&err, 0, "no"), 0);
	assert_int_equal(error_in(&err, -EBUSY, "%s: attach", "web"), -EBUSY);
	assert_string_equal(err.text, "web: attach: disk 'vda' is in use");
	error_set(&err, EIO, "again: %s", err.text); /* the old text as an argument */
	assert_string_equal(err.text, "again: web: attach: disk 'vda' is in use");
	error_set(&err, EIO, "two\nlines\t\x01.\n");
	assert_string_equal(err.text, "two lines  .");
	error_move(&other, &err);
	assert_null(err.text);
	assert_int_equal(other.code, EIO);
	error_move(NULL, &other);
	assert_int_equal(other.code, 0);
	assert_int_equal(error_set(NULL, ENOENT, "x"), -ENOENT);
	assert_int_equal(error_set(&err, 0, "no errno"), -EIO);
}

static void buffers(void **state unused)
{
	autobuf struct buf b = { 0 };
	autofree char *text = NULL;

	assert_string_equal(buf_text(&b), "");
	buf_u64(&b, 0);
	buf_putc(&b, ' ');
	buf_u64(&b, UINT64_MAX);
	assert_string_equal(buf_text(&b), "0 18446744073709551615");
	buf_cut(&b, 1, 1);
	buf_cut(&b, 3, 1000);
	buf_cut(&b, 1000, 1);
	assert_string_equal(buf_text(&b), "018");
	buf_reset(&b);
	for (int i = 0; i < 200; i++)
		buf_printf(&b, "%0100d", i);
	assert_int_equal(b.n, 20000);
	assert_int_equal(strlen(b.p), 20000);
	buf_printf(&b, "%030000d", 1);
	assert_int_equal(strlen(b.p), 50000);
	text = buf_take(&b);
	assert_int_equal(strlen(text), 50000);
	assert_null(b.p);
}

static void escapes(void **state unused)
{
	autobuf struct buf b = { 0 };
	autofree char *back = NULL;
	static const char odd[] = "a b/c=d%e\n\x7f";

	buf_xml(&b, "<a b='c' d=\"e\">&\n\x01</a>");
	assert_string_equal(buf_text(&b), "&lt;a b=&apos;c&apos; d=&quot;e&quot;&gt;&amp;&#10;?&lt;/a&gt;");
	buf_reset(&b);
	buf_percent(&b, odd);
	assert_string_equal(buf_text(&b), "a%20b%2Fc%3Dd%25e%0A%7F");
	back = percent_decode(str_of(buf_text(&b)));
	assert_string_equal(back, odd);
	assert_null(percent_decode(str_of("%")));
	assert_null(percent_decode(str_of("a%2")));
	assert_null(percent_decode(str_of("%zz")));
	assert_null(percent_decode(str_of("%00")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strings),    cmocka_unit_test(moved_pointers_are_not_freed),
		cmocka_unit_test(vectors),    cmocka_unit_test(hash_keeps_what_it_is_given),
		cmocka_unit_test(hash_edges), cmocka_unit_test(errors_grow_prefixes),
		cmocka_unit_test(buffers),    cmocka_unit_test(escapes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
