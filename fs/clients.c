/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Connections as objects: see clients.h. */
#include "clients.h"

#include <stdio.h>

#include "engine/audit.h"
#include "engine/units.h"

#define DIR_MODE 0500 /* of host/clients/N */

static struct vec all; /* in the order of their serials */
static unsigned last_number;

/* Their rights are not kept: they go with the connection. */
static void nothing_kept(struct object *o unused)
{
}

static void free_client(struct object *o)
{
	struct client *c = client_of(o);

	free(c->peer);
	free(c);
}

struct client *client_new(const struct who *who, const char *peer, void (*end)(void *arg), unsigned (*fids)(void *arg),
			  void *arg)
{
	struct client *c = xcalloc(1, sizeof(*c));
	struct rights own = { .uid = who->uid, .gid = who->gid == (gid_t)-1 ? 0 : who->gid };
	char name[16];

	access_keepers[OBJ_CLIENT] = nothing_kept;
	snprintf(name, sizeof(name), "%u", ++last_number);
	object_init(&c->obj, OBJ_CLIENT, name, &root_object, free_client);
	access_set(&c->obj, "", DIR_MODE, ACCESS_UID | ACCESS_GID, &own);
	c->who = *who;
	c->who.connection = last_number;
	c->peer = xstrdup(peer);
	c->since_ns = now_realtime_ns();
	c->end = end;
	c->fids = fids;
	c->arg = arg;
	vec_add(&all, c);
	object_changed(&root_object, 1u << FACET_NAMES);
	audit_add(&c->who, peer, "connect", "host/clients", 0, str_of(name));
	return c;
}

void client_gone(struct client *c)
{
	audit_add(&c->who, c->peer, "disconnect", "host/clients", 0, str_of(c->obj.name));
	object_gone(&c->obj);
	object_changed(&root_object, 1u << FACET_NAMES);
}

void client_free(struct client *c)
{
	vec_drop(&all, c);
	if (!all.n)
		vec_clear(&all, NULL);
	object_unref(&c->obj);
}

unsigned client_number(const struct client *c)
{
	return c->who.connection;
}

struct client *client_of(const struct object *o)
{
	return container_of((struct object *)o, struct client, obj);
}

struct client *client_find(const char *name)
{
	for (size_t i = 0; i < all.n; i++) {
		struct client *c = all.at[i];
		if (!c->obj.gone && !strcmp(c->obj.name, name))
			return c;
	}
	return NULL;
}

struct client *client_after(uint64_t serial)
{
	struct object *o = object_after(&all, serial);

	while (o && o->gone)
		o = object_after(&all, o->serial);
	return o ? client_of(o) : NULL;
}

char *client_from(const struct who *who)
{
	if (!who->connection)
		return xstrdup("fuse");
	for (size_t i = 0; i < all.n; i++) { /* those that are gone too, as long as a request of theirs goes on */
		const struct client *c = all.at[i];
		if (c->who.connection == who->connection)
			return xasprintf("%s/%u", c->peer, who->connection);
	}
	return xasprintf("gone/%u", who->connection);
}
