/* Token ids of a split, ready for batches: what the trainer and evaluation read. */
#ifndef BERTD_DATA_EXAMPLES_H
#define BERTD_DATA_EXAMPLES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "data/loaded.h"
#include "text/tokenizer.h"

struct examples {
	int64_t n;
	int64_t *offsets;	 /* (n + 1) into the two arrays below */
	int32_t *input_ids;	 /* (offsets[n]) */
	int32_t *token_type_ids; /* (offsets[n]) */
	int32_t *labels;	 /* (n) */
	bool *truncated;	 /* (n) longer than max_length before it was cut */
};

/* Encodes a split. ERR_INVALID names the line of a text that is not UTF-8. */
enum err examples_encode(const struct tokenizer *t, const struct example *rows, int64_t n,
			 int max_length, struct examples *out, struct errinfo *ei) MUST_USE;
void examples_clear(struct examples *x);

/* The data report of a job, a new object:
 * {"rows": {"train": 625, …}, "empty_texts": {…}, "duplicates": {…} (repeats of an earlier row of
 * the same split), "overlap": {"train_validation": n, "train_test": n} (rows of the second whose
 * text is in the first), "contradictions": {"texts": n, "lines": […]} (training texts with more
 * than one label; the lines of the first five rows that contradict an earlier one), "label_counts":
 * {"train": {"negative": 312, …}, …}, "truncated_share": {…}, "max_length": 64, "warnings": ["…"]}.
 * A text is compared together with its pair. encoded is indexed by split; an absent split has n = 0
 * and is left out.
 *
 * Warnings are sentences for the user: a class with more than ten times the training rows of
 * another, a class that the training or validation rows lack, overlap, contradictions, empty texts,
 * more than half of a split truncated. */
json_t *report_of_examples(const struct loaded *d, const struct examples encoded[N_SPLITS],
			   int max_length);

#endif
