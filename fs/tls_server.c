/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Clients over TLS: see tls_server.h.  A connection waits on the loop until it says something; only then it has a thread, for the handshake and,
 * once the loop has said who it is, for carrying bytes to a socket pair whose other end is served as any 9P connection.
 */
#include "tls_server.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/access_map.h"
#include "engine/event.h"
#include "engine/loop.h"
#include "engine/offload.h"
#include "engine/units.h"
#include "p9/server.h"
#include "tls.h"

#define UNPROVEN_MAX 256  /* connections of which nobody knows yet whose they are: then the oldest gives way */
#define YIELDING_MAX 64	  /* those that have been told to, and are still there */
#define SERVED_MAX   1024 /* at once */
#define LINES_MAX    20	  /* refusals that are told of, in */
#define LINES_MS     10000
#define SILENCE_MS   10000
#define RETRY_MS     100
#define USER_TIMEOUT 60000 /* how long the other side's kernel may say nothing while something is on its way */

struct service { /* what listeners with the same files share */
	char *dir;
	pthread_mutex_t lock;
	struct tls_creds *creds; /* locked */
	unsigned refs;		 /* the loop's */
};

struct listener {
	int fd;
	struct service *service;
	struct loop_fd *watch;
	struct loop_timer *again;
	TAILQ_ENTRY(listener) list;
};

enum stage { SILENT, SHAKING, SERVED };

struct conn {
	int fd; /* until the thread is gone: closed by tls_free, or by the loop while it is silent */
	char peer[80];
	struct service *service;
	enum stage stage;
	bool yielding;
	struct loop_fd *watch; /* SILENT */
	struct loop_timer *silence;
	struct worker *worker; /* from SHAKING on */
	TAILQ_ENTRY(conn) list;
	/* the thread's while it runs, the loop's between */
	struct tls *tls;
	struct error err;
	uid_t uid; /* SERVED: whom it stands for */
	int r, plain;
};

static TAILQ_HEAD(, listener) listeners = TAILQ_HEAD_INITIALIZER(listeners);
static TAILQ_HEAD(conns, conn) unproven = TAILQ_HEAD_INITIALIZER(unproven), /* in the order they came */
	served = TAILQ_HEAD_INITIALIZER(served);
static unsigned nunproven, nserved;

/* ---- telling ---- */

/* Who knocks without end shall not push everything else out of `errors`: neither what we should mend nor those whose certificate is good. */
static struct limit {
	int64_t began;
	unsigned told, untold;
} strangers, known;

static bool may_tell(struct limit *l)
{
	int64_t now = now_monotonic_ms();

	if (now - l->began >= LINES_MS) {
		if (l->untold)
			log_line("tls: %u more connections were refused", l->untold);
		*l = (struct limit){ .began = now };
	}
	if (l->told >= LINES_MAX) {
		l->untold++;
		return false;
	}
	l->told++;
	return true;
}

static void tell(const struct conn *c, const struct error *err)
{
	if (!may_tell(!c->tls || tls_subject(c->tls) ? &known : &strangers))
		return;
	log_line("%s: refused: %s", c->peer, error_text(err));
	errors_add(NULL, c->peer, err);
}

/* ---- certificates ---- */

static void service_unref(struct service *s)
{
	if (--s->refs)
		return;
	tls_creds_unref(s->creds);
	pthread_mutex_destroy(&s->lock);
	free(s->dir);
	free(s);
}

static int load(const struct service *s, struct tls_creds **out, struct error *err)
{
	struct tls_files files;
	int r;

	tls_files_find("server", s->dir, &files);
	r = tls_creds_load("server", &files, out, err);
	tls_files_clear(&files);
	return r;
}

/* On any thread: as the files are now.  When those are not right nobody is let in by what they said before. */
static int service_creds(struct service *s, struct tls_creds **out, struct error *err)
{
	struct tls_creds *fresh;
	int r = 0;

	pthread_mutex_lock(&s->lock);
	if (!s->creds || !tls_creds_current(s->creds)) {
		r = load(s, &fresh, err);
		if (r == 0) {
			tls_creds_unref(s->creds);
			s->creds = fresh;
		}
	}
	if (r == 0)
		*out = tls_creds_ref(s->creds);
	pthread_mutex_unlock(&s->lock);
	return r;
}

/* ---- a connection ---- */

static void unlist(struct conn *c)
{
	if (c->stage == SERVED) {
		TAILQ_REMOVE(&served, c, list);
		nserved--;
		return;
	}
	TAILQ_REMOVE(&unproven, c, list);
	nunproven--;
}

