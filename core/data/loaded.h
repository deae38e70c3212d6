/* A data set whole in memory: for callers that do not stream yet. */
#ifndef BERTD_DATA_LOADED_H
#define BERTD_DATA_LOADED_H

#include "data/dataset.h"

struct loaded {
	struct example *examples[N_SPLITS]; /* (n[split]) in the order the spec asks for */
	int64_t n[N_SPLITS];
	char **labels; /* (n_labels) */
	int n_labels;
	struct arena *arena; /* owns the texts and names */
};

/* dataset_open and dataset_read. */
enum err dataset_load(const struct dataset_spec *spec, const struct dataset_limits *limits,
		      dataset_opener *open, void *ctx, struct loaded *out, struct faults *faults,
		      struct errinfo *ei) MUST_USE;
void loaded_clear(struct loaded *d);

#endif
