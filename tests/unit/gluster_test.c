/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pools of type gluster: what their definition says, and the URLs that it becomes; without a server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../drivers/storage/gluster_source.h"

#define POOL(source) "<pool type='gluster'><name>g</name><source>" source "</source></pool>"
#define HOST	     "<host name='h'/>"

extern const struct pool_driver gluster_pool;

static struct doc *parsed(const char *text)
{
	struct error err = { 0 };
	struct doc *d = doc_parse(str_of(text), "pool", &err);

	if (!d)
		fail_msg("%s: %s", text, error_text(&err));
	return d;
}

static void urls(void **state unused)
{
	static const char *const rows[][3] = {
		{ HOST "<name>v</name>", "gluster://h/v/a b%", "gluster://h/v/a%20b%25" },
		{ HOST "<name>v</name><dir path='/'/>", "gluster://h/v/a b%", "gluster://h/v/a%20b%25" },
		{ HOST "<name>v</name><dir path='//sub//x/'/>", "gluster://h/v/sub/x/a b%",
		  "gluster://h/v/sub/x/a%20b%25" },
		{ "<host name='::1' port='7'/><name>v</name>", "gluster://[::1]:7/v/a b%",
		  "gluster://[::1]:7/v/a%20b%25" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		autofree char *text = xasprintf(POOL("%s"), rows[i][0]);
		autodoc struct doc *d = parsed(text);
		struct gluster_source s = { 0 };

		assert_int_equal(gluster_source_of(doc_root(d), &s, NULL), 0);
		autofree char *url = gluster_url(&s, "a b%"), *coded = gluster_url_coded(&s, "a b%");
		assert_string_equal(url, rows[i][1]);
		assert_string_equal(coded, rows[i][2]);
		gluster_source_clear(&s);
	}
}

static void refused(const char *text, int code, const char *words)
{
	autodoc struct doc *d = parsed(text);
	autoerror struct error err = { 0 };

	assert_int_equal(gluster_pool.complete(doc_root(d), "/x", &err), -code);
	if (!strstr(error_text(&err), words))
		fail_msg("'%s' has no '%s'", error_text(&err), words);
}

static void definitions(void **state unused)
{
	refused(POOL(HOST), EINVAL, "source/name: the GlusterFS volume is missing");
	refused(POOL("<name>v</name>"), EINVAL, "source/host: the server's name is missing");
	refused(POOL(HOST "<name>v/w</name>"), EINVAL, "'/' cannot be in one");
	refused(POOL("<host name='h/x'/><name>v</name>"), EINVAL, "'/' cannot be in one");
	refused(POOL("<host name='h' port='99999'/><name>v</name>"), ERANGE, "port");
	refused(POOL(HOST "<name>v</name><dir path='/a/../b'/>"), EINVAL, "without . and ..");
	refused("<pool type='gluster'><name>g</name><source>" HOST "<name>v</name></source>"
		"<target><path>/x</path></target></pool>",
		EINVAL, "target: a pool of type gluster has none");
}

static void source_file(void **state unused)
{
	static const char *const rows[][2] = {
		{ "h/v", "h/v" },
		{ "h:7/v/", "h:7/v" },
		{ "[::1]:7/v/sub/", "[::1]:7/v/sub" },
		{ "2001:db8::1/v", "[2001:db8::1]/v" },
	};
	static const char *const bad[] = { "h", "/v", "h/", "h/v/../w" };
	autodoc struct doc *d = parsed("<pool type='gluster'><name>g</name></pool>");

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		autobuf struct buf out = { 0 };

		assert_int_equal(gluster_pool.source_store(doc_root(d), str_of(rows[i][0]), NULL), 0);
		gluster_pool.source_show(doc_root(d), &out);
		assert_string_equal(buf_text(&out), rows[i][1]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(gluster_pool.source_store(doc_root(d), str_of(bad[i]), NULL), -EINVAL);
}

static void names(void **state unused)
{
	static const char *const bad[] = { "", ".", "..", "a/b", ".domfs-upload-1", "a\nb" };

	assert_int_equal(gluster_name_check("a b%?#", NULL), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(gluster_name_check(bad[i], NULL), -EINVAL);
}

/* As libvirt writes it: completing changes nothing. */
static void stays(void **state unused)
{
	static const char text[] = "<pool type='gluster'><name>mygluster</name>"
				   "<uuid>65fcba04-5b13-bd93-cff3-52ce48e11ad8</uuid><source><host name='localhost'/>"
				   "<dir path='/sub/'/><name>volume</name></source></pool>";
	autodoc struct doc *d = parsed(text), *same = parsed(text);
	autobuf struct buf is = { 0 }, want = { 0 };

	assert_int_equal(gluster_pool.complete(doc_root(d), "/x", NULL), 0);
	doc_print(d, &is);
	doc_print(same, &want);
	assert_string_equal(buf_text(&is), buf_text(&want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(urls),	 cmocka_unit_test(definitions), cmocka_unit_test(source_file),
		cmocka_unit_test(names), cmocka_unit_test(stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
