/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Secrets: made, defined, given values, found again, and used by those who may. */
#include "fixture.h"

#include <sys/mman.h>

#include "engine/secret.h"

#define UUID	 "0d5974e0-c18f-4ca9-87c4-c74b3cc55e8c"
#define OTHER	 "1e5974e0-c18f-4ca9-87c4-c74b3cc55e8c"
#define CEPH(id) "<secret><uuid>" id "</uuid><usage type='ceph'><name>client.admin</name></usage></secret>"

static void open_secrets(void)
{
	if (secrets_open(&last) < 0)
		fail_msg("%s", error_text(&last));
}

static void reopen(void)
{
	store_sync();
	secrets_close();
	fixture_reopen();
	open_secrets();
}

static struct secret *made(const char *uuid)
{
	struct secret *s = NULL;

	if (secret_make(uuid, &root_who, 0755, &s, &last) < 0)
		fail_msg("%s", error_text(&last));
	return s;
}

static int secret_xml_set(struct secret *s, const char *text)
{
	error_clear(&last);
	return secret_define(s, str_of(text), &last);
}

static int file(struct secret *s, const char *name, const char *text)
{
	error_clear(&last);
	return secret_file_store(s, name, str_of(text), &last);
}

static int value(struct secret *s, struct str v)
{
	error_clear(&last);
	return secret_set_value(s, v, &last);
}

static bool on_disk(const char *kind, const char *uuid)
{
	autofree char *dir = fixture_path("state");
	autofree char *path = xasprintf("%s/%s/%s", dir, kind, uuid);

	return access(path, F_OK) == 0;
}

TEST(a_secret_is_made_and_found_again)
{
	struct secret *s = made(UUID), *two = NULL;

	assert_ptr_equal(secret_find(UUID), s);
	assert_ptr_equal(secret_find("0D5974E0C18F4CA987C4C74B3CC55E8C"), s);
	assert_int_equal(secret_make(UUID, &root_who, 0755, &two, &last), -EEXIST);
	assert_int_equal(secret_make("abc", &root_who, 0755, &two, &last), -EINVAL);
	error_has("mkdir secrets/$(uuidgen)");
	assert_int_equal(secret_make("AD5974E0-c18f-4ca9-87c4-c74b3cc55e8c", &root_who, 0755, &two, &last), -EINVAL);
	error_has("write the uuid as ad5974e0-");
	shows(secret_xml(s, out), "<uuid>" UUID "</uuid>");
	ok(value(s, (struct str){ "a\0b\nc", 5 }));
	ok(secret_xml_set(s, CEPH(UUID)));
	reopen();
	s = secret_find(UUID);
	assert_non_null(s);
	assert_int_equal(s->value.n, 5);
	assert_memory_equal(s->value.p, "a\0b\nc", 5);
	assert_ptr_equal(secret_find_usage("ceph", "client.admin"), s);
	shows(secret_config_text(s, out), CEPH(UUID));
	assert_int_equal(secret_drop(s, &last), 0);
	assert_null(secret_find(UUID));
	assert_false(on_disk("secrets", UUID));
	assert_false(on_disk("secret-values", UUID));
	reopen();
	assert_null(secret_find(UUID));
	secrets_close();
}

TEST(every_length_of_a_value_comes_back)
{
	struct secret *s = made(UUID);
	autofree char *bytes = xmalloc(SECRET_VALUE_MAX + 1);

	for (size_t i = 0; i <= SECRET_VALUE_MAX; i++)
		bytes[i] = i * 7 + i / 256;
	for (size_t n = 1; n <= SECRET_VALUE_MAX; n = n < 7			 ? n + 1
						      : n * 9 < SECRET_VALUE_MAX ? n * 9
										 : n + SECRET_VALUE_MAX) {
		ok(value(s, (struct str){ bytes, n }));
		reopen();
		s = secret_find(UUID);
		assert_int_equal(s->value.n, n);
		assert_memory_equal(s->value.p, bytes, n);
	}
	ok(value(s, (struct str){ bytes, SECRET_VALUE_MAX }));
	assert_int_equal(value(s, (struct str){ bytes, SECRET_VALUE_MAX + 1 }), -EFBIG);
	error_has("at most 65536");
	assert_int_equal(s->value.n, SECRET_VALUE_MAX);
	ok(value(s, (struct str){ bytes, 0 }));
	assert_false(s->has_value);
	assert_false(on_disk("secret-values", UUID));
	secrets_close();
}

