/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What links to other hosts are made of: a row of transport.c for each scheme of a uri. */
#ifndef DOMFS_TRANSPORT_H
#define DOMFS_TRANSPORT_H

#include "engine/error.h"

struct transport {
	int in, out;  /* may be the same; the caller's once it is open */
	char *how;    /* words for hosts/NAME/link; the caller's.  May be set by an attempt that fails, too */
	void *behind; /* the process or the thread that carries the bytes; NULL: nothing does but the kernel */
	/* What whatever is behind it has said since it was last asked, which is why the link ended when it has: the caller frees; NULL: nothing.
	 * On the loop, waits for nothing.  May be NULL. */
	char *(*words)(void *behind);
	/* Ends what is behind, at once; frees it.  The descriptors are closed before.  NULL when BEHIND is. */
	void (*end)(void *behind);
};

struct scheme {
	const char *prefix; /* what such a uri begins with */
	const char *form;   /* what it looks like, for messages */
	/* WHERE is what comes after the prefix, never empty.  NULL: anything goes. */
	int (*check)(const char *where, struct error *err);
	/* Connects, within 30 s: *T (which is all zero before, with descriptors of -1) and 0; else a negative errno with the reason, and nothing is
	 * left behind.  Task. */
	int (*open)(const char *where, struct transport *t, struct error *err);
};

/* Connects to URI.  Task. */
int transport_open(const char *uri, struct transport *t, struct error *err);
char *transport_words(struct transport *t); /* NULL: nothing; the caller frees */
void transport_end(struct transport *t);    /* may be called again */

/* A connected socket to one of HOST's addresses, of FAMILY (AF_UNSPEC: any).  Bounded.  Task. */
int transport_tcp(const char *host, const char *port, int family, int *fd, struct error *err);

int ssh_check(const char *where, struct error *err);
int ssh_open(const char *where, struct transport *t, struct error *err);

#endif
