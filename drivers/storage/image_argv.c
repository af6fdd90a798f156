/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Command lines of qemu-img.  Paths are absolute, so that none looks like an option or like a protocol; values within -o and other lists of options
 * have their commas doubled.  Formats are always said, never guessed.  Passphrases are files of the child: /dev/fd/N.
 */
#include <stdio.h>

#include "storage.h"

/* What each format that can be made takes. */
static const struct made {
	const char *format;
	bool backing, crypt, cluster;
	const char *preallocation; /* its words, a blank on both sides of each */
} mades[] = {
	{ "raw", .crypt = true, .preallocation = " off falloc full " },
	{ "luks", .crypt = true, .preallocation = " off falloc full " },
	{ "qcow2", .backing = true, .crypt = true, .cluster = true, .preallocation = " off metadata falloc full " },
	{ "qcow", .backing = true, .preallocation = " off " },
	{ "qed", .backing = true, .cluster = true, .preallocation = " off " },
	{ "vmdk", .backing = true, .preallocation = " off " },
	{ "vdi", .preallocation = " off " },
	{ "vhdx", .preallocation = " off " },
	{ "vpc", .preallocation = " off " },
};

static const struct made *made_of(const char *format)
{
	for (size_t i = 0; i < ARRAY_SIZE(mades); i++)
		if (str_eq(mades[i].format, format))
			return &mades[i];
	return NULL;
}

void strv_free(char **argv)
{
	for (char **s = argv; s && *s; s++)
		free(*s);
	free(argv);
}

/* ---- parts ---- */

static void word(struct vec *v, const char *text)
{
	vec_add(v, xstrdup(text));
}

static char **finish(struct vec *v)
{
	vec_add(v, NULL);
	return (char **)v->at;
}

/* KEY=VALUE behind what is there, commas doubled. */
static void option(struct buf *b, const char *key, const char *value)
{
	buf_printf(b, "%s%s=", b->n ? "," : "", key);
	for (; *value; value++) {
		buf_putc(b, *value);
		if (*value == ',')
			buf_putc(b, ',');
	}
}

static void object(struct vec *v, int which, const int secrets[3])
{
	word(v, "--object");
	vec_add(v, xasprintf("secret,id=sec%d,file=/dev/fd/%d", which, secrets[which]));
}

static int check_path(const char *what, const char *path, struct error *err)
{
	static const char *const schemes[] = {
		"rbd:",	  "gluster://", "gluster+tcp://", "gluster+unix://", "gluster+rdma://", "nbd:",
		"nbd://", "nbd+tcp://", "nbd+unix://",	  "nbds://",	     "iscsi://",	"nfs://",
		"ssh://", "http://",	"https://",	  "ftp://",	     "ftps://"
	};

	if (path && path[0] == '/')
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++)
		if (path && str_starts(path, schemes[i]))
			return 0;
	return error_set(err, EINVAL,
			 "%s '%s': expected an absolute path, or a URL such as nbd://, iscsi://, rbd:, gluster://",
			 what, path ? path : "");
}

/* ---- what cannot be had together ---- */

static int check_encryption(const struct volume_spec *spec, struct error *err)
{
	const struct node *e = node_first(spec->xml, "target/encryption");
	const char *format = node_get_or(e, "@format", "luks");

	if (!e && !spec->secret)
		return str_eq(spec->format, "luks") ? error_set(err, EINVAL,
								"format luks: needs <encryption format='luks'> with a "
								"<secret> in target")
						    : 0;
	if (!str_eq(format, "luks") && !str_eq(format, "default"))
		return error_set(err, ENOTSUP, "encryption format '%s' is made by nobody here: use luks", format);
	if (node_is(e, "@engine", "librbd"))
		return error_set(err, ENOTSUP, "encryption engine 'librbd' is for pools of type rbd: use qemu");
	if (!spec->secret)
		return error_set(err, EINVAL, "<encryption> names no <secret>");
	if (!made_of(spec->format)->crypt)
		return error_set(err, EINVAL, "format %s cannot be encrypted: use qcow2 or raw", spec->format);
	return 0;
}

static int only_qcow2(const struct volume_spec *spec, const char *path, struct error *err)
{
	if (!node_has(spec->xml, path) || str_eq(spec->format, "qcow2"))
		return 0;
	return error_set(err, EINVAL, "%s: for format qcow2, not for %s", path, spec->format);
}

