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
};

/* A new object. Members that stay: {"rows": {"train": 625, …}, "empty_texts", "duplicates" (repeats
 * of an earlier row of the same split), "overlap": {"train_validation": n, "train_test": n} (rows
 * of the second whose text is in the first), "contradictions": {"texts", "lines"}, "label_counts",
 * "truncated_share", "max_length", "warnings": ["…"]}; report.c documents the others. A text is
 * compared together with its pair. Pure. */
json_t *data_report(const struct report_input *in);

#endif
