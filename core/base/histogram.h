/* Counts of values by size, as Prometheus' histograms: fixed upper bounds, ascending. Zero-
 * initialised it is empty. No lock of its own. */
#ifndef BERTD_BASE_HISTOGRAM_H
#define BERTD_BASE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_MAX 16

struct histogram_bounds {
	int n;
	double at[HISTOGRAM_MAX];
};
extern const struct histogram_bounds histogram_seconds; /* 1 ms … 10 s */
extern const struct histogram_bounds histogram_texts;	/* 1 … 1024 */
extern const struct histogram_bounds histogram_tokens;	/* 16 … 65536 */

struct histogram {
	int64_t counts[HISTOGRAM_MAX + 1]; /* (n + 1), not cumulative: [i] is above at[i - 1], up to
					      at[i]; the last is above all */
	int64_t count;
	double sum;
};
void histogram_observe(struct histogram *h, const struct histogram_bounds *b, double value);

#endif
