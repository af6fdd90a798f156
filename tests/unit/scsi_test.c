/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* SCSI hosts, their disks, virtual ports, iSCSI sessions and multipath devices, in a sysfs of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/storage/iscsi.h"

#include <cmocka.h>

static char sys[64];

static int run(const char *fmt, ...)
{
	char command[4096];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	return system(command);
}

static void put(const char *path, const char *text)
{
	autofree char *full = xasprintf("%s/%s", sys, path), *dir = xstrdup(full);
	FILE *f;

	*strrchr(dir, '/') = 0;
	assert_int_equal(run("mkdir -p '%s'", dir), 0);
	f = fopen(full, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void put_link(const char *to, const char *path)
{
	autofree char *full = xasprintf("%s/%s", sys, path), *dir = xstrdup(full);

	*strrchr(dir, '/') = 0;
	assert_int_equal(run("mkdir -p '%s'", dir), 0);
	assert_int_equal(symlink(to, full), 0);
}

static char *text_of(const char *path)
{
	return sys_text(sys, path);
}

static void disk(const char *address, const char *type, const char *node, const char *sectors, const char *dev)
{
	autofree char *base = xasprintf("bus/scsi/devices/%s", address);
	autofree char *t = xasprintf("%s/type", base), *s = xasprintf("%s/block/%s/size", base, node);
	autofree char *d = xasprintf("%s/block/%s/dev", base, node), *r = xasprintf("%s/rescan", base);

	put(t, type);
	put(r, "");
	if (*node) {
		put(s, sectors);
		put(d, dev);
	}
}

/* host0: an HBA behind a bridge; host1: two ports of one function; host3: Fibre Channel with a virtual port host4; host5: iSCSI */
static int setup(void **state unused)
{
	static const char *const hosts[][2] = {
		{ "0", "../../devices/pci0000:00/0000:00:1c.0/0000:03:00.0/host0/scsi_host/host0" },
		{ "1", "../../devices/pci0000:00/0000:00:1f.2/ata1/host1/scsi_host/host1" },
		{ "2", "../../devices/pci0000:00/0000:00:1f.2/ata2/host2/scsi_host/host2" },
		{ "3", "../../devices/pci0000:00/0000:05:00.0/host3/scsi_host/host3" },
		{ "4", "../../devices/pci0000:00/0000:05:00.0/host3/vport-3:0-0/host4/scsi_host/host4" },
		{ "5", "../../devices/platform/host5/scsi_host/host5" },
	};

	strcpy(sys, "/tmp/domfs-test-XXXXXX");
	if (!mkdtemp(sys))
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		autofree char *real = xasprintf("%s/scan", hosts[i][1] + 6);
		autofree char *unique = xasprintf("%s/unique_id", hosts[i][1] + 6);
		autofree char *name = xasprintf("class/scsi_host/host%s", hosts[i][0]);

		put(real, "");
		put(unique, hosts[i][0][0] == '2' ? "2\n" : "1\n");
		put_link(hosts[i][1], name);
	}
	put("devices/fc3/node_name", "0x20000000c9831b4b\n");
	put("devices/fc3/port_name", "0x10000000c9831b4b\n");
	put("devices/fc3/fabric_name", "0x2002000573de9a81\n");
	put("devices/fc3/port_state", "Online\n");
	put("devices/fc3/max_npiv_vports", "2\n");
	put("devices/fc3/npiv_vports_inuse", "1\n");
	put("devices/fc3/vport_create", "");
	put("devices/fc3/vport_delete", "");
	put_link("../../devices/fc3", "class/fc_host/host3");
	put("devices/pci0000:00/0000:05:00.0/host3/vport-3:0-0/host4/fc_host/host4/node_name", "0x2000000012345678\n");
	put("devices/pci0000:00/0000:05:00.0/host3/vport-3:0-0/host4/fc_host/host4/port_name", "0x1000000012345678\n");
	put_link("../../devices/pci0000:00/0000:05:00.0/host3/vport-3:0-0/host4/fc_host/host4", "class/fc_host/host4");
	return 0;
}

static int teardown(void **state unused)
{
	return run("rm -rf '%s'", sys);
}

/* ---- adapters ---- */

static int host_of(const char *adapter, struct error *err)
{
	autofree char *xml = xasprintf("<pool type='scsi'><source>%s</source></pool>", adapter);
	autodoc struct doc *doc = doc_parse(str_of(xml), "pool", NULL);
	struct adapter a;
	int r = adapter_of(doc_root(doc), &a, err);

	if (r == 0)
		r = adapter_host(sys, &a, err);
	adapter_clear(&a);
	return r;
}

static void adapters(void **state unused)
{
	static const struct {
		const char *xml;
		int host;
		const char *says;
	} rows[] = {
		{ "<adapter name='host3'/>", 3, NULL },
		{ "<adapter type='scsi_host' name='scsi_host0'/>", 0, NULL },
		{ "<adapter type='scsi_host' name='host9'/>", -ENODEV, "no SCSI host 'host9'" },
		{ "<adapter type='scsi_host' name='../0'/>", -EINVAL, "'../0'" },
		{ "<adapter type='scsi_host' name='host'/>", -EINVAL, "'host'" },
		{ "<adapter type='nvme' name='host0'/>", -EINVAL, "'nvme'" },
		{ "<adapter type='scsi_host'/>", -EINVAL, "the name ''" },
		{ "", -EINVAL, "source/adapter is missing" },
		{ "<adapter type='scsi_host'><parentaddr unique_id='2'><address domain='0x0000' bus='0x00' slot='0x1f' "
		  "function='0x2'/></parentaddr></adapter>",
		  2, NULL },
		{ "<adapter type='scsi_host'><parentaddr unique_id='1'><address domain='0x0000' bus='0x00' slot='0x1f' "
		  "function='0x2'/></parentaddr></adapter>",
		  1, NULL },
		{ "<adapter type='scsi_host'><parentaddr unique_id='1'><address bus='0x03' slot='0' function='0'/></parentaddr></adapter>",
		  0, NULL },
		/* a bridge on the way is not the adapter */
		{ "<adapter type='scsi_host'><parentaddr unique_id='1'><address bus='0' slot='0x1c' function='0'/></parentaddr></adapter>",
		  -ENODEV, "0000:00:1c.0 1" },
		{ "<adapter type='scsi_host'><parentaddr><address bus='0' slot='0x1c' function='0'/></parentaddr></adapter>",
		  -EINVAL, "unique_id" },
		{ "<adapter type='scsi_host'><parentaddr unique_id='1'><address bus='0' slot='0x20' function='0'/></parentaddr></adapter>",
		  -EINVAL, "@slot" },
		{ "<adapter type='fc_host' wwnn='20000000c9831b4b' wwpn='10000000C9831B4B'/>", 3, NULL },
		{ "<adapter type='fc_host' wwnn='2000000012345678' wwpn='1000000012345678'/>", 4, NULL },
		{ "<adapter type='fc_host' wwnn='20000000c9831b4c' wwpn='10000000c9831b4b'/>", -ENODEV,
		  "20000000c9831b4c" },
		{ "<adapter type='fc_host' wwnn='20000000c9831b4' wwpn='10000000c9831b4b'/>", -EINVAL,
		  "16 hexadecimal" },
		{ "<adapter type='fc_host' wwnn='20000000c9831b4b'/>", -EINVAL, "wwpn is missing" },
		{ "<adapter type='fc_host' wwnn='20000000c9831b4b' wwpn='10000000c9831b4b' parent='x'/>", -EINVAL,
		  "'x'" },
		{ "<adapter type='fc_host' wwnn='20000000c9831b4b' wwpn='10000000c9831b4b' parent_wwnn='20000000c9831b4b'/>",
		  -EINVAL, "belong together" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		autoerror struct error err = { 0 };

		if (host_of(rows[i].xml, &err) != rows[i].host)
			fail_msg("%s: not %d (%s)", rows[i].xml, rows[i].host, error_text(&err));
		if (rows[i].says && !strstr(error_text(&err), rows[i].says))
			fail_msg("%s: '%s' does not say '%s'", rows[i].xml, error_text(&err), rows[i].says);
	}
}

static void ports(void **state unused)
{
	struct adapter a = { .wwnn = (char *)"2000000000000001", .wwpn = (char *)"1000000000000001" };
	autoerror struct error err = { 0 };
	autofree char *made = NULL, *gone = NULL;

	assert_int_equal(vport_make(sys, &a, &err), 0);
	made = text_of("devices/fc3/vport_create");
	assert_string_equal(made, "1000000000000001:2000000000000001");
	/* it is removed from the host that it is below */
	a.wwnn = (char *)"2000000012345678";
	a.wwpn = (char *)"1000000012345678";
	assert_int_equal(vport_remove(sys, &a, &err), 0);
	gone = text_of("devices/fc3/vport_delete");
	assert_string_equal(gone, "1000000012345678:2000000012345678");
	/* a card's own port stays */
	a.wwnn = (char *)"20000000c9831b4b";
	a.wwpn = (char *)"10000000c9831b4b";
	assert_int_equal(vport_remove(sys, &a, &err), -EINVAL);
	a.parent_fabric_wwn = (char *)"0000000000000000";
	assert_int_equal(vport_make(sys, &a, &err), -ENODEV);
	a.parent_fabric_wwn = NULL;
	put("devices/fc3/npiv_vports_inuse", "2\n");
	assert_int_equal(vport_make(sys, &a, &err), -ENODEV);
	assert_non_null(strstr(error_text(&err), "no Fibre Channel host can have another"));
}

/* ---- disks ---- */

static const struct volume_info *row(const struct listing *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->rows[i].name, name))
			return l->rows[i].info;
	return NULL;
}