TEST(a_usage_has_one_secret)
{
	struct secret *a = made(UUID), *b = made(OTHER);

	ok(secret_xml_set(a, CEPH(UUID)));
	assert_int_equal(secret_xml_set(b, CEPH(OTHER)), -EEXIST);
	error_has("the secret " UUID " is already the one for ceph 'client.admin'");
	assert_int_equal(file(b, "usage", "client.admin"), -EINVAL);
	error_has("write its type first");
	ok(file(b, "type", "ceph"));
	assert_int_equal(file(b, "usage", "client.admin"), -EEXIST);
	ok(file(b, "usage", "client.other"));
	ok(file(b, "type", "iscsi")); /* its usage goes along */
	assert_ptr_equal(secret_find_usage("iscsi", "client.other"), b);
	assert_null(secret_find_usage("ceph", "client.other"));
	shows(secret_xml(b, out), "<target>client.other</target>");
	assert_int_equal(file(b, "type", "volume"), -EINVAL);
	assert_int_equal(file(b, "type", "gpg"), -EINVAL);
	error_has("'gpg' is not one of volume ceph iscsi tls vtpm none");
	ok(file(a, "type", "none"));
	assert_null(secret_find_usage("ceph", "client.admin"));
	ok(file(b, "type", "ceph"));
	ok(file(b, "usage", "client.admin"));
	assert_ptr_equal(secret_find_usage("ceph", "client.admin"), b);
	secrets_close();
}

TEST(definitions_that_do_not_fit_change_nothing)
{
	struct secret *s = made(UUID);

	ok(secret_xml_set(s, CEPH(UUID)));
	assert_int_equal(secret_xml_set(s, CEPH(OTHER)), -EINVAL);
	error_has("<uuid> is " OTHER ", but this secret is " UUID);
	assert_int_equal(secret_xml_set(s, "<secret"), -EBADMSG);
	assert_int_equal(secret_xml_set(s, " "), -EINVAL);
	assert_int_equal(secret_xml_set(s, "<secret><value>x</value></secret>"), -EINVAL);
	assert_ptr_equal(secret_find_usage("ceph", "client.admin"), s);
	shows(secret_config_text(s, out), CEPH(UUID));
	ok(secret_xml_set(s, "<secret><description>d</description></secret>"));
	assert_null(s->usage_type);
	shows(secret_xml(s, out), "ephemeral='no'");
	shows(secret_file_show(s, "description", out), "d");
	secrets_close();
}

TEST(an_ephemeral_one_is_not_on_the_disk)
{
	struct secret *s = made(UUID);

	ok(value(s, str_of("geheim")));
	assert_true(on_disk("secret-values", UUID));
	ok(file(s, "ephemeral", "1"));
	assert_false(on_disk("secret-values", UUID));
	assert_false(on_disk("secrets", UUID));
	ok(value(s, str_of("anders")));
	assert_false(on_disk("secret-values", UUID));
	access_set(&s->obj, "", 0700, ACCESS_UID, &(struct rights){ .uid = 7 });
	store_sync();
	assert_false(on_disk("secrets", UUID));
	ok(file(s, "ephemeral", "0"));
	reopen();
	s = secret_find(UUID);
	assert_non_null(s);
	assert_int_equal(s->value.n, 6);
	assert_memory_equal(s->value.p, "anders", 6);
	ok(file(s, "ephemeral", "yes"));
	reopen();
	assert_null(secret_find(UUID));
	secrets_close();
}

