/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whom certificates stand for: found in any spelling, refused when it does not fit, kept. */
#include "fixture.h"

#include "engine/access_map.h"

static int map(const char *text)
{
	error_clear(&last);
	return access_map_set(str_of(text), &last);
}

static int uid_of(const char *subject)
{
	struct who who = { 0 };
	int r;

	error_clear(&last);
	r = access_map_lookup(subject, &who, &last);
	return r < 0 ? r : (int)who.uid;
}

TEST(a_subject_has_a_user)
{
	assert_int_equal(uid_of("CN=alice,O=Example"), -EACCES);
	ok(map("# who comes in\n\n61001 CN=alice,O=Example\nroot CN=ops \\, night,O=Example\n  61002   cn = bob , o= The  Lab \n"));
	assert_int_equal(uid_of("CN=alice,O=Example"), 61001);
	assert_int_equal(uid_of("cn=alice, O=Example"), 61001);
	assert_int_equal(uid_of("CN=ops \\, night,O=Example"), 0);
	assert_int_equal(uid_of("CN=bob,O=The  Lab"), 61002);
	assert_int_equal(uid_of("CN=Alice,O=Example"), -EACCES);
	assert_int_equal(uid_of("CN=alice"), -EACCES);
	assert_int_equal(uid_of("CN=alice,O=Example,O=Example"), -EACCES);
	/* a comma within a name is no border between names */
	assert_int_equal(uid_of("CN=alice\\,O=Example"), -EACCES);
	assert_int_equal(uid_of("CN=ops , night,O=Example"), -EACCES);
	assert_non_null(strstr(error_text(&last), "host/access/map"));
}

TEST(everybody_else_is_a_star)
{
	ok(map("61001 CN=alice\n61003 *\n"));
	assert_int_equal(uid_of("CN=alice"), 61001);
	assert_int_equal(uid_of("CN=*"), 61003);
	assert_int_equal(uid_of("CN=eve"), 61003);
	ok(map(""));
	assert_int_equal(uid_of("CN=alice"), -EACCES);
}

TEST(what_does_not_fit_changes_nothing)
{
	ok(map("61001 CN=alice\n"));
	assert_int_equal(map("61001 CN=alice\nno-such-user CN=eve\n"), -EINVAL);
	assert_non_null(strstr(error_text(&last), "line 2"));
	assert_int_equal(map("61001\n"), -EINVAL);
	assert_int_equal(map("61001 alice\n"), -EINVAL);
	assert_int_equal(map("-1 CN=eve\n"), -EINVAL);
	assert_int_equal(map("4294967295 CN=eve\n"), -EINVAL);
	assert_int_equal(map("99999999999999999999 CN=eve\n"), -EINVAL);
	assert_int_equal(map("0x0 CN=eve\n"), -EINVAL);
	assert_int_equal(map("61001 CN=alice\n0 cn = alice\n"), -EINVAL);
	assert_non_null(strstr(error_text(&last), "earlier"));
	assert_string_equal(buf_text(access_map_text()), "61001 CN=alice\n");
	assert_int_equal(uid_of("CN=alice"), 61001);
	assert_int_equal(uid_of("CN=eve"), -EACCES);
}

TEST(it_is_kept)
{
	ok(map("# mine\n61001 CN=alice"));
	store_sync();
	access_map_close();
	assert_int_equal(uid_of("CN=alice"), -EACCES);
	fixture_reopen();
	ok(access_map_open(&last));
	assert_string_equal(buf_text(access_map_text()), "# mine\n61001 CN=alice");
	assert_int_equal(uid_of("CN=alice"), 61001);
	access_map_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_subject_has_a_user, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(everybody_else_is_a_star, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(what_does_not_fit_changes_nothing, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(it_is_kept, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
