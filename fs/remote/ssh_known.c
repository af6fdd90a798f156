/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* known_hosts, read by ssh-keygen(1) as ssh(1) reads it: libssh2's own reader knows neither patterns nor @revoked, and names no line. */
#include <stdio.h>

#include "engine/spawn.h"
#include "ssh_library.h"

#define KEYGEN_MS 5000

void ssh_known_free(void *known)
{
	struct ssh_known *k = known;

	free(k->file);
	free(k->type);
	buf_clear(&k->key);
	free(k);
}

/* "[MARK] NAMES TYPE BASE64 ...", which the line about it has announced. */
static void parse_line(char *text, const char *file, unsigned number, bool revoked, struct vec *known)
{
	char *save = NULL, *names, *type, *key;
	struct ssh_known *k;

	names = strtok_r(text, " \t", &save);
	if (names && names[0] == '@')
		names = strtok_r(NULL, " \t", &save);
	type = names ? strtok_r(NULL, " \t", &save) : NULL;
	key = type ? strtok_r(NULL, " \t", &save) : NULL;
	if (!key)
		return;
	k = xcalloc(1, sizeof(*k));
	k->file = xstrdup(file);
	k->type = xstrdup(type);
	k->line = number;
	k->revoked = revoked;
	if (base64_decode(str_of(key), &k->key))
		vec_add(known, k);
	else
		ssh_known_free(k);
}

static void parse_answer(char *text, const char *file, struct vec *known, bool *authority)
{
	char *save = NULL;
	unsigned number = 0;
	bool revoked = false, skip = true;

	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		const char *found = l[0] == '#' ? strstr(l, " found: line ") : NULL;
		if (found) {
			number = strtoul(found + strlen(" found: line "), NULL, 10);
			revoked = strstr(found, " REVOKED");
			skip = strstr(found, " CA");
			*authority |= skip;
		} else if (!skip) {
			parse_line(l, file, number, revoked, known);
		}
	}
}

static int look_in(const char *file, const char *name, struct vec *known, bool *authority, struct error *err)
{
	const char *argv[] = { "ssh-keygen", "-F", name, "-f", file, NULL };
	autobuf struct buf out = { 0 }, words = { 0 };
	autoerror struct error why = { 0 };
	int r = spawn_run_words(argv, (struct str){ 0 }, &out, &words, KEYGEN_MS, &why);

	/* status 1 without a word: it is not in there */
	if (r == -EIO && (!words.n || strstr(buf_text(&words), strerror(ENOENT))))
		return 0;
	if (r < 0) {
		error_move(err, &why);
		return error_in(err, r, "'%s'", file);
	}
	if (out.n)
		parse_answer(out.p, file, known, authority);
	return 0;
}

int ssh_known_load(const struct ssh_uri *u, const struct ssh_config *c, const char *name, struct vec *known,
		   bool *authority, struct error *err)
{
	static const char *const keys[] = { "userknownhostsfile", "globalknownhostsfile" };
	int r = 0;

	if (u->known_hosts)
		return look_in(u->known_hosts, name, known, authority, err);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const char *list = ssh_config_get(c, keys[i]);
		autofree char *files = xstrdup(list ? list : "");
		char *save = NULL;
		for (char *f = strtok_r(files, " ", &save); f && r == 0; f = strtok_r(NULL, " ", &save))
			if (f[0] == '/')
				r = look_in(f, name, known, authority, err);
	}
	return r;
}

char *ssh_known_fingerprint(const struct ssh_known *k, const char *name)
{
	const char *argv[] = { "ssh-keygen", "-l", "-F", name, "-f", k->file, NULL };
	autofree char *about = xasprintf(" found: line %u", k->line);
	autobuf struct buf out = { 0 };
	char *save = NULL;
	bool next = false;

	if (spawn_run(argv, (struct str){ 0 }, &out, KEYGEN_MS, NULL) < 0 || !out.n)
		return NULL;
	for (char *l = strtok_r(out.p, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		const char *found = strstr(l, about);
		if (next)
			return xstrdup(strchr(l, ' ') ? strchr(l, ' ') + 1 : l);
		next = l[0] == '#' && found && strspn(found + strlen(about), "0123456789") == 0;
	}
	return NULL;
}
