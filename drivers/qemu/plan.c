/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plan: what QEMU is told, be it on its command line or over QMP, and the files that it is given. */
#include <stdio.h>

#include "qemu.h"

struct plan *plan_new(const struct node *domain, const struct qemu_caps *caps, const char *run_dir, bool dry)
{
	struct plan *p = xcalloc(1, sizeof(*p));

	p->domain = domain;
	p->caps = caps;
	p->run_dir = xstrdup(run_dir);
	p->dry = dry;
	p->name = node_get_or(domain, "name", "");
	return p;
}

static void item_free(void *arg)
{
	struct plan_item *it = arg;

	free(it->option);
	free(it->text);
	json_decref(it->props);
	free(it);
}

static void file_free(void *arg)
{
	struct plan_file *f = arg;

	base_close_p(&f->fd);
	free(f->path);
	free(f->what);
	free(f->text);
	free(f);
}

static void claim_free(void *arg)
{
	struct plan_claim *c = arg;

	free(c->device);
	free(c->key);
	free(c);
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	vec_clear(&p->claims, claim_free);
	vec_clear(&p->items, item_free);
	vec_clear(&p->files, file_free);
	free((char *)p->run_dir);
	free(p);
}

void plan_free_p(struct plan **p)
{
	plan_free(*p);
}

void plan_option(struct plan *p, const char *option, const char *fmt, ...)
{
	struct plan_item *it = xcalloc(1, sizeof(*it));
	va_list ap;

	it->kind = ITEM_OPTION;
	it->option = xstrdup(option);
	if (fmt) {
		va_start(ap, fmt);
		it->text = xvasprintf(fmt, ap);
		va_end(ap);
	}
	vec_add(&p->items, it);
}

void plan_item(struct plan *p, enum item_kind kind, json_t *props)
{
	struct plan_item *it = xcalloc(1, sizeof(*it));

	it->kind = kind;
	it->props = props;
	vec_add(&p->items, it);
}

/* What stands in the command for the file. */
static char *file_text(const struct plan *p, const struct plan_file *f)
{
	if (p->dry || f->how == FILE_RUN_DIR)
		return xstrdup(f->path);
	switch (f->how) {
	case FILE_FDSET:
		return xasprintf("/dev/fdset/%u", f->number);
	case FILE_BY_NAME:
		return xasprintf("/proc/self/fd/%u", f->number);
	default: /* over QMP a name, which must not begin with a digit */
		return xasprintf(p->hotplug ? "fd%u" : "%u", f->number);
	}
}

const char *plan_file(struct plan *p, enum file_how how, const char *path, int flags, const char *what_fmt, ...)
{
	struct plan_file *f = xcalloc(1, sizeof(*f));
	va_list ap;

	*f = (struct plan_file){
		.number = p->next_file++, .how = how, .path = xstrdup(path), .flags = flags, .fd = -1
	};
	if (what_fmt) {
		va_start(ap, what_fmt);
		f->what = xvasprintf(what_fmt, ap);
		va_end(ap);
	}
	f->text = file_text(p, f);
	vec_add(&p->files, f);
	return f->text;
}

void plan_claim(struct plan *p, const char *device, const char *key, bool writes)
{
	struct plan_claim *c = xmalloc(sizeof(*c));

	*c = (struct plan_claim){ .device = xstrdup(device), .key = xstrdup(key), .writes = writes };
	if (!key)
		c->file = p->files.at[p->files.n - 1];
	vec_add(&p->claims, c);
}

/* ---- JSON ---- */

static void put(json_t *props, const char *key, json_t *value)
{
	if (!value || json_object_set_new(props, key, value) < 0)
		abort();
}

void props_str(json_t *props, const char *key, const char *value)
{
	if (value)
		put(props, key, json_string_nocheck(value));
}

void props_strf(json_t *props, const char *key, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	props_str(props, key, text);
	free(text);
}

void props_int(json_t *props, const char *key, int64_t value)
{
	put(props, key, json_integer(value));
}

void props_bool(json_t *props, const char *key, bool value)
{
	put(props, key, json_boolean(value));
}

void props_onoff(json_t *props, const char *key, const char *text)
{
	if (text)
		props_bool(props, key, str_eq(text, "on") || str_eq(text, "yes"));
}
