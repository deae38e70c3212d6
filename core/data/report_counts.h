/* Inside the data report: what report.c counts and report_warnings.c judges. */
#ifndef BERTD_DATA_REPORT_COUNTS_H
#define BERTD_DATA_REPORT_COUNTS_H

#include "data/lengths.h"
#include "data/report.h"
#include "data/scripts.h"

/* Rows that say something again: how many, and the first few with the row they repeat. */
struct repeats {
	int64_t n;
	const struct row_fact *again[REPORT_SHOWN], *first[REPORT_SHOWN];
};

struct words {
	int64_t rows;
	int64_t tokens, unknown; /* without special tokens */
};

struct split_counts {
	int64_t n, empty, truncated, tokens;
	int64_t *labels; /* (n_labels) */
	struct words all, scripts[N_SCRIPTS];
	struct lengths lengths;
	struct repeats duplicates; /* of the split itself */
	struct repeats overlap;	   /* of train */
};

struct report_counts {
	const struct report_input *in;
	struct split_counts splits[N_SPLITS];
	struct repeats contradictions; /* n of the rows */
	int64_t contradicted_texts;
	int64_t recommended_max_length; /* 0: no training rows */
};

double report_share(int64_t part, int64_t whole); /* 0 of 0 is 0 */

/* A new array of sentences. */
json_t *report_warnings(const struct report_counts *c);

#endif