static int check_features(const struct volume_spec *spec, const struct made *made, struct error *err)
{
	static const char *const own[] = { "target/compat", "target/features/lazy_refcounts",
					   "target/features/extended_l2" };
	int r = 0;

	for (size_t i = 0; i < ARRAY_SIZE(own) && r == 0; i++)
		r = only_qcow2(spec, own[i], err);
	for (size_t i = 1; i < ARRAY_SIZE(own) && r == 0; i++)
		if (node_has(spec->xml, own[i]) && node_is(spec->xml, "target/compat", "0.10"))
			r = error_set(err, EINVAL, "%s: needs compat 1.1, not 0.10", own[i]);
	if (r == 0 && node_has(spec->xml, "target/clusterSize") && !made->cluster)
		r = error_set(err, EINVAL, "target/clusterSize: for format qcow2 and qed, not for %s", spec->format);
	return r;
}

static int check_backing(const struct volume_spec *spec, const struct made *made, struct error *err)
{
	if (!spec->backing)
		return 0;
	if (!spec->backing_format)
		return error_set(err, EINVAL, "the backing file '%s': its format is not known and never guessed",
				 spec->backing);
	if (!made->backing)
		return error_set(err, EINVAL, "format %s has no place for the backing file '%s': use qcow2",
				 spec->format, spec->backing);
	if (spec->from_path)
		return error_set(err, EINVAL, "a copy of '%s' holds all of it: no backing file '%s' below it",
				 spec->from_path, spec->backing);
	if (spec->backing_secret && !spec->capacity)
		return error_set(err, EINVAL, "the backing file '%s' is encrypted: say the capacity", spec->backing);
	return check_path("the backing file", spec->backing, err);
}

static int check_spec(const struct volume_spec *spec, const char *path, const struct made **made, struct error *err)
{
	int r = check_path("the image", path, err);

	if (r < 0)
		return r;
	*made = made_of(spec->format);
	if (!*made)
		return error_set(err, ENOTSUP,
				 "format %s cannot be made, only read: use raw, qcow2, qcow, qed, vmdk, vdi, vhdx, vpc",
				 spec->format ? spec->format : "?");
	if (spec->capacity > INT64_MAX)
		return error_set(err, EINVAL, "a capacity of %llu bytes: there is nothing above 2^63 - 1",
				 (unsigned long long)spec->capacity);
	r = check_features(spec, *made, err);
	if (r == 0)
		r = check_encryption(spec, err);
	if (r == 0)
		r = check_backing(spec, *made, err);
	if (r == 0 && spec->from_path)
		r = check_path("the volume to copy", spec->from_path, err);
	if (r == 0 && spec->from_path && !spec->from_format)
		r = error_set(err, EINVAL, "'%s': its format is not known", spec->from_path);
	if (r == 0 && spec->preallocation) {
		autofree char *want = xasprintf(" %s ", spec->preallocation);
		if (!strstr((*made)->preallocation, want))
			r = error_set(err, EINVAL, "preallocation '%s': format %s knows%s", spec->preallocation,
				      spec->format, (*made)->preallocation);
	}
	return r;
}

/* ---- -o ---- */

static void cipher_options(const struct volume_spec *spec, const char *prefix, struct buf *out)
{
	static const char *const rows[][2] = { { "cipher/@mode", "cipher-mode" },
					       { "cipher/@hash", "hash-alg" },
					       { "ivgen/@name", "ivgen-alg" },
					       { "ivgen/@hash", "ivgen-hash-alg" } };
	const struct node *e = node_first(spec->xml, "target/encryption");

	if (node_has(e, "cipher/@name")) {
		autofree char *key = xasprintf("%scipher-alg", prefix);
		autofree char *value =
			xasprintf("%s-%s", node_get(e, "cipher/@name"), node_get_or(e, "cipher/@size", "256"));
		option(out, key, value);
	}
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		autofree char *key = xasprintf("%s%s", prefix, rows[i][1]);
		if (node_has(e, rows[i][0]))
			option(out, key, node_get(e, rows[i][0]));
	}
}

static bool cluster_size(const struct node *xml, uint64_t *bytes)
{
	const struct node *n = node_first(xml, "target/clusterSize");

	return n && size_parse_unit(str_of(node_get(n, "")), node_get(n, "@unit"), "bytes", bytes, NULL) == 0;
}

