/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* libssh2 on a thread of its own: getting there.  ssh_keys.c logs in, ssh_pump.c carries the bytes. */
#include "ssh_library.h"

#include <ctype.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/offload.h"
#include "engine/units.h"

#define LOGIN_MS 20000
#define WINDOW	 (8u << 20) /* how much may be on its way here: 400 MB/s at 20 ms */
#define PACKET	 32768

bool ssh_library_has_rsa(void)
{
	return libssh2_version(0x010b00) != NULL;
}

/* ---- the session ---- */

/* A word of farewell if it goes out at once; then nothing waits any more, as the socket is shut. */
void ssh_session_close(struct ssh_session *s)
{
	if (s->ssh) {
		(void)libssh2_session_disconnect(s->ssh, "done");
		shutdown(s->sock, SHUT_RDWR);
		for (int i = 0; i < 100 && libssh2_session_free(s->ssh) == LIBSSH2_ERROR_EAGAIN; i++)
			;
		s->ssh = NULL;
	}
	base_close_p(&s->agent_fd);
	base_close_p(&s->sock);
	base_close_p(&s->pair); /* the link sees the end now, and what was said is there */
	s->agent_fd = s->sock = s->pair = -1;
}

static void session_free(struct ssh_session *s)
{
	char *texts[] = { s->user, s->host,  s->port,	 s->command, s->hostkeys, s->kex,  s->ciphers,
			  s->macs, s->agent, s->keyfile, s->why_not, s->text,	  s->with, s->shown };

	ssh_session_close(s); /* it got in when nobody waited any more */
	vec_clear(&s->files, free);
	vec_clear(&s->known, ssh_known_free);
	vec_clear(&s->keys, ssh_key_free);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		free(texts[i]);
	buf_clear(&s->said);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void ssh_session_unref(struct ssh_session *s)
{
	bool last;

	pthread_mutex_lock(&s->lock);
	last = !--s->refs;
	pthread_mutex_unlock(&s->lock);
	if (last)
		session_free(s);
}

static void session_unref(void *arg)
{
	ssh_session_unref(arg);
}

bool ssh_wait(struct ssh_session *s)
{
	int way = libssh2_session_block_directions(s->ssh);
	struct pollfd f[2] = { { .fd = s->sock, .events = way & LIBSSH2_SESSION_BLOCK_OUTBOUND ? POLLOUT : 0 },
			       { .fd = s->pair } };
	int64_t left = s->until_ms - now_monotonic_ms();

	if (!f[0].events || way & LIBSSH2_SESSION_BLOCK_INBOUND)
		f[0].events |= POLLIN;
	s->late = left <= 0;
	if (s->late || (poll(f, 2, (int)left) < 0 && errno != EINTR))
		return false;
	s->cancelled = f[1].revents;
	return !s->cancelled;
}

int ssh_failed(struct ssh_session *s, const char *what)
{
	char *words = NULL;

	libssh2_session_last_error(s->ssh, &words, NULL, 0);
	free(s->text);
	if (s->cancelled)
		s->text = xstrdup("it is not wanted any more");
	else if (s->late)
		s->text = xasprintf("'%s' port %s: %s: no answer within %d seconds", s->host, s->port, what,
				    LOGIN_MS / 1000);
	else
		s->text = xasprintf("'%s' port %s: %s: %s", s->host, s->port, what,
				    words && *words ? words : "it broke off");
	return -EHOSTUNREACH;
}

/* ---- the thread until the command runs ---- */

/* Those of LIST that libssh2 has.  It would leave out the others by itself, but copies over itself as it does so (1.10). */
static char *supported(struct ssh_session *s, int method, const char *list)
{
	autobuf struct buf out = { 0 };
	autofree char *names = xstrdup(list);
	const char **all = NULL;
	char *save = NULL;
	int n = libssh2_session_supported_algs(s->ssh, method, &all);

	for (char *name = strtok_r(names, ",", &save); name; name = strtok_r(NULL, ",", &save))
		for (int i = 0; i < n; i++)
			if (str_eq(all[i], name))
				buf_printf(&out, "%s%s", out.n ? "," : "", name);
	if (n > 0)
		libssh2_free(s->ssh, all);
	return buf_take(&out);
}

/* What the configuration allows, as far as libssh2 knows it; a list of which it knows nothing is ssh(1)'s. */
static int prefer(struct ssh_session *s)
{
	const struct {
		int method;
		const char *name, *list;
	} lists[] = {
		{ LIBSSH2_METHOD_HOSTKEY, "HostKeyAlgorithms", s->hostkeys },
		{ LIBSSH2_METHOD_KEX, "KexAlgorithms", s->kex },
		{ LIBSSH2_METHOD_CRYPT_CS, "Ciphers", s->ciphers },
		{ LIBSSH2_METHOD_CRYPT_SC, "Ciphers", s->ciphers },
		{ LIBSSH2_METHOD_MAC_CS, "MACs", s->macs },
		{ LIBSSH2_METHOD_MAC_SC, "MACs", s->macs },
	};

	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		autofree char *names = supported(s, lists[i].method, lists[i].list ? lists[i].list : "");
		if (!lists[i].list || (*names && libssh2_session_method_pref(s->ssh, lists[i].method, names) == 0))
			continue;
		s->why_not = xasprintf("libssh2 has none of the configured %s", lists[i].name);
		return -EHOSTUNREACH;
	}
	return 0;
}

