/* CSV rows from a file, as pandas.read_csv splits them with its defaults (RFC 4180 and the same
 * leniency):
 *
 * - The separator is a comma; LF, CRLF and CR each end a line; the last line needs no end.
 * - A field that begins with a double quote runs to the closing one, over line ends and commas; ""
 *   in it stands for one quote. What follows the closing quote is appended as it is.
 * - A quote within an unquoted field is an ordinary character, and blanks around a field are its.
 * - A line with nothing but blanks and tabs is skipped, also where the file has one column.
 *
 * One slip of pandas is not repeated: it drops a comma right behind a blank line that a lone CR
 * ends. And no value stands for a missing one: "", "NA" and "null" are texts. One thread. */
#ifndef BERTD_DATA_CSV_H
#define BERTD_DATA_CSV_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "data/textfile.h"

#define CSV_MAX_FIELDS 1000 /* in one row */
#define CSV_ROW_FIELDS 8    /* a row may be as long as so many of the longest fields */

struct csv;

struct csv_row {
	int n;		       /* 0: the end of the file */
	int64_t line;	       /* from 1: where the row begins */
	const char **fields;   /* (n) UTF-8, terminated; until the next call */
	const size_t *lengths; /* (n) bytes */
};

/* Reads rows from file, which stays the caller's. A field may have at most max_field bytes,
 * and the fields of a row together CSV_ROW_FIELDS times as many. */
struct csv *csv_new(struct textfile *file, int64_t max_field);
void csv_free(struct csv *c);

/* The next row, the header line among them. ERR_SYNTAX: the row is broken (bytes that are not
 * UTF-8, a NUL, a quote that is never closed); the message names the line, and the rows behind it
 * can be read. ERR_TOO_LARGE (a field, the number of fields, the file) and ERR_IO end the reading.
 */
enum err csv_next(struct csv *c, struct csv_row *row, struct errinfo *ei) MUST_USE;

#endif
