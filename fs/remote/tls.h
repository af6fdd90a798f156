/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Links over TLS: tls://HOST[:PORT]/[?pkipath=DIR].  The certificate of this side is where libvirt has a client's: DIR/clientcert.pem, or
 * /etc/pki/libvirt/clientcert.pem and private/clientkey.pem, or those of the user; the other side's must be of a CA of cacert.pem, for HOST.
 */
#ifndef DOMFS_REMOTE_TLS_H
#define DOMFS_REMOTE_TLS_H

#include "transport.h"

/* A row of transport.c.  -ENOTSUP: this domfs was built without TLS. */
int tls_check(const char *where, struct error *err);
int tls_open(const char *where, struct transport *t, struct error *err);

#endif
