/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Logging in with libssh2: the agent's keys, then files without a passphrase; and why another way is needed when there are none. */
#include "ssh_library.h"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>

#include "engine/units.h"

#define FILE_MOST  65536
#define AGENT_MS   10000 /* somebody may have to confirm it */
#define OPENSSH	   "-----BEGIN OPENSSH PRIVATE KEY-----"
#define OPENSSH_IS "openssh-key-v1" /* with its NUL */

void ssh_key_free(void *key)
{
	struct ssh_key *k = key;

	free(k->name);
	buf_clear(&k->blob);
	free(k);
}

/* ---- files ---- */

static bool read_file(const char *path, struct buf *out)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char bytes[4096];
	ssize_t n;

	if (fd < 0)
		return false;
	while (out->n < FILE_MOST && (n = read(fd, bytes, sizeof(bytes))) > 0)
		buf_add(out, bytes, n);
	explicit_bzero(bytes, sizeof(bytes));
	return true;
}

static void set_type(struct ssh_key *k, struct str blob)
{
	struct str type, rest = blob;

	if (!ssh_take_string(&rest, &type) || type.n >= sizeof(k->type))
		return;
	memcpy(k->type, type.p, type.n);
	k->type[type.n] = '\0';
	buf_reset(&k->blob);
	buf_add(&k->blob, blob.p, blob.n);
}

/* The body of OpenSSH's own format: cipher, derivation, its options, how many, the public half. */
static void parse_openssh(struct ssh_key *k, const char *text)
{
	autobuf struct buf digits = { 0 }, body = { 0 };
	const char *end = strstr(text, "-----END");
	struct str rest, cipher, skip, blob;

	for (const char *p = text + strlen(OPENSSH); end && p < end; p++)
		if (*p != '\n' && *p != '\r')
			buf_putc(&digits, *p);
	if (!base64_decode((struct str){ digits.p, digits.n }, &body) || body.n < sizeof(OPENSSH_IS) ||
	    memcmp(body.p, OPENSSH_IS, sizeof(OPENSSH_IS)) != 0)
		return;
	rest = (struct str){ body.p + sizeof(OPENSSH_IS), body.n - sizeof(OPENSSH_IS) };
	if (ssh_take_string(&rest, &cipher) && ssh_take_string(&rest, &skip) && ssh_take_string(&rest, &skip) &&
	    rest.n > 4) {
		k->encrypted = !str_is(cipher, "none");
		rest.p += 4;
		rest.n -= 4;
		if (ssh_take_string(&rest, &blob))
			set_type(k, blob);
	}
	explicit_bzero(digits.p, digits.n);
	explicit_bzero(body.p, body.n);
}

/* TYPE BASE64 COMMENT, beside the private half. */
static void parse_public(struct ssh_key *k, const char *path)
{
	autofree char *name = xasprintf("%s.pub", path);
	autobuf struct buf text = { 0 }, blob = { 0 };
	const char *digits;

	if (k->blob.n || !read_file(name, &text) || !text.n)
		return;
	digits = strchr(text.p, ' ');
	digits = digits ? digits + strspn(digits, " ") : "";
	if (base64_decode((struct str){ digits, strcspn(digits, " \r\n") }, &blob) && blob.n)
		set_type(k, (struct str){ blob.p, blob.n });
}

/* NULL: there is no such file. */
static struct ssh_key *load_file(const char *path)
{
	autobuf struct buf text = { 0 };
	struct ssh_key *k;
	char *begin;

	if (!read_file(path, &text))
		return NULL;
	k = xcalloc(1, sizeof(*k));
	k->name = xstrdup(path);
	begin = text.n ? strstr(text.p, OPENSSH) : NULL;
	if (begin)
		parse_openssh(k, begin);
	else if (text.n && strstr(text.p, "BEGIN RSA PRIVATE KEY"))
		snprintf(k->type, sizeof(k->type), "ssh-rsa");
	if (text.n && (strstr(text.p, "ENCRYPTED PRIVATE KEY") || strstr(text.p, "Proc-Type: 4,ENCRYPTED")))
		k->encrypted = true;
	parse_public(k, path);
	explicit_bzero(text.p, text.n);
	return k;
}

static char *expand(const char *path)
{
	char room[4096];
	struct passwd pw, *found = NULL;

	if (!str_starts(path, "~/"))
		return xstrdup(path);
	if (getpwuid_r(geteuid(), &pw, room, sizeof(room), &found) != 0 || !found)
		return xstrdup(path);
	return xasprintf("%s%s", pw.pw_dir, path + 1);
}

/* ---- which of them ---- */

static bool has_blob(const struct vec *keys, const struct buf *blob)
{
	for (size_t i = 0; i < keys->n; i++) {
		const struct ssh_key *k = keys->at[i];
		if (blob->n && k->blob.n == blob->n && !memcmp(k->blob.p, blob->p, blob->n))
			return true;
	}
	return false;
}

static bool can_use(const struct ssh_key *k)
{
	if (k->encrypted && !k->in_agent)
		return false;
	return !*k->type || str_eq(k->type, "ssh-ed25519") || !strncmp(k->type, "ecdsa-sha2-", 11) ||
	       (str_eq(k->type, "ssh-rsa") && ssh_library_has_rsa());
}

