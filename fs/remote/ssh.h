/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Between the files of the ssh transport: ssh.c has the uri and the choice, ssh_command.c ssh(1), ssh_library.c and its threads libssh2. */
#ifndef DOMFS_SSH_H
#define DOMFS_SSH_H

#include "engine/buf.h"
#include "transport.h"

#define SSH_ALIVE_S    5 /* how often the other end is asked whether it is there */
#define SSH_ALIVE_MOST 3 /* questions without an answer */

enum ssh_by { SSH_BY_ANY, SSH_BY_COMMAND, SSH_BY_LIBRARY };

struct ssh_uri {
	char *user, *host, *port;			/* NULL, but for HOST: as the configuration says */
	char *keyfile, *command, *known_hosts, *config; /* NULL: not given */
	bool no_agent, no_files;			/* sshauth= leaves them out */
	enum ssh_by by;
};

int ssh_uri_parse(const char *where, struct ssh_uri *u, struct error *err);
void ssh_uri_free(struct ssh_uri *u);

/* What `ssh -G` says for the uri: lines of a keyword in small letters, a blank and its value. */
struct ssh_config {
	struct vec lines;
};
const char *ssh_config_get(const struct ssh_config *c, const char *key);	     /* NULL: not set */
const char *ssh_config_nth(const struct ssh_config *c, const char *key, unsigned n); /* of those that may come again */
/* Does the comma-separated list KEY hold WORD? */
bool ssh_config_lists(const struct ssh_config *c, const char *key, const char *word);

/* Options of ssh(1) that the uri stands for, "ssh" first; each is to be freed. */
void ssh_arguments(const struct ssh_uri *u, struct vec *argv);
/* The command for the shell of the other end. */
char *ssh_remote_command(const struct ssh_uri *u);
/* What ssh(1), or the command at the other end, said last (TEXT is cut up), and what helps.  NULL: nothing.  The caller frees. */
char *ssh_last_words(struct buf *text);

/* ---- ssh_command.c ---- */

/* ssh(1) on a pair of sockets.  Does not wait: whether it gets there the link shows.  Task. */
int ssh_command_open(const struct ssh_uri *u, const struct ssh_config *c, struct transport *t, struct error *err);

/* ---- ssh_library.c ---- */

/* libssh2, logged in and the command begun.  When ssh(1) may do what it could not, *WHY_NOT says what that was (the caller frees) and nothing else
 * is set.  Task. */
int ssh_library_open(const struct ssh_uri *u, const struct ssh_config *c, struct transport *t, char **why_not,
		     struct error *err);

#endif
