/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who may do what, in the records of the store. */
#include "access.h"
#include "event.h"
#include "store.h"

void access_store(const struct object *o, struct record *r, const char *prefix)
{
	autobuf struct buf lines = { 0 };
	char *save = NULL;

	access_print(o, &lines);
	if (!lines.n)
		return;
	for (char *line = strtok_r(lines.p, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		autofree char *whole = xasprintf("%s%s", prefix, line);
		record_add_line(r, "access", whole);
	}
}

void access_load(void *object, const char *line)
{
	autoerror struct error err = { 0 };

	if (access_parse_line(object, str_of(line), &err) < 0)
		log_line("%s", error_text(&err));
}
