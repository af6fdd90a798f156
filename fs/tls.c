/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A connection of TLS, on a thread of its own: see tls.h. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/event.h"
#include "engine/units.h"
#include "tls_private.h"
#include "tls_server.h"

#define ROOM	  (64u << 10) /* carried at once each way */
#define RECORD	  (16u << 10) /* the most that one record brings */
#define LINGER_MS 1000
#define DRAIN_MS  2000

struct tls {
	struct tls_creds *creds;
	gnutls_session_t session;
	int fd;
	char *host, *subject;
	int64_t until_ms;		  /* of the handshake and what belongs to it */
	gnutls_alert_description_t alert; /* of WHY */
	struct error why;		  /* set by verify() */
	LIST_ENTRY(tls) list;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static LIST_HEAD(, tls) all = LIST_HEAD_INITIALIZER(all); /* locked */
static atomic_bool ending;
static atomic_int busy;

void tls_busy(int change)
{
	atomic_fetch_add(&busy, change);
}

/* GnuTLS takes itself down when the process ends: nobody must be inside then. */
void tls_drain(void)
{
	int64_t end = now_monotonic_ms() + DRAIN_MS;
	struct tls *t;

	atomic_store(&ending, true);
	pthread_mutex_lock(&lock);
	LIST_FOREACH(t, &all, list)
		shutdown(t->fd, SHUT_RDWR);
	pthread_mutex_unlock(&lock);
	while (atomic_load(&busy) > 0 && now_monotonic_ms() < end)
		usleep(2000);
}

/* ---- who the other side is ---- */

/* Within the handshake, before anything else is said. */
static int verify(gnutls_session_t s)
{
	struct tls *t = gnutls_session_get_ptr(s);
	const char *purpose = t->host ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT;
	gnutls_typed_vdata_st data[2] = {
		{ GNUTLS_DT_KEY_PURPOSE_OID, (unsigned char *)purpose, 0 },
		{ GNUTLS_DT_DNS_HOSTNAME, (unsigned char *)t->host, 0 },
	};
	unsigned status = 0;
	int r = gnutls_certificate_verify_peers(s, data, t->host ? 2 : 1, &status);

	if (r < 0)
		return r;
	if (!status)
		return 0;
	tls_why(s, status, t->host, tls_creds_files(t->creds), &t->alert, &t->why);
	return GNUTLS_E_CERTIFICATE_ERROR;
}

static bool is_address(const char *host)
{
	unsigned char room[16];

	return inet_pton(AF_INET, host, room) == 1 || inet_pton(AF_INET6, host, room) == 1;
}

struct tls *tls_new(struct tls_creds *c, int fd, const char *host)
{
	struct tls *t = xcalloc(1, sizeof(*t));
	gnutls_datum_t alpn = { (unsigned char *)TLS_ALPN, strlen(TLS_ALPN) };

