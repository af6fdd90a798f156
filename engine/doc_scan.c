/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Is a text that arrives in pieces one complete document yet?  Not a parser: it follows tags, quotes, comments, CDATA and
 * processing instructions, so that depth is known and each byte is looked at once.  What it calls complete may still be refused by the
 * parse; what it calls incomplete is never a whole document.
 */
#include "doc.h"

enum { S_TEXT, S_OPEN, S_TAG, S_QUOTE, S_END_TAG, S_PI, S_BANG, S_COMMENT, S_CDATA, S_DECL };

void doc_scan_init(struct doc_scan *s)
{
	*s = (struct doc_scan){ .state = S_TEXT };
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void close_element(struct doc_scan *s)
{
	if (s->depth > 0)
		s->depth--;
	else
		s->bad = true;
	s->closed = s->depth == 0;
	s->state = S_TEXT;
}

/* A byte between tags. */
static void text(struct doc_scan *s, char c)
{
	if (c == '<') {
		s->state = S_OPEN;
		s->n = 0;
	} else if (s->depth == 0 && !blank(c)) {
		/* a byte order mark may stand before the first tag */
		if (s->closed || s->seen || !strchr("\xef\xbb\xbf", c))
			s->bad = true;
	}
}

/* The byte after '<'. */
static void opened(struct doc_scan *s, char c)
{
	s->seen = true;
	if (c == '!') {
		s->state = S_BANG;
	} else if (c == '?') {
		s->state = S_PI;
	} else if (c == '/') {
		s->state = S_END_TAG;
	} else {
		s->bad = s->bad || s->closed || blank(c) || c == '<' || c == '>';
		s->state = S_TAG;
		s->last = c;
	}
}

static void tag(struct doc_scan *s, char c)
{
	if (c == '"' || c == '\'') {
		s->quote = c;
		s->state = S_QUOTE;
	} else if (c == '>') {
		s->depth++;
		s->state = S_TEXT;
		if (s->last == '/')
			close_element(s);
	} else if (c == '<') {
		s->bad = true;
	}
	s->last = c;
}

/* After "<!": a comment, CDATA, or a declaration. */
static void bang(struct doc_scan *s, char c)
{
	s->head[s->n++] = c;
	s->last = s->before = 0;
	if (s->n == 2 && !memcmp(s->head, "--", 2))
		s->state = S_COMMENT;
	else if (s->n == 7)
		s->state = memcmp(s->head, "[CDATA[", 7) ? S_DECL : S_CDATA;
	else if (c == '>' && s->head[0] != '-' && s->head[0] != '[')
		s->state = S_TEXT;
}

/* Inside something that ends in A B '>'. */
static void until(struct doc_scan *s, char c, char a, char b)
{
	if (c == '>' && s->last == b && (!a || s->before == a))
		s->state = S_TEXT;
	s->before = s->last;
	s->last = c;
}

static void step(struct doc_scan *s, char c)
{
	switch (s->state) {
	case S_TEXT:
		text(s, c);
		break;
	case S_OPEN:
		opened(s, c);
		break;
	case S_TAG:
		tag(s, c);
		break;
	case S_QUOTE:
		if (c == s->quote)
			s->state = S_TAG;
		break;
	case S_END_TAG:
		if (c == '>')
			close_element(s);
		break;
	case S_PI:
		until(s, c, 0, '?');
		break;
	case S_BANG:
		bang(s, c);
		break;
	case S_COMMENT:
		until(s, c, '-', '-');
		break;
	case S_CDATA:
		until(s, c, ']', ']');
		break;
	case S_DECL: /* a DOCTYPE without a subset; one with a subset stays incomplete or bad and is refused by the parse */
		if (c == '>')
			s->state = S_TEXT;
		break;
	}
}

int doc_scan_feed(struct doc_scan *s, struct str data)
{
	for (size_t i = 0; i < data.n && !s->bad; i++) {
		if (data.p[i] == 0)
			s->bad = true;
		else
			step(s, data.p[i]);
	}
	if (s->bad)
		return -EBADMSG;
	return s->closed && s->state == S_TEXT ? 0 : 1;
}

int doc_complete(struct str data)
{
	struct doc_scan s;

	doc_scan_init(&s);
	return doc_scan_feed(&s, data);
}
