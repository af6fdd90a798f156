/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <setjmp.h>
#include <stdarg.h>

#include "engine/units.h"

#include <cmocka.h>

static void sizes(void **state unused)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "0", 0 },
		{ "512\n", 512 },
		{ "512b", 512 },
		{ " 512 bytes ", 512 },
		{ "1k", 1024 },
		{ "1KB", 1000 },
		{ "1kib", 1024 },
		{ "1.5 GiB", 1610612736 },
		{ "1.5G", 1610612736 },
		{ "0.1K", 102 },
		{ "2T", 2199023255552 },
		{ "1.000000000000000000999K", 1024 },
		{ "7E", 8070450532247928832 },
		{ "9223372036854775807", INT64_MAX },
		{ "8191P", 9222246136947933184 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		uint64_t bytes = 1;

		assert_int_equal(size_parse(str_of(good[i].text), &bytes, NULL), 0);
		assert_int_equal(bytes, good[i].bytes);
	}
}

static void wrong_sizes(void **state unused)
{
	static const char *const bad[] = { "",	  " ",	 "-1",	 "+1",	 "12x",	 "1 2",	  "G",	  ".5G",
					   "1.G", "1.5", "1.5b", "1KBi", "0x10", "1KiBx", "1,5G", "\xff" };
	static const char *const big[] = { "9223372036854775808", "8E", "18446744073709551616",
					   "99999999999999999999999K", "8192P" };
	autoerror struct error err = { 0 };
	uint64_t bytes = 42;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(size_parse(str_of(bad[i]), &bytes, NULL), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(big); i++)
		assert_int_equal(size_parse(str_of(big[i]), &bytes, NULL), -ERANGE);
	assert_int_equal(bytes, 42);
	size_parse(str_of("12x\n"), &bytes, &err);
	assert_string_equal(err.text, "'12x' is not a size: write bytes, or a number with "
				      "K, M, G, T (1024) or KB, MB, GB (1000)");
}

static void sizes_with_a_unit(void **state unused)
{
	uint64_t bytes = 0;

	assert_int_equal(size_parse_unit(str_of("4"), NULL, "KiB", &bytes, NULL), 0);
	assert_int_equal(bytes, 4096);
	assert_int_equal(size_parse_unit(str_of("4"), "MB", "KiB", &bytes, NULL), 0);
	assert_int_equal(bytes, 4000000);
	assert_int_equal(size_parse_unit(str_of("4"), NULL, NULL, &bytes, NULL), 0);
	assert_int_equal(bytes, 4);
	assert_int_equal(size_parse_unit(str_of("4"), "pages", "KiB", &bytes, NULL), -EINVAL);
	assert_int_equal(size_parse_unit(str_of("4K"), "KiB", "KiB", &bytes, NULL), -EINVAL);
	assert_int_equal(size_parse_unit(str_of(""), "KiB", "KiB", &bytes, NULL), -EINVAL);
	assert_int_equal(size_parse_unit(str_of("16"), "EiB", "KiB", &bytes, NULL), -ERANGE);
}

static void numbers(void **state unused)
{
	autoerror struct error err = { 0 };
	uint64_t v = 42;

	assert_int_equal(u64_parse(str_of("18446744073709551615\n"), 0, UINT64_MAX, &v, NULL), 0);
	assert_int_equal(v, UINT64_MAX);
	assert_int_equal(u64_parse(str_of("0xFf"), 0, 255, &v, NULL), 0);
	assert_int_equal(v, 255);
	assert_int_equal(u64_parse(str_of("010"), 0, 255, &v, NULL), 0);
	assert_int_equal(v, 10);
	assert_int_equal(u64_parse(str_of("18446744073709551616"), 0, UINT64_MAX, &v, NULL), -ERANGE);
	assert_int_equal(u64_parse(str_of("0"), 1, 8, &v, &err), -ERANGE);
	assert_string_equal(err.text, "'0' is out of range: expected 1 to 8");
	assert_int_equal(u64_parse(str_of("-1"), 0, 8, &v, NULL), -EINVAL);
	assert_int_equal(u64_parse(str_of("0x"), 0, 8, &v, NULL), -EINVAL);
	assert_int_equal(u64_parse(str_of("1a"), 0, 80, &v, NULL), -EINVAL);
	assert_int_equal(u64_parse(str_of("99999999999999999999x"), 0, 8, &v, NULL), -EINVAL);
	assert_int_equal(u64_parse(str_of(" "), 0, 8, &v, NULL), -EINVAL);
	assert_int_equal(v, 10);
}

