/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A definition is its libxml2 document, kept whole: unknown elements, comments, order.  This header hides
 * libxml2 from everybody else: a node is an element, borrowed from its document and dead with it.
 *
 * A path is elements and at the end possibly an attribute, from a base element: "target/@dev", "serial",
 * "driver/@cache", "@type".  It is walked; there is no XPath.  Elements of a foreign namespace are never matched by a
 * plain name; the prefixes "qemu:", "lxc:", "xen:" stand for libvirt's own namespaces whatever the document's prefix is.
 */
#ifndef DOMFS_DOC_H
#define DOMFS_DOC_H

#include "buf.h"
#include "error.h"

struct doc;
struct node;

/* Limits of what is parsed: bytes, depth, attributes of one element, namespace declarations in all.  No network, no external entities,
 * no entity expansion, no DTD; UTF-8 or a declared encoding that contains ASCII (not UTF-16). */
#define DOC_MAX_BYTES	   (4u << 20)
#define DOC_MAX_DEPTH	   128
#define DOC_MAX_ATTRS	   512
#define DOC_MAX_NAMESPACES 256

/* Parses TEXT; ROOT is the element that it must have (NULL: any).  NULL and -EBADMSG (not well-formed, with the
 * line), -E2BIG, -EINVAL (other root) in *ERR.  The caller frees. */
struct doc *doc_parse(struct str text, const char *root, struct error *err);
struct doc *doc_copy(const struct doc *doc);
void doc_free(struct doc *doc);
void doc_free_p(struct doc **doc);
#define autodoc __attribute__((cleanup(doc_free_p)))

/* Is a text that arrives in pieces one complete document: root element closed, and only white space, comments or processing
 * instructions after it?  0 complete, 1 more is needed, -EBADMSG it never will be.  Each byte is looked at once. */
struct doc_scan {
	unsigned char state, n;
	bool bad, seen, closed; /* seen: a tag began; closed: the root element has ended */
	unsigned depth;
	char quote, last, before, head[8];
};
void doc_scan_init(struct doc_scan *s);
int doc_scan_feed(struct doc_scan *s, struct str data);
int doc_complete(struct str text); /* the same for a whole text */

/* The text as it was parsed, with what was changed since; white space and comments are kept, new elements are
 * indented like their siblings.  Ends in a newline. */
void doc_print(const struct doc *doc, struct buf *out);
void node_print(const struct node *n, struct buf *out); /* one element, own lines, no declaration */

struct node *doc_root(const struct doc *doc);
const char *node_name(const struct node *n);
long node_line(const struct node *n); /* 0 for one that we made */
/* "qemu" for one in a namespace that libvirt defines, NULL for one in none or in a foreign one. */
const char *node_space(const struct node *n);
bool node_foreign(const struct node *n);	/* in some namespace */
struct node *node_parent(const struct node *n); /* NULL at the root */

/* First child element called NAME (NULL: any), next sibling element called NAME.  NULL arguments give NULL. */
struct node *node_child(const struct node *n, const char *name);
struct node *node_next(const struct node *n, const char *name);
/* The first element at PATH; with an attribute at its end: if it has that.
 * for (struct node *d = node_first(root, "devices/disk"); d; d = node_next(d, "disk")) */
struct node *node_first(const struct node *base, const char *path);
unsigned node_count(const struct node *base, const char *path);

/* The text at PATH, borrowed until the document changes, trimmed of white space around element text; NULL when absent.
 * An element that exists but is empty gives "".  Comments inside are skipped. */
const char *node_get(const struct node *base, const char *path);
const char *node_get_or(const struct node *base, const char *path, const char *dflt);
bool node_has(const struct node *base, const char *path);
bool node_is(const struct node *base, const char *path, const char *value);
bool node_yes(const struct node *base, const char *path); /* yes, on, 1, true */
/* A number; DFLT when absent or not one (definitions are checked before). Decimal or 0x. */
uint64_t node_u64(const struct node *base, const char *path, uint64_t dflt);
/* A size element with its @unit (KiB when there is none), in bytes. */
uint64_t node_size(const struct node *base, const char *path, uint64_t dflt);

/* Sets the text at PATH, making what is missing.  NULL removes the attribute or element, and parents that this leaves without
 * attributes and children (but not BASE). */
void node_set(struct node *base, const char *path, const char *value);
void node_setf(struct node *base, const char *path, const char *fmt, ...) printf_like(3, 4);
void node_set_size(struct node *base, const char *path, uint64_t bytes); /* with unit='KiB' or 'bytes' */
struct node *node_add(struct node *parent, const char *name);		 /* a new last child */
struct node *node_add_after(struct node *sibling, const char *name);
struct node *node_make(struct node *base, const char *path);		/* the element at PATH, made if absent */
struct node *node_import(struct node *parent, const struct node *from); /* a deep copy, as last child */
struct node *node_import_after(struct node *sibling, const struct node *from);
struct node *node_replace(struct node *old, const struct node *with); /* a deep copy in OLD's place; OLD is freed */
void node_remove(struct node *n);
/* Same element name, attributes, text and children in order (white space and comments aside), namespaces included? */
bool node_equal(const struct node *a, const struct node *b);

/* Every attribute of N: FN(ARG, "name", "value"); foreign namespaces are left out. */
void node_attrs(const struct node *n, void (*fn)(void *arg, const char *name, const char *value), void *arg);

#endif
