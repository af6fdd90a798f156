/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Links over TLS: see tls.h.  A worker of its own connects, and then carries the bytes until the link ends. */
#include "tls.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/event.h"
#include "engine/offload.h"
#include "engine/units.h"
#include "fs/tls.h"

#define CONNECT_MS   10000
#define OPEN_MS	     25000 /* all of it: the name is looked up, too */
#define USER_TIMEOUT 60000

struct place {
	char *host, *port, *pkipath; /* owned */
};

struct carrier {
	struct place to;
	int pair[2]; /* the link's end, ours */
	struct tls *tls;
	struct error err; /* why it did not begin; then the thread's, until it is OVER */
	int r;
	pthread_mutex_t lock;
	/* locked */
	unsigned refs; /* the link's, the thread's */
	bool over;     /* nothing is carried any more */
};

static void place_clear(struct place *p)
{
	free(p->host);
	free(p->port);
	free(p->pkipath);
}

/* ---- what the URI says ---- */

static int one_option(struct place *p, struct str option, struct error *err)
{
	autofree char *text = percent_decode(option);

	if (text && str_starts(text, "pkipath=/")) {
		free(p->pkipath);
		p->pkipath = xstrdup(text + strlen("pkipath="));
		return 0;
	}
	if (text && str_starts(text, "pkipath="))
		return error_set(err, EINVAL, "'%s': expected pkipath=/DIRECTORY", text);
	if (text && str_eq(text, "no_verify=0"))
		return 0;
	if (text && str_starts(text, "no_verify"))
		return error_set(err, EINVAL,
				 "'%s': whoever answers could then be anybody: have the name by which you call it put "
				 "into the certificate of that host, and the CA's into cacert.pem (or pkipath=DIR)",
				 text);
	return error_set(err, EINVAL, "'%.*s': expected pkipath=DIR", (int)option.n, option.p);
}

static int options(struct place *p, const char *text, struct error *err)
{
	int r = 0;

	while (*text && r == 0) {
		size_t n = strcspn(text, "&");

		if (n)
			r = one_option(p, (struct str){ text, n }, err);
		text += n + (text[n] == '&');
	}
	return r;
}

static bool is_port(const char *s)
{
	return *s && strspn(s, "0123456789") == strlen(s) && strlen(s) <= 5 && atoi(s) > 0 && atoi(s) < 65536;
}

/* HOST[:PORT]; an address of IPv6 in brackets. */
static int authority(struct place *p, struct str a, struct error *err)
{
	autofree char *text = xstrndup(a.p, a.n);
	char *end = text[0] == '[' ? strchr(text, ']') : text + strcspn(text, ":");

	if (!end || end == text || strchr(text, '@') || (text[0] == '[' && end == text + 1))
		return error_set(err, EINVAL, "'%s': expected HOST[:PORT]; who you are your certificate says", text);
	p->host = text[0] == '[' ? xstrndup(text + 1, end - text - 1) : xstrndup(text, end - text);
	end += *end == ']';
	if (*end && (*end != ':' || !is_port(end + 1)))
		return error_set(err, EINVAL, "'%s': expected HOST[:PORT], [ADDRESS]:PORT of IPv6", text);
	p->port = xstrdup(*end ? end + 1 : TLS_PORT);
	return 0;
}

static int parse(const char *where, struct place *out, struct error *err)
{
	size_t n = strcspn(where, "/?");
	const char *rest = where + n;
	struct place p = { 0 };
	int r = authority(&p, (struct str){ where, n }, err);

	rest += *rest == '/';
	if (r == 0 && *rest && *rest != '?')
		r = error_set(err, EINVAL, "'%s': expected nothing after tls://HOST[:PORT]/ but ?pkipath=DIR", rest);
	if (r == 0 && *rest)
		r = options(&p, rest + 1, err);
	if (r < 0) {
		place_clear(&p);
		return r;
	}
	*out = p;
	return 0;
}

int tls_check(const char *where, struct error *err)
{
	struct place p;
	int r = parse(where, &p, err);

	if (r == 0)
		place_clear(&p);
	return error_in(err, r, "tls://%s", where);
}

/* ---- the worker's ---- */

static int connect_one(const struct addrinfo *a, int64_t until_ms)
{
	autoclose int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd p = { fd, POLLOUT, 0 };
	int64_t left = until_ms - now_monotonic_ms();
	int code = 0, one = 1, user = USER_TIMEOUT, done;
	socklen_t n = sizeof(code);

	if (fd < 0 || left <= 0)
		return fd < 0 ? -errno : -ETIMEDOUT;
	if (connect(fd, a->ai_addr, a->ai_addrlen) < 0 && errno != EINPROGRESS)
		return -errno;
	if (poll(&p, 1, left) <= 0)
		return -ETIMEDOUT;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &n) < 0 || code)
		return code ? -code : -EIO;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user, sizeof(user));
	done = fd;
	fd = -1;
	return done;
}

