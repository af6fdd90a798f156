/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the kernel says is mounted where, and who uses it.  Nothing here touches a mount, so that a dead server holds up nobody. */
#include "mounting.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define USERS_SHOWN 4

void mounted_clear(struct mounted *m)
{
	free(m->source);
	free(m->type);
	free(m->root);
	*m = (struct mounted){ 0 };
}

static bool is_octal(const char *p, const char *end)
{
	return end - p >= 4 && p[0] == '\\' && p[1] >= '0' && p[1] <= '3' && p[2] >= '0' && p[2] <= '7' &&
	       p[3] >= '0' && p[3] <= '7';
}

/* The kernel writes blank, tab, newline and backslash as \ooo.  The caller frees. */
static char *unescape(struct str s)
{
	struct buf out = { 0 };

	for (const char *p = s.p, *end = s.p + s.n; p < end;) {
		if (is_octal(p, end)) {
			buf_putc(&out, (char)((p[1] - '0') << 6 | (p[2] - '0') << 3 | (p[3] - '0')));
			p += 4;
		} else {
			buf_putc(&out, *p++);
		}
	}
	return buf_take(&out);
}

/* The next word of *REST up to a blank; empty at the end. */
static struct str word(struct str *rest)
{
	const char *blank = rest->n ? memchr(rest->p, ' ', rest->n) : NULL;
	struct str w = { rest->p, blank ? (size_t)(blank - rest->p) : rest->n };
	size_t used = w.n + !!blank;

	rest->p += used;
	rest->n -= used;
	return w;
}

/* "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG...] - TYPE SOURCE OPTIONS": up to POINT, the caller's; NULL: it is no such line. */
static char *take_point(struct str *line, struct mounted *out)
{
	struct str dev, root, point;

	*out = (struct mounted){ 0 };
	word(line);
	word(line);
	dev = word(line);
	root = word(line);
	point = word(line);
	if (!point.n || sscanf(dev.p, "%u:%u", &out->major, &out->minor) != 2)
		return NULL;
	out->root = unescape(root);
	return unescape(point);
}

static bool take_line(struct str line, const char *path, struct mounted *out)
{
	struct mounted m;
	autofree char *point = take_point(&line, &m);

	if (!point || strcmp(point, path)) {
		mounted_clear(&m);
		return false;
	}
	while (line.n && !str_is(word(&line), "-"))
		;
	m.type = unescape(word(&line));
	m.source = unescape(word(&line));
	mounted_clear(out);
	*out = m;
	return true;
}

/* The next line of *TEXT; false at the end. */
static bool next_line(struct str *text, struct str *line)
{
	const char *nl = text->n ? memchr(text->p, '\n', text->n) : NULL;
	size_t used;

	*line = (struct str){ text->p, nl ? (size_t)(nl - text->p) : text->n };
	used = line->n + !!nl;
	text->p += used;
	text->n -= used;
	return used;
}

bool mountinfo_find(struct str text, const char *path, struct mounted *out)
{
	bool found = false;
	struct str line;

	*out = (struct mounted){ 0 };
	while (next_line(&text, &line))
		found |= take_line(line, path, out); /* the last one lies on top of the others */
	return found;
}

/* What of PATH is below TOP: "" when it is the same, "/a/b"; NULL: it is not below. */
static const char *below(const char *path, const char *top)
{
	size_t n = strcmp(top, "/") ? strlen(top) : 0;

	return !strncmp(path, top, n) && (path[n] == '/' || !path[n]) ? path + n : NULL;
}

/* The mount that PATH lies in, into M: how it is called in its file system.  The caller frees both. */
static char *inner_path(struct str text, const char *path, struct mounted *m)
{
	size_t longest = 0;
	char *inner = NULL;
	struct str line;

	*m = (struct mounted){ 0 };
	while (next_line(&text, &line)) {
		struct mounted one;
		autofree char *point = take_point(&line, &one);
		const char *rest = point ? below(path, point) : NULL;

		if (rest && *rest && strlen(point) >= longest) {
			longest = strlen(point);
			mounted_clear(m);
			*m = one;
			free(inner);
			inner = xasprintf("%s%s", strcmp(one.root, "/") ? one.root : "", rest);
		} else {
			mounted_clear(&one);
		}
	}
	return inner;
}

