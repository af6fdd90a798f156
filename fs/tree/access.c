/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* host/access/: who may come in, and what was done; host/clients/: who is connected. */
#include "engine/access_map.h"
#include "engine/audit.h"
#include "engine/units.h"
#include "fs/clients.h"
#include "tree.h"

static int map_show(const struct place *at unused, struct buf *out, struct error *err unused)
{
	buf_add(out, buf_text(access_map_text()), access_map_text()->n);
	return 0;
}

static int map_store(const struct place *at unused, struct str text, struct error *err)
{
	return access_map_set(text, err);
}

static const struct entry access_entries[] = {
	VALUE("map", 0600, map_show, map_store, .fresh = LIVE, .lines = true,
	      .doc = "whom the certificates of clients over TLS stand for: lines of USER SUBJECT; >> adds one"),
	STREAM("log", 0400, &audit_stream,
	       .doc = "what was done: TIME UID USER PID FROM ACTION PATH RESULT WHAT; the last part of audit.log"),
	{ 0 },
};

const struct dir_type access_dir = { .entries = access_entries };

/* ---- clients ---- */

static const struct client *client(const struct place *at)
{
	return client_of(at->obj);
}

static int uid_show(const struct place *at, struct buf *out, struct error *err unused)
{
	buf_printf(out, "%u\n", (unsigned)client(at)->who.uid);
	return 0;
}

static int user_show(const struct place *at, struct buf *out, struct error *err unused)
{
	return show_line(out, user_name(client(at)->who.uid));
}

static int pid_show(const struct place *at, struct buf *out, struct error *err unused)
{
	buf_printf(out, "%d\n", (int)client(at)->who.pid);
	return 0;
}

static int peer_show(const struct place *at, struct buf *out, struct error *err unused)
{
	return show_line(out, client(at)->peer);
}

static int transport_show(const struct place *at, struct buf *out, struct error *err unused)
{
	const char *peer = client(at)->peer;

	buf_add(out, peer, strcspn(peer, ":"));
	buf_putc(out, '\n');
	return 0;
}

static int since_show(const struct place *at, struct buf *out, struct error *err unused)
{
	time_iso8601(out, client(at)->since_ns);
	buf_putc(out, '\n');
	return 0;
}

static int fids_show(const struct place *at, struct buf *out, struct error *err unused)
{
	const struct client *c = client(at);

	buf_printf(out, "%u\n", c->obj.gone ? 0 : c->fids(c->arg));
	return 0;
}

static const struct entry client_entries[] = {
	VALUE("user", 0400, user_show, NULL, .facets = F_ACCESS, .doc = "who it acts as"),
	VALUE("uid", 0400, uid_show, NULL, .facets = F_ACCESS, .doc = "his number"),
	VALUE("peer", 0400, peer_show, NULL, .facets = F_ACCESS, .doc = "where it comes from"),
	VALUE("pid", 0400, pid_show, NULL, .facets = F_ACCESS,
	      .doc = "its process, when it is of this machine; 0: not known"),
	VALUE("transport", 0400, transport_show, NULL, .facets = F_ACCESS, .doc = "unix, ssh, tcp or tls"),
	VALUE("since", 0400, since_show, NULL, .facets = F_ACCESS, .doc = "when it connected"),
	VALUE("fids", 0400, fids_show, NULL, .fresh = LIVE, .doc = "how many files and directories it holds"),
	{ 0 },
};

static const struct dir_type client_dir = { .entries = client_entries };
static const struct entry client_entry = DIR("CLIENT", 0500, &client_dir, .facets = F_ACCESS,
					     .doc = "a client on a socket, for itself and root; rmdir disconnects it");

static bool sees(const struct place *dir, const struct client *c)
{
	return !dir->who || access_owner(&c->obj, dir->who);
}

static struct object *find(const struct place *dir, const char *name)
{
	struct client *c = client_find(name);

	return c && sees(dir, c) ? &c->obj : NULL;
}

static struct object *next(const struct place *dir, uint64_t after)
{
	struct client *c = client_after(after);

	while (c && !sees(dir, c))
		c = client_after(c->obj.serial);
	return c ? &c->obj : NULL;
}

static int drop(const struct place *at, struct error *err unused)
{
	const struct client *c = client(at);

	c->end(c->arg);
	return 0;
}

const struct dir_type clients_dir = {
	.child = &client_entry,
	.kind = OBJ_CLIENT,
	.find = find,
	.next = next,
	.drop = drop,
};
