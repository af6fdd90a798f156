/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Links by ssh.  What people configured for ssh holds here too: `ssh -G` resolves it.  libssh2 is quicker to connect and has no process, but
 * cannot do all of that; what it cannot goes through ssh(1), and hosts/NAME/link says why.
 */
#include "ssh.h"

#include <stdio.h>
#include <unistd.h>

#include "engine/spawn.h"
#include "engine/units.h"

#define RESOLVE_MS 8000 /* Match exec runs programs */

static const char *const by_names[] = { "any", "ssh", "libssh2", NULL };

/* ---- the uri ---- */

void ssh_uri_free(struct ssh_uri *u)
{
	free(u->user);
	free(u->host);
	free(u->port);
	free(u->keyfile);
	free(u->command);
	free(u->known_hosts);
	free(u->config);
	*u = (struct ssh_uri){ 0 };
}

static int parse_auth(char *text, struct ssh_uri *u, struct error *err)
{
	char *save = NULL;

	u->no_agent = u->no_files = true;
	for (char *w = strtok_r(text, ",", &save); w; w = strtok_r(NULL, ",", &save)) {
		if (str_eq(w, "agent"))
			u->no_agent = false;
		else if (str_eq(w, "privkey"))
			u->no_files = false;
		else
			return error_set(err, EINVAL, "sshauth: '%s': nobody can be asked here: agent, privkey or both",
					 w);
	}
	if (u->no_agent && u->no_files)
		return error_set(err, EINVAL, "sshauth: expected agent, privkey or both");
	return 0;
}

static int parse_path(const char *name, char *text, char **out, struct error *err)
{
	bool plain = str_eq(name, "command") && !strchr(text, '/'); /* looked up there */

	if (!*text || (text[0] != '/' && !plain) || strpbrk(text, "\"\n"))
		return error_set(err, EINVAL, "%s: '%s': expected an absolute path, without quotation marks", name,
				 text);
	if (*out)
		return error_set(err, EINVAL, "%s: it is given twice", name);
	*out = xstrdup(text);
	return 0;
}

static int parse_option(char *option, struct ssh_uri *u, struct error *err)
{
	char *equals = strchr(option, '='), *value;
	autofree char *decoded = percent_decode(str_of(equals ? equals + 1 : ""));
	const struct {
		const char *name;
		char **path;
	} paths[] = { { "keyfile", &u->keyfile },
		      { "command", &u->command },
		      { "known_hosts", &u->known_hosts },
		      { "config", &u->config } };
	int by;

	if (!decoded)
		return error_set(err, EINVAL, "'%s': a %% that no two digits follow", option);
	if (equals)
		*equals = '\0';
	value = decoded;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (str_eq(option, paths[i].name))
			return parse_path(option, value, paths[i].path, err);
	if (str_eq(option, "sshauth"))
		return parse_auth(value, u, err);
	if (!str_eq(option, "transport"))
		return error_set(err, EINVAL,
				 "?%s: no such option: command, config, keyfile, known_hosts, sshauth or transport",
				 option);
	by = word_index(by_names + 1, value);
	if (by < 0)
		return error_set(err, EINVAL, "transport: '%s': expected ssh or libssh2", value);
	u->by = by + 1;
	return 0;
}

/* Names that ssh(1), or the shell that a ProxyCommand is given to, would take for something else. */
static int check_name(const char *what, const char *s, struct error *err)
{
	if (!*s || *s == '-')
		return error_set(err, EINVAL, "'%s' is no %s", s, what);
	for (const char *p = s; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 127 || strchr("'`\"$;&<>|(){}", *p) || (*p == '\\' && !p[1]))
			return error_set(err, EINVAL, "'%s' is no %s: it has a character that none has", s, what);
	return 0;
}

