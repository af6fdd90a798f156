/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A state and a run directory of its own, the test driver's script, and an engine that can be closed and opened again. */
#ifndef DOMFS_TESTS_FIXTURE_H
#define DOMFS_TESTS_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/console.h"
#include "engine/device.h"
#include "engine/domain.h"
#include "engine/store.h"
#include "in_task.h"

static char fixture_dir[64];
static const struct who root_who = { .uid = 0 };

static inline char *fixture_path(const char *name)
{
	return xasprintf("%s/%s", fixture_dir, name);
}

/* What the test hypervisor is to do from now on. */
static inline void script(const char *text)
{
	autofree char *path = fixture_path("script");
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static inline void fixture_open(void)
{
	struct error err = { 0 };

	config_defaults();
	config.hypervisor_timeout_ms = 200;
	config.foreground = false;
	if (store_open(config.state_dir, config.run_dir, &err) < 0 || domains_open(&err) < 0)
		fail_msg("%s", error_text(&err));
	while (domains_adopting())
		nap(1);
}

static inline void fixture_close(void)
{
	store_sync();
	domains_close();
	store_close();
	drivers_close();
	config_free();
	nap(1); /* what closes on the loop */
}

/* As after kill -9 and a new mount, as far as files go. */
static inline void fixture_reopen(void)
{
	fixture_close();
	fixture_open();
}

static inline int fixture_setup(void **state unused)
{
	strcpy(fixture_dir, "/tmp/domfs-test-XXXXXX");
	if (!mkdtemp(fixture_dir))
		return -1;
	autofree char *state_dir = fixture_path("state"), *run = fixture_path("run"), *file = fixture_path("script");
	setenv("DOMFS_STATE_DIR", state_dir, 1);
	setenv("DOMFS_RUN_DIR", run, 1);
	setenv("DOMFS_TEST_SCRIPT", file, 1);
	unsetenv("DOMFS_FAIL");
	script("");
	return 0;
}

static inline int fixture_teardown(void **state unused)
{
	autofree char *command = xasprintf("rm -rf '%s'", fixture_dir);

	return system(command);
}

static inline struct domain *make(const char *name)
{
	struct error err = { 0 };
	struct domain *d = NULL;

	if (domain_make(name, &root_who, 0755, &d, &err) < 0)
		fail_msg("%s", error_text(&err));
	return d;
}

/* The result, and the error's text for ERROR_IS. */
static struct error last;

static inline int command(struct domain *d, const char *word)
{
	error_clear(&last);
	return domain_command(d, str_of(word), &root_who, &last);
}

static inline int define(struct domain *d, const char *xml)
{
	error_clear(&last);
	return domain_define(d, VIEW_NOW, str_of(xml), &root_who, &last);
}

static inline int set_in(struct domain *d, enum view view, const char *file, const char *text)
{
	const struct prop *row = schema_file(&domain_schema, file);

	assert_non_null(row);
	error_clear(&last);
	return domain_prop_store(d, view, row, str_of(text), &root_who, &last);
}

static inline int set(struct domain *d, const char *file, const char *text)
{
	return set_in(d, VIEW_NOW, file, text);
}

#define error_has(words)                                                                                               \
	do {                                                                                                           \
		if (!strstr(error_text(&last), words))                                                                 \
			fail_msg("'%s' does not say '%s'", error_text(&last), words);                                  \
	} while (0)

/* Does what was shown by SHOW hold WORDS? */
#define shows(call, words)                                                                                             \
	do {                                                                                                           \
		autobuf struct buf shown_ = { 0 };                                                                     \
		struct buf *out = &shown_;                                                                             \
		(void)call;                                                                                            \
		if (!strstr(buf_text(out), words))                                                                     \
			fail_msg("'%s' does not say '%s'", buf_text(out), words);                                      \
	} while (0)

static inline void ok(int r)
{
	if (r < 0)
		fail_msg("%s", error_text(&last));
}

#define TEST(name)                                                                                                     \
	static void name##_body(void *arg unused);                                                                     \
	static void name##_task(void *arg)                                                                             \
	{                                                                                                              \
		fixture_open();                                                                                        \
		name##_body(arg);                                                                                      \
		error_clear(&last);                                                                                    \
		fixture_close();                                                                                       \
	}                                                                                                              \
	static void name(void **state unused)                                                                          \
	{                                                                                                              \
		in_task(name##_task, NULL);                                                                            \
	}                                                                                                              \
	static void name##_body(void *arg unused)

#endif
