/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A domfs that was built without TLS says so. */
#include <unistd.h>

#include "remote/tls.h"
#include "tls_server.h"

static int none(struct error *err)
{
	return error_set(err, ENOTSUP, "this domfs was built without TLS (GnuTLS)");
}

int tls_serve(int fd, const char *where, const char *dir, struct error *err)
{
	(void)dir;
	close(fd);
	return error_in(err, none(err), "listen=tls://%s", where);
}

void tls_serve_close(void)
{
}

void tls_drain(void)
{
}

int tls_check(const char *where, struct error *err)
{
	return error_in(err, none(err), "tls://%s", where);
}

int tls_open(const char *where, struct transport *t unused, struct error *err)
{
	return tls_check(where, err);
}
