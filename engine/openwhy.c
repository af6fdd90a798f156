/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Why an open failed: walks the path again, component by component, with the same rights, and names
 * the one that is missing or closed.  Runs on a worker: touches no engine state.
 */
#include "openas.h"

#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MOST 8 /* the kernel stops at 40; ours is a help, not a proof */

struct walk {
	const char *path; /* as the user gave it */
	int code;
	uid_t uid;
	struct error *err;
};

/* "nobody (65534)", or the number when it has no name. */
static const char *user_words(uid_t uid, bool number_too, char out[80])
{
	char text[4096];
	struct passwd pw, *found = NULL;

	if (getpwuid_r(uid, &pw, text, sizeof(text), &found) || !found)
		snprintf(out, 80, "%u", uid);
	else if (number_too)
		snprintf(out, 80, "%.60s (%u)", pw.pw_name, uid);
	else
		snprintf(out, 80, "%.60s", pw.pw_name);
	return out;
}

/* Says that WHAT, a NOUN with the attributes ST, may not be DONE ("searched"). */
static int denied(const struct walk *w, const char *what, const struct stat *st, const char *done)
{
	const char *noun = S_ISDIR(st->st_mode) ? "directory " : "";
	char owner[80], user[80];
	bool same = !strcmp(what, w->path);

	return error_set(w->err, w->code, "%s%s%s%s'%s' (mode %04o, owner %s) may not be %s by user %s",
			 same ? "" : "'", same ? "" : w->path, same ? "" : "': ", noun, what,
			 (unsigned)st->st_mode & 07777, user_words(st->st_uid, false, owner), done,
			 user_words(w->uid, true, user));
}

static int missing(const struct walk *w, const char *what, const char *how)
{
	if (!strcmp(what, w->path))
		return error_set(w->err, w->code, "'%s' %s", what, how);
	return error_set(w->err, w->code, "'%s': '%s' %s", w->path, what, how);
}

static int other(const struct walk *w)
{
	return error_set(w->err, w->code, "'%s': cannot be opened: %s", w->path, strerror(w->code));
}

/* May the directory DIR be passed?  Looking for "." in it asks just that. */
static int searchable(const char *dir)
{
	autofree char *dot = xasprintf("%s/.", dir);
	struct stat st;

	return stat(dot, &st) < 0 ? -errno : 0;
}

/* The path with the link PREFIX, which ends before REST, replaced by what it says; NULL: not a link. */
static char *follow(const char *prefix, const char *rest)
{
	char to[PATH_MAX];
	ssize_t n = readlink(prefix, to, sizeof(to) - 1);
	const char *slash = strrchr(prefix, '/');

	if (n <= 0)
		return NULL;
	to[n] = '\0';
	if (to[0] == '/' || !slash)
		return xasprintf("%s%s", to, rest);
	return xasprintf("%.*s/%s%s", (int)(slash - prefix), prefix, to, rest);
}

static int last_denied(const struct walk *w, const char *path, int flags, const struct stat *st)
{
	static const char *const done[] = { "read", "written", "read and written", "opened" };
	int mode = flags & O_ACCMODE;

	if (w->code != EACCES && w->code != EPERM)
		return other(w);
	return denied(w, path, st, done[mode == O_RDONLY && (flags & O_TRUNC) ? 1 : mode]);
}

/* The last component is missing, and was to be made: its directory did not allow it. */
static int not_made(const struct walk *w, const char *path)
{
	const char *slash = strrchr(path, '/');
	autofree char *dir =
		slash && slash > path ? xstrndup(path, (size_t)(slash - path)) : xstrdup(slash ? "/" : ".");
	struct stat st;

	if ((w->code != EACCES && w->code != EPERM) || stat(dir, &st) < 0)
		return other(w);
	return denied(w, dir, &st, "written");
}

static int walk(const struct walk *w, const char *path, int flags, int links);

/* The component that ends before REST could not be looked at, although its directory can be passed. */
static int stopped(const struct walk *w, const char *prefix, const char *rest, int flags, int links, int code)
{
	autofree char *target = links ? follow(prefix, rest) : NULL;

	if (target)
		return walk(w, target, flags, links - 1);
	if (code == ENOENT && !*rest && (flags & O_CREAT))
		return not_made(w, prefix);
	if (code == ENOENT)
		return missing(w, prefix, "does not exist");
	return other(w);
}

static int walk(const struct walk *w, const char *path, int flags, int links)
{
	const char *rest = path + strspn(path, "/");
	struct stat st;

	while (*rest) {
		autofree char *prefix = NULL;
		int r;

		rest += strcspn(rest, "/");
		prefix = xstrndup(path, (size_t)(rest - path));
		if (stat(prefix, &st) < 0)
			return stopped(w, prefix, rest, flags, links, errno);
		if (!rest[strspn(rest, "/")])
			return last_denied(w, prefix, flags, &st);
		if (!S_ISDIR(st.st_mode))
			return missing(w, prefix, "is not a directory");
		r = searchable(prefix);
		if (r == -EACCES)
			return denied(w, prefix, &st, "searched");
		if (r < 0)
			return other(w);
		rest += strspn(rest, "/");
	}
	return other(w);
}

int open_explain(const char *path, int flags, int code, uid_t uid, struct error *err)
{
	struct walk w = { .path = path, .code = code, .uid = uid, .err = err };

	return walk(&w, path, flags, LINKS_MOST);
}
