/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pools, volumes and secrets against their rows: what is accepted, what is refused and in which words, how values go in and out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../engine/schema.h"

static const struct schema *schema_of(const struct doc *doc)
{
	const char *name = node_name(doc_root(doc));

	return !strcmp(name, "pool") ? &pool_schema : !strcmp(name, "volume") ? &volume_schema : &secret_schema;
}

static int checked(const char *text, struct error *err)
{
	autodoc struct doc *doc = doc_parse(str_of(text), NULL, err);

	return doc ? schema_check(schema_of(doc), doc_root(doc), err) : -err->code;
}

static void accepted(const char *text)
{
	autoerror struct error err = { 0 };

	if (checked(text, &err) < 0)
		fail_msg("%s: %s", text, error_text(&err));
}

static void refused(const char *text, const char *words)
{
	autoerror struct error err = { 0 };
	int r = checked(text, &err);

	if (r >= 0)
		fail_msg("accepted: %s", text);
	if (!strstr(error_text(&err), words))
		fail_msg("'%s' does not say '%s'", error_text(&err), words);
	if (!str_starts(error_text(&err), "line "))
		fail_msg("'%s' names no line", error_text(&err));
}

#define POOL(type, more)     "<pool type='" type "'>\n<name>a</name>\n" more "</pool>"
#define SOURCE(type, source) POOL(type, "<source>\n" source "</source>")
#define VOLUME(more)	     "<volume>\n<name>a</name>\n<capacity>1</capacity>\n" more "</volume>"
#define TARGET(more)	     VOLUME("<target>\n" more "</target>")
#define SECRET(more)	     "<secret>\n" more "</secret>"
#define HOST		     "<host name='h'/>"

static void pools_of_every_type_are_accepted(void **state unused)
{
	accepted(POOL("dir", "<target><path>/srv</path></target>"));
	accepted(POOL("dir", "<features><cow state='no'/></features>"));
	accepted(SOURCE("fs", "<device path='/dev/sdb1'/><format type='ext4'/>"));
	accepted(
		"<pool type='netfs' xmlns:f='http://libvirt.org/schemas/storagepool/fs/1.0'><name>a</name><source>" HOST
		"<dir path='/x'/><format type='nfs'/><protocol ver='4.1'/></source>"
		"<f:mount_opts><f:option name='ro'/></f:mount_opts></pool>");
	accepted(SOURCE("logical", "<device path='/dev/sdb'/><device path='/dev/sdc'/><format type='lvm2'/>"));
	accepted("<pool type='logical'><source><name>vg</name></source></pool>");
	accepted(SOURCE("disk",
			"<device path='/dev/sdb' part_separator='yes'><freeExtent start='0' end='9'/></device>"));
	accepted(SOURCE("iscsi", HOST "<device path='iqn.2013-06.com.example:a'/><auth type='chap' username='u'>"
				      "<secret usage='x'/></auth>"));
	accepted(SOURCE("iscsi-direct",
			HOST "<device path='iqn.2013-06.com.example:a'/><initiator><iqn name='iqn.b'/></initiator>"));
	accepted(SOURCE("scsi", "<adapter name='host0'/>"));
	accepted(SOURCE("scsi",
			"<adapter type='fc_host' wwnn='20000000c9831b4b' wwpn='10000000c9831b4b' managed='yes'/>"));
	accepted(POOL("mpath", "<target><path>/dev/mapper</path></target>"));
	accepted("<pool type='rbd' xmlns:r='http://libvirt.org/schemas/storagepool/rbd/1.0'><name>a</name><source>"
		 "<name>rbd</name>" HOST HOST "</source><refresh><volume allocation='capacity'/></refresh>"
		 "<r:config_opts><r:option name='client_mount_timeout' value='9'/></r:config_opts></pool>");
	accepted(SOURCE("sheepdog", HOST));
	accepted(SOURCE("gluster", HOST "<name>v</name><dir path='/sub'/>"));
	accepted(SOURCE("zfs", "<name>tank</name><device path='/dev/sdb'/>"));
	accepted(SOURCE("vstorage", "<name>c</name><vendor name='v'/><product name='p'/>"));
	accepted(POOL("dir", "<x:note xmlns:x='urn:x'><b/></x:note>"));
}

