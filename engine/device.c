/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Parts of a domain as objects: which there are, what they are called, where their element is.  A part is made when it is looked up;
 * its element is found anew at each use, so nothing here points into a document across a wait.
 */
#include "device.h"

#include <stdio.h>

#include "access.h"
#include "domain_impl.h"

/* ---- elements ---- */

const struct schema *device_schema(const struct node *n)
{
	return schema_of_device(node_name(n));
}

enum part_kind device_kind(const struct node *n)
{
	return !strcmp(node_name(n), "disk") ? PART_DISK : !strcmp(node_name(n), "interface") ? PART_NIC : PART_DEVICE;
}

char *device_name(const struct node *n)
{
	const char *alias = node_get(n, "alias/@name");

	if (device_kind(n) == PART_DISK)
		return xstrdup(node_get(n, "target/@dev"));
	if (!device_schema(n) || !alias)
		return NULL;
	return xstrdup(str_starts(alias, "ua-") ? alias + 3 : alias);
}

struct node *device_by_alias(const struct node *root, const char *alias)
{
	struct node *n = node_child(node_child(root, "devices"), NULL);

	while (n && !node_is(n, "alias/@name", alias))
		n = node_next(n, NULL);
	return n;
}

struct node *device_find(const struct node *root, enum part_kind kind, const char *name)
{
	static const char *const elements[] = { [PART_DISK] = "disk", [PART_NIC] = "interface", [PART_DEVICE] = NULL };
	const char *element = kind == PART_VCPU ? NULL : elements[kind];
	struct node *n;

	if (kind == PART_VCPU)
		return NULL;
	for (n = node_child(node_child(root, "devices"), element); n; n = node_next(n, element)) {
		autofree char *its = device_kind(n) == kind ? device_name(n) : NULL;
		if (str_eq(its, name) && its)
			break;
	}
	return n;
}

/* N's place among its like, from 0. */
static unsigned place_of(const struct node *n)
{
	struct node *s = node_child(node_parent(n), node_name(n));
	unsigned i = 0;

	while (s && s != n) {
		s = node_next(s, node_name(n));
		i++;
	}
	return i;
}

static bool same_device(const struct node *a, const struct node *b)
{
	const char *alias = node_get(a, "alias/@name"), *mac = node_get(a, "mac/@address");

	if (!strcmp(node_name(a), "disk"))
		return str_eq(node_get(a, "target/@dev"), node_get(b, "target/@dev"));
	if (!strcmp(node_name(a), "controller"))
		return str_eq(node_get(a, "@type"), node_get(b, "@type")) &&
		       node_u64(a, "@index", 0) == node_u64(b, "@index", 0);
	if (alias && node_has(b, "alias/@name"))
		return node_is(b, "alias/@name", alias);
	return mac && node_has(b, "mac/@address") && node_is(b, "mac/@address", mac);
}

/* By what names it; else by its place among its like, as completing adds none before those that the user wrote. */
struct node *device_in_config(const struct node *config_root, const struct node *n)
{
	struct node *devices = node_child(config_root, "devices"), *c;
	unsigned place = place_of(n);

	for (c = node_child(devices, node_name(n)); c; c = node_next(c, node_name(n)))
		if (same_device(c, n))
			return c;
	if (!strcmp(node_name(n), "disk") || !strcmp(node_name(n), "controller"))
		return NULL;
	for (c = node_child(devices, node_name(n)); c && place; place--)
		c = node_next(c, node_name(n));
	return c && !node_has(c, "alias/@name") ? c : NULL;
}

/* ---- parts ---- */

static void part_free(struct object *o)
{
	struct part *p = part_of(o);

	doc_free(p->staged);
	free(p->error_text);
	object_unref(&p->domain->obj);
	free(p);
}

static struct part *part_known(struct domain *d, enum part_kind kind, const char *name)
{
	for (size_t i = 0; i < d->parts.n; i++) {
		struct part *p = d->parts.at[i];
		if (p->kind == kind && !strcmp(p->obj.name, name))
			return p;
	}
	return NULL;
}

static struct part *part_get(struct domain *d, enum part_kind kind, const char *name)
{
	struct part *p = part_known(d, kind, name);

	if (p || d->obj.gone)
		return p;
	p = xcalloc(1, sizeof(*p));
	object_init(&p->obj, OBJ_PART, name, &d->obj, part_free);
	p->kind = kind;
	p->domain = domain_hold(d);
	vec_add(&d->parts, p);
	return p;
}

