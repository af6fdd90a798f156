/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What `qemu-img info` says of an image.  It has read bytes that a guest may have written: all is optional, and what cannot be is refused. */
#include <jansson.h>

#include "engine/spawn.h"
#include "storage.h"

#define NAME_MOST    4096u
#define CLUSTER_MOST (1ull << 30)

struct reader {
	const json_t *object;
	struct error *err;
};

static int wrong(const struct reader *r, const char *key, const char *expected)
{
	return error_set(r->err, EBADMSG, "qemu-img info: \"%s\" is not %s", key, expected);
}

static int read_text(const struct reader *r, const char *key, char **out)
{
	const json_t *v = json_object_get(r->object, key);
	const char *text = json_string_value(v);

	if (!v || json_is_null(v))
		return 0;
	if (!text || json_string_length(v) > NAME_MOST)
		return wrong(r, key, "a text of at most 4096 bytes");
	free(*out);
	*out = *text ? xstrdup(text) : NULL;
	return 0;
}

static int read_number(const struct reader *r, const char *key, uint64_t most, uint64_t *out)
{
	const json_t *v = json_object_get(r->object, key);

	if (!v || json_is_null(v))
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < 0 || (uint64_t)json_integer_value(v) > most)
		return wrong(r, key, "a number that can be");
	*out = (uint64_t)json_integer_value(v);
	return 0;
}

static int read_bool(const struct reader *r, const char *key, bool *out)
{
	const json_t *v = json_object_get(r->object, key);

	if (!v || json_is_null(v))
		return 0;
	if (!json_is_boolean(v))
		return wrong(r, key, "true or false");
	*out = json_is_true(v);
	return 0;
}

/* format-specific/data: of qcow2, mostly. */
static int read_specific(const json_t *root, struct volume_info *info, struct error *err)
{
	const json_t *data = json_object_get(json_object_get(root, "format-specific"), "data");
	const json_t *encrypt = json_object_get(data, "encrypt");
	struct reader in = { data, err }, crypt = { encrypt, err };
	int r;

	if (!data)
		return 0;
	if (!json_is_object(data))
		return wrong(&in, "data", "an object");
	if (json_object_get(data, "data-file"))
		return error_set(err, ENOTSUP,
				 "it keeps its data in another file that it names (data_file): not served, convert it");
	if (!str_eq(info->format, "qcow2")) /* others use the same words for other things */
		return 0;
	r = read_text(&in, "compat", &info->compat);
	if (r == 0)
		r = read_bool(&in, "lazy-refcounts", &info->lazy_refcounts);
	if (r == 0)
		r = read_bool(&in, "extended-l2", &info->extended_l2);
	if (r == 0 && encrypt)
		r = read_text(&crypt, "format", &info->encryption);
	return r;
}

static int read_root(const json_t *root, struct volume_info *info, struct error *err)
{
	struct reader in = { root, err };
	bool encrypted = false;
	int r = json_is_object(root) ? 0 : error_set(err, EBADMSG, "qemu-img info: its answer is not an object");

	if (r == 0)
		r = read_text(&in, "format", &info->format);
	if (r == 0)
		r = read_number(&in, "virtual-size", INT64_MAX, &info->capacity);
	if (r == 0)
		r = read_number(&in, "actual-size", INT64_MAX, &info->allocation);
	if (r == 0)
		r = read_number(&in, "cluster-size", CLUSTER_MOST, &info->cluster_size);
	if (r == 0)
		r = read_text(&in, "backing-filename", &info->backing);
	if (r == 0) /* resolved, where QEMU could do that */
		r = read_text(&in, "full-backing-filename", &info->backing);
	if (r == 0)
		r = read_text(&in, "backing-filename-format", &info->backing_format);
	if (r == 0)
		r = read_specific(root, info, err);
	if (r == 0)
		r = read_bool(&in, "encrypted", &encrypted);
	if (r == 0 && encrypted && !info->encryption)
		info->encryption = xstrdup(str_eq(info->format, "qcow") ? "qcow" : "luks");
	if (r == 0 && str_eq(info->encryption, "aes")) {
		free(info->encryption);
		info->encryption = xstrdup("qcow"); /* as libvirt's documents call it */
	}
	return r;
}

static void replace(char **to, char **from)
{
	free(*to);
	*to = take(from);
}

/* What the answer is about; the rest of INFO stays. */
static void info_move(struct volume_info *to, struct volume_info *from)
{
	if (from->format)
		replace(&to->format, &from->format);
	replace(&to->backing, &from->backing);
	replace(&to->backing_format, &from->backing_format);
	replace(&to->encryption, &from->encryption);
	replace(&to->compat, &from->compat);
	to->capacity = from->capacity;
	if (from->allocation)
		to->allocation = from->allocation;
	to->cluster_size = from->cluster_size;
	to->lazy_refcounts = from->lazy_refcounts;
	to->extended_l2 = from->extended_l2;
}

int image_info_parse(struct str json, struct volume_info *info, struct error *err)
{
	json_error_t why;
	json_t *root = json_loadb(json.p ? json.p : "", json.n, JSON_REJECT_DUPLICATES, &why);
	struct volume_info got = { 0 };
	int r;

	if (!root)
		return error_set(err, EBADMSG, "qemu-img info: its answer is not JSON: line %d: %s", why.line,
				 why.text);
	r = read_root(root, &got, err);
	json_decref(root);
	if (r == 0)
		info_move(info, &got);
	volume_info_clear(&got);
	return r;
}

int image_ask(const char *path, const char *format, struct volume_info *info, struct error *err)
{
	const char *const argv[] = { "qemu-img", "info", "--output=json", "-U", "-f", image_driver(format), "--",
				     path,	 NULL };
	autofree char *same = xstrdup(format); /* may be what INFO holds */
	autobuf struct buf out = { 0 };
	int r;

	if (!format)
		return error_set(err, EINVAL, "%s: its format is not known, and never guessed", path);
	if (path[0] != '/')
		return error_set(err, EINVAL, "'%s': expected an absolute path", path);
	r = spawn_run(argv, (struct str){ 0 }, &out, POOL_ASK_MS, err);
	if (r == 0)
		r = image_info_parse((struct str){ out.p, out.n }, info, err);
	if (r == 0) {
		free(info->format);
		info->format = take(&same);
	}
	return r;
}