/* The agent's first; a file whose key the agent has is left to the agent.  A certificate beside a file is for ssh(1). */
static int gather(struct ssh_session *s)
{
	struct vec files = { 0 }, agents = { 0 };

	for (size_t i = 0; i < s->files.n; i++) {
		autofree char *path = expand(s->files.at[i]), *cert = xasprintf("%s-cert.pub", path);
		struct ssh_key *k = load_file(path);
		if (k)
			vec_add(&files, k);
		if (k && access(cert, F_OK) == 0)
			s->why_not = xasprintf("there is a certificate, %s", cert);
		if (!k && s->keyfile && str_eq(path, s->keyfile))
			s->text = xasprintf("keyfile '%s': %s", path, strerror(errno));
		if (s->why_not || s->text)
			break;
	}
	s->agent_fd = ssh_agent_open(s->agent);
	if (s->agent_fd >= 0 && !ssh_agent_list(s->agent_fd, now_monotonic_ms() + AGENT_MS, &agents))
		base_close_p(&s->agent_fd);
	for (size_t i = 0; i < agents.n; i++) {
		struct ssh_key *k = agents.at[i];
		if (s->only_files && !has_blob(&files, &k->blob))
			ssh_key_free(k);
		else
			vec_add(&s->keys, k);
	}
	for (size_t i = 0; i < files.n; i++) {
		struct ssh_key *k = files.at[i];
		if (has_blob(&s->keys, &k->blob))
			ssh_key_free(k);
		else
			vec_add(&s->keys, k);
	}
	vec_clear(&files, NULL);
	vec_clear(&agents, NULL);
	return s->why_not || s->text ? -EHOSTUNREACH : 0;
}

static char *why_none(const struct ssh_session *s)
{
	const struct ssh_key *k = s->keys.n ? s->keys.at[0] : NULL;

	if (!k)
		return xstrdup("there is no key that libssh2 could use");
	if (str_eq(k->type, "ssh-rsa"))
		return xasprintf("libssh2 %s cannot use RSA keys as servers of today want it (%s)", libssh2_version(0),
				 k->name);
	if (!strncmp(k->type, "sk-", 3))
		return xasprintf("libssh2 cannot use security keys (%s)", k->name);
	if (strstr(k->type, "-cert-"))
		return xasprintf("libssh2 cannot use certificates (%s)", k->name);
	if (k->encrypted)
		return xasprintf("%s has a passphrase, and no agent has its key", k->name);
	return xasprintf("libssh2 cannot use a key of type %s (%s)", k->type, k->name);
}

/* ---- trying them ---- */

struct signer {
	int fd;
	const struct ssh_key *key;
};

static int sign(LIBSSH2_SESSION *ssh unused, unsigned char **out, size_t *n, const unsigned char *data, size_t data_n,
		void **abstract)
{
	const struct signer *g = *abstract;
	struct buf signature = { 0 };

	if (!ssh_agent_sign(g->fd, now_monotonic_ms() + AGENT_MS, &g->key->blob,
			    (struct str){ (const char *)data, data_n }, &signature)) {
		buf_clear(&signature);
		return -1;
	}
	*n = signature.n;
	*out = (unsigned char *)buf_take(&signature); /* libssh2 frees it, with free() */
	return 0;
}

static int try_key(struct ssh_session *s, const struct ssh_key *k)
{
	struct signer g = { s->agent_fd, k };
	void *abstract = &g;

	if (k->in_agent)
		return ssh_settle(s, libssh2_userauth_publickey(s->ssh, s->user, (unsigned char *)k->blob.p, k->blob.n,
								sign, &abstract));
	return ssh_settle(
		s, libssh2_userauth_publickey_fromfile_ex(s->ssh, s->user, strlen(s->user), NULL, k->name, NULL));
}

static int try_keys(struct ssh_session *s)
{
	autobuf struct buf tried = { 0 };

	for (size_t i = 0; i < s->keys.n; i++) {
		const struct ssh_key *k = s->keys.at[i];
		int r;
		if (!can_use(k))
			continue;
		r = try_key(s, k);
		if (r == 0) {
			s->with = xasprintf(k->in_agent ? "the agent's key %s" : "the key %s", k->name);
			return 0;
		}
		if (r == LIBSSH2_ERROR_EAGAIN)
			return ssh_failed(s, "logging in");
		if (tried.n < 500)
			buf_printf(&tried, "%s%s", tried.n ? ", " : "", k->name);
		if (r == LIBSSH2_ERROR_SOCKET_DISCONNECT || r == LIBSSH2_ERROR_SOCKET_SEND ||
		    r == LIBSSH2_ERROR_SOCKET_RECV)
			break; /* too many keys, for example: ssh(1) may choose better */
	}
	s->why_not = tried.n ? xasprintf("libssh2 was not let in with %s", tried.p) : why_none(s);
	return -EHOSTUNREACH;
}

int ssh_authenticate(struct ssh_session *s)
{
	const char *ways;
	int r;

	while (!(ways = libssh2_userauth_list(s->ssh, s->user, strlen(s->user))) &&
	       libssh2_session_last_errno(s->ssh) == LIBSSH2_ERROR_EAGAIN && ssh_wait(s))
		;
	if (!ways && libssh2_userauth_authenticated(s->ssh)) {
		s->with = xstrdup("nothing: it asks for none");
		return 0;
	}
	if (!ways)
		return ssh_failed(s, "logging in");
	if (!strstr(ways, "publickey")) {
		s->why_not = xasprintf("%s lets nobody in by public key, only by %s", s->host, ways);
		return -EHOSTUNREACH;
	}
	r = gather(s);
	return r < 0 ? r : try_keys(s);
}