static void disks(void **state unused)
{
	struct listing l = { 0 };
	unsigned without;
	autoerror struct error err = { 0 };
	autofree char *target = xasprintf("%s/by-path", sys), *scan = NULL, *rescan = NULL;
	const struct volume_info *v;

	disk("0:0:0:0", "0\n", "sda", "2097152\n", "8:0\n");
	disk("0:0:1:17", "0\n", "sdb", "99999999999999999999\n", "8:16\n");
	disk("0:1:0:0", "5\n", "sr0", "2048\n", "11:0\n");
	disk("0:1:0:1", "12\n", "", "", "");		  /* an array's own LUN */
	disk("0:1:0:2", "0\n", "sdz", "8\n", "65:144\n"); /* no link */
	disk("10:0:0:0", "0\n", "sdc", "8\n", "8:32\n");
	put("bus/scsi/devices/target0:0:0/type", "0\n");
	put_link("../../sda", "by-path/pci-0000:03:00.0-scsi-0:0:0:0");
	put_link("../../sda1", "by-path/pci-0000:03:00.0-scsi-0:0:0:0-part1");
	put_link("../../sdb", "by-path/pci-0000:03:00.0-scsi-0:0:1:17");
	put_link("../../sr0", "by-path/pci-0000:03:00.0-scsi-0:1:0:0");
	put_link("../../sdc", "by-path/other");

	assert_int_equal(scsi_list(sys, 0, target, &l, &without, &err), 0);
	assert_int_equal(l.n, 3);
	assert_int_equal(without, 1);
	v = row(&l, "unit:0:0:0");
	assert_non_null(v);
	assert_true(str_ends(v->path, "/by-path/pci-0000:03:00.0-scsi-0:0:0:0"));
	assert_int_equal(v->capacity, 1ull << 30);
	assert_int_equal(v->type, VOLUME_BLOCK);
	assert_string_equal(v->claim, "block:8:0");
	assert_string_equal(v->key, v->path);
	assert_non_null(row(&l, "unit:1:0:0"));
	v = row(&l, "unit:0:1:17");
	assert_true(v && v->capacity <= INT64_MAX);
	listing_clear(&l);

	assert_int_equal(scsi_list(sys, 0, "/dev", &l, &without, &err), 0);
	assert_int_equal(l.n, 4);
	assert_string_equal(row(&l, "unit:1:0:2")->path, "/dev/sdz");
	listing_clear(&l);

	/* not an empty pool, but a wrong directory */
	assert_int_equal(scsi_list(sys, 0, "/nowhere", &l, &without, &err), -ENOENT);
	assert_non_null(strstr(error_text(&err), "none of the 4 disks"));
	assert_int_equal(scsi_list(sys, 2, "/nowhere", &l, &without, &err), 0);
	assert_int_equal(l.n, 0);

	assert_int_equal(scsi_rescan(sys, 0, &err), 0);
	scan = text_of("class/scsi_host/host0/scan");
	assert_string_equal(scan, "- - -");
	rescan = text_of("bus/scsi/devices/0:0:0:0/rescan");
	assert_string_equal(rescan, "1");
	assert_int_equal(scsi_rescan(sys, 77, &err), -ENOENT);
}

