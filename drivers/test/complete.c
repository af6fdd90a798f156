/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the test hypervisor fills in: numbers, aliases, MACs.  It has every row of the schema. */
#include <stdio.h>

#include "test.h"

#define CPUS_MAX 512

static struct node *devices(const struct doc *doc)
{
	return doc ? node_child(doc_root(doc), "devices") : NULL;
}

static bool alias_taken(const struct node *list, const char *alias)
{
	struct node *n = node_child(list, NULL);

	while (n && !node_is(n, "alias/@name", alias))
		n = node_next(n, NULL);
	return n != NULL;
}

/* The NIC in the same place of the old definition. */
static struct node *old_nic(const struct doc *old, unsigned place)
{
	struct node *n = node_child(devices(old), "interface");

	while (n && place--)
		n = node_next(n, "interface");
	return n;
}

static void complete_nic(struct node *n, const struct doc *old, unsigned place)
{
	struct node *was = old_nic(old, place);
	char mac[18];

	if (node_has(n, "mac/@address"))
		return;
	mac_random(mac);
	node_set(n, "mac/@address", was && node_has(was, "mac/@address") ? node_get(was, "mac/@address") : mac);
}

/* Some elements (graphics) have no alias, and what completion adds must be accepted when it is written back. */
static bool has_alias(const struct schema *s)
{
	const struct prop *row = s->props;

	while (row->path && strcmp(row->path, "alias") && !str_starts(row->path, "alias/"))
		row++;
	return row->path != NULL;
}

static void name_it(struct node *list, struct node *n)
{
	char alias[300];

	if (node_has(n, "alias/@name") || !has_alias(schema_of_device(node_name(n))))
		return;
	if (!strcmp(node_name(n), "disk")) {
		snprintf(alias, sizeof(alias), "disk-%s", node_get_or(n, "target/@dev", ""));
		node_set(n, "alias/@name", alias);
		return;
	}
	for (unsigned i = 0;; i++) {
		snprintf(alias, sizeof(alias), "%s%u", !strcmp(node_name(n), "interface") ? "net" : node_name(n), i);
		if (!alias_taken(list, alias))
			break;
	}
	node_set(n, "alias/@name", alias);
}

static int unique(const struct node *list, const char *element, const char *path, struct error *err)
{
	for (struct node *a = node_child(list, element); a; a = node_next(a, element))
		for (struct node *b = node_next(a, element); b; b = node_next(b, element))
			if (node_has(a, path) && str_eq(node_get(a, path), node_get(b, path)))
				return error_set(err, EEXIST, "line %ld: <%s>: '%s' is there twice", node_line(b),
						 node_name(b), node_get(b, path));
	return 0;
}

static int complete_numbers(struct node *root, struct error *err)
{
	uint64_t max = node_u64(root, "vcpu", 1), now = node_u64(root, "vcpu/@current", max);
	uint64_t memory = node_size(root, "memory", 0);

	if (max > CPUS_MAX)
		return error_set(err, ENOTSUP, "line %ld: <vcpu>: the test driver has at most %d",
				 node_line(node_child(root, "vcpu")), CPUS_MAX);
	if (now > max)
		return error_set(err, EINVAL, "line %ld: <vcpu>: current='%llu' is above %llu",
				 node_line(node_child(root, "vcpu")), (unsigned long long)now, (unsigned long long)max);
	node_setf(root, "vcpu", "%llu", (unsigned long long)max);
	node_setf(root, "vcpu/@current", "%llu", (unsigned long long)now);
	if (!node_has(root, "currentMemory"))
		node_set_size(root, "currentMemory", memory);
	if (node_size(root, "currentMemory", 0) > memory)
		return error_set(err, EINVAL, "line %ld: <currentMemory> is above <memory>",
				 node_line(node_child(root, "currentMemory")));
	return 0;
}

int test_complete(struct doc *full, const struct doc *old, struct error *err)
{
	struct node *root = doc_root(full), *list, *n;
	struct script_step s;
	unsigned nics = 0;
	int r = 0;

	script_look("complete", node_get(root, "name"), &s);
	if (s.fail)
		r = error_set(err, s.fail, "%s", s.message);
	script_step_clear(&s);
	if (r == 0)
		r = complete_numbers(root, err);
	if (r < 0)
		return r;
	list = node_make(root, "devices");
	for (n = node_child(list, NULL); n; n = node_next(n, NULL)) {
		if (!schema_of_device(node_name(n)))
			continue;
		if (!strcmp(node_name(n), "interface"))
			complete_nic(n, old, nics++);
		name_it(list, n);
	}
	r = unique(list, NULL, "alias/@name", err);
	return r < 0 ? r : unique(list, "disk", "target/@dev", err);
}
