/* Numbered texts in an open-addressing hash table: see textset.h. */
#include "data/textset.h"

#include "base/mem.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FIRST_SLOTS 64

static void empty_slots(struct textset *s, int64_t n_slots)
{
	free(s->slots);
	s->slots = mem_alloc((size_t)n_slots * sizeof(*s->slots));
	s->n_slots = n_slots;
	for (int64_t i = 0; i < n_slots; i++)
		s->slots[i] = -1;
}

void textset_init(struct textset *s)
{
	*s = (struct textset){ 0 };
	ssize_t n = getrandom(s->seed, sizeof(s->seed), 0);
	if (n != (ssize_t)sizeof(s->seed))
		s->seed[0] ^= (uintptr_t)s;
	empty_slots(s, FIRST_SLOTS);
}

void textset_clear(struct textset *s)
{
	free(s->entries);
	free(s->slots);
	*s = (struct textset){ 0 };
}

/* The two halves of the 128-bit product, folded. */
static uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_bytes(const struct textset *s, uint64_t h, const char *p, size_t n)
{
	uint64_t w;

	h ^= fold(n ^ s->seed[1], 0x9e3779b97f4a7c15u);
	for (; n >= sizeof(w); p += sizeof(w), n -= sizeof(w)) {
		memcpy(&w, p, sizeof(w));
		h = fold(w ^ s->seed[0], h ^ 0xd6e8feb86659fd93u);
	}
	w = 0;
	memcpy(&w, p, n);
	return fold(w ^ s->seed[1], h ^ 0xa0761d6478bd642fu);
}

static uint64_t hash_key(const struct textset *s, const struct text_key *k)
{
	uint64_t h = hash_bytes(s, s->seed[0], k->text, k->text_len);

	return k->pair ? hash_bytes(s, h, k->pair, k->pair_len) : h;
}

static bool same_bytes(const char *a, size_t na, const char *b, size_t nb)
{
	return na == nb && memcmp(a, b, na) == 0;
}

static bool same(const struct text_key *a, const struct text_key *b)
{
	if (!same_bytes(a->text, a->text_len, b->text, b->text_len) || !a->pair != !b->pair)
		return false;
	return !a->pair || same_bytes(a->pair, a->pair_len, b->pair, b->pair_len);
}

/* The slot that holds the key, or the free one where it belongs. */
static int64_t *slot_of(const struct textset *s, const struct text_key *key, uint64_t hash)
{
	uint64_t mask = (uint64_t)s->n_slots - 1;

	for (uint64_t i = hash & mask;; i = (i + 1) & mask) {
		int64_t number = s->slots[i];
		if (number < 0)
			return &s->slots[i];
		if (s->entries[number].hash == hash && same(&s->entries[number].key, key))
			return &s->slots[i];
	}
}

int64_t textset_find(const struct textset *s, const struct text_key *key)
{
	return *slot_of(s, key, hash_key(s, key));
}

static void grow(struct textset *s)
{
	empty_slots(s, s->n_slots * 2);
	for (int64_t i = 0; i < s->n; i++)
		*slot_of(s, &s->entries[i].key, s->entries[i].hash) = i;
}

int64_t textset_add(struct textset *s, const struct text_key *key)
{
	uint64_t hash = hash_key(s, key);
	int64_t *slot = slot_of(s, key, hash);

	if (*slot >= 0)
		return *slot;
	if (s->n == s->cap) {
		s->cap = s->cap ? s->cap * 2 : FIRST_SLOTS / 2;
		s->entries = mem_resize(s->entries, (size_t)s->cap, sizeof(*s->entries));
	}
	s->entries[s->n] = (struct text_entry){ *key, hash };
	*slot = s->n++;
	if (s->n * 2 > s->n_slots)
		grow(s);
	return s->n - 1;
}