static void pools_are_refused_by_name_and_line(void **state unused)
{
	refused(POOL("tape", ""), "'tape' is not one of dir fs netfs logical disk");
	refused("<pool><name>a</name></pool>", "line 1: <pool>: @type is missing");
	refused("<pool type='dir'/>", "<name> is missing");
	refused("<pool type='dir'><name/></pool>", "a name is not empty");
	refused("<pool type='dir'><name>a/b</name></pool>", "no '/'");
	refused(POOL("dir", "<uuid>1</uuid>"), "line 3: <pool>: <uuid>");
	refused(POOL("dir", "<colour/>"), "line 3: <pool>: <colour> in <pool> is not known");
	refused(SOURCE("dir", "<dir path='/srv'/>"),
		"line 4: <dir>: a pool of type dir has none in its <source>: its directory "
		"is <target><path>");
	refused(SOURCE("netfs", "<dir path='/x'/>"), "line 3: <source>: a pool of type netfs needs <host name='...'/>");
	refused(SOURCE("netfs", HOST), "needs <dir path='...'/>");
	refused(SOURCE("netfs", HOST "<dir path='/x'/><format type='ext4'/>"),
		"line 4: <format type='ext4'>: a pool of type netfs has one of auto nfs glusterfs cifs");
	refused(SOURCE("netfs", HOST "<dir path='/x'/><protocol ver='four'/>"), "digits and dots, as in 4.1");
	refused(SOURCE("netfs", HOST HOST "<dir path='/x'/>"),
		"<host>: a pool of type netfs has one, and it is at line 4");
	refused(POOL("fs", ""), "line 1: <source>: a pool of type fs needs <device path='...'/>");
	refused(SOURCE("fs", "<device/>"), "line 4: <device>: @path is missing");
	refused(SOURCE("fs", "<device path='/dev/a'/>" HOST),
		"<host>: a pool of type fs has none in its <source>: it has device");
	refused(SOURCE("disk", "<device path='/a'/><format type='nfs'/>"),
		"a pool of type disk has one of unknown dos");
	refused(SOURCE("disk", "<device path='/a'/>\n<device path='/b'/>"), "line 5: <device>");
	refused(SOURCE("iscsi", HOST "<device path='iqn.a'/><auth type='ceph' username='u'><secret usage='x'/></auth>"),
		"<auth>: a pool of type iscsi needs type='chap'");
	refused(SOURCE("iscsi", HOST "<device path='iqn.a'/><auth type='chap' username='u'><secret/></auth>"),
		"either uuid='...' or usage='...'");
	refused(SOURCE("iscsi", HOST "<device path='iqn.a'/><auth type='chap'><secret usage='x'/></auth>"),
		"@username is missing");
	refused(SOURCE("iscsi-direct", HOST "<device path='iqn.a'/>"), "<initiator><iqn name=");
	refused(SOURCE("rbd", "<host name='h' port='70000'/>"), "<host port='70000'>");
	refused(SOURCE("rbd", "<name>p</name>"), "a pool of type rbd needs <host");
	refused(SOURCE("scsi", "<adapter type='scsi_host'/>"), "needs either name='host0' or a <parentaddr>");
	refused(SOURCE("scsi", "<adapter type='fc_host' wwnn='2'/>"), "wwnn='' with 16 hexadecimal digits");
	refused(SOURCE("scsi", "<adapter name='host0' wwnn='20000000c9831b4b'/>"), "wwnn='...' is for type='fc_host'");
	refused(SOURCE("scsi", "<adapter><parentaddr unique_id='1'/></adapter>"), "unique_id='...' and an <address>");
	refused(SOURCE("scsi", "<adapter><parentaddr unique_id='1'><address slot='0x20'/></parentaddr></adapter>"),
		"<address slot='0x20'>");
	refused(POOL("dir", "<target><path>srv</path></target>"),
		"line 3: <path> 'srv' of <target>: write the whole path");
	refused(POOL("dir", "<target><permissions><mode>rwx</mode></permissions></target>"), "'rwx' is not a mode");
	refused(POOL("dir", "<target><permissions><owner>-7</owner></permissions></target>"),
		"<owner> '-7': expected a number");
	refused(POOL("dir", "<capacity unit='furlong'>1</capacity>"), "'furlong' is not a unit");
	refused(POOL("logical", "<features><cow state='yes'/></features>"),
		"copy on write is for pools of type dir and fs");
	refused(POOL("dir", "<refresh><volume allocation='capacity'/></refresh>"), "is for pools of type rbd");
	refused("<pool type='dir' xmlns:f='http://libvirt.org/schemas/storagepool/fs/1.0'><name>a</name><f:mount_opts/></pool>",
		"<mount_opts> is for pools of type fs and netfs");
	refused("<pool type='dir' xmlns:r='http://libvirt.org/schemas/storagepool/rbd/1.0'><name>a</name><r:config_opts/></pool>",
		"<config_opts> is for pools of type rbd");
	refused("<pool type='fs' xmlns:f='http://libvirt.org/schemas/storagepool/fs/1.0'><name>a</name>"
		"<source><device path='/dev/a'/></source><f:mount_opts><f:option/></f:mount_opts></pool>",
		"<option>: @name is missing");
}

