/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <secret>: what a secret is for.  Its value is in no document. */
#include "../schema.h"

#include "../secret.h"

const char *const secret_types[] = { "volume", "ceph", "iscsi", "tls", "vtpm", "none", NULL };

const char *secret_usage_path(const char *type)
{
	return !type || str_eq(type, "none") ? NULL
	       : str_eq(type, "volume")	     ? "usage/volume"
	       : str_eq(type, "iscsi")	     ? "usage/target"
					     : "usage/name";
}

static int check_usage(const struct node *usage, struct error *err)
{
	const char *type = node_get(usage, "@type"), *path = secret_usage_path(type);
	const char *want = path ? strchr(path, '/') + 1 : NULL;

	if (!type)
		return error_set(err, EINVAL, "line %ld: <usage> needs type='...': volume ceph iscsi tls vtpm",
				 node_line(usage));
	for (const struct node *c = node_child(usage, NULL); c; c = node_next(c, NULL))
		if (!node_foreign(c) && (!want || strcmp(node_name(c), want)))
			return error_set(err, EINVAL, "line %ld: <%s>: <usage type='%s'> has %s%s%s", node_line(c),
					 node_name(c), type, want ? "<" : "nothing in it", want ? want : "",
					 want ? ">" : "");
	if (want && !*node_get_or(usage, want, ""))
		return error_set(err, EINVAL, "line %ld: <usage type='%s'> needs a <%s>: what is it for?",
				 node_line(usage), type, want);
	if (str_eq(type, "volume") && !strchr(node_get(usage, want), '/')) /* "POOL/IMAGE" of Ceph has one, too */
		return error_set(err, EINVAL, "line %ld: <volume> '%s': write the whole path of the volume",
				 node_line(node_child(usage, want)), node_get(usage, want));
	if (want && strchr(node_get(usage, want), '\n'))
		return error_set(err, EINVAL, "line %ld: <%s> is one line", node_line(node_child(usage, want)), want);
	return 0;
}

static int check(const struct node *n, struct error *err)
{
	const struct node *usage = node_child(n, "usage");

	return usage ? check_usage(usage, err) : 0;
}

const struct schema secret_schema = {
	.element = "secret",
	.check = check,
	.props =
		(const struct prop[]){
			{ "@ephemeral", T_ENUM, .words = words_yes_no, .dflt = "no", .doc = "kept in memory only" },
			{ "@private", T_ENUM, .words = words_yes_no, .dflt = "no",
			  .doc = "its value is never shown again" },
			{ "uuid", T_UUID, .doc = "its uuid: that of its directory" },
			{ "description", T_STRING, .doc = "text for people" },
			{ "usage/@type", T_ENUM, .words = secret_types, .doc = "kind of thing that it opens" },
			{ "usage/volume", T_STRING, .doc = "path of the volume (volume)" },
			{ "usage/name", T_STRING, .doc = "name that others call it by (ceph, tls, vtpm)" },
			{ "usage/target", T_STRING, .doc = "name that others call it by (iscsi)" },
			{ 0 } },
};
