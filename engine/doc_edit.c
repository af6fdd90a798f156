/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Changing documents, and printing them.  The user's white space stays; a new element is indented like its siblings, and one that is
 * removed takes the white space before it along.
 */
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdio.h>

#include "doc_private.h"

static xmlNodePtr xml(const struct node *n)
{
	return (xmlNodePtr)n;
}

static struct node *node(xmlNodePtr x)
{
	return (struct node *)x;
}

/* ---- white space ---- */

static bool is_blank(xmlNodePtr x)
{
	return x && x->type == XML_TEXT_NODE && xmlIsBlankNode(x);
}

/* The "\n    " that stands before X, as a copy; NULL when X stands right behind something. */
static char *indent_before(xmlNodePtr x)
{
	const char *nl;

	if (!is_blank(x->prev))
		return NULL;
	nl = strrchr((const char *)x->prev->content, '\n');
	return nl ? xstrdup(nl) : NULL;
}

static xmlNodePtr first_element(xmlNodePtr parent)
{
	xmlNodePtr x = parent->children;

	while (x && x->type != XML_ELEMENT_NODE)
		x = x->next;
	return x;
}

/* How a child of PARENT is indented: like its other children, else two deeper than PARENT; NULL in a document without lines. */
static char *child_indent(xmlNodePtr parent)
{
	autofree char *own = NULL;
	char *theirs = NULL;

	for (xmlNodePtr x = parent->children; x && !theirs; x = x->next)
		theirs = x->type == XML_ELEMENT_NODE ? indent_before(x) : NULL;
	if (theirs || first_element(parent))
		return theirs;
	own = parent->parent && parent->parent->type == XML_ELEMENT_NODE ? indent_before(parent) : xstrdup("\n");
	return own ? xasprintf("%s  ", own) : NULL;
}

static xmlNodePtr blank_node(const char *text)
{
	xmlNodePtr x = xmlNewText((const xmlChar *)text);

	if (!x)
		abort();
	return x;
}

/* Puts X in as PARENT's last child, or behind AFTER.  (Raw pointers: xmlAddChild and its like merge and free neighbouring texts.) */
static void link_in(xmlNodePtr parent, xmlNodePtr after, xmlNodePtr x)
{
	xmlUnlinkNode(x);
	xmlSetTreeDoc(x, parent->doc);
	x->parent = parent;
	x->prev = after;
	x->next = after ? after->next : parent->children;
	if (x->next)
		x->next->prev = x;
	else
		parent->last = x;
	if (after)
		after->next = x;
	else
		parent->children = x;
}

static xmlNodePtr last_element(xmlNodePtr parent)
{
	xmlNodePtr x = parent->last;

	while (x && x->type != XML_ELEMENT_NODE && x->type != XML_COMMENT_NODE)
		x = x->prev;
	return x;
}

static void insert(xmlNodePtr parent, xmlNodePtr after, xmlNodePtr x)
{
	autofree char *indent = child_indent(parent);
	bool first = !first_element(parent);

	if (first && is_blank(parent->children) && !parent->children->next) { /* <devices>\n</devices> */
		xmlNodePtr old = parent->children;
		xmlUnlinkNode(old);
		xmlFreeNode(old);
	}
	if (indent) {
		xmlNodePtr b = blank_node(indent);
		link_in(parent, after, b);
		after = b;
	}
	link_in(parent, after, x);
	if (indent && first && !x->next) { /* the end tag goes on a line of its own */
		autofree char *own =
			parent->parent && parent->parent->type == XML_ELEMENT_NODE ? indent_before(parent) : NULL;
		link_in(parent, x, blank_node(own ? own : "\n"));
	}
}

/* Text beside elements, as metadata may have: white space in it is part of it. */
static bool is_mixed(xmlNodePtr x)
{
	for (xmlNodePtr c = x->children; c; c = c->next)
		if (c->type == XML_CDATA_SECTION_NODE || (c->type == XML_TEXT_NODE && !xmlIsBlankNode(c)))
			return true;
	return false;
}

