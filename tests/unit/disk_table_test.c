/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Partition tables: what sfdisk says of them, where a new partition goes, and that sfdisk agrees. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../drivers/storage/discover.h"
#include "../../drivers/storage/disk_table.h"
#include "../../drivers/storage/signature.h"
#include "engine/spawn.h"
#include "in_task.h"

#define MIB  (1024 * 1024ull)
#define DISK (256 * MIB)

#define GPT(parts)                                                                                                     \
	"{\"partitiontable\":{\"label\":\"gpt\",\"device\":\"/dev/nvme0n1\",\"firstlba\":34,\"lastlba\":524254,"       \
	"\"sectorsize\":512,\"partitions\":[" parts "]}}"
#define DOS(parts)                                                                                                     \
	"{\"partitiontable\":{\"label\":\"dos\",\"device\":\"/dev/sdb\",\"sectorsize\":512,\"partitions\":[" parts "]}}"
#define PART(node, start, size, type)                                                                                  \
	"{\"node\":\"/dev/" node "\",\"start\":" #start ",\"size\":" #size ",\"type\":\"" type "\"}"
#define LINUX_GUID "0FC63DAF-8483-4772-8E79-3D69D8477DE4"

static void parse(const char *json, struct table *t)
{
	struct error err = { 0 };

	if (table_parse(str_of(json), DISK, t, &err) < 0)
		fail_msg("%s: %s", json, error_text(&err));
}

static void reading(void **state unused)
{
	autotable struct table t = { 0 };
	struct pool_usage u;

	parse(DOS(PART("sdb6", 28672, 2048, "8e") "," PART("sdb1", 2048, 20480, "83") "," PART(
		      "sdb2", 22528, 81920, "f") "," PART("sdb5", 24576, 2048, "82")),
	      &t);
	assert_int_equal(t.n, 4);
	assert_string_equal(partition_name(&t.parts[0]), "sdb1");
	assert_string_equal(t.parts[0].format, "linux");
	assert_string_equal(t.parts[1].format, "extended");
	assert_string_equal(t.parts[2].format, "linux-swap");
	assert_string_equal(t.parts[3].format, "linux-lvm");
	assert_true(partition_is_logical(&t, &t.parts[2]));
	assert_false(partition_is_logical(&t, &t.parts[1]));
	assert_ptr_equal(table_find(&t, "sdb5"), &t.parts[2]);
	assert_null(table_find(&t, "sdb3"));
	table_usage(&t, &u);
	assert_int_equal(u.capacity, DISK);
	assert_int_equal(u.allocation, (20480 + 2048 + 2048) * 512);
}

static void lies(void **state unused)
{
	static const char *const bad[] = {
		"",
		"[]",
		"{}",
		"{\"partitiontable\":{}}",
		"{\"partitiontable\":{\"label\":\"gpt\"}}",
		"{\"partitiontable\":{\"label\":\"gpt\",\"device\":\"/dev/x\",\"sectorsize\":3}}",
		DOS(PART("sdb1", 2048, 18446744073709551615, "83")),
		DOS(PART("sdb1", 99999999, 1, "83")),
		DOS(PART("sdb1", 2048, 524287, "83")),
		DOS("{\"start\":1,\"size\":1}"),
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct table t = { 0 };
		autoerror struct error err = { 0 };

		assert_int_equal(table_parse(str_of(bad[i]), DISK, &t, &err), -EBADMSG);
		assert_non_null(err.text);
	}
}

/* ---- placing ---- */

static void placed(const char *json, const char *name, const char *format, uint64_t bytes, unsigned number,
		   uint64_t start, uint64_t size)
{
	autotable struct table t = { 0 };
	struct error err = { 0 };
	struct placing at;

	parse(json, &t);
	if (table_place(&t, name, format, bytes, &at, &err) < 0)
		fail_msg("%s: %s", name, error_text(&err));
	assert_int_equal(at.number, number);
	assert_int_equal(at.start, start);
	assert_int_equal(at.size, size);
}

static void not_placed(const char *json, const char *name, const char *format, uint64_t bytes, int code,
		       const char *words)
{
	autotable struct table t = { 0 };
	autoerror struct error err = { 0 };
	struct placing at;

	parse(json, &t);
	assert_int_equal(table_place(&t, name, format, bytes, &at, &err), -code);
	if (!strstr(error_text(&err), words))
		fail_msg("%s", error_text(&err));
}

