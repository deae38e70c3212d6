/* Columns of a Parquet file, row by row, with one page of each wanted column in memory. parquet.cpp
 * is the only file that includes Arrow. One thread.
 *
 * Read: strings and large strings (plain or dictionary), whole numbers of any width, booleans,
 * floating-point numbers (as CELL_REAL, which no label or text may be), nulls. A wanted column of
 * another type (a list, a struct, a map, binary, a time) is refused by name and type. Compression:
 * whatever the library was built with; a page or row group that says it grows beyond the limits is
 * refused before it is read. */
#ifndef BERTD_DATA_PARQUET_H
#define BERTD_DATA_PARQUET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "data/cell.h"

#ifdef __cplusplus
extern "C" {
#endif

struct dataset_limits;
struct parquet_file;

/* Reads the footer; fd stays the caller's. wanted are the caller's and stay; a column that is not
 * there is no error. ERR_SYNTAX for a damaged file, ERR_UNSUPPORTED for a wanted column of a type
 * that is not read (nested columns by their name), an encrypted file or a codec, ERR_TOO_LARGE,
 * ERR_IO. */
enum err parquet_open(int fd, const char *const *wanted, int n_wanted,
		      const struct dataset_limits *limits, struct parquet_file **out,
		      struct errinfo *ei) MUST_USE;
void parquet_close(struct parquet_file *p);

/* Top-level columns in the order of the schema, nested ones among them. Borrowed. */
int parquet_n_columns(const struct parquet_file *p);
const char *parquet_column(const struct parquet_file *p, int i);
/* Index of a wanted column among them, or -1. */
int parquet_column_of(const struct parquet_file *p, int wanted);

int64_t parquet_n_rows(const struct parquet_file *p);

/* The names of a wanted column that the schema metadata "huggingface" declares to be a ClassLabel,
 * borrowed; 0: none. */
int parquet_class_names(const struct parquet_file *p, int wanted, char *const **names);

/* The next row into cells[n_wanted], valid until the next call; *end behind the last. ERR_SYNTAX
 * for a damaged page or a text that is not UTF-8, ERR_TOO_LARGE for a value above
 * limits->max_field: the reading is over then. ERR_IO. */
enum err parquet_next(struct parquet_file *p, struct cell *cells, bool *end,
		      struct errinfo *ei) MUST_USE;

#ifdef __cplusplus
}
#endif
#endif
