/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What block_test.c does without: the engine's pools and the parts of others. */
#include <unistd.h>

#include "drivers/storage/storage.h"
#include "engine/claim.h"

char *claim_key(const struct stat *st)
{
	return xasprintf("block:%llu", (unsigned long long)st->st_rdev);
}
struct bulk *bulk_of_fd(int fd, bool writable)
{
	struct bulk *b = xcalloc(1, sizeof(*b));
	b->fd = fd;
	b->writable = writable;
	return b;
}
void bulk_free(struct bulk *b)
{
	close(b->fd);
	free(b);
}
int image_header(struct str head unused, uint64_t size unused, const char *format unused,
		 struct volume_info *info unused, struct error *err)
{
	return error_set(err, ENOTSUP, "no");
}
int tools_missing(const char *const *pairs unused, struct buf *state unused)
{
	return 0;
}
int pool_offload(struct pool *p unused, int (*fn)(void *arg), void *arg, void (*free_arg)(void *), int64_t timeout_ms,
		 struct error *err unused)
{
	struct worker *w = worker_new("test");
	int r = offload(w, fn, arg, free_arg, timeout_ms);
	worker_free(w);
	return r;
}