static void volumes_are_accepted(void **state unused)
{
	accepted(VOLUME(""));
	accepted(
		"<volume type='block'><name>a</name><key>k</key><source><device path='/dev/sda2'><extent start='1' end='2'/>"
		"<extent start='4' end='9'/></device></source><capacity unit='T'>1</capacity><allocation>0</allocation>"
		"<physical>7</physical></volume>");
	accepted("<volume><name>a</name><backingStore><path>/b</path><format type='qcow2'/></backingStore></volume>");
	accepted(TARGET("<format type='qcow2'/><compat>1.1</compat><nocow/><clusterSize unit='KiB'>64</clusterSize>"
			"<features><lazy_refcounts/><extended_l2/></features>"));
	accepted(TARGET(
		"<encryption format='luks'><secret type='passphrase' usage='a'/>"
		"<cipher name='twofish' size='256' mode='cbc' hash='sha256'/><ivgen name='plain64' hash='sha256'/>"
		"</encryption>"));
	accepted(TARGET("<permissions><mode>0640</mode><owner>-1</owner><group>6</group></permissions>"));
	accepted(VOLUME("<backingStore/>"));
}

static void volumes_are_refused_by_name_and_line(void **state unused)
{
	refused("<volume><capacity>1</capacity></volume>", "line 1: <volume>: <name> is missing");
	refused("<volume><name>a/b</name><capacity>1</capacity></volume>", "has no '/'");
	refused("<volume><name>..</name><capacity>1</capacity></volume>", "is not . or ..");
	refused("<volume><name>a</name></volume>", "<capacity> is missing");
	refused("<volume><name>a</name>\n<capacity>-5</capacity></volume>",
		"line 2: <volume>: <capacity>: '-5' is not a number of");
	refused("<volume><name>a</name><capacity></capacity></volume>", "<capacity>: '' is not a number");
	refused("<volume><name>a</name><capacity>9E30</capacity></volume>", "<capacity>");
	refused("<volume><name>a</name><capacity unit='EiB'>9</capacity></volume>", "too big");
	refused(VOLUME("<description>x</description>"), "line 4: <volume>: <description> in <volume> is not known");
	refused(TARGET("<format type='tar'/>"), "line 5: <volume>: <format type='tar'>: 'tar' is not one of");
	refused(TARGET("<compat>1.1</compat>"), "line 5: <compat> is for <format type='qcow2'/>, not for none");
	refused(TARGET("<format type='raw'/><features><lazy_refcounts/></features>"), "<lazy_refcounts> is for");
	refused(TARGET("<format type='qcow2'/><compat>2.0</compat>"), "'2.0' is not one of 0.10 1.1");
	refused(TARGET("<format type='qcow2'/><features><lazy/></features>"), "<lazy> in <features> is not known");
	refused(TARGET("<format type='qcow2'/><clusterSize>1000</clusterSize>"),
		"<clusterSize> is 1000 bytes: expected a power of two");
	refused(TARGET("<format type='raw'/><clusterSize>4096</clusterSize>"),
		"<clusterSize> is for format qcow2 and qed");
	refused(TARGET("<permissions><mode>99</mode></permissions>"), "'99' is not a mode");
	refused(TARGET("<encryption><secret type='passphrase' usage='a'/></encryption>"),
		"line 5: <encryption>: @format is missing");
	refused(TARGET("<encryption format='luks'><secret type='passphrase'/></encryption>"),
		"either uuid='...' or usage='...'");
	refused(TARGET("<encryption format='luks'><cipher name='aes'/></encryption>"),
		"<cipher> needs name='...' and size='...'");
	refused(TARGET("<encryption format='luks'><ivgen name='plain64'/></encryption>"), "<ivgen> needs a <cipher>");
	refused(TARGET("<encryption format='qcow'><cipher name='aes' size='128'/></encryption>"),
		"<cipher> is for encryption format='luks'");
	refused(VOLUME("<backingStore><format type='raw'/></backingStore>"), "<backingStore> needs a <path>");
	refused(VOLUME("<capacity>2</capacity>"), "<capacity> appears twice");
}