static int connect_to(const struct place *to, struct error *err)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all;
	int64_t until = now_monotonic_ms() + CONNECT_MS;
	int e = getaddrinfo(to->host, to->port, &hints, &all), fd = -EHOSTUNREACH;

	if (e)
		return error_set(err, EHOSTUNREACH, "'%s': %s", to->host, gai_strerror(e));
	for (const struct addrinfo *a = all; a && fd < 0; a = a->ai_next)
		fd = connect_one(a, until);
	freeaddrinfo(all);
	return fd < 0 ? error_set(err, EHOSTUNREACH, "'%s' port %s: %s", to->host, to->port, strerror(-fd)) : fd;
}

/* A domfs says whether it lets us in; another that carries TLS for it does not. */
static int hear(struct tls *t, struct error *err)
{
	char line[1024];
	int r;

	if (!tls_told(t))
		return 0;
	r = tls_hear(t, line, sizeof(line), err);
	if (r == 0 && !str_eq(line, "ok"))
		r = error_set(err, EACCES, "it does not let us in: %s", line);
	return r;
}

static int begin(struct carrier *o, struct error *err)
{
	struct tls_files files;
	struct tls_creds *creds;
	int fd, r;

	tls_files_find("client", o->to.pkipath, &files);
	tls_busy(1);
	r = tls_creds_load("client", &files, &creds, err);
	tls_busy(-1);
	tls_files_clear(&files);
	if (r < 0)
		return r;
	fd = connect_to(&o->to, err);
	if (fd < 0) {
		tls_creds_unref(creds);
		return fd;
	}
	tls_busy(1);
	o->tls = tls_new(creds, fd, o->to.host);
	tls_creds_unref(creds);
	r = tls_handshake(o->tls, err);
	if (r == 0)
		r = hear(o->tls, err);
	if (r < 0)
		tls_refuse(o->tls, 0);
	tls_busy(-1);
	return error_in(err, r, "'%s' port %s", o->to.host, o->to.port);
}

static int run_begin(void *arg)
{
	struct carrier *o = arg;

	o->r = begin(o, &o->err);
	return 0;
}

static void carrier_free(void *arg)
{
	struct carrier *o = arg;

	tls_free(o->tls);
	for (int i = 0; i < 2; i++)
		base_close_p(&o->pair[i]);
	error_clear(&o->err);
	place_clear(&o->to);
	pthread_mutex_destroy(&o->lock);
	free(o);
}

/* With the lock, which it gives back. */
static void unref_unlock(struct carrier *o)
{
	bool last = !--o->refs;

	pthread_mutex_unlock(&o->lock);
	if (last)
		carrier_free(o);
}

static void run_carry(void *arg)
{
	struct carrier *o = arg;

	(void)!tls_pump(o->tls, o->pair[1], &o->err);
	pthread_mutex_lock(&o->lock);
	o->over = true;
	shutdown(o->pair[1], SHUT_RDWR); /* the link looks for the reason when it sees the end */
	unref_unlock(o);
	tls_busy(-1);
}

/* ---- the link's ---- */

static char *words(void *behind)
{
	struct carrier *o = behind;
	char *text;

	pthread_mutex_lock(&o->lock);
	text = o->over && o->err.code ? xstrdup(o->err.text) : NULL;
	if (text)
		error_clear(&o->err);
	pthread_mutex_unlock(&o->lock);
	return text;
}

static void end(void *behind)
{
	struct carrier *o = behind;

	pthread_mutex_lock(&o->lock);
	tls_cut(o->tls);
	unref_unlock(o);
}

/* ---- the task's ---- */

static int carry(struct worker *w, struct carrier *o, struct transport *t, struct error *err)
{
	autofree char *how = tls_words(o->tls);
	int r;

	tls_busy(1);
	o->refs = 2;
	r = worker_post(w, run_carry, o);
	if (r < 0) {
		tls_busy(-1);
		carrier_free(o);
		return error_set(err, -r, "a thread: %s", strerror(-r));
	}
	t->in = t->out = o->pair[0];
	o->pair[0] = -1;
	t->how = xasprintf("tls: %s, '%s'", how, tls_subject(o->tls));
	t->behind = o;
	t->words = words;
	t->end = end;
	return 0;
}

int tls_open(const char *where, struct transport *t, struct error *err)
{
	struct carrier *o = xcalloc(1, sizeof(*o));
	struct worker *w;
	int r = parse(where, &o->to, err);

	o->pair[0] = o->pair[1] = -1;
	pthread_mutex_init(&o->lock, NULL);
	if (r == 0 && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, o->pair) < 0)
		r = error_set(err, errno, "socketpair: %s", strerror(errno));
	if (r < 0) {
		carrier_free(o);
		return r;
	}
	w = worker_new("tls");
	r = offload(w, run_begin, o, carrier_free, OPEN_MS);
	if (r == -ETIMEDOUT)
		r = error_set(err, EHOSTUNREACH, "tls://%s does not answer", where);
	else if (r == 0 && o->r < 0) {
		r = o->r;
		error_move(err, &o->err);
		carrier_free(o);
	} else if (r == 0)
		r = carry(w, o, t, err);
	worker_free(w);
	return r;
}
