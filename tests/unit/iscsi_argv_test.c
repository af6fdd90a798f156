/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* iscsiadm's command lines, what it says, the record that a password is put into, and the sources of pools. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include "drivers/storage/iscsi.h"

#include <cmocka.h>

static const struct iscsi_portal portal = { (char *)"192.0.2.1", (char *)"3260", (char *)"iqn.2024-01.org:disks",
					    (char *)"iqn.2024-01.org:me", (char *)"user" };

static void lines(void **state unused)
{
	static const char *const expected[ISCSI_STEPS] = {
		"iscsiadm --mode discovery --type sendtargets --portal 192.0.2.1:3260 --op nonpersistent",
		"iscsiadm --mode iface --interface domfs-1 --op new",
		"iscsiadm --mode iface --interface domfs-1 --op update --name iface.initiatorname --value iqn.2024-01.org:me",
		"iscsiadm --mode iface --interface domfs-1 --op delete",
		"iscsiadm --mode node --targetname iqn.2024-01.org:disks --portal 192.0.2.1:3260 --interface domfs-1 --op new",
		"iscsiadm --mode node --targetname iqn.2024-01.org:disks --portal 192.0.2.1:3260 --interface domfs-1 --login",
		"iscsiadm --mode node --targetname iqn.2024-01.org:disks --portal 192.0.2.1:3260 --interface domfs-1 --op delete",
		"iscsiadm --mode session --sid 7 --logout",
	};

	for (int i = 0; i < ISCSI_STEPS; i++) {
		autobuf struct buf line = { 0 };
		char **argv = iscsi_argv((enum iscsi_step)i, &portal, "domfs-1", 7);

		for (int j = 0; argv[j]; j++) {
			buf_printf(&line, "%s%s", j ? " " : "", argv[j]);
			free(argv[j]);
		}
		free(argv);
		assert_string_equal(buf_text(&line), expected[i]);
	}
}

static void portals(void **state unused)
{
	struct iscsi_portal six = portal;
	autofree char *text = NULL;

	six.host = (char *)"2001:db8::1";
	text = iscsi_portal_text(&six);
	assert_string_equal(text, "[2001:db8::1]:3260");
}

static void targets(void **state unused)
{
	autodoc struct doc *doc = doc_parse(str_of("<sources/>"), NULL, NULL);
	autobuf struct buf xml = { 0 };
	struct iscsi_portal p = { (char *)"san", (char *)"3261", NULL, NULL, NULL };

	iscsi_targets_parse(str_of("192.0.2.1:3261,1 iqn.2024-01.org:a\n[2001:db8::1]:3261,1 iqn.2024-01.org:a\n"
				   "nonsense\n\n192.0.2.1:3261,2 iqn.2024-01.org:b"),
			    &p, doc_root(doc));
	assert_int_equal(node_count(doc_root(doc), "source"), 2);
	node_print(doc_root(doc), &xml);
	assert_string_equal(node_get(doc_root(doc), "source/host/@name"), "san");
	assert_string_equal(node_get(doc_root(doc), "source/host/@port"), "3261");
	assert_non_null(strstr(buf_text(&xml), "iqn.2024-01.org:b"));
}

static void reasons(void **state unused)
{
	autofree char *why = iscsi_reason(
		str_of("iscsiadm: Could not login to [iface: domfs-1, target: t, portal: 127.0.0.1,3260].\n"
		       "iscsiadm: initiator reported error (24 - iSCSI login failed due to authorization failure)\n"
		       "iscsiadm: Could not log into all portals\n"));

	assert_string_equal(why, "iSCSI login failed due to authorization failure");
	assert_null(iscsi_reason(str_of("iscsiadm: initiator reported error (24 - \nx")));
	assert_null(iscsi_reason(str_of("iscsiadm: No records found")));
	assert_null(iscsi_reason(str_of("")));
}

#define RECORD                                                                                                         \
	"# BEGIN RECORD 2.1.8\nnode.name = iqn.2024-01.org:disks\nnode.startup = automatic\n"                          \
	"iface.iscsi_ifacename = domfs-1\nnode.session.auth.authmethod = None\n"                                       \
	"node.session.auth.password_in = x\nnode.conn[0].startup = automatic\n# END RECORD\n"

static void records(void **state unused)
{
	static const struct {
		const char *user;
		struct str password;
		const char *says;
	} bad[] = {
		{ "u", { "", 0 }, "0 bytes" },
		{ "u", { "a\nb", 3 }, "control character" },
		{ "u", { "a\0b", 3 }, "control character" },
		{ "u", { " a", 2 }, "blank" },
		{ "u\nnode.session.auth.authmethod = None", { "a", 1 }, "username has a control" },
	};
	autobuf struct buf out = { 0 }, plain = { 0 };
	autoerror struct error err = { 0 };

	assert_int_equal(iscsi_record(str_of(RECORD), "u", str_of("p w#1"), &out, &err), 0);
	assert_string_equal(buf_text(&out),
			    "# BEGIN RECORD 2.1.8\nnode.name = iqn.2024-01.org:disks\niface.iscsi_ifacename = domfs-1\n"
			    "node.session.auth.password_in = x\n"
			    "node.startup = manual\nnode.conn[0].startup = manual\n"
			    "node.session.initial_login_retry_max = 2\nnode.conn[0].timeo.login_timeout = 15\n"
			    "node.session.auth.authmethod = CHAP\nnode.session.auth.username = u\n"
			    "node.session.auth.password = p w#1\n# END RECORD\n");
	assert_int_equal(iscsi_record(str_of(RECORD), NULL, str_of(NULL), &plain, &err), 0);
	assert_non_null(strstr(buf_text(&plain), "node.session.auth.authmethod = None\n"));
	assert_null(strstr(buf_text(&plain), "automatic"));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		autobuf struct buf none = { 0 };
		assert_int_equal(iscsi_record(str_of(RECORD), bad[i].user, bad[i].password, &none, &err), -EINVAL);
		if (!strstr(error_text(&err), bad[i].says))
			fail_msg("'%s' does not say '%s'", error_text(&err), bad[i].says);
		assert_null(strstr(error_text(&err), "a\nb"));
	}
	assert_true(iscsi_record_is_of(str_of(RECORD), "domfs-1"));
	assert_false(iscsi_record_is_of(str_of(RECORD), "domfs-11"));
	assert_false(iscsi_record_is_of(str_of("iface.iscsi_ifacename"), "domfs-1"));
}

