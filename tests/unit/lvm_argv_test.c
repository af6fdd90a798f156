/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* LVM2's command lines, which names it takes, and what its programs report; nothing is run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include "drivers/storage/lvm.h"
#include "engine/pool_driver.h"

#include <cmocka.h>

extern const struct pool_driver logical_pool;

/* Joins and clears. */
static char *line(struct vec *argv)
{
	struct buf out = { 0 };

	assert_true(argv->n && !argv->at[argv->n - 1]);
	for (size_t i = 0; i + 1 < argv->n; i++)
		buf_printf(&out, "%s%s", i ? " " : "", (char *)argv->at[i]);
	vec_clear(argv, free);
	return buf_take(&out);
}

static void assert_create(const struct lv_new *lv, const char *expected)
{
	struct vec argv = { 0 };

	lvm_create_argv(&argv, "HostVG", lv);
	autofree char *text = line(&argv);
	assert_string_equal(text, expected);
}

static void creates(void **state unused)
{
	static const struct {
		struct lv_new lv;
		const char *expected;
	} rows[] = {
		{ { .name = "Swap", .kind = LV_LINEAR, .size = 2080374784 },
		  "lvcreate --yes --name Swap --wipesignatures y -L 2080374784b HostVG" },
		/* whole sectors, or LVM refuses it */
		{ { .name = "a", .kind = LV_LINEAR, .size = 100000000 },
		  "lvcreate --yes --name a --wipesignatures y -L 100000256b HostVG" },
		{ { .name = "a", .kind = LV_LINEAR, .size = 1 },
		  "lvcreate --yes --name a --wipesignatures y -L 512b HostVG" },
		{ { .name = "a", .kind = LV_LINEAR, .size = INT64_MAX },
		  "lvcreate --yes --name a --wipesignatures y -L 9223372036854775808b HostVG" },
		{ { .name = "s", .kind = LV_SPARSE, .size = 1 << 30, .room = 1 << 20 },
		  "lvcreate --yes --name s -L 1048576b --type snapshot --virtualsize 1073741824b HostVG" },
		/* libvirt's least room, too */
		{ { .name = "s", .kind = LV_SPARSE, .size = 1 << 30 },
		  "lvcreate --yes --name s -L 512b --type snapshot --virtualsize 1073741824b HostVG" },
		{ { .name = "n", .kind = LV_SNAPSHOT, .room = 1 << 20, .origin = "a" },
		  "lvcreate --yes --name n -L 1048576b -s HostVG/a" },
		{ { .name = "t", .kind = LV_THIN, .size = 1 << 30, .thin_pool = "tp" },
		  "lvcreate --yes --name t --virtualsize 1073741824b --thinpool tp HostVG" },
		{ { .name = "t2", .kind = LV_THIN_SNAPSHOT, .origin = "t" },
		  "lvcreate --yes --name t2 --setactivationskip n -s HostVG/t" },
		{ { .name = "t3", .kind = LV_THIN_SNAPSHOT, .origin = "t", .copy = true },
		  "lvcreate --yes --name t3 --setactivationskip n --addtag domfs_copy -s HostVG/t" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_create(&rows[i].lv, rows[i].expected);
}

static void asks(void **state unused)
{
	struct vec argv = { 0 };

	lvm_list_argv(&argv, "vg0", NULL);
	autofree char *all = line(&argv);
	assert_true(str_starts(all, "lvs --reportformat json --units b --nosuffix -o lv_name,"));
	assert_true(str_ends(all, " vg0"));
	lvm_list_argv(&argv, "vg0", "a");
	autofree char *one = line(&argv);
	assert_true(str_ends(one, " vg0/a"));
	static const char *const remove[] = { "lvremove", "-f", NULL };
	lvm_on_lv(&argv, remove, "vg0", "a");
	autofree char *removed = line(&argv);
	assert_string_equal(removed, "lvremove -f vg0/a");
}

static void names(void **state unused)
{
	static const char *const good[] = { "a", "Swap", "web-1.img", "_x", "a+b", "9", "_pvmove", "mlog" };
	static const struct {
		const char *name, *why;
		int code;
	} bad[] = {
		{ "", "1 to 127", EINVAL },
		{ ".", "not .", EINVAL },
		{ "..", "not .", EINVAL },
		{ "-f", "begins with '-'", EINVAL },
		{ "a b", "letters, digits", EINVAL },
		{ "a/b", "letters, digits", EINVAL },
		{ "a\xc3\xa4", "letters, digits", EINVAL },
		{ "@tag", "letters, digits", EINVAL },
		{ "snapshot1", "starting \"snapshot\"", EINVAL },
		{ "pvmove0", "starting \"pvmove\"", EINVAL },
		{ "x_mlog", "including \"_mlog\"", EINVAL },
		{ "x_tdata_y", "including \"_tdata\"", EINVAL },
		{ "x_vorigin", "including \"_vorigin\"", EINVAL },
	};
	char deep[128];

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(lvm_name_check("vg", good[i], NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		autoerror struct error err = { 0 };
		assert_int_equal(lvm_name_check("vg", bad[i].name, &err), -bad[i].code);
		assert_non_null(strstr(err.text, bad[i].why));
	}
	/* the device's name has both, and each '-' twice */
	memset(deep, 'a', 127);
	deep[124] = 0;
	assert_int_equal(lvm_name_check("vg", deep, NULL), 0);
	deep[50] = '-';
	assert_int_equal(lvm_name_check("vg", deep, NULL), -ENAMETOOLONG);
	assert_int_equal(lvm_vg_check("--force", NULL), -EINVAL);
}

static void assert_reason(const char *words, int code, const char *expected)
{
	struct str meant;

	assert_int_equal(lvm_reason(str_of(words), &meant), code);
	autofree char *text = xstrndup(meant.p, meant.n);
	assert_string_equal(text, expected);
}

static void reasons(void **state unused)
{
	assert_reason("  Volume group \"zz\" not found\n  Cannot process volume group zz\n", ENOENT,
		      "Volume group \"zz\" not found");
	assert_reason("  WARNING: Sum of all thin volume sizes (2.00 GiB) exceeds the size of thin pool\n"
		      "  Logical Volume \"a\" already exists in volume group \"vg0\"\n",
		      EEXIST, "Logical Volume \"a\" already exists in volume group \"vg0\"");
	assert_reason("  Names starting \"snapshot\" are reserved. Please choose a different LV name.\n"
		      "  Run `lvcreate --help' for more information.\n",
		      EINVAL, "Names starting \"snapshot\" are reserved. Please choose a different LV name.");
	assert_reason("File descriptor 10 (/dev/null) leaked on lvs invocation. Parent PID 1: x\n"
		      "  Logical volume vg0/a contains a filesystem in use.\n"
		      "  Can't deactivate volume group \"vg0\" with 1 open logical volume(s)\n",
		      EBUSY, "Logical volume vg0/a contains a filesystem in use.");
	assert_reason("  Volume group \"vg0\" has insufficient free space (166 extents): 2560 required.\n", ENOSPC,
		      "Volume group \"vg0\" has insufficient free space (166 extents): 2560 required.");
	assert_reason("  WARNING: nothing else\n", EIO, "WARNING: nothing else");
	assert_reason("", EIO, "");
	assert_reason("\n\n  \n", EIO, "");
}

#define REPORT(rows) "{\"report\": [{\"lv\": [" rows "]}]}"

static const char several[] = REPORT(
	"{\"lv_name\":\"a\", \"lv_uuid\":\"u-a\", \"devices\":\"/dev/vda(0)\", \"segtype\":\"linear\", \"stripes\":\"1\","
	" \"seg_size\":\"104857600\", \"vg_extent_size\":\"4194304\", \"lv_size\":\"209715200\", \"origin_size\":\"\","
	" \"lv_attr\":\"owi-ao----\", \"lv_role\":\"public,origin\", \"lv_path\":\"/dev/vg0/a\","
	" \"lv_kernel_major\":\"253\", \"lv_kernel_minor\":\"4\"},"
	"{\"lv_name\":\"a\", \"devices\":\"/dev/vdb(25)\", \"segtype\":\"linear\", \"stripes\":\"1\","
	" \"seg_size\":\"104857600\", \"vg_extent_size\":\"4194304\"},"
	"{\"lv_name\":\"hy-phen--2\", \"devices\":\"/dev/vda(10),/dev/disk/by-id/x(y)(20)\", \"stripes\":\"2\","
	" \"seg_size\":\"8388608\", \"vg_extent_size\":\"4194304\", \"lv_size\":\"8388608\", \"lv_attr\":\"-wi-a-----\","
	" \"lv_role\":\"public\", \"lv_path\":\"/dev/vg0/hy-phen--2\"},"
	"{\"lv_name\":\"sp\", \"origin\":\"[sp_vorigin]\", \"lv_size\":\"20971520\", \"origin_size\":\"1073741824\","
	" \"lv_attr\":\"swi-a-s---\", \"lv_role\":\"public,snapshot\", \"data_percent\":\"50.00\"},"
	"{\"lv_name\":\"snap\", \"origin\":\"a\", \"lv_size\":\"16777216\", \"origin_size\":\"209715200\","
	" \"lv_attr\":\"swi-a-s---\", \"lv_role\":\"public,snapshot\", \"data_percent\":\"0.00\"},"
	"{\"lv_name\":\"thin\", \"segtype\":\"thin\", \"lv_size\":\"1000\", \"lv_attr\":\"Vwi-a-tz--\","
	" \"lv_role\":\"public\", \"pool_lv\":\"tp\", \"data_percent\":\"12.50\"},"
	"{\"lv_name\":\"copy\", \"segtype\":\"thin\", \"origin\":\"thin\", \"lv_size\":\"1000\", \"lv_attr\":\"Vwi---tz-k\","
	" \"lv_role\":\"public,snapshot\", \"lv_tags\":\"x,domfs_copy\"},"
	"{\"lv_name\":\"tp\", \"segtype\":\"thin-pool\", \"lv_attr\":\"twi-aotz--\", \"lv_role\":\"private\"},"
	"{\"lv_name\":\"[tp_tdata]\", \"segtype\":\"linear\", \"lv_attr\":\"Twi-ao----\", \"lv_role\":\"private,thin\"},"
	"{\"lv_name\":\"r\", \"segtype\":\"raid1\", \"devices\":\"r_rimage_0(0),r_rimage_1(0)\", \"lv_size\":\"4096\","
	" \"lv_attr\":\"rwi-a-r---\", \"lv_role\":\"public\"}");

static void reads_a_report(void **state unused)
{
	autolvs struct lvs l = { 0 };
	struct volume_info info = { 0 };
	const struct lv *lv;

	assert_int_equal(lvm_parse_lvs(str_of(several), &l, NULL), 0);
	assert_int_equal(l.n, 9);
	lv = lvs_find(&l, "a");
	assert_true(lv->shown && lv->active && lv->open && !lv->snapshot && !lv->thin);
	assert_int_equal(lv->nextents, 2);
	lv_info(lv, "vg0", &info);
	assert_int_equal(info.type, VOLUME_BLOCK);
	assert_string_equal(info.path, "/dev/vg0/a");
	assert_string_equal(info.key, "u-a");
	assert_string_equal(info.claim, "block:253:4");
	assert_int_equal(info.capacity, 209715200);
	assert_int_equal(info.allocation, 209715200);
	assert_null(info.backing);
	assert_string_equal(info.extents[1].device, "/dev/vdb");
	assert_int_equal(info.extents[1].start, 25 * 4194304);
	assert_int_equal(info.extents[1].end, 50 * 4194304);
	volume_info_clear(&info);

	/* stripes share a segment; a device's own name may have parentheses */
	lv = lvs_find(&l, "hy-phen--2");
	assert_int_equal(lv->nextents, 2);
	assert_int_equal(lv->extents[0].end, 11 * 4194304);
	assert_string_equal(lv->extents[1].device, "/dev/disk/by-id/x(y)");

	lv_info(lvs_find(&l, "sp"), "vg0", &info);
	assert_int_equal(info.capacity, 1073741824);
	assert_int_equal(info.allocation, 20971520);
	assert_string_equal(info.path, "/dev/vg0/sp");
	assert_null(info.backing);
	assert_null(info.claim);
	volume_info_clear(&info);
	lv_info(lvs_find(&l, "snap"), "vg0", &info);
	assert_int_equal(info.capacity, 209715200);
	assert_string_equal(info.backing, "/dev/vg0/a");
	assert_string_equal(info.backing_format, "raw");
	volume_info_clear(&info);
	lv_info(lvs_find(&l, "thin"), "vg0", &info);
	assert_int_equal(info.allocation, 125);
	volume_info_clear(&info);
	lv_info(lvs_find(&l, "copy"), "vg0", &info);
	assert_null(info.backing);
	volume_info_clear(&info);
	assert_false(lvs_find(&l, "copy")->active);
	assert_false(lvs_find(&l, "tp")->shown);
	assert_false(lvs_find(&l, "[tp_tdata]")->shown);
	assert_true(lvs_find(&l, "r")->shown);
	assert_int_equal(lvs_find(&l, "r")->nextents, 0);
}

static void reads_odd_reports(void **state unused)
{
	static const struct {
		const char *json;
		int r;
		size_t n;
	} rows[] = {
		{ "", -EBADMSG, 0 },
		{ "  Volume group \"zz\" not found\n", -EBADMSG, 0 },
		{ "[]", -EBADMSG, 0 },
		{ "{\"report\": 7}", -EBADMSG, 0 },
		{ "{\"report\": [{\"lv\": [{\"lv_name\": \"a\"}", -EBADMSG, 0 },
		{ "{\"report\": []}", 0, 0 },
		{ "{\"report\": [7, {}, {\"lv\": {}}, {\"vg\": []}]}", 0, 0 },
		{ REPORT("{}, 7, null, [], {\"lv_name\": 7}, {\"lv_name\": \"\"}"), 0, 0 },
		{ REPORT("{\"lv_name\": \"a\"}, {\"lv_name\": \"b\"}"), 0, 2 },
		/* json_std has numbers */
		{ REPORT("{\"lv_name\": \"a\", \"lv_size\": 4096, \"stripes\": 0, \"data_percent\": 1.5}"), 0, 1 },
		{ REPORT("{\"lv_name\": \"a\", \"lv_size\": \"99999999999999999999999\", \"data_percent\": \"1e999\","
			 " \"lv_attr\": \"\", \"devices\": \",,(,/(,/x(99999999999999999999),/y(1,/z(-1)\", \"stripes\": \"0\"}"),
		  0, 1 },
		{ REPORT("{\"lv_name\": \"a\", \"vg_extent_size\": \"9223372036854775807\", \"devices\": \"/x(3)\"}"),
		  0, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		autolvs struct lvs l = { 0 };
		autoerror struct error err = { 0 };
		assert_int_equal(lvm_parse_lvs(str_of(rows[i].json), &l, &err), rows[i].r);
		assert_int_equal(l.n, rows[i].n);
		assert_int_equal(!!err.code, rows[i].r < 0);
		for (size_t j = 0; j < l.n; j++) {
			struct volume_info info = { 0 };
			lv_info(&l.at[j], "vg", &info);
			assert_true(info.capacity <= INT64_MAX);
			assert_int_equal(info.nextents, 0);
			volume_info_clear(&info);
		}
	}
}

static void count(void *arg, const char *a, const char *b)
{
	unsigned *n = arg;

	*n += !strcmp(a, "/dev/vda") && !strcmp(b, "vg0");
}

static void reads_pairs(void **state unused)
{
	unsigned n = 0;

	assert_int_equal(lvm_parse_rows(str_of("{\"report\":[{\"pv\":[{\"pv_name\":\"/dev/vda\",\"vg_name\":\"vg0\"},"
					       "{\"pv_name\":\"/dev/vdb\"},{}]}]}"),
					"pv", "pv_name", "vg_name", count, &n, NULL),
			 0);
	assert_int_equal(n, 1);
}

static struct doc *completed(const char *xml, int expected)
{
	struct doc *doc = doc_parse(str_of(xml), "pool", NULL);
	autoerror struct error err = { 0 };

	assert_non_null(doc);
	assert_int_equal(logical_pool.complete(doc_root(doc), "/unused", &err), expected);
	return doc;
}

static void completes(void **state unused)
{
	autodoc struct doc *named =
		completed("<pool type='logical'><name>x</name><source><name>HostVG</name></source></pool>", 0);
	autodoc struct doc *plain = completed("<pool type='logical'><name>zily</name></pool>", 0);
	autodoc struct doc *bad =
		completed("<pool type='logical'><name>x</name><source><name>-f</name></source></pool>", -EINVAL);
	autodoc struct doc *device =
		completed("<pool type='logical'><name>x</name><source><device path='sda'/></source></pool>", -EINVAL);
	autobuf struct buf shown = { 0 };

	assert_string_equal(node_get(doc_root(named), "target/path"), "/dev/HostVG");
	assert_string_equal(node_get(doc_root(named), "source/format/@type"), "lvm2");
	assert_string_equal(node_get(doc_root(plain), "source/name"), "zily");
	assert_non_null(bad);
	assert_non_null(device);
	assert_int_equal(logical_pool.source_store(doc_root(plain), str_of("vg7 /dev/vdb /dev/vdc\n"), NULL), 0);
	assert_int_equal(node_count(doc_root(plain), "source/device"), 2);
	logical_pool.source_show(doc_root(plain), &shown);
	assert_string_equal(buf_text(&shown), "vg7");
	/* what is shown can be written back: the devices stay */
	assert_int_equal(logical_pool.source_store(doc_root(plain), str_of("vg7"), NULL), 0);
	assert_int_equal(node_count(doc_root(plain), "source/device"), 2);
	assert_int_equal(logical_pool.source_store(doc_root(plain), str_of(""), NULL), -EINVAL);
}

/* libvirt's own command lines of this type, word by word: what is run to start such a pool. */
static void starts_as_libvirt_does(void **state unused)
{
	static const char *const names[][2] = { { "pool-logical", "HostVG" }, { "pool-logical-noname", "zily" } };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		autofree char *path = xasprintf("../shared/corpus/storagepool-argv/%s.argv", names[i][0]);
		const char *const words[] = { "vgchange", "-aly", names[i][1], NULL };
		struct vec argv = { 0 };
		char bytes[256];
		FILE *f = fopen(path, "re");

		if (!f) {
			print_message("%s is not there\n", path);
			skip();
		}
		size_t n = fread(bytes, 1, sizeof(bytes) - 1, f);
		fclose(f);
		bytes[n] = 0;
		lvm_argv(&argv, words);
		autofree char *ours = line(&argv);
		autofree char *theirs = xstrndup(bytes, strcspn(bytes, "\\"));
		/* "vgchange \\\n-aly HostVG" */
		char *rest = strchr(bytes, '\n');
		autofree char *joined = xasprintf("%s%s", theirs, rest ? rest + 1 : "");
		joined[strcspn(joined, "\n")] = 0;
		assert_string_equal(ours, joined);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(creates),
		cmocka_unit_test(asks),
		cmocka_unit_test(names),
		cmocka_unit_test(reasons),
		cmocka_unit_test(reads_a_report),
		cmocka_unit_test(reads_odd_reports),
		cmocka_unit_test(reads_pairs),
		cmocka_unit_test(completes),
		cmocka_unit_test(starts_as_libvirt_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
