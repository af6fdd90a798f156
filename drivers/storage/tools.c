/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The programs that pools are made with. */
#include <stdio.h>
#include <unistd.h>

#include "engine/spawn.h"
#include "storage.h"

static bool is_in(const char *dirs, const char *program)
{
	autofree char *copy = xstrdup(dirs);
	char *save = NULL;

	for (char *dir = strtok_r(copy, ":", &save); dir; dir = strtok_r(NULL, ":", &save)) {
		autofree char *path = xasprintf("%s/%s", dir, program);
		if (access(path, X_OK) == 0)
			return true;
	}
	return false;
}

int tools_missing(const char *const *pairs, struct buf *state)
{
	const char *path = getenv("PATH");

	for (; pairs[0]; pairs += 2) {
		if (is_in(path ? path : "/usr/bin:/bin", pairs[0]) || is_in("/usr/sbin:/sbin", pairs[0]))
			continue;
		buf_printf(state, "not usable: %s is not there: install %s", pairs[0], pairs[1]);
		return -ENOENT;
	}
	return 0;
}

int tool_run(struct pool *p, const char *const *argv, struct buf *out, struct error *err)
{
	return error_in(err, spawn_run(argv, (struct str){ 0 }, out, POOL_WORK_MS, err), "%s", pool_name(p));
}
