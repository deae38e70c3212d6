/* An encoded data set in a file that is mapped read-only: what a job trains on, however many rows
 * it has.
 *
 * The file is a cache of this machine's: native byte order, structs as they lie in memory. A header
 * (tokens_format.h), then for each split the arrays of struct examples and of facts in the order of
 * the split, then the ids of all rows in the order in which they were encoded, then the labels and
 * the report as JSON. It is written once (tokens_writer.h) and never changed. */
#ifndef BERTD_DATA_TOKENS_H
#define BERTD_DATA_TOKENS_H

#include <stdint.h>

#include <jansson.h>

#include "base/err.h"
#include "data/dataset.h"
#include "data/examples.h"
#include "data/facts.h"

struct tokens {
	struct examples splits[N_SPLITS]; /* views of the mapping; n 0: the split is not there */
	const struct row_fact *facts[N_SPLITS]; /* (n) likewise */
	char **labels;				/* (n_labels) */
	int n_labels;
	json_t *report;
	void *map; /* (size) */
	int64_t size;
};

/* Maps the file and checks all of it before anything of it is used: its size, its checksum, every
 * bound. ERR_INVALID: it is damaged, or of another version. ERR_NOT_FOUND, ERR_IO. The views and
 * labels live until tokens_close, also when the file is unlinked meanwhile; one that is cut short
 * under us is a SIGBUS, as with any mapping. Read-only: for any number of threads. */
enum err tokens_open(const char *path, struct tokens *out, struct errinfo *ei) MUST_USE;
/* Zero-initialised is fine. */
void tokens_close(struct tokens *t);

#endif
