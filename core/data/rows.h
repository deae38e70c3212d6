/* Rows of a data file, one after the other, whatever its format: the columns that somebody wants,
 * as cells. The one place that knows which formats there are. Memory does not grow with the file.
 * One thread.
 *
 * A file that begins with "PAR1" is Parquet (parquet.h), one that begins with '{' (after blanks)
 * JSON Lines (jsonl.h), any other one CSV with a header line (csv.h). */
#ifndef BERTD_DATA_ROWS_H
#define BERTD_DATA_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "data/cell.h"
#include "data/faults.h"

struct dataset_limits;
struct rows;

#define ROWS_MAX_COLUMNS 1000
#define ROWS_MAX_NAME	 1024 /* bytes of a column's name */
#define ROWS_MAX_WANTED	 4

enum rows_format { ROWS_CSV, ROWS_JSONL, ROWS_PARQUET };

struct row {
	int64_t number; /* from 0 */
	int64_t line;	/* from 1: where the row begins in the file; of Parquet, which has no lines,
			   number + 1 */
	struct cell cells[ROWS_MAX_WANTED]; /* in the order of wanted */
};

/* Starts at the beginning of fd, which stays the caller's and must be seekable. wanted are at most
 * ROWS_MAX_WANTED different names, which stay the caller's; a column that is not there is no fault
 * here. Faults of the file as a whole (empty, a JSON array, damaged Parquet) go to rf: ERR_INVALID.
 * ERR_IO. */
enum err rows_open(int fd, const char *const *wanted, int n_wanted,
		   const struct dataset_limits *limits, struct row_faults *rf, struct rows **out,
		   struct errinfo *ei) MUST_USE;
void rows_close(struct rows *r);

/* The next row, its texts valid until the next call; *row is NULL at the end. A row that is not
 * well-formed is a fault with its line in rf and is left out. What ends the reading before the end
 * of the file (a limit, a damaged page) is a fault too, and *row is NULL. ERR_IO for the machine's
 * own. */
enum err rows_next(struct rows *r, struct row_faults *rf, const struct row **row,
		   struct errinfo *ei) MUST_USE;

enum rows_format rows_format(const struct rows *r);
/* "csv", "jsonl", "parquet". */
const char *rows_format_name(enum rows_format f);

/* The columns of the file: the header, or the keys in the order in which they first appear, which
 * are all known only at the end. Borrowed. */
int rows_n_columns(const struct rows *r);
char *const *rows_columns(const struct rows *r);
/* Index of a wanted column among them, or -1. */
int rows_column_of(const struct rows *r, int wanted);

/* The class names that the file itself gives to the numbers of a wanted column (the ClassLabel of a
 * Hub data set), borrowed; 0: none. */
int rows_class_names(const struct rows *r, int wanted, char *const **names);

#endif
