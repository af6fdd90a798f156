/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Rings keep the last part, at a line's start; events and errors are one line each. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "engine/event.h"

static void ring_keeps_the_last_lines(void **state unused)
{
	struct ring r;
	char out[64];
	uint64_t at;
	size_t n;

	ring_init(&r, 16);
	ring_add(&r, "one\ntwo\n", 8);
	ring_add(&r, "three\nfour\n", 11);
	n = ring_read(&r, 0, out, sizeof(out), &at);
	assert_int_equal(at, 4);
	assert_int_equal(n, 15);
	assert_memory_equal(out, "two\nthree\nfour\n", 15);
	n = ring_read(&r, at + 4, out, 5, &at);
	assert_memory_equal(out, "three", 5);
	assert_int_equal(ring_read(&r, 19, out, 5, &at), 0);
	ring_add(&r, "a line much longer than the ring is", 35);
	assert_int_equal(r.end, 54);
	assert_int_equal(r.end - r.start, 16);
	n = ring_read(&r, 0, out, sizeof(out), &at);
	assert_memory_equal(out, "than the ring is", n);
	ring_free(&r);
}

static char *text_of(const struct ring *r)
{
	char *out = xcalloc(1, r->cap + 1);
	uint64_t at;

	ring_read(r, 0, out, r->cap, &at);
	return out;
}

static void lines_stay_lines(void **state unused)
{
	struct error err = { 0 };
	struct who who = { .uid = 1000, .gid = 1000 };

	event_emit("domain", "my web", "running", "booted\nnot %s", "twice");
	autofree char *events = text_of(&events_ring);
	assert_non_null(strstr(events, " domain my%20web running booted not twice\n"));
	assert_true(str_starts(events, "1 20"));
	error_set(&err, EBUSY, "it is\nin use");
	errors_add(&who, "domains/my web/state", &err);
	autofree char *errors = text_of(&errors_ring);
	assert_non_null(strstr(errors, " 1000 domains/my%20web/state EBUSY it is in use\n"));
	error_clear(&err);
	ring_free(&events_ring);
	ring_free(&errors_ring);
}

static void errnos_have_names(void **state unused)
{
	assert_string_equal(errno_name(EBUSY), "EBUSY");
	assert_string_equal(errno_name(ENOTSUP), "ENOTSUP");
	assert_string_equal(errno_name(0), "EIO");
	assert_string_equal(errno_name(99999), "EIO");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ring_keeps_the_last_lines),
		cmocka_unit_test(lines_stay_lines),
		cmocka_unit_test(errnos_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