static int begin(struct ssh_session *s)
{
	int r;

	s->ssh = libssh2_session_init();
	if (!s->ssh) {
		s->text = xstrdup("libssh2: no session");
		return -EHOSTUNREACH;
	}
	libssh2_session_set_blocking(s->ssh, 0);
	r = prefer(s);
	if (r < 0)
		return r;
	r = ssh_settle(s, libssh2_session_handshake(s->ssh, s->sock));
	if (r == LIBSSH2_ERROR_KEX_FAILURE || r == LIBSSH2_ERROR_KEY_EXCHANGE_FAILURE ||
	    r == LIBSSH2_ERROR_HOSTKEY_INIT) {
		s->why_not = xasprintf("libssh2 and %s found no algorithms in common", s->host);
		return -EHOSTUNREACH;
	}
	return r ? ssh_failed(s, "no answer of an ssh server") : 0;
}

/* Wants known_hosts to have this very key. */
static int check_host(struct ssh_session *s)
{
	size_t n;
	int type;
	const char *key = libssh2_session_hostkey(s->ssh, &n, &type);
	const char *hash = libssh2_hostkey_hash(s->ssh, LIBSSH2_HOSTKEY_HASH_SHA256);
	autobuf struct buf digits = { 0 };
	bool match = false;

	for (size_t i = 0; key && i < s->known.n; i++) {
		const struct ssh_known *k = s->known.at[i];
		if (k->key.n != n || memcmp(k->key.p, key, n) != 0)
			continue;
		match = !k->revoked;
		if (match)
			continue;
		s->text = xasprintf("'%s': its host key is revoked by %s:%u", s->host, k->file, k->line);
		return -EHOSTUNREACH;
	}
	if (match)
		return 0;
	if (hash)
		base64_encode((struct str){ hash, 32 }, &digits);
	while (digits.n && digits.p[digits.n - 1] == '=')
		buf_cut(&digits, digits.n - 1, 1);
	s->shown = xasprintf("%s SHA256:%s",
			     type == LIBSSH2_HOSTKEY_TYPE_ED25519 ? "ED25519"
			     : type == LIBSSH2_HOSTKEY_TYPE_RSA	  ? "RSA"
								  : "ECDSA",
			     buf_text(&digits));
	s->text = xstrdup("its host key has changed");
	return -EHOSTUNREACH;
}

static int execute(struct ssh_session *s)
{
	int r;

	while (!(s->channel = libssh2_channel_open_ex(s->ssh, "session", 7, WINDOW, PACKET, NULL, 0)) &&
	       libssh2_session_last_errno(s->ssh) == LIBSSH2_ERROR_EAGAIN && ssh_wait(s))
		;
	if (!s->channel)
		return ssh_failed(s, "no session");
	r = ssh_settle(s, libssh2_channel_process_startup(s->channel, "exec", 4, s->command, strlen(s->command)));
	return r ? ssh_failed(s, "running a command there") : 0;
}

int ssh_login(void *session)
{
	struct ssh_session *s = session;
	int r = begin(s);

	if (r == 0)
		r = check_host(s);
	if (r == 0)
		r = ssh_authenticate(s);
	if (r == 0)
		r = execute(s);
	if (r < 0)
		ssh_session_close(s);
	return r;
}

