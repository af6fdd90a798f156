/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * TLS between two ends that both show a certificate: what the server (tls_server.h) and the client (remote/tls.h) share.  TLS 1.2 at
 * least; each side's certificate is verified against the CA that the other names, and its list of revoked ones.  All of this runs on
 * a thread of its own per connection, never on the loop, but for what says otherwise.
 */
#ifndef DOMFS_TLS_H
#define DOMFS_TLS_H

#include <gnutls/gnutls.h>

#include "engine/error.h"

#define TLS_HANDSHAKE_MS 10000
#define TLS_PORT	 "5641"	 /* when a client's URI names none */
#define TLS_ALPN	 "domfs" /* who asks for this protocol is told in a line, "ok" or why not, before 9P begins */

struct tls_files { /* owned paths */
	char *ca, *crl, *cert, *key;
};

/* Where the files of SIDE ("server" or "client") are: all in DIR, or where libvirt has them (/etc/pki; of a user who is not root those in
 * ~/.pki/libvirt that exist). */
void tls_files_find(const char *side, const char *dir, struct tls_files *out);
void tls_files_clear(struct tls_files *f);

/* What was read from them.  Shared by threads, and never changed once made. */
struct tls_creds;
/* Reads and checks them: a private key that others may read, a certificate that is not of that key or not valid now is refused; the
 * error names the file and what is wrong.  May wait for the disk. */
int tls_creds_load(const char *side, const struct tls_files *f, struct tls_creds **out, struct error *err);
/* Do the files that C was read from look as they did then? */
bool tls_creds_current(const struct tls_creds *c);
struct tls_creds *tls_creds_ref(struct tls_creds *c);
void tls_creds_unref(struct tls_creds *c); /* NULL is fine */

struct tls; /* a connection */

/* FD (a connected socket) becomes its own.  HOST: the name that the other side's certificate must have; NULL: we are the server. */
struct tls *tls_new(struct tls_creds *c, int fd, const char *host);
/* Closes it; from any thread that nobody else uses it on.  NULL is fine. */
void tls_free(struct tls *t);
/* The handshake, and who the other side is: bounded by TLS_HANDSHAKE_MS.  When it fails the other side has been told by an alert.  -ETIMEDOUT,
 * -EPROTO (it does not speak TLS, or not such as we want), -EACCES (its certificate, or ours), with the reason. */
int tls_handshake(struct tls *t, struct error *err);
const char *tls_subject(const struct tls *t); /* RFC 4514; of the other side's certificate, after the handshake */
bool tls_told(const struct tls *t);	      /* both sides know TLS_ALPN */
char *tls_words(const struct tls *t);	      /* "TLS1.3 AES-256-GCM"; the caller frees */
/* A line (without the newline) there and back, in the time that TLS_HANDSHAKE_MS leaves. */
int tls_say(struct tls *t, const char *line, struct error *err);
int tls_hear(struct tls *t, char *line, size_t size, struct error *err);
/* Ends it so that the other side gets what it was sent last, and ALERT. */
void tls_refuse(struct tls *t, gnutls_alert_description_t alert);
/* Carries bytes between it and PLAIN, a non-blocking stream socket, until one side has ended.  -errno when it broke. */
int tls_pump(struct tls *t, int plain, struct error *err);

void tls_cut(struct tls *t); /* from any thread: it ends */

/* How many handshakes and pumps are going on: tls_drain() (tls_server.h) waits for them. */
void tls_busy(int change);

#endif
