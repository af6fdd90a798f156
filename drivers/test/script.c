/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "script.h"

#include <stdio.h>
#include <sys/stat.h>

static FILE *open_script(int64_t *written_ns)
{
	const char *path = getenv("DOMFS_TEST_SCRIPT");
	FILE *f = path && *path ? fopen(path, "re") : NULL;
	struct stat st;

	if (f && written_ns && fstat(fileno(f), &st) == 0)
		*written_ns = st.st_mtim.tv_sec * INT64_C(1000000000) + st.st_mtim.tv_nsec;
	return f;
}

bool script_exists(void)
{
	return getenv("DOMFS_TEST_SCRIPT") != NULL;
}

static int errno_of(const char *name)
{
	for (int code = 1; code < 200; code++)
		if (str_eq(strerrorname_np(code), name))
			return code;
	return !strcmp(name, "ENOTSUP") ? ENOTSUP : EIO;
}

/* Cuts the next word off *LINE. */
static char *word(char **line)
{
	char *w = *line + strspn(*line, " \t");
	char *end = w + strcspn(w, " \t\n");

	*line = *end ? end + 1 : end;
	*end = 0;
	return w;
}

/* "start" or "start@web". */
static bool is_for(char *target, const char *slot, const char *name)
{
	char *at = strchr(target, '@');

	if (at)
		*at++ = 0;
	return !strcmp(target, slot) && (!at || str_eq(at, name));
}

void script_look(const char *slot, const char *name, struct script_step *out)
{
	FILE *f = open_script(NULL);
	char line[512];

	*out = (struct script_step){ 0 };
	while (f && fgets(line, sizeof(line), f)) {
		char *rest = line, *verb = word(&rest), *target = word(&rest);

		if (!is_for(target, slot, name))
			continue;
		if (!strcmp(verb, "fail")) {
			out->fail = errno_of(word(&rest));
			rest[strcspn(rest, "\n")] = 0;
			free(out->message);
			out->message = xstrdup(rest);
		} else if (!strcmp(verb, "delay")) {
			out->delay_ms = atoi(word(&rest));
		} else if (!strcmp(verb, "hang")) {
			out->hang = true;
		}
	}
	if (f)
		fclose(f);
}

void script_step_clear(struct script_step *s)
{
	free(s->message);
	*s = (struct script_step){ 0 };
}

bool script_says(const char *wanted, const char *name, int64_t *written_ns)
{
	FILE *f = open_script(written_ns);
	bool says = false;
	char line[512];

	while (f && !says && fgets(line, sizeof(line), f)) {
		char *rest = line, *verb = word(&rest), *target = word(&rest);
		says = !strcmp(verb, wanted) && !strcmp(target, name);
	}
	if (f)
		fclose(f);
	return says;
}