static bool is_vcpu(const struct domain *d, enum view view, const char *name)
{
	uint64_t n, max = view == VIEW_NOW ? d->cpus_max : d->next_cpus_max;
	char plain[24];

	if (u64_parse(str_of(name), 0, max ? max - 1 : 0, &n, NULL) < 0)
		return false;
	snprintf(plain, sizeof(plain), "%llu", (unsigned long long)n);
	return max && !strcmp(plain, name);
}

static bool staged_in(const struct part *p, enum view view)
{
	return p->staged && p->staged_config == (view == VIEW_CONFIG);
}

struct part *part_find(struct domain *d, enum part_kind kind, enum view view, const char *name)
{
	struct part *p = part_known(d, kind, name);

	if (p && staged_in(p, view))
		return p;
	if (kind == PART_VCPU ? is_vcpu(d, view, name) : device_find(domain_root(d, view), kind, name) != NULL)
		return part_get(d, kind, name);
	return NULL;
}

static void each_vcpu(struct domain *d, enum view view, void (*fn)(void *arg, struct part *p), void *arg)
{
	uint64_t max = view == VIEW_NOW ? d->cpus_max : d->next_cpus_max;
	char name[24];

	for (uint64_t i = 0; i < max; i++) {
		snprintf(name, sizeof(name), "%llu", (unsigned long long)i);
		fn(arg, part_get(d, PART_VCPU, name));
	}
}

void parts_each(struct domain *d, enum part_kind kind, enum view view, void (*fn)(void *arg, struct part *p), void *arg)
{
	struct node *n;

	if (d->obj.gone)
		return;
	if (kind == PART_VCPU) {
		each_vcpu(d, view, fn, arg);
		return;
	}
	n = node_child(node_child(domain_root(d, view), "devices"), NULL);
	for (; n; n = node_next(n, NULL)) {
		autofree char *name = device_kind(n) == kind ? device_name(n) : NULL;
		if (name)
			fn(arg, part_get(d, kind, name));
	}
	for (size_t i = 0; i < d->parts.n; i++) {
		struct part *p = d->parts.at[i];
		if (p->kind == kind && staged_in(p, view))
			fn(arg, p);
	}
}

struct node *part_node(struct part *p, enum view view)
{
	if (staged_in(p, view))
		return doc_root(p->staged);
	if (p->obj.gone)
		return NULL;
	return device_find(domain_root(p->domain, view), p->kind, p->obj.name);
}

const struct schema *part_schema(const struct part *p)
{
	struct part *q = (struct part *)p;
	struct node *n;

	if (p->kind == PART_DISK)
		return &disk_schema;
	if (p->kind == PART_NIC)
		return &nic_schema;
	n = part_node(q, VIEW_NOW);
	if (!n)
		n = part_node(q, VIEW_CONFIG);
	return n ? device_schema(n) : NULL;
}

static void part_remove(struct domain *d, size_t i)
{
	struct part *p = d->parts.at[i];

	vec_remove(&d->parts, i);
	object_gone(&p->obj);
	object_unref(&p->obj);
}

static bool is_somewhere(struct domain *d, enum part_kind kind, const char *name)
{
	const struct part *p = part_known(d, kind, name);

	if (p && p->staged)
		return true;
	if (kind == PART_VCPU)
		return is_vcpu(d, VIEW_NOW, name) || is_vcpu(d, VIEW_CONFIG, name);
	return device_find(domain_root(d, VIEW_NOW), kind, name) ||
	       device_find(domain_root(d, VIEW_CONFIG), kind, name);
}

/* Rights are kept under "disks/vda/source", "config/disks/vda/source". */
static bool rights_stay(void *arg, const char *key)
{
	static const char *const dirs[] = {
		[PART_DISK] = "disks/",
		[PART_NIC] = "nics/",
		[PART_DEVICE] = "devices/",
		[PART_VCPU] = "vcpus/",
	};

	if (str_starts(key, "config/"))
		key += strlen("config/");
	for (int kind = 0; kind < PART_KINDS; kind++) {
		autofree char *name = NULL;

		if (!str_starts(key, dirs[kind]))
			continue;
		key += strlen(dirs[kind]);
		name = xstrndup(key, strcspn(key, "/"));
		return is_somewhere(arg, kind, name);
	}
	return true;
}

void parts_sweep(struct domain *d)
{
	for (size_t i = d->parts.n; i-- > 0;) {
		const struct part *p = d->parts.at[i];

		if (!is_somewhere(d, p->kind, p->obj.name))
			part_remove(d, i);
	}
	access_sweep(&d->obj, rights_stay, d);
}

void parts_drop(struct domain *d)
{
	while (d->parts.n)
		part_remove(d, d->parts.n - 1);
	vec_clear(&d->parts, NULL);
}

