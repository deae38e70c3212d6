/* The bytes of a text file in windows, checked to be UTF-8 as they pass. For the readers of this
 * folder; one thread.
 *
 * Where at == end, textfile_fill() brings the next window; at == end after it means that the file
 * has ended.
 *
 * A reader consumes a window by moving `at` towards `end`. A window never ends within a character.
 * A byte that no text may hold is a window of its own, so that the reader, who knows the line, can
 * say where it is. A byte order mark at the start is skipped. */
#ifndef BERTD_DATA_TEXTFILE_H
#define BERTD_DATA_TEXTFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum textfile_defect { TEXTFILE_GOOD, TEXTFILE_NOT_UTF8, TEXTFILE_NUL };

struct textfile {
	const char *at, *end; /* the window */
	enum textfile_defect
		defect; /* of the byte at `at`; the reader sets GOOD when it has noted it */
	int fd;
	int64_t max_bytes;
	int64_t n_read; /* bytes taken from fd so far */
	char *data;
	size_t len; /* bytes in data; from `end` on they are still to come */
	bool eof;
};

/* Reads fd from where it stands; fd stays the caller's. */
void textfile_init(struct textfile *s, int fd, int64_t max_bytes);
void textfile_clear(struct textfile *s);

/* The next window. ERR_TOO_LARGE beyond max_bytes, ERR_IO. */
enum err textfile_fill(struct textfile *s, struct errinfo *ei) MUST_USE;

/* Where `at` is in the file, in bytes from 0 (when fd stood at its start). */
int64_t textfile_offset(const struct textfile *s);

/* Words for the defect of the byte at `at` ("line 3: byte 0xff at offset 41 is not UTF-8"). Returns
 * ERR_SYNTAX. */
enum err textfile_fault(const struct textfile *s, int64_t line, struct errinfo *ei);

#endif
