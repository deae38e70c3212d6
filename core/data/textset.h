/* A set of texts or pairs of texts, numbered from 0 in the order in which they were first added.
 * One thread.
 *
 * The strings are borrowed and must stay. The hash is seeded at random for each set, so that nobody
 * can prepare texts that collide. */
#ifndef BERTD_DATA_TEXTSET_H
#define BERTD_DATA_TEXTSET_H

#include <stddef.h>
#include <stdint.h>

struct text_key {
	const char *text;
	const char *pair; /* NULL: a single text, which equals no pair */
	size_t text_len, pair_len;
};

struct textset {
	struct text_entry {
		struct text_key key;
		uint64_t hash;
	} * entries; /* (n) */
	int64_t n;
	int64_t cap;
	int64_t *slots; /* (n_slots), a power of two: number of an entry, or -1 */
	int64_t n_slots;
	uint64_t seed[2];
};

void textset_init(struct textset *s);
void textset_clear(struct textset *s);

/* The number of the key; it is the old s->n when the key is new. */
int64_t textset_add(struct textset *s, const struct text_key *key);
/* The number of the key, or -1. */
int64_t textset_find(const struct textset *s, const struct text_key *key);

#endif
