/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * An unprivileged uid for each guest, out of a range that no passwd entry needs to know.  The default range begins at 0x70000000: systemd's
 * UIDS-GIDS document lists it as used by nothing.
 */
#include "vm.h"

#define DEFAULT_FIRST 0x70000000u
#define DEFAULT_LAST  0x7000ffffu

static struct hash *used; /* uid -> something not NULL */

static void range(uid_t *first, uid_t *last)
{
	*first = config.guest_uid_first ? config.guest_uid_first : DEFAULT_FIRST;
	*last = config.guest_uid_first ? config.guest_uid_last : DEFAULT_LAST;
}

void guest_uid_adopt(uid_t uid)
{
	if (!used)
		used = hash_new();
	if (uid)
		hash_put_u64(used, uid, &used);
}

void guest_uid_release(uid_t uid)
{
	if (!used || !uid)
		return;
	hash_put_u64(used, uid, NULL);
	if (hash_count(used) == 0) {
		hash_free(used);
		used = NULL;
	}
}

int guest_uid_claim(uid_t *uid, gid_t *gid, struct error *err)
{
	uid_t first, last;

	*uid = 0;
	*gid = 0;
	if (!config.root)
		return 0;
	if (config.guest_user_fixed) {
		*uid = config.guest_user;
		*gid = config.guest_group;
		return 0;
	}
	range(&first, &last);
	for (uid_t u = first; u <= last; u++) {
		if (used && hash_get_u64(used, u))
			continue;
		guest_uid_adopt(u);
		*uid = *gid = u;
		return 0;
	}
	return error_set(err, EAGAIN,
			 "all guest uids from %u to %u are in use: mount with a wider guest_uids=FIRST-LAST", first,
			 last);
}
