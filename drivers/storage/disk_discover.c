/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The disks of this machine that could be pools of type disk: those with a partition table, and blank ones. */
#include <jansson.h>
#include <stdio.h>

#include "discover.h"
#include "disk_table.h"
#include "engine/spawn.h"

static const char *text(const json_t *row, const char *key)
{
	const char *s = json_string_value(json_object_get(row, key));

	return s ? s : "";
}

/* lsblk counts device numbers in text in old versions and as numbers in new ones; 0 is what an empty drive has. */
static bool has_size(const json_t *row)
{
	const json_t *v = json_object_get(row, "size");

	return json_is_integer(v) ? json_integer_value(v) > 0 : strtoull(text(row, "size"), NULL, 10) > 0;
}

int disk_devices_parse(struct str json, struct node *sources, struct error *err)
{
	json_error_t why;
	json_t *root = json_loadb(json.p, json.n, 0, &why), *row;
	size_t i;

	if (!root)
		return error_set(err, EBADMSG, "lsblk: its answer is no JSON: line %d: %s", why.line, why.text);
	json_array_foreach(json_object_get(root, "blockdevices"), i, row)
	{
		const char *type = text(row, "type"), *table = text(row, "pttype"), *path = text(row, "path");
		struct node *source;

		if ((strcmp(type, "disk") && strcmp(type, "loop")) || !has_size(row) || str_starts(path, "/dev/zram"))
			continue;
		if (!*table && *text(row, "fstype"))
			continue; /* the whole of it is a file system, a volume group's ... */
		source = node_add(sources, "source");
		node_set(source, "device/@path", path);
		node_set(source, "format/@type", label_to_libvirt(table) ? label_to_libvirt(table) : "unknown");
	}
	json_decref(root);
	return 0;
}

int disk_discover(struct str spec, struct buf *xml, struct error *err)
{
	const char *const argv[] = { "lsblk",	 "--json",   "--bytes",
				     "--nodeps", "--output", "PATH,TYPE,PTTYPE,FSTYPE,SIZE",
				     NULL };
	autodoc struct doc *doc = doc_parse(str_of("<sources/>"), "sources", NULL);
	autobuf struct buf json = { 0 };
	int r;

	if (str_trim(spec).n)
		return error_set(err, EINVAL, "'%.*s': the disks of this machine are told, no source is needed",
				 (int)spec.n, spec.p);
	r = spawn_run(argv, str_of(NULL), &json, POOL_WORK_MS, err);
	if (r == 0)
		r = disk_devices_parse((struct str){ buf_text(&json), json.n }, doc_root(doc), err);
	if (r == 0)
		doc_print(doc, xml);
	return r;
}