/* ---- page 0x83 ---- */

static char *id_of(const char *hex)
{
	unsigned char page[256];
	size_t n = 0;

	for (; hex[0] && hex[1]; hex += 2) {
		unsigned byte;
		while (*hex == ' ')
			hex++;
		assert_int_equal(sscanf(hex, "%2x", &byte), 1);
		page[n++] = (unsigned char)byte;
	}
	return scsi_id(page, n);
}

static void ids(void **state unused)
{
	static const struct {
		const char *hex, *id;
	} rows[] = {
		/* T10 text, then NAA of 16 bytes: the rarer one; the port's own is not that of the LUN */
		{ "00830028 02010008 4c494f2d4f524700 01030010 60014050123456789abcdef012345678 61930004 01020304",
		  "360014050123456789abcdef012345678" },
		{ "0083000c 01030008 5000c500a1b2c3d4", "35000c500a1b2c3d4" },
		{ "0083000c 01020008 00a0b80000001234", "200a0b80000001234" },
		{ "00830014 02010010 49455420202020203030303130303031", "1IET_00010001" },
		{ "00830009 02000005 6162632020", "0abc" },
		/* lengths that reach beyond the page */
		{ "008300ff 010300ff 6001405012345678", NULL },
		{ "0083ffff 01030010 60014050", NULL },
		{ "00830004 01030000", NULL },
		{ "00830003 010300", NULL },
		{ "0080000c 01030008 5000c500a1b2c3d4", NULL },
		{ "0083", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		autofree char *id = id_of(rows[i].hex);
		if (!str_eq(id, rows[i].id))
			fail_msg("%s: %s, not %s", rows[i].hex, id ? id : "none", rows[i].id ? rows[i].id : "none");
	}
}

/* ---- sessions ---- */

static void session(const char *sid, const char *target, const char *who, const char *through, const char *address,
		    const char *port)
{
	autofree char *real = xasprintf("devices/platform/host5/session%s/iscsi_session/session%s", sid, sid);
	autofree char *to = xasprintf("../../%s", real), *class = xasprintf("class/iscsi_session/session%s", sid);
	autofree char *a = xasprintf("%s/targetname", real), *b = xasprintf("%s/initiatorname", real);
	autofree char *c = xasprintf("%s/ifacename", real);
	autofree char *d = xasprintf("class/iscsi_connection/connection%s:0/persistent_address", sid);
	autofree char *e = xasprintf("class/iscsi_connection/connection%s:0/persistent_port", sid);

	put(a, target);
	put(b, who);
	put(c, through);
	put(d, address);
	put(e, port);
	put_link(to, class);
}

static int find(const char *host, const char *port, const char *iqn, const char *who, bool ours)
{
	struct iscsi_portal p = { (char *)host, (char *)port, (char *)iqn, (char *)who, NULL };
	int at = -1, sid = iscsi_session_find(sys, &p, "domfs-1", ours, &at);

	if (sid >= 0)
		assert_int_equal(at, 5);
	return sid;
}

static void sessions(void **state unused)
{
	assert_int_equal(find("127.0.0.1", "3260", "iqn.x:t", NULL, false), -ENOENT);
	session("1", "iqn.x:t\n", "iqn.x:me\n", "default\n", "127.0.0.1\n", "3260\n");
	session("2", "iqn.x:t\n", "iqn.x:other\n", "domfs-1\n", "127.0.0.1\n", "3260\n");
	session("3", "iqn.x:u\n", "iqn.x:me\n", "default\n", "::1\n", "3261\n");
	assert_int_equal(find("127.0.0.1", "3260", "iqn.x:t", NULL, false), 2);
	assert_int_equal(find("127.0.0.1", "3260", "iqn.x:t", NULL, true), 2);
	assert_int_equal(find("127.0.0.1", "3260", "iqn.x:t", "iqn.x:me", false), 1);
	assert_int_equal(find("127.0.0.1", "3260", "iqn.x:t", "iqn.x:me", true), -ENOENT);
	assert_int_equal(find("127.0.0.1", "3260", "iqn.x:t", "iqn.x:none", false), -ENOENT);
	assert_int_equal(find("127.0.0.2", "3260", "iqn.x:t", NULL, false), -ENOENT);
	assert_int_equal(find("127.0.0.1", "3261", "iqn.x:t", NULL, false), -ENOENT);
	assert_int_equal(find("::1", "3261", "iqn.x:u", NULL, false), 3);
}

/* ---- multipath ---- */

static void maps(void **state unused)
{
	struct listing l = { 0 };
	autoerror struct error err = { 0 };

	put("block/dm-0/dm/uuid", "LVM-abc\n");
	put("block/dm-0/dm/name", "vg-lv\n");
	put("block/dm-1/dm/uuid", "mpath-360014050123456789abcdef012345678\n");
	put("block/dm-1/dm/name", "mpatha\n");
	put("block/dm-1/size", "131072\n");
	put("block/dm-1/dev", "253:1\n");
	put("block/dm-2/dm/uuid", "part1-mpath-360014050123456789abcdef012345678\n");
	put("block/dm-2/dm/name", "mpatha-part1\n");
	put("block/sda/size", "8\n");
	assert_int_equal(mpath_maps(sys, &l, &err), 0);
	assert_int_equal(l.n, 1);
	assert_string_equal(l.rows[0].name, "mpatha");
	assert_string_equal(l.rows[0].info->path, "/dev/mapper/mpatha");
	assert_string_equal(l.rows[0].info->key, "360014050123456789abcdef012345678");
	assert_string_equal(l.rows[0].info->claim, "block:253:1");
	assert_int_equal(l.rows[0].info->capacity, 64 << 20);
	listing_clear(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(adapters, setup, teardown),
		cmocka_unit_test_setup_teardown(ports, setup, teardown),
		cmocka_unit_test_setup_teardown(disks, setup, teardown),
		cmocka_unit_test(ids),
		cmocka_unit_test_setup_teardown(sessions, setup, teardown),
		cmocka_unit_test_setup_teardown(maps, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