/* Content that was written with other indentation (or none) is laid out anew. */
static void lay_out(xmlNodePtr x, const char *indent)
{
	autofree char *deeper = xasprintf("%s  ", indent);
	xmlNodePtr next;

	if (!first_element(x) || is_mixed(x))
		return;
	for (xmlNodePtr c = x->children; c; c = next) {
		next = c->next;
		if (is_blank(c)) {
			xmlUnlinkNode(c);
			xmlFreeNode(c);
		}
	}
	for (xmlNodePtr c = x->children; c; c = c->next) {
		if (c->type == XML_TEXT_NODE)
			continue;
		link_in(x, c->prev, blank_node(deeper));
		lay_out(c, deeper);
	}
	link_in(x, x->last, blank_node(indent));
}

/* ---- elements ---- */

static xmlNodePtr new_element(xmlNodePtr parent, const char *name, size_t n)
{
	const char *local, *uri = doc_namespace(name, n, &local);
	autofree char *plain = xstrndup(local, n - (local - name));
	xmlNodePtr x = xmlNewDocNode(parent->doc, NULL, (const xmlChar *)plain, NULL);

	if (!x)
		abort();
	if (uri) {
		xmlNodePtr root = xmlDocGetRootElement(parent->doc);
		xmlNsPtr ns = xmlSearchNsByHref(parent->doc, parent, (const xmlChar *)uri);
		x->ns = ns ? ns : xmlNewNs(root, (const xmlChar *)uri, (const xmlChar *)doc_prefix(uri));
	}
	return x;
}

struct node *node_add(struct node *parent, const char *name)
{
	xmlNodePtr x = new_element(xml(parent), name, strlen(name));

	insert(xml(parent), last_element(xml(parent)), x);
	return node(x);
}

struct node *node_add_after(struct node *sibling, const char *name)
{
	xmlNodePtr x = new_element(xml(sibling)->parent, name, strlen(name));

	insert(xml(sibling)->parent, xml(sibling), x);
	return node(x);
}

static xmlNodePtr copy(xmlNodePtr parent, const struct node *from)
{
	xmlNodePtr x = xmlDocCopyNode(xml(from), parent->doc, 1);
	autofree char *indent = child_indent(parent);

	if (!x)
		abort();
	if (indent)
		lay_out(x, indent);
	return x;
}

struct node *node_import(struct node *parent, const struct node *from)
{
	xmlNodePtr x = copy(xml(parent), from);

	insert(xml(parent), last_element(xml(parent)), x);
	return node(x);
}

struct node *node_import_after(struct node *sibling, const struct node *from)
{
	xmlNodePtr x = copy(xml(sibling)->parent, from);

	insert(xml(sibling)->parent, xml(sibling), x);
	return node(x);
}

struct node *node_replace(struct node *old, const struct node *with)
{
	xmlNodePtr x = copy(xml(old)->parent, with);

	xmlReplaceNode(xml(old), x);
	xmlFreeNode(xml(old));
	return node(x);
}

void node_remove(struct node *n)
{
	xmlNodePtr x = xml(n), before = x ? x->prev : NULL, parent = x ? x->parent : NULL;

	if (!x)
		return;
	if (is_blank(before)) {
		xmlUnlinkNode(before);
		xmlFreeNode(before);
	}
	xmlUnlinkNode(x);
	xmlFreeNode(x);
	/* the white space before the end tag of one that is empty now */
	if (parent && is_blank(parent->children) && !parent->children->next) {
		x = parent->children;
		xmlUnlinkNode(x);
		xmlFreeNode(x);
	}
}

struct node *node_make(struct node *base, const char *path)
{
	xmlNodePtr at = xml(base);

	while (*path && *path != '@') {
		size_t n = strcspn(path, "/");
		xmlNodePtr child = at->children;
		while (child && !doc_is_element(child, path, n))
			child = child->next;
		if (!child) {
			child = new_element(at, path, n);
			insert(at, last_element(at), child);
		}
		at = child;
		path += n;
		if (*path == '/')
			path++;
	}
	return node(at);
}

/* ---- values ---- */

static bool is_empty(xmlNodePtr x)
{
	if (x->properties || x->nsDef)
		return false;
	for (xmlNodePtr c = x->children; c; c = c->next)
		if (!is_blank(c))
			return false;
	return true;
}

static void unset(struct node *base, const char *path)
{
	const char *rest;
	xmlNodePtr x = doc_walk(xml(base), path, &rest), parent;

	if (!x)
		return;
	if (*rest == '@') {
		xmlUnsetProp(x, (const xmlChar *)rest + 1);
	} else if (x != xml(base)) {
		parent = x->parent;
		node_remove(node(x));
		x = parent;
	}
	while (x != xml(base) && is_empty(x)) {
		parent = x->parent;
		node_remove(node(x));
		x = parent;
	}
}

