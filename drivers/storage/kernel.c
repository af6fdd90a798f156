/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What this machine can mount: what the kernel has, and which programs there are. */
#include <stdio.h>
#include <sys/utsname.h>

#include "engine/offload.h"
#include "mounting.h"

struct ask {
	char *type;
	bool yes;
};

static void ask_free(void *arg)
{
	struct ask *a = arg;

	free(a->type);
	free(a);
}

/* Does a line of FILE end in WHAT, or with HOLDS have it before a colon (modules.dep: a module, and after the colon what it needs)? */
static bool file_has(const char *file, const char *what, bool holds)
{
	FILE *f = fopen(file, "re");
	autofree char *line = NULL;
	size_t cap = 0;
	bool found = false;

	while (f && !found && getline(&line, &cap, f) >= 0) {
		line[strcspn(line, ":\n")] = 0;
		found = holds ? strstr(line, what) != NULL : str_ends(line, what);
	}
	if (f)
		fclose(f);
	return found;
}

static int ask_fn(void *arg)
{
	struct ask *a = arg;
	autofree char *registered = xasprintf("\t%s", a->type), *module = xasprintf("/%s.ko", a->type);
	struct utsname u;

	if (file_has("/proc/filesystems", registered, false)) {
		a->yes = true;
	} else if (uname(&u) == 0) {
		autofree char *loadable = xasprintf("/lib/modules/%s/modules.dep", u.release);
		autofree char *builtin = xasprintf("/lib/modules/%s/modules.builtin", u.release);
		a->yes = file_has(loadable, module, true) || file_has(builtin, module, true);
	}
	return 0;
}

bool kernel_mounts(const char *type)
{
	struct worker *w = worker_new("modules");
	struct ask *a = xcalloc(1, sizeof(*a));
	bool yes = false;

	a->type = xstrdup(type);
	if (offload(w, ask_fn, a, ask_free, POOL_ASK_MS) == 0) {
		yes = a->yes;
		ask_free(a);
	}
	worker_free(w);
	return yes;
}

bool tool_there(const char *program, const char *package, struct buf *why)
{
	const char *const pairs[] = { program, package, NULL };
	autobuf struct buf said = { 0 };
	const char *text;

	if (tools_missing(pairs, &said) == 0)
		return true;
	text = buf_text(&said);
	if (str_starts(text, "not usable: "))
		text += strlen("not usable: ");
	buf_add(why, text, strcspn(text, "\n"));
	return false;
}
