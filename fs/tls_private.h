/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the files of TLS. */
#ifndef DOMFS_TLS_PRIVATE_H
#define DOMFS_TLS_PRIVATE_H

#include <time.h>

#include "engine/buf.h"
#include "tls.h"

gnutls_certificate_credentials_t tls_creds_cred(const struct tls_creds *c);
gnutls_priority_t tls_creds_priority(const struct tls_creds *c);
const struct tls_files *tls_creds_files(const struct tls_creds *c);
void tls_when(time_t t, char out[32]);

/* tls_why.c.  What is wrong with the certificate that the other side of S showed, by STATUS (gnutls_certificate_verify_peers); and the
 * alert that says so to him. */
int tls_why(gnutls_session_t s, unsigned status, const char *host, const struct tls_files *files,
	    gnutls_alert_description_t *alert, struct error *err);
/* The subject (RFC 4514, without control characters) of the certificate that S's other side showed; NULL: none.  The caller frees. */
char *tls_peer_subject(gnutls_session_t s);
/* What a failed call of GnuTLS means: CODE is its, MINE whether the other side's certificate or ours is in question. */
int tls_failed(gnutls_session_t s, int code, const struct tls_files *files, struct error *err);

#endif