/* [USER@]HOST[:PORT]; IPv6 in brackets. */
static int parse_authority(char *s, struct ssh_uri *u, struct error *err)
{
	char *at = strrchr(s, '@'), *close;
	uint64_t port;
	int r = 0;

	if (at) {
		*at = '\0';
		u->user = percent_decode(str_of(s));
		r = check_name("user", u->user ? u->user : "", err);
		s = at + 1;
	}
	close = *s == '[' ? strchr(s, ']') : NULL;
	at = strchr(close ? close : s, ':');
	if (*s == '[' && (!close || (close[1] && close[1] != ':')))
		return error_set(err, EINVAL, "'%s': expected [ADDRESS] or [ADDRESS]:PORT", s);
	if (at && strchr(at + 1, ':'))
		return error_set(err, EINVAL, "'%s': an IPv6 address is written in brackets: ssh://[::1]:22", s);
	if (at) {
		*at = '\0';
		if (u64_parse(str_of(at + 1), 1, 65535, &port, NULL) < 0)
			return error_set(err, EINVAL, "'%s' is no port: expected 1 to 65535", at + 1);
		u->port = xasprintf("%u", (unsigned)port);
	}
	if (close) {
		*close = '\0';
		s++;
	}
	u->host = percent_decode(str_of(s));
	return r < 0 ? r : check_name("host", u->host ? u->host : "", err);
}

int ssh_uri_parse(const char *where, struct ssh_uri *u, struct error *err)
{
	autofree char *text = xstrdup(where);
	char *query = strchr(text, '?'), *path, *save = NULL;
	int r;

	*u = (struct ssh_uri){ 0 };
	if (query)
		*query++ = '\0';
	path = strchr(text, '/');
	if (path && path[1])
		return error_set(err, EINVAL, "'%s': only the whole tree of a host can be had: no path", path);
	if (path)
		*path = '\0';
	r = parse_authority(text, u, err);
	for (char *o = query ? strtok_r(query, "&", &save) : NULL; o && r == 0; o = strtok_r(NULL, "&", &save))
		r = parse_option(o, u, err);
	if (r < 0)
		ssh_uri_free(u);
	return error_in(err, r, "'ssh://%s'", where);
}

int ssh_check(const char *where, struct error *err)
{
	struct ssh_uri u;
	int r = ssh_uri_parse(where, &u, err);

	ssh_uri_free(&u);
	return r;
}

/* ---- the command line ---- */

/* -oNAME="PATH"; ssh takes % for the start of something. */
static void add_path(struct vec *argv, const char *name, const char *path)
{
	autobuf struct buf b = { 0 };

	buf_printf(&b, "-o%s=\"", name);
	for (; *path; path++) {
		buf_putc(&b, *path);
		if (*path == '%')
			buf_putc(&b, '%');
	}
	buf_putc(&b, '"');
	vec_add(argv, buf_take(&b));
}

static void add_two(struct vec *argv, const char *option, const char *value)
{
	if (!value)
		return;
	vec_add(argv, xstrdup(option));
	vec_add(argv, xstrdup(value));
}

void ssh_arguments(const struct ssh_uri *u, struct vec *argv)
{
	vec_add(argv, xstrdup("ssh"));
	vec_add(argv, xstrdup("-T"));
	add_two(argv, "-F", u->config);
	add_two(argv, "-p", u->port);
	add_two(argv, "-l", u->user);
	if (u->keyfile) {
		add_path(argv, "IdentityFile", u->keyfile);
		vec_add(argv, xstrdup("-oIdentitiesOnly=yes"));
	} else if (u->no_files) {
		vec_add(argv, xstrdup("-oIdentityFile=none"));
	}
	if (u->no_agent)
		vec_add(argv, xstrdup("-oIdentityAgent=none"));
	if (u->known_hosts) {
		add_path(argv, "UserKnownHostsFile", u->known_hosts);
		vec_add(argv, xstrdup("-oGlobalKnownHostsFile=none"));
	}
}

char *ssh_remote_command(const struct ssh_uri *u)
{
	autobuf struct buf b = { 0 };

	if (!u->command)
		return xstrdup("domfs connect");
	buf_putc(&b, '\'');
	for (const char *p = u->command; *p; p++)
		if (*p == '\'')
			buf_puts(&b, "'\\''");
		else
			buf_putc(&b, *p);
	buf_puts(&b, "' connect");
	return buf_take(&b);
}

