/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the files of the libssh2 transport.  All but ssh_known.c runs on the connection's own thread, and touches no state of the engine. */
#ifndef DOMFS_SSH_LIBRARY_H
#define DOMFS_SSH_LIBRARY_H

#include <libssh2.h>
#include <pthread.h>

#include "ssh.h"

struct ssh_known { /* a line of a known_hosts file that is about the host */
	char *file, *type;
	unsigned line;
	struct buf key; /* as it is on the wire */
	bool revoked;
};

struct ssh_key {	 /* one that we might log in with */
	char *name;	 /* the file, or the agent's comment */
	char type[64];	 /* "ssh-ed25519"; empty: not known before it is tried */
	struct buf blob; /* the public half as it is on the wire; empty: not known */
	bool in_agent, encrypted;
};

struct ssh_session {
	/* what the task says */
	char *user, *host, *port, *command, *hostkeys, *kex, *ciphers, *macs;
	char *agent;	  /* its socket; NULL: none */
	char *keyfile;	  /* the uri's: it must be there */
	struct vec files; /* of private keys; ~/ is the login's */
	struct vec known;
	bool only_files; /* of the agent's keys, those of FILES */
	int64_t until_ms;
	int sock, pair; /* the thread's end of it: the other one is the link's, and when that closes we end */

	/* the thread's */
	LIBSSH2_SESSION *ssh;
	LIBSSH2_CHANNEL *channel;
	int agent_fd;
	struct vec keys;
	bool cancelled, late;

	/* what comes back of the login */
	char *why_not; /* ssh(1) may do it: what libssh2 could not */
	char *text;    /* what is wrong */
	char *with;    /* what we were let in with */
	char *shown;   /* the key that is not the known one, as ssh-keygen -l writes it */

	pthread_mutex_t lock; /* from here both sides have it */
	unsigned refs;
	struct buf said; /* on stderr at the other end, and why it ended */
};

/* For offload: connects, looks at the host's key, logs in, starts the command.  0, or -EHOSTUNREACH with what came of it. */
int ssh_login(void *session);
/* After that, until either end closes; then ends the session and gives back its reference. */
void ssh_pump(void *session);
void ssh_session_close(struct ssh_session *s);
void ssh_session_unref(struct ssh_session *s);
/* Waits for what libssh2 waits for.  False: too long, or nobody wants it any more. */
bool ssh_wait(struct ssh_session *s);
/* Sets TEXT to "'HOST' port N: WHAT: libssh2's own words"; -EHOSTUNREACH. */
int ssh_failed(struct ssh_session *s, const char *what);

/* A call of libssh2 until it need not wait any more. */
#define ssh_settle(s, call)                                                                                            \
	({                                                                                                             \
		int settled_;                                                                                          \
		while ((settled_ = (call)) == LIBSSH2_ERROR_EAGAIN && ssh_wait(s))                                     \
			;                                                                                              \
		settled_;                                                                                              \
	})

/* Does this libssh2 sign with, and check, RSA as servers of today want it (rsa-sha2)? */
bool ssh_library_has_rsa(void);

/* ---- ssh_keys.c ---- */

int ssh_authenticate(struct ssh_session *s);
void ssh_key_free(void *key);

/* ---- ssh_agent.c: ssh-agent(1), with a bound on every answer ---- */

int ssh_agent_open(const char *path); /* -1: there is none */
/* Adds struct ssh_key to KEYS. */
bool ssh_agent_list(int fd, int64_t until_ms, struct vec *keys);
/* The signature alone, for libssh2 (malloc). */
bool ssh_agent_sign(int fd, int64_t until_ms, const struct buf *blob, struct str data, struct buf *signature);
/* Takes a string with its length before it off *FROM. */
bool ssh_take_string(struct str *from, struct str *out);

/* ---- ssh_known.c ---- */

/* What the known_hosts files have for NAME, by ssh-keygen(1): it knows hashed names, patterns and marks.  Task. */
int ssh_known_load(const struct ssh_uri *u, const struct ssh_config *c, const char *name, struct vec *known,
		   bool *authority, struct error *err);
/* "TYPE SHA256:..." of a line; NULL when it cannot be had.  Task. */
char *ssh_known_fingerprint(const struct ssh_known *k, const char *name);
void ssh_known_free(void *known);

#endif
