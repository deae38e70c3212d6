/* Classification metrics: see metrics.h. */
#include "train/metrics.h"

#include <math.h>
#include <stdbool.h>

int metrics_argmax(const float *logits, int n)
{
	int best = 0;

	for (int i = 1; i < n; i++)
		if (logits[i] > logits[best])
			best = i;
	return best;
}

double metrics_cross_entropy(const float *logits, int n, int label)
{
	double largest = logits[metrics_argmax(logits, n)];
	double sum = 0;

	for (int i = 0; i < n; i++)
		sum += exp(logits[i] - largest);
	return log(sum) + largest - logits[label];
}

static double ratio(double part, double whole)
{
	return whole > 0 ? part / whole : 0;
}

/* One class; whether it occurs at all. */
static bool score(const int64_t *confusion, int n, int c, struct metrics_class *out)
{
	int64_t hits = confusion[(int64_t)c * n + c], labelled = 0, predicted = 0;

	for (int i = 0; i < n; i++) {
		labelled += confusion[(int64_t)c * n + i];
		predicted += confusion[(int64_t)i * n + c];
	}
	out->support = labelled;
	out->precision = ratio((double)hits, (double)predicted);
	out->recall = ratio((double)hits, (double)labelled);
	out->f1 = ratio(2.0 * (double)hits, (double)(labelled + predicted));
	return labelled + predicted > 0;
}

void metrics_classes(const int64_t *confusion, int n, struct metrics_class *classes)
{
	for (int c = 0; c < n; c++)
		score(confusion, n, c, &classes[c]);
}

struct metrics_summary metrics_summarize(const int64_t *confusion, int n)
{
	struct metrics_summary s = { 0 };
	int64_t total = 0, hits = 0;
	int occurring = 0;

	for (int c = 0; c < n; c++) {
		struct metrics_class k;

		if (!score(confusion, n, c, &k))
			continue;
		occurring++;
		total += k.support;
		hits += confusion[(int64_t)c * n + c];
		s.precision += k.precision;
		s.recall += k.recall;
		s.f1 += k.f1;
	}
	s.accuracy = ratio((double)hits, (double)total);
	s.precision = ratio(s.precision, occurring);
	s.recall = ratio(s.recall, occurring);
	s.f1 = ratio(s.f1, occurring);
	return s;
}
