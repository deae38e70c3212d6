/* Labelled texts for a job: which rows of which files, under which columns, as which classes.
 *
 * A dataset is loaded whole, checked whole (all faults at once, with line numbers) and read-only
 * afterwards. */
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
	char *file;	/* NULL: this split is not given */
	int64_t sample; /* -1: all rows. Else pandas.DataFrame.sample(sample, random_state=…) */
	int64_t random_state; /* 0 … 2³²-1; 42 where the object has none */
	int64_t first, last;  /* rows [first, last) after sampling; last -1: to the end */
};

struct dataset_spec {
	struct split_spec splits[N_SPLITS];
	char *text_column;	/* "text" */
	char *text_pair_column; /* NULL: single texts */
	char *label_column;	/* "label" */
	char **labels; /* (n_labels) class names in the order of their indices; NULL: from train */
	int n_labels;
	double validation_split; /* 0: none; else this share of the training rows (below) */
	int64_t seed;		 /* of that choice: its low 32 bits. 42 until the caller sets it */
};

/* Reads the "dataset" object of a job (DESIGN 6; a split may be just a string). Faults have
 * pointers below `pointer` ("#/dataset"). Returns whether nothing was wrong; spec is filled with
 * the defaults either way. */
bool dataset_spec_read(const json_t *object, const char *pointer, struct dataset_spec *spec,
		       struct faults *faults);
/* The spec with every default written out, as GET /jobs/{id} shows it and dataset_spec_read takes
 * it. */
json_t *dataset_spec_write(const struct dataset_spec *spec);
void dataset_spec_clear(struct dataset_spec *spec);

/* Where files come from: opens the file of a split for reading. The caller of dataset_load supplies
 * it, so that this module knows no folders. ERR_NOT_FOUND, ERR_INVALID, ERR_UNSUPPORTED with words
 * for the user. */
typedef enum err dataset_opener(void *ctx, const char *file, int *fd, struct errinfo *ei);

struct example {
	const char *text; /* UTF-8, terminated; never NULL. From JSON it may hold U+0000 as well */
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

/* Loads and checks all splits. What is wrong with the data goes to faults (pointers
 * "#/dataset/train", details with the line number, at most 20 a split and the count of the others)
 * and the result is ERR_INVALID; ERR_IO for the machine's own. Format by content: a first non-blank
 * byte of '{' means JSONL (jsonl.h), else CSV with a header line (csv.h). A file is read whole; of
 * its texts only those stay in memory that the split takes.
 *
 * Rows: those pandas reads, in its order. But a text of "NA" or "" stays that text, and a cell that
 * is missing because its row is too short, or null, is a fault, where pandas has NaN. What is wrong
 * with a cell is told only for rows that the split takes.
 *
 * Labels: labels.h says what is a number. With `labels` a number is an index into them and a name
 * must be one of them; where all of `labels` are numbers themselves, as in ["1", "2", "3"], a
 * number means the name of that spelling. Without them the classes are those of the training rows:
 * names sorted by code point, as Python sorts them, or numbers, which must be 0, 1, 2 … without a
 * gap and are named by their digits. A label that only validation or test has is a fault, and so
 * are training rows of one class only.
 *
 * validation_split: as sklearn.model_selection.train_test_split(rows, test_size=validation_split,
 * random_state=seed) (sample.h), after sample and rows; the test part becomes the validation split,
 * both parts in its order.
 *
 * train may be absent only where labels are given, for an evaluation. */
enum err dataset_load(const struct dataset_spec *spec, const struct dataset_limits *limits,
		      dataset_opener *open, void *ctx, struct dataset *out, struct faults *faults,
		      struct errinfo *ei) MUST_USE;
void dataset_clear(struct dataset *d);

/* Rows of a table without a job: what POST /datasets checks. Counts data rows; *columns is a new
 * JSON array of the column names in the order of the file. What is wrong with the file goes to
 * faults (pointer "#"): ERR_INVALID. */
enum err dataset_probe(int fd, const struct dataset_limits *limits, int64_t *rows, json_t **columns,
		       struct faults *faults, struct errinfo *ei) MUST_USE;

#endif
