/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The growing byte buffer, and the escapes that are used with it. */
#include "buf.h"

#include <stdarg.h>
#include <stdio.h>

void buf_clear(struct buf *b)
{
	free(b->p);
	*b = (struct buf){ 0 };
}

void buf_wipe(struct buf *b)
{
	if (b->p)
		explicit_bzero(b->p, b->cap);
	buf_clear(b);
}

void buf_reset(struct buf *b)
{
	b->n = 0;
	if (b->p)
		b->p[0] = '\0';
}

/* Makes room for N more bytes and the NUL. */
static void reserve(struct buf *b, size_t n)
{
	size_t want, cap;

	if (n > SIZE_MAX / 4 - b->n)
		abort();
	want = b->n + n + 1;
	if (want <= b->cap)
		return;
	for (cap = b->cap ? b->cap : 64; cap < want; cap *= 2)
		;
	b->p = xrealloc(b->p, cap);
	b->cap = cap;
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	reserve(b, n);
	if (n)
		memcpy(b->p + b->n, p, n);
	b->n += n;
	b->p[b->n] = '\0';
}

void buf_puts(struct buf *b, const char *s)
{
	buf_add(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	reserve(b, 64);
	va_start(ap, fmt);
	n = vsnprintf(b->p + b->n, b->cap - b->n, fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	if ((size_t)n >= b->cap - b->n) {
		reserve(b, (size_t)n);
		va_start(ap, fmt);
		vsnprintf(b->p + b->n, b->cap - b->n, fmt, ap);
		va_end(ap);
	}
	b->n += (size_t)n;
}

void buf_u64(struct buf *b, uint64_t v)
{
	char digits[20];
	size_t i = sizeof(digits);

	do
		digits[--i] = (char)('0' + v % 10);
	while (v /= 10);
	buf_add(b, digits + i, sizeof(digits) - i);
}

static const char *xml_escape(unsigned char c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '\'':
		return "&apos;";
	case '"':
		return "&quot;";
	case '\t':
		return "&#9;";
	case '\n':
		return "&#10;";
	case '\r':
		return "&#13;";
	}
	return c < ' ' ? "?" : NULL; /* XML 1.0 cannot say the other ones at all */
}

void buf_xml(struct buf *b, const char *s)
{
	const char *from = s;

	for (; *s; s++) {
		const char *escape = xml_escape((unsigned char)*s);

		if (!escape)
			continue;
		buf_add(b, from, (size_t)(s - from));
		buf_puts(b, escape);
		from = s + 1;
	}
	buf_add(b, from, (size_t)(s - from));
}

void buf_percent(struct buf *b, const char *s)
{
	const char *from = s;

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c > ' ' && c != 0x7f && c != '%' && c != '/' && c != '=')
			continue;
		buf_add(b, from, (size_t)(s - from));
		buf_printf(b, "%%%02X", c);
		from = s + 1;
	}
	buf_add(b, from, (size_t)(s - from));
}

void buf_cut(struct buf *b, size_t from, size_t n)
{
	if (from >= b->n)
		return;
	if (n > b->n - from)
		n = b->n - from;
	memmove(b->p + from, b->p + from + n, b->n - from - n);
	b->n -= n;
	b->p[b->n] = '\0';
}

char *buf_take(struct buf *b)
{
	char *text = b->p ? b->p : xstrdup("");

	*b = (struct buf){ 0 };
	return text;
}

const char *buf_text(const struct buf *b)
{
	return b->p ? b->p : "";
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

char *percent_decode(struct str s)
{
	autofree char *out = xmalloc(s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		int hi, lo;

		if (s.p[i] != '%') {
			out[n++] = s.p[i];
			continue;
		}
		if (s.n - i < 3)
			return NULL;
		hi = hex_digit(s.p[i + 1]);
		lo = hex_digit(s.p[i + 2]);
		if (hi < 0 || lo < 0 || !(hi | lo))
			return NULL; /* %00 would end the text early */
		out[n++] = (char)(hi << 4 | lo);
		i += 2;
	}
	out[n] = '\0';
	return take(&out);
}

/* ---- base64 ---- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct str in, struct buf *out)
{
	size_t n = (in.n + 2) / 3 * 4;
	char *text = xmalloc(n + 1), *o = text;
	const unsigned char *p = (const unsigned char *)in.p;

	for (size_t i = 0; i < in.n; i += 3) {
		size_t left = in.n - i;
		unsigned v = p[i] << 16 | (left > 1 ? p[i + 1] << 8 : 0) | (left > 2 ? p[i + 2] : 0);

		*o++ = digits[v >> 18];
		*o++ = digits[v >> 12 & 63];
		*o++ = left > 1 ? digits[v >> 6 & 63] : '=';
		*o++ = left > 2 ? digits[v & 63] : '=';
	}
	buf_add(out, text, n); /* at once: a buffer that grows leaves copies behind */
	explicit_bzero(text, n);
	free(text);
}

bool base64_decode(struct str in, struct buf *out)
{
	char *plain = xmalloc(in.n + 1);
	size_t n = 0, pad = 0;
	unsigned v = 0;
	bool good = in.n % 4 == 0;

	for (size_t i = 0; good && i < in.n; i++) {
		const char *d = in.p[i] ? strchr(digits, in.p[i]) : NULL;

		pad += in.p[i] == '=';
		good = d ? !pad : in.p[i] == '=' && i + 2 >= in.n;
		v = v << 6 | (d ? (unsigned)(d - digits) : 0);
		for (int shift = 16; good && i % 4 == 3 && shift >= 0; shift -= 8)
			plain[n++] = v >> shift & 0xff;
	}
	if (good)
		buf_add(out, plain, n - pad);
	explicit_bzero(plain, in.n + 1);
	free(plain);
	return good;
}
