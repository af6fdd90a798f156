/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Links over TLS: tls://HOST[:PORT]/[?pkipath=DIR].  The certificate of this side is where libvirt has a client's: DIR/clientcert.pem, or
 * /etc/pki/libvirt/clientcert.pem and private/clientkey.pem, or those of the user; the other side's must be of a CA of cacert.pem, for HOST.
 */
#ifndef DOMFS_REMOTE_TLS_H
#define DOMFS_REMOTE_TLS_H

#include "engine/error.h"

/* WHERE is what follows "tls://".  -EINVAL names what is wrong in it; ENOTSUP: this domfs was built without TLS. */
int tls_uri_check(const char *where, struct error *err);
/* Connects: *FD is one end of a socket pair that carries what TLS does; *HOW gets words for hosts/NAME/link.  Task; bounded. */
int tls_open(const char *where, int *fd, char **how, struct error *err);

#endif