/* ---- words ---- */

static const struct {
	const char *said, *helps;
} advice[] = {
	{ "Permission denied (", "nobody can be asked here: the key must be in the agent that domfs was started with "
				 "(SSH_AUTH_SOCK), or have no passphrase" },
	{ "host key is known for", "look at it once by hand: ssh HOST, as the user that domfs runs as" },
	{ "not found",
	  "domfs must be installed on that host, in the PATH of a login without terminal, or ?command= says "
	  "where it is" },
	{ "No such file or directory", "?command= says where domfs is on that host" },
};

static const char *help_for(const char *words)
{
	for (size_t i = 0; i < ARRAY_SIZE(advice); i++)
		if (strstr(words, advice[i].said))
			return advice[i].helps;
	return NULL;
}

/* Lines before the last that say more than it does. */
static bool is_telling(const char *line)
{
	return str_starts(line, "Offending ") || str_starts(line, "Host key for ") ||
	       strstr(line, "host key is known for") || strstr(line, "host key for ") ||
	       strstr(line, "no such identity");
}

/* After a semicolon and no full stop. */
static void add_words(struct buf *out, const char *words)
{
	struct str s = str_trim(str_of(words));

	while (out->n && (out->p[out->n - 1] == '.' || out->p[out->n - 1] == ' '))
		buf_cut(out, out->n - 1, 1);
	buf_printf(out, "%s%.*s", out->n ? "; " : "", (int)(s.n < 500 ? s.n : 500), s.p);
}

char *ssh_last_words(struct buf *text)
{
	autobuf struct buf out = { 0 };
	char *save = NULL, *last = NULL;
	const char *help;

	for (char *l = text->n ? strtok_r(text->p, "\r\n", &save) : NULL; l; l = strtok_r(NULL, "\r\n", &save)) {
		if (!str_trim(str_of(l)).n)
			continue;
		if (last && is_telling(last))
			add_words(&out, last);
		last = l;
	}
	if (last)
		add_words(&out, last);
	help = out.n ? help_for(out.p) : NULL;
	if (help)
		add_words(&out, help);
	return out.n ? buf_take(&out) : NULL;
}

/* ---- the configuration ---- */

const char *ssh_config_nth(const struct ssh_config *c, const char *key, unsigned n)
{
	size_t k = strlen(key);

	for (size_t i = 0; i < c->lines.n; i++) {
		const char *line = c->lines.at[i];
		if (!strncmp(line, key, k) && line[k] == ' ' && n-- == 0)
			return line + k + 1;
	}
	return NULL;
}

const char *ssh_config_get(const struct ssh_config *c, const char *key)
{
	return ssh_config_nth(c, key, 0);
}

bool ssh_config_lists(const struct ssh_config *c, const char *key, const char *word)
{
	const char *p = ssh_config_get(c, key);

	while (p && *p) {
		size_t n = strcspn(p, ",");
		if (n == strlen(word) && !strncmp(p, word, n))
			return true;
		p += n + (p[n] == ',');
	}
	return false;
}

static void heard(void *arg, struct buf *said)
{
	buf_add(arg, said->p, said->n);
	buf_reset(said);
}

static int resolve(const struct ssh_uri *u, struct ssh_config *c, struct error *err)
{
	struct spawn how = { .env = (const char *const *)environ };
	autobuf struct buf text = { 0 };
	struct vec argv = { 0 };
	char *save = NULL;
	int r;

	ssh_arguments(u, &argv);
	vec_add(&argv, xstrdup("-G"));
	vec_add(&argv, xstrdup("--"));
	vec_add(&argv, xstrdup(u->host));
	vec_add(&argv, NULL);
	r = spawn_run_as((const char *const *)argv.at, &how, heard, &text, RESOLVE_MS, err);
	vec_clear(&argv, free);
	if (r < 0)
		return error_in(err, r, "the configuration of ssh for '%s'", u->host);
	for (char *l = text.n ? strtok_r(text.p, "\n", &save) : NULL; l; l = strtok_r(NULL, "\n", &save))
		vec_add(&c->lines, xstrdup(l));
	return 0;
}

