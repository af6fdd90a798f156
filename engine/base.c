/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory that aborts when there is none, short strings and the vector.  Knows nothing of domfs.
 */
#include "base.h"

#include <stdarg.h>
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

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	return checked(text);
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