void node_set(struct node *base, const char *path, const char *value)
{
	const char *at = strchr(path, '@');
	autofree char *copy = NULL;
	xmlNodePtr x;

	if (!value) {
		unset(base, path);
		return;
	}
	copy = xstrdup(value); /* it may be a text of this very node */
	value = copy;
	x = xml(node_make(base, path));
	if (at) {
		if (!xmlSetProp(x, (const xmlChar *)at + 1, (const xmlChar *)value))
			abort();
		return;
	}
	for (xmlNodePtr c = x->children, next; c; c = next) { /* text only: elements in it stay */
		next = c->next;
		if (c->type == XML_TEXT_NODE || c->type == XML_CDATA_SECTION_NODE) {
			xmlUnlinkNode(c);
			xmlFreeNode(c);
		}
	}
	if (*value)
		link_in(x, NULL, blank_node(value));
}

void node_setf(struct node *base, const char *path, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	node_set(base, path, text);
	free(text);
}

void node_set_size(struct node *base, const char *path, uint64_t bytes)
{
	bool kib = bytes % 1024 == 0;
	struct node *n = node_make(base, path);

	node_setf(n, "", "%llu", (unsigned long long)(kib ? bytes / 1024 : bytes));
	node_set(n, "@unit", kib ? "KiB" : "bytes");
}

/* ---- printing ---- */

/* Copies a comment, CDATA section or processing instruction at P; what follows it. */
static const char *copy_other(const char *p, struct buf *out)
{
	const char *close = str_starts(p, "<!--")	 ? "-->"
			    : str_starts(p, "<![CDATA[") ? "]]>"
			    : p[1] == '?'		 ? "?>"
							 : ">";
	const char *end = strstr(p, close);
	size_t n = end ? (size_t)(end - p) + strlen(close) : strlen(p);

	buf_add(out, p, n);
	return p + n;
}

/* Copies a tag with 'value' for "value", as libvirt writes attributes and as people grep for them. */
static const char *copy_tag(const char *p, struct buf *out)
{
	while (*p && *p != '>') {
		size_t n = *p == '"' || *p == '\'' ? strcspn(p + 1, *p == '"' ? "\"" : "'") + 2 : strcspn(p, "\"'>");
		if (*p == '"' && !memchr(p, '\'', n)) {
			buf_putc(out, '\'');
			buf_add(out, p + 1, n - 2);
			buf_putc(out, '\'');
		} else {
			buf_add(out, p, n);
		}
		p += n;
	}
	return p;
}

static void print(xmlDocPtr doc, xmlNodePtr x, struct buf *out)
{
	xmlBufferPtr b = xmlBufferCreate();
	const char *p;

	if (!b || xmlNodeDump(b, doc, x, 0, 0) < 0)
		abort();
	for (p = (const char *)xmlBufferContent(b); *p;) {
		size_t n = strcspn(p, "<");
		buf_add(out, p, n);
		p += n;
		if (*p == '<')
			p = p[1] == '!' || p[1] == '?' ? copy_other(p, out) : copy_tag(p, out);
	}
	xmlBufferFree(b);
}

void node_print(const struct node *n, struct buf *out)
{
	xmlNodePtr x = xmlDocCopyNode(xml(n), xml(n)->doc, 1);

	if (!x)
		abort();
	lay_out(x, "\n");
	print(xml(n)->doc, x, out);
	buf_putc(out, '\n');
	xmlFreeNode(x);
}

static bool has_lines(xmlNodePtr parent)
{
	for (xmlNodePtr x = parent->children; x; x = x->next)
		if (is_blank(x) && strchr((const char *)x->content, '\n'))
			return true;
	return false;
}

void doc_print(const struct doc *doc, struct buf *out)
{
	xmlNodePtr root = xmlDocGetRootElement(doc->x);

	if (!has_lines(root)) /* all on one line: nobody's layout */
		lay_out(root, "\n");
	for (xmlNodePtr x = doc->x->children; x; x = x->next) {
		print(doc->x, x, out);
		buf_putc(out, '\n');
	}
}
