/* Writes a file of encoded rows (tokens.h). */
#ifndef BERTD_DATA_TOKENS_WRITER_H
#define BERTD_DATA_TOKENS_WRITER_H

#include <stdint.h>

#include <jansson.h>

#include "base/err.h"
#include "data/encoder.h"

/* One thread. Whatever was not finished is removed again by tokens_writer_free. */
struct tokens_writer;

/* Creates the file, with room for n rows of each split. The ids are below vocab_size. ERR_IO,
 * ERR_DISK_FULL. */
enum err tokens_writer_open(const char *path, const int64_t n[N_SPLITS], int vocab_size,
			    struct tokens_writer **out, struct errinfo *ei) MUST_USE;
void tokens_writer_free(struct tokens_writer *w);

/* Adds a row, each place once: an encoder_taker. The bytes of the file are a function of the rows,
 * their order and what tokens_writer_finish is given. ERR_IO, ERR_DISK_FULL. */
enum err tokens_writer_put(void *writer, const struct encoded_row *row,
			   struct errinfo *ei) MUST_USE;

/* The facts of all rows so far, by place; valid until tokens_writer_finish. */
const struct row_fact *tokens_writer_facts(const struct tokens_writer *w, enum split s);

/* When every place has its row: writes labels and report, and syncs. ERR_IO, ERR_DISK_FULL. */
enum err tokens_writer_finish(struct tokens_writer *w, char *const *labels, int n_labels,
			      const json_t *report, struct errinfo *ei) MUST_USE;

#endif
