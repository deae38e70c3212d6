/* Rows of a data file, whatever its format: the columns that somebody wants, as cells. The one
 * place that knows which formats there are. One thread.
 *
 * A file that begins with '{' (after blanks) is JSON Lines (jsonl.h), any other one is CSV with a
 * header line (csv.h). */
#ifndef BERTD_DATA_TABLE_H
#define BERTD_DATA_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "data/arena.h"
#include "data/faults.h"

struct dataset_limits;

#define TABLE_MAX_COLUMNS 1000
#define TABLE_MAX_WANTED  4

enum cell_kind {
	CELL_MISSING, /* no such key, null, or a row that is too short */
	CELL_BARE,    /* CSV: a text that may be meant as a number */
	CELL_STRING,
	CELL_INTEGER, /* text holds it in decimal */
	CELL_BOOLEAN, /* text is "true" or "false" */
	CELL_REAL,
	CELL_LIST,
	CELL_OBJECT,
};

struct cell {
	const char *text; /* UTF-8, terminated, from JSON maybe with U+0000 in it; NULL for the
			     kinds without text */
	uint32_t len;
	enum cell_kind kind;
};

struct table {
	char **columns; /* (n_columns) all names of the file: the header, or the keys in the order
			   they first appear */
	int n_columns;
	int n_wanted;
	int columns_of[TABLE_MAX_WANTED]; /* index in columns of each wanted column, -1: the file
					     lacks it */
	struct cell *cells;		  /* (n_rows, n_wanted) */
	int64_t *lines;			  /* (n_rows) from 1: where the row begins */
	int64_t n_rows;
	int64_t cap_rows;
	struct arena *arena; /* owns the texts */
};

/* Reads fd, from where it stands, to its end. wanted are at most TABLE_MAX_WANTED different names;
 * a column that is not there is no fault here. What is wrong with the file goes to rf, with line
 * numbers; the table then holds the rows that are well-formed. ERR_IO for the machine's faults. out
 * is to be cleared either way. */
enum err table_read(int fd, const char *const *wanted, int n_wanted,
		    const struct dataset_limits *limits, struct table *out, struct row_faults *rf,
		    struct errinfo *ei) MUST_USE;
void table_clear(struct table *t);

static inline const struct cell *table_cell(const struct table *t, int64_t row, int wanted)
{
	return &t->cells[row * t->n_wanted + wanted];
}

/* The kind in words: "a number with a fraction". */
const char *cell_kind_words(enum cell_kind kind);

/* The nearest of n names to one that is not among them, or NULL. Borrowed from names. */
const char *nearest_name(char *const *names, int n, const char *name);

#endif