char *mountinfo_holds(struct str text, const char *path)
{
	struct mounted in;
	autofree char *inner = inner_path(text, path, &in);
	char *found = NULL;
	struct str line;

	while (!found && next_line(&text, &line)) {
		struct mounted m;
		autofree char *point = take_point(&line, &m);

		if (point && (below(point, path) ||
			      (inner && m.major == in.major && m.minor == in.minor && below(m.root, inner))))
			found = take(&point);
		mounted_clear(&m);
	}
	mounted_clear(&in);
	return found;
}

int read_mountinfo(struct buf *out)
{
	autoclose int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	char bytes[16384];
	ssize_t n = -1;

	if (fd < 0)
		return -errno;
	while ((n = read(fd, bytes, sizeof(bytes))) > 0)
		buf_add(out, bytes, (size_t)n);
	return n < 0 ? -errno : 0;
}

char *mounted_source(const char *path)
{
	autobuf struct buf text = { 0 };
	struct mounted m;
	char *source;

	if (read_mountinfo(&text) < 0 || !mountinfo_find((struct str){ text.p, text.n }, path, &m))
		return NULL;
	source = take(&m.source);
	mounted_clear(&m);
	return source;
}

/* "host:/a/b/" and "host:a/b" as "host:a/b"; "//host/share/" as "//host/share".  The caller frees. */
static char *canonical(const char *source, const char *below)
{
	bool cifs = str_starts(source, "//");
	const char *colon = source[0] == '[' ? strstr(source, "]:") : strchr(source, ':');
	const char *dir = source;
	struct buf out = { 0 };

	if (!cifs && colon) {
		dir = strchr(colon, ':') + 1;
		buf_add(&out, source, (size_t)(dir - source));
		dir += strspn(dir, "/");
	}
	buf_puts(&out, dir);
	buf_puts(&out, below);
	while (out.n > 1 && out.p[out.n - 1] == '/')
		buf_cut(&out, out.n - 1, 1);
	return buf_take(&out);
}

bool mount_source_same(const char *wanted, const char *source, const char *root)
{
	autofree char *a = canonical(wanted, ""), *b = canonical(source, ""), *c = NULL;

	if (!strcmp(a, b))
		return true;
	if (!str_starts(source, "//"))
		return false;
	/* names are alike in upper and lower case there, and a subdirectory may be the mount's root */
	c = canonical(source, root);
	return !strcasecmp(a, b) || !strcasecmp(a, c);
}

/* ---- users ---- */

static bool link_below(int at, const char *name, const char *path)
{
	char target[4096];
	ssize_t n = readlinkat(at, name, target, sizeof(target) - 1);
	size_t len = strlen(path);

	if (n <= 0)
		return false;
	target[n] = 0;
	return !strncmp(target, path, len) && (target[len] == '/' || target[len] == 0);
}

static bool uses(int proc, const char *path)
{
	int fd;
	DIR *d;
	bool found = link_below(proc, "cwd", path) || link_below(proc, "root", path) || link_below(proc, "exe", path);

	if (found)
		return true;
	fd = openat(proc, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	d = fd < 0 ? NULL : fdopendir(fd);
	if (!d) {
		base_close_p(&fd);
		return false;
	}
	for (struct dirent *e; !found && (e = readdir(d));)
		found = link_below(dirfd(d), e->d_name, path);
	closedir(d);
	return found;
}

static void add_user(int proc, const char *pid, unsigned n, struct buf *out)
{
	autoclose int fd = openat(proc, "comm", O_RDONLY | O_CLOEXEC);
	char name[64] = "a process";
	ssize_t got = fd < 0 ? 0 : read(fd, name, sizeof(name) - 1);

	if (got > 0)
		name[got] = 0;
	name[strcspn(name, "\n")] = 0;
	buf_printf(out, "%s%s (%s)", n ? ", " : "", name, pid);
}

bool mount_users(const char *path, struct buf *out, bool *ourselves)
{
	DIR *all = opendir("/proc");
	unsigned n = 0;

	*ourselves = false;
	if (!all)
		return false;
	for (struct dirent *e; n < USERS_SHOWN && (e = readdir(all));) {
		autoclose int proc = -1;

		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		proc = openat(dirfd(all), e->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (proc < 0 || !uses(proc, path))
			continue;
		*ourselves |= atoi(e->d_name) == getpid();
		add_user(proc, e->d_name, n++, out);
	}
	closedir(all);
	return n > 0;
}