/* ---- what the task prepares ---- */

static char *agent_path(const struct ssh_uri *u, const struct ssh_config *c, char **why_not)
{
	const char *v = ssh_config_get(c, "identityagent");

	if (u->no_agent || (v && str_eq(v, "none")))
		return NULL;
	if (!v || str_eq(v, "SSH_AUTH_SOCK"))
		return xstrdup(getenv("SSH_AUTH_SOCK"));
	if (v[0] == '/' && !strpbrk(v, "%$"))
		return xstrdup(v);
	*why_not = xasprintf("the configuration has IdentityAgent %s", v);
	return NULL;
}

static void add_algorithm(struct buf *b, const struct ssh_config *c, const char *name)
{
	if (ssh_config_lists(c, "hostkeyalgorithms", name) && !(b->n && strstr(b->p, name)))
		buf_printf(b, "%s%s", b->n ? "," : "", name);
}

/* Of the keys that are known: the host may have others, which nobody has looked at.  "" when libssh2 can check none. */
static char *host_keys(const struct ssh_session *s, const struct ssh_config *c)
{
	autobuf struct buf b = { 0 };

	for (size_t i = 0; i < s->known.n; i++) {
		const struct ssh_known *k = s->known.at[i];
		if (k->revoked)
			continue;
		if (!str_eq(k->type, "ssh-rsa")) {
			if (str_eq(k->type, "ssh-ed25519") || str_starts(k->type, "ecdsa-sha2-"))
				add_algorithm(&b, c, k->type);
		} else if (ssh_library_has_rsa()) {
			add_algorithm(&b, c, "rsa-sha2-512");
			add_algorithm(&b, c, "rsa-sha2-256");
		}
	}
	return buf_take(&b);
}

