/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs LVM2's programs and finds among what they say the line that matters. */
#include "engine/spawn.h"
#include "lvm.h"

/* Lines that say nothing of what went wrong; each stands at a line's beginning. */
static const char *const noise[] = {
	"WARNING:",
	"File descriptor ",
	"Run `",
	"Cannot process volume group",
	"Error during parsing",
	"Rounding ",
	"Wiping ",
	"  Wiped ",
	"Aborting",
	NULL,
};

static const struct meaning {
	const char *part;
	int code;
} meanings[] = {
	{ "already exists", EEXIST },
	{ "already in volume group", EEXIST },
	{ "signature", EEXIST },
	{ "of volume group", EEXIST },
	{ "is partitioned", EEXIST },
	{ "not found", ENOENT },
	{ "Failed to find", ENOENT },
	{ "No device found", ENOENT },
	{ "insufficient free space", ENOSPC },
	{ "Insufficient ", ENOSPC },
	{ "in use", EBUSY },
	{ "open logical volume", EBUSY },
	{ "exclusively", EBUSY },
	{ "reserved", EINVAL },
	{ "is invalid", EINVAL },
	{ "Invalid argument", EINVAL },
};

static bool is_noise(struct str line)
{
	for (size_t i = 0; noise[i]; i++)
		if (line.n >= strlen(noise[i]) && !memcmp(line.p, noise[i], strlen(noise[i])))
			return true;
	return !line.n;
}

/* The first line that is one: what comes behind it says only what follows from it. */
int lvm_reason(struct str words, struct str *meant)
{
	struct str line = { 0 }, rest = words;

	*meant = (struct str){ 0 };
	while (rest.n && !meant->n) {
		const char *nl = memchr(rest.p, '\n', rest.n);
		size_t n = nl ? (size_t)(nl - rest.p) : rest.n;

		line = str_trim((struct str){ rest.p, n });
		if (!is_noise(line))
			*meant = line;
		rest.p += n + (nl != NULL);
		rest.n -= n + (nl != NULL);
	}
	if (!meant->n)
		*meant = line;
	if (meant->n > 500)
		meant->n = 500;
	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++)
		if (memmem(meant->p, meant->n, meanings[i].part, strlen(meanings[i].part)))
			return meanings[i].code;
	return EIO;
}

int lvm_run(const struct vec *argv, struct buf *out, int64_t timeout_ms, struct error *err)
{
	const char *const *words = (const char *const *)argv->at;
	autobuf struct buf said = { 0 };
	struct str meant;
	int code, r = spawn_run_words(words, (struct str){ 0 }, out, &said, timeout_ms, err);

	if (r != -EIO || !said.n)
		return r;
	code = lvm_reason((struct str){ said.p, said.n }, &meant);
	return error_set(err, code, "%s: %.*s", words[0], (int)meant.n, meant.p);
}

int lvm_run_words(const char *const *words, struct buf *out, int64_t timeout_ms, struct error *err)
{
	struct vec argv = { 0 };
	int r;

	lvm_argv(&argv, words);
	r = lvm_run(&argv, out, timeout_ms, err);
	vec_clear(&argv, free);
	return r;
}

int lvm_ask_lvs(const char *vg, const char *lv, struct lvs *out, struct error *err)
{
	autobuf struct buf json = { 0 };
	struct vec argv = { 0 };
	int r;

	lvm_list_argv(&argv, vg, lv);
	r = lvm_run(&argv, &json, POOL_ASK_MS, err);
	vec_clear(&argv, free);
	return r < 0 ? r : lvm_parse_lvs((struct str){ buf_text(&json), json.n }, out, err);
}

static void vg_row(void *arg, const char *size, const char *available)
{
	struct pool_usage *u = arg;

	u->capacity = strtoull(size, NULL, 10);
	u->available = strtoull(available, NULL, 10);
	u->allocation = u->capacity > u->available ? u->capacity - u->available : 0;
}

int lvm_ask_vg(const char *vg, struct pool_usage *out, struct error *err)
{
	const char *const words[] = { "vgs", "--reportformat",	"json", "--units", "b", "--nosuffix",
				      "-o",  "vg_size,vg_free", vg,	NULL };
	autobuf struct buf json = { 0 };
	int r = lvm_run_words(words, &json, POOL_ASK_MS, err);

	if (r < 0)
		return r;
	return lvm_parse_rows((struct str){ buf_text(&json), json.n }, "vg", "vg_size", "vg_free", vg_row, out, err);
}