const char *part_state(struct part *p)
{
	struct domain *d = p->domain;
	bool now, next;

	if (p->detaching)
		return "detaching";
	if (p->staged)
		return "staged";
	if (p->kind == PART_VCPU)
		return strtoull(p->obj.name, NULL, 10) < d->cpus ? "attached" : "config";
	now = domain_active(d) && device_find(domain_root(d, VIEW_NOW), p->kind, p->obj.name);
	next = device_find(domain_root(d, VIEW_CONFIG), p->kind, p->obj.name) != NULL;
	if (domain_active(d) && now != next)
		return now ? "live" : "config";
	return "attached";
}

void part_set_error(struct part *p, const char *text)
{
	free(p->error_text);
	p->error_text = xstrdup(text);
	object_changed(&p->obj, 1u << FACET_ERROR);
}

void part_xml(struct part *p, enum view view, bool secrets, struct buf *out)
{
	struct node *n = part_node(p, view);
	autodoc struct doc *copy = NULL;

	if (!n)
		return;
	if (!secrets && device_schema(n)) {
		autobuf struct buf text = { 0 };
		node_print(n, &text);
		copy = doc_parse((struct str){ text.p, text.n }, NULL, NULL);
		if (copy && schema_mask(device_schema(n), doc_root(copy)))
			n = doc_root(copy);
	}
	node_print(n, out);
}

/* ---- staging ---- */

static int stage_disk(struct domain *d, enum view view, const char *name, struct node *n, struct error *err)
{
	static const struct {
		const char *prefix, *bus, *device;
	} rows[] = {
		{ "vd", "virtio", "disk" }, { "sd", "scsi", "disk" }, { "hd", "ide", "disk" },
		{ "fd", "fdc", "floppy" },  { "xvd", "xen", "disk" }, { "ubd", "uml", "disk" },
	};
	size_t i = 0;
	const char *bus;

	while (i < ARRAY_SIZE(rows) && !str_starts(name, rows[i].prefix))
		i++;
	if (i == ARRAY_SIZE(rows))
		return error_set(err, EINVAL,
				 "a disk's name says how it is attached: expected vda.. (virtio), sda.. (scsi, sata, "
				 "usb), hda.. (ide) or fda.. (floppy)");
	bus = rows[i].bus;
	if (!strcmp(bus, "scsi")) { /* without a SCSI controller the machine's own SATA one is what is meant */
		struct node *c = node_first(domain_root(d, view), "devices/controller");
		while (c && !node_is(c, "@type", "scsi"))
			c = node_next(c, "controller");
		bus = c ? "scsi" : "sata";
	}
	node_set(n, "@type", "file");
	node_set(n, "@device", rows[i].device);
	node_set(n, "target/@dev", name);
	node_set(n, "target/@bus", bus);
	return 0;
}

static int stage(struct domain *d, enum part_kind kind, enum view view, const char *name, struct doc **out,
		 struct error *err)
{
	static const char *const empty[] = {
		[PART_DISK] = "<disk/>", [PART_NIC] = "<interface/>", [PART_DEVICE] = "<device/>"
	};
	autodoc struct doc *doc = doc_parse(str_of(empty[kind]), NULL, err);
	int r = 0;

	if (!doc)
		return -EINVAL;
	if (kind == PART_DISK)
		r = stage_disk(d, view, name, doc_root(doc), err);
	if (kind == PART_NIC) {
		node_set(doc_root(doc), "@type", "user");
		node_setf(doc_root(doc), "alias/@name", "ua-%s", name);
	}
	if (r == 0)
		*out = take(&doc);
	return r;
}

int part_make(struct domain *d, enum part_kind kind, enum view view, const char *name, struct part **out,
	      struct error *err)
{
	struct doc *doc = NULL;
	struct part *p;
	int r = object_name_check(name, err);

	if (r == 0)
		r = domain_there(d, err);
	if (r == 0 && kind == PART_VCPU)
		r = error_set(err, EPERM, "vCPUs are added by writing cpus");
	if (r == 0 && part_find(d, kind, view, name))
		r = error_set(err, EEXIST, "there is '%s' already", name);
	if (r == 0)
		r = stage(d, kind, view, name, &doc, err);
	if (r < 0)
		return error_in(err, r, "%s: make %s", d->obj.name, name);
	p = part_get(d, kind, name);
	if (p->staged)
		doc_free(p->staged);
	p->staged = doc;
	p->staged_config = view == VIEW_CONFIG;
	object_changed(&d->obj, 1u << FACET_NAMES);
	*out = p;
	return 0;
}
