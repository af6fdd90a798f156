/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Certificates and keys: where libvirt has them, and read with a look at who else may. */
#include <fcntl.h>
#include <gnutls/x509.h>
#include <pwd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/driver.h"
#include "engine/event.h"
#include "tls_private.h"

#define FILE_MAX (1u << 20)
#define PKI	 "/etc/pki"
/* What the system's policy has, but nothing older than TLS 1.2 and no key exchange that a stolen key opens later. */
#define PRIORITY "-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-RSA"

/* ---- where ---- */

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

void tls_files_clear(struct tls_files *f)
{
	free(f->ca);
	free(f->crl);
	free(f->cert);
	free(f->key);
	*f = (struct tls_files){ 0 };
}

static struct tls_files in_directory(const char *side, const char *dir)
{
	return (struct tls_files){
		.ca = xasprintf("%s/cacert.pem", dir),
		.crl = xasprintf("%s/cacrl.pem", dir),
		.cert = xasprintf("%s/%scert.pem", dir, side),
		.key = xasprintf("%s/%skey.pem", dir, side),
	};
}

static void replace(char **path, char *with)
{
	free(*path);
	*path = with;
}

/* A user's own files, as far as he has them; certificate and key only together. */
static void prefer_users(const char *side, struct tls_files *out)
{
	const struct passwd *pw = getenv("HOME") ? NULL : getpwuid(getuid());
	autofree char *dir = xasprintf("%s/.pki/libvirt", pw ? pw->pw_dir : getenv("HOME") ? getenv("HOME") : "");
	struct tls_files own = in_directory(side, dir);

	if (exists(own.ca))
		replace(&out->ca, take(&own.ca));
	if (exists(own.crl))
		replace(&out->crl, take(&own.crl));
	if (exists(own.cert) && exists(own.key)) {
		replace(&out->cert, take(&own.cert));
		replace(&out->key, take(&own.key));
	}
	tls_files_clear(&own);
}

void tls_files_find(const char *side, const char *dir, struct tls_files *out)
{
	if (dir) {
		*out = in_directory(side, dir);
		return;
	}
	*out = (struct tls_files){
		.ca = xstrdup(PKI "/CA/cacert.pem"),
		.crl = xstrdup(PKI "/CA/cacrl.pem"),
		.cert = xasprintf(PKI "/libvirt/%scert.pem", side),
		.key = xasprintf(PKI "/libvirt/private/%skey.pem", side),
	};
	if (!config.root)
		prefer_users(side, out);
}

/* ---- reading ---- */

struct mark { /* which file it was */
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime;
	bool there;
};

struct tls_creds {
	atomic_uint refs;
	gnutls_certificate_credentials_t cred;
	gnutls_priority_t priority;
	struct tls_files files;
	struct mark marks[4];
};

static struct mark mark_of(const struct stat *st)
{
	return (struct mark){
		.dev = st->st_dev, .ino = st->st_ino, .size = st->st_size, .mtime = st->st_mtim, .there = true
	};
}

static bool same_mark(const struct mark *a, const struct mark *b)
{
	return a->there == b->there && a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->mtime.tv_sec == b->mtime.tv_sec && a->mtime.tv_nsec == b->mtime.tv_nsec;
}

/* Who could change it could be anybody here; who can read a key can be us elsewhere. */
static int check_rights(const char *path, const struct stat *st, bool secret, struct error *err)
{
	if (!S_ISREG(st->st_mode) || st->st_size > FILE_MAX)
		return error_set(err, EINVAL, "'%s' is no file of at most %u bytes", path, FILE_MAX);
	if (st->st_uid != 0 && st->st_uid != geteuid())
		return error_set(err, EPERM,
				 "'%s' belongs to uid %u: it must be root's or of the user that domfs runs as", path,
				 st->st_uid);
	if (st->st_mode & S_IWOTH)
		return error_set(err, EPERM, "'%s' has mode %04o: others may change it: chmod o-w", path,
				 st->st_mode & 07777);
	if (secret && st->st_mode & (S_IRWXO | S_IWGRP))
		return error_set(err, EPERM, "'%s' has mode %04o: a private key is for its owner alone: chmod 0600",
				 path, st->st_mode & 07777);
	return 0;
}

