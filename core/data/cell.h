/* One value of a data file. */
#ifndef BERTD_DATA_CELL_H
#define BERTD_DATA_CELL_H

#include <stdint.h>

enum cell_kind {
	CELL_MISSING, /* no such key or column, null, or a row that is too short */
	CELL_BARE,    /* CSV: a text that may be meant as a number */
	CELL_STRING,
	CELL_INTEGER, /* text holds it in decimal */
	CELL_BOOLEAN, /* text is "true" or "false" */
	CELL_REAL,
	CELL_LIST,
	CELL_OBJECT,
};

struct cell {
	const char *text; /* UTF-8, terminated, from JSON and Parquet maybe with U+0000 in it; NULL
			     for the kinds without text */
	uint32_t len;
	enum cell_kind kind;
};

/* The kind in words: "a number with a fraction". */
const char *cell_kind_words(enum cell_kind kind);

#endif
