/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Documents by libxml2: reading.  Parsing is in doc_parse.c, changing in doc_edit.c.
 *
 * struct node is an xmlNode under another name; nobody outside doc*.c knows.
 */
#include "doc.h"

#include <ctype.h>
#include <libxml/parser.h>
#include <libxml/tree.h>

#include "doc_private.h"
#include "units.h"

struct doc *doc_copy(const struct doc *doc)
{
	struct doc *copy = xcalloc(1, sizeof(*copy));

	copy->x = xmlCopyDoc(doc->x, 1);
	if (!copy->x)
		abort();
	return copy;
}

void doc_free(struct doc *doc)
{
	if (!doc)
		return;
	xmlFreeDoc(doc->x);
	free(doc);
}

void doc_free_p(struct doc **doc)
{
	doc_free(*doc);
}

/* ---- reading ---- */

static xmlNodePtr xml(const struct node *n)
{
	return (xmlNodePtr)n;
}

static struct node *node(xmlNodePtr x)
{
	return (struct node *)x;
}

struct node *doc_root(const struct doc *doc)
{
	return doc ? node(xmlDocGetRootElement(doc->x)) : NULL;
}

const char *node_name(const struct node *n)
{
	return n ? (const char *)xml(n)->name : "";
}

long node_line(const struct node *n)
{
	return n ? xmlGetLineNo(xml(n)) : 0;
}

const char *node_space(const struct node *n)
{
	return xml(n)->ns && xml(n)->ns->href ? doc_prefix((const char *)xml(n)->ns->href) : NULL;
}

bool node_foreign(const struct node *n)
{
	return xml(n)->ns && xml(n)->ns->href;
}

struct node *node_parent(const struct node *n)
{
	xmlNodePtr p = n ? xml(n)->parent : NULL;

	return p && p->type == XML_ELEMENT_NODE ? node(p) : NULL;
}

static const struct {
	const char *prefix, *uri;
} spaces[] = {
	{ "qemu", "http://libvirt.org/schemas/domain/qemu/1.0" },
	{ "lxc", "http://libvirt.org/schemas/domain/lxc/1.0" },
	{ "xen", "http://libvirt.org/schemas/domain/xen/1.0" },
	{ "bhyve", "http://libvirt.org/schemas/domain/bhyve/1.0" },
	{ "vmware", "http://libvirt.org/schemas/domain/vmware/1.0" },
	{ "test", "http://libvirt.org/schemas/domain/test/1.0" },
	{ "ch", "http://libvirt.org/schemas/domain/ch/1.0" },
	{ "fs", "http://libvirt.org/schemas/storagepool/fs/1.0" },
	{ "rbd", "http://libvirt.org/schemas/storagepool/rbd/1.0" },
};

/* The URI that NAME's prefix stands for and the rest in *LOCAL; NULL: no prefix. */
const char *doc_namespace(const char *name, size_t n, const char **local)
{
	*local = name;
	for (size_t i = 0; i < ARRAY_SIZE(spaces); i++) {
		size_t len = strlen(spaces[i].prefix);
		if (n > len && name[len] == ':' && !memcmp(name, spaces[i].prefix, len)) {
			*local = name + len + 1;
			return spaces[i].uri;
		}
	}
	return NULL;
}

const char *doc_prefix(const char *uri)
{
	for (size_t i = 0; i < ARRAY_SIZE(spaces); i++)
		if (!strcmp(spaces[i].uri, uri))
			return spaces[i].prefix;
	return NULL;
}

/* Is X the element called NAME (N bytes, perhaps with one of our prefixes)? */
bool doc_is_element(xmlNodePtr x, const char *name, size_t n)
{
	const char *local, *uri;

	if (x->type != XML_ELEMENT_NODE)
		return false;
	if (!x->ns || !x->ns->href)
		return !strncmp((const char *)x->name, name, n) && x->name[n] == 0;
	uri = doc_namespace(name, n, &local);
	n -= local - name;
	return uri && !strcmp((const char *)x->ns->href, uri) && !strncmp((const char *)x->name, local, n) &&
	       x->name[n] == 0;
}

static xmlNodePtr seek(xmlNodePtr x, const char *name, size_t n)
{
	while (x && (name ? !doc_is_element(x, name, n) : x->type != XML_ELEMENT_NODE))
		x = x->next;
	return x;
}

struct node *node_child(const struct node *n, const char *name)
{
	return n ? node(seek(xml(n)->children, name, name ? strlen(name) : 0)) : NULL;
}

struct node *node_next(const struct node *n, const char *name)
{
	return n ? node(seek(xml(n)->next, name, name ? strlen(name) : 0)) : NULL;
}

/* The element at the elements of PATH (up to a '/@' or the end); *REST points to the '@' or the end. */
xmlNodePtr doc_walk(xmlNodePtr x, const char *path, const char **rest)
{
	while (x && *path && *path != '@') {
		size_t n = strcspn(path, "/");
		x = seek(x->children, path, n);
		path += n;
		if (*path == '/')
			path++;
	}
	*rest = path;
	return x;
}

/* A text that the tree does not have as such, kept with the document: its dictionary is freed with it and holds each text once. */
static const char *kept(xmlNodePtr x, const char *p, size_t n)
{
	const xmlChar *s;

	if (!x->doc->dict) /* a copy has none */
		x->doc->dict = xmlDictCreate();
	s = xmlDictLookup(x->doc->dict, (const xmlChar *)p, (int)n);
	if (!s)
		abort();
	return (const char *)s;
}