/* A missing file that may be missing is empty text. */
static int read_file(const char *path, bool secret, bool optional, struct buf *out, struct mark *mark,
		     struct error *err)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	char room[8192];
	ssize_t n;
	int r;

	*mark = (struct mark){ 0 };
	if (fd < 0 && errno == ENOENT && optional)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return error_set(err, errno, "'%s': %s", path, strerror(errno));
	r = check_rights(path, &st, secret, err);
	if (r < 0)
		return r;
	*mark = mark_of(&st);
	while ((n = read(fd, room, sizeof(room))) > 0 && out->n < FILE_MAX)
		buf_add(out, room, n);
	explicit_bzero(room, sizeof(room));
	return n < 0 ? error_set(err, errno, "'%s': %s", path, strerror(errno)) : 0;
}

static gnutls_datum_t datum(const struct buf *b)
{
	return (gnutls_datum_t){ (unsigned char *)b->p, b->n };
}

void tls_when(time_t t, char out[32])
{
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(out, 32, "%Y-%m-%d %H:%M:%S UTC", &tm);
}

/* ---- checking ---- */

static int check_dates(const char *path, gnutls_x509_crt_t crt, struct error *err)
{
	time_t now = time(NULL), from = gnutls_x509_crt_get_activation_time(crt),
	       to = gnutls_x509_crt_get_expiration_time(crt);
	char when[32];

	if (now < from) {
		tls_when(from, when);
		return error_set(err, EACCES, "our certificate '%s' is valid only from %s on: is the clock right?",
				 path, when);
	}
	tls_when(to, when);
	if (now > to)
		return error_set(err, EACCES, "our certificate '%s' expired on %s", path, when);
	return 0;
}

static int check_own(const char *path, const struct buf *pem, struct error *err)
{
	gnutls_datum_t d = datum(pem);
	gnutls_x509_crt_t crt;
	int r;

	gnutls_x509_crt_init(&crt);
	r = gnutls_x509_crt_import(crt, &d, GNUTLS_X509_FMT_PEM);
	if (r < 0)
		r = error_set(err, EBADMSG, "'%s': no certificate in PEM: %s", path, gnutls_strerror(r));
	else
		r = check_dates(path, crt, err);
	gnutls_x509_crt_deinit(crt);
	return r;
}

/* A list of another CA's would revoke nothing and nobody would notice. */
static int crl_verify(const struct tls_files *f, gnutls_x509_crl_t crl, const struct buf *ca, struct error *err)
{
	gnutls_datum_t d = datum(ca);
	gnutls_x509_crt_t *cas = NULL;
	unsigned n = 0, status = 0;
	int r = gnutls_x509_crt_list_import2(&cas, &n, &d, GNUTLS_X509_FMT_PEM, 0);
	char when[32];

	if (r >= 0)
		r = gnutls_x509_crl_verify(crl, cas, n, 0, &status);
	for (unsigned i = 0; i < n; i++)
		gnutls_x509_crt_deinit(cas[i]);
	gnutls_free(cas);
	if (r < 0)
		return error_set(err, EBADMSG, "'%s': %s", f->crl, gnutls_strerror(r));
	tls_when(gnutls_x509_crl_get_next_update(crl), when);
	if (status & GNUTLS_CERT_REVOCATION_DATA_SUPERSEDED)
		return error_set(err, EACCES,
				 "'%s': this list of revoked certificates was to be renewed until %s: get a new one",
				 f->crl, when);
	if (status)
		return error_set(
			err, EACCES,
			"'%s' is no list of revoked certificates that a CA of '%s' signed and that is valid now",
			f->crl, f->ca);
	return 0;
}

static int use_crl(struct tls_creds *c, const struct buf *pem, const struct buf *ca, struct error *err)
{
	gnutls_datum_t d = datum(pem);
	gnutls_x509_crl_t crl;
	int r;

	gnutls_x509_crl_init(&crl);
	r = gnutls_x509_crl_import(crl, &d, GNUTLS_X509_FMT_PEM);
	if (r >= 0)
		r = crl_verify(&c->files, crl, ca, err);
	else
		r = error_set(err, EBADMSG, "'%s': no list of revoked certificates in PEM: %s", c->files.crl,
			      gnutls_strerror(r));
	gnutls_x509_crl_deinit(crl);
	if (r == 0 && (r = gnutls_certificate_set_x509_crl_mem(c->cred, &d, GNUTLS_X509_FMT_PEM)) < 0)
		r = error_set(err, EBADMSG, "'%s': %s", c->files.crl, gnutls_strerror(r));
	return r < 0 ? r : 0;
}

