/* What the token cache is made of: the key of a request and the encoding itself. For token_cache.c
 * and nobody else. */
#ifndef BERTD_JOBS_TOKEN_BUILD_H
#define BERTD_JOBS_TOKEN_BUILD_H

#include "jobs/data_files.h"
#include "jobs/token_cache.h"

#define TOKEN_KEY_SIZE SHA256_HEX_SIZE

/* The key of a request whose files are all open. ERR_IO for a file of the tokenizer. */
enum err token_key(const struct token_request *r, const struct data_files *files, char *out,
		   struct errinfo *ei) MUST_USE;

struct token_build_config {
	const char *path;    /* of the new file */
	const char *scratch; /* folder of what is noted meanwhile (dataset_open) */
	int threads;	     /* that encode */
	uint64_t seed[2];    /* see encoder.h */
};

/* Reads the files, encodes them and writes the file. Faults and errors as token_cache_get; nothing
 * is left behind then. */
enum err token_build(const struct token_request *r, struct data_files *files,
		     const struct token_build_config *c, struct faults *faults,
		     struct errinfo *ei) MUST_USE;

#endif
