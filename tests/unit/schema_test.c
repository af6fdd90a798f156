/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rows against documents: what is unknown, of the wrong type or given twice is refused with its line; values go in and out by their rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../engine/schema.h"

static const char head[] = "<domain type='test'>\n<name>a</name>\n<memory unit='MiB'>64</memory>\n";

static int checked(const char *body, struct error *err)
{
	autofree char *text = xasprintf("%s%s</domain>", head, body);
	autodoc struct doc *doc = doc_parse(str_of(text), "domain", err);

	return doc ? schema_check(&domain_schema, doc_root(doc), err) : -err->code;
}

static void refused(const char *body, const char *words)
{
	autoerror struct error err = { 0 };

	assert_int_equal(checked(body, &err), -EINVAL);
	if (!strstr(err.text, words))
		fail_msg("'%s' does not say '%s'", err.text, words);
}

static void known_documents_pass(void **state unused)
{
	autoerror struct error err = { 0 };

	assert_int_equal(
		checked("<vcpu current='1'>2</vcpu><metadata><x:a xmlns:x='urn:x'/></metadata><x:b xmlns:x='urn:x'><c/></x:b>",
			&err),
		0);
}

static void the_unknown_is_named_with_its_line(void **state unused)
{
	refused("<foo/>", "line 4: <domain>: <foo> in <domain> is not known");
	refused("<vcpu cur='1'>2</vcpu>", "attribute 'cur' of <vcpu>");
	refused("<title>a</title><title>b</title>", "twice");
	refused("<devices>\n<disk><target dev='vda' bus='vritio'/></disk></devices>",
		"line 5: <disk>: <target bus='vritio'>: 'vritio' is not one of");
	refused("<vcpu>many</vcpu>", "<vcpu>");
	refused("<currentMemory unit='XiB'>1</currentMemory>", "<currentMemory>");
	refused("<on_crash>explode</on_crash>", "'explode' is not one of destroy");
	refused("<features>text</features>", "takes none");
	refused("<vcpu current='3'>2</vcpu>", "more than its maximum");
	refused("<devices><disk><target dev='vda'/></disk><disk><target dev='vda'/></disk></devices>",
		"already the disk");
}

static void values_go_in_and_out(void **state unused)
{
	autofree char *text = xasprintf("%s</domain>", head);
	autodoc struct doc *doc = doc_parse(str_of(text), NULL, NULL);
	const struct prop *memory = schema_prop(&domain_schema, "memory"),
			  *title = schema_file(&domain_schema, "title");
	autoerror struct error err = { 0 };
	autobuf struct buf out = { 0 };

	assert_non_null(memory);
	assert_non_null(title);
	prop_show(memory, doc_root(doc), &out);
	assert_string_equal(out.p, "67108864");
	assert_int_equal(prop_store(memory, doc_root(doc), str_of("1.5G\n"), &err), 0);
	buf_reset(&out);
	prop_show(memory, doc_root(doc), &out);
	assert_string_equal(out.p, "1610612736");
	assert_int_equal(prop_store(memory, doc_root(doc), str_of("lots"), &err), -EINVAL);
	assert_int_equal(prop_store(title, doc_root(doc), str_of("a b"), &err), 0);
	assert_string_equal(node_get(doc_root(doc), "title"), "a b");
	assert_int_equal(prop_store(title, doc_root(doc), str_of("\n"), &err), 0);
	assert_null(node_get(doc_root(doc), "title"));
}

static void collect(void *arg, const char *path, const char *a, const char *b)
{
	buf_printf(arg, "%s:%s>%s ", path, a ? a : "-", b ? b : "-");
}

static void differences_have_paths(void **state unused)
{
	autodoc struct doc *a = doc_parse(
		str_of("<domain type='x'><vcpu>1</vcpu><devices><disk><target dev='vda'/><serial>1</serial></disk></devices></domain>"),
		NULL, NULL);
	autodoc struct doc *b = doc_parse(
		str_of("<domain type='x'><vcpu>2</vcpu><devices><disk><target dev='vda'/><serial>2</serial></disk><disk><target dev='vdb'/></disk></devices></domain>"),
		NULL, NULL);
	autobuf struct buf out = { 0 };

	schema_diff(&domain_schema, doc_root(a), doc_root(b), collect, &out);
	assert_non_null(strstr(out.p, "vcpu:1>2 "));
	assert_non_null(strstr(out.p, "devices/disk[vda]/serial:1>2 "));
	assert_non_null(strstr(out.p, "devices/disk[vdb]:->"));
	assert_null(strstr(out.p, "target"
				  "/@dev:vda"));
}

static void secrets_are_masked_and_come_back(void **state unused)
{
	autofree char *text = xasprintf("%s<devices><graphics type='vnc' passwd='geheim'/></devices></domain>", head);
	autodoc struct doc *doc = doc_parse(str_of(text), NULL, NULL), *shown = doc_copy(doc);

	assert_true(schema_mask(&domain_schema, doc_root(shown)));
	assert_string_equal(node_get(doc_root(shown), "devices/graphics/@passwd"), "******");
	schema_unmask(&domain_schema, doc_root(shown), doc_root(doc));
	assert_string_equal(node_get(doc_root(shown), "devices/graphics/@passwd"), "geheim");
}

/* Two rows for one path, or a path that no walk can reach, are mistakes in a table. */
static void no_path_is_there_twice(void **state unused)
{
	for (const struct prop *p = domain_schema.props; p->path; p++) {
		assert_ptr_equal(schema_prop(&domain_schema, p->path), p);
		if (p->sub)
			for (const struct prop *q = p->sub->props; q->path; q++)
				if (schema_prop(p->sub, q->path) != q)
					fail_msg("<%s> has '%s' twice", p->sub->element, q->path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_documents_pass),
		cmocka_unit_test(the_unknown_is_named_with_its_line),
		cmocka_unit_test(values_go_in_and_out),
		cmocka_unit_test(differences_have_paths),
		cmocka_unit_test(secrets_are_masked_and_come_back),
		cmocka_unit_test(no_path_is_there_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
