/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* domfs check FILE.xml: would it be accepted, and what would it become?  Needs no mount and makes no file. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "engine/driver.h"
#include "mount.h"

static int read_file(const char *path, struct buf *out, struct error *err)
{
	autoclose int fd = str_eq(path, "-") ? dup(0) : open(path, O_RDONLY | O_CLOEXEC);
	char text[65536];
	ssize_t n;

	if (fd < 0)
		return error_set(err, errno, "%s: %s", path, strerror(errno));
	while ((n = read(fd, text, sizeof(text))) > 0) {
		buf_add(out, text, n);
		if (out->n > DOC_MAX_BYTES)
			return error_set(err, EFBIG, "%s: larger than %u MiB", path, DOC_MAX_BYTES >> 20);
	}
	return n < 0 ? error_set(err, errno, "%s: %s", path, strerror(errno)) : 0;
}

/* What a domain becomes is a command line. */
static int check_domain(struct doc *doc, struct buf *out, struct error *err)
{
	const char *type = node_get_or(doc_root(doc), "@type", "");
	const struct driver *driver = driver_of_type(type);
	int r;

	if (!driver)
		return error_set(err, ENOTSUP, "line %ld: no driver for domains of type '%s'", node_line(doc_root(doc)),
				 type);
	r = driver->complete(doc, NULL, err);
	if (r >= 0 && driver->command)
		r = driver->command(doc, node_get_or(doc_root(doc), "name", "unnamed"), out, err);
	return r;
}

static const struct schema *schema_of(const struct doc *doc, struct error *err)
{
	static const struct schema *const known[] = { &domain_schema, &pool_schema, &volume_schema, &secret_schema };

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (!strcmp(node_name(doc_root(doc)), known[i]->element))
			return known[i];
	error_set(err, EINVAL, "the document is <%s>: expected <domain>, <pool>, <volume> or <secret>",
		  node_name(doc_root(doc)));
	return NULL;
}

static int check(const char *path, struct buf *out, struct error *err)
{
	autobuf struct buf text = { 0 };
	autodoc struct doc *doc = NULL;
	const struct schema *schema;
	int r = read_file(path, &text, err);

	if (r < 0)
		return r;
	doc = doc_parse((struct str){ text.p, text.n }, NULL, err);
	schema = doc ? schema_of(doc, err) : NULL;
	if (!schema)
		return error_in(err, doc ? -EINVAL : -EBADMSG, "%s", path);
	r = schema_check(schema, doc_root(doc), err);
	if (r == 0 && schema == &domain_schema)
		r = check_domain(doc, out, err);
	else if (r == 0) {
		schema_strip_outputs(schema, doc_root(doc));
		doc_print(doc, out);
	}
	return error_in(err, r, "%s", path);
}

int check_run(const char *file)
{
	autobuf struct buf out = { 0 };
	autoerror struct error err = { 0 };

	if (check(file, &out, &err) < 0) {
		fprintf(stderr, "domfs: %s\n", error_text(&err));
		return 1;
	}
	fwrite(buf_text(&out), 1, out.n, stdout);
	return fflush(stdout) ? 1 : 0;
}
