/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A build without libssh2. */
#include "ssh.h"

int ssh_library_open(const struct ssh_uri *u unused, const struct ssh_config *c unused, struct transport *t unused,
		     char **why_not, struct error *err unused)
{
	*why_not = xstrdup("this build has no libssh2");
	return -ENOTSUP;
}
