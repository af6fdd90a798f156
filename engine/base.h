/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What every file needs: cleanup attributes, memory that aborts when there is none, short strings,
 * a growable vector and a hash table.  Knows nothing of domfs.
 */
#ifndef DOMFS_BASE_H
#define DOMFS_BASE_H

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#define unused				__attribute__((unused))
#define printf_like(fmt, first)		__attribute__((format(printf, fmt, first)))
#define must_check			__attribute__((warn_unused_result))
#define ARRAY_SIZE(a)			(sizeof(a) / sizeof((a)[0]))
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* Moves an owned pointer out of a variable that would free it at the end of its scope. */
#define take(pp)                                                                                                       \
	({                                                                                                             \
		__typeof__(*(pp)) take_ = *(pp);                                                                       \
		*(pp) = NULL;                                                                                          \
		take_;                                                                                                 \
	})

void base_free_p(void *pp); /* free(*pp) */
void base_close_p(int *fd); /* close(*fd) when it is not negative; errno is kept */
#define autofree  __attribute__((cleanup(base_free_p)))
#define autoclose __attribute__((cleanup(base_close_p)))

/* Memory.  All of these abort the process when there is none: nothing of ours could go on, and sizes
 * that come from outside are bounded before they get here.  The result is the caller's to free(). */
void *xmalloc(size_t n);
void *xcalloc(size_t n, size_t size);
void *xrealloc(void *p, size_t n);
char *xstrdup(const char *s); /* NULL gives NULL */
char *xstrndup(const char *s, size_t n);
void *xmemdup(const void *p, size_t n);
char *xasprintf(const char *fmt, ...) printf_like(1, 2);
char *xvasprintf(const char *fmt, va_list ap) printf_like(1, 0);

/* A borrowed piece of text that need not end in NUL. */
struct str {
	const char *p;
	size_t n;
};
struct str str_of(const char *s);  /* NULL gives the empty one */
struct str str_trim(struct str s); /* without white space at both ends */
bool str_is_text(struct str s);	   /* UTF-8, of characters that XML can have; control characters pass, NUL does not */
bool str_is(struct str s, const char *word);
bool str_eq(const char *a, const char *b); /* both NULL is equal */
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);

/* The index of S in a NULL-ended array of words, or -1. */
int word_index(const char *const *words, const char *s);
/* "a b c" of a NULL-ended array; the caller frees. */
char *words_joined(const char *const *words);

/* A NULL-tolerant growable array of pointers. */
struct vec {
	void **at;
	size_t n, cap;
};
void vec_add(struct vec *v, void *p);
void vec_remove(struct vec *v, size_t i);		 /* keeps the order */
bool vec_drop(struct vec *v, const void *p);		 /* removes the first P; false if absent */
void vec_clear(struct vec *v, void (*free_one)(void *)); /* free_one may be NULL */

/* A hash table from text or from a number to a pointer.  It copies text keys and owns no values. */
struct hash;
struct hash *hash_new(void);
void hash_free(struct hash *h);
void *hash_get(const struct hash *h, const char *key);
void hash_put(struct hash *h, const char *key, void *value); /* NULL removes */
void *hash_get_u64(const struct hash *h, uint64_t key);
void hash_put_u64(struct hash *h, uint64_t key, void *value); /* NULL removes */
size_t hash_count(const struct hash *h);
/* Every text key, every number; FN must not change the table.  NULL is fine. */
void hash_each(const struct hash *h, void (*fn)(void *arg, const char *key, void *value), void *arg);
void hash_each_u64(const struct hash *h, void (*fn)(void *arg, uint64_t key, void *value), void *arg);

#endif
