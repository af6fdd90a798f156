/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory that aborts when there is none, short strings and the vector.  Knows nothing of domfs.
 */
#include "base.h"

#include <stdio.h>
#include <unistd.h>

void base_free_p(void *pp)
{
	void *p;

	memcpy(&p, pp, sizeof(p)); /* PP is a pointer to any kind of pointer */
	free(p);
}

void base_close_p(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	errno = saved;
}

static void *checked(void *p)
{
	if (!p) {
		static const char words[] = "domfs: out of memory\n";

		if (write(STDERR_FILENO, words, sizeof(words) - 1) < 0)
			abort();
		abort();
	}
	return p;
}

void *xmalloc(size_t n)
{
	return checked(malloc(n ? n : 1));
}

void *xcalloc(size_t n, size_t size)
{
	return checked(n && size ? calloc(n, size) : calloc(1, 1));
}

void *xrealloc(void *p, size_t n)
{
	return checked(realloc(p, n ? n : 1));
}

char *xstrdup(const char *s)
{
	return s ? checked(strdup(s)) : NULL;
}

char *xstrndup(const char *s, size_t n)
{
	return checked(strndup(s ? s : "", s ? n : 0));
}

void *xmemdup(const void *p, size_t n)
{
	void *copy = xmalloc(n);

	if (n)
		memcpy(copy, p, n);
	return copy;
}

char *xvasprintf(const char *fmt, va_list ap)
{
	char *text;

	return checked(vasprintf(&text, fmt, ap) < 0 ? NULL : text);
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	return text;
}

struct str str_of(const char *s)
{
	return (struct str){ s ? s : "", s ? strlen(s) : 0 };
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
	while (s.n && is_blank(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* The length of the UTF-8 sequence at P (N bytes left), 0 when it is none, or one that XML cannot have. */
static size_t utf8_len(const unsigned char *p, size_t n)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5 ? 4 : 0;
	uint32_t c;

	if (len < 2 || len > n)
		return len > n ? 0 : len;
	c = *p & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	return c < least[len] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) || c == 0xfffe || c == 0xffff ? 0 : len;
}

bool str_is_text(struct str s)
{
	for (size_t i = 0, len; i < s.n; i += len) {
		len = utf8_len((const unsigned char *)s.p + i, s.n - i);
		if (!len || !s.p[i])
			return false;
	}
	return true;
}

bool str_is(struct str s, const char *word)
{
	size_t n = strlen(word);

	return s.n == n && (!n || !memcmp(s.p, word, n));
}

bool str_eq(const char *a, const char *b)
{
	if (!a || !b)
		return a == b;
	return !strcmp(a, b);
}

bool str_starts(const char *s, const char *prefix)
{
	return s && !strncmp(s, prefix, strlen(prefix));
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = s ? strlen(s) : 0, m = strlen(suffix);

	return s && n >= m && !memcmp(s + n - m, suffix, m);
}

int word_index(const char *const *words, const char *s)
{
	for (int i = 0; s && words && words[i]; i++)
		if (!strcmp(words[i], s))
			return i;
	return -1;
}

char *words_joined(const char *const *words)
{
	size_t n = 1;
	char *text, *end;

	for (int i = 0; words && words[i]; i++)
		n += strlen(words[i]) + 1;
	text = end = xmalloc(n);
	for (int i = 0; words && words[i]; i++) {
		if (i)
			*end++ = ' ';
		end = stpcpy(end, words[i]);
	}
	*end = '\0';
	return text;
}

void vec_add(struct vec *v, void *p)
{
	if (v->n == v->cap) {
		v->cap = v->cap ? 2 * v->cap : 8;
		v->at = xrealloc(v->at, v->cap * sizeof(*v->at));
	}
	v->at[v->n++] = p;
}

void vec_remove(struct vec *v, size_t i)
{
	if (i >= v->n)
		return;
	v->n--;
	memmove(v->at + i, v->at + i + 1, (v->n - i) * sizeof(*v->at));
}

bool vec_drop(struct vec *v, const void *p)
{
	for (size_t i = 0; i < v->n; i++) {
		if (v->at[i] == p) {
			vec_remove(v, i);
			return true;
		}
	}
	return false;
}

void vec_clear(struct vec *v, void (*free_one)(void *))
{
	for (size_t i = 0; free_one && i < v->n; i++)
		free_one(v->at[i]);
	free(v->at);
	*v = (struct vec){ 0 };
}