/* Nothing of it runs any more. */
static void conn_free(struct conn *c)
{
	unlist(c);
	loop_unwatch(c->watch);
	loop_untimer(c->silence);
	worker_free(c->worker);
	if (c->tls)
		tls_free(c->tls);
	else
		close(c->fd);
	base_close_p(&c->plain);
	error_clear(&c->err);
	service_unref(c->service);
	free(c);
}

static void on_over(void *arg)
{
	conn_free(arg);
}

/* The thread: it was not let in, and hears so. */
static void dismiss(void *arg)
{
	struct conn *c = arg;

	if (tls_told(c->tls) && tls_say(c->tls, error_text(&c->err), NULL) == 0)
		tls_refuse(c->tls, 0);
	else
		tls_refuse(c->tls, GNUTLS_A_ACCESS_DENIED);
	tls_busy(-1);
	loop_post(on_over, c);
}

static void on_carried(void *arg)
{
	struct conn *c = arg;

	if (c->r < 0 && may_tell(&known))
		log_line("%s: %s", c->peer, error_text(&c->err));
	conn_free(c);
}

/* The thread: it is in. */
static void carry(void *arg)
{
	struct conn *c = arg;

	c->r = tls_told(c->tls) ? tls_say(c->tls, "ok", &c->err) : 0;
	if (c->r == 0)
		c->r = tls_pump(c->tls, c->plain, &c->err);
	tls_busy(-1);
	loop_post(on_carried, c);
}

static void run(struct conn *c, void (*fn)(void *arg))
{
	tls_busy(1);
	if (worker_post(c->worker, fn, c) == 0)
		return;
	tls_busy(-1);
	conn_free(c);
}

/* Who is not any more whom he came in as does not stay. */
static void on_map_changed(void)
{
	struct conn *c;

	TAILQ_FOREACH(c, &served, list) {
		autoerror struct error err = { 0 };
		struct who who;

		if (access_map_lookup(tls_subject(c->tls), &who, &err) == 0 && who.uid == c->uid)
			continue;
		log_line("%s: ended: '%s' is not uid %u any more", c->peer, tls_subject(c->tls), c->uid);
		shutdown(c->fd, SHUT_RDWR);
	}
}

/* Whom the certificate stands for; one end of a socket pair is then served. */
static int admit(struct conn *c, struct error *err)
{
	struct who who = { 0 };
	autofree char *peer = NULL;
	int pair[2], r = access_map_lookup(tls_subject(c->tls), &who, err);

	if (r < 0)
		return r;
	if (nserved >= SERVED_MAX)
		return error_set(err, EAGAIN, "%d connections over TLS are served already", SERVED_MAX);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return error_set(err, errno, "socketpair: %s", strerror(errno));
	c->plain = pair[1];
	unlist(c);
	c->stage = SERVED;
	c->uid = who.uid;
	TAILQ_INSERT_TAIL(&served, c, list);
	nserved++;
	peer = xasprintf("%s/%s", c->peer, tls_subject(c->tls));
	p9_serve(pair[0], pair[0], &who, peer, NULL, NULL);
	return 0;
}

/* The loop, when the handshake is over. */
static void on_shaken(void *arg)
{
	struct conn *c = arg;
	int r = c->r;

	if (c->yielding) {
		conn_free(c);
		return;
	}
	if (r == 0) {
		r = admit(c, &c->err);
		if (r == 0) {
			run(c, carry);
			return;
		}
	}
	tell(c, &c->err);
	if (c->r == 0)
		run(c, dismiss);
	else
		conn_free(c);
}

/* The thread. */
static void shake(void *arg)
{
	struct conn *c = arg;
	struct tls_creds *creds;

	c->r = service_creds(c->service, &creds, &c->err);
	if (c->r == 0) {
		c->tls = tls_new(creds, c->fd, NULL);
		tls_creds_unref(creds);
		c->r = tls_handshake(c->tls, &c->err);
		if (c->r < 0)
			tls_refuse(c->tls, 0);
	}
	tls_busy(-1);
	loop_post(on_shaken, c);
}

static void on_words(void *arg, int events unused)
{
	struct conn *c = arg;
	char byte;

	if (recv(c->fd, &byte, 1, MSG_PEEK) <= 0) { /* it only looked whether anybody listens */
		conn_free(c);
		return;
	}
	loop_unwatch(take(&c->watch));
	loop_untimer(take(&c->silence));
	c->stage = SHAKING;
	c->worker = worker_new("tls");
	run(c, shake);
}

static void on_silence(void *arg)
{
	struct conn *c = arg;

	c->silence = NULL;
	if (may_tell(&strangers))
		log_line("%s: it said nothing for %d seconds: closed", c->peer, SILENCE_MS / 1000);
	conn_free(c);
}