static void switches(void **state unused)
{
	static const char *const on[] = { "1", "yes", "ON\n", "True" };
	static const char *const off[] = { "0", "no", "off", "FALSE" };
	bool value;

	for (size_t i = 0; i < ARRAY_SIZE(on); i++) {
		value = false;
		assert_int_equal(bool_parse(str_of(on[i]), &value, NULL), 0);
		assert_true(value);
		assert_int_equal(bool_parse(str_of(off[i]), &value, NULL), 0);
		assert_false(value);
	}
	assert_int_equal(bool_parse(str_of("2"), &value, NULL), -EINVAL);
	assert_int_equal(bool_parse(str_of(""), &value, NULL), -EINVAL);
}

static void times(void **state unused)
{
	autobuf struct buf b = { 0 };

	time_iso8601(&b, 1795233600123456789);
	assert_string_equal(buf_text(&b), "2026-11-21T04:00:00.123456Z");
	buf_reset(&b);
	time_iso8601(&b, -1);
	assert_string_equal(buf_text(&b), "1969-12-31T23:59:59.999999Z");
	assert_true(now_realtime_ns() > 1700000000ll * 1000000000);
}

static void uuids(void **state unused)
{
	static const char want[] = "c7a5fdbd-cdaf-9455-926a-d65c16db1809";
	static const char *const good[] = { "c7a5fdbd-cdaf-9455-926a-d65c16db1809", "C7A5FDBDCDAF9455926AD65C16DB1809",
					    " c7a5fdbd cdaf9455-926a-d65c16db1809\n" };
	static const char *const bad[] = { "",
					   "c7a5fdbd",
					   "c7a5fdbd-cdaf-9455-926a-d65c16db18090",
					   "c7a5fdbd-cdaf-9455-926a-d65c16db180",
					   "{c7a5fdbd}",
					   "c7a5fdb-dcdaf-9455-926a-d65c16db1809" };
	char out[UUID_TEXT], other[UUID_TEXT];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(uuid_parse(str_of(good[i]), out, NULL), 0);
		assert_string_equal(out, want);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(uuid_parse(str_of(bad[i]), out, NULL), -EINVAL);
	assert_string_equal(out, want);
	uuid_random(out);
	uuid_random(other);
	assert_string_not_equal(out, other);
	assert_int_equal(out[14], '4');
	assert_int_equal(uuid_parse(str_of(out), other, NULL), 0);
	assert_string_equal(out, other);
}

static void macs(void **state unused)
{
	static const uint8_t want[6] = { 0x52, 0x54, 0, 0xa, 0xbc, 0xff };
	uint8_t mac[6] = { 0 };
	char text[18];

	assert_true(mac_parse("52:54:00:0a:bc:FF", mac));
	assert_memory_equal(mac, want, 6);
	assert_true(mac_parse("52:54:0:a:bc:ff", mac));
	assert_memory_equal(mac, want, 6);
	assert_false(mac_parse("52:54:00:0a:bc", mac));
	assert_false(mac_parse("52:54:00:0a:bc:ff:00", mac));
	assert_false(mac_parse("52:54:00:0a:bc:fff", mac));
	assert_false(mac_parse("52:54:00::bc:ff", mac));
	assert_false(mac_parse("", mac));
	mac_random(text);
	assert_true(mac_parse(text, mac));
	assert_memory_equal(mac, want, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),   cmocka_unit_test(wrong_sizes), cmocka_unit_test(sizes_with_a_unit),
		cmocka_unit_test(numbers), cmocka_unit_test(switches),	  cmocka_unit_test(times),
		cmocka_unit_test(uuids),   cmocka_unit_test(macs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
