/* Labelled texts for a job: which rows of which files, under which columns, as which classes.
 *
 * A data set is opened (its files are surveyed: which rows, which classes) and then read, row by
 * row; the texts are never in memory together. */
#ifndef BERTD_DATA_DATASET_H
#define BERTD_DATA_DATASET_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/err.h"
#include "base/fields.h"
#include "data/rows.h"

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
/* The same for an evaluation: test is required, and there is no other split; the labels are the
 * model's, for the caller to set. */
bool dataset_spec_read_test(const json_t *object, const char *pointer, struct dataset_spec *spec,
			    struct faults *faults);
/* The spec with every default written out, as GET /jobs/{id} shows it and dataset_spec_read takes
 * it. */
json_t *dataset_spec_write(const struct dataset_spec *spec);
void dataset_spec_clear(struct dataset_spec *spec);

/* Where files come from: opens the file of a split for reading, seekable. The caller of
 * dataset_open supplies it, so that this module knows no folders. ERR_NOT_FOUND, ERR_INVALID,
 * ERR_UNSUPPORTED, ERR_TOO_LARGE with words for the user. */
typedef enum err dataset_opener(void *ctx, const char *file, int *fd, struct errinfo *ei);

/* Bounds of one file. max_field and max_labels bound memory, max_bytes and max_rows time (a second
 * reads a hundred million bytes or more) and the 8 bytes a row that a survey takes on the disk: so
 * these two may be large, and what an upload may have by default is well below them. */
struct dataset_limits {
	int64_t max_bytes; /* of the text; of Parquet, of what its wanted columns decompress to */
	int64_t max_rows;  /* at most 2³¹ - 1 */
	int64_t max_field; /* bytes of one value */
	int max_labels;
};
extern const struct dataset_limits dataset_default_limits;

/* One labelled text. Borrowed: valid until the taker returns. */
struct example {
	const char *text; /* UTF-8, terminated; never NULL. From JSON and Parquet it may hold U+0000
			     as well */
	const char *pair; /* NULL without text_pair_column */
	uint32_t text_len, pair_len;
	int32_t label;
	int64_t line; /* of the file (rows.h) */
};

/* A data set whose splits and classes are known, and whose texts are still in their files. */
struct dataset;

/* Opens every file and surveys it: counts its rows, chooses those of the splits, finds the classes.
 * spec and limits stay the caller's and must outlive the result. What grows with the rows (a label
 * number for each, and where rows are chosen their place) lies in spools in the folder scratch
 * (spool.h; NULL: in memory). Formats by content: rows.h. Of a Parquet file the survey reads the
 * label column only.
 *
 * What is wrong with the data goes to faults (pointers "#/dataset/train", details with the line
 * number, at most 20 a split and the count of the others) and the result is ERR_INVALID: everything
 * that is wrong with the files, the columns and the labels, and where there is such a fault, what
 * is wrong with the texts too. ERR_IO and ERR_DISK_FULL for the machine's own.
 *
 * Rows: those pandas reads, in its order. But a text of "NA" or "" stays that text, and a cell that
 * is missing because its row is too short, or null, is a fault, where pandas has NaN. What is wrong
 * with a cell is told only for rows that the split takes.
 *
 * Labels: labels.h says what is a number. With `labels` a number is an index into them and a name
 * must be one of them; where all of `labels` are numbers themselves, as in ["1", "2", "3"], a
 * number means the name of that spelling. Without them the classes are those that the train file
 * itself declares (the ClassLabel of a Hub data set), and they count as given; the numbers of a
 * file that declares names are indices into its own. Else the classes are those of the training
 * rows: names sorted by code point, as Python sorts them, or numbers, which must be 0, 1, 2 …
 * without a gap and are named by their digits. A label that only validation or test has is a fault,
 * and so are training rows of one class only.
 *
 * validation_split: as sklearn.model_selection.train_test_split(rows, test_size=validation_split,
 * random_state=seed) (sample.h), after sample and rows; the test part becomes the validation split,
 * both parts in its order.
 *
 * train may be absent only where labels are given, for an evaluation. */
enum err dataset_open(const struct dataset_spec *spec, const struct dataset_limits *limits,
		      const char *scratch, dataset_opener *open, void *ctx, struct dataset **out,
		      struct faults *faults, struct errinfo *ei) MUST_USE;
/* NULL is fine. */
void dataset_close(struct dataset *d);

int64_t dataset_n(const struct dataset *d, enum split s);
int dataset_n_labels(const struct dataset *d);
char *const *dataset_labels(const struct dataset *d); /* borrowed */

/* Called for every row that a split takes, in the order of the file; place is where the row stands
 * in its split, 0 … dataset_n - 1, each once. An error ends the reading with it. */
typedef enum err dataset_taker(void *ctx, enum split s, int64_t place, const struct example *x,
			       struct errinfo *ei);

/* Streams all splits' rows to take, file after file. What is wrong with rows that are taken goes to
 * faults: ERR_INVALID at the end (the others are still given to take until a split has 20 faults).
 * So does a file that is no longer what the survey saw. May be called again. */
enum err dataset_read(struct dataset *d, dataset_taker *take, void *ctx, struct faults *faults,
		      struct errinfo *ei) MUST_USE;

/* What a file is without a job: what POST /datasets checks. */
struct dataset_outline {
	enum rows_format format;
	int64_t rows;
	json_t *columns; /* a new array of their names, in the order of the file */
};

/* Reads the whole file (of Parquet, its footer). What is wrong with it goes to faults (pointer
 * "#"): ERR_INVALID, and out holds nothing. */
enum err dataset_probe(int fd, const struct dataset_limits *limits, struct dataset_outline *out,
		       struct faults *faults, struct errinfo *ei) MUST_USE;

#endif