static void secrets_are_accepted_and_refused(void **state unused)
{
	accepted("<secret/>");
	accepted(
		"<secret ephemeral='yes' private='no'><description>d</description><usage type='ceph'><name>a b</name></usage></secret>");
	accepted(SECRET("<usage type='volume'><volume>/srv/a</volume></usage>"));
	accepted(SECRET("<usage type='iscsi'><target>t</target></usage>"));
	accepted(SECRET("<usage type='none'/>"));
	refused("<secret ephemeral='maybe'/>", "'maybe' is not one of yes no");
	refused(SECRET("<value>x</value>"), "line 2: <secret>: <value> in <secret> is not known");
	refused(SECRET("<usage type='gpg'><name>a</name></usage>"),
		"'gpg' is not one of volume ceph iscsi tls vtpm none");
	refused(SECRET("<usage><name>a</name></usage>"), "<usage> needs type='...'");
	refused(SECRET("<usage type='ceph'/>"), "<usage type='ceph'> needs a <name>");
	refused(SECRET("<usage type='ceph'>\n<target>t</target></usage>"),
		"line 3: <target>: <usage type='ceph'> has <name>");
	refused(SECRET("<usage type='volume'><volume>a</volume></usage>"), "write the whole path");
	refused(SECRET("<usage type='none'><name>a</name></usage>"), "has nothing in it");
	refused(SECRET("<uuid>xyz</uuid>"), "<uuid>");
}

static void sizes_without_a_unit_are_bytes(void **state unused)
{
	autodoc struct doc *doc = doc_parse(str_of(TARGET("<clusterSize>65536</clusterSize>")), NULL, NULL);
	const struct prop *row = schema_file(&volume_schema, "cluster_size");
	autobuf struct buf out = { 0 };

	prop_show(row, doc_root(doc), &out);
	assert_string_equal(out.p, "65536");
	assert_int_equal(prop_store(row, doc_root(doc), str_of("2M"), NULL), 0);
	buf_reset(&out);
	prop_show(row, doc_root(doc), &out);
	assert_string_equal(out.p, "2097152");
	assert_int_equal(prop_store(row, doc_root(doc), str_of("-1"), NULL), -EINVAL);
}

static void set(struct node *root, const char *file, const char *text)
{
	const struct prop *row = schema_file(&pool_schema, file);
	autoerror struct error err = { 0 };

	if (!row)
		fail_msg("no row has the file %s", file);
	if (prop_store(row, root, str_of(text), &err) < 0)
		fail_msg("%s", error_text(&err));
}

