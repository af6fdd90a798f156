/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The one place where a failure is recorded: the words in the object's `error`, a line in `errors`. */
#include "engine/device.h"
#include "engine/pool.h"
#include "engine/secret.h"
#include "hosts.h"
#include "open.h"

void record_failure(const struct place *at, const struct who *who, int r, struct error *err)
{
	autobuf struct buf path = { 0 };

	if (!err->code)
		error_set(err, -r, "%s", strerror(-r));
	if (!at->slot || !at->obj || at->obj->gone)
		return;
	if (err->code == ENXIO && at->slot->entry->kind == ENTRY_BYTES)
		return; /* lseek: nothing but a hole follows, which is an answer */
	place_path(at, &path);
	if (at->obj->kind == OBJ_DOMAIN)
		domain_set_error(domain_of(at->obj), error_text(err));
	else if (at->obj->kind == OBJ_PART)
		part_set_error(part_of(at->obj), error_text(err));
	else if (at->obj->kind == OBJ_POOL)
		pool_set_error(pool_of(at->obj), error_text(err));
	else if (at->obj->kind == OBJ_VOLUME)
		volume_set_error(volume_of(at->obj), error_text(err));
	else if (at->obj->kind == OBJ_SECRET)
		secret_set_error(secret_of(at->obj), error_text(err));
	else if (at->obj->kind == OBJ_HOST)
		host_set_error(at->obj, error_text(err));
	errors_add(who, path.n ? buf_text(&path) : ".", err);
}
