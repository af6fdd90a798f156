/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What went wrong between two ends of TLS, in words that name the certificate and what would work. */
#include <gnutls/x509.h>
#include <stdio.h>
#include <sys/socket.h>

#include "tls_private.h"

/* The first that applies is what is said. */
static const struct reason {
	unsigned status;
	gnutls_alert_description_t alert;
	const char *text;
} reasons[] = {
	{ GNUTLS_CERT_REVOKED, GNUTLS_A_CERTIFICATE_REVOKED, "was revoked" },
	{ GNUTLS_CERT_SIGNER_NOT_FOUND, GNUTLS_A_UNKNOWN_CA, NULL },
	{ GNUTLS_CERT_EXPIRED, GNUTLS_A_CERTIFICATE_EXPIRED, NULL },
	{ GNUTLS_CERT_NOT_ACTIVATED, GNUTLS_A_BAD_CERTIFICATE, NULL },
	{ GNUTLS_CERT_UNEXPECTED_OWNER, GNUTLS_A_BAD_CERTIFICATE, NULL },
	{ GNUTLS_CERT_PURPOSE_MISMATCH, GNUTLS_A_UNSUPPORTED_CERTIFICATE, NULL },
	{ GNUTLS_CERT_SIGNER_NOT_CA, GNUTLS_A_UNKNOWN_CA, "is signed by a certificate that is no CA's" },
	{ GNUTLS_CERT_INSECURE_ALGORITHM, GNUTLS_A_BAD_CERTIFICATE, "is signed in a way that is not safe any more" },
	{ GNUTLS_CERT_SIGNATURE_FAILURE, GNUTLS_A_BAD_CERTIFICATE, "has a wrong signature" },
	{ GNUTLS_CERT_SIGNER_CONSTRAINTS_FAILURE, GNUTLS_A_BAD_CERTIFICATE, "is not what its CA may sign" },
	{ GNUTLS_CERT_UNKNOWN_CRIT_EXTENSIONS, GNUTLS_A_BAD_CERTIFICATE, "has critical extensions that are not known" },
};

/* The first certificate that S's other side showed; NULL: none.  The caller deinits. */
static gnutls_x509_crt_t peer_crt(gnutls_session_t s)
{
	unsigned n = 0;
	const gnutls_datum_t *list = gnutls_certificate_get_peers(s, &n);
	gnutls_x509_crt_t crt;

	if (!list || !n || gnutls_x509_crt_init(&crt) < 0)
		return NULL;
	if (gnutls_x509_crt_import(crt, &list[0], GNUTLS_X509_FMT_DER) == 0)
		return crt;
	gnutls_x509_crt_deinit(crt);
	return NULL;
}

