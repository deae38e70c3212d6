/* What the reader and the writer of token files share, and nobody else: see tokens.h. */
#ifndef BERTD_DATA_TOKENS_FORMAT_H
#define BERTD_DATA_TOKENS_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "data/dataset.h"

#define TOKENS_MAGIC	  "bertdtok"
#define TOKENS_VERSION	  1
#define TOKENS_BYTE_ORDER 0x01020304u

/* No padding: equal data sets give equal files. */
struct tokens_header {
	char magic[8];
	uint64_t checksum;   /* of all that stands behind it in the file */
	uint32_t version;    /* TOKENS_VERSION */
	uint32_t byte_order; /* TOKENS_BYTE_ORDER as the writer stores it */
	uint32_t fact_size;  /* sizeof(struct row_fact) */
	int32_t vocab_size;  /* ids are below it */
	int64_t n[N_SPLITS]; /* rows */
	int64_t n_ids;	     /* of all splits */
	int64_t n_meta;	     /* bytes of {"labels": […], "report": {…}} */
};

/* Where the parts begin, in bytes from the beginning of the file; each at a multiple of 64. */
struct tokens_layout {
	int64_t facts[N_SPLITS], starts[N_SPLITS], lengths[N_SPLITS], n_first[N_SPLITS],
		labels[N_SPLITS];
	int64_t ids;
	int64_t meta;
	int64_t size; /* of the file */
};

/* Follows from the counts of the header. False: they are not possible. Pure. */
bool tokens_layout(const struct tokens_header *h, struct tokens_layout *out);

/* A checksum against damage, not against forgery. It sees every change of a single byte, since each
 * step is a bijection. Zero-initialised it is empty. */
struct tokens_sum {
	uint64_t lanes[4];
	uint64_t n; /* bytes */
};
/* n is a multiple of 32 but for the last part. */
void tokens_sum_add(struct tokens_sum *s, const void *data, int64_t n);
uint64_t tokens_sum_end(const struct tokens_sum *s);
/* The sum of a whole file that is mapped at map, which need not stay resident. */
uint64_t tokens_sum_file(void *map, int64_t size);

/* Lets go of the resident pages of a part of a mapped file; their bytes stay. */
void tokens_forget(void *map, int64_t from, int64_t to);

#endif
