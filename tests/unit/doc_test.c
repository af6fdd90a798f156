/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Documents: limits of parsing, reading by path, changes that keep the user's layout, completeness of a text in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "../../engine/doc.h"

static struct doc *parsed(const char *text)
{
	autoerror struct error err = { 0 };
	struct doc *doc = doc_parse(str_of(text), NULL, &err);

	assert_non_null(doc);
	return doc;
}

static void refused(const char *text, int code, const char *words)
{
	autoerror struct error err = { 0 };

	assert_null(doc_parse(str_of(text), "domain", &err));
	assert_int_equal(err.code, code);
	assert_non_null(strstr(err.text, words));
}

static void what_is_no_document_is_refused(void **state unused)
{
	autobuf struct buf deep = { 0 };

	refused("", EINVAL, "empty");
	refused("<domain>", EBADMSG, "line 1");
	refused("<domain>\n<a>\n</b>\n</domain>", EBADMSG, "line 3");
	refused("<network/>", EINVAL, "expected <domain>");
	refused("<!DOCTYPE d [<!ENTITY e 'x'>]><domain>&e;</domain>", EBADMSG, "document type");
	refused("<domain>\xff\xfe</domain>", EBADMSG, "line 1");
	for (int i = 0; i < 5000; i++)
		buf_puts(&deep, "<a>");
	refused(deep.p, EBADMSG, "deep");
}

static void values_are_read_by_path(void **state unused)
{
	autodoc struct doc *doc =
		parsed("<domain><memory unit='MiB'>\n 3 </memory><devices><disk type='file'><target dev='a'/></disk>"
		       "<disk><target dev='b &amp; c'/></disk></devices></domain>");
	const struct node *root = doc_root(doc), *disk = node_first(root, "devices/disk");

	assert_string_equal(node_get(root, "memory"), "3");
	assert_int_equal(node_size(root, "memory", 0), 3 << 20);
	assert_int_equal(node_count(root, "devices/disk"), 2);
	assert_string_equal(node_get(disk, "@type"), "file");
	assert_string_equal(node_get(node_next(disk, "disk"), "target/@dev"), "b & c");
	assert_null(node_get(disk, "source/@file"));
	assert_null(node_next(node_next(disk, "disk"), "disk"));
}

static void foreign_namespaces_are_another_world(void **state unused)
{
	autodoc struct doc *doc = parsed(
		"<domain xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0' xmlns:x='urn:x'><x:name>no</x:name>"
		"<q:commandline><q:arg value='-v'/></q:commandline></domain>");

	assert_null(node_get(doc_root(doc), "name"));
	assert_string_equal(node_get(doc_root(doc), "qemu:commandline/qemu:arg/@value"), "-v");
}

static void changes_keep_the_layout(void **state unused)
{
	autodoc struct doc *doc = parsed(
		"<domain type='test'>\n  <!-- mine -->\n  <name>a</name>\n  <devices>\n    <disk/>\n  </devices>\n</domain>\n");
	struct node *root = doc_root(doc);
	autobuf struct buf out = { 0 };

	node_set(root, "title", "it's <new>");
	node_add(node_first(root, "devices"), "interface");
	node_remove(node_first(root, "devices/disk"));
	node_set(root, "os/type/@arch", "x86_64");
	node_set(root, "os/type/@arch", NULL);
	doc_print(doc, &out);
	assert_string_equal(
		out.p,
		"<domain type='test'>\n  <!-- mine -->\n  <name>a</name>\n  <devices>\n    <interface/>\n  </devices>\n"
		"  <title>it's &lt;new&gt;</title>\n</domain>\n");
}

static void one_line_documents_are_laid_out(void **state unused)
{
	autodoc struct doc *doc = parsed("<domain><name>a</name><os><type>hvm</type></os></domain>");
	autobuf struct buf out = { 0 };

	doc_print(doc, &out);
	assert_string_equal(out.p, "<domain>\n  <name>a</name>\n  <os>\n    <type>hvm</type>\n  </os>\n</domain>\n");
}

static void a_text_is_complete_only_at_its_end(void **state unused)
{
	static const char text[] =
		"<?xml version='1.0'?>\n<!-- > --><a b='/>' c=\">\"><b/><![CDATA[</a>]]><c>x</c></a>";
	struct doc_scan scan;

	for (size_t n = 0; n < sizeof(text) - 1; n++)
		assert_int_equal(doc_complete((struct str){ text, n }), 1);
	assert_int_equal(doc_complete(str_of(text)), 0);
	doc_scan_init(&scan);
	for (size_t n = 0; n < sizeof(text) - 1; n++)
		assert_int_equal(doc_scan_feed(&scan, (struct str){ text + n, 1 }), n < sizeof(text) - 2);
	assert_int_equal(doc_scan_feed(&scan, str_of(" \n<!-- bye -->")), 0);
	assert_int_equal(doc_scan_feed(&scan, str_of("x")), -EBADMSG);
	assert_int_equal(doc_complete(str_of("hello")), -EBADMSG);
}

static void equal_is_meaning_not_layout(void **state unused)
{
	autodoc struct doc *a = parsed("<d x='1' y='2'>\n<e/>\n</d>"), *b = parsed("<d y='2' x='1'><e/><!-- c --></d>"),
			   *c = parsed("<d x='1'/>");

	assert_true(node_equal(doc_root(a), doc_root(b)));
	assert_false(node_equal(doc_root(a), doc_root(c)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_document_is_refused),
		cmocka_unit_test(values_are_read_by_path),
		cmocka_unit_test(foreign_namespaces_are_another_world),
		cmocka_unit_test(changes_keep_the_layout),
		cmocka_unit_test(one_line_documents_are_laid_out),
		cmocka_unit_test(a_text_is_complete_only_at_its_end),
		cmocka_unit_test(equal_is_meaning_not_layout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
