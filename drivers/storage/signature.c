/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is on a block device, and whether somebody uses it. */
#include "signature.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/spawn.h"

int signatures_parse(struct str json, struct buf *out, struct error *err)
{
	json_error_t why;
	json_t *root, *row;
	size_t i;

	if (!str_trim(json).n)
		return 0;
	root = json_loadb(json.p, json.n, 0, &why);
	if (!root)
		return error_set(err, EBADMSG, "wipefs: its answer is no JSON: line %d: %s", why.line, why.text);
	json_array_foreach(json_object_get(root, "signatures"), i, row)
	{
		const char *type = json_string_value(json_object_get(row, "type"));
		const char *label = json_string_value(json_object_get(row, "label"));

		buf_printf(out, "%s%s", out->n ? ", " : "", type ? type : "something unknown");
		if (label && *label)
			buf_printf(out, " (label '%s')", label);
	}
	json_decref(root);
	return 0;
}

int device_signatures(const char *device, struct buf *out, struct error *err)
{
	const char *const argv[] = { "wipefs", "--json", "--no-act", device, NULL };
	autobuf struct buf json = { 0 };
	int r = spawn_run(argv, str_of(NULL), &json, POOL_WORK_MS, err);

	if (r < 0)
		return error_in(err, r, "what is on '%s' cannot be told", device);
	return signatures_parse((struct str){ buf_text(&json), json.n }, out, err);
}

int device_wipe_signatures(const char *device, struct error *err)
{
	const char *const argv[] = { "wipefs", "--quiet", "--all", device, NULL };

	return spawn_run(argv, str_of(NULL), NULL, POOL_WORK_MS, err);
}

static int unused_fn(void *arg)
{
	struct stat st;
	autoclose int fd = -1;

	if (stat(arg, &st) < 0)
		return -errno;
	if (!S_ISBLK(st.st_mode))
		return -ENOTBLK;
	/* what is mounted or part of something refuses this */
	fd = open(arg, O_RDONLY | O_EXCL | O_CLOEXEC | O_NONBLOCK);
	return fd < 0 ? -errno : 0;
}

int device_unused(struct pool *p, const char *device, struct error *err)
{
	char *copy = xstrdup(device);
	int r = pool_offload(p, unused_fn, copy, free, POOL_ASK_MS, err);

	if (r == -ETIMEDOUT || r == -ECANCELED)
		return r;
	free(copy);
	if (r == -EBUSY)
		return error_set(err, EBUSY,
				 "'%s' is in use: it is mounted, or part of a RAID, a volume group or a mapping",
				 device);
	if (r == -ENOTBLK)
		return error_set(err, ENOTBLK, "'%s' is no block device", device);
	return r < 0 ? error_set(err, -r, "'%s': %s", device, strerror(-r)) : 0;
}
