/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The hash table of base.h: open addressing with linear probing, and removal that closes the gap, so
 * that there are no tombstones and a table that came and went costs nothing.  Names come from users:
 * text is hashed with SipHash-1-3 under a random key, so that nobody can choose names that collide.
 */
#include "base.h"

#include <sys/random.h>

struct slot {
	uint64_t h; /* its hash; for a number the number itself is in u */
	char *text; /* owned; NULL when the key is a number */
	uint64_t u;
	void *value; /* NULL: free */
};

struct hash {
	struct slot *at;
	size_t n, cap; /* cap is 0 or a power of two */
	uint64_t k0, k1;
};

#define ROTL(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = ROTL(v[1], 13) ^ v[0];
	v[0] = ROTL(v[0], 32);
	v[2] += v[3];
	v[3] = ROTL(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = ROTL(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = ROTL(v[1], 17) ^ v[2];
	v[2] = ROTL(v[2], 32);
}

static void sip_block(uint64_t v[4], uint64_t m)
{
	v[3] ^= m;
	sip_round(v);
	v[0] ^= m;
}

static uint64_t sip_hash(const struct hash *h, const void *p, size_t n)
{
	uint64_t v[4] = { h->k0 ^ 0x736f6d6570736575, h->k1 ^ 0x646f72616e646f6d, h->k0 ^ 0x6c7967656e657261,
			  h->k1 ^ 0x7465646279746573 };
	const unsigned char *b = p;
	uint64_t m, last = (uint64_t)n << 56;

	for (; n >= 8; b += 8, n -= 8) {
		memcpy(&m, b, 8);
		sip_block(v, m);
	}
	for (size_t i = 0; i < n; i++)
		last |= (uint64_t)b[i] << (8 * i);
	sip_block(v, last);
	v[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

struct hash *hash_new(void)
{
	struct hash *h = xcalloc(1, sizeof(*h));
	uint64_t k[2];

	if (getrandom(k, sizeof(k), 0) != (ssize_t)sizeof(k))
		abort();
	h->k0 = k[0];
	h->k1 = k[1];
	return h;
}

void hash_free(struct hash *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->cap; i++)
		free(h->at[i].text);
	free(h->at);
	free(h);
}

/* The slot that holds the key, or the free one where it belongs.  There always is a free one. */
static size_t slot_of(const struct hash *h, uint64_t hash, const char *text, uint64_t u)
{
	size_t i = hash & (h->cap - 1);

	for (; h->at[i].value; i = (i + 1) & (h->cap - 1)) {
		const struct slot *s = &h->at[i];

		if (s->h != hash || !s->text != !text)
			continue;
		if (text ? !strcmp(s->text, text) : s->u == u)
			break;
	}
	return i;
}

static void grow(struct hash *h)
{
	struct slot *old = h->at;
	size_t cap = h->cap;

	h->cap = cap ? 2 * cap : 16;
	h->at = xcalloc(h->cap, sizeof(*h->at));
	for (size_t i = 0; i < cap; i++)
		if (old[i].value)
			h->at[slot_of(h, old[i].h, old[i].text, old[i].u)] = old[i];
	free(old);
}

/* Empties slot I and moves up those behind it that were pushed away from where they belong. */
static void close_gap(struct hash *h, size_t i)
{
	size_t mask = h->cap - 1;

	free(h->at[i].text);
	for (size_t j = (i + 1) & mask; h->at[j].value; j = (j + 1) & mask) {
		size_t home = h->at[j].h & mask;

		if (((j - home) & mask) < ((j - i) & mask))
			continue; /* it would move in front of its home */
		h->at[i] = h->at[j];
		i = j;
	}
	h->at[i] = (struct slot){ 0 };
	h->n--;
}

static void *get(const struct hash *h, uint64_t hash, const char *text, uint64_t u)
{
	return h->n ? h->at[slot_of(h, hash, text, u)].value : NULL;
}

static void put(struct hash *h, uint64_t hash, const char *text, uint64_t u, void *value)
{
	size_t i;

	if (value && 4 * (h->n + 1) > 3 * h->cap)
		grow(h);
	if (!h->cap)
		return;
	i = slot_of(h, hash, text, u);
	if (!value) {
		if (h->at[i].value)
			close_gap(h, i);
		return;
	}
	if (!h->at[i].value) {
		h->at[i] = (struct slot){ .h = hash, .text = xstrdup(text), .u = u };
		h->n++;
	}
	h->at[i].value = value;
}

void *hash_get(const struct hash *h, const char *key)
{
	return get(h, sip_hash(h, key, strlen(key)), key, 0);
}

void hash_put(struct hash *h, const char *key, void *value)
{
	put(h, sip_hash(h, key, strlen(key)), key, 0, value);
}

void *hash_get_u64(const struct hash *h, uint64_t key)
{
	return get(h, sip_hash(h, &key, sizeof(key)), NULL, key);
}

void hash_put_u64(struct hash *h, uint64_t key, void *value)
{
	put(h, sip_hash(h, &key, sizeof(key)), NULL, key, value);
}

size_t hash_count(const struct hash *h)
{
	return h->n;
}

void hash_each(const struct hash *h, void (*fn)(void *arg, const char *key, void *value), void *arg)
{
	for (size_t i = 0; h && i < h->cap; i++)
		if (h->at[i].value && h->at[i].text)
			fn(arg, h->at[i].text, h->at[i].value);
}

void hash_each_u64(const struct hash *h, void (*fn)(void *arg, uint64_t key, void *value), void *arg)
{
	for (size_t i = 0; h && i < h->cap; i++)
		if (h->at[i].value && !h->at[i].text)
			fn(arg, h->at[i].u, h->at[i].value);
}