static void create_options(const struct volume_spec *spec, struct buf *out)
{
	bool qcow2 = str_eq(spec->format, "qcow2");
	uint64_t cluster = 0;

	if (spec->backing)
		option(out, "backing_fmt", image_driver(spec->backing_format));
	if (spec->secret && qcow2)
		option(out, "encrypt.format", "luks");
	if (spec->secret) {
		option(out, qcow2 ? "encrypt.key-secret" : "key-secret", "sec0");
		cipher_options(spec, qcow2 ? "encrypt." : "", out);
	}
	if (node_has(spec->xml, "target/nocow"))
		option(out, "nocow", "on");
	if (spec->preallocation && strcmp(spec->preallocation, "off"))
		option(out, "preallocation", spec->preallocation);
	if (qcow2) /* as it is by default, whoever has built the program */
		option(out, "compat", node_get_or(spec->xml, "target/compat", "1.1"));
	if (cluster_size(spec->xml, &cluster)) {
		autofree char *bytes = xasprintf("%llu", (unsigned long long)cluster);
		option(out, "cluster_size", bytes);
	}
	if (node_has(spec->xml, "target/features/lazy_refcounts"))
		option(out, "lazy_refcounts", "on");
	if (node_has(spec->xml, "target/features/extended_l2"))
		option(out, "extended_l2", "on");
}

static const char *driver_of(const char *format, bool crypt)
{
	return crypt && str_eq(format, "raw") ? "luks" : image_driver(format);
}

static void add_options(struct vec *v, const struct volume_spec *spec)
{
	autobuf struct buf opts = { 0 };

	create_options(spec, &opts);
	if (!opts.n)
		return;
	word(v, "-o");
	word(v, buf_text(&opts));
}

/* ---- whole lines ---- */

/* Where a passphrase is needed the image is made first and filled by a second command. */
static bool in_two(const struct volume_spec *spec)
{
	return spec->from_path && (spec->secret || spec->from_secret);
}

static char **create_line(const struct volume_spec *spec, const char *path, const int secrets[3])
{
	struct vec v = { 0 };

	word(&v, "qemu-img");
	word(&v, "create");
	word(&v, "-f");
	word(&v, driver_of(spec->format, spec->secret));
	if (spec->backing) {
		word(&v, "-b");
		word(&v, spec->backing);
	}
	if (spec->backing && spec->backing_secret)
		word(&v, "-u"); /* it cannot be opened without its passphrase, and need not be */
	if (spec->secret)
		object(&v, 0, secrets);
	add_options(&v, spec);
	word(&v, path);
	if (spec->capacity || !spec->backing) /* else it is as large as what is below it */
		vec_add(&v, xasprintf("%llu", (unsigned long long)spec->capacity));
	return finish(&v);
}

static char **convert_line(const struct volume_spec *spec, const char *path)
{
	struct vec v = { 0 };

	word(&v, "qemu-img");
	word(&v, "convert");
	word(&v, "-f");
	word(&v, image_driver(spec->from_format));
	word(&v, "-O");
	word(&v, spec->format);
	add_options(&v, spec);
	word(&v, spec->from_path);
	word(&v, path);
	return finish(&v);
}

char **image_create_argv(const struct volume_spec *spec, const char *path, const int secrets[3], struct error *err)
{
	const struct made *made;

	if (check_spec(spec, path, &made, err) < 0)
		return NULL;
	if (spec->from_path && !in_two(spec))
		return convert_line(spec, path);
	return create_line(spec, path, secrets);
}

/* driver=FORMAT,file.filename=PATH: as --image-opts takes it. */
static char *image_options(const char *format, const char *path, int secret)
{
	autobuf struct buf b = { 0 };
	autofree char *id = xasprintf("sec%d", secret);

	option(&b, "driver", driver_of(format, secret >= 0));
	option(&b, "file.filename", path);
	if (secret >= 0)
		option(&b, str_eq(format, "qcow2") ? "encrypt.key-secret" : "key-secret", id);
	return buf_take(&b);
}

char **image_fill_argv(const struct volume_spec *spec, const char *path, const int secrets[3])
{
	struct vec v = { 0 };

	if (!in_two(spec))
		return NULL;
	word(&v, "qemu-img");
	word(&v, "convert");
	word(&v, "--image-opts");
	word(&v, "-n");
	word(&v, "--target-image-opts");
	if (spec->secret)
		object(&v, 0, secrets);
	if (spec->from_secret)
		object(&v, 2, secrets);
	vec_add(&v, image_options(spec->from_format, spec->from_path, spec->from_secret ? 2 : -1));
	vec_add(&v, image_options(spec->format, path, spec->secret ? 0 : -1));
	return finish(&v);
}
