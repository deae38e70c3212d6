/* JSON Lines from a file: one object on each line, as pandas.read_json(lines=True) takes them.
 * Lines with nothing but blanks are skipped, LF and CRLF end a line, the last line needs no end.
 * One thread. */
#ifndef BERTD_DATA_JSONL_H
#define BERTD_DATA_JSONL_H

#include <stdint.h>

#include <jansson.h>

#include "base/err.h"
#include "data/textfile.h"

#define JSONL_MAX_VALUES 100000 /* in one line, as each of them takes memory */

struct jsonl;

/* Reads lines from file, which stays the caller's. A line may have at most max_line bytes. */
struct jsonl *jsonl_new(struct textfile *file, int64_t max_line);
void jsonl_free(struct jsonl *j);

/* The next object as a new reference in *out and its line (from 1) in *line; NULL at the end of the
 * file. ERR_SYNTAX: the line holds no object, or a broken one (base/json.h says what is refused),
 * or a NUL, or bytes that are not UTF-8; the message names the line, and the lines behind it can be
 * read. ERR_TOO_LARGE (the line, its values, the file) and ERR_IO end the reading. */
enum err jsonl_next(struct jsonl *j, json_t **out, int64_t *line, struct errinfo *ei) MUST_USE;

#endif
