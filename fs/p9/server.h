/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The tree over 9P2000.L: one connection is one client, whatever the link is.  The same nodes as FUSE serves, the same rights, checked here, as
 * no kernel does it before.
 */
#ifndef DOMFS_P9_SERVER_H
#define DOMFS_P9_SERVER_H

#include "engine/access.h"

struct p9_conn;

/* Serves the other side of IN and OUT (which become its own) as WHO; WHO of uid 0 may attach as others (n_uname).  PEER: what `clients` and
 * the audit call it.  ENDED (may be NULL) is called when the connection is gone. */
struct p9_conn *p9_serve(int in, int out, const struct who *who, const char *peer, void (*ended)(void *arg), void *arg);
void p9_close_all(void); /* ends every connection */

#endif
