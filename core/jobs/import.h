/* A tar archive of a Hugging Face directory becomes a model. Any thread; slow: never on an HTTP
 * thread. */
#ifndef BERTD_JOBS_IMPORT_H
#define BERTD_JOBS_IMPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "jobs/db.h"
#include "jobs/places.h"
#include "jobs/rows.h"

struct import {
	const char *path; /* of the tar */
	int64_t bytes;
	const char *sha256; /* of its bytes */
	const char *name;   /* for the model, or NULL */
};

/* Takes the files of export_files from the tar, below one folder or none, and nothing else of it:
 * no name of an entry becomes a path. Checks configuration, tokenizer and the headers of the
 * weights, publishes the folder and inserts its row. The tar of a model that is there, imported or
 * exported, under the wanted name if one is given, is that model: *existed.
 *
 * ERR_INVALID for what the sender can mend (the message names entry or file); ERR_UNSUPPORTED for a
 * compressed tar; ERR_TOO_LARGE; ERR_IO, ERR_DISK_FULL, ERR_DB: nothing is left behind, but where
 * the database fails a folder that places_sweep removes. */
enum err import_model(const struct places *p, struct db *db, const struct import *in,
		      struct model_row *out, bool *existed, struct errinfo *ei) MUST_USE;

#endif
