/* Which rows have the same text: an open-addressing table over the hashes of facts. One thread.
 *
 * 16 to 32 bytes a row while it lives; the facts themselves stay where they are. Texts are equal
 * where their 128 bits are. */
#ifndef BERTD_DATA_FACTSET_H
#define BERTD_DATA_FACTSET_H

#include <stdbool.h>
#include <stdint.h>

#include "data/facts.h"

struct factset {
	const struct row_fact *facts; /* (n), borrowed */
	struct factset_slot *slots;   /* (n_slots) a power of two */
	uint64_t n_slots;
	uint64_t n_texts; /* different ones so far */
};

/* Room for the n rows of facts, which stay the caller's; n is below 2³². */
void factset_init(struct factset *s, const struct row_fact *facts, int64_t n);
void factset_clear(struct factset *s);

/* Adds a row, each one once: returns the row that first had its text, or row itself where its text
 * is new. */
int64_t factset_add(struct factset *s, int64_t row);
/* The row that first had the text of a fact from anywhere, or -1. */
int64_t factset_find(const struct factset *s, const struct row_fact *fact);
/* Marks the text of a fact that is in the set. Returns whether it was marked before. */
bool factset_mark(struct factset *s, const struct row_fact *fact);

#endif
