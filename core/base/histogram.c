/* Histograms: see histogram.h. */
#include "base/histogram.h"

const struct histogram_bounds histogram_seconds = {
	13, { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10 }
};
const struct histogram_bounds histogram_texts = { 11,
						  { 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024 } };
const struct histogram_bounds histogram_tokens = {
	13, { 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536 }
};

void histogram_observe(struct histogram *h, const struct histogram_bounds *b, double value)
{
	int i = 0;

	while (i < b->n && value > b->at[i])
		i++;
	h->counts[i]++;
	h->count++;
	h->sum += value;
}
