/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ZFS's command lines, names and listings; nothing is run: there is no ZFS here. */
#include <setjmp.h>
#include <stdarg.h>

#include "drivers/storage/zfs.h"

#include <cmocka.h>

extern const struct pool_driver zfs_pool, sheepdog_pool, vstorage_pool;

#define GIB (1ull << 30)

static void assert_line(struct vec *argv, const char *expected)
{
	autobuf struct buf out = { 0 };

	assert_true(argv->n && !argv->at[argv->n - 1]);
	for (size_t i = 0; i + 1 < argv->n; i++)
		buf_printf(&out, "%s%s", i ? " " : "", (char *)argv->at[i]);
	vec_clear(argv, free);
	assert_string_equal(buf_text(&out), expected);
}

static void creates(void **state unused)
{
	static const struct {
		struct volume_spec spec;
		const char *expected;
	} rows[] = {
		{ { .name = "a", .capacity = GIB, .allocation = GIB }, "zfs create -V 1073741824 tank/vms/a" },
		{ { .name = "a", .capacity = GIB }, "zfs create -s -V 1073741824 tank/vms/a" },
		{ { .name = "a", .capacity = GIB, .allocation = 4096 },
		  "zfs create -s -o refreservation=4096 -V 1073741824 tank/vms/a" },
		/* a number of blocks, of whatever size those are */
		{ { .name = "a", .capacity = 1, .allocation = 1 }, "zfs create -V 131072 tank/vms/a" },
		{ { .name = "a", .capacity = 131073, .allocation = 131073 }, "zfs create -V 262144 tank/vms/a" },
	};
	struct vec argv = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		zfs_create_argv(&argv, "tank/vms", &rows[i].spec);
		assert_line(&argv, rows[i].expected);
	}
	zfs_resize_argv(&argv, "tank", "a", 2 * GIB);
	assert_line(&argv, "zfs set volsize=2147483648 tank/a");
}

static void builds(void **state unused)
{
	struct vec argv = { 0 }, devices = { 0 };

	vec_add(&devices, (char *)"/dev/vda");
	vec_add(&devices, (char *)"/dev/vdb");
	zfs_build_argv(&argv, "tank", &devices, false);
	assert_line(&argv, "zpool create tank /dev/vda /dev/vdb");
	zfs_build_argv(&argv, "tank", &devices, true);
	assert_line(&argv, "zpool create -f tank /dev/vda /dev/vdb");
	zfs_build_argv(&argv, "tank/vms", &devices, true);
	assert_line(&argv, "zfs create -p tank/vms");
	vec_clear(&devices, NULL);
	zfs_list_argv(&argv, "tank", true);
	assert_line(&argv, "zfs list -H -p -t volume -o name,volsize,referenced,refreservation,guid,origin -d 1 tank");
	zfs_list_argv(&argv, "tank/a", false);
	assert_line(&argv, "zfs list -H -p -t volume -o name,volsize,referenced,refreservation,guid,origin tank/a");
}