/* ---- those who come ---- */

/* The oldest goes: first of those that say nothing. */
static void make_room(void)
{
	struct conn *c, *found = NULL;

	TAILQ_FOREACH(c, &unproven, list) {
		if (c->stage == SILENT) {
			conn_free(c);
			return;
		}
		if (!found && !c->yielding)
			found = c;
	}
	if (!found)
		return;
	found->yielding = true;
	shutdown(found->fd, SHUT_RDWR); /* its thread ends, and then it does */
}

static void name_peer(struct conn *c)
{
	struct sockaddr_storage a = { 0 };
	socklen_t n = sizeof(a);
	char host[INET6_ADDRSTRLEN] = "?";
	const struct sockaddr_in *a4 = (const struct sockaddr_in *)&a;
	const struct sockaddr_in6 *a6 = (const struct sockaddr_in6 *)&a;

	if (getpeername(c->fd, (struct sockaddr *)&a, &n) == 0)
		inet_ntop(a.ss_family,
			  a.ss_family == AF_INET6 ? (const void *)&a6->sin6_addr : (const void *)&a4->sin_addr, host,
			  sizeof(host));
	snprintf(c->peer, sizeof(c->peer), a.ss_family == AF_INET6 ? "tls:[%s]:%u" : "tls:%s:%u", host,
		 ntohs(a.ss_family == AF_INET6 ? a6->sin6_port : a4->sin_port));
}

static void set_options(int fd)
{
	int on = 1, idle = 30, every = 10, count = 3, user = USER_TIMEOUT;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof(every));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user, sizeof(user));
}

static void conn_new(struct service *s, int fd)
{
	struct conn *c = xcalloc(1, sizeof(*c));

	*c = (struct conn){ .fd = fd, .plain = -1, .service = s };
	s->refs++;
	name_peer(c);
	set_options(fd);
	TAILQ_INSERT_TAIL(&unproven, c, list);
	nunproven++;
	c->silence = loop_timer(SILENCE_MS, on_silence, c);
	c->watch = loop_watch(fd, LOOP_READ, on_words, c);
}

static void listen_again(void *arg)
{
	struct listener *l = arg;

	l->again = NULL;
	loop_watch_events(l->watch, LOOP_READ);
}

static void on_connection(void *arg, int events unused)
{
	struct listener *l = arg;
	int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
		make_room();
		loop_watch_events(l->watch, 0); /* it would be ready all the time */
		l->again = loop_timer(RETRY_MS, listen_again, l);
	}
	if (fd < 0)
		return;
	if (nunproven >= UNPROVEN_MAX)
		make_room();
	if (nunproven >= UNPROVEN_MAX + YIELDING_MAX)
		close(fd);
	else
		conn_new(l->service, fd);
}

static struct service *service_get(const char *dir)
{
	struct listener *l;
	struct service *s;

	TAILQ_FOREACH(l, &listeners, list)
		if (str_eq(l->service->dir, dir)) {
			l->service->refs++;
			return l->service;
		}
	s = xcalloc(1, sizeof(*s));
	s->dir = xstrdup(dir);
	s->refs = 1;
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

int tls_serve(int fd, const char *where, const char *dir, struct error *err)
{
	struct listener *l = xcalloc(1, sizeof(*l));
	struct tls_creds *creds;
	int r;

	l->fd = fd;
	l->service = service_get(dir);
	r = service_creds(l->service, &creds, err);
	if (r < 0) {
		service_unref(l->service);
		close(fd);
		free(l);
		return error_in(err, r, "listen=tls://%s", where);
	}
	tls_creds_unref(creds);
	l->watch = loop_watch(fd, LOOP_READ, on_connection, l);
	TAILQ_INSERT_TAIL(&listeners, l, list);
	access_map_changed = on_map_changed;
	return 0;
}

void tls_serve_close(void)
{
	struct listener *l;
	struct conn *c, *next;

	access_map_changed = NULL;
	while ((l = TAILQ_FIRST(&listeners))) {
		TAILQ_REMOVE(&listeners, l, list);
		loop_unwatch(l->watch);
		loop_untimer(l->again);
		close(l->fd);
		service_unref(l->service);
		free(l);
	}
	for (c = TAILQ_FIRST(&unproven); c; c = next) {
		next = TAILQ_NEXT(c, list);
		if (c->stage == SILENT)
			conn_free(c);
		else
			shutdown(c->fd, SHUT_RDWR);
	}
	TAILQ_FOREACH(c, &served, list)
		shutdown(c->fd, SHUT_RDWR);
}
