/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The kernel's iSCSI sessions as sysfs shows them.  Runs on a pool's thread: a name that is resolved may take its time. */
#include <limits.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "iscsi.h"

/* Is ADDRESS, a number in sysfs, one of those that HOST resolves to? */
static bool resolves_to(const char *host, const char *address)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all = NULL;
	char text[NI_MAXHOST];
	bool same = false;

	if (getaddrinfo(host, NULL, &hints, &all) != 0)
		return false;
	for (struct addrinfo *a = all; a && !same; a = a->ai_next)
		if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST) == 0)
			same = str_eq(text, address);
	freeaddrinfo(all);
	return same;
}

static bool same_portal(const char *sys, int sid, const struct iscsi_portal *p)
{
	autofree char *dir = xasprintf("%s/class/iscsi_connection/connection%d:0", sys, sid);
	autofree char *address = sys_text(dir, "persistent_address"), *port = sys_text(dir, "persistent_port");
	autofree char *now = sys_text(dir, "address");

	if (!str_eq(port, p->port))
		return false;
	if (str_eq(address, p->host) || str_eq(now, p->host))
		return true;
	return (address && resolves_to(p->host, address)) || (now && resolves_to(p->host, now));
}

/* ".../host2/session1/iscsi_session/session1": 2 */
static int host_of(const char *dir)
{
	char to[PATH_MAX];
	ssize_t n = readlink(dir, to, sizeof(to) - 1);
	const char *at;
	int host;

	to[n > 0 ? n : 0] = 0;
	at = strstr(to, "/host");
	return at && sscanf(at, "/host%d/", &host) == 1 ? host : -1;
}

int iscsi_session_find(const char *sys, const struct iscsi_portal *p, const char *iface, bool ours_only, int *host)
{
	autofree char *dir = xasprintf("%s/class/iscsi_session", sys);
	struct vec names = { 0 };
	int found = -ENOENT;
	bool ours = false;

	if (sys_names(dir, "session", &names) < 0)
		return -ENOENT;
	for (size_t i = 0; i < names.n && !ours; i++) {
		autofree char *session = xasprintf("%s/%s", dir, (char *)names.at[i]);
		autofree char *target = sys_text(session, "targetname"), *who = sys_text(session, "initiatorname");
		autofree char *through = sys_text(session, "ifacename");
		int sid = atoi((char *)names.at[i] + 7), at = host_of(session);

		if (!str_eq(target, p->iqn) || (p->initiator && !str_eq(who, p->initiator)) || at < 0 ||
		    !same_portal(sys, sid, p))
			continue;
		ours = str_eq(through, iface);
		if (!ours && (ours_only || found >= 0))
			continue;
		found = sid;
		*host = at;
	}
	vec_clear(&names, free);
	return found;
}