/* As known_hosts names it; the caller frees. */
static char *known_name(const struct ssh_config *c)
{
	const char *alias = ssh_config_get(c, "hostkeyalias"), *host = ssh_config_get(c, "hostname"),
		   *port = ssh_config_get(c, "port");
	char *name = alias ? xstrdup(alias) : str_eq(port, "22") ? xstrdup(host) : xasprintf("[%s]:%s", host, port);

	for (char *p = name; *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return name;
}

static void fill(struct ssh_session *s, const struct ssh_uri *u, const struct ssh_config *c)
{
	const char *v;

	s->user = xstrdup(ssh_config_get(c, "user"));
	s->host = xstrdup(ssh_config_get(c, "hostname"));
	s->port = xstrdup(ssh_config_get(c, "port"));
	s->command = ssh_remote_command(u);
	s->kex = xstrdup(ssh_config_get(c, "kexalgorithms"));
	s->ciphers = xstrdup(ssh_config_get(c, "ciphers"));
	s->macs = xstrdup(ssh_config_get(c, "macs"));
	s->keyfile = xstrdup(u->keyfile);
	s->only_files = str_eq(ssh_config_get(c, "identitiesonly"), "yes");
	for (unsigned i = 0; !u->no_files && (v = ssh_config_nth(c, "identityfile", i)); i++)
		if (!str_eq(v, "none"))
			vec_add(&s->files, xstrdup(v));
}

static struct ssh_session *session_new(void)
{
	struct ssh_session *s = xcalloc(1, sizeof(*s));

	s->sock = s->pair = s->agent_fd = -1;
	s->refs = 1;
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

/* 0 also when *WHY_NOT was found. */
static int prepare(struct ssh_session *s, const struct ssh_uri *u, const struct ssh_config *c, char **why_not,
		   struct error *err)
{
	autofree char *name = NULL;
	bool authority = false;
	int r;

	fill(s, u, c);
	if (!s->user || !s->host || !s->port)
		return error_set(err, EPROTO, "ssh -G names no user, hostname or port");
	s->agent = agent_path(u, c, why_not);
	if (*why_not)
		return 0;
	name = known_name(c);
	r = ssh_known_load(u, c, name, &s->known, &authority, err);
	if (r < 0)
		return r;
	s->hostkeys = host_keys(s, c);
	if (*s->hostkeys)
		return 0;
	*why_not = authority	? xasprintf("a certificate authority answers for %s", name)
		   : s->known.n ? xasprintf("libssh2 %s cannot check the host key of %s that is known",
					    libssh2_version(0), name)
				: xasprintf("no host key of %s is known", name);
	return 0;
}

/* The one that is known beside the one that was shown. */
static int say_changed(const struct ssh_session *s, const struct ssh_config *c, struct error *err)
{
	autofree char *name = known_name(c), *old = NULL;
	const struct ssh_known *known = NULL;

	for (size_t i = 0; i < s->known.n; i++) {
		const struct ssh_known *k = s->known.at[i];
		if (!k->revoked && (!known || (str_eq(k->type, "ssh-ed25519") && str_starts(s->shown, "ED25519"))))
			known = k;
	}
	old = ssh_known_fingerprint(known, name);
	return error_set(
		err, EHOSTUNREACH,
		"the host key of '%s' has changed: it shows %s, but %s:%u has %s: if you know why, ssh-keygen -f %s -R "
		"'%s' removes the old one",
		name, s->shown, known->file, known->line, old ? old : known->type, known->file, name);
}

/* ---- the transport ---- */

static char *words(void *behind)
{
	struct ssh_session *s = behind;
	char *text;

	pthread_mutex_lock(&s->lock);
	text = ssh_last_words(&s->said);
	buf_reset(&s->said);
	pthread_mutex_unlock(&s->lock);
	return text;
}

static int log_in(struct ssh_session *s, struct worker *w, const struct ssh_config *c, char **why_not,
		  struct error *err)
{
	int r;

	s->until_ms = now_monotonic_ms() + LOGIN_MS;
	r = offload(w, ssh_login, s, session_unref, LOGIN_MS + 5000);
	if (r == -ETIMEDOUT)
		return error_set(err, EHOSTUNREACH, "'%s': no login within %d seconds", ssh_config_get(c, "hostname"),
				 LOGIN_MS / 1000);
	if (r == -ECANCELED)
		return r;
	if (r < 0 && s->shown)
		r = say_changed(s, c, err);
	else if (r < 0 && s->why_not)
		*why_not = take(&s->why_not);
	else if (r < 0)
		r = error_set(err, EHOSTUNREACH, "%s", s->text ? s->text : strerror(-r));
	if (r < 0)
		ssh_session_unref(s);
	return r;
}

/* S is the thread's and T's from here. */
static int start_pump(struct ssh_session *s, struct worker *w, struct transport *t, struct error *err)
{
	int r;

	free(t->how);
	t->how = xasprintf("libssh2 %s, with %s", libssh2_version(0), s->with);
	s->refs++;
	r = worker_post(w, ssh_pump, s);
	if (r < 0) {
		ssh_session_close(s);
		s->refs--;
		ssh_session_unref(s);
		return error_set(err, -r, "a thread for libssh2: %s", strerror(-r));
	}
	t->behind = s;
	t->words = words;
	t->end = session_unref;
	return 0;
}

static int connect_session(struct ssh_session *s, const struct ssh_config *c, struct transport *t, char **why_not,
			   struct error *err)
{
	const char *family = ssh_config_get(c, "addressfamily");
	struct worker *w;
	int pair[2], r;

	t->how = xasprintf("libssh2 %s", libssh2_version(0));
	r = transport_tcp(s->host, s->port,
			  str_eq(family, "inet")    ? AF_INET
			  : str_eq(family, "inet6") ? AF_INET6
						    : AF_UNSPEC,
			  &s->sock, err);
	if (r == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		r = error_set(err, errno, "socketpair: %s", strerror(errno));
	if (r < 0) {
		ssh_session_unref(s);
		return r;
	}
	s->pair = pair[1];
	w = worker_new("ssh");
	r = log_in(s, w, c, why_not, err);
	if (r == 0)
		r = start_pump(s, w, t, err);
	worker_free(w);
	if (r < 0)
		close(pair[0]); /* a thread that still tries to get in sees it */
	else
		t->in = t->out = pair[0];
	return r;
}

int ssh_library_open(const struct ssh_uri *u, const struct ssh_config *c, struct transport *t, char **why_not,
		     struct error *err)
{
	static bool begun;
	struct ssh_session *s;
	int r;

	if (!begun && libssh2_init(0) != 0)
		return error_set(err, ENOMEM, "libssh2 cannot be initialized");
	begun = true;
	s = session_new();
	r = prepare(s, u, c, why_not, err);
	if (r == 0 && !*why_not)
		return connect_session(s, c, t, why_not, err);
	ssh_session_unref(s);
	return r;
}