static void names(void **state unused)
{
	static const char *const bad[] = { "", "-f", "a/b", "a b", "a@b", "a#b", "a\xc3\xa4", "_a", "." };

	assert_int_equal(zfs_name_check("web-1.img:2_x", NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(zfs_name_check(bad[i], NULL), -EINVAL);
	assert_int_equal(zfs_dataset_check("tank", NULL), 0);
	assert_int_equal(zfs_dataset_check("tank/a/b", NULL), 0);
	assert_int_equal(zfs_dataset_check("tank/", NULL), -EINVAL);
	assert_int_equal(zfs_dataset_check("/tank", NULL), -EINVAL);
	assert_int_equal(zfs_dataset_check("tank//a", NULL), -EINVAL);
	assert_int_equal(zfs_dataset_check("-f", NULL), -EINVAL);
}

static void reads_listings(void **state unused)
{
	static const char text[] = "tank/a\t1073741824\t8192\t1107820544\t17\t-\n"
				   "tank/b c\t1073741824\t4096\tnone\t18\ttank/a@x\n"
				   "tank/deep/c\t1\t1\t1\t19\t-\n"
				   "tankard/d\t1\t1\t1\t20\t-\n";
	struct listing l = { 0 };

	assert_int_equal(zfs_parse_list(str_of(text), "tank", &l, NULL), 0);
	assert_int_equal(l.n, 2);
	assert_string_equal(l.rows[0].name, "a");
	assert_string_equal(l.rows[0].info->path, "/dev/zvol/tank/a");
	assert_string_equal(l.rows[0].info->key, "17");
	assert_int_equal(l.rows[0].info->capacity, GIB);
	assert_int_equal(l.rows[0].info->allocation, 1107820544);
	assert_string_equal(l.rows[1].name, "b c");
	assert_string_equal(l.rows[1].info->path, "/dev/zvol/tank/b+c");
	assert_int_equal(l.rows[1].info->allocation, 4096);
	listing_clear(&l);
	assert_int_equal(zfs_parse_list(str_of(text), "tank/deep/c", &l, NULL), 0);
	assert_int_equal(l.n, 1);
	assert_string_equal(l.rows[0].name, "c");
	listing_clear(&l);
	assert_int_equal(zfs_parse_list(str_of(""), "tank", &l, NULL), 0);
	assert_int_equal(zfs_parse_list(str_of("tank/a\t1\n"), "tank", &l, NULL), -EBADMSG);
	assert_int_equal(zfs_parse_list(str_of("cannot open 'tank': no such pool\n"), "tank", &l, NULL), -EBADMSG);
	assert_int_equal(zfs_parse_list(str_of("tank/a\t-\t99999999999999999999\tx\t-\t-\n"), "tank", &l, NULL), 0);
	assert_int_equal(l.rows[0].info->capacity, 0);
	assert_int_equal(l.rows[0].info->allocation, 0);
	assert_string_equal(l.rows[0].info->key, "/dev/zvol/tank/a");
	listing_clear(&l);
}

static void errors(void **state unused)
{
	assert_int_equal(zfs_code("zfs: cannot create 'tank/a': dataset already exists"), EEXIST);
	assert_int_equal(zfs_code("zfs: cannot open 'tank': dataset does not exist"), ENOENT);
	assert_int_equal(zfs_code("zfs: cannot destroy 'tank/a': dataset is busy"), EBUSY);
	assert_int_equal(zfs_code("zfs: cannot create 'tank/a': out of space"), ENOSPC);
	assert_int_equal(zfs_code("zfs: something new"), EIO);
}

static void completes(void **state unused)
{
	autodoc struct doc *doc = doc_parse(str_of("<pool type='zfs'><name>tank</name></pool>"), "pool", NULL);
	autoerror struct error err = { 0 };

	assert_int_equal(zfs_pool.complete(doc_root(doc), "/unused", &err), 0);
	assert_string_equal(node_get(doc_root(doc), "target/path"), "/dev/zvol/tank");
	assert_int_equal(zfs_pool.source_store(doc_root(doc), str_of("tank/vms /dev/vdb"), &err), 0);
	assert_string_equal(node_get(doc_root(doc), "source/name"), "tank/vms");
	assert_string_equal(node_get(doc_root(doc), "source/device/@path"), "/dev/vdb");
	assert_int_equal(zfs_pool.source_store(doc_root(doc), str_of("tank vdb"), &err), -EINVAL);
}

/* What cannot be had is refused by name, with the reason. */
static void refusals(void **state unused)
{
	static const struct pool_driver *const drivers[] = { &sheepdog_pool, &vstorage_pool };

	for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
		autobuf struct buf state_text = { 0 };
		autoerror struct error err = { 0 };
		assert_int_equal(drivers[i]->probe(&state_text, &err), 0);
		assert_true(str_starts(buf_text(&state_text), "not usable: "));
		assert_int_equal(drivers[i]->start(NULL, &err), -ENOTSUP);
		assert_non_null(strstr(err.text, drivers[i]->type));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(creates),	  cmocka_unit_test(builds), cmocka_unit_test(names),
		cmocka_unit_test(reads_listings), cmocka_unit_test(errors), cmocka_unit_test(completes),
		cmocka_unit_test(refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
