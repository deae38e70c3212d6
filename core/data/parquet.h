/* Columns of a Parquet file, row by row, with one page of each wanted column in memory, whatever
 * the size of the file and of its row groups. Only parquet*.cpp include Arrow. One thread.
 *
 * Read: strings (plain or dictionary; Arrow's large strings are the same in a file), whole numbers
 * of any width, booleans, floating-point numbers (as CELL_REAL, which no label or text may be),
 * nulls: the values that pandas.read_parquet gives. A wanted column of another type (a list, a
 * struct, a map, binary, a decimal, a time) is refused by name and type. Compression: whatever
 * Arrow's wheel was built with: snappy, gzip, brotli, zstd, lz4.
 *
 * Nothing the file says of itself is believed: the footer is weighed before it is read
 * (parquet_footer.h), Arrow gets memory for pages and dictionaries by the size of the file, and the
 * wanted columns may decompress to limits->max_bytes in all, and their values hold as much. */
#ifndef BERTD_DATA_PARQUET_H
#define BERTD_DATA_PARQUET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "data/cell.h"

#define PARQUET_MAX_COLUMNS 1000 /* at top level */
/* Bytes for pages and dictionaries at once: what a small file may take, how many times its size a
 * larger one may take on top, and the most. A usual page has one or two million bytes; some writers
 * make one page of a whole row group. */
#define PARQUET_MIN_MEMORY   (32 << 20)
#define PARQUET_MEMORY_RATIO 20
#define PARQUET_MAX_MEMORY   (256 << 20)

struct dataset_limits;
struct parquet_file;

/* Reads the footer; fd stays the caller's, must be seekable and open until parquet_close. wanted
 * are the caller's and stay, each name once; a column that is not there is no error. ERR_SYNTAX for
 * a damaged file and for a wanted column that is there twice, ERR_UNSUPPORTED for a wanted column
 * of a type that is not read, an encrypted file or a codec, ERR_TOO_LARGE, ERR_IO. */
enum err parquet_open(int fd, const char *const *wanted, int n_wanted,
		      const struct dataset_limits *limits, struct parquet_file **out,
		      struct errinfo *ei) MUST_USE;
void parquet_close(struct parquet_file *p);

/* Top-level columns in the order of the schema, nested ones among them. Borrowed. */
int parquet_n_columns(const struct parquet_file *p);
char *const *parquet_columns(const struct parquet_file *p);
/* Index of a wanted column among them, or -1. */
int parquet_column_of(const struct parquet_file *p, int wanted);

/* What the footer says, and parquet_next will give; limits->max_rows at most. */
int64_t parquet_n_rows(const struct parquet_file *p);

/* The names of a wanted column that the schema metadata "huggingface" declares to be a ClassLabel
 * (class_names.h), borrowed; 0: none. */
int parquet_class_names(const struct parquet_file *p, int wanted, char *const **names);

/* The next row into cells[n_wanted], valid until the next call; *end behind the last. Messages
 * count rows from 1. ERR_SYNTAX for a damaged page or a text that is not UTF-8, ERR_UNSUPPORTED for
 * an encoding that Arrow does not know, ERR_TOO_LARGE for a value above limits->max_field and for
 * the limits above; the reading is over then. ERR_IO. */
enum err parquet_next(struct parquet_file *p, struct cell *cells, bool *end,
		      struct errinfo *ei) MUST_USE;

#endif