TEST(a_private_one_stays_private)
{
	struct secret *s = made(UUID);
	autobuf struct buf out = { 0 };

	ok(value(s, str_of("geheim")));
	assert_int_equal(secret_show_value(s, &out, &last), 0);
	assert_string_equal(out.p, "geheim");
	ok(file(s, "private", "1"));
	buf_reset(&out);
	assert_int_equal(secret_show_value(s, &out, &last), -EACCES);
	assert_int_equal(out.n, 0);
	assert_int_equal(file(s, "private", "0"), -EPERM);
	assert_int_equal(secret_xml_set(s, "<secret/>"), -EPERM);
	ok(value(s, str_of("")));
	ok(file(s, "private", "0"));
	secrets_close();
}

static struct secret *of(const char *element, const char *type, const struct who *who)
{
	autodoc struct doc *doc = doc_parse(str_of(element), NULL, NULL);

	error_clear(&last);
	return secret_of_node(doc_root(doc), type, who, &last);
}

TEST(others_use_it_by_its_element)
{
	static const struct who ada = { .uid = 61001, .gid = 61001 };
	struct rights hers = { .uid = 61001, .gid = 61001 };
	struct secret *s = made(UUID);

	assert_null(of("<secret uuid='" OTHER "'/>", "ceph", NULL));
	assert_int_equal(last.code, ENOENT);
	error_has("there is no secret " OTHER);
	assert_null(of("<secret type='ceph' usage='client.admin'/>", "ceph", NULL));
	error_has("no secret of type ceph with the usage 'client.admin'");
	ok(secret_xml_set(s, CEPH(UUID)));
	assert_null(of("<secret uuid='" UUID "'/>", "ceph", NULL));
	assert_int_equal(last.code, ENOENT);
	error_has("(ceph 'client.admin') has no value yet");
	ok(value(s, str_of("geheim")));
	assert_ptr_equal(of("<secret uuid='" UUID "'/>", "ceph", NULL), s);
	assert_ptr_equal(of("<secret usage='client.admin'/>", "ceph", &root_who), s);
	assert_null(of("<secret uuid='" UUID "'/>", "volume", NULL));
	error_has("is of another type: expected volume");
	assert_null(of("<secret uuid='" UUID "'/>", "ceph", &ada));
	assert_int_equal(last.code, EACCES);
	access_set(&s->obj, "", SECRET_DIR_MODE, ACCESS_UID | ACCESS_GID, &hers);
	assert_ptr_equal(of("<secret uuid='" UUID "'/>", "ceph", &ada), s);
	secrets_close();
}

static void holds(int fd, const char *text)
{
	char got[64] = "";

	assert_true(fd >= 0);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
	assert_int_equal(read(fd, got, sizeof(got)), strlen(text));
	assert_string_equal(got, text);
	assert_true(fcntl(fd, F_GET_SEALS) & F_SEAL_WRITE);
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	close(fd);
}

TEST(a_descriptor_has_the_value_and_nothing_else)
{
	struct secret *s = made(UUID);

	assert_int_equal(secret_fd(s, false, &last), -ENOENT);
	ok(value(s, str_of("geheim!")));
	holds(secret_fd(s, false, &last), "geheim!");
	holds(secret_fd(s, true, &last), "Z2VoZWltIQ==");
	secrets_close();
}

static void spoil(const char *kind, const char *name, const char *text)
{
	autofree char *dir = fixture_path("state");
	autofree char *path = xasprintf("%s/%s/%s", dir, kind, name);
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

TEST(broken_files_are_set_aside)
{
	struct secret *s = made(UUID);

	ok(value(s, str_of("geheim")));
	made(OTHER);
	spoil("secrets", OTHER, "rubbish");
	spoil("secret-values", UUID, "rubbish");
	reopen();
	assert_null(secret_find(OTHER));
	assert_non_null(secret_find(UUID));
	assert_false(secret_find(UUID)->has_value);
	assert_true(on_disk("broken", "secrets-" OTHER ".1"));
	assert_true(on_disk("broken", "secret-values-" UUID ".1"));
	secrets_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_secret_is_made_and_found_again, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(every_length_of_a_value_comes_back, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_usage_has_one_secret, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(definitions_that_do_not_fit_change_nothing, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(an_ephemeral_one_is_not_on_the_disk, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_private_one_stays_private, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(others_use_it_by_its_element, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_descriptor_has_the_value_and_nothing_else, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(broken_files_are_set_aside, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
