/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Clients that come in over TLS (-o listen=tls://ADDRESS:PORT).  Each shows a certificate that our CA signed; whom it stands for here is said
 * by host/access (engine/access_map.h).  Who is not let in is named with the reason in `errors` and the log, and sees an alert.
 */
#ifndef DOMFS_TLS_SERVER_H
#define DOMFS_TLS_SERVER_H

#include "engine/error.h"

/* Listens on FD (bound, and from then on its own) with certificates from DIR (NULL: where libvirt has them), which are read at once, and again
 * when they have changed.  WHERE: for messages. */
int tls_serve(int fd, const char *where, const char *dir, struct error *err);
void tls_serve_close(void); /* of all of them; connections end */
/* Ends every connection over TLS, those to other hosts as well, and waits (bounded) until no thread is inside GnuTLS any more, which takes itself
 * down when the process ends.  After the loop's end. */
void tls_drain(void);

#endif