	*t = (struct tls){ .creds = tls_creds_ref(c), .fd = fd, .host = xstrdup(host) };
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	/* a certificate that the server may not want is shown, too: then it can say why not */
	gnutls_init(&t->session, (host ? GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT : GNUTLS_SERVER) | GNUTLS_NONBLOCK |
					 GNUTLS_NO_SIGNAL);
	gnutls_session_set_ptr(t->session, t);
	gnutls_priority_set(t->session, tls_creds_priority(c));
	gnutls_credentials_set(t->session, GNUTLS_CRD_CERTIFICATE, tls_creds_cred(c));
	gnutls_session_set_verify_function(t->session, verify);
	gnutls_alpn_set_protocols(t->session, &alpn, 1, 0);
	if (!host)
		gnutls_certificate_server_set_request(t->session, GNUTLS_CERT_REQUIRE);
	else if (!is_address(host))
		gnutls_server_name_set(t->session, GNUTLS_NAME_DNS, host, strlen(host));
	gnutls_transport_set_int(t->session, fd);
	pthread_mutex_lock(&lock);
	LIST_INSERT_HEAD(&all, t, list);
	pthread_mutex_unlock(&lock);
	return t;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	pthread_mutex_lock(&lock);
	LIST_REMOVE(t, list);
	pthread_mutex_unlock(&lock);
	gnutls_deinit(t->session);
	close(t->fd);
	tls_creds_unref(t->creds);
	error_clear(&t->why);
	free(t->host);
	free(t->subject);
	free(t);
}

void tls_cut(struct tls *t)
{
	shutdown(t->fd, SHUT_RDWR);
}

const char *tls_subject(const struct tls *t)
{
	return t->subject;
}

bool tls_told(const struct tls *t)
{
	gnutls_datum_t d;

	return gnutls_alpn_get_selected_protocol(t->session, &d) == 0;
}

char *tls_words(const struct tls *t)
{
	return xasprintf("%s %s", gnutls_protocol_get_name(gnutls_protocol_get_version(t->session)),
			 gnutls_cipher_get_name(gnutls_cipher_get(t->session)));
}

/* ---- the handshake ---- */

/* A second handshake could be somebody else's: it ends the connection as anything else does that is no byte to carry. */
static bool over(int r)
{
	return r != GNUTLS_E_AGAIN && r != GNUTLS_E_INTERRUPTED && r != GNUTLS_E_WARNING_ALERT_RECEIVED;
}

/* Until the socket is ready for what the last call could not do.  -ETIMEDOUT. */
static int await(struct tls *t, int events, struct error *err)
{
	struct pollfd p = { t->fd, events, 0 };
	int64_t left = t->until_ms - now_monotonic_ms();
	int n = left > 0 ? poll(&p, 1, left) : 0;

	if (n == 0)
		return error_set(err, ETIMEDOUT, "the other side did not finish the TLS handshake within %d seconds",
				 TLS_HANDSHAKE_MS / 1000);
	return 0;
}

/* Of a client: what does he speak? A TLS record of a handshake begins with 22, 3. */
static int look(struct tls *t, struct error *err)
{
	unsigned char p[5];
	ssize_t n = recv(t->fd, p, sizeof(p), MSG_PEEK);

	if (n < 1 || p[0] == 22)
		return 0;
	if (n == 5 && p[4] == 100) /* Tversion */
		return error_set(err, EPROTO, "it speaks 9P without TLS: it is to use tls:// here");
	return error_set(err, EPROTO, "it does not speak TLS");
}

static int shake(struct tls *t, struct error *err)
{
	int r = t->host ? 0 : look(t, err);

	if (r < 0)
		return r;
	while ((r = gnutls_handshake(t->session)) < 0) {
		int w = 0;

		if (gnutls_error_is_fatal(r))
			break;
		/* ready at once but for AGAIN: also who sends warnings without end has only so long */
		w = await(t, r == GNUTLS_E_AGAIN && !gnutls_record_get_direction(t->session) ? POLLIN : POLLOUT, err);
		if (w < 0)
			return w;
	}
	if (r == 0)
		return 0;
	if (t->why.code) {
		gnutls_alert_send(t->session, GNUTLS_AL_FATAL, t->alert);
		error_move(err, &t->why);
		return -err->code;
	}
	gnutls_alert_send_appropriate(t->session, r);
	return tls_failed(t->session, r, tls_creds_files(t->creds), err);
}

int tls_handshake(struct tls *t, struct error *err)
{
	int r;

	t->until_ms = now_monotonic_ms() + TLS_HANDSHAKE_MS;
	r = shake(t, err);
	if (r < 0)
		return r;
	t->subject = tls_peer_subject(t->session);
	return t->subject ? 0 : error_set(err, EACCES, "the other side's certificate has no subject");
}

int tls_say(struct tls *t, const char *line, struct error *err)
{
	autofree char *text = xasprintf("%s\n", line);
	ssize_t n;
	int r = 0;

	/* a short record goes whole or not at all */
	while (r == 0 && (n = gnutls_record_send(t->session, text, strlen(text))) < 0)
		r = n == GNUTLS_E_AGAIN		? await(t, POLLOUT, err)
		    : n == GNUTLS_E_INTERRUPTED ? 0
						: tls_failed(t->session, n, tls_creds_files(t->creds), err);
	return r;
}

int tls_hear(struct tls *t, char *line, size_t size, struct error *err)
{
	size_t have = 0;

	while (have < size - 1) {
		ssize_t n = gnutls_record_recv(t->session, line + have, 1);
		int r = 0;

		if (n == 1 && line[have] == '\n')
			break;
		if (n == 1)
			have++;
		else if (n < 0 && !over(n))
			r = await(t, n == GNUTLS_E_AGAIN ? POLLIN : POLLOUT, err);
		else
			r = tls_failed(t->session, n ? n : GNUTLS_E_PREMATURE_TERMINATION, tls_creds_files(t->creds),
				       err);
		if (r < 0)
			return r;
	}
	line[have] = '\0';
	return 0;
}

void tls_refuse(struct tls *t, gnutls_alert_description_t alert)
{
	int64_t end = now_monotonic_ms() + LINGER_MS;
	char room[4096];

	if (alert)
		gnutls_alert_send(t->session, GNUTLS_AL_FATAL, alert);
	shutdown(t->fd, SHUT_WR);
	/* closed with something unread, the connection would take back what was sent last */
	for (int64_t left = LINGER_MS; left > 0; left = end - now_monotonic_ms()) {
		struct pollfd p = { t->fd, POLLIN, 0 };

		if (poll(&p, 1, left) <= 0 || recv(t->fd, room, sizeof(room), 0) <= 0)
			break;
	}
}

/* ---- carrying ---- */

struct half { /* one direction */
	char *p;
	size_t n, sent;
	bool ended, told; /* no more comes; and that was passed on */
};

struct pump {
	struct tls *t;
	int plain;
	struct half in, out; /* from the other side; to it */
	bool stuck;	     /* a record waits for room in the socket */
	int r, code;	     /* GnuTLS's own, when it broke, and errno */
};

/* Each of these returns whether something moved. */
static bool take_in(struct pump *p)
{
	struct half *h = &p->in;
	size_t before = h->n;
	bool ended = h->ended;

	while (!h->ended && ROOM - h->n >= RECORD) {
		ssize_t n = gnutls_record_recv(p->t->session, h->p + h->n, ROOM - h->n);

		if (n > 0)
			h->n += n;
		else if (n == 0 || over(n))
			h->ended = true;
		else if (n == GNUTLS_E_AGAIN)
			break;
		if (n < 0 && h->ended && n != GNUTLS_E_PREMATURE_TERMINATION) {
			p->r = n;
			p->code = errno;
			p->out.ended = true;
			p->out.n = p->out.sent = 0;
		}
	}
	return h->n != before || h->ended != ended;
}

static bool pass_in(struct pump *p)
{
	struct half *h = &p->in;
	ssize_t n = h->n > h->sent ? send(p->plain, h->p + h->sent, h->n - h->sent, MSG_NOSIGNAL) : 0;

	if (n > 0)
		h->sent += n;
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		h->ended = p->out.ended = true, h->sent = h->n; /* nobody is there to take it */
	if (h->sent == h->n)
		h->sent = h->n = 0;
	if (h->ended && !h->n && !h->told && !p->r) {
		h->told = true;
		shutdown(p->plain, SHUT_WR);
	}
	return n > 0;
}

static bool take_out(struct pump *p)
{
	struct half *h = &p->out;
	ssize_t n;

	if (h->ended || h->n)
		return false;
	n = recv(p->plain, h->p, ROOM, 0);
	if (n > 0)
		h->n = n;
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		h->ended = true;
	return n >= 0;
}

static bool pass_out(struct pump *p)
{
	struct half *h = &p->out;
	bool moved = false;

	p->stuck = false;
	while (h->n > h->sent) {
		ssize_t n = gnutls_record_send(p->t->session, h->p + h->sent, h->n - h->sent);

		if (n > 0) {
			h->sent += n;
			moved = true;
		} else if (n == GNUTLS_E_AGAIN) {
			p->stuck = true;
			return moved;
		} else if (n < 0 && over(n)) {
			h->ended = true;
			h->sent = h->n;
			/* what is left for a connection that the other side has closed is not worth a word */
			p->r = n == GNUTLS_E_INVALID_SESSION ? p->r : n;
			p->code = errno;
		}
	}
	h->sent = h->n = 0;
	return moved;
}

static void rest(struct pump *p)
{
	struct pollfd fds[2] = { { p->t->fd, 0, 0 }, { p->plain, 0, 0 } };

	if (!p->in.ended && ROOM - p->in.n >= RECORD)
		fds[0].events |= POLLIN;
	if (p->stuck)
		fds[0].events |= POLLOUT;
	if (!p->out.ended && !p->out.n)
		fds[1].events |= POLLIN;
	if (p->in.n)
		fds[1].events |= POLLOUT;
	for (int i = 0; i < 2; i++)
		if (!fds[i].events) /* that it is closed need not be told again and again */
			fds[i].fd = -1;
	poll(fds, 2, -1);
}

int tls_pump(struct tls *t, int plain, struct error *err)
{
	struct pump p = { .t = t, .plain = plain, .in.p = xmalloc(ROOM), .out.p = xmalloc(ROOM) };
	int r = 0;

	while (!(p.out.ended && !p.out.n) && !atomic_load(&ending)) {
		bool moved = take_in(&p);

		moved |= pass_in(&p);
		moved |= take_out(&p);
		moved |= pass_out(&p);
		if (!moved)
			rest(&p);
	}
	if (p.r == GNUTLS_E_PULL_ERROR || p.r == GNUTLS_E_PUSH_ERROR)
		r = error_set(err, ECONNRESET, "the connection broke: %s", strerror(p.code));
	else if (p.r == GNUTLS_E_FATAL_ALERT_RECEIVED)
		r = tls_failed(t->session, p.r, tls_creds_files(t->creds), err);
	else if (p.r < 0)
		r = error_set(err, EPROTO, "%s", gnutls_strerror(p.r));
	else
		gnutls_bye(t->session, GNUTLS_SHUT_WR);
	free(p.in.p);
	free(p.out.p);
	return r;
}