static bool is_text(xmlNodePtr x)
{
	return x->type == XML_TEXT_NODE || x->type == XML_CDATA_SECTION_NODE;
}

static const char *joined(xmlNodePtr parent, xmlNodePtr first)
{
	autobuf struct buf all = { 0 };

	for (xmlNodePtr x = first; x; x = x->next)
		if (is_text(x) && x->content)
			buf_puts(&all, (const char *)x->content);
	return kept(parent, buf_text(&all), all.n);
}

/* The text of an attribute or element, borrowed.  Nearly always it is one node; a comment or CDATA inside makes it several. */
static const char *content(xmlNodePtr parent, xmlNodePtr first)
{
	xmlNodePtr text = NULL;

	for (xmlNodePtr x = first; x; x = x->next) {
		if (!is_text(x) || (text && xmlIsBlankNode(x)))
			continue;
		if (text && !xmlIsBlankNode(text))
			return joined(parent, first);
		text = x;
	}
	return text && text->content ? (const char *)text->content : "";
}

/* Without white space around it. */
static const char *trimmed(xmlNodePtr x)
{
	const char *p = content(x, x->children);
	size_t n, len;

	while (isspace((unsigned char)*p))
		p++;
	for (n = len = strlen(p); n && isspace((unsigned char)p[n - 1]);)
		n--;
	return n < len ? kept(x, p, n) : p;
}

static xmlAttrPtr find_attr(xmlNodePtr x, const char *name)
{
	for (xmlAttrPtr a = x->properties; a; a = a->next)
		if (!a->ns && !strcmp((const char *)a->name, name))
			return a;
	return NULL;
}

struct node *node_first(const struct node *base, const char *path)
{
	const char *rest;
	xmlNodePtr x = base ? doc_walk(xml(base), path, &rest) : NULL;

	return x && *rest == '@' && !find_attr(x, rest + 1) ? NULL : node(x);
}

unsigned node_count(const struct node *base, const char *path)
{
	struct node *n = node_first(base, path);
	const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	unsigned count = 0;

	for (; n; n = node_next(n, name))
		count++;
	return count;
}

const char *node_get(const struct node *base, const char *path)
{
	const char *rest;
	xmlNodePtr x = base ? doc_walk(xml(base), path, &rest) : NULL;
	xmlAttrPtr a;

	if (!x)
		return NULL;
	if (*rest != '@')
		return trimmed(x);
	a = find_attr(x, rest + 1);
	return a ? content(x, a->children) : NULL;
}

const char *node_get_or(const struct node *base, const char *path, const char *dflt)
{
	const char *s = node_get(base, path);

	return s ? s : dflt;
}

bool node_has(const struct node *base, const char *path)
{
	return node_get(base, path) != NULL;
}

bool node_is(const struct node *base, const char *path, const char *value)
{
	return str_eq(node_get(base, path), value);
}

bool node_yes(const struct node *base, const char *path)
{
	const char *s = node_get(base, path);

	return s && (!strcmp(s, "yes") || !strcmp(s, "on") || !strcmp(s, "1") || !strcmp(s, "true"));
}

uint64_t node_u64(const struct node *base, const char *path, uint64_t dflt)
{
	const char *s = node_get(base, path);
	uint64_t v;

	return s && u64_parse(str_of(s), 0, UINT64_MAX, &v, NULL) == 0 ? v : dflt;
}

uint64_t node_size(const struct node *base, const char *path, uint64_t dflt)
{
	const struct node *n = node_first(base, path);
	uint64_t v;

	return n && size_parse_unit(str_of(node_get(n, "")), node_get(n, "@unit"), "KiB", &v, NULL) == 0 ? v : dflt;
}

void node_attrs(const struct node *n, void (*fn)(void *arg, const char *name, const char *value), void *arg)
{
	for (xmlAttrPtr a = n ? xml(n)->properties : NULL; a; a = a->next)
		if (!a->ns)
			fn(arg, (const char *)a->name, content(xml(n), a->children));
}

/* ---- comparing ---- */

static bool same_space(xmlNsPtr a, xmlNsPtr b)
{
	return xmlStrEqual(a ? a->href : NULL, b ? b->href : NULL);
}

static unsigned attr_count(xmlNodePtr x)
{
	unsigned n = 0;

	for (xmlAttrPtr a = x->properties; a; a = a->next)
		n++;
	return n;
}

static bool same_attrs(xmlNodePtr a, xmlNodePtr b)
{
	if (attr_count(a) != attr_count(b))
		return false;
	for (xmlAttrPtr p = a->properties; p; p = p->next) {
		xmlAttrPtr q = b->properties;
		while (q && !(xmlStrEqual(p->name, q->name) && same_space(p->ns, q->ns)))
			q = q->next;
		if (!q || strcmp(content(a, p->children), content(b, q->children)))
			return false;
	}
	return true;
}

bool node_equal(const struct node *a, const struct node *b)
{
	struct node *x, *y;

	if (!a || !b)
		return a == b;
	if (strcmp(node_name(a), node_name(b)) || !same_space(xml(a)->ns, xml(b)->ns) || !same_attrs(xml(a), xml(b)) ||
	    strcmp(trimmed(xml(a)), trimmed(xml(b))))
		return false;
	x = node_child(a, NULL);
	y = node_child(b, NULL);
	for (; x && y; x = node_next(x, NULL), y = node_next(y, NULL))
		if (!node_equal(x, y))
			return false;
	return !x && !y;
}
