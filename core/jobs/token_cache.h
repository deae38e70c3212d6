/* The cache of encoded data sets, DATA/tokens/<key>: a job encodes its data once, and later jobs on
 * the same data start from the file.
 *
 * The key is a SHA-256 over what the file follows from: the content of the data files, how they are
 * read (columns, labels, samples, splits, seed), the files of the tokenizer, max_length and the
 * positions of the model. Nothing has to be invalidated; what was used least recently goes when
 * there is no room. A damaged file is removed and made again. From any thread. */
#ifndef BERTD_JOBS_TOKEN_CACHE_H
#define BERTD_JOBS_TOKEN_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "data/tokens.h"
#include "jobs/places.h"
#include "text/tokenizer.h"

struct token_cache;
struct token_cache_config {
	const char *dir;   /* the files; on the file system of places' tmp */
	int64_t max_bytes; /* of all files */
	int threads;	   /* that encode one data set; 0: one a core, at most 8 */
};
/* Removes what is too much for max_bytes. Failures of that are logged only. */
struct token_cache *token_cache_new(const struct token_cache_config *c);
/* NULL is fine. */
void token_cache_free(struct token_cache *c);

/* Since the start: requests that a file was found for, and those whose data was encoded. */
struct token_cache_counts {
	int64_t found, made;
};
struct token_cache_counts token_cache_counts(struct token_cache *c);

/* What is to be encoded. */
struct token_request {
	const struct dataset_spec *data;
	dataset_opener *open; /* of its files */
	void *open_ctx;
	bool (*cancelled)(void *ctx); /* asked now and then while rows are encoded; NULL: never */
	void *cancelled_ctx;
	const struct tokenizer *tokenizer;
	const char *tokenizer_dir; /* where it was opened */
	int max_length;
	int model_max_length; /* positions of the model, for the report */
};

/* Gives the encoded rows of a request, and in the report the "files" they are from
 * (data_files_json): from the cache when they are there, reading no more of the
 * data than its hash takes; else reads and encodes them, and keeps the file. Threads that ask for
 * the same at once wait for the first of them. What is wrong with the data goes to faults
 * (ERR_INVALID, as dataset_open and dataset_read say); ERR_IO, ERR_DISK_FULL, ERR_CANCELLED for the
 * rest. A file
 * that changes while it is read is used as it was read, and not kept. Without a cache
 * (places.tokens NULL) nothing is kept. */
enum err token_cache_get(const struct places *p, const struct token_request *r, struct tokens *out,
			 struct faults *faults, struct errinfo *ei) MUST_USE;

#endif
