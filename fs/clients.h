/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who is connected: an object for each connection, which host/clients/ shows (fs/tree/access.c), and the word by which the audit log names where
 * somebody comes from.
 */
#ifndef DOMFS_CLIENTS_H
#define DOMFS_CLIENTS_H

#include "engine/access.h"

struct client {
	struct object obj; /* its name is its number */
	struct who who;
	char *peer; /* "unix", "ssh:192.0.2.1", "tls:192.0.2.1:4711": up to the colon it says over what */
	int64_t since_ns;
	unsigned (*fids)(void *arg);
	void (*end)(void *arg); /* disconnects it, soon */
	void *arg;
};

/* A connection of WHO begins; from then on whoever reads host/clients sees it: its own user and root.  FIDS: how many files it holds; END is called by
 * rmdir.  Both not after client_gone. */
struct client *client_new(const struct who *who, const char *peer, void (*end)(void *arg), unsigned (*fids)(void *arg),
			  void *arg);
void client_gone(struct client *c); /* it is not connected any more */
void client_free(struct client *c); /* its last request has ended */
unsigned client_number(const struct client *c);
struct client *client_of(const struct object *o);
struct client *client_find(const char *name);
struct client *client_after(uint64_t serial); /* in the order of serials; NULL: no more */
char *client_from(const struct who *who);     /* "fuse", "unix/7"; the caller frees */

#endif
