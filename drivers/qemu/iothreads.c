/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* I/O threads: as many as <iothreads> says, with the ids of <iothreadids>; the others get the lowest that are free. */
#include "domain.h"

static const struct node *listed(const struct node *root, uint64_t id)
{
	for (const struct node *t = node_first(root, "iothreadids/iothread"); t; t = node_next(t, "iothread"))
		if (node_u64(t, "@id", 0) == id)
			return t;
	return NULL;
}

/* How many get an id from us. */
static uint64_t unlisted(const struct node *root)
{
	uint64_t n = node_u64(root, "iothreads", 0), ids = node_count(root, "iothreadids/iothread");

	return n > ids ? n - ids : 0;
}

bool qemu_has_iothread(const struct node *root, uint64_t id)
{
	uint64_t left = unlisted(root);

	if (listed(root, id))
		return true;
	for (uint64_t i = 1; left; i++) {
		if (listed(root, i))
			continue;
		if (i == id)
			return true;
		left--;
	}
	return false;
}

/* Where some ids are named, all are. */
void qemu_complete_iothreads(struct node *root)
{
	uint64_t left = unlisted(root);

	if (!node_has(root, "iothreadids/iothread"))
		return;
	for (uint64_t i = 1; left; i++) {
		if (listed(root, i))
			continue;
		node_setf(node_add(node_first(root, "iothreadids"), "iothread"), "@id", "%llu", (unsigned long long)i);
		left--;
	}
	if (node_u64(root, "iothreads", 0) < node_count(root, "iothreadids/iothread"))
		node_setf(root, "iothreads", "%u", node_count(root, "iothreadids/iothread"));
}

int qemu_check_iothreads(const struct node *root, struct error *err)
{
	for (const struct node *t = node_first(root, "iothreadids/iothread"); t; t = node_next(t, "iothread")) {
		if (listed(root, node_u64(t, "@id", 0)) != t)
			return error_set(err, EINVAL, "line %ld: <iothread id='%s'> is given twice", node_line(t),
					 node_get(t, "@id"));
		if (node_has(t, "@thread_pool_max") &&
		    node_u64(t, "@thread_pool_min", 0) > node_u64(t, "@thread_pool_max", 0))
			return error_set(err, EINVAL,
					 "line %ld: <iothread>: thread_pool_min is more than thread_pool_max",
					 node_line(t));
	}
	for (const struct node *n = node_first(root, "cputune/iothreadpin"); n; n = node_next(n, "iothreadpin")) {
		if (!qemu_has_iothread(root, node_u64(n, "@iothread", 0)))
			return error_set(err, EINVAL,
					 "line %ld: <iothreadpin iothread='%s'>: there is no such I/O thread",
					 node_line(n), node_get(n, "@iothread"));
		for (const struct node *m = node_next(n, "iothreadpin"); m; m = node_next(m, "iothreadpin"))
			if (str_eq(node_get(m, "@iothread"), node_get(n, "@iothread")))
				return error_set(err, EINVAL, "line %ld: <iothreadpin iothread='%s'> is given twice",
						 node_line(m), node_get(m, "@iothread"));
	}
	return 0;
}

static void plan_one(struct plan *p, uint64_t id, const struct node *t)
{
	static const struct {
		const char *path, *arg;
	} rows[] = {
		{ "@thread_pool_min", "thread-pool-min" },
		{ "@thread_pool_max", "thread-pool-max" },
		{ "poll/@max", "poll-max-ns" },
		{ "poll/@grow", "poll-grow" },
		{ "poll/@shrink", "poll-shrink" },
	};
	json_t *o = json_object();

	props_str(o, "qom-type", "iothread");
	props_strf(o, "id", "iothread%llu", (unsigned long long)id);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (node_has(t, rows[i].path))
			props_int(o, rows[i].arg, node_u64(t, rows[i].path, 0));
	plan_item(p, ITEM_OBJECT, o);
}

void qemu_plan_iothreads(struct plan *p)
{
	const struct node *root = p->domain, *main_loop = node_first(root, "defaultiothread");
	uint64_t left = unlisted(root);

	for (const struct node *t = node_first(root, "iothreadids/iothread"); t; t = node_next(t, "iothread"))
		plan_one(p, node_u64(t, "@id", 0), t);
	for (uint64_t i = 1; left; i++) {
		if (listed(root, i))
			continue;
		plan_one(p, i, NULL);
		left--;
	}
	if (main_loop) {
		json_t *o = json_pack("{s:s, s:s}", "qom-type", "main-loop", "id", "main-loop");
		if (node_has(main_loop, "@thread_pool_min"))
			props_int(o, "thread-pool-min", node_u64(main_loop, "@thread_pool_min", 0));
		if (node_has(main_loop, "@thread_pool_max"))
			props_int(o, "thread-pool-max", node_u64(main_loop, "@thread_pool_max", 0));
		plan_item(p, ITEM_OBJECT, o);
	}
}