/* It is one line of a log wherever it came from. */
static char *plain(gnutls_datum_t *d)
{
	char *text = xstrndup((char *)d->data, d->size);

	for (char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	gnutls_free(d->data);
	return text;
}

char *tls_peer_subject(gnutls_session_t s)
{
	gnutls_x509_crt_t crt = peer_crt(s);
	gnutls_datum_t dn = { 0 };
	char *text = NULL;

	if (crt && gnutls_x509_crt_get_dn3(crt, &dn, 0) == 0)
		text = plain(&dn);
	gnutls_x509_crt_deinit(crt);
	return text;
}

static char *issuer_of(gnutls_x509_crt_t crt)
{
	gnutls_datum_t dn = { 0 };

	return crt && gnutls_x509_crt_get_issuer_dn3(crt, &dn, 0) == 0 ? plain(&dn) : xstrdup("?");
}

static void add_address(struct buf *out, const unsigned char *p, size_t n)
{
	if (n == 4)
		buf_printf(out, " %u.%u.%u.%u", p[0], p[1], p[2], p[3]);
	for (size_t i = 0; n == 16 && i < n; i += 2)
		buf_printf(out, "%s%x", i ? ":" : " ", p[i] << 8 | p[i + 1]);
}

/* The names of hosts that it is for. */
static void add_names(struct buf *out, gnutls_x509_crt_t crt)
{
	for (unsigned i = 0; i < 16; i++) {
		char name[256];
		size_t n = sizeof(name) - 1;
		int type = gnutls_x509_crt_get_subject_alt_name(crt, i, name, &n, NULL);

		if (type == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
			break;
		if (type == GNUTLS_SAN_DNSNAME) {
			gnutls_datum_t d = { gnutls_malloc(n), n };
			autofree char *text = NULL;

			memcpy(d.data, name, n);
			text = plain(&d);
			buf_printf(out, " %s", text);
		} else if (type == GNUTLS_SAN_IPADDRESS) {
			add_address(out, (unsigned char *)name, n);
		}
	}
}

static void say_dates(struct buf *out, gnutls_x509_crt_t crt, bool expired)
{
	time_t from = gnutls_x509_crt_get_activation_time(crt), to = gnutls_x509_crt_get_expiration_time(crt);
	char when[32];

	tls_when(expired ? to : from, when);
	if (expired && to < time(NULL))
		buf_printf(out, "expired on %s", when);
	else if (expired)
		buf_puts(out, "is signed by a CA whose own certificate expired");
	else if (from > time(NULL))
		buf_printf(out, "is valid only from %s on: is the clock right?", when);
	else
		buf_puts(out, "is signed by a CA whose own certificate is not valid yet");
}

static void say(struct buf *out, const struct reason *why, gnutls_x509_crt_t crt, const char *host,
		const struct tls_files *files)
{
	autofree char *issuer = issuer_of(crt);

	switch (why->status) {
	case GNUTLS_CERT_SIGNER_NOT_FOUND:
		buf_printf(out, "is signed by '%s', which is no CA of '%s'", issuer, files->ca);
		break;
	case GNUTLS_CERT_EXPIRED:
	case GNUTLS_CERT_NOT_ACTIVATED:
		say_dates(out, crt, why->status == GNUTLS_CERT_EXPIRED);
		break;
	case GNUTLS_CERT_UNEXPECTED_OWNER:
		buf_printf(out, "is not for '%s', but for", host);
		{
			size_t before = out->n;
			add_names(out, crt);
			if (out->n == before)
				buf_puts(out, " no host: it has no name of one (subjectAltName)");
		}
		break;
	case GNUTLS_CERT_PURPOSE_MISMATCH:
		buf_printf(out, "is not for use by a %s (extended key usage)", host ? "server" : "client");
		break;
	default:
		buf_puts(out, why->text);
	}
	if (why->status == GNUTLS_CERT_REVOKED)
		buf_printf(out, ": it is in '%s'", files->crl);
}

int tls_why(gnutls_session_t s, unsigned status, const char *host, const struct tls_files *files,
	    gnutls_alert_description_t *alert, struct error *err)
{
	gnutls_x509_crt_t crt = peer_crt(s);
	autofree char *subject = tls_peer_subject(s);
	autobuf struct buf text = { 0 };
	size_t i = 0;

	while (i < ARRAY_SIZE(reasons) && !(reasons[i].status & status))
		i++;
	*alert = i < ARRAY_SIZE(reasons) ? reasons[i].alert : GNUTLS_A_BAD_CERTIFICATE;
	buf_printf(&text, "the %s's certificate '%s' ", host ? "server" : "client", subject ? subject : "?");
	if (i < ARRAY_SIZE(reasons) && crt)
		say(&text, &reasons[i], crt, host, files);
	else
		buf_printf(&text, "is not valid (status %#x)", status);
	gnutls_x509_crt_deinit(crt);
	return error_set(err, EACCES, "%s", buf_text(&text));
}

static int by_alert(gnutls_session_t s, const struct tls_files *files, struct error *err)
{
	gnutls_alert_description_t a = gnutls_alert_get(s);
	const char *name = gnutls_alert_get_name(a);

	switch (a) {
	case GNUTLS_A_BAD_CERTIFICATE:
	case GNUTLS_A_UNSUPPORTED_CERTIFICATE:
	case GNUTLS_A_CERTIFICATE_REVOKED:
	case GNUTLS_A_CERTIFICATE_EXPIRED:
	case GNUTLS_A_CERTIFICATE_UNKNOWN:
	case GNUTLS_A_UNKNOWN_CA:
	case GNUTLS_A_ACCESS_DENIED:
	case GNUTLS_A_CERTIFICATE_REQUIRED:
		return error_set(err, EACCES, "the other side refused our certificate '%s': %s", files->cert,
				 name ? name : "?");
	default:
		return error_set(err, EPROTO, "the other side ended it: alert %d, %s", a, name ? name : "?");
	}
}

static bool other_side_closed(gnutls_session_t s)
{
	char byte;

	return recv(gnutls_transport_get_int(s), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

int tls_failed(gnutls_session_t s, int code, const struct tls_files *files, struct error *err)
{
	if (code == GNUTLS_E_UNEXPECTED_PACKET_LENGTH && other_side_closed(s))
		code = GNUTLS_E_PREMATURE_TERMINATION; /* it was cut off */
	switch (code) {
	case GNUTLS_E_FATAL_ALERT_RECEIVED:
		return by_alert(s, files, err);
	case GNUTLS_E_PREMATURE_TERMINATION:
	case GNUTLS_E_PULL_ERROR:
	case GNUTLS_E_PUSH_ERROR:
		return error_set(err, EPROTO, "the other side closed the connection in the middle of the handshake");
	case GNUTLS_E_NO_CERTIFICATE_FOUND:
	case GNUTLS_E_CERTIFICATE_REQUIRED:
		return error_set(err, EACCES, "the client showed no certificate: it needs one that a CA of '%s' signed",
				 files->ca);
	case GNUTLS_E_UNSUPPORTED_VERSION_PACKET:
		return error_set(err, EPROTO, "the other side speaks no TLS of version 1.2 or later");
	case GNUTLS_E_NO_CIPHER_SUITES:
	case GNUTLS_E_NO_COMMON_KEY_SHARE:
		return error_set(err, EPROTO, "the other side offers no way of encryption that is safe enough: %s",
				 gnutls_strerror(code));
	case GNUTLS_E_KEY_USAGE_VIOLATION:
		return error_set(err, EACCES,
				 "the other side's certificate is not for signatures (key usage), as TLS needs it");
	default:
		return error_set(err, EPROTO, "the other side's TLS is not right: %s", gnutls_strerror(code));
	}
}