#define GPT_HOLE GPT(PART("nvme0n1p1", 2048, 20480, LINUX_GUID) "," PART("nvme0n1p3", 26624, 2048, LINUX_GUID))
#define DOS_LOGICAL                                                                                                    \
	DOS(PART("sdb1", 2048, 20480, "83") "," PART("sdb2", 22528, 81920, "5") "," PART(                              \
		"sdb5", 24576, 2048, "83") "," PART("sdb6", 32768, 2048, "83"))
#define DOS_FULL                                                                                                       \
	DOS(PART("sdb1", 2048, 2048, "83") "," PART("sdb2", 4096, 2048, "83") "," PART(                                \
		"sdb3", 6144, 2048, "83") "," PART("sdb4", 8192, 2048, "83"))

static void places(void **state unused)
{
	/* the first, aligned although a gpt table's first sector is 34 */
	placed(GPT(""), "nvme0n1p1", "linux", 5 * MIB, 1, 2048, 10240);
	/* rounded up to whole MiB; never nothing */
	placed(GPT(""), "nvme0n1p1", "linux", 5 * MIB - 1, 1, 2048, 10240);
	placed(GPT(""), "nvme0n1p1", "linux", 1, 1, 2048, 2048);
	/* the smallest stretch that holds it, with the lowest free number */
	placed(GPT_HOLE, "nvme0n1p2", "linux", 2 * MIB, 2, 22528, 4096);
	placed(GPT_HOLE, "nvme0n1p2", "linux", 3 * MIB, 2, 28672, 6144);
	/* dos: the name says which kind, and a logical one leaves room for its record and that of the next */
	placed(DOS_LOGICAL, "sdb3", "linux", MIB, 3, 104448, 2048);
	placed(DOS_LOGICAL, "sdb7", "linux", MIB, 7, 28672, 2048);
	placed(DOS_LOGICAL, "sdb7", "fat32", 2 * MIB, 7, 36864, 4096);
	placed(DOS(""), "sdb1", "extended", 100 * MIB, 1, 2048, 204800);
}

static void refusals(void **state unused)
{
	not_placed(GPT_HOLE, "data", "linux", MIB, EINVAL, "the next one of '/dev/nvme0n1' is 'nvme0n1p2'");
	not_placed(GPT_HOLE, "nvme0n1p4", "linux", MIB, EINVAL, "is 'nvme0n1p2'");
	not_placed(DOS_LOGICAL, "sdb9", "linux", MIB, EINVAL, "'sdb3', or in the extended one 'sdb7'");
	not_placed(DOS_FULL, "sdb5", "linux", MIB, ENOSPC, "holds four");
	not_placed(GPT_HOLE, "nvme0n1p2", "linux", 4096 * MIB, ENOSPC, "no free stretch");
	not_placed(DOS_LOGICAL, "sdb7", "linux", 60 * MIB, ENOSPC, "in its extended partition");
	not_placed(GPT_HOLE, "nvme0n1p2", "extended", MIB, EINVAL, "only dos tables");
	not_placed(DOS_LOGICAL, "sdb3", "extended", MIB, EEXIST, "already, 'sdb2'");
	not_placed(DOS_LOGICAL, "sdb3", "qcow2", MIB, EINVAL, "format 'qcow2': expected one of none linux");
	not_placed("{\"partitiontable\":{\"label\":\"sun\",\"device\":\"/dev/sdb\"}}", "sdb1", "linux", MIB, ENOTSUP,
		   "gpt and dos tables only");
	/* a size near the end of numbers */
	not_placed(GPT_HOLE, "nvme0n1p2", "linux", UINT64_MAX, ENOSPC, "no free stretch");
}

static void removing(void **state unused)
{
	autotable struct table t = { 0 };
	autoerror struct error err = { 0 };

	parse(DOS_LOGICAL, &t);
	assert_int_equal(table_removable(&t, table_find(&t, "sdb1"), &err), 0);
	assert_int_equal(table_removable(&t, table_find(&t, "sdb6"), &err), 0);
	assert_int_equal(table_removable(&t, table_find(&t, "sdb2"), &err), -EBUSY);
	assert_non_null(strstr(err.text, "holds 'sdb6'"));
	assert_int_equal(table_removable(&t, table_find(&t, "sdb5"), &err), -EBUSY);
	assert_non_null(strstr(err.text, "other names"));
}

