/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Actions and their lines in the audit log: see act.h. */
#include "act.h"

#include <fcntl.h>

#include "clients.h"
#include "engine/audit.h"

static void note(const struct place *at, const char *action, const char *path, int r, struct str what)
{
	static const struct who nobody;
	const struct who *who = at->who ? at->who : &nobody;
	autofree char *from = client_from(who);

	audit_add(who, from, action, path, r, what);
}

static char *path_of(const struct place *at, const char *name)
{
	struct buf path = { 0 };

	place_path(at, &path);
	if (name) {
		if (path.n)
			buf_putc(&path, '/');
		buf_puts(&path, name);
	}
	if (!path.n)
		buf_putc(&path, '.');
	return buf_take(&path);
}

/* "ssh://bob:secret@host" without what is between the colon and the at. */
static void add_uri(struct buf *out, struct str text)
{
	const char *slashes = memmem(text.p, text.n, "://", 3);
	const char *host = slashes ? slashes + 3 : NULL, *end = text.p + text.n;
	const char *slash = host ? memchr(host, '/', end - host) : NULL;
	const char *at = host ? memrchr(host, '@', (slash ? slash : end) - host) : NULL;
	const char *colon = at ? memchr(host, ':', at - host) : NULL;

	if (!colon) {
		buf_add(out, text.p, text.n);
		return;
	}
	buf_add(out, text.p, colon + 1 - text.p);
	buf_puts(out, "***");
	buf_add(out, at, end - at);
}

/* What was written, as far as everybody who reads the log may know it. */
static void add_what(struct buf *out, const struct place *at, struct str text)
{
	const struct entry *e = at->slot->entry;

	if (e->secret || (at->slot->prop && (at->slot->prop->flags & P_SECRET)))
		buf_puts(out, "(secret)");
	else if (e->kind == ENTRY_DOC || e->lines)
		buf_printf(out, "(%zu bytes)", text.n);
	else
		add_uri(out, text);
}

int act_store(const struct place *at, struct str text, struct error *err)
{
	autofree char *path = path_of(at, NULL);
	autobuf struct buf what = { 0 };
	int r;

	add_what(&what, at, text); /* storing waits: the text may be another's by then */
	r = at->slot->entry->store(at, text, err);
	note(at, "write", path, r, (struct str){ buf_text(&what), what.n });
	return r;
}

int act_make(const struct place *dir, const char *name, mode_t mode, struct object **out, struct error *err)
{
	autofree char *path = path_of(dir, name);
	int r = dir->slot->entry->dir->make(dir, name, mode, out, err);

	note(dir, "mkdir", path, r, str_of(NULL));
	return r;
}

int act_drop(const struct place *at, struct error *err)
{
	autofree char *path = path_of(at, NULL);
	int r = slot_collection(at->slot)->drop(at, err);

	note(at, "rmdir", path, r, str_of(NULL));
	return r;
}

int act_rename(const struct place *at, const char *name, struct error *err)
{
	autofree char *path = path_of(at, NULL), *to = xstrdup(name);
	int r = slot_collection(at->slot)->rename(at, name, err);

	note(at, "rename", path, r, str_of(to));
	return r;
}

void act_rights(const struct place *at, unsigned mask, const struct rights *r)
{
	autofree char *path = path_of(at, NULL);
	autobuf struct buf what = { 0 };
	char key[PATH_KEY_MAX];
	struct object *top = place_key(at, key);

	if (!mask)
		return;
	access_set(top, key, slot_mode(at->slot), mask, r);
	if (mask & ACCESS_MODE)
		buf_printf(&what, "mode %o", (unsigned)r->mode);
	if (mask & ACCESS_UID)
		buf_printf(&what, "%sowner %u", what.n ? " " : "", (unsigned)r->uid);
	if (mask & ACCESS_GID)
		buf_printf(&what, "%sgroup %u", what.n ? " " : "", (unsigned)r->gid);
	note(at, "rights", path, 0, (struct str){ buf_text(&what), what.n });
}

int act_acl(const struct place *at, const void *acl, size_t n, struct error *err)
{
	autofree char *path = path_of(at, NULL);
	autobuf struct buf what = { 0 };
	char key[PATH_KEY_MAX];
	struct object *top = place_key(at, key);
	int r = access_set_acl(top, key, slot_mode(at->slot), acl, n, err);

	if (n)
		access_acl_text(acl, n, &what);
	note(at, "acl", path, r, n ? (struct str){ buf_text(&what), what.n } : str_of("removed"));
	return r;
}

void act_refused(const struct place *at, const char *action, const char *name, int r)
{
	autofree char *path = path_of(at, name);

	note(at, action, path, r, str_of(NULL));
}

void act_opened(const struct handle *h, int r)
{
	const struct entry *e = h->slot->entry;
	bool writes = (h->flags & O_ACCMODE) != O_RDONLY;
	struct place at = handle_place(h, &h->who);

	if (!writes || !(e->kind == ENTRY_BYTES || (e->kind == ENTRY_STREAM && e->stream->write)))
		return;
	act_refused(&at, h->flags & O_TRUNC ? "open-truncate" : "open-write", NULL, r);
}
