/* Lengths of texts: see lengths.h. */
#include "data/lengths.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/mem.h"

static int by_length(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

static void keep(struct lengths *l, const struct row_fact *facts, int64_t n)
{
	int64_t at = 0;

	l->longer = mem_zalloc((size_t)l->n_longer, sizeof(*l->longer));
	for (int64_t i = 0; i < n; i++)
		if (facts[i].n_untruncated >= LENGTHS_COUNTED)
			l->longer[at++] = facts[i].n_untruncated;
	qsort(l->longer, (size_t)l->n_longer, sizeof(*l->longer), by_length);
}

void lengths_init(struct lengths *l, const struct row_fact *facts, int64_t n)
{
	*l = (struct lengths){ .n = n };
	l->counts = mem_zalloc(LENGTHS_COUNTED, sizeof(*l->counts));
	for (int64_t i = 0; i < n; i++) {
		int32_t length = facts[i].n_untruncated;

		BUG_ON(length < 0);
		l->sum += length;
		if (length < LENGTHS_COUNTED)
			l->counts[length]++;
		else
			l->n_longer++;
	}
	if (l->n_longer > 0)
		keep(l, facts, n);
}

void lengths_clear(struct lengths *l)
{
	free(l->counts);
	free(l->longer);
	*l = (struct lengths){ 0 };
}

int64_t lengths_at(const struct lengths *l, int64_t rank)
{
	int64_t length = 0, counted = l->n - l->n_longer;

	BUG_ON(rank < 0 || rank >= l->n);
	if (rank >= counted)
		return l->longer[rank - counted];
	for (int64_t seen = l->counts[0]; seen <= rank; seen += l->counts[length])
		length++;
	return length;
}

int64_t lengths_percentile(const struct lengths *l, int q)
{
	return lengths_at(l, (l->n - 1) * q / 100);
}

int64_t lengths_cut(const struct lengths *l, int64_t max_length, int64_t *n_cut)
{
	int64_t tokens = 0;

	*n_cut = 0;
	for (int64_t i = 0; i < LENGTHS_COUNTED; i++) {
		tokens += l->counts[i] * (i < max_length ? i : max_length);
		*n_cut += i > max_length ? l->counts[i] : 0;
	}
	for (int64_t i = 0; i < l->n_longer; i++) {
		tokens += l->longer[i] < max_length ? l->longer[i] : max_length;
		*n_cut += l->longer[i] > max_length;
	}
	return tokens;
}
