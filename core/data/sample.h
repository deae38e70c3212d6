/* Random choices of rows, draw for draw those of numpy, pandas and scikit-learn. Pure.
 *
 * All of them rest on numpy.random.RandomState(seed).permutation(n): the numbers 0 … n-1, swapped
 * from the last place down to the second with one at a uniform place before or at it. The place is
 * drawn by masked rejection: 32-bit draws of the Mersenne Twister, cut to the bits of the bound,
 * until one is not above it. */
#ifndef BERTD_DATA_SAMPLE_H
#define BERTD_DATA_SAMPLE_H

#include <stdint.h>

/* RandomState(seed).permutation(n) into out[n]. Its first k numbers are the rows of
 * pandas.DataFrame.sample(k, random_state=seed), in that order. n is at most 2³², which every table
 * stays below. */
void sample_permutation(uint32_t seed, int64_t n, uint32_t *out);

/* How many of n rows sklearn.model_selection.train_test_split(test_size=share) puts into the test
 * part: ceil(n·share). That part is the first so many rows of the permutation, the training part
 * all others, both in its order. */
int64_t sample_test_size(int64_t n, double share);

#endif