static int use(struct tls_creds *c, const struct buf texts[4], struct error *err)
{
	gnutls_datum_t ca = datum(&texts[0]), cert = datum(&texts[2]), key = datum(&texts[3]);
	int r = gnutls_certificate_set_x509_trust_mem(c->cred, &ca, GNUTLS_X509_FMT_PEM);

	if (r <= 0)
		return error_set(err, EBADMSG, "'%s': no CA certificate in PEM%s%s", c->files.ca, r ? ": " : "",
				 r ? gnutls_strerror(r) : "");
	r = c->marks[1].there ? use_crl(c, &texts[1], &texts[0], err) : 0;
	if (r == 0)
		r = check_own(c->files.cert, &texts[2], err);
	if (r < 0)
		return r;
	r = gnutls_certificate_set_x509_key_mem2(c->cred, &cert, &key, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (r == GNUTLS_E_CERTIFICATE_KEY_MISMATCH)
		return error_set(err, EBADMSG, "'%s' is not the key of certificate '%s'", c->files.key, c->files.cert);
	return r < 0 ? error_set(err, EBADMSG, "'%s' and '%s': %s", c->files.cert, c->files.key, gnutls_strerror(r))
		     : 0;
}

static const char *path_of(const struct tls_files *f, int i)
{
	return i == 0 ? f->ca : i == 1 ? f->crl : i == 2 ? f->cert : f->key;
}

int tls_creds_load(const char *side, const struct tls_files *f, struct tls_creds **out, struct error *err)
{
	struct tls_creds *c = xcalloc(1, sizeof(*c));
	struct buf texts[4] = { 0 };
	int r = 0;

	atomic_store(&c->refs, 1);
	gnutls_certificate_allocate_credentials(&c->cred);
	c->files = (struct tls_files){ xstrdup(f->ca), xstrdup(f->crl), xstrdup(f->cert), xstrdup(f->key) };
	for (int i = 0; i < 4 && r == 0; i++)
		r = read_file(path_of(f, i), i == 3, i == 1, &texts[i], &c->marks[i], err);
	if (r == 0)
		r = use(c, texts, err);
	if (r == 0 && (r = gnutls_priority_init2(&c->priority, PRIORITY, NULL, GNUTLS_PRIORITY_INIT_DEF_APPEND)) < 0)
		r = error_set(err, ENOTSUP, "the system's TLS policy leaves nothing to use: %s", gnutls_strerror(r));
	for (int i = 0; i < 4; i++)
		buf_wipe(&texts[i]);
	if (r < 0) {
		tls_creds_unref(c);
		return error_in(err, r, "TLS (%s)", side);
	}
	*out = c;
	return 0;
}

bool tls_creds_current(const struct tls_creds *c)
{
	for (int i = 0; i < 4; i++) {
		struct mark now = { 0 };
		struct stat st;

		if (stat(path_of(&c->files, i), &st) == 0)
			now = mark_of(&st);
		if (!same_mark(&now, &c->marks[i]))
			return false;
	}
	return true;
}

struct tls_creds *tls_creds_ref(struct tls_creds *c)
{
	atomic_fetch_add(&c->refs, 1);
	return c;
}

void tls_creds_unref(struct tls_creds *c)
{
	if (!c || atomic_fetch_sub(&c->refs, 1) != 1)
		return;
	gnutls_certificate_free_credentials(c->cred);
	if (c->priority)
		gnutls_priority_deinit(c->priority);
	tls_files_clear(&c->files);
	free(c);
}

gnutls_certificate_credentials_t tls_creds_cred(const struct tls_creds *c)
{
	return c->cred;
}

gnutls_priority_t tls_creds_priority(const struct tls_creds *c)
{
	return c->priority;
}

const struct tls_files *tls_creds_files(const struct tls_creds *c)
{
	return &c->files;
}
