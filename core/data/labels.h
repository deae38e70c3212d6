/* Labels as the data spells them, and the classes they mean. One thread.
 *
 * A label column holds whole numbers or names. In JSON Lines the JSON types decide, and one column
 * may not mix them. In CSV the column is numbers if every value in the file looks like one, as
 * pandas infers it (blanks around, a sign and leading zeros are accepted; what pandas reads as a
 * missing value, such as "" and "NA", has no say). Then "01" is the label 1. Otherwise every value
 * is a name as it stands, "NA" and "null" among them. A boolean is the name "true" or "false". */
#ifndef BERTD_DATA_LABELS_H
#define BERTD_DATA_LABELS_H

#include <stdbool.h>
#include <stdint.h>

#include "data/cell.h"
#include "data/faults.h"
#include "data/textset.h"

#define LABEL_MAX_BYTES 256

/* What the cells of a column are, told one by one; zero-initialised none was. A value that stands
 * in many rows need be told once. */
struct label_census {
	bool numbers, others;
};
void label_census_add(struct label_census *c, const struct cell *cell);
/* Whether the column holds whole numbers (within int64). */
bool labels_are_numbers(const struct label_census *c);

struct label {
	const char *text; /* the cell as it stands */
	size_t len;
	bool is_number;
	int64_t number;
	char digits[24]; /* the number in decimal; "" for a name */
};

/* Reads one cell of a column that labels_are_numbers() has judged. Otherwise adds a fault for that
 * line. out borrows from cell. */
bool label_read(const struct cell *cell, bool numbers, int64_t line, struct label *out,
		struct row_faults *rf);

/* Makes a number the name that a file's own list of n class names has at that index. Otherwise adds
 * a fault for that line. A name stays what it is. */
bool label_by_index(struct label *label, char *const *names, int n, int64_t line,
		    struct row_faults *rf);

/* What names the label: its digits or its text. Borrows from label. */
struct text_key label_key(const struct label *label);

/* The classes. Either the caller of the daemon named them, or they come from the training rows. */
struct label_map {
	char **names; /* (n) */
	int n;
	bool from_train;
	bool numbers_are_names; /* every given name is a whole number, so that a number means the
				   name of that spelling */
	struct textset known;	/* names, with their indices as numbers */
};

/* The names as given, all different; a number is an index, but for numbers_are_names. Copies. */
void label_map_given(struct label_map *m, char *const *names, int n);

/* The names that occur in the training rows, seen. Names are sorted by code point, as Python sorts
 * them. Numbers must be 0 … n-1, all of them, and are named by their digits; otherwise a fault is
 * added and the result is false. order[i] becomes the index of seen's entry i. */
bool label_map_from_train(struct label_map *m, const struct textset *seen, bool numbers,
			  int32_t *order, struct row_faults *rf);

/* The index of a label; otherwise adds a fault for that line. */
bool label_map_find(const struct label_map *m, const struct label *label, int64_t line,
		    int32_t *index, struct row_faults *rf);
void label_map_clear(struct label_map *m);

#endif