/* ---- the choice ---- */

/* What libssh2 does as ssh(1) would only while the configuration has these values, or nothing. */
static const struct {
	const char *key, *name, *fine[3];
} beyond[] = {
	{ "proxyjump", "ProxyJump", { "none" } },
	{ "proxycommand", "ProxyCommand", { "none" } },
	{ "certificatefile", "CertificateFile", { "none" } },
	{ "controlpath", "ControlPath", { "none" } },
	{ "knownhostscommand", "KnownHostsCommand", { "none" } },
	{ "pkcs11provider", "PKCS11Provider", { "none" } },
	{ "revokedhostkeys", "RevokedHostKeys", { "none" } },
	{ "bindaddress", "BindAddress", { "none" } },
	{ "bindinterface", "BindInterface", { "none" } },
	{ "setenv", "SetEnv", { "" } },
	{ "compression", "Compression", { "no" } },
	{ "pubkeyauthentication", "PubkeyAuthentication", { "true", "yes" } },
	{ "stricthostkeychecking", "StrictHostKeyChecking", { "ask", "true", "yes" } },
};

static bool is_fine(const char *value, const char *const fine[3])
{
	for (int i = 0; i < 3; i++)
		if (fine[i] && str_eq(value, fine[i]))
			return true;
	return false;
}

/* NULL: nothing that is known beforehand keeps libssh2 from it. */
static char *why_not_library(const struct ssh_config *c)
{
	const char *v;

	for (size_t i = 0; i < ARRAY_SIZE(beyond); i++) {
		v = ssh_config_get(c, beyond[i].key);
		if (v && !is_fine(v, beyond[i].fine))
			return xasprintf("the configuration has %s %.200s", beyond[i].name, v);
	}
	for (unsigned i = 0; (v = ssh_config_nth(c, "identityfile", i)); i++)
		if (strpbrk(v, "%$"))
			return xasprintf("the configuration has IdentityFile %.200s", v);
	return NULL;
}

/* sshauth=agent: ssh(1) has no option to leave out the files that the configuration names. */
static int check_files(const struct ssh_uri *u, const struct ssh_config *c, struct error *err)
{
	const char *v;

	for (unsigned i = 0; u->no_files && !u->keyfile && (v = ssh_config_nth(c, "identityfile", i)); i++)
		if (!str_eq(v, "none"))
			return error_set(
				err, EINVAL,
				"sshauth=agent: ssh(1) would use the IdentityFile %s of the configuration, too", v);
	return 0;
}

static int open_either(const struct ssh_uri *u, const struct ssh_config *c, struct transport *t, struct error *err)
{
	autofree char *why = u->by == SSH_BY_COMMAND ? xstrdup("the uri says so") : why_not_library(c);
	int r;

	if (!why) {
		r = ssh_library_open(u, c, t, &why, err);
		if (!why)
			return r;
	}
	if (u->by == SSH_BY_LIBRARY)
		return error_set(err, EHOSTUNREACH, "libssh2 cannot do it: %s", why);
	r = check_files(u, c, err);
	if (r < 0)
		return r;
	free(t->how);
	t->how = xasprintf("ssh(1), as %s", why);
	return ssh_command_open(u, c, t, err);
}

int ssh_open(const char *where, struct transport *t, struct error *err)
{
	struct ssh_config c = { { 0 } };
	struct ssh_uri u;
	int r = ssh_uri_parse(where, &u, err);

	if (r == 0)
		r = resolve(&u, &c, err);
	if (r == 0)
		r = open_either(&u, &c, t, err);
	vec_clear(&c.lines, free);
	ssh_uri_free(&u);
	return r;
}