static void sources(void **state unused)
{
	static const struct {
		const char *text, *shown, *says;
	} rows[] = {
		{ "san/iqn.2024-01.org:a", "san/iqn.2024-01.org:a", NULL },
		{ "san:3260/iqn.2024-01.org:a", "san/iqn.2024-01.org:a", NULL },
		{ "[2001:db8::1]:3261/iqn.x iqn.me", "[2001:db8::1]:3261/iqn.x iqn.me", NULL },
		{ "192.0.2.1:99999/iqn.x", NULL, "port" },
		{ "san:/iqn.x", NULL, "port" },
		{ "san", NULL, "expected HOST" },
		{ "/iqn.x", NULL, "server's name is missing" },
		{ "san/", NULL, "target's name is missing" },
		{ "-x/iqn", NULL, "must not begin" },
		{ "san/../../etc", NULL, "cannot be in one: '/'" },
		{ "san/..", NULL, "must not begin" },
		{ "san/a,b", NULL, "cannot be in one" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		autodoc struct doc *doc = doc_parse(str_of("<pool type='iscsi'/>"), "pool", NULL);
		autoerror struct error err = { 0 };
		autobuf struct buf shown = { 0 };
		int r = iscsi_source_store(doc_root(doc), str_of(rows[i].text), &err);

		if ((r == 0) != !rows[i].says || (r < 0 && !strstr(error_text(&err), rows[i].says)))
			fail_msg("%s: %d '%s'", rows[i].text, r, error_text(&err));
		iscsi_source_show(doc_root(doc), &shown);
		if (r == 0)
			assert_string_equal(buf_text(&shown), rows[i].shown);
	}
}

static void specs(void **state unused)
{
	struct iscsi_portal p;
	autoerror struct error err = { 0 };

	assert_int_equal(iscsi_spec_of(str_of(" 192.0.2.1:3261\n"), &p, &err), 0);
	assert_string_equal(p.host, "192.0.2.1");
	assert_string_equal(p.port, "3261");
	iscsi_portal_clear(&p);
	assert_int_equal(iscsi_spec_of(str_of("::1"), &p, &err), 0);
	assert_string_equal(p.host, "::1");
	iscsi_portal_clear(&p);
	assert_int_equal(
		iscsi_spec_of(str_of("<source><host name='san' port='1'/><initiator><iqn name='iqn.me'/></initiator>"
				     "<auth type='chap' username='u'><secret usage='x'/></auth></source>"),
			      &p, &err),
		0);
	assert_string_equal(p.initiator, "iqn.me");
	assert_string_equal(p.user, "u");
	iscsi_portal_clear(&p);
	assert_int_equal(iscsi_spec_of(str_of(""), &p, &err), -EINVAL);
	assert_int_equal(
		iscsi_spec_of(str_of("<source><host name='a'/><auth type='ceph' username='u'/></source>"), &p, &err),
		-ENOTSUP);
	assert_int_equal(iscsi_spec_of(str_of("<source>"), &p, &err), -EBADMSG);
}

static void disks(void **state unused)
{
	autodoc struct doc *pool = doc_parse(
		str_of("<pool type='iscsi-direct'><source><host name='san'/><device path='iqn.x:t'/><initiator><iqn name='iqn.x:me'/>"
		       "</initiator><auth type='chap' username='joe'><secret usage='u'/></auth></source></pool>"),
		"pool", NULL);
	autodoc struct doc *disk = doc_parse(str_of("<disk/>"), "disk", NULL);
	autodoc struct doc *expected = doc_parse(
		str_of("<disk type='network'><source protocol='iscsi' name='iqn.x:t/5'><host name='san' port='3260'/>"
		       "<auth username='joe'><secret type='iscsi' usage='u'/></auth>"
		       "<initiator><iqn name='iqn.x:me'/></initiator></source></disk>"),
		"disk", NULL);
	autoerror struct error err = { 0 };

	assert_int_equal(iscsi_disk(doc_root(pool), 5, doc_root(disk), &err), 0);
	assert_true(node_equal(doc_root(disk), doc_root(expected)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),   cmocka_unit_test(portals), cmocka_unit_test(targets),
		cmocka_unit_test(reasons), cmocka_unit_test(records), cmocka_unit_test(sources),
		cmocka_unit_test(specs),   cmocka_unit_test(disks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
