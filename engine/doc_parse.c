/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Text to document, by libxml2, within limits.  Whoever may write a definition may be hostile, and we have one thread: what would cost
 * more than its bytes is refused before libxml2 works on it.
 */
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <stdio.h>
#include <strings.h>

#include "doc_private.h"

struct guard { /* what the hooks need to know, behind ctxt->_private */
	startDocumentSAXFunc start_document;
	startElementNsSAX2Func start_element;
	unsigned namespaces;
	bool stopped; /* by us */
	long line;
	char *message; /* the first thing that is wrong */
};

static void printf_like(2, 3) stop(xmlParserCtxtPtr ctxt, const char *fmt, ...)
{
	struct guard *g = ctxt->_private;
	va_list ap;

	free(g->message);
	va_start(ap, fmt);
	g->message = xvasprintf(fmt, ap);
	va_end(ap);
	g->line = ctxt->input ? ctxt->input->line : 0;
	g->stopped = true;
	xmlStopParser(ctxt);
}

/* In these the bytes of < = and quotes stand for nothing else, so that what looks at a text before libxml2 does sees what libxml2
 * will see.  Not so UTF-7, UTF-16, ISO-2022 and EBCDIC. */
static bool encoding_accepted(const char *name)
{
	static const char *const prefixes[] = { "UTF-8",    "ASCII",	   "US-ASCII",	"ISO-8859-", "ISO_8859-",
						"ISO8859-", "ISO LATIN 1", "LATIN",	"WINDOWS-",  "CP125",
						"KOI8-",    "EUC-",	   "SHIFT_JIS", "SHIFT-JIS", "SJIS",
						"GBK",	    "GB2312",	   "GB18030",	"BIG5",	     NULL };

	for (int i = 0; prefixes[i]; i++)
		if (!strncasecmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static void on_document(void *ctx)
{
	xmlParserCtxtPtr ctxt = ctx;
	struct guard *g = ctxt->_private;
	xmlParserInputBufferPtr in = ctxt->input ? ctxt->input->buf : NULL;

	g->start_document(ctx);
	if (in && in->encoder && !encoding_accepted(in->encoder->name))
		stop(ctxt, "the encoding '%.20s' is not accepted: write it in UTF-8", in->encoder->name);
}

static void on_start(void *ctx, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int nns,
		     const xmlChar **ns, int nattr, int ndflt, const xmlChar **attr)
{
	xmlParserCtxtPtr ctxt = ctx;
	struct guard *g = ctxt->_private;

	g->namespaces += nns;
	if (ctxt->nameNr >= DOC_MAX_DEPTH)
		stop(ctxt, "elements are nested more than %d deep", DOC_MAX_DEPTH);
	else if (g->namespaces > DOC_MAX_NAMESPACES)
		stop(ctxt, "more than %d namespaces are declared", DOC_MAX_NAMESPACES);
	else
		g->start_element(ctx, name, prefix, uri, nns, ns, nattr, ndflt, attr);
}

static void on_subset(void *ctx, const xmlChar *name unused, const xmlChar *id unused, const xmlChar *system unused)
{
	stop(ctx, "a document type declaration is not accepted: definitions have no entities");
}

static void on_error(void *ctx, xmlErrorPtr e)
{
	struct guard *g = ctx;
	size_t n;

	if (e->level < XML_ERR_ERROR || g->message)
		return;
	g->line = e->line;
	g->message = xstrdup(e->message ? e->message : "not well-formed");
	for (char *p = g->message; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
	for (n = strlen(g->message); n && g->message[n - 1] == ' ';)
		g->message[--n] = 0;
}

static xmlDocPtr parse(struct str text, struct error *err)
{
	struct guard g = { 0 };
	xmlParserCtxtPtr ctxt = xmlNewParserCtxt();
	xmlDocPtr x;

	if (!ctxt)
		abort();
	ctxt->_private = &g;
	g.start_document = ctxt->sax->startDocument;
	g.start_element = ctxt->sax->startElementNs;
	ctxt->sax->startDocument = on_document;
	ctxt->sax->startElementNs = on_start;
	ctxt->sax->internalSubset = on_subset;
	xmlSetStructuredErrorFunc(&g, on_error);
	x = xmlCtxtReadMemory(ctxt, text.p, (int)text.n, "definition", NULL, XML_PARSE_NONET | XML_PARSE_BIG_LINES);
	xmlSetStructuredErrorFunc(NULL, NULL);
	if (x && (!ctxt->wellFormed || g.stopped || !xmlDocGetRootElement(x))) {
		xmlFreeDoc(x);
		x = NULL;
	}
	if (!x)
		error_set(err, EBADMSG, "line %ld: %s", g.line,
			  g.message ? g.message : "the text is not well-formed XML");
	free(g.message);
	xmlFreeParserCtxt(ctxt);
	return x;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Without XML's white space around it: before an <?xml ...?> it would be an error that nobody understands. */
static struct str blank_trimmed(struct str text)
{
	while (text.n && blank(text.p[0])) {
		text.p++;
		text.n--;
	}
	while (text.n && blank(text.p[text.n - 1]))
		text.n--;
	return text;
}

/*
 * libxml2 compares every attribute with all others of its element: 600 KB of them took 4.5 s.  A tag has no second '<' in it, so what
 * looks like an attribute (= and a quote) is counted from '<' to '<', which holds for broken texts too: libxml2 goes on
 * after most errors.  The line of the first crowd, 0 when there is none.
 */
static long crowded(struct str text)
{
	unsigned count = 0;
	long line = 1;

	for (size_t i = 0; i < text.n; i++) {
		size_t k = i + 1;
		if (text.p[i] == '<')
			count = 0;
		line += text.p[i] == '\n';
		if (text.p[i] != '=')
			continue;
		while (k < text.n && blank(text.p[k]))
			k++;
		if (k < text.n && (text.p[k] == '\'' || text.p[k] == '"') && ++count > DOC_MAX_ATTRS)
			return line;
	}
	return 0;
}

/* What is made of the tree later needs room for words of its own, and prints as what it is. */
static struct doc *adopted(xmlDocPtr x)
{
	struct doc *doc = xcalloc(1, sizeof(*doc));

	doc->x = x;
	if (x->dict)
		xmlDictSetLimit(x->dict, 0);
	xmlFree((xmlChar *)x->encoding); /* libxml2 would write &#xFC; in attributes without one */
	x->encoding = xmlStrdup((const xmlChar *)"UTF-8");
	return doc;
}

struct doc *doc_parse(struct str text, const char *root, struct error *err)
{
	xmlDocPtr x;
	const char *name;
	long line;

	text = blank_trimmed(text);
	if (text.n == 0) {
		error_set(err, EINVAL, "the document is empty");
		return NULL;
	}
	if (text.n > DOC_MAX_BYTES) {
		error_set(err, E2BIG, "the document has %zu bytes: at most %u are accepted", text.n, DOC_MAX_BYTES);
		return NULL;
	}
	line = crowded(text);
	if (line) {
		error_set(err, EBADMSG, "line %ld: an element has more than %d attributes", line, DOC_MAX_ATTRS);
		return NULL;
	}
	x = parse(text, err);
	if (!x)
		return NULL;
	name = (const char *)xmlDocGetRootElement(x)->name;
	if (root && strcmp(name, root)) {
		error_set(err, EINVAL, "the document is <%s>: expected <%s>", name, root);
		xmlFreeDoc(x);
		return NULL;
	}
	return adopted(x);
}
