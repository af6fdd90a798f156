/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who has which image open. */
#include "fixture.h"

#include <sys/sysmacros.h>

#include "engine/claim.h"

struct seen {
	unsigned n, writers;
	const struct domain *last;
};

static void see(void *arg, struct domain *d, bool writes)
{
	struct seen *s = arg;

	s->n++;
	s->writers += writes;
	s->last = d;
}

static unsigned count(const char *key)
{
	struct seen s = { 0 };
	unsigned n = claims_of(key, see, &s);

	assert_int_equal(n, s.n);
	return n;
}

static int busy(const char *key, bool writers_only)
{
	error_clear(&last);
	return claim_check(key, writers_only, &last);
}

TEST(a_key_says_what_the_image_is)
{
	struct stat a = { .st_mode = S_IFREG, .st_dev = 0x801, .st_ino = 12 };
	struct stat b = { .st_mode = S_IFBLK, .st_rdev = makedev(253, 7), .st_dev = 5, .st_ino = 12 };
	autofree char *ka = claim_key(&a), *kb = claim_key(&b);

	assert_string_equal(ka, "file:801:12");
	assert_string_equal(kb, "block:253:7");
}

TEST(devices_claim_and_let_go)
{
	struct domain *web = make("web"), *db = make("db");

	assert_int_equal(count("file:1:1"), 0);
	assert_int_equal(busy("file:1:1", false), 0);
	claim_drop(web, "virtio-disk0");
	claims_drop_all(web);

	claim_add(web, "virtio-disk0", "file:1:1", true);
	claim_add(web, "virtio-disk0", "file:1:2", false);
	claim_add(db, "virtio-disk0", "file:1:2", false);
	assert_int_equal(count("file:1:2"), 2);
	assert_int_equal(busy("file:1:1", true), -EBUSY);
	error_has("'web'");
	error_has("virtio-disk0");
	assert_int_equal(busy("file:1:2", true), 0);
	assert_int_equal(busy("file:1:2", false), -EBUSY);
	error_has("for reading");

	claim_drop(web, "virtio-disk0");
	assert_int_equal(count("file:1:1"), 0);
	assert_int_equal(count("file:1:2"), 1);
	assert_int_equal(busy("file:1:2", false), -EBUSY);
	error_has("'db'");
	claims_drop_all(db);
	assert_int_equal(count("file:1:2"), 0);
}

/* Two drives with one image, and a medium that is changed for itself. */
TEST(what_was_claimed_twice_stays_claimed_once)
{
	struct domain *web = make("web");

	claim_add(web, "sata0-0-0", "file:1:1", false);
	claim_add(web, "sata0-0-1", "file:1:1", false);
	claim_drop(web, "sata0-0-0");
	assert_int_equal(count("file:1:1"), 1);
	claim_drop(web, "sata0-0-0");
	assert_int_equal(count("file:1:1"), 1);
	claim_drop(web, "sata0-0-1");
	assert_int_equal(count("file:1:1"), 0);
}

TEST(claims_outlive_domfs)
{
	struct domain *d = make("web");
	struct seen s = { 0 };

	ok(command(d, "start"));
	claim_add(d, "virtio-disk0", "file:1:1", true);
	claim_add(d, "virtio-disk1", "rbd:pool/a b%c", false);
	assert_int_equal(domain_save_run(d, NULL), 0);
	fixture_reopen();
	d = domain_find("web");
	assert_int_equal(d->state, DOMAIN_RUNNING);
	assert_int_equal(claims_of("file:1:1", see, &s), 1);
	assert_int_equal(s.writers, 1);
	assert_ptr_equal(s.last, d);
	assert_int_equal(count("rbd:pool/a b%c"), 1);
	ok(command(d, "destroy"));
	assert_int_equal(count("file:1:1"), 0);
	assert_int_equal(count("rbd:pool/a b%c"), 0);
}

TEST(damaged_lines_claim_nothing)
{
	static const char *const lines[] = { "", "w", "w ", "w x", "x disk key", "wx disk key", "w  key" };
	struct domain *d = make("web");

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
		claim_parse(d, lines[i]);
	assert_int_equal(count("key"), 0);
	claim_parse(d, "r disk key with blanks");
	assert_int_equal(count("key with blanks"), 1);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_key_says_what_the_image_is),
		T(devices_claim_and_let_go),
		T(what_was_claimed_twice_stays_claimed_once),
		T(claims_outlive_domfs),
		T(damaged_lines_claim_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