static void labels(void **state unused)
{
	assert_string_equal(label_of_libvirt("dvh"), "sgi");
	assert_string_equal(label_to_libvirt("sgi"), "dvh");
	assert_null(label_of_libvirt("mac"));
	assert_null(label_of_libvirt("unknown"));
	assert_null(label_to_libvirt("bsd"));
}

/* ---- sfdisk itself, on image files ---- */

struct image {
	char path[32];
	bool missing;
};

static void sfdisk_says(const char *path, struct table *t)
{
	const char *const argv[] = { "sfdisk", "--json", path, NULL };
	autobuf struct buf json = { 0 };
	struct error err = { 0 };

	if (spawn_run(argv, str_of(NULL), &json, 30000, &err) < 0)
		fail_msg("%s", error_text(&err));
	parse(buf_text(&json), t);
}

static void run(const char *const *argv, const char *in)
{
	struct error err = { 0 };

	if (spawn_run(argv, str_of(in), NULL, 30000, &err) < 0)
		fail_msg("%s: %s", in, error_text(&err));
}

/* Makes what table_place says, and looks whether sfdisk has put it there under that number. */
static void add(const char *path, const char *suffix, const char *format, uint64_t bytes)
{
	const char *const argv[] = { "sfdisk", "--quiet", "--append", "--no-reread", path, NULL };
	autofree char *name = xasprintf("%s%s", strrchr(path, '/') + 1, suffix), *line = NULL;
	autotable struct table before = { 0 }, after = { 0 };
	const struct partition *made;
	struct error err = { 0 };
	struct placing at;

	sfdisk_says(path, &before);
	if (table_place(&before, name, format, bytes, &at, &err) < 0)
		fail_msg("%s: %s", name, error_text(&err));
	line = xasprintf("start=%llu, size=%llu, type=%s\n", (unsigned long long)at.start, (unsigned long long)at.size,
			 at.type);
	run(argv, line);
	sfdisk_says(path, &after);
	made = table_find(&after, name);
	if (!made)
		fail_msg("sfdisk did not call it %s", name);
	assert_int_equal(made->start, at.start);
	assert_int_equal(made->size, at.size);
	assert_string_equal(made->format, format);
	assert_int_equal(after.n, before.n + 1);
}

static void delete (const char *path, const char *number)
{
	const char *const argv[] = { "sfdisk", "--quiet", "--no-reread", "--delete", path, number, NULL };

	run(argv, "");
}

static void with_sfdisk(void *arg)
{
	struct image *image = arg;
	const char *const version[] = { "sfdisk", "--version", NULL };
	const char *const make[] = { "sfdisk", "--quiet", "--wipe", "always", image->path, NULL };
	struct pool_usage u;
	autotable struct table t = { 0 };

	image->missing = spawn_run(version, str_of(NULL), NULL, 30000, NULL) < 0;
	if (image->missing)
		return;
	run(make, "label: gpt\n");
	add(image->path, "1", "linux", 20 * MIB);
	add(image->path, "2", "linux-lvm", 10 * MIB);
	add(image->path, "3", "linux-swap", 10 * MIB);
	delete (image->path, "2");
	add(image->path, "2", "fat32", 5 * MIB); /* into the hole, with its number */
	add(image->path, "4", "linux-raid", 5 * MIB);
	sfdisk_says(image->path, &t);
	assert_int_equal(table_find(&t, strrchr(t.parts[3].node, '/') + 1)->start,
			 22 * MIB / 512 + 5 * MIB / 512 - 2048);
	table_usage(&t, &u);
	assert_true(u.available > 200 * MIB && u.available + u.allocation <= u.capacity);
	run(make, "label: dos\n");
	add(image->path, "1", "linux", 20 * MIB);
	add(image->path, "2", "extended", 40 * MIB);
	add(image->path, "5", "linux", 10 * MIB);
	add(image->path, "6", "fat16", 10 * MIB);
	add(image->path, "7", "linux", MIB);
	add(image->path, "3", "linux-swap", MIB);
	delete (image->path, "7");
	add(image->path, "7", "linux", 16 * MIB); /* all that is left in there */
	delete (image->path, "1");
	add(image->path, "1", "fat32", 20 * MIB);
}

