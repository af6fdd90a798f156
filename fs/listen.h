/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where clients come in: the unix socket in the run directory (always), TCP and TLS (mount option listen=).  Who it is: on a unix socket what the
 * kernel says (SO_PEERCRED); on TCP over loopback the owner of the other end of the connection, as the kernel lists it; over TLS the certificate
 * (host/access).  TCP from elsewhere is refused: nobody there can be told from anybody else.
 */
#ifndef DOMFS_LISTEN_H
#define DOMFS_LISTEN_H

#include "engine/access.h"

/* WHERE: unix:PATH, tcp://ADDRESS:PORT (loopback only), tls://ADDRESS:PORT.  -EINVAL, or what bind(2) says.
 * TLS_DIR: tls_server.h. */
int listen_add(const char *where, const char *tls_dir, struct error *err);
/* The sockets that whoever started the process has opened for it: LISTEN_FDS and LISTEN_PID, as sd_listen_fds(3)
 * describes them.  They need a process in the foreground (-f). */
int listen_inherited(struct error *err);
bool listen_has(const char *path); /* a unix socket of that path is listened on already */
void listen_close(void);
char *listen_socket_path(void); /* the unix socket of the engine with this run directory; the caller frees */

#endif