/* A pool that is written file by file is the one that its document would be. */
static void rows_make_the_document(void **state unused)
{
	static const char *const all[][2] = {
		{ "type", "netfs" },	  { "source_host", "h" },     { "source_port", "2049" },
		{ "source_dir", "/x" },	  { "source_format", "nfs" }, { "protocol_version", "4" },
		{ "source_vendor", "v" }, { "source_product", "p" },  { "target", "/mnt" },
		{ "mode", "0750" },	  { "owner", "7" },	      { "group", "-1" },
	};
	autodoc struct doc *doc = doc_parse(str_of("<pool type='dir'><name>a</name></pool>"), NULL, NULL);
	autodoc struct doc *want = doc_parse(
		str_of("<pool type='netfs'><name>a</name><source><host name='h' port='2049'/><dir path='/x'/><format type='nfs'/>"
		       "<protocol ver='4'/><vendor name='v'/><product name='p'/></source><target><path>/mnt</path>"
		       "<permissions><mode>0750</mode><owner>7</owner><group>-1</group></permissions></target></pool>"),
		NULL, NULL);
	autoerror struct error err = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		set(doc_root(doc), all[i][0], all[i][1]);
	assert_true(node_equal(doc_root(doc), doc_root(want)));
	assert_int_equal(schema_check(&pool_schema, doc_root(doc), &err), 0);
	set(doc_root(doc), "source_device", "/dev/sdb");
	set(doc_root(doc), "source_name", "vg");
	set(doc_root(doc), "source_adapter", "host0");
	set(doc_root(doc), "source_initiator", "iqn.a");
	assert_string_equal(node_get(doc_root(doc), "source/initiator/iqn/@name"), "iqn.a");
	assert_int_equal(prop_store(schema_file(&pool_schema, "mode"), doc_root(doc), str_of("0o7"), &err), -EINVAL);
	set(doc_root(doc), "source_host", "");
	set(doc_root(doc), "source_port", "");
	assert_null(node_first(doc_root(doc), "source/host"));
}

static void what_a_manager_wrote_is_taken_out(void **state unused)
{
	autodoc struct doc *doc = doc_parse(
		str_of("<volume type='file'><name>a</name><key>k</key><source><device path='/a'><extent start='1' end='2'/></device>"
		       "<device path='/b'/></source><capacity>1</capacity><target><path>/p</path><format type='raw'/>"
		       "<timestamps><atime>1</atime><mtime>2</mtime></timestamps></target></volume>"),
		NULL, NULL);
	autodoc struct doc *want = doc_parse(
		str_of("<volume><name>a</name><capacity>1</capacity><target><format type='raw'/></target></volume>"),
		NULL, NULL);
	autodoc struct doc *pool = doc_parse(
		str_of("<pool type='disk'><name>a</name><capacity>1</capacity><source><device path='/a'><freeExtent start='1' end='2'/>"
		       "<freeExtent start='3' end='4'/></device><device path='/b'><freeExtent start='1' end='2'/></device></source></pool>"),
		NULL, NULL);

	schema_strip_outputs(&volume_schema, doc_root(doc));
	assert_true(node_equal(doc_root(doc), doc_root(want)));
	schema_strip_outputs(&pool_schema, doc_root(pool));
	assert_int_equal(node_count(doc_root(pool), "source/device"), 2);
	assert_null(node_first(doc_root(pool), "source/device/freeExtent"));
	assert_null(node_first(doc_root(pool), "capacity"));
}

static void rows_of(const struct schema *s, unsigned depth)
{
	for (const struct prop *p = s->props; p->path; p++) {
		if (schema_prop(s, p->path) != p)
			fail_msg("<%s> has '%s' twice", s->element, p->path);
		if (!p->doc)
			fail_msg("<%s> '%s' is not explained", s->element, p->path);
		if (p->file && schema_file(s, p->file) != p)
			fail_msg("<%s> has the file '%s' twice", s->element, p->file);
		if (p->sub && depth < 4)
			rows_of(p->sub, depth + 1);
	}
}

static void no_row_is_there_twice(void **state unused)
{
	rows_of(&pool_schema, 0);
	rows_of(&volume_schema, 0);
	rows_of(&secret_schema, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pools_of_every_type_are_accepted),
		cmocka_unit_test(pools_are_refused_by_name_and_line),
		cmocka_unit_test(volumes_are_accepted),
		cmocka_unit_test(volumes_are_refused_by_name_and_line),
		cmocka_unit_test(secrets_are_accepted_and_refused),
		cmocka_unit_test(sizes_without_a_unit_are_bytes),
		cmocka_unit_test(rows_make_the_document),
		cmocka_unit_test(what_a_manager_wrote_is_taken_out),
		cmocka_unit_test(no_row_is_there_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
