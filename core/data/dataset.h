/* Labelled texts for a job: which rows of which files, under which columns, as which classes.
 *
 * A dataset is loaded whole, checked whole (all faults at once, with line numbers) and read-only afterwards. */
#ifndef BERTD_DATA_DATASET_H
#define BERTD_DATA_DATASET_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/err.h"
#include "base/fields.h"
#include "text/tokenizer.h"

enum split { SPLIT_TRAIN, SPLIT_VALIDATION, SPLIT_TEST, N_SPLITS };
extern const char *const split_names[]; /* "train", "validation", "test"; NULL ends it */

struct split_spec {
	char *file; /* NULL: this split is not given */
	int64_t sample;	      /* -1: all rows. As pandas.DataFrame.sample(n=sample, random_state=random_state) */
	int64_t random_state; /* 0 … 2³²-1 */
	int64_t first, last;  /* rows [first, last) after sampling; last -1: to the end */
};

struct dataset_spec {
	struct split_spec splits[N_SPLITS];
	char *text_column;	/* "text" */
	char *text_pair_column; /* NULL: single texts */
	char *label_column;	/* "label" */
	char **labels;		/* (n_labels) class names in the order of their indices; NULL: from the data, sorted */
	int n_labels;
	double validation_split; /* 0: none; else the share of the training rows that becomes the validation split */
	int64_t seed;		 /* of that choice */
};

/* Reads the "dataset" object of a job (DESIGN 6; a split may be just a string). Faults have pointers below
 * `pointer` ("#/dataset"). Returns whether nothing was wrong; spec is filled with the defaults either way. */
bool dataset_spec_read(const json_t *object, const char *pointer, struct dataset_spec *spec, struct faults *faults);
/* The spec with every default written out, as GET /jobs/{id} shows it and dataset_spec_read takes it. */
json_t *dataset_spec_write(const struct dataset_spec *spec);
void dataset_spec_clear(struct dataset_spec *spec);

/* Where files come from: opens the file of a split for reading. The caller of dataset_load supplies it, so that this
 * module knows no folders. ERR_NOT_FOUND, ERR_INVALID, ERR_UNSUPPORTED with words for the user. */
typedef enum err dataset_opener(void *ctx, const char *file, int *fd, struct errinfo *ei);

struct example {
	const char *text; /* UTF-8, terminated; never NULL */
	const char *pair; /* NULL without text_pair_column */
	uint32_t text_len, pair_len;
	int32_t label;
	int64_t line; /* of the file, from 1: where the row starts */
};

struct dataset {
	struct example *examples[N_SPLITS]; /* (n[split]) in the order the spec asks for */
	int64_t n[N_SPLITS];
	char **labels; /* (n_labels) */
	int n_labels;
	struct arena *arena; /* owns the texts */
};

struct dataset_limits {
	int64_t max_bytes; /* of one file */
	int64_t max_rows;  /* of one file */
	int64_t max_field; /* bytes of one value */
	int max_labels;
};
extern const struct dataset_limits dataset_default_limits;

/* Loads and checks all splits. What is wrong with the data goes to faults (pointers "#/dataset/train", details with the
 * line number) and the result is ERR_INVALID; ERR_IO for the machine's own. Format by content: a first non-blank byte
 * of '{' means JSONL, else CSV (RFC 4180, header line, optional BOM, quoted newlines). */
enum err dataset_load(const struct dataset_spec *spec, const struct dataset_limits *limits, dataset_opener *open,
		      void *ctx, struct dataset *out, struct faults *faults, struct errinfo *ei) MUST_USE;
void dataset_clear(struct dataset *d);

/* Rows of a table without a job: what POST /datasets checks. Counts data rows; column names as a JSON array. */
enum err dataset_probe(int fd, const struct dataset_limits *limits, int64_t *rows, json_t **columns, struct faults *faults,
		       struct errinfo *ei) MUST_USE;

#endif
