/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The driver's rows against the schema's: every property that a definition sets has a row here or is refused by name.
 */
#include <stdio.h>

#include "qemu.h"

/* prop -> row, made once per kind; the key is the prop's address. */
static struct hash *rows_of;

static void index_kind(const struct qemu_kind *kind)
{
	for (const struct qemu_row *row = kind->rows; row && row->path; row++) {
		const struct prop *prop = schema_prop(kind->schema, row->path);
		if (!prop) {
			fprintf(stderr, "qemu: <%s> has no property '%s'\n", kind->schema->element, row->path);
			abort(); /* a table of ours is wrong: tests/unit/map_test.c finds it first */
		}
		hash_put_u64(rows_of, (uintptr_t)prop, (void *)row);
	}
}

static const struct qemu_row *find_row(const struct prop *prop)
{
	if (!rows_of) {
		rows_of = hash_new();
		for (int i = 0; qemu_kinds[i]; i++)
			index_kind(qemu_kinds[i]);
	}
	return hash_get_u64(rows_of, (uintptr_t)prop);
}

const struct qemu_kind *qemu_kind_of(const struct schema *s)
{
	for (int i = 0; qemu_kinds[i]; i++)
		if (qemu_kinds[i]->schema == s)
			return qemu_kinds[i];
	return NULL;
}

const struct qemu_kind *qemu_kind_of_element(const char *element)
{
	for (int i = 0; qemu_kinds[i]; i++)
		if (qemu_kinds[i]->device && !strcmp(qemu_kinds[i]->device, element))
			return qemu_kinds[i];
	return NULL;
}

static int refuse(const struct prop_use *use, const char *why, struct error *err)
{
	return error_set(err, ENOTSUP, "line %ld: <%s>: the qemu driver has no %s%s%s%s%s", node_line(use->node),
			 use->schema->element, use->prop->path, use->value && *use->value ? "='" : "",
			 use->value ? use->value : "", use->value && *use->value ? "'" : "", why);
}

static int check_use(void *arg unused, const struct prop_use *use, struct error *err)
{
	const struct qemu_row *row = find_row(use->prop);

	if (use->prop->flags & P_OUTPUT)
		return 0;
	if (!row && (use->prop->type == T_SUB || use->prop->type == T_LIST))
		return qemu_kind_of(use->prop->sub) ? 0 : refuse(use, "", err);
	if (!row || !(row->arg || row->emit || row->elsewhere))
		return refuse(use, "", err);
	if (row->only && use->value && word_index(row->only, use->value) < 0) {
		autofree char *words = words_joined(row->only);
		autofree char *why = xasprintf(": it has %s", words);
		return refuse(use, why, err);
	}
	return 0;
}

int qemu_map_check(const struct node *domain, struct error *err)
{
	return schema_each(&domain_schema, domain, check_use, NULL, err);
}

/* ---- emitting ---- */

struct emit {
	struct plan *plan;
	json_t *props;
};

static void emit_arg(const struct prop_use *use, const char *arg, json_t *props)
{
	uint64_t v;

	switch (use->prop->type) {
	case T_FLAG:
		props_bool(props, arg, true);
		break;
	case T_SIZE:
		props_int(props, arg, node_size(use->base, use->prop->path, 0));
		break;
	case T_U64:
		if (u64_parse(str_of(use->value), 0, UINT64_MAX, &v, NULL) == 0)
			props_int(props, arg, v);
		break;
	case T_INT:
		props_int(props, arg, strtoll(use->value, NULL, 0));
		break;
	case T_ENUM:
		if (use->prop->words == words_yes_no || use->prop->words == words_on_off)
			props_onoff(props, arg, use->value);
		else
			props_str(props, arg, use->value);
		break;
	default:
		props_str(props, arg, use->value);
	}
}

static int emit_use(void *arg, const struct prop_use *use, struct error *err)
{
	struct emit *e = arg;
	const struct qemu_row *row = find_row(use->prop);

	if (!row)
		return 0;
	if (row->emit)
		return row->emit(e->plan, use->base, use->value, e->props, err);
	if (row->arg && use->value)
		emit_arg(use, row->arg, e->props);
	return 0;
}

int qemu_emit_rows(struct plan *p, const struct qemu_kind *kind, const struct node *node, json_t *props,
		   struct error *err)
{
	struct emit e = { p, props };

	return schema_each(kind->schema, node, emit_use, &e, err);
}

/* ---- telling ---- */

void qemu_map_print(struct buf *out)
{
	for (int i = 0; qemu_kinds[i]; i++) {
		const struct qemu_kind *k = qemu_kinds[i];
		for (const struct prop *p = k->schema->props; p->path; p++) {
			const struct qemu_row *row = find_row(p);
			bool sub = (p->type == T_SUB || p->type == T_LIST) && qemu_kind_of(p->sub);
			buf_printf(out, "%s/%s %s\n", k->schema->element, p->path,
				   !row && !sub	     ? "no"
				   : row && row->arg ? row->arg
						     : "yes");
		}
	}
}
