/* What rows.c shares with the readers of the formats, rows_csv.c, rows_jsonl.c and rows_parquet.c;
 * nobody else includes it. */
#ifndef BERTD_DATA_ROWS_FORMATS_H
#define BERTD_DATA_ROWS_FORMATS_H

#include "data/arena.h"
#include "data/csv.h"
#include "data/dataset.h"
#include "data/jsonl.h"
#include "data/parquet.h"
#include "data/rows.h"
#include "data/textfile.h"
#include "data/textset.h"

#define ROWS_DIGITS 24 /* of an int64_t, with its sign and terminator */

struct rows {
	const struct rows_reader *reader;
	enum rows_format format;
	int fd;
	const char *const *wanted;
	int n_wanted;
	const struct dataset_limits *limits;
	struct textfile file; /* CSV, JSON Lines */
	char **columns;	      /* (n_columns) */
	int n_columns;
	int columns_of[ROWS_MAX_WANTED];
	struct arena *names; /* owns the columns */
	int64_t n_rows;	     /* so far */
	struct row row;
	bool ended;

	struct csv *csv;
	struct jsonl *jsonl;
	struct textset keys; /* JSON Lines: the columns */
	json_t *object;	     /* JSON Lines: the row */
	char digits[ROWS_MAX_WANTED][ROWS_DIGITS];
	struct parquet_file *parquet;
};

/* One format. The text formats find r->file at the first byte. */
struct rows_reader {
	const char *name;
	/* Reads what comes before the rows. Any error but ERR_IO is one of the file. Faults that do
	 * not end the reading go to rf. */
	enum err (*open)(struct rows *r, struct row_faults *rf, struct errinfo *ei);
	/* Fills r->row.line and r->row.cells, which are all missing; *end behind the last row.
	 * ERR_SYNTAX: this row is broken, the next one may be read. Any other error ends it. */
	enum err (*next)(struct rows *r, bool *end, struct errinfo *ei);
	void (*close)(struct rows *r); /* also after a failed open */
	/* See rows.h; NULL: the format has none. */
	int (*class_names)(const struct rows *r, int wanted, char *const **names);
};
extern const struct rows_reader rows_csv, rows_jsonl, rows_parquet;

/* Adds a column behind the others. ERR_TOO_LARGE: its name is too long. */
enum err rows_add_column(struct rows *r, const char *name, size_t len, struct errinfo *ei) MUST_USE;

#endif
