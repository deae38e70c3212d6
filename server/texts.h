/* The "input" member of /classify and /tokenize: a text, a list of texts, or a list of {"text",
 * "text_pair"}. */
#ifndef BERTD_SERVER_TEXTS_H
#define BERTD_SERVER_TEXTS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/fields.h"

struct text_input {
	const char *text, *pair; /* borrowed from the JSON value; pair NULL for a single text */
	size_t len, pair_len;	 /* bytes */
};

/* Reads input into a new array of *n; faults have pointers from "#/input". false: *out is NULL. The
 * array is freed with free(). An empty list, more than max_texts, and a text over max_bytes are
 * faults. */
bool texts_read(const json_t *input, int64_t max_texts, int64_t max_bytes, struct text_input **out,
		int *n, struct faults *faults);

#endif