static void agrees_with_sfdisk(void **state unused)
{
	struct image image = { .missing = false };
	int fd;

	/* a name that ends in no digit, or a p would be before the numbers */
	snprintf(image.path, sizeof(image.path), "/tmp/part%ddisk", getpid());
	fd = open(image.path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0 && ftruncate(fd, DISK) == 0);
	close(fd);
	in_task(with_sfdisk, &image);
	unlink(image.path);
	if (image.missing)
		skip();
}

/* ---- others ---- */

static void signatures(void **state unused)
{
	autobuf struct buf out = { 0 };

	assert_int_equal(signatures_parse(str_of("{\"signatures\":[]}"), &out, NULL), 0);
	assert_int_equal(signatures_parse(str_of("\n"), &out, NULL), 0);
	assert_int_equal(out.n, 0);
	assert_int_equal(signatures_parse(str_of("{\"signatures\":[{\"type\":\"ext4\",\"label\":\"a b\"},"
						 "{\"type\":\"dos\",\"label\":null}]}"),
					  &out, NULL),
			 0);
	assert_string_equal(buf_text(&out), "ext4 (label 'a b'), dos");
	assert_int_equal(signatures_parse(str_of("ext4"), &out, NULL), -EBADMSG);
}

static void disks_of_lsblk(void **state unused)
{
	static const char said[] =
		"{\"blockdevices\":["
		"{\"path\":\"/dev/sda\",\"type\":\"disk\",\"pttype\":\"gpt\",\"fstype\":null,\"size\":1000},"
		"{\"path\":\"/dev/sdb\",\"type\":\"disk\",\"pttype\":null,\"fstype\":null,\"size\":1000},"
		"{\"path\":\"/dev/sdc\",\"type\":\"disk\",\"pttype\":null,\"fstype\":\"ext4\",\"size\":1000},"
		"{\"path\":\"/dev/sr0\",\"type\":\"rom\",\"pttype\":null,\"fstype\":null,\"size\":1000},"
		"{\"path\":\"/dev/zram0\",\"type\":\"disk\",\"pttype\":null,\"fstype\":null,\"size\":1000},"
		"{\"path\":\"/dev/sdd\",\"type\":\"disk\",\"pttype\":\"mac\",\"fstype\":null,\"size\":\"0\"}]}";
	autodoc struct doc *d = doc_parse(str_of("<sources/>"), "sources", NULL);
	struct node *s;

	assert_int_equal(disk_devices_parse(str_of(said), doc_root(d), NULL), 0);
	assert_int_equal(node_count(doc_root(d), "source"), 2);
	s = node_first(doc_root(d), "source");
	assert_string_equal(node_get(s, "device/@path"), "/dev/sda");
	assert_string_equal(node_get(s, "format/@type"), "gpt");
	assert_string_equal(node_get(node_next(s, "source"), "format/@type"), "unknown");
}

static void ask_disks(void *arg)
{
	struct error err = { 0 };
	autobuf struct buf xml = { 0 };
	autodoc struct doc *d = NULL;

	if (disk_discover(str_of(" "), &xml, &err) < 0)
		fail_msg("%s", error_text(&err));
	d = doc_parse((struct str){ xml.p, xml.n }, "sources", &err);
	assert_non_null(d);
	for (struct node *s = node_first(doc_root(d), "source"); s; s = node_next(s, "source"))
		assert_true(str_starts(node_get(s, "device/@path"), "/dev/"));
	assert_int_equal(disk_discover(str_of("host"), &xml, arg), -EINVAL);
}

static void disks_of_this_machine(void **state unused)
{
	in_task(ask_disks, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading),
		cmocka_unit_test(lies),
		cmocka_unit_test(places),
		cmocka_unit_test(refusals),
		cmocka_unit_test(removing),
		cmocka_unit_test(labels),
		cmocka_unit_test(agrees_with_sfdisk),
		cmocka_unit_test(signatures),
		cmocka_unit_test(disks_of_lsblk),
		cmocka_unit_test(disks_of_this_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
