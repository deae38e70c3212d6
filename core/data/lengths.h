/* The lengths of texts in tokens, counted: percentiles without sorting. One thread. */
#ifndef BERTD_DATA_LENGTHS_H
#define BERTD_DATA_LENGTHS_H

#include <stdint.h>

#include "data/facts.h"

#define LENGTHS_COUNTED \
	(1 << 16) /* from here on lengths are kept one by one; few texts have them */

struct lengths {
	int64_t n;
	int64_t *counts; /* (LENGTHS_COUNTED) */
	int32_t *longer; /* (n_longer) sorted */
	int64_t n_longer;
	double sum;
};

/* Of n_untruncated of n rows. */
void lengths_init(struct lengths *l, const struct row_fact *facts, int64_t n);
void lengths_clear(struct lengths *l);

/* The length at a rank of the sorted lengths, 0 <= rank < n. */
int64_t lengths_at(const struct lengths *l, int64_t rank);
/* A percentile, as numpy.percentile(lengths, q, method="lower"): the length at rank
 * floor((n - 1) × q / 100), so always one that occurs. n > 0. */
int64_t lengths_percentile(const struct lengths *l, int q);
/* How many tokens are read when each text is cut to max_length, and how many texts are cut. */
int64_t lengths_cut(const struct lengths *l, int64_t max_length, int64_t *n_cut);

#endif
