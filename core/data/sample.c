/* numpy's legacy permutation: see sample.h. */
#include "data/sample.h"

#include "base/err.h"
#include "base/mt19937.h"

#include <math.h>

/* Uniform in 0 … max. */
static uint32_t draw(struct mt19937 *mt, uint32_t max)
{
	uint32_t mask = max, value;

	for (int shift = 1; shift < 32; shift *= 2)
		mask |= mask >> shift;
	do
		value = mt19937_next(mt) & mask;
	while (value > max);
	return value;
}

void sample_permutation(uint32_t seed, int64_t n, uint32_t *out)
{
	struct mt19937 mt;

	BUG_ON(n < 0 || n > (int64_t)UINT32_MAX + 1);
	mt19937_seed(&mt, seed);
	for (int64_t i = 0; i < n; i++)
		out[i] = (uint32_t)i;
	for (int64_t i = n - 1; i > 0; i--) {
		int64_t j = draw(&mt, (uint32_t)i);
		uint32_t kept = out[i];
		out[i] = out[j];
		out[j] = kept;
	}
}

int64_t sample_test_size(int64_t n, double share)
{
	return (int64_t)ceil((double)n * share);
}
