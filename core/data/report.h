/* The data report of a job: what a person wants to know of the data before training. */
#ifndef BERTD_DATA_REPORT_H
#define BERTD_DATA_REPORT_H

#include <jansson.h>
#include <stdint.h>

#include "data/dataset.h"
#include "data/facts.h"

struct report_input {
	const struct row_fact *facts[N_SPLITS]; /* (n[split]) in the order of the split */
	int64_t n[N_SPLITS];			/* 0: the split is not there, and left out */
	char *const *labels;			/* (n_labels) */
	int n_labels;
	int max_length;	      /* what the texts were cut to */
	int model_max_length; /* positions of the model */
	int n_special; /* special tokens of each row: 2, of pairs 3; no share of words counts them
			*/
};

/* A new object, its members by split ("train", "validation", "test") where nothing else is said:
 *
 * - "rows"; "empty_texts"; "label_counts": {"train": {"negative": 312, …}}.
 * - "duplicates": rows that repeat an earlier one of their split, in its order, which samples and
 *   validation_split shuffle; "duplicate_lines": the first of
 *   them, at most REPORT_SHOWN pairs [line, first line].
 * - "overlap": {"train_validation": n, "train_test": n}: rows of the second whose text is in the
 *   first; "overlap_lines": the first of them, pairs [line in the second, line in train].
 * - "contradictions": {"texts": training texts with more than one label, "lines": of the first rows
 *   that contradict an earlier one, "examples": those rows as [{"line", "label", "first_line",
 *   "first_label"}]}.
 * - "imbalance": training rows of the largest class over those of the smallest; null without
 *   training rows or where a class has none.
 * - "tokens": what is read in one epoch, special tokens included; "max_length"; "truncated_share":
 *   of the rows that max_length cuts.
 * - "token_lengths": {"min", "p50", "p90", "p95", "p99", "max", "mean"} before the cut; a
 *   percentile is a length that occurs (lengths.h).
 * - "recommended_max_length": the smallest multiple of 8 that cuts at most 5 % of the training
 *   rows, at most model_max_length; null without training rows. Batches have no padding, so a
 *   max_length above it costs only what the longer texts themselves take: nothing warns of one.
 * - "unknown_share": [UNK] among the words' tokens; "scripts": {"train": {"Latin": {"rows",
 *   "unknown_share"}}}, the scripts that occur, by the rows' main one.
 * - "warnings": sentences for the user (report_warnings.c): a class with more than ten times the
 *   training rows of another, a class that the training or validation rows lack, overlap,
 *   contradictions, empty texts, more than half of a split truncated, a script whose training texts
 *   the vocabulary mostly does not know.
 *
 * Lines are those of each split's file. A text is compared together with its pair. Needs 16 to 32
 * bytes of memory a training row, and as much for one other split at a time. Pure. */
#define REPORT_SHOWN 5
json_t *data_report(const struct report_input *in);

#endif
