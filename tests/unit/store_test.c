/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records come back as written; damaged ones are set aside; one engine per state directory. */
#include "fixture.h"

#include <sys/wait.h>

static void open_store(void)
{
	struct error err = { 0 };

	config_defaults();
	if (store_open(config.state_dir, config.run_dir, &err) < 0)
		fail_msg("%s", error_text(&err));
}

static void close_store(void)
{
	store_sync();
	store_close();
	config_free();
	nap(1);
}

static struct record *sample(const char *text)
{
	struct record *r = record_new();

	record_set(r, "uuid", "a b/c=d%\n");
	record_set(r, "uuid", "a b/c=d%\xff");
	record_add_line(r, "access", "one");
	record_add_line(r, "access", "two");
	record_set_text(r, "config", str_of(text));
	record_set_text(r, "empty", str_of(""));
	return r;
}

static void count(void *arg, const char *value unused)
{
	++*(int *)arg;
}

static void records_come_back(void **state unused)
{
	autorecord struct record *r = sample("<x>\nend 12\n</x>");
	autorecord struct record *back = NULL;
	autobuf struct buf text = { 0 };
	int lines = 0;

	record_print(r, &text);
	back = record_parse((struct str){ text.p, text.n }, NULL);
	assert_non_null(back);
	assert_string_equal(record_get(back, "uuid"), "a b/c=d%\xff");
	record_each(back, "access", count, &lines);
	assert_int_equal(lines, 2);
	assert_true(str_is(record_text(back, "config"), "<x>\nend 12\n</x>"));
	for (size_t n = 0; n < text.n; n++) /* cut short anywhere */
		assert_null(record_parse((struct str){ text.p, n }, NULL));
	for (size_t n = 0; n < text.n; n++) { /* one bit turned anywhere */
		struct record *bad;
		text.p[n] ^= 1;
		bad = record_parse((struct str){ text.p, text.n }, NULL);
		assert_null(bad);
		text.p[n] ^= 1;
	}
}

static struct vec loaded;

static void note(void *arg unused, const char *name, struct record *r)
{
	vec_add(&loaded, xstrdup(name));
	record_free(r);
}

static void damaged_files_are_set_aside_body(void *arg unused)
{
	autofree char *bad = fixture_path("state/domains/bad");
	autofree char *tmp = fixture_path("state/domains/.tmp-99");
	autofree char *aside = fixture_path("state/broken/domains-bad.1");
	autorecord struct record *r = sample("x");
	FILE *f;

	open_store();
	assert_int_equal(store_write("domains", "good", r, true, NULL), 0);
	assert_int_equal(store_write("domains", "later", r, false, NULL), 0);
	store_sync();
	for (int i = 0; i < 2; i++) {
		f = fopen(i ? bad : tmp, "we");
		fputs("domfs-record 1\nuuid x\n", f);
		fclose(f);
	}
	assert_int_equal(store_load("domains", note, NULL, NULL), 0);
	assert_int_equal(loaded.n, 2);
	assert_int_equal(access(bad, F_OK), -1);
	assert_int_equal(access(tmp, F_OK), -1);
	assert_int_equal(access(aside, F_OK), 0);
	assert_int_equal(store_remove("domains", "good", true, NULL), 0);
	assert_int_equal(store_remove("domains", "good", true, NULL), 0);
	vec_clear(&loaded, free);
	assert_int_equal(store_load("domains", note, NULL, NULL), 0);
	assert_int_equal(loaded.n, 1);
	assert_string_equal(loaded.at[0], "later");
	vec_clear(&loaded, free);
	ring_free(&errors_ring);
	close_store();
}

static void damaged_files_are_set_aside(void **state unused)
{
	in_task(damaged_files_are_set_aside_body, NULL);
}

static void one_engine_a_directory_body(void *arg unused)
{
	open_store();
	pid_t pid = fork();
	if (pid == 0) { /* another process: its descriptor is its own */
		struct error err = { 0 };
		autofree char *path = fixture_path("state/lock");
		int r = store_open(config.state_dir, config.run_dir, &err);
		_exit(r == -EBUSY && strstr(err.text, "in use by") ? 0 : 1);
	}
	int status;
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	close_store();
}

static void one_engine_a_directory(void **state unused)
{
	in_task(one_engine_a_directory_body, NULL);
}

static void failures_keep_the_old_body(void *arg unused)
{
	autofree char *path = fixture_path("state/domains/a");
	autorecord struct record *r = sample("old"), *now = sample("new"), *back = NULL;
	struct error err = { 0 };

	open_store();
	assert_int_equal(store_write("domains", "a", r, true, NULL), 0);
	close_store();
	setenv("DOMFS_FAIL", "store:synced", 1);
	open_store();
	assert_int_equal(store_write("domains", "a", now, true, &err), -EIO);
	assert_non_null(err.text);
	error_clear(&err);
	back = record_read_file(path, NULL);
	assert_true(str_is(record_text(back, "config"), "old"));
	unsetenv("DOMFS_FAIL");
	close_store();
}

static void failures_keep_the_old(void **state unused)
{
	in_task(failures_keep_the_old_body, NULL);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_come_back),
		T(damaged_files_are_set_aside),
		T(one_engine_a_directory),
		T(failures_keep_the_old),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
